/* One run: what is retried, when, and what an error does to its connector. */
#define WORLD_NODES 1
#define WORLD_BACKEND "sqlite"
#include "world_each.h"

#define EVERY 10000

static const struct fake_answer busy = { .delay_ms = 2, .status = 503,
    .body = "no\n" };

static void
script(const struct fake_answer * a, size_t n)
{
	fake_http_script(w->http, URL, a, n);
}

/* The wait before request ${i} lies in (lo, hi], after ${answer_ms} of answer. */
static void
check_wait(size_t i, int64_t answer_ms, int64_t lo, int64_t hi)
{
	int64_t d = world_sent_at(w, i) - world_sent_at(w, i - 1) - answer_ms;

	if (d <= lo || d > hi)
		fail_msg("waited %lld ms before request %zu, not in (%lld, "
		    "%lld]", (long long)d, i, (long long)lo, (long long)hi);
}

static void
test_good(void ** state)
{
	const struct fake_tick * t;

	(void)state;
	world_create(w, 0, "a", EVERY);
	world_pass(w, 100);
	assert_int_equal(world_sent(w), 1);
	assert_int_equal(world_ticks(w, 0, "a"), 1);
	t = world_tick(w, 0, "a", 0);
	assert_int_equal(t->at, WORLD_START);
	assert_int_equal(t->n, 2);
	assert_true(t->first == 1);
	assert_string_equal(world_show(w, 0, "a", "status"), "connected");
	assert_string_equal(world_show(w, 0, "a", "last_rows_ingested"), "2");
	assert_string_equal(world_show(w, 0, "a", "last_error"), "");
	assert_has(fake_http_request(w->http, URL, 0)->headers,
	    "Accept: application/openmetrics-text");
	assert_int_equal(fake_tables_count(&w->tables, "a", "connected"), 1);
}

static void
test_two_failures_then_good(void ** state)
{
	const struct fake_answer a[] = { busy, busy, world_good, world_good };

	(void)state;
	script(a, 4);
	world_create(w, 0, "a", EVERY);
	world_pass(w, EVERY / 2);
	if (world_sent(w) > 3)
		assert_true(world_sent_at(w, 3) > 300);
	check_wait(1, 2, 50, 100);
	check_wait(2, 2, 100, 200);
	assert_int_equal(world_ticks(w, 0, "a"), 1);
	assert_string_equal(world_show(w, 0, "a", "status"), "connected");
	assert_string_equal(world_show(w, 0, "a", "last_error"), "");
	assert_int_equal(world_stats(w, 0).ticks[RUNNER_OK], 1);
	assert_int_equal(world_stats(w, 0).ticks[RUNNER_TRANSIENT], 0);
}

static void
test_all_fail_then_next_bucket(void ** state)
{
	const struct fake_answer a[] = { busy, busy, busy, busy, world_good };
	struct runner_stats st;

	(void)state;
	script(a, 5);
	world_create(w, 0, "a", EVERY);
	world_pass(w, 900);
	assert_int_equal(world_sent(w), 4);
	check_wait(3, 2, 200, 400);
	assert_int_equal(world_ticks(w, 0, "a"), 0);
	assert_begins(world_show(w, 0, "a", "last_error"), "transient: ");
	assert_has(world_show(w, 0, "a", "last_error"), "503");
	assert_string_equal(world_show(w, 0, "a", "status"), "error");
	assert_string_equal(world_show(w, 0, "a", "enabled"), "true");
	assert_int_equal(fake_tables_count(&w->tables, "a", "error"), 1);
	world_pass(w, 2 * EVERY);
	st = world_stats(w, 0);
	assert_int_equal(st.ticks[RUNNER_TRANSIENT], 1);
	assert_int_equal(st.ticks[RUNNER_OK], world_ticks(w, 0, "a"));
	assert_true(world_ticks(w, 0, "a") >= 1);
	assert_int_equal(world_tick(w, 0, "a", 0)->at, WORLD_START + EVERY);
	assert_string_equal(world_show(w, 0, "a", "status"), "connected");
	assert_string_equal(world_show(w, 0, "a", "last_error"), "");
}

