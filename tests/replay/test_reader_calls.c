#include "reader_rig.h"

#include "base/clock.h"

/* One page's call: retries, limits, budgets, what is kept, and being closed
 * at any moment. */

#define COLS "\"columns\":{\"id\":{\"type\":\"integer\"}," \
	"\"q\":{\"type\":\"text\"}}"
#define LIST(more) "\"items\":{" COLS ",\"lists\":[{\"url\":\"/i\"," \
	"\"push\":{\"q\":{\"op\":\"=\",\"query\":\"q\"}}" more "}]}"
#define ITEMS LIST("")
#define PAGES LIST(",\"paginate\":{\"kind\":\"page\",\"query\":\"p\"," \
	"\"first\":1}")
#define GOOD { .body = "[{\"id\":1}]" }

static void
test_retries(void ** state)
{
	struct rig * g = rig_new("", ITEMS, "{}");
	int64_t t0;

	(void)state;
	rig_script(g, "/i", { .status = 500 }, { .err_code = "recv",
	    .err_cls = ERR_TRANSIENT }, { .status = 502 }, GOOD);
	assert_int_equal(rig_read(g, "items", ""), 4);
	rig_rows(g, "1");
	assert_int_equal(g->ctx.st.calls, 4);
	assert_int_equal(g->ctx.st.retries, 3);
	assert_int_equal(g->ctx.st.pages, 1);
	rig_free(g);
	/* As often as OPTIONS say, then the error. */
	g = rig_new("", ITEMS, "{\"retry_count\":1}");
	rig_script(g, "/i", { .status = 500, .body = "boom" });
	assert_int_equal(rig_read(g, "items", ""), 2);
	rig_error(g, ERR_TRANSIENT, "http_500", "it.items, page 1: " BASE "/i");
	rig_free(g);
	/* Not what will fail the same way. */
	g = rig_new("", ITEMS, "{}");
	rig_script(g, "/i", { .status = 400 });
	assert_int_equal(rig_read(g, "items", ""), 1);
	rig_error(g, ERR_PERMANENT, "http_400", BASE "/i");
	rig_script(g, "/i", { .status = 401 });
	assert_int_equal(rig_read(g, "items", ""), 1);
	rig_error(g, ERR_CONFIG, "http_401", "check the credentials");
	/* Retry-After is waited for. */
	rig_script(g, "/i", { .status = 503, .header = "Retry-After: 30" },
	    GOOD);
	t0 = fake_loop_ms(g->L);
	assert_int_equal(rig_read(g, "items", ""), 2);
	rig_rows(g, "1");
	assert_in_range(fake_loop_ms(g->L) - t0, 30000, 30010);
	rig_free(g);
}

static void
test_deadline(void ** state)
{
	struct rig * g = rig_new("", ITEMS, "{}");
	int64_t t0 = fake_loop_ms(g->L);

	(void)state;
	g->ctx.deadline_ms = clock_mono_us() / 1000 + 20000;
	/* A wait that would last longer fails at once. */
	rig_script(g, "/i", { .status = 503, .header = "Retry-After: 30" },
	    { .never = 1 });
	assert_int_equal(rig_read(g, "items", ""), 1);
	rig_error(g, ERR_TRANSIENT, "http_503", BASE "/i");
	assert_int_equal(fake_loop_ms(g->L), t0);
	/* A call ends with the statement's time. */
	rig_read(g, "items", "");
	assert_true(g->has_failed);
	assert_int_equal(g->e.cls, ERR_TRANSIENT);
	assert_in_range(fake_loop_ms(g->L) - t0, 19900, 20000);
	assert_int_equal(rig_read(g, "items", ""), 0);
	rig_error(g, ERR_TRANSIENT, "deadline", "time is over");
	rig_free(g);
}

