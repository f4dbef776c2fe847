#ifndef MOLTLER_RUN_JOB_H
#define MOLTLER_RUN_JOB_H

#include <jansson.h>
#include <stdint.h>
#include <uthash.h>

#include "base/err.h"
#include "conn/connector.h"
#include "conn/request.h"
#include "loop/loop.h"
#include "run/runner.h"
#include "run/tick.h"
#include "target/sample_store.h"

/*
 * A job is a connector together with the sync that drives it and what is known
 * of its runs.  Inside run/ only.
 */
struct runner;

struct job {
	struct runner * runner;
	struct connector * c;
	const struct manifest_entity * ent; /* the main one */
	struct request * req;
	char * sync;            /* the sync's id: "<connector>.<entity>" */
	char * target_database; /* NULL: no sync */
	char * target_table;
	char * node;            /* whose SQLite target it writes */
	int64_t schedule_ms;    /* 0: none */
	int64_t offset_ms;
	int64_t created_at;
	int enabled;
	char * disabled_reason; /* or NULL */

	/* What is known of its runs; times in ms since 1970, 0: never. */
	int64_t last_run_at;
	int64_t last_success_at;
	int64_t last_rows;
	int64_t last_bucket;    /* INT64_MIN: none */
	char * last_error;      /* or NULL */
	char error_code[32];    /* of last_error */
	int mine;               /* this node runs it */
	json_t * misfit;        /* its record, if that does not fit; then
	                           c->m, ent, req, sync and target are NULL */

	struct sample_source * source; /* opened at the first run */
	struct tick * tick;     /* running now */
	struct loop_timer * timer;
	int64_t due_at;         /* what it waits for */
	int busy;               /* a change of it is under way */
	int waiting;            /* what it replaces still runs */
	int unasked;            /* loading: its status is to be asked for */
	int unsaved;            /* its record is still to be written */
	int idle;               /* another daemon had its last bucket */
	int dropped;            /* deleted: no more is written of it */
	int triggered;          /* run once more when the present run ends */
	int ending;             /* dropped or replaced: end when the tick does */
	void (*ended)(void *);  /* then */
	void * ended_arg;

	/* In the runner's list of those whose status is to be written. */
	int dirty;
	int64_t dirty_since_us;
	struct job * dirty_next;

	UT_hash_handle by_name;
	UT_hash_handle by_id;
	char fold[132];         /* the name in small letters, perhaps cut */
	UT_hash_handle by_fold;
};

/**
 * job_from_record(r, rec, e):
 * Make a job from a connector's record as kept in the state, or from one about
 * to be: {id, name, type, config, options, target_database, target_table,
 * schedule_ms, enabled, disabled_reason, node, created_at}.  Errors: config.
 */
struct job * job_from_record(struct runner * r, const json_t * rec,
    struct err * e) MUST_CHECK;

/**
 * job_misfit(r, rec, why):
 * A job for a record that job_from_record() refused with ${why}: disabled, to
 * be shown and mended, never run and never written.  NULL if it has no name or
 * there is no memory.
 */
struct job * job_misfit(struct runner * r, const json_t * rec,
    const struct err * why) MUST_CHECK;

/** job_misfit_show(j, shown): Put what the record says into job_show's object,
 * with all strings of config hidden that are no references. */
void job_misfit_show(const struct job * j, json_t * shown);

/** job_record(j): The connector's record; job_sync_record(j): its sync's.
 * Both owned by the caller; NULL when out of memory. */
json_t * job_record(const struct job * j);
json_t * job_sync_record(const struct job * j);

/** job_status_apply(j, status): Take over a stored status (or NULL). */
void job_status_apply(struct job * j, const json_t * status);

/** job_status_time(status): When the last run in a stored one was; 0: never. */
int64_t job_status_time(const json_t * status);

/** job_status(j): What is stored of its status; owned by the caller. */
json_t * job_status(const struct job * j);

/** job_is_away(j, where): Whether only another node runs it and that is not running;
 * ${where}: which.
 * job_status_shown(j): "connected", "error" (then as well), "disabled" or
 * "pending". */
int job_is_away(const struct job * j, char where[RUNNER_WHERE]);
const char * job_status_shown(const struct job * j);

/** job_show(j): The connector as the API shows it; owned by the caller. */
json_t * job_show(const struct job * j);

/** job_take_over(j, old): ${j} replaces ${old}: what is known of its runs. */
void job_take_over(struct job * j, const struct job * old);

/** job_set_error(j, e): Remember ${e} (NULL: none) as the last error. */
void job_set_error(struct job * j, const struct err * e);

/** job_set_disabled(j, reason): Disable with a reason, or enable (NULL). */
void job_set_disabled(struct job * j, const char * reason);

void job_free(struct job * j); /* not running; NULL is a no-op */

#endif
