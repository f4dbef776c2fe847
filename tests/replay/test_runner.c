/* The clock: which buckets are run, when, and what is loaded at the start. */
#define WORLD_NODES 1
#define WORLD_BACKEND "sqlite"
#include "world_each.h"

#include "base/clock.h"
#include "conn/connector.h"
#include "manifest/types.h"

/* ---- buckets ---- */

static void
test_thousand_buckets(void ** state)
{
	static const int64_t schedules[] = { 100, 700, 1000, 15000, 60000,
	    3600000 };
	const struct fake_tick * t;
	char name[16];
	size_t i, k, n;

	(void)state;
	for (i = 0; i < sizeof(schedules) / sizeof(*schedules); i++) {
		snprintf(name, sizeof(name), "c%zu", i);
		world_create(w, 0, name, schedules[i]);
		world_pass(w, 1000 * schedules[i]);
		t = fake_targets_ticks(w->node[0].targets, name, &n);
		/* The last one may still be on its way. */
		assert_in_range(n, 999, 1001);
		for (k = 0; k < n; k++) {
			assert_int_equal(t[k].at % schedules[i], 0);
			assert_int_equal(t[k].at, t[0].at + (int64_t)k *
			    schedules[i]);
		}
		assert_int_equal(world_do(w, 0, runner_delete, name, NULL), 0);
	}
	assert_int_equal(world_stats(w, 0).skipped, 0);
	assert_int_equal(world_stats(w, 0).idle, 0);
	assert_int_equal(fake_targets_doubles(w->node[0].targets), 0);
}

static void
test_first_within_schedule(void ** state)
{
	char name[16];
	int64_t at;
	size_t i;

	(void)state;
	for (i = 0; i < 20; i++) {
		world_pass(w, 337);
		at = clock_wall_ms();
		snprintf(name, sizeof(name), "c%zu", i);
		world_create(w, 0, name, 1000);
		world_pass(w, 60);
		assert_int_equal(world_ticks(w, 0, name), 1);
		assert_int_equal(world_tick(w, 0, name, 0)->at,
		    at / 1000 * 1000);
	}
	/* Nobody runs a bucket twice, nor thinks it did. */
	world_pass(w, 5000);
	assert_int_equal(world_stats(w, 0).idle, 0);
	assert_int_equal(world_stats(w, 0).skipped, 0);
}

/* The first run is still under way when its bucket's own time comes. */
static void
test_slow_first_run(void ** state)
{
	struct fake_answer slow = world_good;
	char name[16];
	size_t i;

	(void)state;
	slow.delay_ms = 800;
	fake_http_script(w->http, URL, &slow, 1);
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "c%zu", i);
		world_create(w, 0, name, 1000);
	}
	world_pass(w, 900);
	assert_int_equal(world_sent(w), 20);
	assert_int_equal(world_stats(w, 0).skipped, 0);
	assert_int_equal(world_stats(w, 0).idle, 0);
}

static void
test_longer_than_its_bucket(void ** state)
{
	struct fake_answer slow = world_good;
	struct runner_stats st;

	(void)state;
	slow.delay_ms = 2500;
	fake_http_script(w->http, URL, &slow, 1);
	world_create(w, 0, "a", 1000);
	world_pass(w, 30000);
	st = world_stats(w, 0);
	/* Each takes 2553 ms and begins at its time of a second: every third. */
	assert_in_range(world_ticks(w, 0, "a"), 9, 10);
	assert_in_range(st.skipped, 18, 20);
	assert_int_equal(st.idle, 0);
	world_check_buckets(w, 0, "a", 1000);
}

static void
test_longer_than_its_bucket_by_a_hair(void ** state)
{
	struct fake_answer slow = world_good;

	(void)state;
	slow.delay_ms = 450;
	fake_http_script(w->http, URL, &slow, 1);
	world_create(w, 0, "a", 500);
	world_pass(w, 20000);
	/* 450 and 50 to write: it ends in the ms in which the next is due. */
	assert_true(world_ticks(w, 0, "a") >= 19);
	assert_true(world_stats(w, 0).skipped <= 21);
	world_check_buckets(w, 0, "a", 500);
}

/* The data directory came back from a copy without its node_id: a state of our
 * own has no other daemon who would run what it holds. */