static void
test_rate_limited(void ** state)
{
	struct rig * g = rig_new("", PAGES, "{\"retry_count\":0}");
	int64_t t0 = fake_loop_ms(g->L);

	(void)state;
	g->ctx.no_cache = 1;
	rig_script(g, "/i?p=1", GOOD);
	rig_script(g, "/i?p=2", { .status = 429, .header = "Retry-After: 20" },
	    { .body = "[{\"id\":2}]" });
	rig_script(g, "/i?p=3", { .body = "[]" });
	/* Waiting is no retry that is counted out. */
	assert_int_equal(rig_read(g, "items", ""), 4);
	rig_rows(g, "1|2");
	assert_in_range(fake_loop_ms(g->L) - t0, 20000, 20010);
	assert_in_range(g->ctx.st.waited_ms, 20000, 20010);
	/* Without the time for it: at once, and saying when. */
	rig_script(g, "/i?p=1", { .status = 429, .header = "Retry-After: 20" },
	    GOOD);
	t0 = fake_loop_ms(g->L);
	g->ctx.deadline_ms = clock_mono_us() / 1000 + 10000;
	assert_int_equal(rig_read(g, "items", ""), 1);
	rig_error(g, ERR_TRANSIENT, "rate_limit", "until 2023-11-14T22:14:00Z");
	assert_int_equal(fake_loop_ms(g->L), t0);
	/* And nobody asks meanwhile. */
	assert_int_equal(rig_read(g, "items", ""), 0);
	rig_error(g, ERR_TRANSIENT, "rate_limit", "2023-11-14T22:14:0");
	assert_int_equal(fake_loop_ms(g->L), t0);
	/* "Now" that comes again and again is not taken at its word. */
	g->ctx.deadline_ms = 0;
	fake_loop_advance(g->L, 30000);
	rig_script(g, "/i?p=1", { .status = 429, .header = "Retry-After: 0" },
	    { .status = 429, .header = "Retry-After: 0" },
	    { .status = 429, .header = "Retry-After: 0" }, { .body = "[]" });
	t0 = fake_loop_ms(g->L);
	assert_int_equal(rig_read(g, "items", ""), 4);
	rig_rows(g, "");
	assert_in_range(fake_loop_ms(g->L) - t0, 700, 710);
	/* One that never gives in is given up. */
	rig_script(g, "/i?p=1", { .status = 429, .header = "Retry-After: 1" });
	g->ctx.deadline_ms = 0;
	assert_int_equal(rig_read(g, "items", ""), 7);
	rig_error(g, ERR_TRANSIENT, "rate_limit", "wait");
	rig_free(g);
}

static void
test_remaining(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"headers\":{\"limit\":\"X-L\","
	    "\"remaining\":\"X-R\",\"reset\":\"X-T\",\"reset_unit\":"
	    "\"delta_s\"}},", PAGES, "{}");
	struct answer_budget b;
	int64_t t0 = fake_loop_ms(g->L);

	(void)state;
	assert_int_equal(limits_known(g->env.limits, g->c, &b), -1);
	rig_script(g, "/i?p=1", { .body = "[{\"id\":1}]",
	    .header = "X-L: 60\nX-R: 0\nX-T: 40" });
	rig_script(g, "/i?p=2", { .body = "[]",
	    .header = "X-L: 60\nX-R: 59\nX-T: 40" });
	rig_open(g, "items", "");
	rig_next(g);
	/* The rows count, ... */
	rig_rows(g, "1");
	assert_int_equal(fake_loop_ms(g->L), t0);
	assert_int_equal(limits_known(g->env.limits, g->c, &b), 0);
	assert_int_equal(b.limit, 60);
	assert_int_equal(b.remaining, 0);
	assert_int_equal(b.reset_ms, RIG_START + 40000);
	/* ... and the next call waits. */
	rig_all(g);
	rig_rows(g, "1");
	assert_in_range(fake_loop_ms(g->L) - t0, 40000, 40010);
	assert_int_equal(limits_known(g->env.limits, g->c, &b), 0);
	assert_int_equal(b.remaining, 59);
	rig_free(g);
}

