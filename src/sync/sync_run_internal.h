#ifndef MOLTLER_SYNC_SYNC_RUN_INTERNAL_H
#define MOLTLER_SYNC_SYNC_RUN_INTERNAL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/rfc3339.h"
#include "query/query.h"
#include "sync/sync_cursor.h"
#include "sync/sync_parts.h"
#include "sync/sync_run.h"
#include "sync/sync_token.h"
#include "sync/sync_window.h"

/*
 * What the parts of a run share.  Callbacks only note what happened and call
 * sync_run_soon(): one function then looks at what there is and goes on, from the
 * soon queue.
 */

enum sync_run_state {
	RUN_CLAIM, RUN_CURSOR, RUN_OPEN, RUN_READ, RUN_DRAIN, RUN_SWEEP,
	RUN_COMMIT, RUN_RELEASE, RUN_DONE
};

/* A question to the state.  The run may end before the answer comes. */
struct sync_ask {
	struct sync_run * r;   /* NULL: nobody waits any more */
	struct sync_ask ** slot;
};

/* One entity. */
struct sync_leg {
	struct sync_run * r;
	const struct manifest_entity * ent;
	const char * key;      /* its name in the record */
	char of[20];           /* what its cursor is good for */
	const struct manifest_column ** cols;
	size_t ncols;
	struct value * row;    /* as it goes to the writer */

	/* the writer */
	struct writer * w;
	int is_ready, is_full; /* it takes rows; the query sleeps for it */
	uint64_t given, acked;
	int writer_failed;
	struct err writer_e;
	int swept, sweep_failed;
	struct err sweep_e;
	uint64_t deleted, rejected;
	uint64_t passed, gone; /* of a writer that is closed */

	/* the query */
	struct query_catalog cat;
	struct query_sync sync;
	struct query_opts opts;
	struct query * q;
	struct buf sql;
	int probing;           /* 1, 2: it only tells how it would be done; 3: and
	                          whether it can be, by the service's token */
	int probe_filtered, probe_ordered, probe_desc; /* what goes down */
	int cancelled, stopped; /* by us; at the first row that is too old */
	int ended, failed;
	struct err e;
	struct read_stats st;
	uint64_t seen;         /* rows */
	int reads_all;         /* nothing was left out by a cursor */

	/* the cursor, and how a list goes on */
	int has_cursor;
	struct sync_cursor cu;
	json_t * resume;       /* what the run before left, or NULL */
	int resumed;           /* it was used */
	struct sync_step {
		int set;
		uint64_t rows; /* good once so many are acknowledged */
		struct sync_point point;
		json_t * token;
	} step;
	json_t * token;        /* the last mark's, ... */
	uint64_t token_rows;   /* ... good once so many are acknowledged */
	int64_t step_us;       /* when the last one was taken */
	int64_t flush_us;      /* when the writer was last told not to wait */
	unsigned pages;        /* since then */
	struct sync_parts parts;
	struct read_stats before; /* of the statements before this one */
	int moved;             /* its cursor has, in this run */
	uint64_t lacks_now;    /* records that this one is short of */
	json_t * but;          /* "listed", and "left" of those: by what rows of them
	                          are known; or NULL */
	json_t * but_like;     /* one of them */
	int but_unknown;       /* rows of some are not */
	uint64_t left;         /* parts that this one left out, as often as said; */
	uint64_t lacks;        /* the most that one left out and no part stands for */
	struct sync_window win;
	/* sync_leg_etag.c */
	json_t * etags;        /* part -> what stands for it; or NULL */
	json_t * etags_known;  /* those of an earlier run; or NULL */
	struct reader_etags etag_io;
	size_t nparts;         /* that were listed */
	int token_moved;       /* one was kept that leads further than resume */