static void
test_new_node_id(void ** state)
{
	size_t n;

	(void)state;
	world_create(w, 0, "a", 1000);
	world_pass(w, 5000);
	n = world_ticks(w, 0, "a");
	world_down(w, 0);
	w->node[0].id = "node-new";
	world_up(w, 0);
	world_pass(w, 5000);
	assert_true(world_ticks(w, 0, "a") >= n + 4);
	assert_int_equal(world_do(w, 0, runner_trigger, "a", NULL), 0);
}

/* ---- the wall clock ---- */

static void
test_clock_back(void ** state)
{
	size_t n;

	(void)state;
	world_create(w, 0, "a", 10000);
	world_pass(w, 100000);
	world_rest(w);
	n = world_ticks(w, 0, "a");
	assert_in_range(n, 9, 11);
	fake_loop_step_wall(w->L, -3600000);
	world_pass(w, 20000);
	assert_true(world_ticks(w, 0, "a") > n);
	world_pass(w, 7200000);
	world_check_buckets(w, 0, "a", 10000);
	/* What was there was not written again. */
	assert_in_range(world_ticks(w, 0, "a"), 720, 733);
	assert_in_range(fake_targets_doubles(w->node[0].targets), 8, 12);
	assert_string_equal(world_show(w, 0, "a", "status"), "connected");
}

static void
test_clock_back_a_little(void ** state)
{
	(void)state;
	world_create(w, 0, "a", 10000);
	world_pass(w, 100000);
	assert_in_range(world_ticks(w, 0, "a"), 9, 11);
	/* Into the bucket before: the lease says it was done. */
	fake_loop_step_wall(w->L, -10000);
	world_pass(w, 30000);
	assert_true(world_ticks(w, 0, "a") >= 11);
	world_check_buckets(w, 0, "a", 10000);
	fake_loop_step_wall(w->L, -3);
	world_pass(w, 30000);
	assert_true(world_ticks(w, 0, "a") >= 14);
	world_check_buckets(w, 0, "a", 10000);
}

static void
test_clock_forward(void ** state)
{
	size_t n;

	(void)state;
	world_create(w, 0, "a", 10000);
	world_pass(w, 100000);
	world_rest(w);
	n = world_ticks(w, 0, "a");
	fake_loop_step_wall(w->L, 3600000);
	world_pass(w, 20000);
	assert_true(world_ticks(w, 0, "a") > n);
	assert_true(world_tick(w, 0, "a", n)->at >= WORLD_START + 3600000);
	world_pass(w, 80000);
	assert_in_range(world_ticks(w, 0, "a"), n + 9, n + 11);
	world_check_buckets(w, 0, "a", 10000);
	assert_int_equal(world_stats(w, 0).skipped, 0);
}

/* The machine slept, or its clock was wrong until the network came: whoever runs
 * once a day does not wait the difference over again. */
static void
test_clock_forward_long(void ** state)
{
	(void)state;
	world_create(w, 0, "a", 86400000);
	world_pass(w, 3600000);
	assert_int_equal(world_ticks(w, 0, "a"), 1);
	fake_loop_step_wall(w->L, INT64_C(47) * 3600000);
	world_pass(w, 120000);
	assert_int_equal(world_ticks(w, 0, "a"), 2);
	world_check_buckets(w, 0, "a", 86400000);
	/* And back: not a second time. */
	fake_loop_step_wall(w->L, INT64_C(-3) * 3600000);
	world_pass(w, 120000);
	assert_int_equal(world_ticks(w, 0, "a"), 2);
}

/* ---- trigger ---- */

static void
test_trigger_idle(void ** state)
{
	(void)state;
	world_create(w, 0, "a", 3600000);
	world_pass(w, 5000);
	assert_int_equal(world_sent(w), 1);
	assert_int_equal(world_do(w, 0, runner_trigger, "a", NULL), 0);
	world_pass(w, 100);
	assert_int_equal(world_sent(w), 2);
	/* The bucket has its tick; the run leaves it as it is. */
	assert_int_equal(world_ticks(w, 0, "a"), 1);
	assert_string_equal(world_show(w, 0, "a", "last_rows_ingested"), "0");
	assert_int_equal(world_do(w, 0, runner_trigger, "nobody", NULL), -1);
}

