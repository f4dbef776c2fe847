#include "net/http.h"

#include <ctype.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/log.h"
#include "config.h"
#include "net/http_internal.h"

#define MS_30S 30000
#define MS_5S 5000
#define MS_MAX INT64_C(1000000000) /* eleven days: fits curl's long */
#define MAX_BODY ((size_t)64 << 20)
#define WIPE_MAX 8192
/* Calls kept for the next request, and the memory kept in them. */
#define FREE_CALLS_MAX 1024
#define KEEP_ONE ((size_t)256 << 10)
#define KEEP_ALL ((size_t)16 << 20)

void
http_call_enter(struct http_call * c, enum call_state s)
{
	static const char * const names[] = { "new", "queued", "active", "done",
	    "delivering" };

	log_event(LOG_DEBUG, "http_call", LOG_S("from", names[c->state]),
	    LOG_S("to", names[s]),
	    LOG_S("host", c->host != NULL ? c->host->name : NULL));
	c->state = s;
}

/* Its headers and body may hold what signs a request. */
static void
wipe_arena(struct http_call * c)
{
	if (c->arena != NULL)
		explicit_bzero(c->arena, c->arena_cap);
}

static void
call_free(struct http_call * c)
{
	curl_slist_free_all(c->resolve);
	buf_wipe(&c->body);
	buf_wipe(&c->hdrs.text);
	wipe_arena(c);
	free(c->arena);
	free(c);
}

static size_t
call_keeps(const struct http_call * c)
{
	return (c->body.cap + c->hdrs.text.cap + c->arena_cap);
}

/* Put ${c}, on no list but H->calls, aside for the next request. */
static void
call_recycle(struct http_call * c)
{
	struct http * H = c->H;
	size_t keeps = call_keeps(c);

	LIST_REMOVE(c, all);
	wipe_arena(c);
	curl_slist_free_all(c->resolve);
	c->resolve = NULL;
	if (H->n_free_calls >= FREE_CALLS_MAX || keeps > KEEP_ONE ||
	    keeps > KEEP_ALL - H->kept_bytes) {
		call_free(c);
		return;
	}
	c->host = NULL;
	http_call_enter(c, CALL_NEW);
	H->kept_bytes += keeps;
	H->n_free_calls++;
	LIST_INSERT_HEAD(&H->free_calls, c, all);
}

static struct http_call *
call_get(struct http * H)
{
	struct http_call * c = LIST_FIRST(&H->free_calls);

	if (c != NULL) {
		LIST_REMOVE(c, all);
		H->n_free_calls--;
		H->kept_bytes -= call_keeps(c);
		buf_clear(&c->body);
		buf_clear(&c->hdrs.text);
	} else {
		if ((c = calloc(1, sizeof(*c))) == NULL)
			return (NULL);
		c->H = H;
		LIST_INIT(&c->socks);
	}
	c->status = 0;
	c->abort = ABORT_NONE;
	c->bytes = 0;
	c->start_us = c->end_us = 0;
	c->opened = c->denied = c->no_fds = c->failed = c->headed = 0;
	c->dirty = 0;
	c->err.code[0] = '\0';
	LIST_INSERT_HEAD(&H->calls, c, all);
	return (c);
}

void
http_call_deliver(void * arg)
{
	struct http_call * c = arg;
	struct http * H = c->H;
	struct http_res res;

	http_call_enter(c, CALL_DELIVERING);
	H->st.done += !c->failed;
	H->st.failed += c->failed;
	H->st.reused_conns += !c->failed && !c->opened;
	if (c->failed) {
		c->cb(c->arg, NULL, &c->err);
	} else {
		res.status = c->status;
		res.body = c->body.p != NULL ? c->body.p : "";
		res.body_len = c->body.len;
		res.bytes = c->bytes;
		res.total_us = c->end_us - c->start_us;
		res.queue_us = c->start_us - c->queued_us;
		res.url = c->req.url;
		res.hdrs = &c->hdrs;
		c->cb(c->arg, &res, NULL);
	}
	/* The callback may have freed the client: then this is all that is left. */
	if (c->H == NULL)
		call_free(c);
	else
		call_recycle(c);
}

