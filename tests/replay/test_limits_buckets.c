#include "taker.h"

#include "base/clock.h"
#include "base/tokenbucket.h"

/* Several budgets of one connector: what a call takes of each, what it costs, who
 * shares them, and what services say of each. */

#define COLS "\"columns\":{\"id\":{\"type\":\"integer\"}}"
#define LIST(url, more) COLS ",\"lists\":[{\"url\":\"" url "\"" more "}]"
#define ENTS "\"items\":{" LIST("/i", "") "},\"found\":{" \
	LIST("/f", ",\"bucket\":\"search\"") "},\"dear\":{" \
	LIST("/d", ",\"cost\":5") "}"
#define ENTS_PLAIN "\"items\":{" LIST("/i", "") "}"
#define POINTS "\"points\":{\"rate\":10,\"burst\":20,\"every\":true}"
#define SEARCH "\"search\":{\"rate\":0.5,\"burst\":2"
#define GOOD { .body = "[{\"id\":1}]" }

static void
take(struct rig * g, struct taker * t, const char * entity)
{
	taker_take(g, g->env.limits, t, entity, 0, 0);
}

static size_t
passed(const struct taker * t, size_t n)
{
	size_t i, k = 0;

	for (i = 0; i < n; i++)
		k += t[i].calls > 0 && !t[i].has_failed;
	return (k);
}

static void
drop(struct taker * t, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		taker_drop(&t[i]);
}

/* Burst and what comes in since, and not one more; five for what costs five. */
static void
test_cost(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"buckets\":{" POINTS "," SEARCH
	    "}}},", ENTS, "{}");
	struct taker t[60];
	size_t i, secs;

	(void)state;
	for (i = 0; i < 60; i++)
		take(g, &t[i], "items");
	fake_loop_settle(g->L);
	for (secs = 0; secs < 4; secs++) {
		assert_int_equal(passed(t, 60), 20 + 10 * secs);
		fake_loop_advance(g->L, 1000);
	}
	drop(t, 60);
	fake_loop_advance(g->L, 10000);
	for (i = 0; i < 60; i++)
		take(g, &t[i], "dear");
	fake_loop_settle(g->L);
	for (secs = 0; secs < 4; secs++) {
		assert_int_equal(passed(t, 60), 4 + 2 * secs);
		fake_loop_advance(g->L, 1000);
	}
	drop(t, 60);
	rig_free(g);
	/* Where there are no buckets it counts in the rate, ... */
	g = rig_new("\"limits\":{\"rate\":10,\"burst\":20},", "\"dear\":{"
	    LIST("/d", ",\"cost\":5") "}", "{}");
	for (i = 0; i < 10; i++)
		take(g, &t[i], "dear");
	fake_loop_advance(g->L, 1001);
	assert_int_equal(passed(t, 10), 6);
	drop(t, 10);
	rig_free(g);
	/* ... but not in that of OPTIONS, which is of calls. */
	g = rig_new("\"limits\":{\"rate\":10,\"burst\":20},", "\"dear\":{"
	    LIST("/d", ",\"cost\":5") "}", "{\"rate_limit\":2}");
	for (i = 0; i < 10; i++)
		take(g, &t[i], "dear");
	fake_loop_advance(g->L, 1001);
	assert_int_equal(passed(t, 10), 4);
	drop(t, 10);
	rig_free(g);
}

/* Who waits for one budget holds up nobody who does not want it. */
static void
test_apart(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"buckets\":{" POINTS "," SEARCH
	    "}}},", ENTS, "{}");
	struct taker a[4], b[4], late;
	json_t * said = json_object();
	int i;

	(void)state;
	for (i = 0; i < 4; i++)
		take(g, &a[i], "found");
	for (i = 0; i < 4; i++)
		take(g, &b[i], "items");
	taker_take(g, g->env.limits, &late, "found", 3000, 0);
	fake_loop_settle(g->L);
	assert_int_equal(passed(a, 4), 2);
	assert_int_equal(passed(b, 4), 4);
	/* It is told at once, and which it is. */
	assert_int_equal(late.calls, 1);
	assert_true(late.has_failed);
	assert_string_equal(late.e.code, "rate_limit");
	assert_non_null(strstr(late.e.msg, "the rate limit for search"));
	assert_in_range(late.e.retry_after_ms, 5990, 6001);
	assert_int_equal(limits_show(g->env.limits, g->c, said), 0);
	assert_string_equal(json_string_value(json_object_get(said,
	    "budget_search")), "2 calls waiting");
	assert_null(json_object_get(said, "budget"));
	fake_loop_advance(g->L, 4010);
	assert_int_equal(passed(a, 4), 4);
	assert_in_range(a[2].at, 2000, 2001);
	assert_in_range(a[3].at, 4000, 4001);
	json_decref(said);
	rig_free(g);
}