static void
test_trigger_running(void ** state)
{
	struct fake_answer slow = world_good;
	size_t i;

	(void)state;
	slow.delay_ms = 500;
	fake_http_script(w->http, URL, &slow, 1);
	world_create(w, 0, "a", 3600000);
	world_pass(w, 100);
	/* Asked three times while it runs: once more, after it. */
	for (i = 0; i < 3; i++)
		assert_int_equal(world_do(w, 0, runner_trigger, "a", NULL), 0);
	assert_int_equal(world_sent(w), 1);
	world_pass(w, 600);
	assert_int_equal(world_sent(w), 2);
	assert_int_equal(world_sent_at(w, 1), 550);
	world_pass(w, 5000);
	assert_int_equal(world_sent(w), 2);
}

static void
test_trigger_at_the_bucket_s_start(void ** state)
{
	(void)state;
	/* The clock stands at the very start of a bucket, which is run. */
	world_create(w, 0, "a", 10000);
	fake_http_script(w->http, URL, &world_good, 1);
	fake_targets_commit(w->node[0].targets, 0);
	fake_loop_step_wall(w->L, -10);
	world_pass(w, 10);
	assert_int_equal(clock_wall_ms(), WORLD_START);
	assert_int_equal(world_sent(w), 1);
	assert_int_equal(world_do(w, 0, runner_trigger, "a", NULL), 0);
	world_pass(w, 0);
	assert_int_equal(world_sent(w), 2);
}

static void
test_trigger_disabled(void ** state)
{
	struct err e;

	(void)state;
	world_create(w, 0, "a", 1000);
	world_pass(w, 1500);
	assert_int_equal(world_do(w, 0, runner_pause, "a", NULL), 0);
	assert_int_equal(world_do(w, 0, runner_trigger, "a", &e), -1);
	assert_int_equal(e.cls, ERR_CONFIG);
	assert_string_equal(e.code, "disabled");
	assert_has(e.msg, "manual");
}

/* ---- loading ---- */

static void
test_status_is_restored(void ** state)
{
	char last[64];

	(void)state;
	world_create(w, 0, "a", 10000);
	world_pass(w, 25000);
	world_rest(w);
	snprintf(last, sizeof(last), "%s", world_show(w, 0, "a",
	    "last_success_at"));
	assert_true(last[0] != '\0');
	world_down(w, 0);
	world_pass(w, 3600000);
	world_up(w, 0);
	assert_string_equal(world_show(w, 0, "a", "last_success_at"), last);
	assert_string_equal(world_show(w, 0, "a", "last_rows_ingested"), "2");
	assert_string_equal(world_show(w, 0, "a", "status"), "connected");
	world_pass(w, 10000);
	assert_string_not_equal(world_show(w, 0, "a", "last_success_at"), last);
	world_check_buckets(w, 0, "a", 10000);
}

static void
test_disabled_stays_disabled(void ** state)
{
	size_t sent;

	(void)state;
	world_create(w, 0, "a", 1000);
	world_pass(w, 1500);
	assert_int_equal(world_do(w, 0, runner_pause, "a", NULL), 0);
	world_down(w, 0);
	world_up(w, 0);
	sent = world_sent(w);
	world_pass(w, 10000);
	assert_int_equal(world_sent(w), sent);
	assert_string_equal(world_show(w, 0, "a", "disabled_reason"), "manual");
}

#define UNKNOWN_TYPE "{\"id\":\"7d4a\",\"name\":\"b\",\"type\":\"teapot\"," \
	"\"config\":{\"endpoint\":\"http://tea.test\",\"key\":\"hunter2\"," \
	"\"deep\":[{\"token\":\"$env:T\"}]}," \
	"\"options\":{},\"target_database\":\"moltler\"," \
	"\"target_table\":\"t\",\"schedule_ms\":1000,\"enabled\":true," \
	"\"disabled_reason\":null,\"node\":\"node-a\",\"created_at\":5}"

