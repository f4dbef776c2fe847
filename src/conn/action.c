#include "conn/action_internal.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/rfc3339.h"
#include "conn/result_cache.h"
#include "secret/secret_scrub.h"

#define MAX_ANSWER ((size_t)8 << 20)
#define DEFAULT_MS 60000
/* Clocks differ: what {{action.since}} is earlier than the beginning. */
#define SINCE_MS 60000

static const char * const state_names[] = { "begin", "permit", "sent",
	"backoff", "pause", "twins", "done" };

static void
enter(struct action * a, enum action_state state)
{
	log_event(LOG_DEBUG, "action", LOG_S("connector", a->c->name),
	    LOG_S("action", a->act->name), LOG_S("from",
	    state_names[a->state]), LOG_S("to", state_names[state]));
	a->state = state;
}

/* What rows were kept may be no longer so. */
static void
forget_results(struct action * a)
{
	struct buf prefix = BUF_INIT(256);

	if (a->env->cache != NULL && buf_addf(&prefix, "%s/", a->c->id) == 0)
		result_cache_drop(a->env->cache, prefix.p);
	buf_free(&prefix);
}

static void
action_free(struct action * a)
{
	/* Also where nobody can tell whether it was done. */
	if (a->acted)
		forget_results(a);
	limits_cancel(a->permit);
	loop_soon_cancel(a->env->loop, &a->soon);
	loop_timer_free(a->timer);
	request_free(a->req);
	json_decref(a->args);
	json_decref(a->lookup);
	action_probe_forget(a);
	json_decref(a->own);
	connector_unref(a->c);
	free(a);
}

/* It was taken in, and that is all that is known. */
static void
accepted(const struct action * a, struct err * e)
{
	char url[160];

	http_url_safe(url, sizeof(url), a->req->url);
	err_set(e, e->cls, "accepted", "the service accepted it, but what "
	    "became of it is not known: %.160s; before you send it again "
	    "look at %s", e->msg, url);
}

/* Sent and answered by nobody is never told as failed. */
static enum action_outcome
outcome_of(const struct action * a, const struct err * e)
{
	if (e == NULL)
		return (a->open && a->step == STEP_PROBE ? OUTCOME_SEEN :
		    OUTCOME_DONE);
	if (a->step == STEP_POLL)
		return (a->judged ? OUTCOME_FAILED : OUTCOME_ACCEPTED);
	if (a->open)
		return (OUTCOME_OPEN);
	return (a->judged ? OUTCOME_FAILED : OUTCOME_UNSENT);
}

void
action_finish(struct action * a, const json_t * answer, int status,
    struct err * e)
{
	struct action_end end = a->end;
	action_cb * cb = a->cb;
	void * arg = a->arg;

	enter(a, ACTION_DONE);
	end.status = status;
	end.what = outcome_of(a, e);
	if (e != NULL) {
		if (a->step == STEP_POLL && !a->judged)
			accepted(a, e);
		/* Also "there is none": the first may have deleted it. */
		else if (end.what == OUTCOME_OPEN && !a->told &&
		    (!a->act->safe_to_retry || a->judged))
			err_set(e, e->cls, e->code, "%s; but it was sent "
			    "before, and may have been done then (%.100s)",
			    e->msg, a->why.msg);
		secret_scrub(a->env->secrets, a->c->config, e);
		err_prefix(e, "%s: %s", a->c->name, a->act->name);
	}
	action_free(a);
	cb(arg, answer, &end, e);
}

int64_t
action_left_ms(const struct action * a)
{
	return ((a->deadline_us - clock_mono_us()) / 1000);
}

/* Do the step in ${ms}; whether there is time for it. */
int
action_begin_in(struct action * a, int64_t ms, enum action_state waiting)
{
	if (ms >= action_left_ms(a))
		return (0);
	if (a->timer == NULL && (a->timer = loop_timer_new(a->env->loop,
	    action_begin, a)) == NULL)
		return (0);
	enter(a, waiting);
	loop_timer_start(a->timer, a->env->no_pause ? 0 : ms);
	return (1);
}

int
action_ask_twins(struct action * a)
{
	if (a->ask_twins == NULL)
		return (0);
	enter(a, ACTION_TWINS);
	a->ask_twins(a->arg);
	return (1);
}

void
action_twins(struct action * a, const json_t * twins, const struct err * e)
{
	action_probe_twins(a, twins, e);
}

static void
on_answer(void * arg, const struct http_res * res, const struct err * e)
{
	struct action * a = arg;

	a->call = NULL;
	limits_cancel(a->permit);
	a->permit = NULL;
	if (res == NULL)
		action_judge_silence(a, e);
	else
		action_judge_answer(a, res);
}

static void
on_nomem(void * arg)
{
	struct err e;

	err_nomem(&e, "an action");
	action_finish(arg, NULL, 0, &e);
}