static void
test_each_stage(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"rate\":1,\"burst\":1,"
	    "\"buckets\":{" SEARCH "}}},", "\"items\":{" LIST("/i", "")
	    "},\"found\":{" LIST("/f", ",\"bucket\":\"search\"") "}", "{}");
	struct taker t[4];

	(void)state;
	/* Through the bucket, then it waits for the connector's own. */
	take(g, &t[0], "items");
	take(g, &t[1], "found");
	take(g, &t[2], "found");
	fake_loop_settle(g->L);
	assert_int_equal(passed(t, 3), 1);
	/* Cancelled there, the next has its turn. */
	limits_cancel(t[1].w);
	fake_loop_advance(g->L, 1001);
	assert_int_equal(t[2].calls, 1);
	/* The service says "later" while it waits elsewhere. */
	take(g, &t[1], "found");
	fake_loop_advance(g->L, 500);
	assert_int_equal(t[1].calls, 0);
	limits_block(g->env.limits, g->c, NULL, 30000);
	fake_loop_advance(g->L, 29000);
	assert_int_equal(t[1].calls, 0);
	fake_loop_advance(g->L, 1010);
	assert_int_equal(t[1].calls, 1);
	/* And of a bucket that it has passed. */
	fake_loop_advance(g->L, 10000);
	take(g, &t[0], "items");
	take(g, &t[1], "found");
	fake_loop_advance(g->L, 500);
	assert_int_equal(t[0].calls, 1);
	limits_block(g->env.limits, g->c,
	    &manifest_entity(g->m, "found")->lists[0].toll, 30000);
	fake_loop_advance(g->L, 20000);
	assert_int_equal(t[1].calls, 0);
	take(g, &t[2], "items");
	fake_loop_settle(g->L);
	assert_int_equal(t[2].calls, 1);
	fake_loop_advance(g->L, 9900);
	assert_int_equal(t[1].calls, 0);
	fake_loop_advance(g->L, 120);
	assert_int_equal(t[1].calls, 1);
	/* All that wait for anything go with the whole. */
	take(g, &t[0], "items");
	take(g, &t[1], "found");
	take(g, &t[2], "found");
	fake_loop_settle(g->L);
	drop(t, 3);
	rig_free(g);
}

/* ---- one bucket for two daemons ---- */

struct pool {
	struct rig * g;
	struct tokenbucket tb;
	char key[200];
	double most; /* at once */
	struct pool_ask {
		struct soon soon;
		void (*cb)(void *, int64_t, const struct err *);
		void * arg;
		int64_t wait_ms;
	} asks[64];
	size_t nasks;
};

static void
on_asked(void * arg)
{
	struct pool_ask * a = arg;

	a->cb(a->arg, a->wait_ms, NULL);
}

static void
pool_take(void * arg, const char * key, double rate, double burst, double n,
    void (*cb)(void *, int64_t, const struct err *), void * cbarg)
{
	struct pool * p = arg;
	struct pool_ask * a = &p->asks[p->nasks++ % 64];
	int64_t now = clock_mono_us();

	if (p->tb.rate == 0)
		tokenbucket_init(&p->tb, rate, burst, now);
	if (n > p->most)
		p->most = n;
	snprintf(p->key, sizeof(p->key), "%s", key);
	a->cb = cb;
	a->arg = cbarg;
	a->wait_ms = (tokenbucket_take(&p->tb, n, now) + 999) / 1000;
	loop_soon(p->g->L, &a->soon, on_asked, a);
}

