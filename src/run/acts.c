#include "run/acts_internal.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/id7.h"
#include "base/json.h"
#include "base/log.h"
#include "base/rfc3339.h"

#define TIMEOUT_MS 30000
#define GRACE_MS 30000   /* until one that does not end is called unknown */
/* What could not be written down is kept, and tried so often. */
#define OWED_MAX 1000
#define OWED_MS 10000
#define OWED_TRIES 360

enum act_state {
	ACT_WRITING, /* its intent */
	ACT_DOING,
	ACT_ENDING,  /* what became of it is being written */
	ACT_OWED,    /* that failed, and is tried again; who asked was told */
	ACT_OVER
};
static const char * const state_names[] = { "writing", "doing", "ending",
	"owed", "over" };

struct act {
	struct acts * A;
	struct act * next, ** prevp;
	const struct conn_env * env;
	struct connector * c;
	const struct manifest_action * act;
	const char * entity;
	json_t * args;
	char id[ID7_LEN];
	int64_t t0_us;
	int64_t at_ms;
	enum act_state state;
	int alone;             /* nobody waits for it */
	struct action * action;
	action_cb * cb;
	void * arg;
	/* What it came to. */
	struct action_end end;
	json_t * answer;
	struct err e;
	int failed;
	int64_t ms;            /* how long it took */
	struct loop_timer * timer;
	unsigned tries;        /* to write that down */
};

static void
enter(struct act * a, enum act_state state)
{
	log_event(LOG_DEBUG, "act", LOG_S("action", a->id), LOG_S("from",
	    state_names[a->state]), LOG_S("to", state_names[state]));
	a->state = state;
}

static void
act_free(struct act * a)
{
	*a->prevp = a->next;
	if (a->next != NULL)
		a->next->prevp = a->prevp;
	loop_timer_free(a->timer);
	connector_unref(a->c);
	json_decref(a->args);
	json_decref(a->answer);
	free(a);
}

static void
count(struct acts * A, const char * type, enum action_outcome what)
{
	struct acts_count * k;
	size_t i;

	for (i = 0; i < A->ncounts; i++) {
		k = &A->counts[i];
		if (k->what == what && strcmp(k->type, type) == 0) {
			k->n++;
			return;
		}
	}
	if (A->ncounts == ACTS_KINDS_MAX)
		return;
	k = &A->counts[A->ncounts++];
	snprintf(k->type, sizeof(k->type), "%s", type);
	k->what = what;
	k->n = 1;
}

/* The end for who asked; unless something is ${owed}, ${a} is gone afterwards. */
static void
tell(struct act * a, int owed)
{
	action_cb * cb = a->cb;
	struct action_end end = a->end;
	json_t * answer = json_incref(a->answer);
	struct err e = a->e;
	int failed = a->failed, alone = a->alone;
	void * arg = a->arg;

	enter(a, owed ? ACT_OWED : ACT_OVER);
	count(a->A, a->c->m->type, end.what);
	a->alone = 1;
	if (!owed)
		act_free(a);
	if (!alone)
		cb(arg, failed ? NULL : answer, &end, failed ? &e : NULL);
	json_decref(answer);
}

static void
finish(struct act * a)
{
	tell(a, 0);
}

/* ---- the end ---- */

static void
write_end(struct act * a, state_cb * cb, void * arg)
{
	struct state * s = a->A->state;
	json_t * v = acts_record_end(&a->end, a->answer, a->failed ? &a->e :
	    NULL, a->ms);
	json_t * none = v == NULL ? json_object() : NULL;

	s->ops->action_put(s, a->id, v != NULL ? v : none, 0, cb, arg);
	json_decref(v);
	json_decref(none);
}

static void on_outcome(void * arg, json_t * v, const struct err * e);

static void
write_again(void * arg)
{
	write_end(arg, on_outcome, arg);
}

/* Whether ${a} is kept until the state is there again. */
static int
is_owed(struct act * a, const struct err * e)
{
	if (e == NULL || e->cls != ERR_TRANSIENT || ++a->tries > OWED_TRIES ||
	    (a->state != ACT_OWED && a->A->nowed >= OWED_MAX) ||
	    (a->timer == NULL && (a->timer = loop_timer_new(a->A->L,
	    write_again, a)) == NULL))
		return (0);
	loop_timer_start(a->timer, OWED_MS);
	return (1);
}