/* A record that fits no more: shown with the reason, not run, not touched. */
static void
test_misfits(void ** state)
{
	json_t * before, * v;
	const char * next;
	struct err e;

	(void)state;
	world_create(w, 0, "a", 1000);
	world_create(w, 0, "c", 1000);
	world_down(w, 0);
	fake_tables_put(&w->tables, "b", UNKNOWN_TYPE);
	fake_tables_put(&w->tables, "b2", "{\"id\":\"8\",\"name\":\"b2\","
	    "\"type\":\"prometheus\",\"config\":{\"endpoint\":7},"
	    "\"target_table\":\"t\",\"schedule_ms\":1000,\"node\":\"node-a\"}");
	fake_tables_put(&w->tables, "b3", "{\"of\":\"nobody\"}");
	before = json_deep_copy(fake_tables_record(&w->tables, "b"));
	world_up(w, 0);
	world_pass(w, 5000);
	assert_true(world_ticks(w, 0, "a") >= 4);
	assert_true(world_ticks(w, 0, "c") >= 4);
	v = runner_list(w->node[0].runner, NULL, 100, &next);
	assert_int_equal(json_array_size(v), 4);
	json_decref(v);
	assert_int_equal(world_stats(w, 0).disabled, 2);
	assert_string_equal(world_show(w, 0, "b", "status"), "disabled");
	assert_string_equal(world_show(w, 0, "b", "type"), "teapot");
	assert_string_equal(world_show(w, 0, "b", "enabled"), "false");
	assert_has(world_show(w, 0, "b", "disabled_reason"), "teapot");
	assert_string_equal(world_show(w, 0, "b", "schedule_ms"), "1000");
	assert_string_equal(world_show(w, 0, "b", "target_table"), "t");
	/* Nobody knows which of it is secret; references are none. */
	assert_string_equal(world_show(w, 0, "b", "config"),
	    "{\"endpoint\":\"***\",\"key\":\"***\","
	    "\"deep\":[{\"token\":\"$env:T\"}]}");
	assert_has(world_show(w, 0, "b2", "disabled_reason"), "endpoint");
	/* What cannot be done says why. */
	assert_int_equal(world_do(w, 0, runner_trigger, "b", &e), -1);
	assert_has(e.msg, "teapot");
	assert_int_equal(world_do(w, 0, runner_test, "b", &e), -1);
	assert_has(e.msg, "teapot");
	assert_int_equal(world_do(w, 0, runner_pause, "b", &e), -1);
	assert_has(e.msg, "teapot");
	assert_int_equal(world_do(w, 0, runner_resume, "b", &e), -1);
	assert_has(e.msg, "teapot");
	assert_true(json_equal(before, fake_tables_record(&w->tables, "b")));
	json_decref(before);
	/* The name is taken; mending it makes it run; it can be deleted. */
	assert_int_equal(world_patch(w, 0, "b2",
	    "{\"config\":{\"endpoint\":\"" URL "\"}}", NULL), 0);
	world_pass(w, 2000);
	assert_true(world_ticks(w, 0, "b2") >= 1);
	assert_int_equal(world_do(w, 0, runner_delete, "b", NULL), 0);
	assert_null(fake_tables_record(&w->tables, "b"));
	assert_null(runner_show(w->node[0].runner, "b"));
}

static int
write_type(const char * dir, const char * type)
{
	const char * src = getenv("srcdir");
	char path[1024], line[4096];
	FILE * in, * out;

	snprintf(path, sizeof(path), "%s/connectors/prometheus/manifest.json",
	    src ? src : ".");
	in = fopen(path, "r");
	snprintf(path, sizeof(path), "mkdir -p %s/%s", dir, type);
	if (in == NULL || system(path) != 0)
		return (-1);
	snprintf(path, sizeof(path), "%s/%s/manifest.json", dir, type);
	if ((out = fopen(path, "w")) == NULL)
		return (-1);
	while (fgets(line, sizeof(line), in) != NULL) {
		if (strstr(line, "\"type\": \"prometheus\"") != NULL)
			fprintf(out, "\"type\": \"%s\",\n", type);
		else
			fputs(line, out);
	}
	fclose(in);
	return (fclose(out));
}

