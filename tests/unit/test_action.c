#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "conn/action.h"
#include "conn/limits.h"
#include "conn/probe.h"
#include "conn/result_cache.h"
#include "net/http.h"
#include "service_fixture.h"

/* Actions: arguments checked before anything is sent, and never sent twice when
 * it is open whether it was done.  The service is a script. */

struct step {
	const char * url, * body; /* what has to be asked; NULL: anything */
	int status;               /* 0: no answer, but this error */
	const char * answer;      /* or the error's code */
	const char * header;
};

static struct loop * loop;
static struct http * http;
static struct manifest * m;
static struct connector * c;
static const struct manifest_entity * tickets;
static struct secrets * secrets;
static struct limits * limits;
static struct conn_env env;

static const struct step * script;
static size_t nscript, at;
static char asked[4096];

static int
play(void * arg, const struct http_req * req, struct http_played * a,
    struct err * e)
{
	static const char * headers[2];
	const struct step * s = &script[at];

	(void)arg;
	if (at == nscript)
		return (err_set(e, ERR_PERMANENT, "script", "nobody expected "
		    "%s", req->url));
	at++;
	snprintf(asked, sizeof(asked), "%s %s %.*s", req->method, req->url,
	    (int)req->body_len, req->body ? (const char *)req->body : "");
	if ((s->url != NULL && strcmp(s->url, req->url) != 0) ||
	    (s->body != NULL && (req->body == NULL || strlen(s->body) !=
	    req->body_len || memcmp(s->body, req->body, req->body_len) != 0)))
		return (err_set(e, ERR_PERMANENT, "script", "unlike: %s",
		    asked));
	if (s->status == 0) {
		err_set(e, ERR_TRANSIENT, s->answer, "it broke; try again");
		e->unsent = strcmp(s->answer, "timeout") != 0 &&
		    strcmp(s->answer, "recv") != 0;
		return (-1);
	}
	headers[0] = s->header;
	memset(a, 0, sizeof(*a));
	a->status = s->status;
	a->headers = headers;
	a->body = s->answer;
	a->body_len = s->answer ? strlen(s->answer) : 0;
	return (0);
}

static int
setup(void ** state)
{
	struct http_opts opts = { .play = play };
	struct err e = { .msg = "" };

	(void)state;
	setenv("TKN", "sesame", 1);
	loop = loop_new(&e);
	http = http_new(loop, &opts, &e);
	m = service_load(&e);
	c = m ? service_connector(m, "{\"org\": \"acme\", \"token\": "
	    "\"$env:TKN\"}", &e) : NULL;
	if (c == NULL)
		fail_msg("%s", e.msg);
	c->opt.retry_count = 1;
	tickets = manifest_entity(m, "tickets");
	secrets = secrets_new(NULL, &e);
	limits = limits_new(loop, NULL);
	env.loop = loop;
	env.http = http;
	env.secrets = secrets;
	env.limits = limits;
	env.cache = result_cache_new(0);
	return (0);
}

static int
teardown(void ** state)
{
	(void)state;
	result_cache_free(env.cache);
	limits_free(limits);
	secrets_free(secrets);
	connector_unref(c);
	manifest_unref(m);
	http_free(http);
	loop_free(loop);
	return (0);
}

/* ---- arguments ---- */

static json_t *
args_of(const char * name, const char * args, struct err * e)
{
	json_t * a = json_loads(args, 0, NULL), * out;

	out = action_args(c, manifest_action(tickets, name), a, e);
	json_decref(a);
	return (out);
}

