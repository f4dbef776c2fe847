#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash64.h"
#include "base/log.h"
#include "net/http_internal.h"

/*
 * A lane is one curl multi.  There are many, each for some 64 hosts, because
 * curl 7.88 walks all the connections of a multi whenever a transfer is taken
 * from it (to find those of CONNECT_ONLY), looks at every idle one once a
 * second, and finds the one to use through 97 hash chains: with one multi for
 * 1000 hosts that was a third of the CPU of a fetch.  A lane costs 45 KB.
 */

static void
lane_arm(struct http_lane * l)
{
	int64_t now;

	/* A timer that is early enough stays: it looks again when it fires. */
	if (l->due_us >= l->armed_us)
		return;
	now = clock_mono_us();
	l->armed_us = l->due_us;
	loop_timer_start_us(l->timer, l->due_us > now ? l->due_us - now : 0);
}

static void
lane_tick(void * arg)
{
	struct http_lane * l = arg;

	l->armed_us = INT64_MAX;
	if (l->due_us > clock_mono_us()) {
		if (l->due_us != INT64_MAX)
			lane_arm(l);
		return;
	}
	http_lane_run(l);
}

/* curl 7.88 refuses to be called from in here: only note when it wants it. */
static int
on_timer(CURLM * multi, long ms, void * arg)
{
	struct http_lane * l = arg;

	(void)multi;
	l->due_us = ms < 0 ? INT64_MAX :
	    clock_mono_us() + (int64_t)ms * 1000;
	if (!l->busy && l->due_us != INT64_MAX)
		lane_arm(l);
	return (0);
}

/*
 * A lane's share of max_idle, with a quarter more as hosts do not use all lanes
 * alike.  Past it curl closes the connection idle longest, one a transfer.
 */
static long
lane_conns(const struct http * H)
{
	unsigned n = H->n_lanes > 0 ? H->n_lanes : 1;
	unsigned share = (H->o.max_idle + n - 1) / n;

	return ((long)share + (n > 1 ? (long)(share / 4) : 0));
}

static CURLM *
multi_new(struct http_lane * l)
{
	struct http * H = l->H;
	CURLM * m;

	if ((m = curl_multi_init()) == NULL)
		return (NULL);
	if (curl_multi_setopt(m, CURLMOPT_SOCKETFUNCTION, http_sock_watch) ||
	    curl_multi_setopt(m, CURLMOPT_SOCKETDATA, l) ||
	    curl_multi_setopt(m, CURLMOPT_TIMERFUNCTION, on_timer) ||
	    curl_multi_setopt(m, CURLMOPT_TIMERDATA, l) ||
	    curl_multi_setopt(m, CURLMOPT_MAXCONNECTS, lane_conns(H))) {
		curl_multi_cleanup(m);
		return (NULL);
	}
	l->due_us = INT64_MAX;
	return (m);
}

static struct http_lane *
lane_new(struct http * H, uint64_t kind)
{
	struct http_lane * l;
	unsigned i;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return (NULL);
	l->H = H;
	l->kind = kind;
	l->due_us = l->armed_us = INT64_MAX;
	if ((l->timer = loop_timer_new(H->L, lane_tick, l)) == NULL ||
	    (l->multi = multi_new(l)) == NULL) {
		http_lane_fini(l);
		free(l);
		return (NULL);
	}
	H->lanes[H->n_lanes++] = l;
	for (i = 0; i < H->n_lanes; i++)
		if (H->lanes[i]->multi != NULL)
			curl_multi_setopt(H->lanes[i]->multi,
			    CURLMOPT_MAXCONNECTS, lane_conns(H));
	return (l);
}

/*
 * TLS has lanes of its own, one kind for each file of authorities: a multi
 * keeps the last such file parsed, which takes 10 ms and a megabyte.  So have
 * names, and addresses.
 */
struct http_lane *
http_lane_pick(struct http * H, const struct http_url * u,
    const char * ca_file)
{
	struct http_lane * l, * best = NULL, * any = NULL;
	uint64_t kind = u->tls ? 1 : 0;
	unsigned i;

	if (u->tls && ca_file != NULL)
		kind = hash64(1, ca_file, strlen(ca_file));
	kind = kind * 2 + (u->is_name != 0);
	for (i = 0; i < H->n_lanes; i++) {
		l = H->lanes[i];
		if (any == NULL || l->n_hosts < any->n_hosts)
			any = l;
		if (l->kind == kind &&
		    (best == NULL || l->n_hosts < best->n_hosts))
			best = l;
	}
	if (best != NULL && best->n_hosts < HTTP_LANE_HOSTS * (u->tls ? 4 : 1))
		return (best);
	if (H->n_lanes < HTTP_LANES_MAX && (l = lane_new(H, kind)) != NULL)
		return (l);
	return (best != NULL ? best : any);
}

/* Take ${c}'s handle out of curl's hands, to be used again or not. */
static void
lane_detach(struct http_call * c, int reusable)
{
	struct http_lane * l = c->host->lane;
	struct http_easy * ez = c->ez;

	c->ez = NULL;
	if (curl_multi_remove_handle(l->multi, ez->curl) != CURLM_OK)
		reusable = 0;
	http_sock_settle(c, -1);
	if (reusable)
		http_easy_put(c->H, ez);
	else
		http_easy_drop(ez);
}

/* Nothing was sent, and curl has closed the connection that was no good: the
 * next one, or a new one. */
static int
lane_again(struct http_lane * l, struct http_call * c)
{
	CURLMcode rc;

	c->dirty = 0;
	l->busy++;
	rc = curl_multi_remove_handle(l->multi, c->ez->curl);
	if (rc == CURLM_OK)
		rc = curl_multi_add_handle(l->multi, c->ez->curl);
	l->busy--;
	return (rc == CURLM_OK ? 0 : -1);
}