/* The type comes back: so does the connector. */
static void
test_misfit_fits_again(void ** state)
{
	char dir[] = "/tmp/moltler-replay-XXXXXX", cmd[64];
	const char * dirs[1] = { dir };
	struct types * types;
	struct err e;

	(void)state;
	world_down(w, 0);
	fake_tables_put(&w->tables, "b", "{\"id\":\"8\",\"name\":\"b\","
	    "\"type\":\"teapot\",\"config\":{\"endpoint\":\"" URL "\"},"
	    "\"options\":{},\"target_database\":\"moltler\","
	    "\"target_table\":\"t\",\"schedule_ms\":1000,\"node\":\"node-a\"}");
	world_up(w, 0);
	assert_string_equal(world_show(w, 0, "b", "status"), "disabled");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(write_type(dir, "teapot"), 0);
	if ((types = types_load(dirs, 1, &e)) == NULL)
		fail_msg("%s", e.msg);
	runner_set_types(w->node[0].runner, types);
	world_pass(w, 2000);
	assert_string_equal(world_show(w, 0, "b", "status"), "connected");
	assert_string_equal(world_show(w, 0, "b", "disabled_reason"), "");
	assert_true(world_ticks(w, 0, "b") >= 1);
	runner_set_types(w->node[0].runner, w->types);
	world_pass(w, 2000);
	types_free(types);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	assert_int_equal(system(cmd), 0);
}

/* Whether the ${i}-th still is of a type that was. */
static int
is_of(const struct types * t, size_t i)
{
	const struct connector * c;
	char name[16];

	snprintf(name, sizeof(name), "c%03zu", i);
	c = runner_connector(w->node[0].runner, name);
	return (c != NULL && types_get(t, c->m->type) == c->m);
}

/* Many go over to another type, so many at a time, whatever is made, dropped or
 * changed meanwhile. */
static void
test_refit_many(void ** state)
{
	const char * src = getenv("srcdir"), * dirs[1];
	struct types * own = w->types;
	char name[16], path[1024];
	struct outcome o = { 0 };
	json_t * body = json_pack("{s:{s:i}}", "options", "retry_count", 1);
	size_t i, left;
	struct err e;

	(void)state;
	for (i = 0; i < 150; i++) {
		snprintf(name, sizeof(name), "c%03zu", i);
		world_create(w, 0, name, 3600000);
	}
	world_rest(w);
	snprintf(path, sizeof(path), "%s/connectors", src ? src : ".");
	dirs[0] = path;
	if ((w->types = types_load(dirs, 1, &e)) == NULL)
		fail_msg("%s", e.msg);
	/* Its record is on its way: it goes over once that is there. */
	runner_patch(w->node[0].runner, "c010", body, world_on, &o);
	json_decref(body);
	assert_int_equal(o.calls, 0);
	runner_set_types(w->node[0].runner, w->types);
	for (left = 0, i = 0; i < 150; i++)
		left += (size_t)is_of(own, i);
	assert_int_equal(left, 150 - 63);
	world_create(w, 0, "a", 3600000);
	assert_int_equal(world_do(w, 0, runner_delete, "c063", &e), 0);
	world_pass(w, 100);
	assert_int_equal(o.calls, 1);
	assert_false(o.failed);
	outcome_free(&o);
	for (i = 0; i < 150; i++)
		assert_false(is_of(own, i));
	world_pass(w, 1000);
	types_free(own);
}

static void
test_load_while_away(void ** state)
{
	struct outcome o = { 0 };
	size_t i;

	(void)state;
	world_create(w, 0, "a", 1000);
	world_pass(w, 1000);
	world_down(w, 0);
	fake_state_away(w->node[0].state, 1);
	world_begin(w, 0);
	runner_load(w->node[0].runner, world_on, &o);
	world_wait(w, &o);
	assert_true(o.failed);
	assert_int_equal(o.e.cls, ERR_TRANSIENT);
	for (i = 0; i < 3; i++) {
		outcome_free(&o);
		runner_load_later(w->node[0].runner, world_on, &o);
		world_pass(w, 900);
		assert_int_equal(o.calls, 0);
		world_pass(w, 200);
		assert_int_equal(o.calls, 1);
		assert_true(o.failed);
	}
	fake_state_away(w->node[0].state, 0);
	outcome_free(&o);
	runner_load_later(w->node[0].runner, world_on, &o);
	world_wait(w, &o);
	assert_false(o.failed);
	assert_string_equal(world_show(w, 0, "a", "status"), "connected");
	i = world_ticks(w, 0, "a");
	world_pass(w, 2000);
	assert_true(world_ticks(w, 0, "a") > i);
}