static void
test_error_rules(void ** state)
{
	struct rig * g = rig_new("\"errors\":[{\"status\":[410],\"do\":"
	    "\"skip\"},{\"path\":\"ok\",\"equals\":false,\"do\":\"fail\","
	    "\"class\":\"permanent\",\"code\":\"slack\"}],"
	    "\"error_text\":[\"error\"],", LIST(",\"records\":\"d\""), "{}");

	(void)state;
	rig_script(g, "/i", { .status = 410 }, { .body =
	    "{\"ok\":false,\"error\":\"nope\"}" }, { .body =
	    "{\"ok\":true,\"d\":[{\"id\":1}]}", .pieces = 5 });
	g->ctx.no_cache = 1;
	assert_int_equal(rig_read(g, "items", ""), 1);
	rig_rows(g, "");
	assert_int_equal(rig_read(g, "items", ""), 1);
	rig_error(g, ERR_PERMANENT, "slack", "nope");
	assert_int_equal(rig_read(g, "items", ""), 1);
	rig_rows(g, "1");
	rig_free(g);
}

static void
test_max_calls(void ** state)
{
	struct rig * g = rig_new("", PAGES, "{}");

	(void)state;
	rig_script(g, "/i?p=1", GOOD);
	rig_script(g, "/i?p=2", { .body = "[{\"id\":2}]" });
	rig_script(g, "/i?p=3", { .status = 500 });
	g->ctx.max_calls = 4;
	assert_int_equal(rig_read(g, "items", ""), 4);
	assert_string_equal(g->rows, "1|2");
	rig_error(g, ERR_PERMANENT, "max_api_calls", "its 4 API calls");
	if (strstr(g->e.msg, "filter by q") == NULL)
		fail_msg("%s", g->e.msg);
	rig_free(g);
}

static void
test_cache(void ** state)
{
	struct rig * g = rig_new("", PAGES, "{\"cache_ttl\":60}");
	struct plan * p;

	(void)state;
	rig_script(g, "/i?p=1", GOOD);
	rig_script(g, "/i?p=2", { .body = "[{\"id\":2}]" });
	rig_script(g, "/i?p=3", { .body = "[]" });
	rig_script(g, "/i?q=x&p=1", { .body = "[{\"id\":9,\"q\":\"x\"}]" });
	rig_script(g, "/i?q=x&p=2", { .body = "[]" });
	/* What was not read to its end is not kept. */
	rig_open(g, "items", "");
	rig_next(g);
	reader_close(g->r);
	g->r = NULL;
	assert_int_equal(rig_read(g, "items", ""), 3);
	rig_rows(g, "1|2");
	p = rig_plan(g, "items", "");
	assert_int_equal(reader_cached(&g->env, p), 0);
	fake_loop_advance(g->L, 5000);
	assert_int_equal(reader_cached(&g->env, p), 5000);
	plan_free(p);
	memset(&g->ctx.st, 0, sizeof(g->ctx.st));
	assert_int_equal(rig_read(g, "items", ""), 0);
	rig_rows(g, "1|2");
	assert_int_equal(g->ctx.st.cache_hits, 1);
	assert_int_equal(g->ctx.st.cache_age_ms, 5000);
	assert_int_equal(g->ctx.st.calls + g->ctx.st.rows + g->ctx.st.pages, 0);
	/* Another question has another answer. */
	assert_int_equal(rig_read(g, "items", "q=x"), 2);
	rig_rows(g, "9/x");
	/* Who wants none gets none and leaves none. */
	g->ctx.no_cache = 1;
	assert_int_equal(rig_read(g, "items", ""), 3);
	g->ctx.no_cache = 0;
	assert_int_equal(rig_read(g, "items", ""), 0);
	assert_int_equal(g->ctx.st.cache_age_ms, 5000);
	/* Old ones are not used, nor those of a connector acted on. */
	fake_loop_advance(g->L, 56000);
	assert_int_equal(rig_read(g, "items", ""), 3);
	assert_int_equal(rig_read(g, "items", ""), 0);
	result_cache_drop(g->env.cache, g->c->id);
	assert_int_equal(rig_read(g, "items", ""), 3);
	/* Nor what was being read while it was acted on. */
	result_cache_drop(g->env.cache, g->c->id);
	rig_open(g, "items", "");
	rig_next(g);
	result_cache_drop(g->env.cache, g->c->id);
	rig_all(g);
	assert_int_equal(rig_read(g, "items", ""), 3);
	assert_int_equal(rig_read(g, "items", ""), 0);
	/* An error is no result. */
	result_cache_drop(g->env.cache, "");
	rig_script(g, "/i?p=3", { .status = 400 }, { .body = "[]" });
	assert_int_equal(rig_read(g, "items", ""), 3);
	assert_true(g->has_failed);
	assert_int_equal(rig_read(g, "items", ""), 3);
	rig_rows(g, "1|2");
	rig_free(g);
	/* Off. */
	g = rig_new("", PAGES, "{\"cache_ttl\":0}");
	rig_script(g, "/i?p=1", GOOD);
	rig_script(g, "/i?p=2", { .body = "[]" });
	assert_int_equal(rig_read(g, "items", ""), 2);
	assert_int_equal(rig_read(g, "items", ""), 2);
	rig_free(g);
}

