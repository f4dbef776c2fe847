#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/http_internal.h"

/*
 * Who may start.  Calls wait in their host's queue, and hosts that could start
 * one stand in a ring, so that each gets its turn and finding the next call is
 * one step however many wait.  Our own caps, because waiting inside curl would
 * count against a transfer's time.
 *
 * A name lookup costs curl a thread a transfer: one at a time for a host until
 * its name is known, and only so many in all.
 */

#define UNUSED_MAX 4096   /* hosts remembered though nothing goes on there */
#define PUMP_MAX 16       /* calls given to curl before others get a turn */
#define US_A_S INT64_C(1000000)

static void pump(void *);

static int
host_may_start(const struct http_host * h)
{
	const struct http * H = h->lane->H;

	return (!TAILQ_EMPTY(&h->queue) && h->active < H->o.max_per_host &&
	    h->looking == NULL);
}

/* Put ${h} on the list where it belongs now; the one place that moves it. */
static void
host_place(struct http_host * h, enum host_where where)
{
	struct http * H = h->lane->H;
	struct http_hosts * lists[] = { NULL, &H->ready, &H->lookup_wait,
	    &H->unused };

	if (h->where == where)
		return;
	if (h->where != HOST_BLOCKED)
		TAILQ_REMOVE(lists[h->where], h, turn);
	H->n_unused -= h->where == HOST_UNUSED;
	h->where = where;
	if (where != HOST_BLOCKED)
		TAILQ_INSERT_TAIL(lists[where], h, turn);
	H->n_unused += where == HOST_UNUSED;
}

static void
host_free(struct http * H, struct http_host * h)
{
	host_place(h, HOST_BLOCKED);
	h->lane->n_hosts--;
	HASH_DEL(H->hosts, h);
	curl_url_cleanup(h->parsed);
	free(h->url);
	free(h);
}

/* The host whose turn it is, or NULL: those that waited for a lookup first. */
static struct http_host *
next_host(const struct http * H)
{
	if (H->st.active >= H->o.max_total)
		return (NULL);
	if (H->lookups < H->o.max_resolves && !TAILQ_EMPTY(&H->lookup_wait))
		return (TAILQ_FIRST(&H->lookup_wait));
	return (TAILQ_FIRST(&H->ready));
}

static void
want_pump(struct http * H)
{
	if (!loop_soon_pending(&H->pump) && next_host(H) != NULL)
		loop_soon(H->L, &H->pump, pump, H);
}

static void
host_update(struct http_host * h)
{
	struct http * H = h->lane->H;

	if (h->active == 0 && h->conns == 0 && TAILQ_EMPTY(&h->queue)) {
		host_place(h, HOST_UNUSED);
		if (H->n_unused > UNUSED_MAX)
			host_free(H, TAILQ_FIRST(&H->unused));
		return;
	}
	if (!host_may_start(h))
		host_place(h, HOST_BLOCKED);
	else if (h->where != HOST_LOOKUP_WAIT)
		host_place(h, HOST_READY);
	want_pump(H);
}

struct http_host *
http_admit_host(struct http * H, const struct http_url * u,
    const char * ca_file)
{
	struct http_host * h;
	size_t name_len = u->host_len + sizeof(":65535");

	HASH_FIND(hh, H->hosts, u->key, u->key_len, h);
	if (h != NULL)
		return (h);
	h = calloc(1, sizeof(*h) + u->key_len + 1 + name_len);
	if (h == NULL)
		return (NULL);
	memcpy(h->key, u->key, u->key_len);
	h->key_len = u->key_len;
	h->name = h->key + u->key_len + 1;
	snprintf(h->name, name_len, "%.*s:%u", (int)u->host_len, u->host,
	    u->port);
	h->is_name = u->is_name != 0;
	TAILQ_INIT(&h->queue);
	if ((h->lane = http_lane_pick(H, u, ca_file)) == NULL) {
		free(h);
		return (NULL);
	}
	HASH_ADD(hh, H->hosts, key[0], h->key_len, h);
	if (h->hh.tbl == NULL) {
		free(h);
		return (NULL);
	}
	h->lane->n_hosts++;
	return (h);
}

void
http_admit_queue(struct http_call * c)
{
	struct http_host * h = c->host;

	TAILQ_INSERT_TAIL(&h->queue, c, turn);
	c->H->st.queued++;
	http_call_enter(c, CALL_QUEUED);
	host_update(h);
}

void
http_admit_unqueue(struct http_call * c)
{
	TAILQ_REMOVE(&c->host->queue, c, turn);
	c->H->st.queued--;
	host_update(c->host);
}

