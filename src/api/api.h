#ifndef MOLTLER_API_API_H
#define MOLTLER_API_API_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "loop/loop.h"
#include "net/http.h"
#include "net/httpd.h"
#include "run/runner.h"
#include "state/state.h"
#include "stmt/stmt.h"
#include "sync/backup.h"
#include "target/targets.h"

/*
 * The admin API: who may ask, which resource answers.  One resource a file.
 */
struct api;

/* All borrowed for the api's life; the strings may be NULL. */
struct api_opts {
	struct loop * loop;
	struct httpd_opts httpd;
	struct state * state;
	struct runner * runner;
	struct targets * targets;
	struct backup * backup;
	struct vault * vault;     /* NULL: none is configured */
	struct http * http;
	const char * node;
	const char * token;       /* what a Bearer must be; NULL: none asked */
	const char * const * hosts; /* names the Host header may have besides IP
	                               addresses and localhost; NULL-terminated */
	const struct stmt_env * stmt; /* what statements work on */
	size_t max_queries;       /* at once */
};

struct api * api_new(const struct api_opts * opts, struct err * e);

/** api_set_token(a, token, e): Ask for this token from now on (copied). */
int api_set_token(struct api * a, const char * token, struct err * e)
    MUST_CHECK;

/** api_httpd(a): Its server, for listening (borrowed). */
struct httpd * api_httpd(struct api * a);

/** api_set_ready(a, ready): What /readyz says; not ready at first. */
void api_set_ready(struct api * a, int ready);

/** api_stop(a): Take no new connections and cancel the queries that run.
 * api_active(a): Requests not yet answered. */
void api_stop(struct api * a);
size_t api_active(const struct api * a);

void api_free(struct api * a); /* NULL is a no-op */

#endif