static void
test_retry_count_of_options(void ** state)
{
	json_t * body = world_body("a", EVERY);

	(void)state;
	script(&busy, 1);
	json_object_set_new(body, "options", json_pack("{s:i}", "retry_count",
	    0));
	world_create_body(w, 0, body);
	world_pass(w, 900);
	assert_int_equal(world_sent(w), 1);
}

static void
test_retry_after_within(void ** state)
{
	const struct fake_answer limited = { .status = 429,
	    .header = "Retry-After: 2" };
	const struct fake_answer a[] = { limited, world_good };

	(void)state;
	script(a, 2);
	world_create(w, 0, "a", EVERY);
	world_pass(w, 3000);
	assert_true(world_sent(w) >= 2);
	assert_int_equal(world_sent_at(w, 1) - world_sent_at(w, 0), 2000);
	assert_int_equal(world_ticks(w, 0, "a"), 1);
}

static void
test_retry_after_beyond(void ** state)
{
	const struct fake_answer limited = { .status = 429,
	    .header = "Retry-After: 11" };
	const struct fake_answer a[] = { limited, world_good };

	(void)state;
	script(a, 2);
	world_create(w, 0, "a", EVERY);
	world_pass(w, 100);
	/* It fails at once: waiting would be of no use. */
	assert_int_equal(world_stats(w, 0).ticks[RUNNER_TRANSIENT], 1);
	assert_begins(world_show(w, 0, "a", "last_error"), "transient: ");
	assert_int_equal(world_sent(w), 1);
	world_pass(w, 2 * EVERY);
	assert_int_equal(world_tick(w, 0, "a", 0)->at, WORLD_START + EVERY);
}

static void
test_retry_after_as_a_date(void ** state)
{
	/* Three seconds after the start. */
	const struct fake_answer away = { .status = 503,
	    .header = "Retry-After: Tue, 14 Nov 2023 22:13:23 GMT" };
	const struct fake_answer a[] = { away, world_good };

	(void)state;
	script(a, 2);
	world_create(w, 0, "a", EVERY);
	world_pass(w, 4000);
	assert_int_equal(world_sent_at(w, 1), 3000);
	assert_int_equal(world_ticks(w, 0, "a"), 1);
}

static void
test_timeout(void ** state)
{
	const struct fake_answer a[] = { world_never, world_good };
	json_t * body = world_body("a", EVERY);

	(void)state;
	script(a, 2);
	json_object_set_new(json_object_get(body, "config"), "timeout_ms",
	    json_integer(700));
	world_create_body(w, 0, body);
	world_pass(w, 1000);
	assert_int_equal(world_sent(w), 2);
	check_wait(1, 700, 50, 100);
	assert_int_equal(world_ticks(w, 0, "a"), 1);
}

/* The last retry may not outlive the tick's time. */
static void
test_timeouts_end_in_time(void ** state)
{
	json_t * body = world_body("a", 1000);

	(void)state;
	script(&world_never, 1);
	json_object_set_new(json_object_get(body, "config"), "timeout_ms",
	    json_integer(600));
	world_create_body(w, 0, body);
	world_pass(w, 600);
	assert_int_equal(world_stats(w, 0).running, 1);
	world_pass(w, 405);
	assert_int_equal(world_stats(w, 0).ticks[RUNNER_TRANSIENT], 1);
	assert_has(world_show(w, 0, "a", "last_error"), "timeout");
}