static void
test_two_daemons(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"scope\":\"acme\",\"buckets\":{"
	    POINTS "," SEARCH "}}},", ENTS, "{}");
	static struct pool p;
	struct conn_shared sh = { .limit_take = pool_take, .is_shared = 1,
	    .arg = &p };
	struct limits * l[2];
	struct taker t[40];
	size_t i, n;

	(void)state;
	memset(&p, 0, sizeof(p));
	p.g = g;
	l[0] = limits_new(g->L, &sh);
	l[1] = limits_new(g->L, &sh);
	assert_true(l[0] != NULL && l[1] != NULL);
	for (i = 0; i < 40; i++)
		taker_take(g, l[i % 2], &t[i], i < 20 ? "dear" : "items", 0, 0);
	fake_loop_settle(g->L);
	assert_int_equal(passed(t, 20), 4);
	/* One owes five: what it waits for the other may have taken, but no
	 * more than comes in is ever let through. */
	fake_loop_advance(g->L, 4000);
	n = 5 * passed(t, 20) + passed(t + 20, 20);
	assert_in_range(n, 40, 60);
	assert_string_equal(p.key, "svc.test:svc:acme:points");
	assert_true(p.most > 4.5 && p.most < 5.5);
	/* Who asked for five goes; the one behind asks for one. */
	drop(t, 40);
	fake_loop_advance(g->L, 10000);
	taker_take(g, l[0], &t[0], "items", 0, 0);
	fake_loop_settle(g->L);
	taker_take(g, l[0], &t[1], "dear", 0, 0);
	limits_cancel(t[0].w);
	fake_loop_advance(g->L, 1000);
	assert_int_equal(t[1].calls, 1);
	limits_free(l[0]);
	limits_free(l[1]);
	rig_free(g);
}

/* ---- what services say ---- */

static void
test_headers(void ** state)
{
	/* As Zendesk tells of one list, and as RateLimit is written. */
	struct rig * g = rig_new("\"limits\":{\"headers\":{\"limit\":\"L\","
	    "\"remaining\":\"R\",\"reset\":\"T\",\"reset_unit\":\"delta_s\"},"
	    "\"buckets\":{\"index\":{\"headers\":{\"limit\":\"X-Index;total\","
	    "\"remaining\":\"X-Index;remaining\",\"reset\":\"X-Index;resets\","
	    "\"reset_unit\":\"delta_s\"}},\"search\":{\"headers\":{"
	    "\"remaining\":\"r\",\"reset\":\"T\",\"reset_unit\":\"delta_s\"}}}},",
	    "\"items\":{" LIST("/i", "") "},\"index\":{" LIST("/x",
	    ",\"bucket\":\"index\"") "},\"found\":{" LIST("/f",
	    ",\"bucket\":\"search\"") "}", "{\"cache_ttl\":0}");
	struct answer_budget b;
	struct taker t[3];
	json_t * said = json_object();

	(void)state;
	rig_script(g, "/x", { .body = "[]", .header = "R: 50\r\nL: 100\r\nT: 9"
	    "\r\nX-Index: total=100; remaining=0; resets=12" });
	rig_read(g, "index", "");
	assert_int_equal(limits_known(g->env.limits, g->c, &b), 0);
	assert_int_equal(b.remaining, 50);
	assert_int_equal(limits_show(g->env.limits, g->c, said), 0);
	assert_string_equal(json_string_value(json_object_get(said, "budget")),
	    "50 left of 100");
	assert_non_null(strstr(json_string_value(json_object_get(said,
	    "budget_index")), ", 0 left of 100"));
	json_decref(said);
	take(g, &t[0], "items");
	take(g, &t[1], "index");
	fake_loop_advance(g->L, 11900);
	assert_int_equal(t[0].calls, 1);
	assert_int_equal(t[1].calls, 0);
	fake_loop_advance(g->L, 200);
	assert_int_equal(t[1].calls, 1);
	/* The same header: it is the bucket's, and not the connector's. */
	rig_script(g, "/f", { .body = "[]", .header = "R: 0\r\nL: 30\r\nT: 60" });
	rig_read(g, "found", "");
	assert_int_equal(limits_known(g->env.limits, g->c, &b), 0);
	assert_int_equal(b.limit, 100);
	take(g, &t[0], "items");
	take(g, &t[1], "found");
	fake_loop_advance(g->L, 1000);
	assert_int_equal(t[0].calls, 1);
	assert_int_equal(t[1].calls, 0);
	fake_loop_advance(g->L, 59100);
	assert_int_equal(t[1].calls, 1);
	rig_free(g);
}

