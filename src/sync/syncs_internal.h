#ifndef MOLTLER_SYNC_SYNCS_INTERNAL_H
#define MOLTLER_SYNC_SYNCS_INTERNAL_H

#include <uthash.h>

#include "sync/syncs.h"

/* What the parts of syncs share; nobody else includes this. */

#define SYNCS_BEAT_MAX 5000    /* how often the nodes are asked for */
#define SYNCS_BEATS 3          /* a list of nodes that old says nothing */
#define SYNCS_MAX_RUNNING 64   /* at once that get on; */
#define SYNCS_MAX_BEGUN 256    /* with those that wait for a service, of which */
#define SYNCS_MAX_CONNECTOR 16 /* of one connector */
#define SYNCS_EVERY_MIN 100
#define SYNCS_EVERY_MAX 86400000

/* What we know of a sync's past: it is asked of the state when we come to run it. */
enum syncs_known { SYNCS_UNKNOWN, SYNCS_ASKING, SYNCS_KNOWN };

/* One sync. */
struct syncs_entry {
	struct syncs * S;
	struct sync_def * d;
	int64_t offset_ms;     /* of every_ms, within it */
	size_t heap;           /* its place in the heap from 1; 0: not in it */
	int64_t due_at;        /* by the wall clock */
	int64_t retry_at;      /* not before its time; 0: no */
	uint64_t touched;      /* the number of our last change of it */
	int64_t bucket;        /* the last one done; INT64_MIN: none */
	struct syncs_run * run;    /* under way here, or NULL */
	struct sync_wait * waits;  /* for the next run */
	struct syncs_entry * queue_next; /* those due that wait for room */
	unsigned failures;     /* transient ones, one after the other */
	unsigned asks;         /* answers of the state still to come */
	unsigned mine : 1;     /* to be run here */
	unsigned known : 2;    /* enum syncs_known */
	unsigned queued : 1;
	unsigned busy : 1;     /* a change of it is under way */
	unsigned dropped : 1;  /* it is to go: no run begins, nothing is written */
	unsigned unsaved : 1;  /* its record is still to be written */
	unsigned seen : 1;     /* by the comparing under way */
	unsigned unfit : 1;    /* its record cannot be read: it does not run */
	unsigned put_back : 1; /* all of its record is to be written */
	void (*ended)(void *); /* once its run is over; or NULL */
	void * ended_arg;

	/* Times in ms since 1970, 0: never. */
	int64_t last_run_at, last_success_at;
	int64_t rows, rejected, deleted, took_ms;
	int64_t runs;
	int64_t fence;         /* of the last one told of that was claimed; 0: none */
	int64_t cursor_ms;     /* 0: none that is a time */
	int verdict;           /* enum sync_verdict; -1: none yet */
	char * reason;         /* of it, or NULL */
	char * error;          /* the last one, or NULL */
	UT_hash_handle hh;
};

/* One run that this daemon began. */
struct syncs_run {
	struct syncs_entry * en;
	struct sync_run * r;   /* NULL: it could not begin */
	struct sync_def * d;   /* a reference: what it began with */
	struct sync_wait * waits;
	struct soon soon;      /* when it could not begin */
	struct err e;
	int64_t bucket;
	int64_t begun_us, told_us;
	int64_t moved_us;      /* when it last got on */
	int told;              /* its progress is in the status, */
	int is_noted;          /* and that it began */
	int manual;
	struct sync_progress p;
	struct syncs_run * next, ** prevp; /* of all under way */
};

struct sync_wait {
	struct syncs * S;
	struct syncs_entry * en; /* NULL: it is refused with e */
	struct syncs_run * run;  /* what it waits for; NULL: for the next one */
	struct sync_wait * next;
	void (*progress)(void * arg, const struct sync_progress * p);
	sync_wait_cb * cb;     /* NULL: nobody listens, but run all the same */
	void * arg;
	struct soon soon;
	struct err e;
	int full;
	int first;             /* the run was begun for it */
	unsigned tries;
};

struct syncs {
	struct syncs_opts o;
	char * node;
	struct sync_run_env env;
	int shared;            /* there may be other daemons */

	struct syncs_entry * by_id;
	struct syncs_entry ** sorted; /* by id */
	size_t n, cap;

	struct syncs_entry ** heap; /* by due_at; from 1 */
	size_t nheap, heapcap;
	struct loop_timer * timer;
	struct syncs_entry * queue, ** queue_tail;
	struct syncs_run * running;
	size_t nrunning;
	struct soon queue_soon;