	/* each part by its own: the service's tokens, or (by_value) what cu says of
	 * the part that is given now (sync_leg_token.c) */
	int by_part, by_value;
	const char * own;      /* the column that would be the cursor else */
	struct sync_tokens toks;
	struct reader_cursors cursors;
	int toks_whole;        /* what is filled up is all there is */
	struct reader_cursors fill; /* sync_leg_fill.c: */
	json_t * fill_at;      /* where such a statement stands, for the record */
	json_t * fill_left;    /* parts before there that are not read whole; or NULL */
	int fill_resumes;      /* this one began there */
	int fill_moved;        /* the run got further with them */
	uint64_t part;         /* that is given now; has_part: there is one */
	int has_part;
	int enough;            /* of it */
	struct value from;     /* where a part is asked from */
	char from_text[RFC3339_LEN];
};

struct sync_run {
	const struct sync_run_env * env;
	struct sync_def * d;
	struct connector * c;
	int64_t bucket;
	unsigned flags;
	void (*progress)(void * arg, const struct sync_progress * p);
	sync_run_cb * cb;
	void * arg;
	enum sync_run_state state;
	struct soon soon;
	int64_t begun_us;
	int64_t begun_ms;      /* of the wall clock */

	/* the lease (sync_run_lease.c) */
	int64_t fence;
	int64_t kept_us;       /* when it was surely ours */
	int64_t asked_us;
	struct loop_timer * lease_timer;
	struct sync_ask * keeping;

	/* the record (sync_run_commit.c) */
	json_t * record;
	json_t * rows;         /* of its parts, as the state has them, or NULL */
	json_t * changes;      /* of these, to be put; and on their way */
	json_t * sent;
	int is_dirty;          /* it says more than the state knows */
	struct sync_ask * putting;
	struct loop_timer * retry;
	unsigned tries;
	int put_failed;        /* for good */
	int64_t committed_us;

	/* the question that the state waits for */
	struct sync_ask * asking;
	int answered;


	int is_released;
	int is_over;           /* begin nothing more */
	int is_lost;           /* write nothing more: the lease is not ours */
	struct sync_leg * leg; /* or NULL */
	size_t next;           /* of d->entities */
	struct sync_progress sum; /* of the legs that are over */
	struct loop_timer * teller;
	uint64_t told_rows;
	int64_t told_us;
	struct sync_result res;
};

/* sync_run.c */
void sync_run_soon(struct sync_run * r);
/** sync_run_enter(r, s): The one place where the state changes. */
void sync_run_enter(struct sync_run * r, enum sync_run_state s);

/** sync_run_ask(r, slot): Put a question into ${slot} for a state's callback; NULL:
 * no memory.  sync_run_asked(arg): The run that asked (the slot is empty again), or
 * NULL.  sync_run_forget(slot): Nobody waits for it. */
struct sync_ask * sync_run_ask(struct sync_run * r, struct sync_ask ** slot);
struct sync_run * sync_run_asked(void * arg);
void sync_run_forget(struct sync_ask ** slot);

/* sync_run_leg.c */
/** sync_run_next(r): Begin the next entity, or the end; what it says is what the others
 * do.  sync_run_open(r), ..._read, ..._drain, ..._sweep: What is to be done in that
 * state; whether to go on. */
int sync_run_next(struct sync_run * r);
int sync_run_open(struct sync_run * r);
int sync_run_read(struct sync_run * r);
int sync_run_drain(struct sync_run * r);
int sync_run_sweep(struct sync_run * r);

/* sync_run_result.c */
/** sync_run_tell(arg): The teller's timer: tell ${arg}'s owner. */
void sync_run_tell(void * arg);
/** sync_run_moved(r): Something moved: say so, in a while. */
void sync_run_moved(struct sync_run * r);
/** sync_run_fail(r, e): It has failed and begins nothing more. */
void sync_run_fail(struct sync_run * r, const struct err * e);
/** sync_run_verdict(r, v, e, fmt, ...): At least so bad: of the leg, if there is
 * one.  ${e}: of SYNC_FAILED. */
