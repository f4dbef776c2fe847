#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/http_internal.h"

/*
 * Easy handles live on: making one costs more than a small request.  What is
 * common to all requests is set once, the rest only where it differs from the
 * handle's last request.
 */

/* As much as one read may bring: a page of metrics arrives in one go. */
#define READ_SIZE (128L << 10)
/* Handles kept for the next request. */
#define EASIES_MAX 256

enum shape { SHAPE_NONE, SHAPE_GET, SHAPE_HEAD, SHAPE_BODY };

static size_t
stop(struct http_call * c, enum call_abort why)
{
	c->abort = why;
	return (0);
}

/* Hand body bytes to the request's owner; -1 if it wants no more. */
static int
hand_over(struct http_call * c, const char * p, size_t len)
{
	const struct http_res head = { .hdrs = &c->hdrs };

	if (!c->headed && c->req.on_head != NULL) {
		c->headed = 1;
		if (c->req.on_head(c->arg,
		    http_res_header(&head, "Content-Type")))
			return (-1);
	}
	return (c->req.on_data(c->arg, p, len));
}

static size_t
on_body(char * p, size_t size, size_t n, void * arg)
{
	struct http_call * c = ((struct http_easy *)arg)->call;
	size_t len = size * n, keep = len;

	/* After decompression, so a bomb ends here too. */
	if (len > c->req.max_body - c->bytes)
		return (stop(c, ABORT_BODY));
	c->bytes += len;
	if (c->req.on_data != NULL) {
		if (c->status >= 200 && c->status < 300)
			return (hand_over(c, p, len) == 0 ? len :
			    stop(c, ABORT_BY_USER));
		if (keep > HTTP_ERRBODY_MAX - c->body.len)
			keep = HTTP_ERRBODY_MAX - c->body.len;
	}
	if (buf_add(&c->body, p, keep))
		return (stop(c, ABORT_NOMEM));
	return (len);
}

/* "HTTP/1.1 200 OK": a new answer begins (after a 100, say). */
static int
status_of(const char * p, size_t n)
{
	size_t i;

	if (n < 12 || memcmp(p, "HTTP/", 5) != 0)
		return (-1);
	for (i = 5; i < n && p[i] != ' '; i++)
		continue;
	while (i < n && p[i] == ' ')
		i++;
	if (i + 3 > n || !isdigit((unsigned char)p[i]) ||
	    !isdigit((unsigned char)p[i + 1]) ||
	    !isdigit((unsigned char)p[i + 2]))
		return (-1);
	return ((p[i] - '0') * 100 + (p[i + 1] - '0') * 10 + p[i + 2] - '0');
}

