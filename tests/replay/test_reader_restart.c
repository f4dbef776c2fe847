#include "base/buf.h"
#include "base/clock.h"
#include "base/rfc3339.h"
#include "reader_rig.h"

/* Lists that move while they are read. */

#define MAX 80
#define T0 1600000000

/* How the service pages. */
/* A cursor that is capped is a place in what was found, too. */
enum kind { BY_PAGE, BY_OFFSET, BY_LINK, BY_NEXT, BY_CURSOR, KINDS };

struct item {
	int id;
	int64_t at; /* s */
};

/* The service: items in the order of their change, and then of id. */
static struct world {
	enum kind kind;
	struct item items[MAX];
	size_t n, size;
	int64_t now;
	unsigned seed;
	unsigned touches;     /* so many more changes come */
	int chance;           /* one in how many, before each answer */
	int ignores_since, ignores_order;
	int slow;             /* the clock of the service stands mostly */
	struct item told[MAX]; /* as it was when it last told its end */
	size_t calls;
} w;

static unsigned
roll(unsigned n)
{
	return (rig_roll(&w.seed, n));
}

static int
by_change(const void * pa, const void * pb)
{
	const struct item * a = pa, * b = pb;

	return (a->at != b->at ? (a->at > b->at) - (a->at < b->at) :
	    (a->id > b->id) - (a->id < b->id));
}

static void
touch(void)
{
	size_t i = roll((unsigned)w.n);

	if (!w.slow || roll(6) == 0)
		w.now++;
	w.items[i].at = w.now;
	qsort(w.items, w.n, sizeof(*w.items), by_change);
}

static void
serve(void * arg, const char * url, struct fake_answer * a)
{
	struct buf b = BUF_INIT(0), h = BUF_INIT(0);
	int64_t since = rig_param(url, "since=", 0), from;
	char when[RFC3339_LEN], next[200];
	size_t i, k = 0, shown = 0, more = 0;

	(void)arg;
	w.calls++;
	while (w.touches > 0 && roll((unsigned)w.chance) == 0) {
		w.touches--;
		touch();
	}
	from = w.kind == BY_OFFSET ? rig_param(url, "o=", 0) :
	    (rig_param(url, "p=", 1) - 1) * (int64_t)w.size;
	buf_adds(&b, "{\"d\":[");
	for (i = 0; i < w.n; i++) {
		if (!w.ignores_since && w.items[i].at < since)
			continue;
		if ((int64_t)k++ < from)
			continue;
		if (shown == w.size) {
			more = 1;
			break;
		}
		rfc3339_format(w.items[i].at * 1000, when);
		buf_addf(&b, "%s{\"id\":%d,\"at\":\"%s\"}", shown++ ? "," : "",
		    w.items[i].id, when);
	}
	snprintf(next, sizeof(next), "/i?since=%lld&p=%lld",
	    (long long)since, (long long)(from / (int64_t)w.size + 2));
	buf_addf(&b, "],\"more\":%s", more ? "true" : "false");
	if (more && w.kind == BY_NEXT)
		buf_addf(&b, ",\"next\":\"%s\"", next);
	if (more && w.kind == BY_CURSOR)
		buf_addf(&b, ",\"cur\":\"%lld\"",
		    (long long)(from / (int64_t)w.size + 2));
	if (more && w.kind == BY_LINK)
		buf_addf(&h, "Link: <%s>; rel=next", next);
	buf_adds(&b, "}");
	if (!more)
		memcpy(w.told, w.items, sizeof(w.told));
	a->body = b.p;
	a->header = h.p;
}

static void
make_world(enum kind kind, unsigned seed, size_t n, size_t size)
{
	size_t i;

	memset(&w, 0, sizeof(w));
	w.kind = kind;
	w.seed = seed * 7919 + 17;
	w.n = n;
	w.size = size;
	w.chance = 2;
	w.now = T0;
	for (i = 0; i < n; i++) {
		if (roll(3) == 0)
			w.now += 1 + roll(40);
		w.items[i].id = (int)i + 1;
		w.items[i].at = w.now;
	}
}