static void
on_outcome(void * arg, json_t * v, const struct err * e)
{
	struct act * a = arg;
	int owed = is_owed(a, e);

	(void)v;
	if (e != NULL && (a->state != ACT_OWED || !owed))
		log_event(LOG_ERROR, "action_not_written", LOG_S("action",
		    a->id), LOG_S("connector", a->c->name), LOG_S("outcome",
		    acts_record_outcome(a->end.what)), LOG_S("then", owed ?
		    "it is tried again" : "that is lost"), LOG_E(e));
	/* What was done was done: it is said all the same. */
	if (a->state != ACT_OWED) {
		a->A->nowed += owed != 0;
		tell(a, owed);
	} else if (!owed) {
		a->A->nowed--;
		act_free(a);
	}
}

static void
on_done(void * arg, const json_t * answer, const struct action_end * end,
    const struct err * e)
{
	struct act * a = arg;

	a->action = NULL;
	a->end = *end;
	a->ms = (clock_mono_us() - a->t0_us) / 1000;
	a->answer = json_incref((json_t *)(uintptr_t)answer);
	if (e != NULL) {
		a->failed = 1;
		a->e = *e;
		/* Services cite what they were sent. */
		json_decref(acts_record_args(a->args, &a->e));
	}
	log_event(LOG_INFO, "action", LOG_S("action", a->id),
	    LOG_S("connector", a->c->name), LOG_S("name", a->act->name),
	    LOG_S("outcome", acts_record_outcome(end->what)),
	    LOG_I("attempts", end->attempts));
	enter(a, ACT_ENDING);
	write_end(a, on_outcome, a);
}

/* ---- the beginning ---- */

/* Not waited for: without it a crash shows as before the sending. */
static void
on_attempt(void * arg, unsigned attempt)
{
	struct act * a = arg;
	struct state * s = a->A->state;
	json_t * v = json_pack("{s:s, s:I}", "state", "sent", "attempts",
	    (json_int_t)attempt);

	if (v != NULL)
		s->ops->action_put(s, a->id, v, 0, NULL, NULL);
	json_decref(v);
}

static void
on_twins(void * arg, const json_t * found, const struct err * e)
{
	struct act * a = arg;

	action_twins(a->action, found, e);
}

/* What else was sent that cannot be told from it by looking. */
static void
ask_twins(void * arg)
{
	struct act * a = arg;
	struct acts_intent what = { a->id, a->c->name, a->c->m->type,
	    a->entity, a->act->name, a->args, a->at_ms };

	acts_twins(a->A, &what, a->act->probe, on_twins, a);
}

static int64_t
timeout_of(const struct connector * c)
{
	return (c->opt.timeout_ms > 0 ? c->opt.timeout_ms : TIMEOUT_MS);
}

static void
unsent(struct act * a, const char * why)
{
	struct err e;

	err_set(&e, ERR_TRANSIENT, "journal", "%s: %s was not sent: what is "
	    "done is written down first, and that failed: %.200s; try again "
	    "when the state is there", a->c->name, a->act->name, why);
	a->failed = 1;
	a->e = e;
	a->end.what = OUTCOME_UNSENT;
}

static void
on_written(void * arg, json_t * v, const struct err * e)
{
	struct act * a = arg;
	struct action_opts o = { .id = a->id, .timeout_ms = timeout_of(a->c),
	    .on_attempt = on_attempt, .ask_twins = ask_twins };
	struct action_end none = { .what = OUTCOME_UNSENT };
	struct err nomem;

	(void)v;
	if (e != NULL) {
		unsent(a, e->msg);
		/* It may have been written, and the answer lost. */
		write_end(a, NULL, NULL);
		finish(a);
		return;
	}
	if (a->alone) {
		a->end = none;
		write_end(a, NULL, NULL);
		finish(a);
		return;
	}
	enter(a, ACT_DOING);
	a->action = action_start(a->env, a->c, a->act, a->args, &o, on_done, a);
	if (a->action == NULL) {
		err_nomem(&nomem, "an action");
		on_done(a, NULL, &none, &nomem);
	}
}