/* A refusal is of the bucket of who was refused. */
static void
test_refused(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"buckets\":{" POINTS "," SEARCH
	    "}}},", ENTS, "{\"cache_ttl\":0}");
	struct taker t[2];
	int64_t t0;

	(void)state;
	rig_script(g, "/f", { .status = 429, .header = "Retry-After: 40" },
	    GOOD);
	rig_open(g, "found", "");
	rig_begin(g);
	fake_loop_advance(g->L, 1000);
	take(g, &t[0], "items");
	take(g, &t[1], "found");
	fake_loop_settle(g->L);
	assert_int_equal(t[0].calls, 1);
	assert_int_equal(t[1].calls, 0);
	t0 = fake_loop_ms(g->L);
	rig_all(g);
	rig_rows(g, "1");
	assert_true(fake_loop_ms(g->L) - t0 >= 38900);
	fake_loop_advance(g->L, 5000);
	assert_int_equal(t[1].calls, 1);
	/* One that names none holds up all. */
	rig_script(g, "/i", { .status = 429, .header = "Retry-After: 40" },
	    GOOD);
	rig_open(g, "items", "");
	rig_begin(g);
	fake_loop_advance(g->L, 1000);
	take(g, &t[0], "items");
	take(g, &t[1], "found");
	fake_loop_advance(g->L, 30000);
	assert_int_equal(t[0].calls + t[1].calls, 0);
	rig_all(g);
	fake_loop_advance(g->L, 5000);
	assert_int_equal(t[0].calls + t[1].calls, 2);
	rig_free(g);
}

/* A share is left to others, of a small limit nothing. */
static void
test_reserve(void ** state)
{
	static const struct {
		const char * reserve;
		int64_t limit, remaining;
		int waits;
	} cases[] = {
		{ "\"5%\"", 700, 35, 1 }, { "\"5%\"", 700, 36, 0 },
		{ "\"5%\"", 60, 3, 1 }, { "\"5%\"", 60, 4, 0 },
		{ "\"5%\"", 10, 1, 0 }, { "\"5%\"", 10, 0, 1 },
		{ "\"5%\"", 1, 1, 0 }, { "\"5%\"", -1, 1, 0 },
		{ "\"5%\"", -1, 0, 1 }, { "\"5%\"", INT64_C(4611686018427387904),
		  1000, 1 },
		/* Never more than half, or nobody asks for ever. */
		{ "20", 10, 6, 0 }, { "20", 10, 5, 1 }, { "20", 1, 1, 0 },
		{ "20", -1, 20, 1 },
	};
	struct answer_budget b;
	char top[256];
	struct taker t;
	struct rig * g;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(top, sizeof(top), "\"limits\":{\"headers\":{\"limit\":"
		    "\"L\",\"remaining\":\"R\",\"reset\":\"T\",\"reset_unit\":"
		    "\"delta_s\",\"reserve\":%s}},", cases[i].reserve);
		g = rig_new(top, ENTS_PLAIN, "{}");
		b = (struct answer_budget){ cases[i].limit,
		    cases[i].remaining, RIG_START + 30000 };
		limits_learn(g->env.limits, g->c, &b);
		take(g, &t, "items");
		fake_loop_settle(g->L);
		if (t.calls == cases[i].waits)
			fail_msg("%s of %lld, %lld left: %d", cases[i].reserve,
			    (long long)cases[i].limit,
			    (long long)cases[i].remaining, t.calls);
		fake_loop_advance(g->L, 30010);
		assert_int_equal(t.calls, 1);
		rig_free(g);
	}
}

/* Whether a bucket is for a connector of that URL: it is where it leads to that
 * counts. */
