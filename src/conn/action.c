#include "conn/action.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "conn/action_answer.h"
#include "conn/action_lookup.h"
#include "conn/answer_rules.h"
#include "conn/limits.h"
#include "conn/result_cache.h"
#include "conn/secret_scrub.h"
#include "conn/send.h"

#define MAX_ANSWER ((size_t)8 << 20)
#define DEFAULT_MS 60000
#define RETRIES 3
#define BACKOFF_MS 500
#define BACKOFF_MAX_MS 30000

enum action_state {
	ACTION_BEGIN,   /* in the soon queue: nothing was done yet */
	ACTION_PERMIT,  /* waiting for the budget */
	ACTION_SENT,    /* waiting for the answer */
	ACTION_BACKOFF, /* waiting to try again */
	ACTION_DONE
};
static const char * const state_names[] = { "begin", "permit", "sent",
	"backoff", "done" };

struct action {
	const struct conn_env * env;
	struct connector * c;
	const struct manifest_action * act;
	json_t * args;
	json_t * lookup;       /* what was found, or NULL */
	int looking;           /* the step: the lookup, else the action */
	int acted;             /* it was sent: what was read may be so no more */
	enum action_state state;
	struct request * req;
	struct send * call;
	struct limit_wait * permit;
	struct loop_timer * timer;
	struct soon soon;
	unsigned tries;        /* of this step, failed */
	int64_t deadline_us;
	action_cb * cb;
	void * arg;
};

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
	loop_soon_cancel(a->env->loop, &a->soon);
	loop_timer_free(a->timer);
	request_free(a->req);
	json_decref(a->args);
	json_decref(a->lookup);
	connector_unref(a->c);
	free(a);
}

/* The end; ${a} is gone afterwards. */
static void
finish(struct action * a, const json_t * answer, int status, struct err * e)
{
	action_cb * cb = a->cb;
	void * arg = a->arg;

	enter(a, ACTION_DONE);
	if (e != NULL) {
		secret_scrub(a->env->secrets, a->c->config, e);
		err_prefix(e, "%s: %s", a->c->name, a->act->name);
	}
	action_free(a);
	cb(arg, answer, status, e);
}

static void begin(void * arg);

static int64_t
left_ms(const struct action * a)
{
	return ((a->deadline_us - clock_mono_us()) / 1000);
}

/* Try the step again in ${ms}; whether there is time for it. */
static int
again(struct action * a, int64_t ms)
{
	if (ms >= left_ms(a))
		return (0);
	if (a->timer == NULL && (a->timer = loop_timer_new(a->env->loop, begin,
	    a)) == NULL)
		return (0);
	a->tries++;
	enter(a, ACTION_BACKOFF);
	loop_timer_start(a->timer, ms);
	return (1);
}

static unsigned
retries(const struct action * a)
{
	return (a->c->opt.retry_count >= 0 ? (unsigned)a->c->opt.retry_count :
	    RETRIES);
}

static int64_t
pause_ms(const struct action * a)
{
	return (backoff_ms(a->tries, BACKOFF_MS, BACKOFF_MAX_MS,
	    (uint32_t)(clock_mono_us() * 2654435761)));
}

/* Whether nothing can have reached the service. */
static int
never_sent(const struct err * e)
{
	static const char * const codes[] = { "connect", "resolve",
	    "queue_full", "nomem", "token" };
	size_t i;

	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(e->code, codes[i]) == 0)
			return (1);
	return (0);
}

/* Asking does no harm; acting may. */
static int
is_harmless(const struct action * a)
{
	return (a->looking || a->act->safe_to_retry ||
	    strcmp(a->req->method, "GET") == 0);
}

/* No answer came. */
static void
unanswered(struct action * a, const struct err * he)
{
	struct err e = *he;

	if (e.cls == ERR_TRANSIENT && a->tries < retries(a) &&
	    (never_sent(&e) || is_harmless(a)) && again(a, pause_ms(a)))
		return;
	if ((e.cls == ERR_TRANSIENT && !never_sent(&e) && !is_harmless(a)) ||
	    strcmp(e.code, "protocol") == 0 || strcmp(e.code, "too_big") == 0)
		err_set(&e, ERR_PERMANENT, "ambiguous", "it may have been done "
		    "or not: %s; look at the service before you send it again",
		    he->msg);
	finish(a, NULL, 0, &e);
}

/* The service refused. */
static void
refused(struct action * a, enum answer_kind kind, int status, struct err * e)
{
	int64_t ms = e->retry_after_ms > 0 ? e->retry_after_ms : pause_ms(a);

	if (status / 100 == 4)
		a->acted = 0;
	if (kind == ANSWER_RATE_LIMITED && a->env->limits != NULL &&
	    e->retry_after_ms > 0)
		limits_block(a->env->limits, a->c, e->retry_after_ms);
	/* Who is told to come later was not served. */
	if (a->tries < retries(a) && (kind == ANSWER_RATE_LIMITED ||
	    (e->cls == ERR_TRANSIENT && is_harmless(a))) && again(a, ms))
		return;
	if (status >= 500 && status != 501 && status != 503 && !is_harmless(a))
		err_set(e, e->cls, e->code, "%s; it may have been done all the "
		    "same: look at the service before you send it again",
		    e->msg);
	finish(a, NULL, status, e);
}

