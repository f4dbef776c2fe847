#ifndef MOLTLER_CONN_CONN_ENV_H
#define MOLTLER_CONN_CONN_ENV_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "conn/call_counts.h"
#include "loop/loop.h"
#include "net/http.h"
#include "secret/secret.h"

/*
 * What daemons share, given from above (run/shared.c, over the state); the
 * whole may be NULL: this process alone.  Calls complete through their callbacks,
 * never before they return; ${e} says that the state is away, and then the
 * caller goes on without.
 */
struct conn_shared {
	/* Take ${n} permits of ${key}'s bucket; ${wait_ms} 0: taken; else come
	 * again after so long. */
	void (*limit_take)(void * arg, const char * key, double rate,
	    double burst, double n, void (*cb)(void * cbarg, int64_t wait_ms,
	    const struct err * e), void * cbarg);
	/* Small things with a TTL; a miss is NULL.  ${v} borrowed. */
	void (*cache_get)(void * arg, const char * key, void (*cb)(void * cbarg,
	    json_t * v, const struct err * e), void * cbarg);
	void (*cache_put)(void * arg, const char * key, const json_t * v,
	    int64_t ttl_ms);
	/* Alone to do ${name} for ${ttl_ms}: ${fence} > 0: so it is, until
	 * lease_drop(); 0: another daemon is.  NULL: there is no such thing. */
	void (*lease_take)(void * arg, const char * name, int64_t ttl_ms,
	    void (*cb)(void * cbarg, int64_t fence, const struct err * e),
	    void * cbarg);
	void (*lease_drop)(void * arg, const char * name, int64_t fence);
	/* secret_fresh: Take over what the state has of a secret of the own
	 * store.  secret_put: Replace it; durable when ${cb} is called. */
	void (*secret_fresh)(void * arg, const char * name,
	    void (*cb)(void * cbarg, const struct err * e), void * cbarg);
	void (*secret_put)(void * arg, const char * name, const char * value,
	    size_t len, void (*cb)(void * cbarg, const struct err * e),
	    void * cbarg);
	int is_shared; /* other daemons see it (Redis) */
	void * arg;
};

struct limits;
struct result_cache;
struct tokens;

/* What all that ask services of one process have in common; borrowed. */
struct conn_env {
	struct loop * loop;
	struct http * http;
	const struct secrets * secrets;
	struct limits * limits;            /* NULL: none are kept */
	struct result_cache * cache;       /* NULL: nothing is kept */
	struct tokens * tokens;            /* NULL: none can be fetched */
	const struct conn_shared * shared; /* NULL: this process alone */
	struct call_counts * counts;       /* NULL: nobody counts */
	int no_pause;                      /* what is asked again and again is
	                                      asked at once (fixtures) */
};

#endif
