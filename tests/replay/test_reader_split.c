#include "base/buf.h"
#include "base/rfc3339.h"
#include "reader_rig.h"

/* Lists that are longer than the service shows, read in windows. */

#define MAX 3000
#define DAY 86400

/* The service: items by time or the other way round, of which it shows the first
 * cap of what is asked for. */
static struct world {
	int64_t at[MAX];      /* s */
	size_t n, size, cap;
	unsigned seed;
	int by_day;           /* its bounds are whole days */
	int deaf;             /* it does not look at bounds */
	int silent;           /* it tells no total unless asked */
	int full;             /* it has no pages: one answer, that may be full */
	int by_id;            /* its bounds are of ids */
	int slow;             /* its answers take some ms */
	int vague;            /* not all that is asked can be sent */
	int64_t refuses;      /* what is asked from there on; -1: any window */
	size_t lossy;         /* of more than these it says that some are lost */
	size_t calls, totals, mores;
} w;

static unsigned
roll(unsigned n)
{
	return (rig_roll(&w.seed, n));
}

static void
serve(void * arg, const char * url, struct fake_answer * a)
{
	struct buf b = BUF_INIT(0);
	int64_t since = w.deaf ? 0 : rig_param(url, "since=", 0);
	int64_t until = w.deaf ? INT64_MAX : rig_param(url, "until=", INT64_MAX);
	size_t from = (size_t)rig_param(url, "o=", 0), k = 0, shown = 0, i, j;
	int64_t at;
	int desc = strstr(url, "sort=-at") != NULL;
	char when[RFC3339_LEN];

	(void)arg;
	a->delay_ms = w.slow ? 1 + roll(5) : 0;
	if (strstr(url, "/all") != NULL) {
		a->body = strdup("[{\"id\":\"a\"},{\"id\":\"b\"}]");
		return;
	}
	if (strstr(url, "/more/") != NULL) {
		w.mores++;
		a->body = strdup("{\"v\":\"x\"}");
		return;
	}
	if ((w.refuses > 0 && since >= w.refuses) || (w.refuses < 0 &&
	    (since > 0 || until != INT64_MAX))) {
		a->status = 403;
		a->body = strdup("{}");
		return;
	}
	assert_true(from < w.cap);
	w.calls++;
	if (w.by_day && until != INT64_MAX)
		until += DAY - 1;
	buf_adds(&b, "{\"d\":[");
	for (i = 0; i < w.n; i++) {
		j = desc ? w.n - 1 - i : i;
		at = w.by_id ? (int64_t)j : w.at[j];
		if (at < since || at > until)
			continue;
		if (k++ < from || shown == w.size || from + shown == w.cap)
			continue;
		rfc3339_format(w.at[j] * 1000, when);
		buf_addf(&b, "%s{\"id\":%zu,\"at\":\"%s\"}",
		    shown++ ? "," : "", j, when);
	}
	buf_adds(&b, "]");
	if (!w.silent || strstr(url, "count=1") != NULL) {
		buf_addf(&b, ",\"total\":%zu", k);
		w.totals++;
	}
	buf_addf(&b, "%s}", w.lossy && k > w.lossy ? ",\"lost\":[\"x\"]" : "");
	a->body = b.p;
}

