#include "run/shared.h"

#include <stdlib.h>
#include <string.h>

/* A call that waits for the state. */
struct shared_call {
	struct shared * s; /* NULL: it was told already */
	struct shared_call * next, ** prevp;
	void (*on_wait)(void *, int64_t, const struct err *);
	void (*on_value)(void *, json_t *, const struct err *);
	void (*on_done)(void *, const struct err *);
	void * arg;
};

struct shared {
	struct state * state;
	struct secret_store * secrets; /* or NULL */
	struct conn_shared conn;
	struct shared_call * calls;
};

/* Take it from those who wait; false if it was told already. */
static int
leave(struct shared_call * c)
{
	if (c->s == NULL)
		return (0);
	*c->prevp = c->next;
	if (c->next != NULL)
		c->next->prevp = c->prevp;
	c->s = NULL;
	return (1);
}

static struct shared_call *
call_new(struct shared * s, void * arg)
{
	struct shared_call * c = calloc(1, sizeof(*c));

	if (c == NULL)
		return (NULL);
	c->s = s;
	c->arg = arg;
	c->next = s->calls;
	c->prevp = &s->calls;
	if (c->next != NULL)
		c->next->prevp = &c->next;
	s->calls = c;
	return (c);
}

static void
on_wait(void * arg, int64_t wait_ms, const struct err * e)
{
	struct shared_call * c = arg;

	if (leave(c))
		c->on_wait(c->arg, wait_ms, e);
	free(c);
}

static void
on_value(void * arg, json_t * v, const struct err * e)
{
	struct shared_call * c = arg;

	if (leave(c))
		c->on_value(c->arg, v, e);
	free(c);
}

static void
limit_take(void * arg, const char * key, double rate, double burst, double n,
    void (*cb)(void *, int64_t, const struct err *), void * cbarg)
{
	struct shared * s = arg;
	struct shared_call * c = call_new(s, cbarg);
	struct state * state = s->state;

	/* Without memory for the wait the state itself keeps who asked. */
	if (c == NULL) {
		state->ops->limit_take(state, key, rate, burst, n, cb,
		    cbarg);
		return;
	}
	c->on_wait = cb;
	state->ops->limit_take(state, key, rate, burst, n, on_wait, c);
}

static void
cache_get(void * arg, const char * key,
    void (*cb)(void *, json_t *, const struct err *), void * cbarg)
{
	struct shared * s = arg;
	struct shared_call * c = call_new(s, cbarg);
	struct state * state = s->state;

	if (c == NULL) {
		state->ops->cache_get(state, key, cb, cbarg);
		return;
	}
	c->on_value = cb;
	state->ops->cache_get(state, key, on_value, c);
}

static void
on_put(void * arg, json_t * v, const struct err * e)
{
	/* What is not kept is asked for again; the state tells of its own
	 * troubles. */
	(void)arg;
	(void)v;
	(void)e;
}

static void
cache_put(void * arg, const char * key, const json_t * v, int64_t ttl_ms)
{
	struct state * state = ((struct shared *)arg)->state;

	state->ops->cache_put(state, key, v, ttl_ms, on_put, NULL);
}

/* ---- leases and secrets, for refresh tokens ---- */

static void
lease_take(void * arg, const char * name, int64_t ttl_ms,
    void (*cb)(void *, int64_t, const struct err *), void * cbarg)
{
	struct shared * s = arg;
	struct shared_call * c = call_new(s, cbarg);
	struct state * state = s->state;

	if (c == NULL) {
		state->ops->lease_take(state, name, 0, ttl_ms, cb, cbarg);
		return;
	}
	c->on_wait = cb;
	state->ops->lease_take(state, name, 0, ttl_ms, on_wait, c);
}

static void
on_dropped(void * arg, json_t * v, const struct err * e)
{
	/* It ends by itself. */
	(void)arg;
	(void)v;
	(void)e;
}

static void
lease_drop(void * arg, const char * name, int64_t fence)
{
	struct state * state = ((struct shared *)arg)->state;

	state->ops->lease_drop(state, name, 0, fence, on_dropped, NULL);
}

static void
on_done(void * arg, const struct err * e)
{
	struct shared_call * c = arg;

	if (leave(c))
		c->on_done(c->arg, e);
	free(c);
}

static void
secret_fresh(void * arg, const char * name,
    void (*cb)(void *, const struct err *), void * cbarg)
{
	struct shared * s = arg;
	struct shared_call * c = call_new(s, cbarg);

	if (c == NULL) {
		secret_store_refresh(s->secrets, name, cb, cbarg);
		return;
	}
	c->on_done = cb;
	secret_store_refresh(s->secrets, name, on_done, c);
}

static void
secret_put(void * arg, const char * name, const char * value, size_t len,
    void (*cb)(void *, const struct err *), void * cbarg)
{
	struct shared * s = arg;
	struct shared_call * c = call_new(s, cbarg);

	if (c != NULL) {
		c->on_done = cb;
		cb = on_done;
		cbarg = c;
	}
	if (*name == '~')
		secret_store_set_hidden(s->secrets, name, value, len, cb,
		    cbarg);
	else
		secret_store_set(s->secrets, name, value, len, cb, cbarg);
}

void
shared_secrets(struct shared * s, struct secret_store * st)
{
	s->secrets = st;
	s->conn.lease_take = st != NULL ? lease_take : NULL;
	s->conn.lease_drop = st != NULL ? lease_drop : NULL;
	s->conn.secret_fresh = st != NULL ? secret_fresh : NULL;
	s->conn.secret_put = st != NULL ? secret_put : NULL;
}

struct shared *
shared_new(struct state * state)
{
	struct shared * s = calloc(1, sizeof(*s));

	if (s == NULL)
		return (NULL);
	s->state = state;
	s->conn.limit_take = limit_take;
	s->conn.cache_get = cache_get;
	s->conn.cache_put = cache_put;
	s->conn.is_shared = strcmp(state->ops->name, "redis") == 0;
	s->conn.arg = s;
	return (s);
}

void
shared_free(struct shared * s)
{
	struct shared_call * c;
	struct err e;

	if (s == NULL)
		return;
	err_set(&e, ERR_TRANSIENT, "state_away", "the state is being closed");
	while ((c = s->calls) != NULL) {
		leave(c);
		if (c->on_wait != NULL)
			c->on_wait(c->arg, 0, &e);
		else if (c->on_value != NULL)
			c->on_value(c->arg, NULL, &e);
		else
			c->on_done(c->arg, &e);
	}
	free(s);
}

const struct conn_shared *
shared_conn(const struct shared * s)
{
	return (&s->conn);
}