void
http_call_done(struct http_call * c)
{
	http_call_enter(c, CALL_DONE);
	c->host = NULL; /* it may be forgotten before the callback runs */
	loop_soon(c->H->L, &c->soon, http_call_deliver, c);
}

/* Bytes of a header line, with room for the ';' of an empty one. */
static size_t
line_size(const char * s)
{
	return (strlen(s) + 2);
}

static int
is_token(const char * s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) &&
		    strchr("!#$%&'*+-.^_`|~", s[i]) == NULL)
			return (0);
	return (n > 0);
}

/* Copy ${line} to ${to}; -1 if it is no header (it may hold a secret: its text
 * goes into no message). */
static int
copy_header(char * to, const char * line)
{
	size_t name = strcspn(line, ":"), n = strlen(line);
	const char * v = line + name + 1;

	if (line[name] != ':' || !is_token(line, name) ||
	    strpbrk(line, "\r\n") != NULL)
		return (-1);
	memcpy(to, line, n + 1);
	/* curl reads "Name:" as "send no such header"; "Name;" sends it empty. */
	if (v[strspn(v, " \t")] == '\0')
		memcpy(to + name, ";", 2);
	return (0);
}

static int
has_header(const struct http_req * r, const char * name)
{
	size_t i, n = strlen(name);

	for (i = 0; r->headers != NULL && r->headers[i] != NULL; i++)
		if (strncasecmp(r->headers[i], name, n) == 0 &&
		    r->headers[i][n] == ':')
			return (1);
	return (0);
}

static char *
put(char ** p, const void * from, size_t n)
{
	char * at = *p;

	memcpy(at, from, n);
	*p += n;
	return (at);
}

static char *
put_str(char ** p, const char * s)
{
	return (s == NULL ? NULL : put(p, s, strlen(s) + 1));
}

/*
 * Copy ${r} into the call's one block: list nodes first (for their alignment),
 * then strings, then the body.
 */
static int
copy_req(struct http_call * c, const struct http_req * r)
{
	/* curl would name a form's type, and hold large bodies for a 100. */
	static const char * const unwanted[] = { "Expect:", "Content-Type:" };
	size_t n = 0, i, need = 4;
	struct curl_slist * node;
	char * p, * arena;
	int extra = 0;

	if (http_easy_sends_body(r))
		extra = has_header(r, "Content-Type") ? 1 : 2;
	for (; r->headers != NULL && r->headers[n] != NULL; n++)
		need += line_size(r->headers[n]);
	need += (n + 2) * sizeof(*node) + 32 + strlen(r->url) + 1;
	need += r->method != NULL ? strlen(r->method) : 4;
	need += r->ca_file != NULL ? strlen(r->ca_file) + 1 : 0;
	need += r->client_cert != NULL ? strlen(r->client_cert) + 1 : 0;
	need += r->client_key != NULL ? strlen(r->client_key) + 1 : 0;
	need += r->unix_socket != NULL ? strlen(r->unix_socket) + 1 : 0;
	if (r->body_len > SIZE_MAX / 2 - need)
		return (err_nomem(&c->err, "an HTTP request"));
	if (!r->body_stays)
		need += r->body_len;
	if (need > c->arena_cap) {
		if ((arena = malloc(need)) == NULL)
			return (err_nomem(&c->err, "an HTTP request"));
		free(c->arena);
		c->arena = arena;
		c->arena_cap = need;
	}
	node = (struct curl_slist *)(void *)c->arena;
	p = c->arena + (n + 2) * sizeof(*node);
	c->req = *r;
	c->headers = n + (size_t)extra > 0 ? node : NULL;
	for (i = 0; i < n; i++) {
		if (copy_header(p, r->headers[i]))
			return (err_set(&c->err, ERR_PERMANENT, "bad_header",
			    "header %zu of a request is not \"Name: value\" on "
			    "one line; mend it", i + 1));
		node[i].data = p;
		node[i].next = &node[i + 1];
		p += line_size(r->headers[i]);
	}
	for (; i < n + (size_t)extra; i++) {
		node[i].data = put_str(&p, unwanted[i - n]);
		node[i].next = &node[i + 1];
	}
	if (i > 0)
		node[i - 1].next = NULL;
	c->req.headers = NULL;
	c->req.url = put_str(&p, r->url);
	c->req.method = put_str(&p, r->method != NULL ? r->method : "GET");
	c->req.ca_file = put_str(&p, r->ca_file);
	c->req.client_cert = put_str(&p, r->client_cert);
	c->req.client_key = put_str(&p, r->client_key);
	c->req.unix_socket = put_str(&p, r->unix_socket);
	if (r->body != NULL && !r->body_stays)
		c->req.body = put(&p, r->body, r->body_len);
	return (0);
}

