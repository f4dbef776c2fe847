#ifndef MOLTLER_STMT_STMT_H
#define MOLTLER_STMT_STMT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "loop/loop.h"
#include "query/query.h"
#include "run/acts.h"
#include "run/runner.h"
#include "sync/syncs.h"
#include "target/targets.h"

/*
 * Statements: one text in, one result out.  SELECT and its kin go to query/; all
 * others are here, one a file.  Whatever a statement says, it says as rows
 * through a query_sink, so that everyone who asks reads one kind of answer.
 */
struct stmt;

/* What statements work on; borrowed for their lives. */
struct stmt_env {
	struct loop * loop;
	struct runner * runner;
	struct syncs * syncs;
	struct acts * acts;
	struct targets * targets;
	const struct conn_env * conn;
	struct elastic * elastic; /* NULL: none is configured */
	int64_t deadline_ms;     /* of one statement; 0: query.h's */
	size_t query_memory;     /* 0: query.h's */
};

struct stmt_opts {
	uint64_t max_api_calls;  /* 0: what the connectors' OPTIONS say */
	/* For the log, and for what is written down of actions: borrowed until
	 * stmt_start returns; any may be NULL. */
	const char * request_id;
	const char * user, * peer; /* as struct act_who */
};

/**
 * stmt_start(env, sql, len, opts, sink, e):
 * Run the one statement (or BEGIN ... END) in ${sql} (copied).  ${sink} as in
 * query.h: columns once (not if the statement failed before), rows, done once,
 * from the loop's stack, never before this returns.  NULL with ${e} only if it
 * cannot start.  Errors, beyond query_start's: Permanent "sql" with the place;
 * config "not_found", "exists", "bad_config", "unknown_type", "bad_args", ...
 */
struct stmt * stmt_start(const struct stmt_env * env, const char * sql,
    size_t len, const struct stmt_opts * opts, const struct query_sink * sink,
    struct err * e);

/** stmt_resume(s): The sink can take more.  stmt_cancel(s): End it soon: done
 * comes with class Cancelled; what was sent to a service was sent.  NULL: no-op. */
void stmt_resume(struct stmt * s);
void stmt_cancel(struct stmt * s);

#endif