static size_t
on_header(char * p, size_t size, size_t n, void * arg)
{
	struct http_call * c = ((struct http_easy *)arg)->call;
	size_t all = size * n, len = all;
	int status;

	if ((status = status_of(p, len)) >= 0) {
		c->status = status;
		buf_clear(&c->hdrs.text);
		return (all);
	}
	while (len > 0 && (p[len - 1] == '\r' || p[len - 1] == '\n' ||
	    p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	if (len == 0)
		return (all);
	if (len + 1 > HTTP_HDRS_MAX - c->hdrs.text.len)
		return (stop(c, ABORT_HEADERS));
	if (buf_add(&c->hdrs.text, p, len) || buf_addc(&c->hdrs.text, '\0'))
		return (stop(c, ABORT_NOMEM));
	return (all);
}

static int
set_common(struct http * H, struct http_easy * ez)
{
	CURL * k = ez->curl;
	int bad = 0;

#define SET(o, v) bad |= curl_easy_setopt(k, CURLOPT_##o, v) != CURLE_OK
	SET(PRIVATE, ez);
	SET(ERRORBUFFER, ez->errbuf);
	SET(USERAGENT, H->user_agent);
	SET(WRITEFUNCTION, on_body);
	SET(WRITEDATA, ez);
	SET(HEADERFUNCTION, on_header);
	SET(HEADERDATA, ez);
	SET(PREREQFUNCTION, http_sock_before_send);
	SET(PREREQDATA, ez);
	SET(OPENSOCKETFUNCTION, http_sock_open);
	SET(OPENSOCKETDATA, ez);
	SET(CLOSESOCKETFUNCTION, http_sock_close);
	SET(CLOSESOCKETDATA, H);
	SET(BUFFERSIZE, READ_SIZE);
	SET(MAXAGE_CONN, (long)H->o.max_idle_s);
	/* No signals from a library; no waiting for a resolver thread. */
	SET(NOSIGNAL, 1L);
	SET(QUICK_EXIT, 1L);
	/* Not even one from the environment: egress is judged at the socket. */
	SET(PROXY, "");
	SET(NOPROXY, "");
	SET(PROTOCOLS_STR, "http,https");
	SET(FOLLOWLOCATION, 0L);
	SET(PATH_AS_IS, 1L);
	SET(TCP_NODELAY, 1L);
	SET(DNS_CACHE_TIMEOUT, -1L); /* else see start() in http_admit.c */
	/* Never used: it spares curl writing a parsed URL out as a string. */
	SET(URL, "http://localhost/");
	SET(HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(ACCEPT_ENCODING, "gzip");
#if LIBCURL_VERSION_NUM >= 0x075700
	/* A file of authorities that is replaced counts at once, not in a day. */
	SET(CA_CACHE_TIMEOUT, 0L);
#endif
#undef SET
	ez->dns_ttl = -1;
	ez->compress = 1;
	return (bad ? -1 : 0);
}

struct http_easy *
http_easy_get(struct http * H)
{
	struct http_easy * ez;

	if ((ez = SLIST_FIRST(&H->easies)) != NULL) {
		SLIST_REMOVE_HEAD(&H->easies, link);
		H->n_easies--;
		return (ez);
	}
	if ((ez = calloc(1, sizeof(*ez))) == NULL)
		return (NULL);
	if ((ez->curl = curl_easy_init()) == NULL || set_common(H, ez)) {
		http_easy_drop(ez);
		return (NULL);
	}
	return (ez);
}

static int
set_string(struct http_easy * ez, CURLoption opt, char ** have, int * is_set,
    const char * want)
{
	if (want == NULL ? !*is_set : *is_set && *have != NULL &&
	    strcmp(*have, want) == 0)
		return (0);
	free(*have);
	*have = NULL;
	*is_set = want != NULL;
	if (want != NULL && (*have = strdup(want)) == NULL)
		return (-1);
	return (curl_easy_setopt(ez->curl, opt, want) == CURLE_OK ? 0 : -1);
}

int
http_easy_sends_body(const struct http_req * r)
{
	const char * m = r->method;

	return (r->body != NULL || (m != NULL && (strcmp(m, "POST") == 0 ||
	    strcmp(m, "PUT") == 0 || strcmp(m, "PATCH") == 0)));
}

static int
set_method(struct http_easy * ez, const struct http_req * r)
{
	const char * plain = "GET";
	enum shape shape = SHAPE_GET;
	CURL * k = ez->curl;
	int bad = 0;

	if (strcmp(r->method, "HEAD") == 0) {
		plain = "HEAD";
		shape = SHAPE_HEAD;
	} else if (http_easy_sends_body(r)) {
		plain = "POST";
		shape = SHAPE_BODY;
	}
	if (ez->shape != (int)shape) {
		bad |= curl_easy_setopt(k, CURLOPT_NOBODY,
		    (long)(shape == SHAPE_HEAD)) != CURLE_OK;
		if (shape == SHAPE_GET)
			bad |= curl_easy_setopt(k, CURLOPT_HTTPGET, 1L) != CURLE_OK;
		else if (shape == SHAPE_BODY)
			bad |= curl_easy_setopt(k, CURLOPT_POST, 1L) != CURLE_OK;
		ez->shape = (int)shape;
	}
	if (shape == SHAPE_BODY) {
		bad |= curl_easy_setopt(k, CURLOPT_POSTFIELDS,
		    r->body != NULL ? r->body : "") != CURLE_OK;
		bad |= curl_easy_setopt(k, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)r->body_len) != CURLE_OK;
	}
	if (strcmp(r->method, plain) != 0) {
		bad |= curl_easy_setopt(k, CURLOPT_CUSTOMREQUEST, r->method) !=
		    CURLE_OK;
		ez->custom = 1;
	} else if (ez->custom) {
		bad |= curl_easy_setopt(k, CURLOPT_CUSTOMREQUEST, NULL) !=
		    CURLE_OK;
		ez->custom = 0;
	}
	return (bad ? -1 : 0);
}

/* Set a number where it is not what the handle has. */
#define SET_IF(have, want, opt, value) do { \
	if ((have) != (want)) { \
		(have) = (want); \
		bad |= curl_easy_setopt(k, (opt), (value)) != CURLE_OK; \
	} \
} while (0)

static int
set_tls(struct http_easy * ez, const struct http_req * r)
{
	char * file = NULL, * path = NULL;
	CURL * k = ez->curl;
	int bad = 0;

	if (ez->insecure != (int)r->insecure) {
		ez->insecure = r->insecure;
		bad |= curl_easy_setopt(k, CURLOPT_SSL_VERIFYPEER,
		    r->insecure ? 0L : 1L) != CURLE_OK;
		bad |= curl_easy_setopt(k, CURLOPT_SSL_VERIFYHOST,
		    r->insecure ? 0L : 2L) != CURLE_OK;
	}
	bad |= set_string(ez, CURLOPT_SSLCERT, &ez->client_cert, &ez->has_cert,
	    r->client_cert);
	bad |= set_string(ez, CURLOPT_SSLKEY, &ez->client_key, &ez->has_key,
	    r->client_key);
	if (r->ca_file == NULL && !ez->has_ca)
		return (bad ? -1 : 0);
	if (set_string(ez, CURLOPT_CAINFO, &ez->ca_file, &ez->has_ca, r->ca_file))
		return (-1);
	/* A file of one's own stands alone; without it, back to the system's. */
	if (r->ca_file == NULL) {
		bad |= curl_easy_getinfo(k, CURLINFO_CAINFO, &file) != CURLE_OK;
		bad |= curl_easy_getinfo(k, CURLINFO_CAPATH, &path) != CURLE_OK;
		bad |= curl_easy_setopt(k, CURLOPT_CAINFO, file) != CURLE_OK;
	}
	bad |= curl_easy_setopt(k, CURLOPT_CAPATH, path) != CURLE_OK;
	return (bad ? -1 : 0);
}

/*
 * A URL that comes again and again (a scrape's) is parsed once a host: curl's
 * own reading of it, and writing it out again, is a seventh of its work.  A
 * parsed URL changes only while no other call may still hold it.
 */
static int
set_url(struct http_call * c, struct http_easy * ez)
{
	struct http_host * h = c->host;
	CURLU * u = NULL;

	if (h->url != NULL && strcmp(h->url, c->req.url) == 0) {
		if (h->parsed == NULL && (h->parsed = curl_url()) != NULL &&
		    curl_url_set(h->parsed, CURLUPART_URL, h->url,
		    CURLU_PATH_AS_IS) != CURLUE_OK) {
			curl_url_cleanup(h->parsed);
			h->parsed = NULL;
		}
		u = h->parsed;
	} else if (h->active == 1) {
		curl_url_cleanup(h->parsed);
		h->parsed = NULL;
		free(h->url);
		h->url = strdup(c->req.url);
	}
	if ((u != NULL || ez->has_parsed) &&
	    curl_easy_setopt(ez->curl, CURLOPT_CURLU, u) != CURLE_OK)
		return (-1);
	ez->has_parsed = u != NULL;
	if (u != NULL)
		return (0);
	return (curl_easy_setopt(ez->curl, CURLOPT_URL, c->req.url) == CURLE_OK ?
	    0 : -1);
}

int
http_easy_setup(struct http_call * c)
{
	const struct http_req * r = &c->req;
	struct http_easy * ez = c->ez;
	CURL * k = ez->curl;
	int bad = 0;

	ez->call = c;
	ez->errbuf[0] = '\0';
	bad |= set_url(c, ez) != 0;
	bad |= curl_easy_setopt(k, CURLOPT_HTTPHEADER, c->headers) != CURLE_OK;
	bad |= set_method(ez, r) != 0;
	bad |= set_tls(ez, r) != 0;
	bad |= set_string(ez, CURLOPT_UNIX_SOCKET_PATH, &ez->unix_socket,
	    &ez->has_unix, r->unix_socket) != 0;
	SET_IF(ez->connect_ms, r->connect_timeout_ms, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)r->connect_timeout_ms);
	SET_IF(ez->dns_ttl, c->dns_ttl, CURLOPT_DNS_CACHE_TIMEOUT,
	    (long)c->dns_ttl);
	SET_IF(ez->http2, (int)r->http2, CURLOPT_HTTP_VERSION,
	    (long)(r->http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
	SET_IF(ez->fresh, (int)r->once, CURLOPT_FRESH_CONNECT, (long)r->once);
	/* Some servers compress unasked: unpacked all the same. */
	SET_IF(ez->compress, !r->no_compress, CURLOPT_ACCEPT_ENCODING,
	    r->no_compress ? "identity" : "gzip");
	if (c->resolve != NULL || ez->has_resolve) {
		ez->has_resolve = c->resolve != NULL;
		bad |= curl_easy_setopt(k, CURLOPT_RESOLVE, c->resolve) !=
		    CURLE_OK;
	}
	if (bad)
		return (err_nomem(&c->err, "an HTTP request"));
	return (0);
}

void
http_easy_put(struct http * H, struct http_easy * ez)
{
	ez->call = NULL;
	if (H->n_easies >= EASIES_MAX) {
		http_easy_drop(ez);
		return;
	}
	SLIST_INSERT_HEAD(&H->easies, ez, link);
	H->n_easies++;
}

void
http_easy_drop(struct http_easy * ez)
{
	if (ez->curl != NULL)
		curl_easy_cleanup(ez->curl);
	free(ez->ca_file);
	free(ez->client_cert);
	free(ez->client_key);
	free(ez->unix_socket);
	free(ez);
}
