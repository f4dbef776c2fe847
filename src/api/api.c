#include "api/api.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "api/api_internal.h"
#include "base/clock.h"
#include "base/log.h"

static const struct api_route * const resources[] = {
	api_backup_routes, api_connector_routes, api_health_routes, api_metrics_routes,
	api_query_routes, api_secret_routes, api_status_routes,
	api_action_routes, api_sync_routes, api_type_routes,
};
#define NRESOURCES (sizeof(resources) / sizeof(resources[0]))

#define MAX_ID 256
#define FREE_TURNS 1000

static const struct {
	enum httpd_method method;
	const char * name;
} methods[] = {
	{ HTTPD_GET, "GET" }, { HTTPD_POST, "POST" }, { HTTPD_PUT, "PUT" },
	{ HTTPD_PATCH, "PATCH" }, { HTTPD_DELETE, "DELETE" },
};

/* Whether ${path} fits the route's pattern; the :id segment goes to ${id}. */
static int
match(const char * pat, const char * path, char id[MAX_ID])
{
	size_t n;

	id[0] = '\0';
	while (*pat != '\0') {
		if (strncmp(pat, ":id", 3) == 0) {
			n = strcspn(path, "/");
			if (n == 0 || n >= MAX_ID)
				return (0);
			memcpy(id, path, n);
			id[n] = '\0';
			pat += 3;
			path += n;
		} else if (*pat++ != *path++) {
			return (0);
		}
	}
	return (*path == '\0');
}

/* An IP address, with brackets and port or without; these cannot be rebound. */
static int
is_ip(const char * host)
{
	unsigned char tmp[16];

	return (inet_pton(AF_INET, host, tmp) == 1 ||
	    inet_pton(AF_INET6, host, tmp) == 1);
}

/* The Host header without its port: a site that a browser visits can point a
 * name of its own at us, so only names we were told of are answered. */
static int
host_ok(const struct api * a, const char * header)
{
	char host[256];
	size_t n, i;

	if (header == NULL)
		return (1); /* HTTP/1.0, no browser */
	if (*header == '[') {
		header++;
		n = strcspn(header, "]");
	} else {
		n = strcspn(header, ":");
	}
	if (n == 0 || n >= sizeof(host))
		return (0);
	memcpy(host, header, n);
	host[n] = '\0';
	if (is_ip(host) || strcasecmp(host, "localhost") == 0)
		return (1);
	for (i = 0; a->hosts[i] != NULL; i++)
		if (strcmp(a->hosts[i], "*") == 0 ||
		    strcasecmp(host, a->hosts[i]) == 0)
			return (1);
	return (0);
}

/* A page of another site may not act here in a visitor's name, nor have us work by
 * an image or a frame of its own, for which browsers send no Origin: they say so
 * otherwise.  A link that somebody follows only reads. */
static int
origin_ok(const struct httpd_req * q)
{
	const char * origin = httpd_req_header(q, "Origin");
	const char * site = httpd_req_header(q, "Sec-Fetch-Site");
	const char * dest = httpd_req_header(q, "Sec-Fetch-Dest");
	const char * host = httpd_req_header(q, "Host"), * p;

	if (site != NULL && strcmp(site, "same-origin") != 0 &&
	    strcmp(site, "none") != 0 && (dest == NULL ||
	    strcmp(dest, "document") != 0 ||
	    httpd_req_method(q) != HTTPD_GET))
		return (0);
	if (origin == NULL)
		return (1);
	p = strstr(origin, "://");
	return (p != NULL && host != NULL && strcasecmp(p + 3, host) == 0);
}

static int
token_ok(const struct api * a, const struct httpd_req * q)
{
	const char * h;
	size_t n;

	if (a->token == NULL)
		return (1);
	/* The socket's mode has decided who gets here. */
	if (httpd_req_is_unix(q))
		return (1);
	h = httpd_req_header(q, "Authorization");
	if (h == NULL || strncasecmp(h, "Bearer ", 7) != 0)
		return (0);
	h += 7;
	n = strlen(a->token);
	return (strlen(h) == n && CRYPTO_memcmp(h, a->token, n) == 0);
}

/* Health needs no token: what asks is a supervisor without one. */
static int
is_open_path(const char * path)
{
	return (strcmp(path, "/healthz") == 0 || strcmp(path, "/readyz") == 0);
}

static void
reply_405(struct httpd_req * q, unsigned allowed)
{
	char allow[64] = "";
	size_t i;

	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (!(allowed & (1U << methods[i].method)))
			continue;
		if (*allow != '\0')
			strcat(allow, ", ");
		strcat(allow, methods[i].name);
	}
	httpd_req_header_add(q, "Allow", allow);
	httpd_error(q, 405, "method_not_allowed", "%s allows %s",
	    httpd_req_path(q), allow);
}

/* A request that waits until what other daemons changed is known. */
struct held {
	struct api_call c;
	const struct api_route * r;
	struct syncs_look look;
	char id[MAX_ID];
};

static void
on_looked(void * arg)
{
	struct held * h = arg;

	h->r->run(&h->c);
	free(h);
}

/* Whoever made something by way of another daemon a moment ago finds it here. */
static void
run(const struct api_call * c, const struct api_route * r, int is_shared)
{
	struct held * h = is_shared ? calloc(1, sizeof(*h)) : NULL;

	if (h != NULL) {
		h->c = *c;
		h->r = r;
		if (c->id != NULL) {
			memcpy(h->id, c->id, strlen(c->id) + 1);
			h->c.id = h->id;
		}
		if (syncs_look(c->a->o.stmt->syncs, &h->look, on_looked, h))
			return;
		free(h);
	}
	r->run(c);
}