static void
test_connect_error(void ** state)
{
	const struct fake_answer refused = { .delay_ms = 1,
	    .err_code = "connect", .err_cls = ERR_TRANSIENT };
	const struct fake_answer cut = { .err_code = "recv",
	    .err_cls = ERR_TRANSIENT };
	const struct fake_answer a[] = { refused, cut, world_good };

	(void)state;
	script(a, 3);
	world_create(w, 0, "a", EVERY);
	world_pass(w, 400);
	assert_int_equal(world_sent(w), 3);
	check_wait(1, 1, 50, 100);
	check_wait(2, 0, 100, 200);
	assert_int_equal(world_ticks(w, 0, "a"), 1);
}

static void
test_permanent_statuses(void ** state)
{
	static const int statuses[] = { 400, 401, 403, 404, 410, 301 };
	struct fake_answer a = { .body = "forbidden fruit\n" };
	char name[16], code[32];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		a.status = statuses[i];
		script(&a, 1);
		snprintf(name, sizeof(name), "c%zu", i);
		snprintf(code, sizeof(code), "answered %d: forbidden fruit",
		    a.status);
		world_create(w, 0, name, 3600000);
		world_pass(w, 900);
		assert_int_equal(world_sent(w), i + 1);
		assert_begins(world_show(w, 0, name, "last_error"),
		    "permanent: ");
		assert_has(world_show(w, 0, name, "last_error"), code);
		assert_string_equal(world_show(w, 0, name, "enabled"), "true");
		assert_string_equal(world_show(w, 0, name, "disabled_reason"),
		    "");
	}
	assert_int_equal(world_stats(w, 0).ticks[RUNNER_PERMANENT], i);
}

/* It is asked again in each bucket: somebody may have mended the service. */
static void
test_permanent_goes_on(void ** state)
{
	const struct fake_answer gone = { .status = 401 };
	const struct fake_answer a[] = { gone, gone, world_good };

	(void)state;
	script(a, 3);
	world_create(w, 0, "a", 1000);
	world_pass(w, 4000);
	assert_true(world_ticks(w, 0, "a") >= 1);
	assert_string_equal(world_show(w, 0, "a", "status"), "connected");
	/* Two failures of one kind are one event. */
	assert_int_equal(fake_tables_count(&w->tables, "a", "error"), 1);
	assert_int_equal(fake_tables_count(&w->tables, "a", "connected"), 1);
}

static void
test_html(void ** state)
{
	const struct fake_answer html = { .ctype = "text/html; charset=utf-8",
	    .body = "<html>sign in</html>" };

	(void)state;
	script(&html, 1);
	world_create(w, 0, "a", EVERY);
	world_pass(w, 900);
	assert_int_equal(world_sent(w), 1);
	assert_int_equal(world_ticks(w, 0, "a"), 0);
	assert_begins(world_show(w, 0, "a", "last_error"), "permanent: ");
	assert_has(world_show(w, 0, "a", "last_error"), "text/html");
	assert_has(world_show(w, 0, "a", "last_error"), URL);
}

static void
test_parse_error(void ** state)
{
	const struct fake_answer a[] = { world_good, { .pieces = 7,
	    .piece_ms = 20, .body = "up 1\nrequests_total{code=\"200\"} 43\n"
	    "up up up\nmore 1\nmore 2\nmore 3\n" }, world_good };

	(void)state;
	script(a, 3);
	world_create(w, 0, "a", 1000);
	world_pass(w, 100);
	assert_int_equal(world_ticks(w, 0, "a"), 1);
	while (world_sent(w) < 2)
		world_pass(w, 10);
	world_pass(w, 300);
	assert_int_equal(world_sent(w), 2);
	assert_int_equal(world_ticks(w, 0, "a"), 1);
	assert_begins(world_show(w, 0, "a", "last_error"), "permanent: ");
	assert_has(world_show(w, 0, "a", "last_error"), "line 3");
	assert_has(world_show(w, 0, "a", "last_error"), "byte");
	/* What stood there is not changed by the half-read page. */
	world_pass(w, 1000);
	assert_int_equal(world_ticks(w, 0, "a"), 2);
	assert_string_equal(world_show(w, 0, "a", "last_error"), "");
}