	struct loop_timer * beat; /* once a second */
	struct loop_timer * look; /* for the nodes, each ${beat_ms} */
	int64_t beat_ms;
	int64_t skew;          /* of the wall clock against the one that never
	                          steps */
	json_t * nodes;        /* or NULL: not known yet */
	uint64_t * node_keys;  /* of those, to hash with */
	size_t nnodes;
	int64_t nodes_us;      /* when that list came, by the clock that never
	                          steps, */
	int64_t nodes_wall;    /* and by the other one */
	int asking_nodes;
	state_cb * nodes_then; /* who waits for it, or NULL */
	int mute;              /* the state is away: said so */
	int is_twice;          /* another process is this node: said so */
	size_t asking;         /* pasts being asked for */

	int loaded;
	syncs_cb * load_cb;
	void * load_arg;
	int polling, poll_again, poll_missed;
	struct loop_timer * slice_timer;
	json_t * list;         /* what the state holds, while it is compared */
	size_t list_next;
	uint64_t changes, drops; /* of our own, so far, */
	uint64_t list_changes, list_drops; /* and when that list was asked for */
	int64_t poll_us, poll_after_us; /* when; not again before */
	json_int_t generation; /* of what was last read, */
	char * mark;           /* what the state calls that, or NULL, */
	char * next_mark;      /* and what is being read; */
	size_t asked_left;     /* by name: so many answers are to come, */
	int asked_failed;      /* and not all came; */
	int skipped;           /* some could not be compared now */
	size_t changed;        /* elsewhere, as far as it was compared */
	int lost;
	size_t unsaved;

	struct syncs_look * looks; /* who waits, oldest first */
	struct syncs_look ** looks_tail;
	struct soon look_soon;
	struct loop_timer * look_timer;
	uint64_t looked;       /* the number of the last look that is over */
	int look_mute;         /* none ended in time: nobody waits for one */

	size_t ops;            /* calls of the state and changes under way */
	int stopping;          /* 2: told */
	syncs_cb * stop_cb;
	void * stop_arg;
	struct soon stop_soon;
	struct syncs_stats stats;
};

/* syncs_registry.c: all that there are. */
struct syncs_entry * syncs_find(const struct syncs * S, const char * id);
/** syncs_after(S, id): The place of the first whose id comes after. */
size_t syncs_after(const struct syncs * S, const char * id);
/** syncs_insert(S, d, e): A new entry of ${d} (taken, also on failure). */
struct syncs_entry * syncs_insert(struct syncs * S, struct sync_def * d,
    struct err * e) MUST_CHECK;
/** syncs_entry_free(en): What it has, and itself. */
void syncs_entry_free(struct syncs_entry * en);
/** syncs_remove(en): Take it out and free it; it must not run. */
void syncs_remove(struct syncs_entry * en);
/** syncs_set_def(en, d): ${d} (taken) from now on; what runs keeps the old. */
void syncs_set_def(struct syncs_entry * en, struct sync_def * d);
/** syncs_not_found(S, id, e): Config "not_found", with what may be meant; -1. */
int syncs_not_found(const struct syncs * S, const char * id, struct err * e);
/** syncs_def_with(d, patch, e): ${d} with fields of its record replaced (${patch}
 * taken, NULL: no memory). */
struct sync_def * syncs_def_with(const struct sync_def * d, json_t * patch,
    struct err * e) MUST_CHECK;
/** syncs_main(S, connector): That connector's main sync, or NULL. */
struct syncs_entry * syncs_main(const struct syncs * S,
    const char * connector);

/* syncs.c: its life. */
void syncs_maybe_stopped(struct syncs * S);
/** syncs_begin(S): All are known: the clocks run from now on. */
void syncs_begin(struct syncs * S);

/* syncs_clock.c: when. */

/** syncs_last_bucket(en, now): The last bucket whose time has come; INT64_MIN:
 * there is no schedule. */
int64_t syncs_last_bucket(const struct syncs_entry * en, int64_t now);
/** syncs_next_at(en, now): When it is due next; -1: never. */
int64_t syncs_next_at(const struct syncs_entry * en, int64_t now);
/** syncs_arm(en): Work out anew when to look at it; a no-op while it runs. */
void syncs_arm(struct syncs_entry * en);
/** syncs_try_now(en): What failed with a chance need not wait any longer; before
 * syncs_arm(). */