static void
route(struct api * a, struct httpd_req * q)
{
	enum httpd_method m = httpd_req_method(q);
	const char * path = httpd_req_path(q);
	struct api_call c = { a, q, NULL };
	const struct err * why = runner_unread(a->o.runner);
	const struct api_route * r;
	char id[MAX_ID];
	unsigned allowed = 0;
	int is_shared;
	size_t i;

	if (m == HTTPD_HEAD)
		m = HTTPD_GET;
	for (i = 0; i < NRESOURCES; i++) {
		for (r = resources[i]; r->path != NULL; r++) {
			if (!match(r->path, path, id))
				continue;
			allowed |= 1U << r->method;
			if (r->method != m)
				continue;
			is_shared = resources[i] == api_connector_routes ||
			    resources[i] == api_secret_routes ||
			    resources[i] == api_sync_routes;
			/* None of that name, or none at all, would be a lie. */
			if (is_shared && why != NULL) {
				httpd_error(q, 503, why->code, "%s", why->msg);
				return;
			}
			c.id = *id != '\0' ? id : NULL;
			run(&c, r, is_shared);
			return;
		}
	}
	if (allowed != 0)
		reply_405(q, allowed);
	else
		httpd_error(q, 404, "not_found", "there is nothing at %.200s; "
		    "the API begins at /v1/connectors", path);
}

static void
on_request(void * arg, struct httpd_req * q)
{
	struct api * a = arg;

	log_event(LOG_DEBUG, "request", LOG_S("request_id", httpd_req_id(q)),
	    LOG_S("path", httpd_req_path(q)));
	if (!httpd_req_is_unix(q) &&
	    !host_ok(a, httpd_req_header(q, "Host")))
		httpd_error(q, 403, "bad_host", "the Host header names a host "
		    "this daemon was not told of; add it to hosts in its "
		    "configuration");
	else if (!origin_ok(q))
		httpd_error(q, 403, "bad_origin",
		    "requests from other sites' pages are refused");
	else if (!is_open_path(httpd_req_path(q)) && !token_ok(a, q)) {
		httpd_req_header_add(q, "WWW-Authenticate",
		    "Bearer realm=\"moltler\"");
		httpd_error(q, 401, "unauthorized", "send the daemon's token: "
		    "Authorization: Bearer ...");
	} else if (a->stopping)
		httpd_error(q, 503, "stopping", "this daemon is shutting down");
	else
		route(a, q);
}

static int
copy_hosts(struct api * a, const char * const * hosts)
{
	char self[256];
	size_t n = 0, i;

	while (hosts != NULL && hosts[n] != NULL)
		n++;
	/* And the machine's own name. */
	if ((a->hosts = calloc(n + 2, sizeof(*a->hosts))) == NULL)
		return (-1);
	for (i = 0; i < n; i++)
		if ((a->hosts[i] = strdup(hosts[i])) == NULL)
			return (-1);
	if (gethostname(self, sizeof(self)) == 0) {
		self[sizeof(self) - 1] = '\0';
		if (*self != '\0' && (a->hosts[n] = strdup(self)) == NULL)
			return (-1);
	}
	return (0);
}

struct api *
api_new(const struct api_opts * o, struct err * e)
{
	struct api * a;

	if ((a = calloc(1, sizeof(*a))) == NULL) {
		err_nomem(e, "the API");
		return (NULL);
	}
	a->o = *o;
	a->started_ms = clock_wall_ms();
	if (copy_hosts(a, o->hosts) ||
	    (o->token != NULL && (a->token = strdup(o->token)) == NULL)) {
		err_nomem(e, "the API");
		api_free(a);
		return (NULL);
	}
	a->httpd = httpd_new(o->loop, &o->httpd, on_request, a, e);
	if (a->httpd == NULL) {
		api_free(a);
		return (NULL);
	}
	return (a);
}

int
api_set_token(struct api * a, const char * token, struct err * e)
{
	char * copy = strdup(token);

	if (copy == NULL)
		return (err_nomem(e, "the token"));
	if (a->token != NULL)
		explicit_bzero(a->token, strlen(a->token));
	free(a->token);
	a->token = copy;
	return (0);
}

struct httpd *
api_httpd(struct api * a)
{
	return (a->httpd);
}

void
api_set_ready(struct api * a, int ready)
{
	a->ready = ready;
}

void
api_stop(struct api * a)
{
	a->stopping = 1;
	a->ready = 0;
	httpd_stop_listening(a->httpd);
	api_query_cancel_all(a);
}

size_t
api_active(const struct api * a)
{
	struct httpd_stats st;

	httpd_stats_get(a->httpd, &st);
	return (st.requests_active + a->nqueries);
}

void
api_free(struct api * a)
{
	size_t i;

	if (a == NULL)
		return;
	httpd_free(a->httpd);
	/* Queries whose clients did not read hear from that that they have
	 * left; nothing else tells them any more. */
	for (i = 0; a->queries != NULL && i < FREE_TURNS; i++)
		if (loop_turn(a->o.loop, 0))
			break;
	for (i = 0; a->hosts != NULL && a->hosts[i] != NULL; i++)
		free(a->hosts[i]);
	free(a->hosts);
	if (a->token != NULL)
		explicit_bzero(a->token, strlen(a->token));
	free(a->token);
	free(a);
}