static void
test_empty_page(void ** state)
{
	const struct fake_answer empty = { .delay_ms = 1 };

	(void)state;
	script(&empty, 1);
	world_create(w, 0, "a", EVERY);
	world_pass(w, 900);
	assert_int_equal(world_sent(w), 1);
	assert_int_equal(world_ticks(w, 0, "a"), 1);
	assert_int_equal(world_tick(w, 0, "a", 0)->n, 0);
	assert_string_equal(world_show(w, 0, "a", "status"), "connected");
}

static void
test_pieces(void ** state)
{
	struct fake_answer slow = world_good;

	(void)state;
	slow.pieces = 20;
	slow.piece_ms = 10;
	script(&slow, 1);
	world_create(w, 0, "a", EVERY);
	world_pass(w, 900);
	assert_int_equal(world_tick(w, 0, "a", 0)->n, 2);
	assert_int_equal(world_tick(w, 0, "a", 0)->stored, 3 + 190 + 50);
}

static void
test_cut_off_page(void ** state)
{
	struct fake_answer slow = world_good;

	(void)state;
	/* The request's own time ends in the middle of the page. */
	slow.pieces = 10;
	slow.piece_ms = 1000;
	script(&slow, 1);
	world_create(w, 0, "a", EVERY);
	world_pass(w, 5300);
	assert_int_equal(world_sent(w), 2);
	assert_int_equal(world_ticks(w, 0, "a"), 0);
}

/* ---- secrets ---- */

static void
create_with_auth(json_t * auth)
{
	json_t * body = world_body("a", 1000);

	json_object_set_new(json_object_get(body, "config"), "auth", auth);
	world_create_body(w, 0, body);
}

static void
check_disabled(const char * with)
{
	const json_t * rec = fake_tables_record(&w->tables, "a");

	assert_int_equal(world_sent(w), 0);
	assert_string_equal(world_show(w, 0, "a", "enabled"), "false");
	assert_string_equal(world_show(w, 0, "a", "status"), "disabled");
	assert_begins(world_show(w, 0, "a", "disabled_reason"), with);
	assert_begins(world_show(w, 0, "a", "last_error"), "config: ");
	assert_true(json_is_false(json_object_get(rec, "enabled")));
	assert_begins(json_string_value(json_object_get(rec,
	    "disabled_reason")), with);
	assert_int_equal(fake_tables_count(&w->tables, "a", "disabled"), 1);
	/* For ever. */
	world_pass(w, 3600000);
	assert_int_equal(world_sent(w), 0);
	assert_int_equal(world_stats(w, 0).ticks[RUNNER_CONFIG], 1);
	assert_begins(json_string_value(json_object_get(
	    fake_tables_status(&w->tables, "a"), "disabled_reason")), with);
}

static void
test_token(void ** state)
{
	struct err e;

	(void)state;
	unsetenv("REPLAY_TOKEN");
	create_with_auth(json_pack("{s:s, s:s}", "type", "bearer", "token_ref",
	    "$env:REPLAY_TOKEN"));
	world_pass(w, 5000);
	check_disabled("token resolve: ");
	assert_int_equal(world_do(w, 0, runner_trigger, "a", &e), -1);
	assert_string_equal(e.code, "disabled");
	setenv("REPLAY_TOKEN", "s3cret", 1);
	assert_int_equal(world_do(w, 0, runner_resume, "a", NULL), 0);
	assert_string_equal(world_show(w, 0, "a", "last_error"), "");
	assert_string_equal(world_show(w, 0, "a", "disabled_reason"), "");
	world_pass(w, 2100);
	assert_true(world_ticks(w, 0, "a") >= 1);
	assert_has(fake_http_request(w->http, URL, 0)->headers,
	    "Authorization: Bearer s3cret\n");
	assert_string_equal(world_show(w, 0, "a", "status"), "connected");
	assert_true(json_is_true(json_object_get(fake_tables_record(
	    &w->tables, "a"), "enabled")));
	unsetenv("REPLAY_TOKEN");
}