static void
test_args(void ** state)
{
	static const struct {
		const char * args, * fault;
	} bad[] = {
		{ "{}", "create: title is missing" },
		{ "{\"titel\": \"x\"}", "create: titel is not known (did you "
		    "mean 'title'?); title is missing" },
		{ "{\"title\": 5}", "create: title must be a string" },
		{ "{\"title\": null}", "create: title must be a string" },
		{ "{\"title\": \"x\", \"state\": \"opne\"}",
		    "create: state must be one of open, closed" },
		{ "{\"title\": \"x\", \"labels\": \"l\"}",
		    "create: labels must be an array" },
		{ "{\"title\": \"x\", \"labels\": [\"a\", 1]}",
		    "create: labels[1] must be a string" },
		{ "{\"title\": \"x\", \"labels\": [\"\", \"\", \"\", \"\"]}",
		    "create: labels may hold 3 at most, not 4" },
		{ "{\"title\": \"x\", \"data\": {\"m\": 1}}", "create: data.m "
		    "is not known; data.n is missing" },
		{ "{\"title\": \"x\", \"data\": {\"n\": 1.5}}",
		    "create: data.n must be an integer" },
		{ "{\"title\": \"x\", \"TITLE\": \"y\"}",
		    "create: title is given twice" },
	};
	struct err e;
	json_t * v, * want;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_null(args_of("create", bad[i].args, &e));
		assert_string_equal(e.code, "bad_args");
		assert_string_equal(e.msg, bad[i].fault);
	}
	v = args_of("create", "{\"Title\": \"x\", \"body\": null, \"data\": "
	    "{\"n\": 2}}", &e);
	want = json_pack("{s:s, s:n, s:s, s:{s:i}}", "title", "x", "body", "org",
	    "acme", "data", "n", 2);
	assert_true(json_equal(v, want));
	json_decref(v);
	json_decref(want);
	v = json_array();
	assert_null(action_args(c, manifest_action(tickets, "create"), v, &e));
	assert_string_equal(e.code, "bad_args");
	json_decref(v);
}

/* ---- doing ---- */

static const struct action_opts four_seconds = { .timeout_ms = 4000 };

static int done;
static json_t * result;
static int status_got;
static struct err error;

static void
on_done(void * arg, const json_t * answer, const struct action_end * did,
    const struct err * e)
{
	(void)arg;
	done++;
	json_decref(result);
	result = answer ? json_deep_copy(answer) : NULL;
	status_got = did->status;
	memset(&error, 0, sizeof(error));
	if (e != NULL)
		error = *e;
}

static void
turn_until_done(void)
{
	int64_t end = clock_mono_us() + 5000000;

	while (!done && clock_mono_us() < end)
		assert_int_equal(loop_turn(loop, 1), 0);
	assert_int_equal(done, 1);
}

static void
play_script(const char * name, const char * args, const struct step * s,
    size_t n)
{
	struct err e = { .msg = "" };
	json_t * a = args_of(name, args, &e);

	if (a == NULL)
		fail_msg("%s", e.msg);
	script = s;
	nscript = n;
	at = 0;
	done = 0;
	assert_non_null(action_start(&env, c, manifest_action(tickets, name), a,
	    &four_seconds, on_done, NULL));
	json_decref(a);
	assert_int_equal(done, 0);
	turn_until_done();
	assert_int_equal(at, n);
}

#define BASE "https://api.example.com/v1"
#define PLAY(...) PLAY_STEPS(__VA_ARGS__)
#define PLAY_STEPS(name, args, ...) do { \
	const struct step steps[] = { __VA_ARGS__ }; \
	play_script(name, args, steps, sizeof(steps) / sizeof(*steps)); \
} while (0)
#define CREATE "create", "{\"title\": \"x\"}"
#define CREATE_URL BASE "/orgs/acme/tickets"

static void
test_done(void ** state)
{
	(void)state;
	PLAY(CREATE, { CREATE_URL, "{\"title\":\"x\"}", 201,
	    "{\"ticket\": {\"id\": 7}}", NULL });
	assert_string_equal(error.code, "");
	assert_int_equal(status_got, 201);
	assert_int_equal(json_integer_value(json_object_get(result, "id")), 7);
	/* Where the service says nothing, null is the answer. */
	PLAY(CREATE, { NULL, NULL, 201, NULL, NULL });
	assert_true(json_is_null(result));
	PLAY(CREATE, { NULL, NULL, 202, "{}", NULL });
	assert_string_equal(error.code, "unexpected");
}