#define ONE "[{\"id\":1,\"b\":\"two\"}]"
#define MANIFEST_AGAIN "{\"format\":1,\"type\":\"svc\",\"title\":\"Svc\"," \
	"\"drive_model\":\"on_demand\",\"config\":{},\"base_url\":\"" BASE \
	"\",\"entities\":{\"items\":{\"columns\":{\"id\":{\"type\":\"text\"," \
	"\"path\":\"b\"},\"w\":{\"type\":\"text\"},\"c\":{\"type\":\"text\"}}," \
	"\"lists\":[{\"url\":\"/i\"}]}}}"

/* What else tells one question from another. */
static void
test_cache_key(void ** state)
{
	struct rig * g = rig_new("", "\"items\":{\"columns\":{\"id\":{\"type\":"
	    "\"integer\"},\"w\":{\"type\":\"text\",\"input\":true},\"b\":{"
	    "\"type\":\"text\"}},\"lists\":[{\"url\":\"/i\",\"push\":{\"w\":{"
	    "\"query\":\"w\"}}}]}", "{}");
	struct manifest * was = g->m;
	struct plan * p;
	struct err e;
	int i;

	(void)state;
	rig_script(g, "/i?w=a-b", { .body = ONE });
	rig_script(g, "/i", { .body = ONE }, { .body = ONE },
	    { .body = ONE });
	/* A NUL in a value does not end the key. */
	for (i = 0; i < 2; i++) {
		p = rig_plan(g, "items", "w=a-b");
		((char *)(uintptr_t)p->preds[0].values[0].s)[1] = '\0';
		p->wanted[2] = i == 1;
		rig_open_plan(g, p);
		rig_all(g);
		rig_rows(g, i == 0 ? "1/a-b" : "1/a-b/two");
	}
	/* Another value of a secret may be another account's. */
	assert_int_equal(rig_read(g, "items", ""), 1);
	assert_int_equal(rig_read(g, "items", ""), 0);
	assert_int_equal(secrets_put(g->secrets, "key", "sealed", &e), 0);
	assert_int_equal(rig_read(g, "items", ""), 1);
	assert_int_equal(secrets_put(g->secrets, "key", "sealed", &e), 0);
	assert_int_equal(rig_read(g, "items", ""), 0);
	secrets_drop(g->secrets, "key");
	assert_int_equal(rig_read(g, "items", ""), 1);
	/* And another manifest reads the same answer otherwise. */
	g->m = manifest_parse(MANIFEST_AGAIN, sizeof(MANIFEST_AGAIN) - 1, "t",
	    &e);
	if (g->m == NULL)
		fail_msg("%s", e.msg);
	connector_unref(g->c);
	g->c = connector_new(g->m, "id-1", "it", NULL, NULL, &e);
	assert_int_equal(rig_read(g, "items", ""), 1);
	rig_rows(g, "two");
	manifest_unref(was);
	rig_free(g);
}

