#ifndef MOLTLER_RUN_RUNNER_INTERNAL_H
#define MOLTLER_RUN_RUNNER_INTERNAL_H

#include "run/job.h"
#include "run/runner.h"

struct runner {
	struct loop * loop;
	struct state * state;
	struct types * types;
	struct secrets * secrets;
	struct secret_store * secret_store; /* or NULL */
	struct targets * targets;
	char * node;
	const struct conn_env * conn_env;
	struct tick_env tick_env;

	struct job * by_name;
	struct job * by_id;
	struct job * by_fold;
	struct job ** sorted; /* by name */
	size_t unsaved;       /* at most that many jobs wait to be saved */
	size_t n, cap;

	size_t active;        /* ticks under way */
	size_t ops;           /* changes under way */
	int stopping;
	runner_cb * stop_cb;
	void * stop_arg;
	struct soon stop_soon;
	runner_cb * load_cb;
	void * load_arg;
	size_t load_left;
	struct loop_timer * load_timer;
	int is_unread;
	struct err unread;    /* why */
	struct test * tests;  /* calls that only test */

	/* Statuses to be written, oldest first. */
	struct job * dirty_head;
	struct job ** dirty_tail;
	struct loop_timer * status_timer;

	/* Looking for what other daemons changed. */
	void (*changed)(void * arg, int lost); /* or NULL */
	void * changed_arg;
	int (*where)(void * arg, const char * node, char * out); /* or NULL */
	void * where_arg;
	void (*looked)(void * arg, uint64_t no); /* or NULL */
	void * looked_arg;
	uint64_t look_no;      /* of the last look that began */
	int look_again;        /* when the one under way is over */
	int look_net;          /* also where the counter says nothing */
	int look_all;          /* whatever the state says that changed */
	struct loop_timer * poll_timer;
	json_int_t generation; /* -1: look again */
	json_int_t seen;       /* the last generation compared with, */
	char * mark;           /* and what the state calls it; NULL: not known */
	char * next_mark;      /* of the comparing under way */
	int polling;
	struct loop_timer * slice_timer; /* for what is too much for a turn: */
	unsigned polls;        /* so far */
	int asking;            /* for statuses, */
	size_t ask_next;       /* whose is next, ... */
	json_t * list;         /* ... and what the state holds, NULL: not now, */
	json_t * names;        /* the names in it so far */
	json_t * asked;        /* those asked for; NULL: all.  Then names has those */
	size_t asked_left;     /* that are gone, and whose they were; */
	int asked_failed;      /* not all answered */
	int skipped;           /* some could not be compared now */
	size_t list_next;      /* and what is compared next */
	uint64_t changes;      /* of our own, so far */
	uint64_t list_changes; /* when the last list was asked for */
	int64_t look_us;       /* when that was */
	int64_t look_after_us; /* and not again before */

	/* Going over to types that were read anew. */
	struct loop_timer * refit_timer;
	char * refit_after;    /* the last that was looked at, or NULL */
	int refit_left;        /* some were being changed just then */

	struct runner_stats stats;
};

/* runner.c */
struct job * runner_find(const struct runner * r, const char * key);
/** runner_after(r, name): The place of the first whose name comes after. */
size_t runner_after(const struct runner * r, const char * name);
int runner_insert(struct runner * r, struct job * j, struct err * e);
void runner_remove(struct runner * r, struct job * j);

/* runner_tick.c */

/** runner_schedule(j): (Re)arm the timer, if the job is to run here at all. */
void runner_schedule(struct job * j);

/** runner_fire(j, manual): Begin a run now.  runner_fire_first(j): that of one
 * that was just made, by a claim of its own: one of its name that was deleted a
 * moment ago may have claimed this bucket. */
void runner_fire(struct job * j, int manual);
void runner_fire_first(struct job * j);

/** runner_go_on(j): No run is under way: arm the timer, or begin the run that
 * was asked for meanwhile. */
void runner_go_on(struct job * j);

/** runner_replace(r, old, j): Put ${j} where ${old} was (NULL: nothing); it
 * waits, busy, until runner_replaced(j, old) frees ${old}, whose runs are over. */
int runner_replace(struct runner * r, struct job * old, struct job * j);
void runner_replaced(struct job * j, struct job * old);

/** runner_drop(j): It is being deleted: write no more of it. */
void runner_drop(struct job * j);

/** runner_end_job(j, cb, arg): ${j} runs no more; call when its run is over. */
void runner_end_job(struct job * j, void (*cb)(void *), void * arg);

/** runner_event(j, event, detail): Note a change of state. */
void runner_event(struct job * j, const char * event, const char * detail);

/** runner_dirty(j, now): Its status changed; written soon, or at once. */
void runner_dirty(struct job * j, int now);

/** runner_status_flush(r, all): Write the statuses that are due, or all. */
void runner_status_flush(struct runner * r, int all);

/** runner_maybe_stopped(r): Call the stop callback if nothing is under way. */
void runner_maybe_stopped(struct runner * r);

/** runner_save(j): Write the record as it is; tried again until it is there. */
void runner_save(struct job * j);

/** runner_save_rest(r): Try those again. */
void runner_save_rest(struct runner * r);

/* runner_change.c */

/** runner_put_sync(j): Write the record of its sync, if it has one. */
void runner_put_sync(struct job * j);

/* runner_admin.c */

/** runner_cancel_tests(r): End the calls of runner_test. */
void runner_cancel_tests(struct runner * r);

/* runner_secret.c */

/** runner_sweep_literals(r): Delete hidden secrets that no connector refers to;
 * after loading. */
void runner_sweep_literals(struct runner * r);

/* runner_load.c */

/** runner_is_shared(r): Whether there may be other daemons: the embedded state has
 * none. */
int runner_is_shared(const struct runner * r);

/** runner_make(r, rec): A job of a record, or NULL (logged).  One that does not fit
 * becomes a job that is only shown.
 * runner_adopt(r, rec): And take it in. */
struct job * runner_make(struct runner * r, const json_t * rec);
struct job * runner_adopt(struct runner * r, const json_t * rec);

/** runner_is_run_here(j): Whether its status is what our own runs make it. */
int runner_is_run_here(const struct job * j);

/** runner_of_record(r, rec): The job of that record's name, or NULL. */
struct job * runner_of_record(const struct runner * r, const json_t * rec);

/** runner_ask_status(r, j, is_load): Ask the state what its status was; with
 * ${is_load} it begins to run then.  -1: no memory. */
int runner_ask_status(struct runner * r, const struct job * j, int is_load);

/* runner_refit.c */

/** runner_refit(r): The types are others: look again at what did not fit, and go
 * over to those that changed; thousands of them a slice at a time. */
void runner_refit(struct runner * r);

/* runner_compare.c */

/** runner_compare(r, changed): Take over what differs of those (NULL: of all);
 * ends by runner_look_end().  runner_compare_more(r): A slice of it, and whether
 * there are more. */
void runner_compare(struct runner * r, const json_t * changed);
int runner_compare_more(struct runner * r);

/* runner_poll.c */

/** runner_compare_soon(r): Have runner_compare_more called till it is done. */
void runner_compare_soon(struct runner * r);

/** runner_is_lost(r, gen): Whether what we know was forgotten there. */
int runner_is_lost(const struct runner * r, json_int_t gen);

/** runner_look_end(r): A look at what others changed is over. */
void runner_look_end(struct runner * r);


/** runner_poll_start(r): Begin looking for other daemons' changes. */
void runner_poll_start(struct runner * r);

#endif