void sync_run_verdict(struct sync_run * r, enum sync_verdict v,
    const struct err * e, const char * fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* sync_run_lease.c */

/** sync_lease_start(r): Keep it from now on.  0, or -1: no memory.
 * sync_lease_stop(r): Do not.  sync_lease_ok(r): Whether it is surely ours;
 * if not the run is lost from now on. */
int sync_lease_start(struct sync_run * r) MUST_CHECK;
void sync_lease_stop(struct sync_run * r);
int sync_lease_ok(struct sync_run * r);

/* sync_run_commit.c */

/** sync_commit_load(r, v): The record as the state has it; takes a copy.  0, -1. */
int sync_commit_load(struct sync_run * r, const json_t * v) MUST_CHECK;
/** sync_commit_leg(l): What is known of the leg's cursor before it begins. */
const json_t * sync_commit_leg(const struct sync_leg * l);
/** sync_commit_step(l): If all rows of its step are acknowledged note it. */
void sync_commit_step(struct sync_leg * l);
/** sync_commit_forget(l): Nothing of it is in the target.  0 or -1. */
int sync_commit_forget(struct sync_leg * l) MUST_CHECK;
/** sync_commit_writes(l): Its first row is given: the target is no longer what a list
 * was that did not change. */
void sync_commit_writes(struct sync_leg * l);
/** sync_commit_end(l, well): The leg is over. */
void sync_commit_end(struct sync_leg * l, int well);
/** sync_commit_rec(l, rec): The leg's part of the record is ${rec} (taken; NULL: no
 * memory). */
void sync_commit_rec(struct sync_leg * l, json_t * rec);
/** sync_commit_done(r): Note that the bucket is done. */
void sync_commit_done(struct sync_run * r);
/** sync_commit_put(r): Put the record if it says anything new; tried again while
 * the lease is ours.  sync_commit_waits(r): Whether that is under way. */
void sync_commit_put(struct sync_run * r);
int sync_commit_waits(const struct sync_run * r);
/** sync_commit_time(r): The oldest cursor that is a time, in ms; 0: none. */
int64_t sync_commit_time(const struct sync_run * r);

/* sync_leg.c */

/** sync_leg_new(r, i): The leg of entity ${i}; its target is being opened.  NULL
 * with ${e}. */
struct sync_leg * sync_leg_new(struct sync_run * r, size_t i, struct err * e)
    MUST_CHECK;
/** sync_leg_ready(l, e): Its target is there: if only since now, what was read
 * before is read again. */
int sync_leg_ready(struct sync_leg * l, struct err * e) MUST_CHECK;
void sync_leg_free(struct sync_leg * l); /* NULL is a no-op; no query may run */
/** sync_leg_close(l): Close the writer: nothing more is written. */
void sync_leg_close(struct sync_leg * l);
/** sync_leg_passed(l): Rows that were left as another sync's later run wrote them.
 * That one may not see what we saw (it may ask for other rows): so where a cursor
 * would pass over them for good it stays. */
uint64_t sync_leg_passed(const struct sync_leg * l);

/** sync_leg_asks_more(l): Whether the condition asks for rows of the entity besides
 * (a SELECT in it): it has to be given all, not what changed. */
int sync_leg_asks_more(const struct sync_leg * l);

/** sync_leg_by_value(l, name, e): Its cursor is the column ${name}'s value. */
int sync_leg_by_value(struct sync_leg * l, const char * name, struct err * e)
    MUST_CHECK;

/* sync_leg_judge.c */

/** sync_leg_judge(l): Add what came of it to the run's verdict; whether it ended
 * so well that what is not there any more may be told from it. */
int sync_leg_judge(struct sync_leg * l);

/* sync_leg_token.c */

/** sync_leg_wants_rows(r): Whether an entity of the run goes by tokens.
 * sync_leg_token(l, name, e): INCREMENTAL ON ${name}: by tokens, if that is what the
 * entity says.  1, 0: no, -1.
 * sync_leg_token_anew(l, e): Nothing is known of any part.
 * sync_leg_token_fill(l): The list gave changes alone: whether a statement for what
 * has to be read whole is in l->sql now; -1: no memory.
 * sync_leg_token_step(l): What is acknowledged goes into the record, if it is time.
 * sync_leg_token_end(l, well): The leg is over.
 * sync_leg_token_cut(l): What comes now is not written: nothing is kept of it. */
int sync_leg_token_cut(const struct sync_leg * l);
int sync_leg_wants_rows(const struct sync_run * r);
int sync_leg_token(struct sync_leg * l, const char * name, struct err * e)
    MUST_CHECK;
int sync_leg_token_anew(struct sync_leg * l, struct err * e) MUST_CHECK;
int sync_leg_token_fill(struct sync_leg * l) MUST_CHECK;
void sync_leg_token_step(struct sync_leg * l);
void sync_leg_token_end(struct sync_leg * l, int well);

/* sync_leg_fill.c */

/** sync_leg_fill_load(l, rec): What an earlier run left in the record.
 * sync_leg_fill_begin(l): The statement l->sql begins; it goes on there if it can.
 * sync_leg_fill_mark(l, token): So far its rows are given.
 * sync_leg_fill_acked(l): What is acknowledged of it goes into l->fill_at.
 * sync_leg_fill_left(l, part): That part was left out, or came short.
 * sync_leg_fill_forget(l): What an earlier run read of it is of no use.
 * sync_leg_fill_ended(l): It read all.
 * sync_leg_fill_lost(l, e): Whether it failed because the place is there no more, and
 * is to begin anew. */
void sync_leg_fill_load(struct sync_leg * l, const json_t * rec);
void sync_leg_fill_begin(struct sync_leg * l);
void sync_leg_fill_mark(struct sync_leg * l, const json_t * token);
void sync_leg_fill_acked(struct sync_leg * l);
void sync_leg_fill_left(struct sync_leg * l, uint64_t part);
void sync_leg_fill_forget(struct sync_leg * l);
void sync_leg_fill_ended(struct sync_leg * l);
int sync_leg_fill_lost(struct sync_leg * l, const struct err * e);

/* sync_leg_but.c */

/** sync_leg_but_listed(l, hash, in), sync_leg_but_left(l, hash, in): The part with these
 * inputs is in the list; was left out.
 * sync_leg_but(l): Whether rows of those that were read can be told from the rest for
 * certain: then l->but says by what. */
void sync_leg_but_listed(struct sync_leg * l, uint64_t hash, const json_t * in);
void sync_leg_but_left(struct sync_leg * l, uint64_t hash, const json_t * in);
int sync_leg_but(const struct sync_leg * l);

/* sync_leg_etag.c */

/** sync_etag_begin(l): A statement begins: it may ask whether anything changed.
 * sync_etag_rec(l, well): What is known after the run, for the record; NULL: nothing.
 * sync_etag_free(l): Nothing is known. */
void sync_etag_begin(struct sync_leg * l);
json_t * sync_etag_rec(const struct sync_leg * l, int well);
void sync_etag_free(struct sync_leg * l);

/* sync_read.c */

/** sync_read_start(l, e): Begin to read.  sync_read_stop(l): End it soon. */
int sync_read_start(struct sync_leg * l, struct err * e) MUST_CHECK;
void sync_read_stop(struct sync_leg * l);

/* sync_plan.c */

/** sync_plan_sql(l, e): The SELECT, into l->sql, and how its rows come. */
int sync_plan_sql(struct sync_leg * l, struct err * e) MUST_CHECK;
/** sync_plan_all(l): The plain SELECT of all, into l->sql; 0 or -1. */
int sync_plan_all(struct sync_leg * l) MUST_CHECK;
/** sync_plan_probes(l): Whether a WHERE makes it necessary to ask the planner.
 * sync_plan_probe(l, desc): That SELECT, into l->sql; 0 or -1.
 * sync_plan_probed(l, s): What the planner said of it, oldest first. */
int sync_plan_probes(const struct sync_leg * l);
int sync_plan_probe(struct sync_leg * l, int desc) MUST_CHECK;
void sync_plan_probed(struct sync_leg * l, const struct query_scan * s);
/** sync_plan_fill(l, in): The SELECT for all of the part with the inputs ${in}. */
int sync_plan_fill(struct sync_leg * l, const json_t * in) MUST_CHECK;
/** sync_plan_begin(l): What the first statement asks for. */
void sync_plan_begin(struct sync_leg * l);
/** sync_plan_choose(l, e): How the list can be asked without any WHERE. */
int sync_plan_choose(struct sync_leg * l, struct err * e) MUST_CHECK;

#endif