static void
test_cache_limit(void ** state)
{
	struct rig * g = rig_new("", PAGES, "{}");
	struct plan * p;
	int i;

	(void)state;
	rig_script(g, "/i?p=1", GOOD);
	rig_script(g, "/i?p=2", { .body = "[{\"id\":2}]" });
	rig_script(g, "/i?p=3", { .body = "[]" });
	/* A limit that was reached completes the result, for that limit: also
	 * if nobody asks for the end. */
	for (i = 0; i < 2; i++) {
		p = rig_plan(g, "items", "");
		p->limit = 1;
		p->exact = 1;
		rig_open_plan(g, p);
		rig_next(g);
		rig_rows(g, "1");
		assert_int_equal(fake_http_requests(g->http, NULL), 1);
	}
	assert_int_equal(rig_read(g, "items", ""), 3);
	rig_rows(g, "1|2");
	rig_free(g);
}

static void
test_not_modified(void ** state)
{
	struct rig * g = rig_new("", LIST(",\"revalidate\":true,\"paginate\":"
	    "{\"kind\":\"link\"}"), "{\"cache_ttl\":0}");
	const struct fake_request * q;

	(void)state;
	g->fake.delay_ms = 5;
	rig_script(g, "/i", { .body = "[{\"id\":1}]", .header =
	    "ETag: \"e1\"\nLast-Modified: Tue, 14 Nov 2023 22:00:00 GMT\n"
	    "Link: </j>; rel=next" }, { .status = 304 }, { .status = 304,
	    .header = "Link: </k>; rel=next" }, { .body = "[{\"id\":5}]",
	    .header = "ETag: \"e2\"" }, { .status = 304 });
	rig_script(g, "/j", { .body = "[{\"id\":2}]" });
	rig_script(g, "/k", { .body = "[{\"id\":3}]" });
	assert_int_equal(rig_read(g, "items", ""), 2);
	rig_rows(g, "1|2");
	assert_int_equal(g->fake.puts, 1);
	q = fake_http_request(g->http, BASE "/i", 0);
	assert_null(strstr(q->headers, "If-"));
	/* What is kept is read as if it had come, its Link too. */
	assert_int_equal(rig_read(g, "items", ""), 2);
	rig_rows(g, "1|2");
	q = fake_http_request(g->http, BASE "/i", 1);
	assert_non_null(strstr(q->headers, "If-None-Match: \"e1\"\n"));
	assert_non_null(strstr(q->headers, "If-Modified-Since: Tue, 14 Nov"));
	assert_int_equal(g->ctx.st.not_modified, 1);
	assert_int_equal(g->ctx.st.calls, 4);
	assert_int_equal(rig_read(g, "items", ""), 2);
	rig_rows(g, "1|3");
	/* A change replaces it. */
	assert_int_equal(rig_read(g, "items", ""), 1);
	rig_rows(g, "5");
	assert_int_equal(rig_read(g, "items", ""), 1);
	rig_rows(g, "5");
	/* The state is away: asked without. */
	g->fake.is_away = 1;
	rig_script(g, "/i", GOOD);
	assert_int_equal(rig_read(g, "items", ""), 1);
	rig_rows(g, "1");
	/* A 304 nobody asked for. */
	rig_script(g, "/i", { .status = 304 });
	rig_read(g, "items", "");
	rig_error(g, ERR_PERMANENT, "http_304", "304");
	rig_free(g);
}

static void
test_not_kept(void ** state)
{
	struct rig * g = rig_new("", LIST(",\"revalidate\":true"),
	    "{\"cache_ttl\":0}");
	static char big[600000];
	static struct fake_answer a;

	(void)state;
	/* Large bodies are not kept; nor is what has no mark. */
	memset(big, ' ', sizeof(big) - 1);
	memcpy(big, "[{\"id\":1}]", 10);
	a.body = big;
	a.header = "ETag: \"e\"";
	fake_http_script(g->http, BASE "/i", &a, 1);
	rig_read(g, "items", "");
	rig_rows(g, "1");
	assert_int_equal(g->fake.puts, 0);
	rig_script(g, "/i", GOOD);
	rig_read(g, "items", "");
	assert_int_equal(g->fake.puts, 0);
	rig_free(g);
}

/* A read that comes through every state: kept, permit (shared), sent in
 * pieces, retried, limited, the next page; closed after ${ms}. */