static json_t *
intent_of(const struct act * a, const struct manifest_entity * ent,
    const struct act_who * who, int64_t now)
{
	char at[RFC3339_LEN];

	rfc3339_format(now, at);
	return (json_pack("{s:s, s:s, s:s*, s:s*, s:s*, s:s, s:s, s:s, s:s, "
	    "s:o, s:s, s:s, s:I, s:s, s:I}", "id", a->id, "at", at, "user",
	    who->user, "peer", who->peer, "request_id", who->request_id,
	    "connector", a->c->name, "type", a->c->m->type, "entity",
	    ent->name, "action", a->act->name, "args",
	    acts_record_args(a->args, NULL), "node", a->A->node, "run", a->A->run,
	    "until_ms", (json_int_t)(now + timeout_of(a->c) + GRACE_MS),
	    "state", "intent", "attempts", (json_int_t)0));
}

struct act *
acts_start(struct acts * A, const struct conn_env * env, struct connector * c,
    const struct manifest_entity * ent, const struct manifest_action * act,
    const json_t * args, const struct act_who * who, action_cb * cb,
    void * arg)
{
	struct act * a = calloc(1, sizeof(*a));
	int64_t now = clock_wall_ms();
	json_t * intent;

	if (a == NULL)
		return (NULL);
	a->A = A;
	a->env = env;
	a->c = connector_ref(c);
	a->act = act;
	a->entity = ent->name;
	a->at_ms = now;
	a->args = args ? json_deep_copy(args) : json_object();
	a->t0_us = clock_mono_us();
	a->cb = cb;
	a->arg = arg;
	id7_make(now, a->id);
	a->next = A->head;
	a->prevp = &A->head;
	if (a->next != NULL)
		a->next->prevp = &a->next;
	A->head = a;
	intent = a->args != NULL ? intent_of(a, ent, who, now) : NULL;
	if (intent == NULL) {
		act_free(a);
		return (NULL);
	}
	A->state->ops->action_put(A->state, a->id, intent, 1, on_written, a);
	json_decref(intent);
	return (a);
}

void
acts_leave(struct act * a)
{
	struct action_end end = { .what = OUTCOME_UNSENT };
	struct err e;

	if (a == NULL)
		return;
	a->alone = 1;
	if (a->state != ACT_DOING || action_was_sent(a->action))
		return;
	action_cancel(a->action);
	err_set(&e, ERR_CANCELLED, "cancelled", "nobody waited for it any more");
	on_done(a, NULL, &end, &e);
}

void
acts_each(const struct acts * A, void (*each)(void * arg, const char * type,
    const char * outcome, uint64_t n), void * arg)
{
	size_t i;

	for (i = 0; i < A->ncounts; i++)
		each(arg, A->counts[i].type, acts_record_outcome(
		    A->counts[i].what), A->counts[i].n);
}

/* ---- the object ---- */

struct acts *
acts_new(struct loop * L, struct state * state, const char * node)
{
	struct acts * A = calloc(1, sizeof(*A));

	if (A == NULL)
		return (NULL);
	A->L = L;
	A->state = state;
	A->node = node;
	id7_make(clock_wall_ms(), A->run);
	return (A);
}

void
acts_free(struct acts * A)
{
	struct act * a;

	if (A == NULL)
		return;
	while ((a = A->head) != NULL) {
		if (a->state == ACT_DOING) {
			a->end.what = action_was_sent(a->action) ?
			    OUTCOME_OPEN : OUTCOME_UNSENT;
			a->failed = 1;
			err_set(&a->e, ERR_CANCELLED, "stopped", "the daemon "
			    "was stopped");
			write_end(a, NULL, NULL);
			action_cancel(a->action);
		} else if (a->state == ACT_OWED) {
			write_end(a, NULL, NULL);
		}
		act_free(a);
	}
	acts_list_free_all(A);
	acts_twins_free_all(A);
	free(A);
}
