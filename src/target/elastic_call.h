#ifndef MOLTLER_TARGET_ELASTIC_CALL_H
#define MOLTLER_TARGET_ELASTIC_CALL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "net/http.h"
#include "target/elastic.h"

/*
 * One request to the cluster, with its URL, credentials and authority; and what
 * the cluster is.
 */
struct elastic_call;
struct elastic_know;

struct elastic_ask {
	const char * method;  /* NULL: GET */
	const char * path;    /* "/name/_search?size=1"; names through
	                         elastic_path_add() */
	const void * body;    /* NULL: none */
	size_t body_len;
	const char * ctype;   /* of the body; NULL: application/json */
	const char * encoding; /* of the body: "gzip"; NULL: none */
	int64_t timeout_ms;   /* 0: 60 s */
	size_t max_body;      /* of the answer; 0: 64 MiB */
	unsigned body_stays : 1; /* the body is not copied: it stays until the
	                            callback or the cancel */
	int (*on_data)(void * arg, const char * p, size_t n); /* as http_req's */
};

/**
 * elastic_call(el, ask, cb, arg):
 * Send it and call ${cb} once, never before this returns: any status is an answer.
 * Errors as of http_start(), and "secret" of a credential that does not
 * resolve.  NULL only when out of memory.
 * elastic_call_cancel(c): No callback any more.  NULL: no-op.
 */
struct elastic_call * elastic_call(struct elastic * el,
    const struct elastic_ask * ask, http_cb * cb, void * arg);
void elastic_call_cancel(struct elastic_call * c);

/** elastic_path_add(out, name): Append a name, or several with commas and *, as
 * it stands in a path.  0 or -1 (memory). */
int elastic_path_add(struct buf * out, const char * name) MUST_CHECK;

/** elastic_err(e, res, what): Of an answer that is not 2xx, with the reason the
 * cluster gives: 401 and 403 config, 408, 429 and 5xx transient, others permanent,
 * code "http_<status>"; a cluster that blocks writes (a full disk) is transient.
 * Return -1. */
int elastic_err(struct err * e, const struct http_res * res,
    const char * what);

/* What the cluster is. */
struct elastic_who {
	int is_opensearch;
	unsigned major, minor;
	char version[32];
};

/** Called once; ${who} is NULL with ${e}. */
typedef void elastic_know_cb(void * arg, const struct elastic_who * who,
    const struct err * e);

/**
 * elastic_know(el, cb, arg): Ask the cluster, once for as long as it answers; the
 * callback never comes before this returns.  NULL only when out of memory.
 * elastic_know_cancel(k): No callback any more.  NULL: no-op.
 */
struct elastic_know * elastic_know(struct elastic * el, elastic_know_cb * cb,
    void * arg);
void elastic_know_cancel(struct elastic_know * k);

/** elastic_name(who): "Elasticsearch" or "OpenSearch". */
const char * elastic_name(const struct elastic_who * who);

/** elastic_url(el): Where it is, safe to be shown. */
const char * elastic_url(const struct elastic * el);

#endif