static int
closed_at(int64_t ms, int within, int is_shared)
{
	struct rig * g = rig_new("\"limits\":{\"rate\":1,\"burst\":1},",
	    LIST(",\"revalidate\":true,\"paginate\":{\"kind\":\"page\","
	    "\"query\":\"p\",\"first\":1}"), "{}");
	int over, calls;

	g->fake.delay_ms = 7;
	g->fake.wait_ms = 11;
	g->fake.waits = 2;
	g->shared.is_shared = is_shared;
	g->close_within = within;
	g->ahead = 1;
	rig_script(g, "/i?p=1", { .status = 500, .delay_ms = 5 },
	    { .status = 429, .header = "Retry-After: 1", .delay_ms = 5 },
	    { .body = "[{\"id\":1}]", .pieces = 4, .piece_ms = 3,
	    .delay_ms = 4, .header = "ETag: \"e\"" });
	rig_script(g, "/i?p=2", { .body = "[{\"id\":2}]", .delay_ms = 9 });
	rig_script(g, "/i?p=3", { .body = "[]", .delay_ms = 9 });
	rig_open(g, "items", "");
	rig_begin(g);
	while (ms-- > 0 && g->r != NULL) {
		fake_loop_advance(g->L, 1);
		if (g->calls > 0 && g->r != NULL && !g->is_end) {
			g->calls = 0;
			rig_begin(g);
		}
	}
	over = g->is_end || within;
	calls = g->calls;
	reader_close(g->r);
	g->r = NULL;
	fake_loop_advance(g->L, 10000);
	/* Silence. */
	assert_int_equal(g->calls, calls);
	rig_free(g);
	return (over);
}

static void
test_cancel(void ** state)
{
	int64_t ms;

	(void)state;
	for (ms = 0; !closed_at(ms, 0, 0); ms += ms < 150 ? 1 : 7)
		assert_true(ms < 20000);
	assert_true(ms > 1000);
	for (ms = 0; !closed_at(ms, 0, 1); ms += ms < 150 ? 1 : 7)
		assert_true(ms < 20000);
	assert_true(ms > 1000);
	closed_at(10000, 1, 0);
	closed_at(10000, 1, 1);
}

static void
test_close_within(void ** state)
{
	struct rig * g = rig_new("", PAGES, "{}");

	(void)state;
	g->close_within = 1;
	/* With a page, */
	rig_script(g, "/i?p=1", GOOD);
	rig_script(g, "/i?p=2", { .body = "[]" });
	rig_open(g, "items", "");
	rig_next(g);
	assert_string_equal(g->rows, "1");
	/* with an error, */
	rig_script(g, "/i?p=1", { .status = 400 }, { .body = "[]" });
	rig_open(g, "items", "");
	rig_next(g);
	assert_true(g->has_failed);
	/* with the end, */
	rig_open(g, "items", "");
	rig_next(g);
	assert_true(g->is_end && !g->has_failed);
	/* and with what was kept. */
	rig_open(g, "items", "");
	rig_next(g);
	assert_int_equal(fake_http_requests(g->http, NULL), 3);
	rig_free(g);
}

static void
on_progress(void * arg, const struct read_stats * st)
{
	uint64_t * seen = arg;

	assert_true(st->calls >= *seen);
	*seen = st->calls;
}

static void
test_progress(void ** state)
{
	struct rig * g = rig_new("", PAGES, "{}");
	uint64_t seen = 0;

	(void)state;
	g->ctx.progress = on_progress;
	g->ctx.arg = &seen;
	rig_script(g, "/i?p=1", GOOD);
	rig_script(g, "/i?p=2", { .body = "[]" });
	rig_read(g, "items", "");
	assert_int_equal(seen, 2);
	rig_free(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_retries), cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_rate_limited),
		cmocka_unit_test(test_remaining),
		cmocka_unit_test(test_error_rules),
		cmocka_unit_test(test_max_calls), cmocka_unit_test(test_cache),
		cmocka_unit_test(test_cache_key),
		cmocka_unit_test(test_cache_limit),
		cmocka_unit_test(test_not_modified),
		cmocka_unit_test(test_not_kept), cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_close_within),
		cmocka_unit_test(test_progress),
	};

	return (cmocka_run_group_tests_name("reader calls", tests, NULL,
	    NULL));
}