static struct rig *
rig(const char * split, const char * top)
{
	char text[1500], pages[200];
	struct rig * g;

	if (w.full)
		snprintf(pages, sizeof(pages), "\"kind\":\"none\","
		    "\"short_page_ends\":true,\"size\":{\"query\":\"n\","
		    "\"default\":%zu}", w.size);
	else
		snprintf(pages, sizeof(pages), "\"kind\":\"offset\",\"query\":"
		    "\"o\",\"total\":\"total\",\"short_page_ends\":true,"
		    "\"cap\":%zu,\"size\":{\"query\":\"n\",\"default\":%zu,"
		    "\"max\":%zu}", w.cap, w.size, w.size);

	snprintf(text, sizeof(text), "\"items\":{\"key\":[\"id\"],\"columns\":{"
	    "\"id\":{\"type\":\"integer\"},\"at\":{\"type\":\"timestamp\","
	    "\"not_null\":true},\"who\":{\"type\":\"text\",\"input\":true,"
	    "\"default\":\"me\"}},\"lists\":[{\"needs\":[\"who\"],\"url\":"
	    "\"/{{in.who}}\",\"records\":"
	    "\"d\",\"incomplete\":{\"lost\":[]},\"paginate\":{%s},"
	    "\"push\":{\"at\":[{\"op\":[\">=\",\">\"],\"query\":\"since\",%s},"
	    "{\"op\":[\"<=\",\"<\"],\"query\":\"until\",%s}]},"
	    "\"split\":{\"column\":\"at\"%s},"
	    "\"order\":{\"columns\":{\"at\":\"at\"},"
	    "\"query\":{\"sort\":\"{{order.minus}}{{order.column}}\"}}}]}",
	    pages, w.by_day ?
	    "\"time\":{\"strftime\":\"%Y-%m-%d\"}" : "\"time\":\"iso8601\"",
	    w.by_day ? "\"time\":{\"strftime\":\"%Y-%m-%d\"}" :
	    "\"time\":\"iso8601\"", split);
	g = rig_new(top, text, "{\"cache_ttl\":0}");
	fake_http_serve(g->http, serve, NULL);
	return (g);
}

static void
make_world(unsigned seed, size_t n, size_t cap)
{
	int64_t t = 1500000000;
	size_t i;

	memset(&w, 0, sizeof(w));
	w.seed = seed * 7919 + 17;
	w.n = n;
	w.cap = cap;
	w.size = 1 + cap / (2 + roll(4));
	for (i = 0; i < n; i++) {
		if (i % (cap - 1) == 0 || roll(3) > 0)
			/* A bound may let the next second through. */
			t += 2 + roll(roll(5) == 0 ? 3 * DAY : 90);
		w.at[i] = t;
	}
}

/* Read all, or what lies between; ${sort}: 0 as it comes, 1 rising, -1. */
static void
read_items(struct rig * g, int64_t from, int64_t to, int sort, int64_t limit)
{
	const struct manifest_entity * ent = manifest_entity(g->m, "items");
	const struct plan_order by = { 1, sort < 0 };
	struct value v[2];
	char text[2][RFC3339_LEN];
	struct plan_given given[2];
	struct plan * p;
	size_t n = 0, i;
	struct err e;

	memset(v, 0, sizeof(v));
	for (i = 0; i < 2; i++) {
		if ((i == 0 ? from : to) < 0)
			continue;
		rfc3339_format((i == 0 ? from : to) * 1000, text[i]);
		v[i].type = VALUE_TEXT;
		v[i].s = text[i];
		v[i].len = (uint32_t)strlen(text[i]);
		given[n].column = 1;
		given[n].op = i == 0 ? OP_GE : OP_LT;
		given[n].values = &v[i];
		given[n++].nvalues = 1;
	}
	p = plan_new(g->c, ent, given, n, &by, sort != 0, &e);
	if (p == NULL)
		fail_msg("%s", e.msg);
	p->limit = limit;
	if (w.vague)
		p->exact = 0;
	memset(&g->ctx.st, 0, sizeof(g->ctx.st));
	rig_open_plan(g, p);
	rig_all(g);
}

static void
test_windows(void ** state)
{
	unsigned seed;
	struct rig * g;
	int sort;
	int64_t from, to;

	(void)state;
	for (seed = 1; seed <= 120; seed++) {
		make_world(seed, 20 + seed % 9 * 30, 12 + seed % 4 * 10);
		w.silent = seed % 5 == 0;
		if ((w.full = seed % 4 == 1) != 0)
			w.size = w.cap;
		g = rig(w.silent ? ",\"query\":{\"count\":\"1\"}" : "", "");
		g->ahead = seed % 2 == 0;
		sort = (int)(seed % 3) - 1;
		from = seed % 7 == 0 ? w.at[w.n / 4] : -1;
		to = seed % 6 == 0 ? w.at[w.n - w.n / 4] : -1;
		read_items(g, from, to, sort, -1);
		if (g->has_failed)
			fail_msg("seed %u: %s", seed, g->e.msg);
		rig_came(g, w.at, w.n, from, to, sort);
		rig_free(g);
	}
}