static int
is_success(const struct manifest_action * act, int status)
{
	const json_t * v;
	size_t i;

	if (act->success == NULL)
		return (status / 100 == 2);
	json_array_foreach(act->success, i, v)
		if (json_is_integer(v) && json_integer_value(v) == status)
			return (1);
	return (0);
}

static void
succeeded(struct action * a, const json_t * body, int status)
{
	struct err e;
	json_t * v;

	v = action_answer_result(a->act, body, &e);
	finish(a, v, status, v != NULL ? NULL : &e);
	json_decref(v);
}

static void
looked_up(struct action * a, const json_t * body)
{
	struct err e;

	a->lookup = action_lookup_find(a->c, a->act, a->args, body, &e);
	if (a->lookup == NULL) {
		finish(a, NULL, 0, &e);
		return;
	}
	a->looking = 0;
	a->tries = 0;
	begin(a);
}

static void
judge(struct action * a, const struct http_res * res)
{
	json_t * body = action_answer_read(a->c->m, a->looking ? NULL :
	    a->act, res);
	struct answer_budget budget;
	enum answer_kind kind;
	int status = res->status;
	struct err e;

	if (a->env->limits != NULL) {
		answer_budget(a->c->m, res, clock_wall_ms(), &budget);
		limits_learn(a->env->limits, a->c, &budget);
	}
	if (!a->looking && a->act->success != NULL && is_success(a->act,
	    status))
		kind = status / 100 == 2 ? answer_judge(a->c->m, res, body,
		    a->req->url, clock_wall_ms(), &e) : ANSWER_OK;
	else
		kind = answer_judge(a->c->m, res, body, a->req->url,
		    clock_wall_ms(), &e);
	if (kind == ANSWER_OK && !a->looking && !is_success(a->act, status)) {
		kind = ANSWER_ERROR;
		err_set(&e, ERR_PERMANENT, "unexpected", "the service answered "
		    "%d, which does not say that it was done", status);
	} else if (kind == ANSWER_EMPTY || kind == ANSWER_SKIP ||
	    kind == ANSWER_NOT_MODIFIED) {
		/* Words for listings; here nothing was done. */
		if (err_from_http(&e, res, "the service")) {
			answer_failed(a->c->m, res, a->req->url, &e);
			kind = ANSWER_ERROR;
		}
	}
	if (kind == ANSWER_ERROR)
		send_judged(a->env, a->req, &e);
	if (kind != ANSWER_OK)
		refused(a, kind, status, &e);
	else if (a->looking)
		looked_up(a, body);
	else
		succeeded(a, body, status);
	json_decref(body);
}

static void
on_answer(void * arg, const struct http_res * res, const struct err * e)
{
	struct action * a = arg;

	a->call = NULL;
	if (res == NULL)
		unanswered(a, e);
	else
		judge(a, res);
}

static void
on_nomem(void * arg)
{
	struct err e;

	err_nomem(&e, "an action");
	finish(arg, NULL, 0, &e);
}

static void
send_it(struct action * a)
{
	struct send_opts o;

	memset(&o, 0, sizeof(o));
	o.timeout_ms = left_ms(a) > 0 ? left_ms(a) : 1;
	o.max_body = MAX_ANSWER;
	enter(a, ACTION_SENT);
	a->call = send_start(a->env, a->req, &o, on_answer, a);
	if (a->call == NULL)
		loop_soon(a->env->loop, &a->soon, on_nomem, a);
	else if (!a->looking)
		a->acted = 1;
}

static void
on_permit(void * arg, int64_t waited_ms, const struct err * e)
{
	struct action * a = arg;
	struct err copy;

	(void)waited_ms;
	a->permit = NULL;
	if (e == NULL) {
		send_it(a);
		return;
	}
	copy = *e;
	finish(a, NULL, 0, &copy);
}

/* The step from its beginning. */
static void
begin(void * arg)
{
	struct action * a = arg;
	struct err e;

	request_free(a->req);
	a->req = a->looking ? request_lookup(a->c, a->act, a->args, &e) :
	    request_action(a->c, a->act, a->args, a->lookup, &e);
	if (a->req == NULL) {
		finish(a, NULL, 0, &e);
		return;
	}
	if (a->env->limits == NULL) {
		send_it(a);
		return;
	}
	enter(a, ACTION_PERMIT);
	a->permit = limits_take(a->env->limits, a->c, left_ms(a) > 0 ?
	    left_ms(a) : 1, on_permit, a);
	if (a->permit == NULL) {
		err_nomem(&e, "an action");
		finish(a, NULL, 0, &e);
	}
}

struct action *
action_start(const struct conn_env * env, struct connector * c,
    const struct manifest_action * act, const json_t * args,
    int64_t timeout_ms, action_cb * cb, void * arg)
{
	struct action * a = calloc(1, sizeof(*a));

	if (a == NULL)
		return (NULL);
	a->env = env;
	a->c = connector_ref(c);
	a->act = act;
	a->args = args ? json_deep_copy(args) : json_object();
	a->looking = act->lookup != NULL;
	a->deadline_us = clock_mono_us() + (timeout_ms > 0 ? timeout_ms :
	    DEFAULT_MS) * 1000;
	a->cb = cb;
	a->arg = arg;
	if (a->args == NULL) {
		action_free(a);
		return (NULL);
	}
	loop_soon(env->loop, &a->soon, begin, a);
	return (a);
}

void
action_cancel(struct action * a)
{
	if (a == NULL)
		return;
	send_cancel(a->call);
	limits_cancel(a->permit);
	action_free(a);
}