static void
test_results_are_void(void ** state)
{
	struct page * p = page_new(1);
	int64_t at_ms;
	size_t n;

	(void)state;
	result_cache_put(env.cache, "id-1/x", &p, 1, 1000);
	page_unref(p);
	PLAY(CREATE, { NULL, NULL, 422, "{\"message\": \"no\"}", NULL });
	assert_non_null(result_cache_get(env.cache, "id-1/x", 1000, 1000, &n,
	    &at_ms));
	PLAY(CREATE, { NULL, NULL, 201, "{}", NULL });
	assert_null(result_cache_get(env.cache, "id-1/x", 1000, 1000, &n,
	    &at_ms));
	/* It may have been done. */
	p = page_new(1);
	result_cache_put(env.cache, "id-1/x", &p, 1, 1000);
	page_unref(p);
	PLAY(CREATE, { NULL, NULL, 500, "{}", NULL });
	assert_null(result_cache_get(env.cache, "id-1/x", 1000, 1000, &n,
	    &at_ms));
}

static void
test_errors(void ** state)
{
	(void)state;
	PLAY(CREATE, { NULL, NULL, 422, "{\"message\": \"no such\"}", NULL });
	assert_string_equal(error.code, "http_422");
	assert_int_equal(error.cls, ERR_PERMANENT);
	assert_int_equal(strncmp(error.msg, "svc: create: ", 13), 0);
	assert_int_equal(status_got, 422);
	/* It was not done: later it may be. */
	PLAY(CREATE, { NULL, NULL, 429, "", "Retry-After: 0" },
	    { CREATE_URL, "{\"title\":\"x\"}", 201, "{}", NULL });
	assert_string_equal(error.code, "");
	/* Nobody waits longer than the caller does. */
	PLAY(CREATE, { NULL, NULL, 429, "", "Retry-After: 60" });
	assert_string_equal(error.code, "rate_limit");
	limits_free(limits);
	env.limits = limits = limits_new(loop, NULL);
}

static void
test_ambiguous(void ** state)
{
	static const char * const open[] = { "timeout", "recv" };
	static const char * const unsent[] = { "connect_timeout", "secret" };
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		PLAY(CREATE, { NULL, NULL, 0, open[i], NULL });
		assert_string_equal(error.code, "ambiguous");
		assert_non_null(strstr(error.msg, "may have been done or not"));
		assert_null(strstr(error.msg, "try again"));
	}
	PLAY(CREATE, { NULL, NULL, 502, "", NULL });
	assert_non_null(strstr(error.msg, "may have been done all the same"));
	/* What never got there is sent again, once. */
	PLAY(CREATE, { NULL, NULL, 0, "connect", NULL },
	    { NULL, NULL, 201, "{}", NULL });
	assert_string_equal(error.code, "");
	PLAY(CREATE, { NULL, NULL, 0, "connect", NULL },
	    { NULL, NULL, 0, "connect", NULL });
	assert_string_equal(error.code, "connect");
	for (i = 0; i < 2; i++) {
		PLAY(CREATE, { NULL, NULL, 0, unsent[i], NULL },
		    { NULL, NULL, 0, unsent[i], NULL });
		assert_string_equal(error.code, unsent[i]);
	}
	/* And so is what does no harm. */
	PLAY("alert", "{\"text\": \"t\"}", { NULL, NULL, 0, "timeout", NULL },
	    { "https://other.example/alert", "{\"key\":\"sesame\",\"text\":"
	    "\"t\"}", 202, "", NULL });
	assert_string_equal(error.code, "");
}