/* Made while the load still waits: one connector, not two. */
static void
test_create_before_load(void ** state)
{
	struct outcome o = { 0 };
	const char * next;
	json_t * v;

	(void)state;
	world_down(w, 0);
	world_begin(w, 0);
	runner_load_later(w->node[0].runner, world_on, &o);
	world_create(w, 0, "a", 1000);
	world_wait(w, &o);
	v = runner_list(w->node[0].runner, NULL, 100, &next);
	assert_int_equal(json_array_size(v), 1);
	json_decref(v);
	world_pass(w, 5000);
	assert_int_equal(world_stats(w, 0).idle, 0);
	assert_int_equal(world_do(w, 0, runner_delete, "a", NULL), 0);
	assert_null(runner_show(w->node[0].runner, "a"));
}

/* ---- test calls ---- */

static void
test_test(void ** state)
{
	const struct fake_answer a[] = { world_good, { .status = 401 } };
	struct outcome o = { 0 };
	json_t * body = world_body("a", 1000), * err;

	(void)state;
	json_object_set_new(body, "enabled", json_false());
	world_create_body(w, 0, body);
	fake_http_script(w->http, URL, a, 2);
	runner_test(w->node[0].runner, "a", world_on, &o);
	world_wait(w, &o);
	assert_false(o.failed);
	assert_true(json_is_true(json_object_get(o.v, "ok")));
	assert_int_equal(json_integer_value(json_object_get(o.v, "rows")), 2);
	outcome_free(&o);
	runner_test(w->node[0].runner, "a", world_on, &o);
	world_wait(w, &o);
	assert_false(o.failed);
	assert_true(json_is_false(json_object_get(o.v, "ok")));
	err = json_object_get(o.v, "error");
	assert_string_equal(json_string_value(json_object_get(err, "class")),
	    "permanent");
	assert_string_equal(json_string_value(json_object_get(err, "code")),
	    "http_401");
	outcome_free(&o);
	world_pass(w, 1000);
	assert_int_equal(world_ticks(w, 0, "a"), 0);
	assert_string_equal(world_show(w, 0, "a", "last_error"), "");
}

/* Of a server's base URL alone there is nothing to scrape. */
static void
test_alerts_alone(void ** state)
{
	struct err e;

	(void)state;
	world_create(w, 0, "a", 1000);
	assert_int_equal(world_patch(w, 0, "a", "{\"config\":{\"endpoint\":null,"
	    "\"api_url\":\"http://p.test/\"}}", &e), -1);
	assert_has(e.msg, "metrics, which needs {{config.endpoint}}");
	assert_has(e.code, "bad_target");
	world_pass(w, 5000);
	assert_true(world_ticks(w, 0, "a") >= 4);
	assert_int_equal(world_patch(w, 0, "a", "{\"config\":{\"endpoint\":null,"
	    "\"api_url\":\"http://p.test/\"},\"schedule_ms\":null,"
	    "\"target_table\":null,\"target_database\":null}", &e), 0);
	assert_string_equal(world_show(w, 0, "a", "schedule_ms"), "");
	assert_int_equal(world_do(w, 0, runner_trigger, "a", &e), -1);
	assert_has(e.code, "no_sync");
	assert_int_equal(world_patch(w, 0, "a", "{\"config\":{\"api_url\":null}}",
	    &e), -1);
	assert_has(e.msg, "config.endpoint is missing (or give api_url)");
}

#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_thousand_buckets), T(test_first_within_schedule),
		T(test_slow_first_run), T(test_longer_than_its_bucket),
		T(test_longer_than_its_bucket_by_a_hair), T(test_clock_back),
		T(test_clock_back_a_little), T(test_clock_forward),
		T(test_clock_forward_long), T(test_new_node_id),
		T(test_trigger_idle), T(test_trigger_running),
		T(test_trigger_at_the_bucket_s_start),
		T(test_trigger_disabled), T(test_status_is_restored),
		T(test_disabled_stays_disabled), T(test_misfits),
		T(test_misfit_fits_again), T(test_refit_many),
		T(test_load_while_away),
		T(test_create_before_load), T(test_test), T(test_alerts_alone),
	};

	return (cmocka_run_group_tests_name("runner", tests, NULL, NULL));
}
