#include <stdint.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "conn/action_answer.h"
#include "conn/action_internal.h"
#include "conn/action_lookup.h"
#include "conn/action_poll.h"
#include "conn/answer_rules.h"

/* What the answers to an action mean. */
#define RETRIES 3
#define BACKOFF_MS 500
#define BACKOFF_MAX_MS 30000

/* Try the step again in ${ms}; 0: there is no time. */
static int
begin_again(struct action * a, int64_t ms)
{
	a->tries++;
	return (action_begin_in(a, ms, ACTION_BACKOFF));
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

/* However often it is done, it is the same. */
static int
is_same_again(const struct action * a)
{
	return (a->act->safe_to_retry || strcmp(a->req->method, "GET") == 0);
}

/* Asking does no harm; acting may.  A key is this action's: who begins it anew has
 * another. */
static int
is_harmless(const struct action * a)
{
	return (a->step != STEP_ACT || a->act->idempotency != NULL ||
	    is_same_again(a));
}

/* Not yet: ask later. */
static void
pause_poll(struct action * a, int64_t retry_after_ms)
{
	int64_t ms = a->act->poll->every_ms;
	struct err e;

	if (retry_after_ms > ms)
		ms = retry_after_ms;
	if (a->env->no_pause)
		ms = 0;
	if (!action_begin_in(a, ms, ACTION_PAUSE)) {
		err_set(&e, ERR_TRANSIENT, "accepted", "it was not done within "
		    "the action's time (timeout_seconds)");
		action_finish(a, NULL, 0, &e);
	}
}

/* Nobody knows whether it was done; ${e} says why, ${status} 0: no answer came. */
static void
left_open(struct action * a, int status, struct err * e)
{
	a->open = 1;
	a->why = *e;
	if (action_probe_start(a))
		return;
	a->told = 1;
	if (status == 0)
		err_set(e, ERR_PERMANENT, "ambiguous", "it may have been done "
		    "or not: %s; look at the service before you send it again",
		    a->why.msg);
	else
		err_set(e, e->cls, e->code, "%s; it may have been done all the "
		    "same: look at the service before you send it again",
		    a->why.msg);
	action_finish(a, NULL, status, e);
}

/* "Try again" is what nobody should who does not know. */
static void
cut_remedy(struct err * e)
{
	char * p = e->msg, * last = NULL;

	while ((p = strstr(p, "; ")) != NULL)
		last = p++;
	if (last != NULL)
		*last = '\0';
}

/* Whether it is asked what became of what was sent. */
static int
is_look(const struct action * a)
{
	return (a->step == STEP_PROBE || (a->step == STEP_LOOKUP && a->open));
}

/* No answer came. */
void
action_judge_silence(struct action * a, const struct err * he)
{
	struct err e = *he;
	int reads = strcmp(a->req->method, "GET") == 0;
	/* What is no answer, or too large for one, tells no more than none. */
	int sent = a->step == STEP_ACT && !e.unsent && (e.cls ==
	    ERR_TRANSIENT || strcmp(e.code, "protocol") == 0 ||
	    strcmp(e.code, "too_big") == 0);

	if (a->step == STEP_POLL && e.cls == ERR_TRANSIENT) {
		pause_poll(a, 0);
		return;
	}
	if (sent && !reads) {
		a->why = e;
		cut_remedy(&a->why);
		a->open = 1;
	}
	/* Reading changes nothing: what failed has failed. */
	a->judged = sent && reads;
	if (e.cls == ERR_TRANSIENT && a->tries < retries(a) &&
	    (!sent || is_harmless(a)) && begin_again(a, pause_ms(a)))
		return;
	if (is_look(a))
		action_probe_failed(a, &e);
	else if (sent && (!is_same_again(a) ||
	    action_probe_of(a->act, a->args) != NULL)) {
		cut_remedy(&e);
		left_open(a, 0, &e);
	} else if (a->step != STEP_ACT || !a->open || !action_probe_start(a))
		action_finish(a, NULL, 0, &e);
}

/* The service refused. */
static void
refused(struct action * a, enum answer_kind kind, int status, struct err * e)
{
	int64_t ms = e->retry_after_ms > 0 ? e->retry_after_ms : pause_ms(a);
	int open = a->step == STEP_ACT && status >= 500 && status != 501 &&
	    status != 503 && strcmp(a->req->method, "GET") != 0;

	if (a->step == STEP_POLL) {
		if (kind == ANSWER_RATE_LIMITED || e->cls == ERR_TRANSIENT)
			pause_poll(a, e->retry_after_ms);
		else
			action_finish(a, NULL, status, e);
		return;
	}
	if (open) {
		a->open = 1;
		a->why = *e;
	}
	if (status / 100 == 4)
		a->acted = a->open;
	if (kind == ANSWER_RATE_LIMITED && a->env->limits != NULL &&
	    e->retry_after_ms > 0)
		limits_block(a->env->limits, a->c, action_toll(a),
		    e->retry_after_ms);
	/* Who is told to come later was not served. */
	if (a->tries < retries(a) &&
	    (kind == ANSWER_RATE_LIMITED || (e->cls == ERR_TRANSIENT &&
	    is_harmless(a))) && begin_again(a, ms))
		return;
	if (is_look(a)) {
		action_probe_failed(a, e);
		return;
	}
	a->judged = a->step == STEP_ACT;
	if (open && (!is_same_again(a) ||
	    action_probe_of(a->act, a->args) != NULL)) {
		left_open(a, status, e);
		return;
	}
	/* "There is one already": that may be ours. */
	if (a->open && a->step == STEP_ACT && status / 100 == 4) {
		a->has_refusal = 1;
		a->refusal = *e;
		if (action_probe_start(a))
			return;
	}
	action_finish(a, NULL, status, e);
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

	a->judged = 1;
	v = action_answer_result(a->act, body, &e);
	action_finish(a, v, status, v != NULL ? NULL : &e);
	json_decref(v);
}

/* It was accepted; ask what becomes of it. */
static void
start_poll(struct action * a, const json_t * body, const struct http_res * res)
{
	struct request_given given = { .lookup = a->lookup, .own = a->own,
	    .answer = body, .res = res, .url = a->req->url };
	struct request * r;
	struct err e;

	r = request_poll(a->c, a->act, a->args, &given, &e);
	/* Some do at once what they do later at other times. */
	if (r == NULL && strcmp(e.code, "no_url") == 0 && res->status != 202) {
		succeeded(a, body, res->status);
		return;
	}
	a->step = STEP_POLL;
	a->tries = 0;
	if (r == NULL) {
		action_finish(a, NULL, res->status, &e);
		return;
	}
	request_free(a->req);
	a->req = r;
	pause_poll(a, http_res_retry_after(res));
}

/* What the service says of the action itself. */
static void
judge_word(struct action * a, const json_t * body, const struct http_res * res)
{
	int first = a->step == STEP_ACT;
	enum poll_word word = first ? action_poll_first(a->act, res->status,
	    body) : action_poll_word(a->act->poll, res->status, body);
	struct err e;
	json_t * v;

	a->open = 0;
	a->judged = word != POLL_PENDING;
	switch (word) {
	case POLL_PENDING:
		if (first)
			start_poll(a, body, res);
		else
			pause_poll(a, http_res_retry_after(res));
		return;
	case POLL_FAILED:
		action_poll_failed(a->act->poll, body, &e);
		action_finish(a, NULL, res->status, &e);
		return;
	case POLL_DONE:
		break;
	}
	if (first) {
		succeeded(a, body, res->status);
		return;
	}
	v = action_poll_result(a->act->poll, body);
	action_finish(a, v, res->status, NULL);
	json_decref(v);
}

static void
looked_up(struct action * a, const json_t * body)
{
	struct err e;

	a->lookup = action_lookup_find(a->c, a->act, a->args, body, &e);
	if (a->lookup == NULL) {
		if (a->open)
			action_probe_failed(a, &e);
		else
			action_finish(a, NULL, 0, &e);
		return;
	}
	a->tries = 0;
	if (a->open) {
		action_probe_begin(a);
		return;
	}
	a->step = STEP_ACT;
	action_begin(a);
}

void
action_judge_answer(struct action * a, const struct http_res * res)
{
	json_t * body = action_answer_read(a->c->m, a->step == STEP_ACT ?
	    a->act : NULL, res);
	enum answer_kind kind;
	int status = res->status;
	struct err e;

	if (a->env->limits != NULL)
		limits_answer(a->env->limits, a->c, action_toll(a), res,
		    clock_wall_ms());
	if (a->step == STEP_PROBE && action_probe_is_missing(a->act->probe,
	    status)) {
		json_decref(body);
		action_probe_answer(a, status, NULL);
		return;
	}
	if (a->step == STEP_POLL && status / 100 != 2 &&
	    action_poll_speaks(a->act->poll, status)) {
		judge_word(a, body, res);
		json_decref(body);
		return;
	}
	if (a->step == STEP_ACT && a->act->success != NULL &&
	    is_success(a->act, status))
		kind = status / 100 == 2 ? answer_judge(a->c->m, res, body,
		    a->req->url, clock_wall_ms(), &e) : ANSWER_OK;
	else
		kind = answer_judge(a->c->m, res, body, a->req->url,
		    clock_wall_ms(), &e);
	if (kind == ANSWER_OK && a->step == STEP_ACT && !is_success(a->act,
	    status)) {
		kind = ANSWER_ERROR;
		err_set(&e, ERR_PERMANENT, "unexpected", "the service answered "
		    "%d, which does not say that it was done", status);
	} else if (kind == ANSWER_ERROR_SKIP || kind == ANSWER_START_OVER) {
		kind = ANSWER_ERROR;
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
	else if (a->step == STEP_LOOKUP)
		looked_up(a, body);
	else if (a->step == STEP_PROBE)
		action_probe_answer(a, status, body);
	else
		judge_word(a, body, res);
	json_decref(body);
}