static void
test_password(void ** state)
{
	(void)state;
	unsetenv("REPLAY_PASSWORD");
	create_with_auth(json_pack("{s:s, s:s, s:s}", "type", "basic",
	    "username", "ann", "password_ref", "$env:REPLAY_PASSWORD"));
	world_pass(w, 5000);
	check_disabled("password resolve: ");
	setenv("REPLAY_PASSWORD", "open", 1);
	assert_int_equal(world_do(w, 0, runner_resume, "a", NULL), 0);
	world_pass(w, 2100);
	assert_true(world_ticks(w, 0, "a") >= 1);
	assert_has(fake_http_request(w->http, URL, 0)->headers,
	    "Authorization: Basic YW5uOm9wZW4=\n");
	unsetenv("REPLAY_PASSWORD");
}

/* The secret goes away while it runs, and resuming is not enough. */
static void
test_secret_goes_away(void ** state)
{
	size_t sent;

	(void)state;
	setenv("REPLAY_TOKEN", "s3cret", 1);
	create_with_auth(json_pack("{s:s, s:s}", "type", "bearer", "token_ref",
	    "$env:REPLAY_TOKEN"));
	world_pass(w, 3000);
	sent = world_sent(w);
	assert_true(sent >= 3);
	unsetenv("REPLAY_TOKEN");
	world_pass(w, 3000);
	assert_int_equal(world_sent(w), sent);
	assert_string_equal(world_show(w, 0, "a", "enabled"), "false");
	assert_int_equal(world_do(w, 0, runner_resume, "a", NULL), 0);
	world_pass(w, 3000);
	assert_string_equal(world_show(w, 0, "a", "enabled"), "false");
	assert_int_equal(world_sent(w), sent);
	assert_int_equal(fake_tables_count(&w->tables, "a", "disabled"), 2);
}

/* The record says disabled even if the state was away at that moment. */
static void
test_disabled_while_the_state_is_away(void ** state)
{
	(void)state;
	unsetenv("REPLAY_TOKEN");
	fake_state_delay(w->node[0].state, 20);
	create_with_auth(json_pack("{s:s, s:s}", "type", "bearer", "token_ref",
	    "$env:REPLAY_TOKEN"));
	/* The claim is answered at 40 ms, then the write is refused. */
	world_pass(w, 15);
	fake_state_away(w->node[0].state, 1);
	world_pass(w, 5000);
	fake_state_away(w->node[0].state, 0);
	world_pass(w, 5000);
	assert_string_equal(world_show(w, 0, "a", "enabled"), "false");
	assert_true(json_is_false(json_object_get(fake_tables_record(
	    &w->tables, "a"), "enabled")));
}

/* ---- the target and the state ---- */

static void
test_disk_full(void ** state)
{
	(void)state;
	fake_targets_fail(w->node[0].targets, ERR_TRANSIENT, "disk_full", 2);
	world_create(w, 0, "a", EVERY);
	world_pass(w, 900);
	assert_int_equal(world_sent(w), 3);
	check_wait(1, 53, 50, 100);
	check_wait(2, 53, 100, 200);
	assert_int_equal(world_ticks(w, 0, "a"), 1);
}

static void
test_disk_stays_full(void ** state)
{
	(void)state;
	fake_targets_fail(w->node[0].targets, ERR_TRANSIENT, "disk_full", 4);
	world_create(w, 0, "a", EVERY);
	world_pass(w, 1500);
	assert_int_equal(world_sent(w), 4);
	assert_int_equal(world_ticks(w, 0, "a"), 0);
	assert_begins(world_show(w, 0, "a", "last_error"), "transient: ");
	assert_has(world_show(w, 0, "a", "last_error"), "disk_full");
	assert_int_equal(world_stats(w, 0).rows, 0);
	world_pass(w, 2 * EVERY);
	assert_int_equal(world_tick(w, 0, "a", 0)->at, WORLD_START + EVERY);
}

