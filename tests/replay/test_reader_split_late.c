#include "base/buf.h"
#include "base/rfc3339.h"
#include "reader_rig.h"

/* Lists whose end is told only in mid-list, by the cap or by an error, and windows
 * that may not be too wide. */

#define MAX 2000
#define DAY INT64_C(86400)

static struct world {
	int64_t at[MAX];      /* s */
	size_t order[MAX];    /* how they are listed where nobody says how */
	size_t n, size, cap;
	unsigned seed;
	int refuses;          /* beyond the cap it answers 400; else 200, as far as
	                         the cap */
	int64_t span;         /* the widest range; 0: any */
	size_t calls, refused;
} w;

static unsigned
roll(unsigned n)
{
	return (rig_roll(&w.seed, n));
}

static void
serve(void * arg, const char * url, struct fake_answer * a)
{
	int64_t since = rig_param(url, "since=", INT64_MIN / 2);
	int64_t until = rig_param(url, "until=", INT64_MAX / 2), at;
	size_t from = (size_t)rig_param(url, "o=", 0), k = 0, shown = 0, i, j;
	int way = strstr(url, "sort=-at") ? -1 : strstr(url, "sort=at") != NULL;
	struct buf b = BUF_INIT(0);
	char when[RFC3339_LEN];

	(void)arg;
	w.calls++;
	/* One bound alone would be taken for a range that ends now. */
	if (w.span > 0)
		assert_true((strstr(url, "since=") != NULL) ==
		    (strstr(url, "until=") != NULL));
	if ((w.span > 0 && strstr(url, "since=") && until - since > w.span) ||
	    (w.refuses && from >= w.cap)) {
		w.refused++;
		a->status = 400;
		a->body = strdup("{\"error\":\"the window is too large\"}");
		return;
	}
	buf_adds(&b, "{\"d\":[");
	for (i = 0; i < w.n; i++) {
		j = way > 0 ? i : way < 0 ? w.n - 1 - i : w.order[i];
		at = w.at[j];
		if (at < since || at > until || k++ < from ||
		    shown == w.size)
			continue;
		shown++;
		rfc3339_format(at * 1000, when);
		buf_addf(&b, "%s{\"id\":%zu,\"at\":\"%s\"}",
		    shown > 1 ? "," : "", j, when);
	}
	buf_addf(&b, "],\"more\":%s}", k > from + shown ? "true" : "false");
	a->body = b.p;
}

static struct rig *
rig(const char * split, const char * push, int cap)
{
	char text[1400], limit[40] = "";
	struct rig * g;

	if (cap)
		snprintf(limit, sizeof(limit), "\"cap\":%zu,", w.cap);
	snprintf(text, sizeof(text), "\"items\":{\"key\":[\"id\"],\"columns\":{"
	    "\"id\":{\"type\":\"integer\"},\"at\":{\"type\":\"timestamp\","
	    "\"not_null\":true}},\"lists\":[{\"url\":\"/\",\"records\":\"d\","
	    "\"paginate\":{\"kind\":\"offset\",\"query\":\"o\",\"more\":\"more\","
	    "%s\"size\":{\"query\":\"n\",\"default\":%zu,\"max\":%zu}},"
	    "\"push\":{\"at\":[{\"op\":[\">=\",\">\"],\"query\":\"since\"%s},"
	    "{\"op\":[\"<=\",\"<\"],\"query\":\"until\"%s}]},"
	    "\"split\":{\"column\":\"at\"%s},"
	    "\"order\":{\"columns\":{\"at\":\"at\"},"
	    "\"query\":{\"sort\":\"{{order.minus}}{{order.column}}\"}}}]}",
	    limit, w.size, w.size, push, push, split);
	g = rig_new("\"errors\":[{\"status\":[400],\"contains\":\"too large\","
	    "\"do\":\"split_window\",\"code\":\"too_large\"}],", text,
	    "{\"cache_ttl\":0}");
	fake_http_serve(g->http, serve, NULL);
	return (g);
}

/* ${shuffle}: 0 listed by time, 1 the other way round, 2 anyhow. */
static void
make_world(unsigned seed, size_t n, size_t cap, int shuffle)
{
	int64_t t = 1500000000;
	size_t i, j, o;

	memset(&w, 0, sizeof(w));
	w.seed = seed * 7919 + 17;
	w.n = n;
	w.cap = cap;
	w.size = cap / (1 + roll(4));
	for (i = 0; i < n; i++) {
		if (i % (cap / 2) == 0 || roll(3) > 0)
			t += 2 + roll(roll(5) == 0 ? 30 * DAY : 90);
		w.at[i] = t;
		w.order[i] = shuffle == 1 ? n - 1 - i : i;
	}
	for (i = 0; shuffle == 2 && i < n; i++) {
		j = roll((unsigned)n);
		o = w.order[i];
		w.order[i] = w.order[j];
		w.order[j] = o;
	}
}

