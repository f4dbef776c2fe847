#include "acts_rig.h"
#include "base/clock.h"
#include "base/json.h"

/* What is written down of actions, whatever happens to the state or to the daemon. */

const char manifest[] = "{\"format\": 1, \"type\": \"svc\", \"title\": \"t\", "
    "\"description\": \"d\", \"drive_model\": \"on_demand\", \"config\": {}, \"entities\": {"
    "\"e\": {\"key\": [\"id\"], \"columns\": {\"id\": {\"type\": \"integer\"}}, \"lists\": "
    "[{\"url\": \"" HOST "/e\"}], \"actions\": {\"make\": {\"method\": \"POST\", \"url\": "
    "\"" HOST "/make\", \"args\": {\"name\": {\"type\": \"string\"}, \"token\": {\"type\": "
    "\"string\"}, \"more\": {\"type\": \"any\"}}}}}}, \"test\": {\"url\": \"" HOST
    "/me\"}}";

static int
start(void ** state)
{
	setup(state);
	acts_begin();
	calls = 0;
	return (0);
}

static int
stop(void ** state)
{
	acts_end();
	return (teardown(state));
}

static struct act *
do_it(const char * args)
{
	static const struct act_who who = { "ann", "192.0.2.1", "rq" };
	const struct manifest_entity * ent = manifest_entity(m, "e");
	json_t * v = json_loads(args, 0, NULL);
	struct act * a;

	calls = 0;
	a = acts_start(acts[0], &env, c, ent, manifest_action(ent, "make"), v,
	    &who, on_done, NULL);
	assert_non_null(a);
	json_decref(v);
	return (a);
}

static void
until_done(void)
{
	assert_int_equal(fake_loop_until(L, is_over, NULL, 120000), 0);
	assert_int_equal(calls, 1);
}

/* ---- looking ---- */

static json_t * seen;
static int looked;

static void
on_seen(void * arg, json_t * v, const struct err * e)
{
	(void)arg;
	looked++;
	json_decref(seen);
	seen = v ? json_deep_copy(v) : NULL;
	if (e != NULL)
		why = *e;
}

/* What node ${i} shows of the newest. */
static const json_t *
newest(int i)
{
	looked = 0;
	acts_list(acts[i], NULL, NULL, 10, on_seen, NULL);
	fake_loop_settle(L);
	assert_int_equal(looked, 1);
	return (json_array_get(json_object_get(seen, "items"), 0));
}

static void
outcome(int i, const char * want)
{
	const char * is = json_str(newest(i), "outcome");

	assert_string_equal(is ? is : "(none)", want);
}

static size_t
kept(void)
{
	return (json_object_size(json_object_get(tables.records, "action")));
}

static void
test_written(void ** state)
{
	const json_t * v;
	const char * text;

	(void)state;
	ANSWERS("/make", { .status = 201, .delay_ms = 500, .body =
	    "{\"id\": 7}" });
	do_it("{\"name\": \"x\", \"token\": \"t-secret\", \"more\": {\"password\": "
	    "\"p-secret\", \"n\": [1, \"Bearer b-secret\"]}}");
	fake_loop_advance(L, 100);
	/* Before there is an answer, for all to see. */
	outcome(1, "under way");
	until_done();
	assert_int_equal(ended.what, OUTCOME_DONE);
	v = newest(1);
	assert_string_equal(json_str(v, "outcome"), "done");
	assert_string_equal(json_str(v, "result"), "7");
	assert_string_equal(json_str(v, "user"), "ann");
	assert_string_equal(json_str(v, "connector"), "it");
	assert_int_equal(json_int(v, "attempts", 0), 1);
	text = json_dumps(seen, 0);
	assert_null(strstr(text, "-secret"));
	assert_text(text, "\"name\": \"x\"");
	free((char *)(uintptr_t)text);
	/* What the service refuses. */
	ANSWERS("/make", { .status = 422, .body = "{}" });
	do_it("{}");
	until_done();
	outcome(0, "failed");
	assert_string_equal(json_str(newest(0), "code"), "http_422");
	ANSWERS("/make", { .err_code = "connect", .err_cls = ERR_TRANSIENT });
	do_it("{}");
	until_done();
	outcome(0, "not sent");
	ANSWERS("/make", { .err_code = "recv", .err_cls = ERR_TRANSIENT });
	do_it("{}");
	until_done();
	outcome(0, "ambiguous");
}