/* Bounds that are wider than a window give neighbours the same rows. */
static void
test_coarse_bounds(void ** state)
{
	unsigned seed;
	struct rig * g;

	(void)state;
	for (seed = 1; seed <= 40; seed++) {
		make_world(seed, 200, 60);
		w.by_day = 1;
		g = rig("", "");
		read_items(g, -1, -1, (int)(seed % 3) - 1, -1);
		/* A day may have too many; then it says so. */
		if (g->has_failed)
			assert_string_equal(g->e.code, "page_cap");
		else
			rig_came(g, w.at, w.n, -1, -1, (int)(seed % 3) - 1);
		rig_free(g);
	}
}

static void
test_what_fits_is_not_split(void ** state)
{
	struct rig * g;

	(void)state;
	make_world(1, 20, 20);
	w.size = 10;
	g = rig("", "");
	read_items(g, -1, -1, 0, -1);
	rig_came(g, w.at, w.n, -1, -1, 0);
	assert_int_equal(w.calls, 2);
	assert_int_equal(g->ctx.st.total, 20);
	rig_free(g);
}

/* Who wants few is not asked to pay for windows, nor is the service to count. */
static void
test_limit(void ** state)
{
	struct rig * g;

	(void)state;
	make_world(3, 300, 20);
	w.size = 5;
	w.silent = 1;
	g = rig(",\"query\":{\"count\":\"1\"}", "");
	read_items(g, -1, -1, 1, 3);
	assert_false(g->has_failed);
	assert_int_equal(w.totals, 0);
	assert_int_equal(w.calls, 1);
	rig_free(g);
}

/* Rows that are left out here do not count for the LIMIT: windows are read whole. */
static void
test_limit_of_others(void ** state)
{
	struct rig * g;
	int full;

	(void)state;
	for (full = 0; full < 2; full++) {
		make_world(3, 300, 20);
		w.full = full;
		w.size = full ? w.cap : 5;
		w.vague = 1;
		g = rig("", "");
		read_items(g, -1, -1, full ? -1 : 0, 3);
		rig_came(g, w.at, w.n, -1, -1, full ? -1 : 0);
		rig_free(g);
	}
}

/* What the page that was let go lacked, its windows may have. */
static void
test_lacks(void ** state)
{
	struct rig * g;
	size_t lossy;

	(void)state;
	for (lossy = 1; lossy <= 20; lossy += 19) {
		make_world(3, 100, 20);
		w.size = 10;
		w.lossy = lossy;
		g = rig("", "");
		read_items(g, -1, -1, 0, -1);
		rig_came(g, w.at, w.n, -1, -1, 0);
		assert_true((g->ctx.st.skipped > 0) == (lossy == 1));
		rig_free(g);
	}
}

static void
test_one_moment(void ** state)
{
	struct rig * g;
	size_t i;
	int full;

	(void)state;
	for (full = 0; full < 2; full++) {
		make_world(5, 100, 20);
		w.full = full;
		w.size = full ? w.cap : 10;
		for (i = 0; i < w.n; i++)
			w.at[i] = 1500000000;
		g = rig("", "");
		read_items(g, -1, -1, 0, -1);
		rig_error(g, ERR_PERMANENT, "page_cap", full ? "it.items: there "
		    "are more rows than one answer may have, which is 20; "
		    "narrow it" : "it.items: the service pages no further than "
		    "offset 20; narrow it");
		assert_true(w.calls < 80);
		rig_free(g);
	}
}

static void
test_deaf_service(void ** state)
{
	struct rig * g;

	(void)state;
	make_world(5, 100, 20);
	w.size = 10;
	w.deaf = 1;
	g = rig("", "");
	read_items(g, -1, -1, 0, -1);
	rig_error(g, ERR_PERMANENT, "page_cap", "offset 20");
	assert_true(w.calls < 80);
	rig_free(g);
}

