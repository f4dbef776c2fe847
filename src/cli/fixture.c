#include "cli/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/rfc3339.h"
#include "cli/fixture_diff.h"
#include "cli/fixture_form.h"
#include "cli/fixture_internal.h"
#include "cli/fixture_peer.h"
#include "cli/interrupt.h"
#include "secret/secret.h"

#define SECRET_ENV "FIXTURE_SECRET"
#define SECRET_VALUE "fixture-secret"
#define MAX_MS 10000 /* a fixture that takes longer hangs */
#define MAX_LIVE_MS 300000

static int
complain(struct fixture_run * run, const struct err * e)
{
	if (run->why->len == 0)
		buf_addf(run->why, "%s %s: %s", err_class_name(e->cls), e->code,
		    e->msg);
	return (-1);
}

/* Whether the error ${e} is the one that is expected. */
static int
check_error(struct fixture_run * run, const struct err * e)
{
	const json_t * want = json_object_get(run->fx, "error");
	const char * cls = json_str(want, "class");
	const char * code = json_str(want, "code");
	const char * text = json_str(want, "contains");

	if (want == NULL)
		return (complain(run, e));
	if ((cls == NULL || strcmp(cls, err_class_name(e->cls)) == 0) &&
	    (code == NULL || strcmp(code, e->code) == 0) &&
	    (text == NULL || strstr(e->msg, text) != NULL))
		return (0);
	if (run->why->len > 0)
		return (-1); /* the request was wrong already */
	buf_addf(run->why, "error: got %s %s: %s, want %s %s %s%s",
	    err_class_name(e->cls),
	    e->code, e->msg, cls != NULL ? cls : "any class", code != NULL ?
	    code : "any code", text != NULL ? "with " : "", text != NULL ?
	    text : "");
	return (-1);
}

static int
check_value(struct fixture_run * run)
{
	const char * key = json_object_get(run->fx, "entity") != NULL ? "rows" :
	    "result";
	const json_t * want = json_object_get(run->fx, key);
	const char * skipped = json_str(run->fx, "skipped");

	if (json_object_get(run->fx, "error") != NULL) {
		buf_adds(run->why, "it went well, but an error is expected");
		return (-1);
	}
	if (want == NULL && strcmp(key, "result") == 0)
		return (0);
	if (want == NULL) {
		buf_adds(run->why, "the fixture has neither rows nor error");
		return (-1);
	}
	if (skipped != NULL && strstr(run->skipped, skipped) == NULL) {
		buf_addf(run->why, "skipped: got \"%s\", want \"%s\" in it",
		    run->skipped, skipped);
		return (-1);
	}
	return (fixture_diff_json(key, run->got, want, run->why));
}

static void
on_deadline(void * arg)
{
	struct fixture_run * run = arg;

	run->done = run->failed = run->hangs = 1;
	err_set(&run->err, ERR_TRANSIENT, "hangs",
	    "nothing came of it within %d s", (run->live ? MAX_LIVE_MS :
	    MAX_MS) / 1000);
}

void
fixture_done(struct fixture_run * run, const struct err * e)
{
	run->done = 1;
	if (e != NULL) {
		run->failed = 1;
		run->err = *e;
	}
}

/* The fixture's time goes on by whole seconds: what is waited for comes to pass,
 * and what is asked at once is asked at the very time that it says. */
static void
turn_clock(const struct fixture_run * run)
{
	int64_t s = (clock_mono_us() - run->began_us) / 1000000;

	if (run->now_ms > 0 && !run->live)
		clock_set_fake(run->now_ms + s * 1000, -1);
}

int
fixture_wait(struct fixture_run * run)
{
	struct loop_timer * t = loop_timer_new(run->env.loop, on_deadline, run);

	if (t == NULL)
		return (err_nomem(&run->err, "a timer"));
	loop_timer_start(t, run->live ? MAX_LIVE_MS : MAX_MS);
	while (!run->done && !(run->live && interrupt_seen()) &&
	    loop_turn(run->env.loop, 1) == 0)
		turn_clock(run);
	loop_timer_free(t);
	if (!run->done) {
		run->hangs = 1;
		err_set(&run->err, ERR_CANCELLED, "interrupted", "interrupted");
	}
	return (run->failed || !run->done ? -1 : 0);
}

int
fixture_act(struct fixture_run * run)
{
	if (json_object_get(run->fx, "entity") != NULL)
		return (fixture_list(run));
	if (json_object_get(run->fx, "action") != NULL)
		return (fixture_action(run));
	if (json_is_true(json_object_get(run->fx, "test")))
		return (fixture_test(run));
	return (err_set(&run->err, ERR_CONFIG, "fixture",
	    "the fixture has neither entity nor action nor test"));
}