void syncs_try_now(struct syncs_entry * en);
void syncs_disarm(struct syncs_entry * en);
/** syncs_arm_all(S): All of them. */
void syncs_arm_all(struct syncs * S);
/** syncs_clock_start(S): Set the timer for whoever is first. */
void syncs_clock_start(struct syncs * S);

/* syncs_fire.c: runs. */

/** syncs_ready(en): It is to run: now, or when there is room. */
void syncs_ready(struct syncs_entry * en);
/** syncs_unready(en): Take it from those that wait for room. */
void syncs_unready(struct syncs_entry * en);
/** syncs_end(en, why, cb, arg): End what runs and call, at once if nothing does. */
void syncs_end(struct syncs_entry * en, const char * why, void (*cb)(void *),
    void * arg);
/** syncs_run_tell(run): Put that it began and how far it is into the status. */
void syncs_run_tell(struct syncs_run * run);

/** syncs_wake(S): Begin what waits for room, if there is some. */
void syncs_wake(struct syncs * S);

/* syncs_note.c: what is known of runs, and the status in the state. */

/** syncs_ask(en): Ask the state what was; syncs_arm() when it has answered. */
void syncs_ask(struct syncs_entry * en);
void syncs_note_cursor(struct syncs_entry * en, const json_t * cursor);
/** syncs_note_result(en, r): A run ended; into the status and the events. */
void syncs_note_result(struct syncs_entry * en, const struct syncs_run * run,
    const struct sync_result * r);
/** syncs_note_event(en, event, detail): A change of state. */
void syncs_note_event(struct syncs_entry * en, const char * event,
    const char * detail);
/** syncs_note_unended(S, id, status): When the run began of which ${status} does not
 * know the end, and which nobody goes on with; 0: there is none. */
int64_t syncs_note_unended(const struct syncs * S, const char * id,
    const json_t * status);
json_t * syncs_note_progress(const struct sync_progress * p);

/* syncs_nodes.c: who lives, who runs what. */
void syncs_nodes_ask(struct syncs * S);
/** syncs_nodes_first(S, then): And call ${then} with ${S}. */
void syncs_nodes_first(struct syncs * S, state_cb * then);
/** syncs_nodes_mine(S, d): Whether ${d} is this node's to run. */
int syncs_nodes_mine(const struct syncs * S, const struct sync_def * d);
/** syncs_nodes_old(S): Whether what we know of them is too old to go by. */
int syncs_nodes_old(const struct syncs * S);
/** syncs_nodes_lives(S, node): Whether that one does, as far as we know. */
int syncs_nodes_lives(const struct syncs * S, const char * node);
/** syncs_nodes_holder(S, id): Which node says that it runs it, or NULL. */
const char * syncs_nodes_holder(const struct syncs * S, const char * id);

/** syncs_not_here(en, e): Config "not_here": who holds its target; -1. */
int syncs_not_here(const struct syncs_entry * en, struct err * e);

/* syncs_poll.c: what the state holds. */
void syncs_poll(struct syncs * S, int lost);
/** syncs_compare_more(S): The
 * next ones of the list that is being compared. */
void syncs_compare_more(struct syncs * S);

/* syncs_compare.c: one sync as the state has it. */
/** syncs_compare(S, rec): Take over what that record says. */
void syncs_compare(struct syncs * S, const json_t * rec);
/** syncs_retire(en): Another daemon dropped it. */
void syncs_retire(struct syncs_entry * en);
/** syncs_is_ahead(en): Whether the list may say what was before a change of our own.
 * syncs_is_skipped(en): And so it is not compared.  A change that is under way may come
 * to nothing: then it is looked at again. */
int syncs_is_ahead(const struct syncs_entry * en);
int syncs_is_skipped(const struct syncs_entry * en);
/** syncs_ask_connector(en): Its connector is not among ours: is it in the state?
 * Else it goes. */
void syncs_ask_connector(struct syncs_entry * en);

/* A question to the state about one that may be gone when the answer comes. */
struct syncs_question {
	struct syncs * S;
	char id[];
};
/** syncs_question(S, id): One, for free(); NULL: no memory. */
struct syncs_question * syncs_question(struct syncs * S, const char * id);