static struct rig *
rig(const char * push)
{
	static const char * const pages[KINDS] = {
	    "\"kind\":\"page\",\"query\":\"p\",\"first\":1,\"more\":\"more\"",
	    "\"kind\":\"offset\",\"query\":\"o\",\"more\":\"more\","
	    "\"size\":{\"query\":\"n\",\"default\":100,\"max\":100}",
	    "\"kind\":\"link\"",
	    "\"kind\":\"next_url\",\"from\":\"next\"",
	    "\"kind\":\"cursor\",\"query\":\"p\",\"from\":\"cur\","
	    "\"cap\":10000,\"size\":{\"query\":\"n\",\"max\":100}" };
	char text[1200];
	struct rig * g;

	snprintf(text, sizeof(text), "\"items\":{\"key\":[\"id\"],\"columns\":{"
	    "\"id\":{\"type\":\"integer\"},\"at\":{\"type\":\"timestamp\","
	    "\"not_null\":true}},\"lists\":[{\"url\":\"/i\",\"records\":"
	    "\"d\",\"paginate\":{%s},\"push\":{\"at\":{\"op\":\">=\","
	    "\"query\":\"since\"%s}},\"order\":{\"columns\":{\"at\":\"at\"},"
	    "\"query\":{\"sort\":\"{{order.column}}\"}}}]}", pages[w.kind],
	    push);
	g = rig_new("", text, "{\"cache_ttl\":0}");
	fake_http_serve(g->http, serve, NULL);
	return (g);
}

static void
open_list(struct rig * g, int restart, const char * since)
{
	const struct manifest_entity * ent = manifest_entity(g->m, "items");
	const struct plan_order by = { 1, 0 };
	struct value v = { .type = VALUE_TEXT };
	struct plan_given given = { 1, OP_GE, &v, 1 };
	struct plan * p;
	struct err e;

	if (since != NULL) {
		v.s = since;
		v.len = (uint32_t)strlen(since);
	}
	p = plan_new(g->c, ent, &given, since != NULL, &by, 1, &e);
	if (p == NULL)
		fail_msg("%s", e.msg);
	memset(&g->ctx.st, 0, sizeof(g->ctx.st));
	rig_open_plan(g, p);
	assert_int_equal(reader_sync(g->r, restart ? 1 : -1, NULL, &e), 0);
}

/* How many of the items as they were at the end did not come. */
static size_t
missed(const struct rig * g)
{
	char text[80], when[RFC3339_LEN];
	size_t i, n = 0;

	for (i = 0; i < w.n; i++) {
		rfc3339_format(w.told[i].at * 1000, when);
		snprintf(text, sizeof(text), "%d/%s", w.told[i].id, when);
		n += strstr(g->rows, text) == NULL;
	}
	return (n);
}

static size_t
read_moving(unsigned seed, enum kind kind, int restart, const char * push)
{
	struct rig * g;
	size_t n;

	make_world(kind, seed, 5 + seed % 60, 2 + seed % 7);
	w.touches = seed % 25;
	w.slow = seed % 3 == 0;
	g = rig(push);
	g->ahead = seed % 2 == 0;
	open_list(g, restart, NULL);
	rig_all(g);
	/* A list that runs away is said to, not taken for whole. */
	if (g->has_failed && strcmp(g->e.code, "list_moves") != 0)
		fail_msg("seed %u: %s", seed, g->e.msg);
	n = g->has_failed ? 0 : missed(g);
	if (restart && n > 0)
		fail_msg("seed %u, kind %d: %zu are missed of %s", seed, kind,
		    n, g->rows);
	assert_int_equal(g->ctx.st.unordered, 0);
	rig_free(g);
	return (n);
}

static void
test_moving(void ** state)
{
	size_t lost = 0;
	unsigned seed;

	(void)state;
	for (seed = 0; seed < 400; seed++) {
		read_moving(seed, seed % KINDS, 1, "");
		lost += read_moving(seed, seed % KINDS, 0, "");
	}
	/* It is not for nothing. */
	assert_true(lost > 100);
}

/* What the service can express is coarser than what rows show. */
static void
test_coarse(void ** state)
{
	static const char * const pushes[] = {
		",\"time\":\"epoch_s\"", ",\"round_s\":60", ",\"widen_s\":30",
		",\"round_s\":3600,\"widen_s\":60" };
	unsigned seed;

	(void)state;
	for (seed = 0; seed < 400; seed++)
		read_moving(seed, seed / 4 % KINDS, 1, pushes[seed % 4]);
}