static void
test_lookup(void ** state)
{
	static const char * const move = "{\"id\": \"A-1\", \"to\": \"done\"}";

	(void)state;
	PLAY("move", move, { BASE "/t/A-1/moves", NULL, 200, "{\"moves\": "
	    "[{\"id\": 1, \"name\": \"Open\"}, {\"id\": 31, \"name\": \"Done\"}]}",
	    NULL }, { BASE "/t/A-1/move", "{\"id\":31}", 204, NULL, NULL });
	assert_string_equal(error.code, "");
	PLAY("move", move, { NULL, NULL, 200, "{\"moves\": [{\"id\": 1, "
	    "\"name\": \"Open\"}]}", NULL });
	assert_string_equal(error.code, "not_found");
	assert_non_null(strstr(error.msg, "no name 'done'"));
	assert_non_null(strstr(error.msg, "there is Open"));
	PLAY("move", move, { NULL, NULL, 200, "nonsense", NULL });
	assert_string_equal(error.code, "not_found");
	/* Asking again does no harm. */
	PLAY("move", move, { NULL, NULL, 0, "timeout", NULL },
	    { NULL, NULL, 404, "{}", NULL });
	assert_string_equal(error.code, "http_404");
}

/* At each turn of the loop until it would be done. */
static void
test_cancel(void ** state)
{
	static const struct step s[] = { { NULL, NULL, 200, "{\"moves\": "
	    "[{\"id\": 1, \"name\": \"d\"}]}", NULL }, { NULL, NULL, 0,
	    "connect", NULL }, { NULL, NULL, 204, NULL, NULL } };
	struct action * a;
	json_t * args;
	struct err e;
	int turns, i;

	(void)state;
	args = args_of("move", "{\"id\": \"A\", \"to\": \"d\"}", &e);
	for (turns = 0; turns < 12; turns++) {
		script = s;
		nscript = 3;
		at = 0;
		done = 0;
		a = action_start(&env, c, manifest_action(tickets, "move"),
		    args, &four_seconds, on_done, NULL);
		for (i = 0; i < turns; i++)
			assert_int_equal(loop_turn(loop, 0), 0);
		assert_int_equal(done, 0);
		action_cancel(a);
		for (i = 0; i < 5; i++)
			assert_int_equal(loop_turn(loop, 0), 0);
		assert_int_equal(done, 0);
	}
	action_cancel(NULL);
	json_decref(args);
}

/* ---- the test call ---- */

static json_t * probed;

static void
on_probe(void * arg, const json_t * answer)
{
	(void)arg;
	done++;
	probed = json_deep_copy(answer);
}

static void
probe(const struct step * s)
{
	script = s;
	nscript = 1;
	at = 0;
	done = 0;
	json_decref(probed);
	probed = NULL;
	assert_non_null(probe_start(&env, c, on_probe, NULL));
	turn_until_done();
}

static void
test_probe(void ** state)
{
	static const struct step good = { BASE "/me", NULL, 200,
	    "{\"ok\": true}", NULL }, odd = { NULL, NULL, 200, "{}", NULL },
	    refused = { NULL, NULL, 401, "{}", NULL }, broken = { NULL, NULL, 0,
	    "timeout", NULL };

	(void)state;
	probe(&good);
	assert_true(json_is_true(json_object_get(probed, "ok")));
	assert_true(json_is_real(json_object_get(probed, "latency_ms")));
	probe(&odd);
	assert_true(json_is_false(json_object_get(probed, "ok")));
	probe(&refused);
	assert_string_equal(json_string_value(json_object_get(json_object_get(
	    probed, "error"), "code")), "http_401");
	assert_string_equal(json_string_value(json_object_get(json_object_get(
	    probed, "error"), "class")), "config");
	probe(&broken);
	assert_string_equal(json_string_value(json_object_get(json_object_get(
	    probed, "error"), "code")), "timeout");
	unsetenv("TKN");
	probe(&good);
	assert_string_equal(json_string_value(json_object_get(json_object_get(
	    probed, "error"), "code")), "secret");
	setenv("TKN", "sesame", 1);
	probe_cancel(probe_start(&env, c, on_probe, NULL));
	probe_cancel(NULL);
	json_decref(probed);
	json_decref(result);
	probed = result = NULL;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_args),
		cmocka_unit_test(test_done),
		cmocka_unit_test(test_results_are_void),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_ambiguous),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_probe),
	};

	return (cmocka_run_group_tests_name("action", tests, setup, teardown));
}