static int64_t
ms_or(int64_t ms, int64_t otherwise)
{
	if (ms <= 0)
		return (otherwise);
	return (ms < MS_MAX ? ms : MS_MAX);
}

static int
prepare(struct http_call * c, const struct http_req * r)
{
	struct http_url u;
	size_t max;

	c->req.url = "";
	if (r->url == NULL)
		return (err_set(&c->err, ERR_PERMANENT, "bad_url",
		    "a request without a URL"));
	if (http_url_parse(r, &u, &c->err) || copy_req(c, r))
		return (-1);
	if (!is_token(c->req.method, strlen(c->req.method)))
		return (err_set(&c->err, ERR_PERMANENT, "bad_method",
		    "the method of a request is no word; use GET, POST or "
		    "another HTTP method"));
	c->req.timeout_ms = ms_or(r->timeout_ms, MS_30S);
	c->req.queue_timeout_ms = ms_or(r->queue_timeout_ms, c->req.timeout_ms);
	c->req.connect_timeout_ms = ms_or(r->connect_timeout_ms,
	    c->req.timeout_ms < MS_5S ? c->req.timeout_ms : MS_5S);
	if (c->req.max_body == 0)
		c->req.max_body = MAX_BODY;
	/* Room for a body without the buffer's own bound in the way. */
	max = c->req.on_data != NULL ? HTTP_ERRBODY_MAX : c->req.max_body;
	c->body.max = max < SIZE_MAX / 4 ? max : SIZE_MAX / 4;
	c->hdrs.text.max = HTTP_HDRS_MAX;
	if (c->H->o.play != NULL)
		return (0);
	if (c->H->st.queued >= c->H->o.max_queued)
		return (err_set(&c->err, ERR_TRANSIENT, "queue_full",
		    "%u HTTP calls wait already; ask less often or raise the "
		    "limit", c->H->st.queued));
	if ((c->host = http_admit_host(c->H, &u, r->ca_file)) == NULL)
		return (err_nomem(&c->err, "an HTTP host"));
	return (0);
}

struct http_call *
http_start(struct http * H, const struct http_req * req, http_cb * cb,
    void * arg)
{
	struct http_call * c;

	if ((c = call_get(H)) == NULL)
		return (NULL);
	c->cb = cb;
	c->arg = arg;
	H->st.started++;
	c->queued_us = clock_mono_us();
	if (prepare(c, req)) {
		c->failed = 1;
		c->err.unsent = 1;
		c->start_us = c->end_us = c->queued_us;
		http_call_done(c);
		return (c);
	}
	if (H->o.play != NULL) {
		http_play(c, req);
		return (c);
	}
	http_deadline_set(c, c->queued_us + c->req.queue_timeout_ms * 1000);
	http_admit_queue(c);
	return (c);
}

void
http_cancel(struct http_call * c)
{
	if (c == NULL)
		return;
	switch (c->state) {
	case CALL_QUEUED:
		http_deadline_clear(c);
		http_admit_unqueue(c);
		break;
	case CALL_ACTIVE:
		http_lane_stop(c);
		http_admit_ended(c);
		break;
	case CALL_DONE:
		loop_soon_cancel(c->H->L, &c->soon);
		break;
	case CALL_NEW:
	case CALL_DELIVERING:
		/* Its callback runs: that was the end of it. */
		return;
	}
	call_recycle(c);
}

static unsigned
default_idle(void)
{
	struct rlimit rl;
	rlim_t n;

	if (getrlimit(RLIMIT_NOFILE, &rl))
		return (256);
	n = rl.rlim_cur / 4;
	return (n < 64 ? 64 : n > 8192 ? 8192 : (unsigned)n);
}