/* Nothing is asked again that need not be. */
static void
test_still(void ** state)
{
	struct rig * g;
	size_t i;

	(void)state;
	make_world(BY_PAGE, 1, 10, 4);
	for (i = 0; i < 10; i++)
		w.items[i].at = T0 + (int64_t)i;
	g = rig("");
	open_list(g, 1, NULL);
	rig_all(g);
	rig_rows(g, "1/2020-09-13T12:26:40Z 2/2020-09-13T12:26:41Z "
	    "3/2020-09-13T12:26:42Z 4/2020-09-13T12:26:43Z|"
	    "4/2020-09-13T12:26:43Z 5/2020-09-13T12:26:44Z "
	    "6/2020-09-13T12:26:45Z 7/2020-09-13T12:26:46Z|"
	    "7/2020-09-13T12:26:46Z 8/2020-09-13T12:26:47Z "
	    "9/2020-09-13T12:26:48Z 10/2020-09-13T12:26:49Z");
	assert_int_equal(w.calls, 3);
	assert_int_equal(fake_http_requests(g->http, BASE
	    "/i?since=2020-09-13T12:26:43Z&sort=at&p=1"), 1);
	/* From where the statement begins. */
	w.calls = 0;
	open_list(g, 1, "2020-09-13T12:26:47Z");
	rig_all(g);
	rig_rows(g, "8/2020-09-13T12:26:47Z 9/2020-09-13T12:26:48Z "
	    "10/2020-09-13T12:26:49Z");
	assert_int_equal(w.calls, 1);
	rig_free(g);
}

/* One value for more than a page: on by number, each page before looked at. */
static void
test_one_value(void ** state)
{
	enum kind kind;
	struct rig * g;
	size_t i;

	(void)state;
	for (kind = 0; kind < KINDS; kind++) {
		make_world(kind, 1, 12, 3);
		for (i = 0; i < 12; i++)
			w.items[i].at = T0 + (i >= 10);
		g = rig("");
		open_list(g, 1, NULL);
		rig_all(g);
		assert_false(g->has_failed);
		assert_int_equal(missed(g), 0);
		/* 1 2 (1) 3 (2) 4 (3), then anew: 11 12. */
		assert_int_equal(w.calls, 7);
		rig_free(g);
	}
}

/* The page before is never the same: it is said, and not for ever tried. */
static void
test_runs_away(void ** state)
{
	struct rig * g;
	size_t i;

	(void)state;
	make_world(BY_PAGE, 1, 40, 3);
	for (i = 0; i < 40; i++)
		w.items[i].at = T0;
	w.now = T0;
	w.touches = 1000000;
	w.chance = 3;
	w.slow = 1;
	g = rig(",\"round_s\":86400");
	open_list(g, 1, NULL);
	rig_all(g);
	rig_error(g, ERR_TRANSIENT, "list_moves", "try again later");
	assert_true(w.calls < 300);
	rig_free(g);
}

/* What does not do what it says is read as any other list is. */
static void
test_liars(void ** state)
{
	struct rig * g;
	size_t i;

	(void)state;
	make_world(BY_OFFSET, 3, 20, 3);
	w.ignores_since = 1;
	g = rig("");
	open_list(g, 1, NULL);
	rig_all(g);
	assert_false(g->has_failed);
	assert_int_equal(missed(g), 0);
	assert_int_equal(g->ctx.st.unordered, 1);
	assert_true(w.calls <= 20);
	/* Not the order. */
	make_world(BY_OFFSET, 3, 20, 3);
	for (i = 0; i < 20; i++)
		w.items[i].at = T0 + 20 - (int64_t)i;
	open_list(g, 1, NULL);
	rig_all(g);
	assert_false(g->has_failed);
	assert_int_equal(missed(g), 0);
	assert_int_equal(g->ctx.st.unordered, 1);
	assert_int_equal(w.calls, 7);
	rig_free(g);
}

