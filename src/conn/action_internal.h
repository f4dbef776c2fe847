#ifndef MOLTLER_CONN_ACTION_INTERNAL_H
#define MOLTLER_CONN_ACTION_INTERNAL_H

#include "base/id7.h"
#include "conn/action.h"
#include "conn/limits.h"
#include "conn/send.h"

/* What action*.c share. */

enum action_state {
	ACTION_BEGIN,   /* in the soon queue: nothing was done yet */
	ACTION_PERMIT,  /* waiting for the budget */
	ACTION_SENT,    /* waiting for the answer */
	ACTION_BACKOFF, /* waiting to try again */
	ACTION_PAUSE,   /* waiting to ask what became of it */
	ACTION_TWINS,   /* waiting for what else was sent */
	ACTION_DONE
};

/* What is asked of the service. */
enum action_step {
	STEP_LOOKUP, /* what the action needs to know first */
	STEP_ACT,
	STEP_POLL,   /* what became of it, where it was accepted */
	STEP_PROBE   /* whether it is there, where nobody knows */
};

/* What was seen so far of the pages that are looked at. */
struct action_look {
	char * next;           /* the page that is asked for; NULL: the first */
	unsigned pages;        /* seen */
	json_t * found;        /* records that are what was to be done */
	int unclear;           /* of one it cannot be told */
	int cut;               /* there are more pages than are looked at */
	int status;            /* of the last answer */
};

struct action {
	const struct conn_env * env;
	struct connector * c;
	const struct manifest_action * act;
	json_t * args;
	json_t * own;          /* {{action.id}} and its like */
	json_t * lookup;       /* what was found, or NULL */
	enum action_step step;
	int acted;             /* it was sent: what was read may be so no more */
	int judged;            /* the service said what became of it */
	int open;              /* sent, and nobody knows whether it was done */
	struct err why;        /* ... because of this */
	int told;              /* ... and the error says so */
	int has_refusal;       /* it was refused after that: */
	struct err refusal;
	struct action_look look;
	int looked;            /* it was looked for, and was not there */
	int resent;            /* it was looked for, was not there, and was sent
	                          again */
	enum action_state state;
	struct request * req;
	struct send * call;
	struct limit_wait * permit; /* waited for, or held while it is sent */
	struct loop_timer * timer;
	struct soon soon;
	unsigned tries;        /* of this step, failed */
	int64_t deadline_us;
	void (*on_attempt)(void * arg, unsigned attempt);
	void (*ask_twins)(void * arg);
	action_cb * cb;
	void * arg;
	struct action_end end;
};

/**
 * action_finish(a, answer, status, e): The end; ${a} is gone afterwards.
 * action_ask_twins(a): Ask for what else was sent; 0: nobody is there to ask.
 * action_begin(a): The step from its beginning.
 * action_begin_in(a, ms, waiting): The same later; whether there is time for it.
 * action_left_ms(a): Until its time is over.
 */
void action_finish(struct action * a, const json_t * answer, int status,
    struct err * e);
void action_begin(void * a);
int action_ask_twins(struct action * a);
int action_begin_in(struct action * a, int64_t ms, enum action_state waiting);
int64_t action_left_ms(const struct action * a);

/** action_toll(a): What the call of this step takes of the budgets. */
const struct manifest_toll * action_toll(const struct action * a);

/** action_judge_answer(a, res), action_judge_silence(a, e): What came of the
 * request, an answer or none; ${a} goes on or is gone. */
void action_judge_answer(struct action * a, const struct http_res * res);
void action_judge_silence(struct action * a, const struct err * e);

/**
 * action_probe_start(a): Look whether it is there; 0: it cannot be.
 * action_probe_begin(a): Look from the first page.
 * action_probe_twins(a, twins, e): What else was sent.
 * action_probe_forget(a): Free what was seen.
 * action_probe_looks_up(a): Whether there is something to look up for it.
 * action_probe_answer(a, status, body): What was seen (${body} of a good answer; NULL
 * of one that says that it is not there).
 * action_probe_failed(a, e): It could not be looked for.
 */
int action_probe_start(struct action * a);
void action_probe_begin(struct action * a);
void action_probe_forget(struct action * a);
void action_probe_twins(struct action * a, const json_t * twins,
    const struct err * e);
int action_probe_looks_up(const struct action * a);
void action_probe_answer(struct action * a, int status, const json_t * body);
void action_probe_failed(struct action * a, const struct err * e);
int action_probe_is_missing(const struct manifest_probe * p, int status);

#endif
