#ifndef MOLTLER_API_API_INTERNAL_H
#define MOLTLER_API_API_INTERNAL_H

#include <jansson.h>

#include "api/api.h"

struct api_query;

struct api {
	struct api_opts o;
	char ** hosts;         /* copies */
	char * token;
	struct httpd * httpd;
	int ready;
	int stopping;
	int64_t started_ms;
	struct api_query * queries; /* running */
	size_t nqueries;
	uint64_t queries_done;
};

/* A request on its way through a handler.  ${id} and ${sub} are what the
 * route's path holds for them, percent-decoded; NULL where there is none. */
struct api_call {
	struct api * a;
	struct httpd_req * q;
	const char * id;
};

/*
 * One route: a method and a path in which ":id" stands for one segment.
 * Handlers own the request until it is answered.
 */
struct api_route {
	enum httpd_method method;
	const char * path;
	void (*run)(const struct api_call * c);
};

/* Each resource's routes, ended by a NULL path. */
extern const struct api_route api_action_routes[];
extern const struct api_route api_backup_routes[];
extern const struct api_route api_connector_routes[];
extern const struct api_route api_health_routes[];
extern const struct api_route api_metrics_routes[];
extern const struct api_route api_query_routes[];
extern const struct api_route api_secret_routes[];
extern const struct api_route api_status_routes[];
extern const struct api_route api_sync_routes[];
extern const struct api_route api_type_routes[];

/* api_reply.c */

/** api_reply_json(q, status, v): Answer with ${v} (taken; NULL: 500). */
void api_reply_json(struct httpd_req * q, int status, json_t * v);

/** api_reply_err(q, e): Answer with the status that fits ${e}. */
void api_reply_err(struct httpd_req * q, const struct err * e);

/* api_wait.c */

/* The request and the status a good answer has. */
struct api_wait {
	struct httpd_req * q;
	struct api * a;
	int status;   /* 204: without a body */
	int as_items; /* what comes is a list */
};

/** api_wait_new(c, status): For api_wait_done(), the callback that answers and frees
 * it; NULL: it is answered already. */
struct api_wait * api_wait_new(const struct api_call * c, int status);
void api_wait_done(void * arg, json_t * v, const struct err * e);

/** api_body(q): The JSON body (owned by the caller), or NULL after having
 * answered: 415 or 400.  The request's own bytes are overwritten. */
json_t * api_body(struct httpd_req * q);

/** api_limit(q, key, dflt, max, out): The number in a query parameter; -1
 * after having answered 400. */
int api_limit(struct httpd_req * q, const char * key, int dflt, int max,
    int * out) MUST_CHECK;

/* api_query.c */
void api_query_cancel_all(struct api * a);

#endif