/* syncs_look.c */
int syncs_look_init(struct syncs * S, struct err * e) MUST_CHECK;
void syncs_look_fini(struct syncs * S);
/** syncs_look_pass(S): Those who wait go on, if what they wait for is over. */
void syncs_look_pass(struct syncs * S);

/* syncs_save.c */
/** syncs_save(en): Write whether it is enabled, or where it is to be put back all of
 * its record; again until it is there. */
void syncs_save(struct syncs_entry * en);
void syncs_save_rest(struct syncs * S);
/** syncs_touch(en): We changed it: what was read of it before says nothing. */
void syncs_touch(struct syncs_entry * en);

/* syncs_wait.c */
/** syncs_wait_allowed(S, en, e): Whether somebody may ask for a run of it here. */
int syncs_wait_allowed(const struct syncs * S, const struct syncs_entry * en,
    struct err * e) MUST_CHECK;
/** syncs_wait_take(en, run): Those who wait for the next run wait for this one;
 * whether one of them wants it full. */
int syncs_wait_take(struct syncs_entry * en, struct syncs_run * run);
/** syncs_wait_done(w, r, e): Tell the whole list ${w}. */
void syncs_wait_done(struct sync_wait * w, const struct sync_result * r,
    const struct err * e);
/** syncs_wait_again(en, run): Another daemon was at it: those who wait do so for
 * another try.  Those who tried long enough stay. */
void syncs_wait_again(struct syncs_entry * en, struct syncs_run * run);

/* syncs_check.c: what a definition must fulfil. */
struct syncs_check;
/** A definition that was checked: ${d} is the caller's, or NULL with ${e}.
 * ${left_out} (borrowed): entities that were, with reasons; ${explained}
 * (borrowed): entity -> {"sql": what a run would read it with, "calls": the rows of
 * EXPLAIN of that}. */
typedef void syncs_check_cb(void * arg, struct sync_def * d,
    const json_t * left_out, const json_t * explained, const struct err * e);
/** syncs_check_start(S, spec, cb, arg): From the loop, not before it returns;
 * ${d} has no id yet.  syncs_check_def(S, d, cursor, cb, arg): Of one that is
 * defined (referenced), as it would go on from there; NULL: from the beginning. */
void syncs_check_start(struct syncs * S, const struct sync_spec * spec,
    syncs_check_cb * cb, void * arg);
void syncs_check_def(struct syncs * S, struct sync_def * d, json_t * cursor,
    syncs_check_cb * cb, void * arg);
/* syncs_put.c: defining one. */
struct syncs_says {
	unsigned no_clock : 1; /* the old one's stays; so do what is not said of: */
	unsigned column : 1, options : 1;
};
struct syncs_says syncs_put_says(const struct sync_spec * spec);
/** syncs_put_place(S, says, d, old, goes_on, e): In whose place a checked ${*d} comes
 * (${*old} NULL: nobody's), which then has what it keeps of that one; ${*goes_on}:
 * and goes on from its cursor.  -1: ${*d} is as it was. */
int syncs_put_place(const struct syncs * S, struct syncs_says says,
    struct sync_def ** d, struct syncs_entry ** old, int * goes_on,
    struct err * e) MUST_CHECK;
/** syncs_check_times(schedule, every_ms, e): Bounds and grammar. */
int syncs_check_times(const char * schedule, int64_t every_ms, struct err * e)
    MUST_CHECK;
/** syncs_check_options(options, rec, e): {"deletes", "delete_ratio"} into a
 * record. */
int syncs_check_options(const json_t * options, json_t * rec, struct err * e)
    MUST_CHECK;

/* syncs_call.c: a call from outside that answers once, never before it
 * returned. */
struct syncs_call {
	struct syncs * S;
	struct soon soon;
	syncs_cb * cb;
	void * arg;
	json_t * v;
	int failed;
	struct err e;
};
/** syncs_call_new(S, cb, arg): NULL: no memory, and ${cb} was called. */
struct syncs_call * syncs_call_new(struct syncs * S, syncs_cb * cb,
    void * arg);
/** syncs_call_end(c, v, e): Answer with ${v} (taken, or NULL) from the soon queue
 * and free it. */
void syncs_call_end(struct syncs_call * c, json_t * v, const struct err * e);
/** syncs_call_entry(c, id): The one to be changed, or NULL: it was answered that
 * there is none, or that it is busy, or that we are stopping. */
struct syncs_entry * syncs_call_entry(struct syncs_call * c, const char * id);

#endif