static void
read_items(struct rig * g, int sort, int64_t from, int want_key)
{
	const struct manifest_entity * ent = manifest_entity(g->m, "items");
	const struct plan_order by = { 1, sort < 0 };
	char text[RFC3339_LEN];
	struct value v = { .type = VALUE_TEXT, .s = text };
	struct plan_given given = { 1, OP_GE, &v, 1 };
	struct plan * p;
	struct err e;

	rfc3339_format(from * 1000, text);
	v.len = (uint32_t)strlen(text);
	p = plan_new(g->c, ent, &given, from >= 0, &by, sort != 0, &e);
	if (p == NULL)
		fail_msg("%s", e.msg);
	p->wanted[0] = (uint8_t)want_key;
	memset(&g->ctx.st, 0, sizeof(g->ctx.st));
	rig_open_plan(g, p);
	rig_all(g);
}

static void
came(const struct rig * g, int sort, int64_t from)
{
	if (g->has_failed)
		fail_msg("seed %u: %s: %s", w.seed, g->e.code, g->e.msg);
	rig_came(g, w.at, w.n, from, -1, sort);
}

/* An error or the cap says that there is more: nothing is lost or doubled, however
 * it is listed. */
static void
test_no_total(void ** state)
{
	struct rig * g;
	unsigned seed;
	int sort, shuffle;
	int64_t from;

	(void)state;
	for (seed = 1; seed <= 90; seed++) {
		shuffle = (int)(seed / 3 % 3);
		make_world(seed, 40 + seed % 7 * 60, 12 + seed % 4 * 10, shuffle);
		w.refuses = seed % 2;
		sort = (int)(seed % 3) - 1;
		from = seed % 7 == 0 ? w.at[w.n / 4] : -1;
		/* It may say how it is listed, and be wrong. */
		g = rig(seed % 4 == 0 ? "" : seed % 4 == 1 ?
		    ",\"order\":\"asc\"" : ",\"order\":\"desc\"", "",
		    !w.refuses);
		g->ahead = seed % 5 == 0;
		read_items(g, sort, from, seed % 2);
		came(g, sort, from);
		rig_free(g);
	}
}

/* In order it goes on from the last row: no page is asked for twice. */
static void
test_goes_on(void ** state)
{
	struct rig * g;
	int refuses;

	(void)state;
	for (refuses = 0; refuses < 2; refuses++) {
		make_world(7, 1000, 100, 0);
		w.size = 50;
		w.refuses = refuses;
		g = rig(",\"order\":\"asc\"", "", !refuses);
		read_items(g, 0, -1, 1);
		came(g, 0, -1);
		assert_true(w.refused <= 11u * (unsigned)refuses);
		assert_true(w.calls - w.refused <= 24);
		rig_free(g);
	}
}

/* A range that is too wide is refused before anything came of it. */
static void
test_refused_range(void ** state)
{
	struct rig * g;

	(void)state;
	make_world(3, 300, 1000, 2);
	w.span = 400 * DAY;
	g = rig(",\"from\":\"2010-01-01T00:00:00Z\"",
	    ",\"span_s\":31536000", 0);
	/* What goes down is never too wide, ... */
	read_items(g, 0, w.at[0], 1);
	came(g, 0, w.at[0]);
	assert_int_equal(w.refused, 0);
	rig_free(g);
	/* ... and where nobody says how wide it may be, halves are asked for. */
	make_world(3, 300, 1000, 2);
	w.span = 0;
	w.refuses = 1;
	w.cap = 1;
	w.size = 1;
	g = rig("", "", 0);
	w.n = 20;
	for (size_t i = 0; i < w.n; i++) {
		w.at[i] = 1500000000 + (int64_t)i * 7;
		w.order[i] = i;
	}
	read_items(g, 1, w.at[0], 1);
	came(g, 1, w.at[0]);
	assert_true(w.refused > 0);
	rig_free(g);
}

/* Windows are as narrow as the service takes them. */
static void
test_spans(void ** state)
{
	struct rig * g;
	unsigned seed;

	(void)state;
	for (seed = 1; seed <= 30; seed++) {
		make_world(seed, 300, 40, (int)(seed % 3));
		w.refuses = seed % 2;
		w.span = 180 * DAY + 1;
		g = rig(",\"from\":\"2017-01-01T00:00:00Z\"",
		    ",\"span_s\":15552000", !w.refuses);
		read_items(g, (int)(seed % 3) - 1, seed % 4 == 0 ?
		    w.at[w.n / 3] : -1, 1);
		came(g, (int)(seed % 3) - 1, seed % 4 == 0 ? w.at[w.n / 3] : 0);
		/* Only what lies beyond the cap. */
		assert_true(w.refused <= w.calls / 2);
		rig_free(g);
	}
}

static void
test_one_moment(void ** state)
{
	struct rig * g;
	size_t i;
	int refuses;

	(void)state;
	for (refuses = 0; refuses < 2; refuses++) {
		make_world(5, 100, 20, 0);
		w.refuses = refuses;
		w.size = 10;
		for (i = 0; i < w.n; i++)
			w.at[i] = 1500000000;
		g = rig(",\"order\":\"asc\"", "", !refuses);
		read_items(g, 0, -1, 1);
		rig_error(g, ERR_PERMANENT, refuses ? "too_large" : "page_cap",
		    refuses ? "the window is too large" : "offset 20");
		assert_true(w.calls < 100);
		rig_free(g);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_total),
		cmocka_unit_test(test_goes_on),
		cmocka_unit_test(test_refused_range),
		cmocka_unit_test(test_spans),
		cmocka_unit_test(test_one_moment),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