static void
lane_finish(struct http_lane * l, struct http_call * c, CURLcode rc)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	if (rc == CURLE_ABORTED_BY_CALLBACK && c->dirty && lane_again(l, c) == 0)
		return;
	if (rc != CURLE_OK)
		http_err_curl(c, rc);
	else if (!LIST_EMPTY(&c->socks))
		/* Of several tried, the one that lives. */
		if (LIST_NEXT(LIST_FIRST(&c->socks), of_call) == NULL ||
		    curl_easy_getinfo(c->ez->curl, CURLINFO_ACTIVESOCKET, &fd) !=
		    CURLE_OK || fd == CURL_SOCKET_BAD)
			fd = LIST_FIRST(&c->socks)->fd;
	http_sock_settle(c, rc == CURLE_OK ? (int)fd : -1);
	l->busy++;
	lane_detach(c, 1);
	l->busy--;
	http_deadline_clear(c);
	c->end_us = clock_mono_us();
	http_admit_ended(c);
	http_call_done(c);
}

static void
lane_drain(struct http_lane * l)
{
	struct http_easy * ez;
	CURLMsg * m;
	CURLcode rc;
	int left;

	while (l->multi != NULL &&
	    (m = curl_multi_info_read(l->multi, &left)) != NULL) {
		if (m->msg != CURLMSG_DONE)
			continue;
		/* The message dies with the handle's removal: copy first. */
		rc = m->data.result;
		ez = NULL;
		if (curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &ez) ||
		    ez == NULL || ez->call == NULL)
			continue;
		lane_finish(l, ez->call, rc);
	}
}

/*
 * curl itself failed: which transfers still live is not to be known.  All of
 * this lane end as Transient, and it begins anew.
 */
static void
lane_rebuild(struct http_lane * l, CURLMcode rc)
{
	struct http * H = l->H;
	struct http_call * c, * next;
	CURLM * old = l->multi;
	char safe[256];
	int64_t lost = 0;

	l->busy++;
	for (c = LIST_FIRST(&H->calls); c != NULL; c = next) {
		next = LIST_NEXT(c, all);
		if (c->state != CALL_ACTIVE || c->host->lane != l)
			continue;
		lost++;
		c->failed = 1;
		err_set(&c->err, ERR_TRANSIENT, "recv", "%s: the transfer was "
		    "lost with its connection pool (%s); try again",
		    http_url_safe(safe, sizeof(safe), c->req.url),
		    curl_multi_strerror(rc));
		lane_detach(c, 0);
		http_deadline_clear(c);
		c->end_us = clock_mono_us();
		http_admit_ended(c);
		http_call_done(c);
	}
	curl_multi_cleanup(old);
	l->multi = multi_new(l); /* NULL: tried again at the next call */
	l->busy--;
	log_event(LOG_ERROR, "http_pool_rebuilt",
	    LOG_S("reason", curl_multi_strerror(rc)), LOG_I("lost", lost));
}

/*
 * When an address does not answer, curl 7.88 decides for the next one but opens
 * no socket until it is called again, and asks for no such call: half of the
 * connect timeout went by idle.  Only this old call reaches a transfer that has
 * neither a socket nor a timer due.
 */
static CURLMcode
lane_kick(struct http_lane * l, int * running)
{
	l->stalled = 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	return (curl_multi_socket_all(l->multi, running));
#pragma GCC diagnostic pop
}

static void
lane_act(struct http_lane * l, int fd, int bits)
{
	CURLMcode rc;
	int running;

	if (l->multi == NULL)
		return;
	l->busy++;
	rc = curl_multi_socket_action(l->multi, fd, bits, &running);
	if (rc == CURLM_OK && l->stalled)
		rc = lane_kick(l, &running);
	if (rc == CURLM_OK || rc == CURLM_BAD_SOCKET)
		lane_drain(l);
	else
		lane_rebuild(l, rc);
	l->busy--;
	if (l->due_us != INT64_MAX)
		lane_arm(l);
}

int
http_lane_add(struct http_lane * l, struct http_call * c)
{
	CURLMcode rc;

	if (l->multi == NULL && (l->multi = multi_new(l)) == NULL)
		return (err_nomem(&c->err, "a connection pool"));
	l->busy++;
	rc = curl_multi_add_handle(l->multi, c->ez->curl);
	l->busy--;
	if (rc != CURLM_OK)
		return (err_set(&c->err, ERR_TRANSIENT, "nomem",
		    "cannot start an HTTP transfer: %s", curl_multi_strerror(rc)));
	return (0);
}

void
http_lane_run(struct http_lane * l)
{
	/* Called for its timeouts curl says anew when it wants its next turn, but
	 * not that it wants none. */
	l->due_us = INT64_MAX;
	lane_act(l, CURL_SOCKET_TIMEOUT, 0);
}

void
http_lane_io(struct http_lane * l, int fd, int events)
{
	int bits = 0;

	if (events & LOOP_READ)
		bits |= CURL_CSELECT_IN;
	if (events & LOOP_WRITE)
		bits |= CURL_CSELECT_OUT;
	lane_act(l, fd, bits);
}

void
http_lane_stop(struct http_call * c)
{
	lane_detach(c, 1);
	http_deadline_clear(c);
	c->end_us = clock_mono_us();
}

void
http_lane_fini(struct http_lane * l)
{
	/* This closes connections through our callbacks: the loop still lives. */
	l->busy++;
	if (l->multi != NULL)
		curl_multi_cleanup(l->multi);
	l->multi = NULL;
	loop_timer_free(l->timer);
	l->timer = NULL;
}