void
http_admit_unref(struct http * H, struct http_host * h)
{
	(void)H;
	host_update(h);
}

void
http_admit_resolved(struct http_call * c, int known)
{
	struct http_host * h = c->host;

	if (known) {
		/* A little less than curl's own time, so ours is over first. */
		h->resolved_until = clock_mono_us() +
		    (HTTP_DNS_TTL_S - 10) * US_A_S;
		h->forget = 0;
	}
	if (h->looking != c)
		return;
	h->looking = NULL;
	c->H->lookups--;
	host_update(h);
}

void
http_admit_ended(struct http_call * c)
{
	struct http_host * h = c->host;

	http_admit_resolved(c, 0);
	/* An address that does not answer may be an old one: ask again. */
	if (c->failed && c->opened && c->status == 0 && h->is_name) {
		h->resolved_until = 0;
		h->forget = 1;
	}
	h->active--;
	c->H->st.active--;
	/* Its connection may be free: then no lookup is needed. */
	if (h->where == HOST_LOOKUP_WAIT)
		host_place(h, HOST_BLOCKED);
	host_update(h);
}

/* Whether ${h}'s next call will need a new connection, as far as one can see. */
static int
needs_conn(const struct http_host * h)
{
	return (h->conns <= h->active);
}

/* And will look its name up for that. */
static int
needs_lookup(const struct http_host * h, int64_t now)
{
	return (h->is_name && now >= h->resolved_until && needs_conn(h));
}

static int
set_forget(struct http_call * c)
{
	char drop[HTTP_KEY_MAX + 8];

	snprintf(drop, sizeof(drop), "-%s", c->host->name);
	c->resolve = curl_slist_append(NULL, drop);
	return (c->resolve == NULL ? -1 : 0);
}

static void
start(struct http_call * c, int lookup, int64_t now)
{
	struct http_host * h = c->host;
	struct http * H = c->H;

	TAILQ_REMOVE(&h->queue, c, turn);
	H->st.queued--;
	/*
	 * With a finite time curl walks all names it knows when the transfer
	 * ends, so only those get one that look one up.  Addresses it keeps too,
	 * to no use: they have lanes of their own, and are swept at once.
	 */
	c->dns_ttl = lookup ? HTTP_DNS_TTL_S :
	    !h->is_name && needs_conn(h) ? 0 : -1;
	h->active++;
	H->st.active++;
	if (lookup) {
		h->looking = c;
		H->lookups++;
	}
	c->start_us = now;
	http_deadline_set(c, now + c->req.timeout_ms * 1000);
	http_call_enter(c, CALL_ACTIVE);
	if ((c->ez = http_easy_get(H)) != NULL &&
	    (!lookup || !h->forget || set_forget(c) == 0) &&
	    http_easy_setup(c) == 0 && http_lane_add(h->lane, c) == 0) {
		if (!h->lane->touched)
			STAILQ_INSERT_TAIL(&H->touched, h->lane, touch);
		h->lane->touched = 1;
		return;
	}
	c->failed = 1;
	if (c->err.code[0] == '\0')
		err_nomem(&c->err, "an HTTP transfer");
	c->err.unsent = 1;
	if (c->ez != NULL)
		http_easy_drop(c->ez);
	c->ez = NULL;
	c->end_us = now;
	http_deadline_clear(c);
	http_admit_ended(c);
	http_call_done(c);
}

static void
pump(void * arg)
{
	struct http * H = arg;
	struct http_host * h;
	struct http_lane * l;
	int64_t now = clock_mono_us();
	unsigned n;
	int lookup;

	for (n = 0; n < PUMP_MAX && (h = next_host(H)) != NULL; n++) {
		host_place(h, HOST_BLOCKED); /* and to the ring's end again */
		lookup = needs_lookup(h, now);
		if (lookup && H->lookups >= H->o.max_resolves) {
			host_place(h, HOST_LOOKUP_WAIT);
			continue;
		}
		start(TAILQ_FIRST(&h->queue), lookup, now);
		host_update(h);
	}
	/* The handles added are due at once. */
	while ((l = STAILQ_FIRST(&H->touched)) != NULL) {
		STAILQ_REMOVE_HEAD(&H->touched, touch);
		l->touched = 0;
		http_lane_run(l);
	}
	want_pump(H);
}

void
http_admit_free(struct http * H)
{
	struct http_host * h, * next;

	loop_soon_cancel(H->L, &H->pump);
	for (h = H->hosts; h != NULL; h = next) {
		next = h->hh.next;
		host_free(H, h);
	}
}