/* Nothing is sent that is not written down. */
static void
test_state_away(void ** state)
{
	struct act * left;

	(void)state;
	ANSWERS("/make", { .status = 201, .body = "{}" });
	fake_state_away(store[0], 1);
	do_it("{}");
	until_done();
	assert_string_equal(why.code, "journal");
	assert_int_equal(why.cls, ERR_TRANSIENT);
	assert_text(why.msg, "was not sent");
	assert_int_equal(ended.what, OUTCOME_UNSENT);
	assert_int_equal(fake_http_requests(H, HOST "/make"), 0);
	assert_int_equal(kept(), 0);
	fake_state_away(store[0], 0);
	/* Written, and the answer lost: then that is said afterwards. */
	fake_state_lose(store[0], 1);
	do_it("{}");
	until_done();
	assert_string_equal(why.code, "journal");
	assert_int_equal(fake_http_requests(H, HOST "/make"), 0);
	fake_loop_settle(L);
	outcome(0, "not sent");
	/* Away at the end: what was done is done, and said to who asked. */
	ANSWERS("/make", { .status = 201, .delay_ms = 500, .body = "{}" });
	do_it("{}");
	fake_loop_advance(L, 100);
	fake_state_away(store[0], 1);
	until_done();
	assert_int_equal(ended.what, OUTCOME_DONE);
	outcome(1, "under way");
	/* ... and it is written as soon as that can be. */
	fake_loop_advance(L, 25000);
	fake_state_away(store[0], 0);
	fake_loop_advance(L, 10000);
	outcome(1, "done");
	assert_int_equal(calls, 1);
	assert_int_equal(json_int(newest(1), "ms", 0), 500);
	/* One that nobody waits for, and the daemon ends meanwhile. */
	ANSWERS("/make", { .status = 201, .delay_ms = 500, .body = "{}" });
	left = do_it("{}");
	fake_loop_advance(L, 100);
	acts_leave(left);
	fake_state_away(store[0], 1);
	fake_loop_advance(L, 40000);
	assert_int_equal(calls, 0);
}

/* A daemon that is gone: another sees it when its time is over, itself at once. */
static void
test_crash(void ** state)
{
	(void)state;
	ANSWERS("/make", { .never = 1 });
	do_it("{}");
	fake_loop_advance(L, 100);
	/* As a process that is killed writes nothing more. */
	fake_state_away(store[0], 1);
	acts_free(acts[0]);
	store[0]->ops->free(store[0]);
	store[0] = fake_state_new(L, &tables, "a", "redis");
	acts[0] = acts_new(L, store[0], "a");
	outcome(0, "unknown");
	assert_text(json_str(newest(0), "message"), "look there");
	outcome(1, "under way");
	fake_loop_advance(L, 70000);
	outcome(1, "unknown");
}

static void
test_stopped(void ** state)
{
	(void)state;
	ANSWERS("/make", { .never = 1 });
	do_it("{}");
	fake_loop_advance(L, 100);
	acts_free(acts[0]);
	store[0]->ops->free(store[0]);
	store[0] = fake_state_new(L, &tables, "a", "redis");
	acts[0] = acts_new(L, store[0], "a");
	outcome(1, "ambiguous");
	assert_int_equal(calls, 0);
}

/* Who asked may leave at any moment: it is written to its end. */
static void
test_leave(void ** state)
{
	struct act * a;
	int ms, sent, open = 0;

	(void)state;
	ANSWERS("/make", { .status = 201, .delay_ms = 300, .body = "{}" });
	fake_state_delay(store[0], 100);
	for (ms = 0; ms <= 600; ms += 50) {
		a = do_it("{}");
		fake_loop_advance(L, ms);
		sent = fake_http_running(H) > 0;
		if (calls == 0)
			acts_leave(a);
		fake_loop_advance(L, 5000);
		if (ms < 100)
			outcome(1, "not sent");
		else if (sent)
			outcome(1, "done");
		open += sent;
		assert_true(calls == 0 || ms >= 500);
	}
	assert_true(open > 0);
	acts_leave(NULL);
}