static int
set_clock(struct fixture_run * run, struct err * e)
{
	const char * now = json_str(run->fx, "now");

	run->began_us = clock_mono_us();
	if (now == NULL)
		return (0);
	if (rfc3339_parse(now, strlen(now), &run->now_ms, e))
		return (err_set(e, ERR_CONFIG, "fixture",
		    "now is no RFC 3339 time: %s", now));
	/* A service takes its time, and deadlines must come. */
	clock_set_fake(run->now_ms, -1);
	return (0);
}

/* What requests are signed with, unless the fixture plays how it is fetched. */
static int
set_tokens(struct fixture_run * run, struct err * e)
{
	const json_t * t = json_object_get(run->fx, "token");
	json_t * v;

	if ((run->env.tokens = tokens_new(&run->env, e)) == NULL)
		return (-1);
	if (json_is_string(t) && strcmp(json_string_value(t), "fetch") == 0)
		return (0);
	if (t != NULL && !json_is_object(t))
		return (err_set(e, ERR_CONFIG, "fixture", "token must be "
		    "\"fetch\" or an object"));
	v = t != NULL ? json_deep_copy(t) : json_pack("{s:s, s:s, s:s}",
	    "token", "fixture-token", "access_key", "AKIDFIXTURE",
	    "secret_key", SECRET_VALUE);
	if (v == NULL)
		return (err_nomem(e, "a fixture"));
	tokens_given(run->env.tokens, v);
	return (0);
}

/* The tokens of a service that is asked: got from there, past who plays. */
static int
set_live_tokens(struct fixture_run * run, struct err * e)
{
	struct http_opts o;

	memset(&o, 0, sizeof(o));
	run->token_env = run->env;
	if ((run->direct = http_new(run->env.loop, &o, e)) == NULL)
		return (-1);
	run->token_env.http = run->direct;
	run->env.tokens = tokens_new(&run->token_env, e);
	return (run->env.tokens == NULL ? -1 : 0);
}

int
fixture_begin(struct fixture_run * run, struct manifest * m, const json_t * fx,
    const struct fixture_how * how, struct buf * why)
{
	struct http_opts o;
	struct err * e = &run->err;

	memset(run, 0, sizeof(*run));
	run->fx = fx;
	run->why = why;
	run->m = m;
	run->live = how->live;
	memset(&o, 0, sizeof(o));
	o.play = how->play;
	o.play_arg = how->play_arg;
	if ((!run->live && setenv(SECRET_ENV, SECRET_VALUE, 1)) ||
	    set_clock(run, e) || (run->env.loop = loop_new(e)) == NULL ||
	    (run->env.http = http_new(run->env.loop, &o, e)) == NULL ||
	    (run->secrets = secrets_new(NULL, e)) == NULL)
		return (-1);
	run->env.secrets = run->secrets;
	run->env.no_pause = !run->live;
	run->env.limits = limits_new(run->env.loop, NULL);
	if (run->env.limits == NULL)
		return (err_nomem(e, "limits"));
	if (run->live ? set_live_tokens(run, e) : set_tokens(run, e))
		return (-1);
	run->c = connector_new(m, "00000000-0000-0000-0000-000000000000", "it",
	    json_object_get(run->fx, "config"),
	    json_object_get(run->fx, "options"), e);
	return (run->c == NULL ? -1 : 0);
}

void
fixture_end(struct fixture_run * run)
{
	tokens_free(run->env.tokens);
	http_free(run->direct);
	connector_unref(run->c);
	limits_free(run->env.limits);
	http_free(run->env.http);
	secrets_free(run->secrets);
	loop_free(run->env.loop);
	json_decref(run->got);
	clock_set_fake(-1, -1);
}

int
fixture_play(struct manifest * m, const json_t * fx, struct buf * why)
{
	struct fixture_peer peer = { .why = why };
	struct fixture_how how = { .play = fixture_peer_play,
	    .play_arg = &peer };
	struct fixture_run run;
	struct err e;
	int rc;

	if (fixture_form_check(fx, &e)) {
		buf_adds(why, e.msg);
		return (-1);
	}
	peer.exchanges = json_object_get(fx, "exchanges");
	if (fixture_begin(&run, m, fx, &how, why) || fixture_act(&run))
		rc = check_error(&run, &run.err);
	else
		rc = check_value(&run);
	if (fixture_peer_end(&peer))
		rc = -1;
	fixture_end(&run);
	return (rc);
}