static void
fill_defaults(struct http_opts * o)
{
	if (o->max_total == 0)
		o->max_total = 256;
	if (o->max_per_host == 0)
		o->max_per_host = 32;
	if (o->max_queued == 0)
		o->max_queued = 100000;
	if (o->max_resolves == 0)
		o->max_resolves = 8;
	if (o->max_idle == 0)
		o->max_idle = default_idle();
	if (o->max_idle_s == 0)
		o->max_idle_s = 118;
}

static int
init(struct http * H)
{
	STAILQ_INIT(&H->touched);
	TAILQ_INIT(&H->ready);
	TAILQ_INIT(&H->lookup_wait);
	TAILQ_INIT(&H->unused);
	SLIST_INIT(&H->easies);
	LIST_INIT(&H->calls);
	LIST_INIT(&H->free_calls);
	fill_defaults(&H->o);
	H->user_agent = strdup(H->o.user_agent != NULL ? H->o.user_agent :
	    "moltler/" PACKAGE_VERSION);
	if (H->user_agent == NULL || http_deadline_init(H))
		return (-1);
	return (0);
}

/* libcurl builds requests in memory of its own; their headers may hold what
 * signs them.  Larger blocks are bodies. */
static void
wipe_free(void * p)
{
	size_t n = p != NULL ? malloc_usable_size(p) : 0;

	if (p != NULL && n <= WIPE_MAX)
		explicit_bzero(p, n);
	free(p);
}

/* The same of what grows: no copy stays where it was. */
static void *
wipe_realloc(void * p, size_t n)
{
	size_t has = p != NULL ? malloc_usable_size(p) : 0;
	void * q;

	if (p == NULL || has > WIPE_MAX)
		return (realloc(p, n));
	if (n <= has)
		return (p);
	if ((q = malloc(n)) == NULL)
		return (NULL);
	memcpy(q, p, has);
	wipe_free(p);
	return (q);
}

struct http *
http_new(struct loop * L, const struct http_opts * opts, struct err * e)
{
	struct http * H;

	if ((H = calloc(1, sizeof(*H))) == NULL) {
		err_nomem(e, "the HTTP client");
		return (NULL);
	}
	H->L = L;
	if (opts != NULL)
		H->o = *opts;
	if (curl_global_init_mem(CURL_GLOBAL_ALL, malloc, wipe_free,
	    wipe_realloc, strdup, calloc) != CURLE_OK) {
		free(H);
		err_set(e, ERR_PERMANENT, "curl", "cannot start libcurl");
		return (NULL);
	}
	if (init(H)) {
		http_free(H);
		err_nomem(e, "the HTTP client");
		return (NULL);
	}
	return (H);
}

void
http_free(struct http * H)
{
	struct http_call * c;
	struct http_easy * ez;
	unsigned i;

	if (H == NULL)
		return;
	while ((c = LIST_FIRST(&H->calls)) != NULL) {
		if (c->state != CALL_DELIVERING) {
			http_cancel(c);
			continue;
		}
		/* We are in its callback: it frees itself when that returns. */
		LIST_REMOVE(c, all);
		c->H = NULL;
	}
	while ((c = LIST_FIRST(&H->free_calls)) != NULL) {
		LIST_REMOVE(c, all);
		call_free(c);
	}
	for (i = 0; i < H->n_lanes; i++)
		http_lane_fini(H->lanes[i]);
	while ((ez = SLIST_FIRST(&H->easies)) != NULL) {
		SLIST_REMOVE_HEAD(&H->easies, link);
		http_easy_drop(ez);
	}
	http_sock_free_all(H);
	http_admit_free(H);
	http_deadline_fini(H);
	for (i = 0; i < H->n_lanes; i++)
		free(H->lanes[i]);
	free(H->user_agent);
	free(H);
	curl_global_cleanup();
}

const char *
http_res_header(const struct http_res * res, const char * name)
{
	const struct buf * b = &res->hdrs->text;
	const char * p, * v, * found = NULL;
	size_t n = strlen(name), at;

	for (at = 0; at < b->len; at += strlen(p) + 1) {
		p = b->p + at;
		if (strncasecmp(p, name, n) != 0 || p[n] != ':')
			continue;
		v = p + n + 1;
		found = v + strspn(v, " \t");
	}
	return (found);
}

void
http_stats_get(const struct http * H, struct http_stats * st)
{
	*st = H->st;
}