static void
test_list(void ** state)
{
	const char * last = NULL;
	char after[64];
	int i;

	(void)state;
	ANSWERS("/make", { .status = 201, .body = "{}" });
	for (i = 0; i < 7; i++) {
		do_it("{}");
		until_done();
		fake_loop_advance(L, 10);
	}
	acts_list(acts[1], "it", NULL, 5, on_seen, NULL);
	fake_loop_settle(L);
	assert_int_equal(json_array_size(json_object_get(seen, "items")), 5);
	last = json_str(seen, "next");
	assert_non_null(last);
	snprintf(after, sizeof(after), "%s", last);
	acts_list(acts[1], "it", after, 5, on_seen, NULL);
	fake_loop_settle(L);
	assert_int_equal(json_array_size(json_object_get(seen, "items")), 2);
	assert_null(json_str(seen, "next"));
	acts_list(acts[1], "other", NULL, 5, on_seen, NULL);
	fake_loop_settle(L);
	assert_int_equal(json_array_size(json_object_get(seen, "items")), 0);
	acts_get(acts[1], after, on_seen, NULL);
	fake_loop_settle(L);
	assert_string_equal(json_str(seen, "id"), after);
	acts_get(acts[1], "none", on_seen, NULL);
	fake_loop_settle(L);
	assert_null(seen);
	/* A look that is under way when all ends. */
	acts_list(acts[1], NULL, NULL, 5, on_seen, NULL);
}

static void
test_args_are_cut(void ** state)
{
	char text[3000];
	json_t * v, * out, * o;
	int i;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	v = json_pack("{s:s, s:[s]}", "body", text, "list", "AKIAXXXX");
	out = acts_record_args(v, NULL);
	assert_text(json_str(out, "body"), "(2999 bytes, sha256 ");
	assert_true(strlen(json_str(out, "body")) < 200);
	assert_string_equal(json_string_value(json_array_get(json_object_get(out,
	    "list"), 0)), "***");
	json_decref(out);
	json_decref(v);
	/* However much there is. */
	v = json_object();
	for (i = 0; i < 200; i++) {
		snprintf(text, sizeof(text), "k%d", i);
		o = json_object();
		json_object_set_new(v, text, o);
		for (; o != NULL && json_object_size(o) < 150; )  {
			snprintf(text, sizeof(text), "n%zu",
			    json_object_size(o));
			json_object_set_new(o, text, json_integer(i));
		}
	}
	out = acts_record_args(v, NULL);
	assert_non_null(out);
	assert_int_equal(json_object_size(out), 200);
	assert_string_equal(json_str(out, "k199"), "...");
	json_decref(out);
	json_decref(v);
}

/* Secrets where nobody told that they are. */
static void
test_hidden(void ** state)
{
	const char * text;

	(void)state;
	ANSWERS("/make", { .status = 422, .ctype = "application/json", .body =
	    "{\"message\": \"bad value v-secret, and pw-secret\"}" });
	do_it("{\"name\": \"{\\\"db_pwd\\\": \\\"pw-secret\\\", \\\"x\\\": 1}\", "
	    "\"more\": {\"a\": \"postgres://me:p-secret@db/x\", \"variables\": "
	    "[{\"key\": \"DEPLOY\", \"value\": \"v-secret\", \"secured\": true}], \"env\": [\"A=e-secret\"], "
	    "\"Environment\": {\"Variables\": {\"DB\": \"d-secret\"}}, \"b\": "
	    "\"see https://hooks.slack.com/services/T/B/s-secret\", \"c\": "
	    "\"http://a.test/x@y:z\"}}");
	until_done();
	assert_int_equal(ended.what, OUTCOME_FAILED);
	assert_text(why.msg, "bad value ***, and ***");
	newest(0);
	text = json_dumps(seen, 0);
	if (strstr(text, "-secret") != NULL)
		fail_msg("%s", text);
	assert_text(text, "\"DEPLOY\"");
	assert_text(text, "a.test/x@y");
	free((char *)(uintptr_t)text);
	/* What the service made, and gave the key of. */
	ANSWERS("/make", { .status = 201, .body = "{\"id\": 7, \"key\": "
	    "\"0123456789abcdef0123456789abcdef\"}" });
	do_it("{}");
	until_done();
	assert_string_equal(json_str(newest(0), "result"), "7");
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_written), T(test_state_away), T(test_crash),
		T(test_hidden), T(test_stopped), T(test_leave), T(test_list),
		T(test_args_are_cut),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	json_decref(seen);
	return (rc);
}