static size_t
rows_of(const struct rig * g)
{
	size_t n = g->rows[0] != '\0', i;

	for (i = 0; g->rows[i] != '\0'; i++)
		n += g->rows[i] == ' ' || g->rows[i] == '|';
	return (n);
}

/* Whole numbers, as far as there are any. */
static void
test_numbers(void ** state)
{
	static const char ents[] = "\"items\":{\"key\":[\"id\"],\"columns\":{"
	    "\"id\":{\"type\":\"integer\"}},\"lists\":[{\"url\":\"/\",\"records\":"
	    "\"d\",\"paginate\":{\"kind\":\"offset\",\"query\":\"o\",\"total\":"
	    "\"total\",\"cap\":20,\"size\":{\"query\":\"n\",\"default\":10,"
	    "\"max\":10}},\"push\":{\"id\":[{\"op\":\">=\",\"query\":\"since\"},{"
	    "\"op\":\"<=\",\"query\":\"until\"}]},\"split\":{\"column\":\"id\"}}]}";
	struct value v[2] = { { .type = VALUE_INT, .i = INT64_MIN / 8 * 7 },
	    { .type = VALUE_INT, .i = INT64_MAX / 8 * 7 } };
	struct plan_given given[2] = { { 0, OP_GE, &v[0], 1 },
	    { 0, OP_LE, &v[1], 1 } };
	struct rig * g;
	struct err e;
	size_t n;

	(void)state;
	for (n = 0; n <= 2; n++) {
		make_world(3, 60, 20);
		w.size = 10;
		w.by_id = 1;
		g = rig_new("", ents, "{\"cache_ttl\":0}");
		fake_http_serve(g->http, serve, NULL);
		rig_open_plan(g, plan_new(g->c, manifest_entity(g->m, "items"),
		    given, n, NULL, 0, &e));
		rig_all(g);
		if (g->has_failed)
			fail_msg("%s", g->e.msg);
		assert_int_equal(rows_of(g), 60);
		rig_free(g);
	}
}

#define PARTS "\"all\":{\"columns\":{\"id\":{\"type\":\"text\"}},\"lists\":[{" \
	"\"url\":\"/all\",\"paginate\":{\"kind\":\"none\"}}]},\"items\":{\"key\":[" \
	"\"id\"],\"columns\":{\"id\":{\"type\":\"integer\"},\"at\":{\"type\":" \
	"\"timestamp\",\"not_null\":true},\"who\":{\"type\":\"text\",\"input\":" \
	"true,\"path\":\"who\"},\"lazy\":{\"type\":\"text\",\"lazy\":\"v\"}}," \
	"\"complete\":{\"over\":\"more\",\"bind\":{\"id\":\"id\"}},\"lists\":[{%s," \
	"\"records\":\"d\",\"paginate\":{\"kind\":\"offset\",\"query\":\"o\"," \
	"\"total\":\"total\",\"cap\":20,\"size\":{\"query\":\"n\",\"default\":10," \
	"\"max\":10}},\"push\":{\"at\":[{\"op\":\">=\",\"query\":\"since\"," \
	"\"time\":\"iso8601\"},{\"op\":\"<\",\"query\":\"until\",\"time\":" \
	"\"iso8601\"}]},\"split\":{\"column\":\"at\"}}]},\"more\":{\"hidden\":true," \
	"\"columns\":{\"id\":{\"type\":\"integer\",\"input\":true},\"v\":{\"type\":" \
	"\"text\"}},\"lists\":[{\"needs\":[\"id\"],\"url\":\"/more/{{in.id}}\"}]}"

static const char * const parts[] = { "\"url\":\"/{{in.who}}\",\"partition\":{"
    "\"over\":\"all\",\"bind\":{\"who\":\"id\"}}",
    "\"url\":\"/{{in.who}}\",\"needs\":[\"who\"],\"batch\":5" };
static const char * const told[] = { "", "who=in:a,b" };