static void
test_when(void ** state)
{
	static const char manifest[] = "{\"format\":1,\"type\":\"svc\","
	    "\"title\":\"Svc\",\"drive_model\":\"on_demand\",\"config\":{"
	    "\"api\":{\"type\":\"url\",\"default\":\"https://x.test/v1\"}},"
	    "\"base_url\":\"{{config.api}}\",\"test\":{\"url\":\"/\"},"
	    "\"limits\":{\"buckets\":{\"found\":{\"rate\":1,\"when\":{\"api\":["
	    "\"https://x.test/v1\",\"http://[::1]:81\"]}}}},\"entities\":{"
	    "\"found\":{" LIST("/f", ",\"bucket\":\"found\"") "}}}";
	static const struct {
		const char * api;
		int is_there;
	} cases[] = {
		{ NULL, 1 }, { "https://x.test/v1", 1 },
		{ "https://x.test/v1/", 1 }, { "https://x.test/v1//", 1 },
		{ "https://x.test/v1?a=b", 1 }, { "https://x.test/v1/?a=b", 1 },
		{ "https://x.test/v1#a", 1 }, { "HTTPS://X.Test/v1", 1 },
		{ "https://x.test:443/v1", 1 }, { "https://x.test:/v1", 1 },
		{ "https://x.test./v1/", 1 }, { "https://me@x.test/v1", 1 },
		{ "http://[::1]:81/", 1 }, { "http://[::1]:81?x", 1 },
		{ "https://x.test/V1", 0 }, { "https://x.test/v12", 0 },
		{ "https://x.test", 0 }, { "https://x.test/", 0 },
		{ "https://x.test:444/v1", 0 }, { "http://x.test/v1", 0 },
		{ "https://y.test/v1", 0 }, { "https://x.testy/v1", 0 },
		{ "https://a.x.test/v1", 0 }, { "http://[::1]/", 0 },
		{ "https://y.test/https://x.test/v1", 0 },
	};
	struct buf b = BUF_INIT(200);
	struct connector * c;
	struct manifest * m;
	json_t * config;
	struct err e;
	size_t i;

	(void)state;
	m = manifest_parse(manifest, strlen(manifest), "test", &e);
	if (m == NULL)
		fail_msg("%s", e.msg);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		config = json_pack("{s:s*}", "api", cases[i].api);
		c = connector_new(m, "id-1", "it", config, NULL, &e);
		if (c == NULL)
			fail_msg("%s", e.msg);
		buf_clear(&b);
		limits_describe(c, &m->entities[0].lists[0].toll, &b);
		if ((b.len > 0) != cases[i].is_there)
			fail_msg("%s: '%s'", cases[i].api, b.len > 0 ? b.p : "");
		connector_unref(c);
		json_decref(config);
	}
	buf_free(&b);
	manifest_unref(m);
}

static void
on_waiting(void * arg, const char * key, size_t n)
{
	buf_addf(arg, "%s=%zu ", key, n);
}

static void
test_who_waits(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"buckets\":{" SEARCH "}}},",
	    "\"items\":{" LIST("/i", "") "},\"found\":{" LIST("/f",
	    ",\"bucket\":\"search\"") "}", "{}");
	struct buf b = BUF_INIT(1000);
	struct taker t[5];
	int i;

	(void)state;
	for (i = 0; i < 5; i++)
		take(g, &t[i], "found");
	fake_loop_settle(g->L);
	limits_each_waiting(g->env.limits, 10, on_waiting, &b);
	assert_string_equal(b.p, "svc.test:it:search=3 ");
	buf_clear(&b);
	limits_each_waiting(g->env.limits, 0, on_waiting, &b);
	assert_int_equal(b.len, 0);
	fake_loop_advance(g->L, 10000);
	limits_each_waiting(g->env.limits, 10, on_waiting, &b);
	assert_int_equal(b.len, 0);
	buf_free(&b);
	rig_free(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cost), cmocka_unit_test(test_apart),
		cmocka_unit_test(test_each_stage),
		cmocka_unit_test(test_two_daemons),
		cmocka_unit_test(test_headers), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_reserve), cmocka_unit_test(test_when),
		cmocka_unit_test(test_who_waits),
	};

	return (cmocka_run_group_tests_name("budgets of a connector", tests,
	    NULL, NULL));
}