static void
test_target_does_not_open(void ** state)
{
	(void)state;
	fake_targets_refuse(w->node[0].targets, ERR_TRANSIENT, "busy", 2);
	world_create(w, 0, "a", 1000);
	world_pass(w, 900);
	assert_int_equal(world_sent(w), 0);
	assert_begins(world_show(w, 0, "a", "last_error"), "transient: ");
	world_pass(w, 3000);
	assert_true(world_ticks(w, 0, "a") >= 1);
	fake_targets_refuse(w->node[0].targets, ERR_CONFIG, "too_many", 1);
	world_create(w, 0, "b", 1000);
	world_pass(w, 10);
	assert_string_equal(world_show(w, 0, "b", "enabled"), "false");
	assert_has(world_show(w, 0, "b", "disabled_reason"), "too_many");
}

static void
test_retention(void ** state)
{
	json_t * body = world_body("a", EVERY);

	(void)state;
	json_object_set_new(body, "options", json_pack("{s:s}", "retention",
	    "2h"));
	world_create_body(w, 0, body);
	world_pass(w, 100);
	assert_int_equal(fake_targets_retention(w->node[0].targets, "a"),
	    7200000);
}

static void
test_state_away(void ** state)
{
	size_t n;

	(void)state;
	world_create(w, 0, "a", 1000);
	world_pass(w, 2500);
	n = world_ticks(w, 0, "a");
	assert_true(n >= 2);
	world_rest(w);
	n = world_ticks(w, 0, "a");
	fake_state_away(w->node[0].state, 1);
	world_pass(w, 5000);
	assert_int_equal(world_ticks(w, 0, "a"), n);
	assert_int_equal(world_sent(w), n);
	assert_begins(world_show(w, 0, "a", "last_error"), "transient: ");
	assert_has(world_show(w, 0, "a", "last_error"), "state is away");
	assert_has(world_show(w, 0, "a", "last_error"), "claiming");
	fake_state_away(w->node[0].state, 0);
	world_pass(w, 2000);
	assert_true(world_ticks(w, 0, "a") > n);
	assert_string_equal(world_show(w, 0, "a", "last_error"), "");
	assert_string_equal(world_show(w, 0, "a", "status"), "connected");
	world_check_buckets(w, 0, "a", 1000);
}

static void
test_lost_claim(void ** state)
{
	size_t n;

	(void)state;
	world_create(w, 0, "a", 1000);
	world_pass(w, 2500);
	world_rest(w);
	n = world_ticks(w, 0, "a");
	fake_state_lose(w->node[0].state, 1);
	world_pass(w, 1000);
	assert_int_equal(world_ticks(w, 0, "a"), n);
	assert_int_equal(world_stats(w, 0).ticks[RUNNER_TRANSIENT], 1);
	world_pass(w, 3000);
	assert_int_equal(world_ticks(w, 0, "a"), n + 3);
	world_check_buckets(w, 0, "a", 1000);
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_good), T(test_two_failures_then_good),
		T(test_all_fail_then_next_bucket),
		T(test_retry_count_of_options), T(test_retry_after_within),
		T(test_retry_after_beyond), T(test_retry_after_as_a_date),
		T(test_timeout), T(test_timeouts_end_in_time),
		T(test_connect_error), T(test_permanent_statuses),
		T(test_permanent_goes_on), T(test_html), T(test_parse_error),
		T(test_empty_page), T(test_pieces), T(test_cut_off_page),
		T(test_token), T(test_password), T(test_secret_goes_away),
		T(test_disabled_while_the_state_is_away), T(test_disk_full),
		T(test_disk_stays_full), T(test_target_does_not_open),
		T(test_retention), T(test_state_away), T(test_lost_claim),
	};

	return (cmocka_run_group_tests_name("tick", tests, NULL, NULL));
}