static struct rig *
parts_rig(size_t i, int lazy)
{
	char text[2000];
	struct plan * p;
	struct rig * g;

	snprintf(text, sizeof(text), PARTS, parts[i]);
	make_world(3, 60, 20);
	w.size = 10;
	g = rig_new("", text, "{\"cache_ttl\":0}");
	fake_http_serve(g->http, serve, NULL);
	p = rig_plan(g, "items", told[i]);
	p->wanted[3] = (uint8_t)lazy;
	rig_open_plan(g, p);
	return (g);
}

/* Each part is read in its own windows. */
static void
test_of_parts(void ** state)
{
	struct rig * g;
	size_t i;
	int lazy;

	(void)state;
	for (i = 0; i < 2; i++)
		for (lazy = 0; lazy < 2; lazy++) {
			g = parts_rig(i, lazy);
			rig_all(g);
			if (g->has_failed)
				fail_msg("%s", g->e.msg);
			assert_int_equal(rows_of(g), i == 0 ? 120 : 60);
			/* What completes a row is asked for once. */
			assert_int_equal(w.mores, lazy ? rows_of(g) : 0);
			rig_free(g);
		}
}

/* A window that is refused is left out where others are not, as a part is. */
static void
test_refused(void ** state)
{
	static const char rule[] = "\"errors\":[{\"status\":[403],\"do\":\"fail\","
	    "\"class\":\"config\",\"then\":\"skip\"}],";
	struct rig * g;
	unsigned seed;

	(void)state;
	for (seed = 1; seed <= 12; seed++) {
		make_world(seed, 120, 20);
		w.refuses = w.at[90];
		g = rig("", rule);
		read_items(g, -1, -1, (int)(seed % 3) - 1, -1);
		if (g->has_failed)
			fail_msg("seed %u: %s", seed, g->e.msg);
		assert_in_range(rows_of(g), 60, 119);
		assert_true(g->ctx.st.skipped > 0);
		assert_non_null(strstr(g->ctx.st.skipped_why, "answered 403"));
		rig_free(g);
		/* Not where all are. */
		w.refuses = -1;
		g = rig("", rule);
		read_items(g, -1, -1, 0, -1);
		rig_error(g, ERR_CONFIG, "http_403", "403");
		rig_free(g);
	}
}

/* One that is left while a window is read leaves nothing behind. */
static void
test_left(void ** state)
{
	const struct manifest_entity * ent;
	struct rig * g;
	struct err e;
	int pages, i;

	(void)state;
	for (pages = 0; pages < 6; pages++) {
		make_world(7, 200, 20);
		w.size = 10;
		g = rig("", "");
		ent = manifest_entity(g->m, "items");
		rig_open_plan(g, plan_new(g->c, ent, NULL, 0, NULL, 0, &e));
		for (i = 0; i < pages; i++)
			rig_next(g);
		g->close_within = pages % 2;
		rig_begin(g);
		fake_loop_advance(g->L, 10);
		rig_free(g);
	}
}

/* The same where answers take their time: windows, parts, what completes rows. */
static void
test_parts_left(void ** state)
{
	struct rig * g;
	size_t i;
	int ms;

	(void)state;
	for (i = 0; i < 2; i++)
		for (ms = 0; ms < 120; ms++) {
			g = parts_rig(i, 1);
			w.slow = 1;
			g->ahead = ms % 2;
			rig_begin(g);
			fake_loop_advance(g->L, ms / 2);
			if (g->calls > 0 && !g->is_end) {
				g->calls = 0;
				g->close_within = ms % 3 == 0;
				rig_begin(g);
				fake_loop_advance(g->L, ms / 3);
			}
			rig_free(g);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_coarse_bounds),
		cmocka_unit_test(test_what_fits_is_not_split),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_limit_of_others),
		cmocka_unit_test(test_lacks),
		cmocka_unit_test(test_one_moment),
		cmocka_unit_test(test_deaf_service),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_of_parts),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_parts_left),
	};

	return (cmocka_run_group_tests_name("reader_split", tests, NULL, NULL));
}