static void
send_it(struct action * a)
{
	struct send_opts o;

	memset(&o, 0, sizeof(o));
	o.timeout_ms = action_left_ms(a) > 0 ? action_left_ms(a) : 1;
	/* Time has to be left to see what became of it. */
	if (a->step == STEP_ACT &&
	    (action_probe_of(a->act, a->args) != NULL ||
	    a->act->idempotency != NULL) && o.timeout_ms > 2)
		o.timeout_ms = o.timeout_ms * 2 / 3;
	o.max_body = MAX_ANSWER;
	o.once = a->step == STEP_ACT && a->act->idempotency == NULL &&
	    !a->act->safe_to_retry && strcmp(a->req->method, "GET") != 0;
	if (a->step == STEP_ACT && a->on_attempt != NULL)
		a->on_attempt(a->arg, a->end.attempts + 1);
	enter(a, ACTION_SENT);
	a->call = send_start(a->env, a->req, &o, on_answer, a);
	if (a->call == NULL) {
		loop_soon(a->env->loop, &a->soon, on_nomem, a);
	} else if (a->step == STEP_ACT) {
		a->acted = 1;
		a->end.attempts++;
	}
}

static void
on_permit(void * arg, int64_t waited_ms, const struct err * e)
{
	struct action * a = arg;
	struct err copy;

	(void)waited_ms;
	if (e == NULL) {
		send_it(a);
		return;
	}
	a->permit = NULL;
	copy = *e;
	action_finish(a, NULL, 0, &copy);
}

static struct request *
request_of(struct action * a, struct err * e)
{
	struct request_given given = { .lookup = a->lookup, .own = a->own,
	    .next = a->look.next };

	switch (a->step) {
	case STEP_LOOKUP:
		return (request_lookup(a->c, a->act, a->args, e));
	case STEP_PROBE:
		return (request_probe(a->c, a->act, a->args, &given, e));
	case STEP_ACT:
	case STEP_POLL:
		break;
	}
	return (request_action(a->c, a->act, a->args, &given, e));
}

/* What is asked around it costs as any other call. */
const struct manifest_toll *
action_toll(const struct action * a)
{
	return (a->step == STEP_ACT ? &a->act->toll : NULL);
}

void
action_begin(void * arg)
{
	struct action * a = arg;
	struct err e;

	/* Where to ask again, the first answer alone said. */
	if (a->step != STEP_POLL) {
		request_free(a->req);
		a->req = request_of(a, &e);
	}
	if (a->req == NULL) {
		action_finish(a, NULL, 0, &e);
		return;
	}
	if (a->env->limits == NULL) {
		send_it(a);
		return;
	}
	enter(a, ACTION_PERMIT);
	a->permit = limits_take(a->env->limits, a->c, action_toll(a),
	    action_left_ms(a) > 0 ? action_left_ms(a) : 1, on_permit, a);
	if (a->permit == NULL) {
		err_nomem(&e, "an action");
		action_finish(a, NULL, 0, &e);
	}
}

/* What templates may say of the action itself. */
static json_t *
own_of(const char * id)
{
	char made[ID7_LEN], at[RFC3339_LEN], since[RFC3339_LEN];
	int64_t now = clock_wall_ms();

	if (id == NULL) {
		id7_make(now, made);
		id = made;
	}
	rfc3339_format(now / 1000 * 1000, at);
	rfc3339_format((now - SINCE_MS) / 1000 * 1000, since);
	return (json_pack("{s:s, s:s, s:s, s:I}", "id", id, "at", at, "since",
	    since, "since_s", (json_int_t)((now - SINCE_MS) / 1000)));
}

struct action *
action_start(const struct conn_env * env, struct connector * c,
    const struct manifest_action * act, const json_t * args,
    const struct action_opts * o, action_cb * cb, void * arg)
{
	struct action * a = calloc(1, sizeof(*a));

	if (a == NULL)
		return (NULL);
	a->env = env;
	a->c = connector_ref(c);
	a->act = act;
	a->args = args ? json_deep_copy(args) : json_object();
	a->own = own_of(o->id);
	a->step = !act->lookup_late && action_probe_looks_up(a) ? STEP_LOOKUP :
	    STEP_ACT;
	a->deadline_us = clock_mono_us() + (o->timeout_ms > 0 ?
	    o->timeout_ms : DEFAULT_MS) * 1000;
	a->on_attempt = o->on_attempt;
	a->ask_twins = o->ask_twins;
	a->cb = cb;
	a->arg = arg;
	if (a->args == NULL || a->own == NULL) {
		action_free(a);
		return (NULL);
	}
	loop_soon(env->loop, &a->soon, action_begin, a);
	return (a);
}

int
action_was_sent(const struct action * a)
{
	return (a->acted);
}

void
action_cancel(struct action * a)
{
	if (a == NULL)
		return;
	send_cancel(a->call);
	action_free(a);
}