/* What the service pages no further than does not matter. */
static void
test_cap(void ** state)
{
	struct rig * g;
	size_t i;

	(void)state;
	make_world(BY_OFFSET, 3, 30, 3);
	for (i = 0; i < 30; i++)
		w.items[i].at = T0 + (int64_t)i / 7;
	g = rig_new("", "\"items\":{\"key\":[\"id\"],\"columns\":{"
	    "\"id\":{\"type\":\"integer\"},\"at\":{\"type\":\"timestamp\","
	    "\"not_null\":true}},\"lists\":[{\"url\":\"/i\",\"records\":"
	    "\"d\",\"paginate\":{\"kind\":\"offset\",\"query\":\"o\","
	    "\"cap\":12,\"more\":\"more\",\"size\":{\"query\":\"n\","
	    "\"default\":3,\"max\":3}},\"push\":{\"at\":{\"op\":\">=\","
	    "\"query\":\"since\",\"widen_s\":2}},\"order\":{\"columns\":{"
	    "\"at\":\"at\"},\"query\":{\"sort\":\"{{order.column}}\"}}}]}",
	    "{\"cache_ttl\":0,\"retry_count\":0}");
	fake_http_serve(g->http, serve, NULL);
	open_list(g, 0, NULL);
	rig_all(g);
	rig_error(g, ERR_PERMANENT, "page_cap", "offset 12");
	open_list(g, 1, NULL);
	rig_all(g);
	/* With all that it moves by there is still more of one value than
	 * that. */
	rig_error(g, ERR_PERMANENT, "page_cap", "offset 12");
	for (i = 0; i < 30; i++)
		w.items[i].at = T0 + (int64_t)i / 2;
	open_list(g, 1, NULL);
	rig_all(g);
	assert_false(g->has_failed);
	assert_int_equal(missed(g), 0);
	rig_free(g);
}

/* A service with a language and no pages: an answer that is full is not all, and a
 * list in order goes on from its last row. */
static void
test_full_answer(void ** state)
{
	struct rig * g;
	struct plan * p;
	size_t i;

	(void)state;
	make_world(BY_PAGE, 3, 30, 4);
	for (i = 0; i < 30; i++)
		w.items[i].at = T0 + (int64_t)i / 2;
	g = rig_new("", "\"items\":{\"key\":[\"id\"],\"columns\":{"
	    "\"id\":{\"type\":\"integer\"},\"at\":{\"type\":\"timestamp\","
	    "\"not_null\":true}},\"lists\":[{\"url\":\"/i\",\"records\":"
	    "\"d\",\"paginate\":{\"kind\":\"none\",\"short_page_ends\":true,"
	    "\"size\":{\"clause\":\"spl\",\"default\":4,\"max\":6}},"
	    "\"clauses\":{\"spl\":{\"query\":\"q\",\"always\":\"search\","
	    "\"order\":\"|sort {{order}}\",\"limit\":\"|head {{value}}\"}},"
	    "\"push\":{\"at\":{\"op\":\">=\",\"query\":\"since\"}},"
	    "\"order\":{\"columns\":{\"at\":\"at\"}}}]}",
	    "{\"cache_ttl\":0,\"retry_count\":0}");
	fake_http_serve(g->http, serve, NULL);
	open_list(g, 0, NULL);
	rig_all(g);
	rig_error(g, ERR_PERMANENT, "page_cap", "narrow it by at");
	assert_int_equal(w.calls, 1);
	assert_int_equal(fake_http_requests(g->http, BASE
	    "/i?q=search%7Csort%20at%20asc%7Chead%204"), 1);
	open_list(g, 1, NULL);
	rig_all(g);
	assert_false(g->has_failed);
	assert_int_equal(missed(g), 0);
	/* What is wanted is as much, or more than it gives at once. */
	for (i = 4; i <= 9; i += 5) {
		w.size = i < 6 ? i : 6;
		p = rig_plan(g, "items", "");
		p->limit = (int64_t)i;
		rig_open_plan(g, p);
		rig_all(g);
		assert_int_equal(g->has_failed, i > 6);
		assert_int_equal(fake_http_requests(g->http, i < 6 ? BASE
		    "/i?q=search%7Chead%204" : BASE
		    "/i?q=search%7Chead%206"), 1);
	}
	/* More of one value than fit. */
	w.size = 4;
	for (i = 0; i < 30; i++)
		w.items[i].at = T0 + (int64_t)i / 7;
	open_list(g, 1, NULL);
	rig_all(g);
	rig_error(g, ERR_PERMANENT, "page_cap", "which is 4");
	rig_free(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_still),
		cmocka_unit_test(test_one_value),
		cmocka_unit_test(test_moving),
		cmocka_unit_test(test_coarse),
		cmocka_unit_test(test_runs_away),
		cmocka_unit_test(test_liars),
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_full_answer),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
