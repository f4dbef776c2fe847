#include "config.h"

#include "cli/client_http.h"

#include <curl/curl.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"

#define CONNECT_MS 10000L
#define GET_MS 10000L
#define TICK_MS 100
#define JSON "application/json"
/* Of an answer that is not 2xx: the message is at its beginning. */
#define ERROR_BODY_MAX ((size_t)64 << 10)

struct client_http {
	char * url;
	struct buf base; /* what a path is put behind */
	char * socket;   /* or NULL */
	struct buf auth; /* the Authorization line, or empty */
	CURL * easy;
	CURLM * multi;
	char errbuf[CURL_ERROR_SIZE];
	/* Of the call that runs. */
	const struct client_http_sink * sink;
	struct buf refusal;
	struct err * e;
	int sink_failed;
	int answered; /* a status line came */
};

static int
url_error(struct err * e, const char * url, const char * why)
{
	return (err_set(e, ERR_CONFIG, "url", "bad URL \"%s\": %s (expected "
	    "http://HOST:PORT, https://HOST:PORT or unix:///PATH)", url, why));
}

/* Check an http or https URL and take its part in front of the API's paths. */
static int
url_http(struct client_http * c, struct err * e)
{
	char * scheme = NULL, * host = NULL, * user = NULL, * query = NULL;
	CURLU * u = curl_url();
	int rc = 0;

	if (u == NULL)
		return (err_nomem(e, "the URL"));
	if (strstr(c->url, "://") == NULL ||
	    curl_url_set(u, CURLUPART_URL, c->url, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK)
		rc = url_error(e, c->url, "it cannot be read");
	else if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
		rc = url_error(e, c->url, "its scheme is not known");
	else if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK)
		/* Not echoed: it may hold a password. */
		rc = err_set(e, ERR_CONFIG, "url", "a URL with a user is not "
		    "supported: give a token in MOLTLER_TOKEN or --token-file");
	else if (curl_url_get(u, CURLUPART_QUERY, &query, 0) == CURLUE_OK ||
	    strchr(c->url, '#') != NULL)
		rc = url_error(e, c->url, "it has a query or a fragment");
	curl_free(scheme);
	curl_free(host);
	curl_free(user);
	curl_free(query);
	curl_url_cleanup(u);
	if (rc == 0) {
		buf_adds(&c->base, c->url);
		while (c->base.len > 0 && c->base.p[c->base.len - 1] == '/')
			c->base.p[--c->base.len] = '\0';
	}
	return (rc);
}

static int
url_set(struct client_http * c, const char * url, struct err * e)
{
	if ((c->url = strdup(url)) == NULL)
		return (err_nomem(e, "the URL"));
	if (strncmp(url, "unix://", 7) != 0)
		return (url_http(c, e));
	if (url[7] != '/')
		return (url_error(e, url, "the socket's path must begin with /"));
	c->socket = c->url + 7;
	buf_adds(&c->base, "http://localhost");
	return (0);
}

static int
token_set(struct client_http * c, const char * token, struct err * e)
{
	const char * p;

	if (token == NULL || *token == '\0')
		return (0);
	for (p = token; *p != '\0'; p++)
		if ((unsigned char)*p <= 0x20 || (unsigned char)*p >= 0x7f)
			return (err_set(e, ERR_CONFIG, "token",
			    "the token holds a blank or a character that "
			    "cannot be in one"));
	buf_adds(&c->auth, "Authorization: Bearer ");
	buf_adds(&c->auth, token);
	return (c->auth.failed ? err_nomem(e, "the token") : 0);
}

struct client_http *
client_http_new(const char * url, const char * token, struct err * e)
{
	struct client_http * c;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		err_nomem(e, "libcurl");
		return (NULL);
	}
	if ((c = calloc(1, sizeof(*c))) == NULL) {
		err_nomem(e, "the client");
		return (NULL);
	}
	c->refusal.max = ERROR_BODY_MAX;
	if (url_set(c, url, e) || token_set(c, token, e)) {
		client_http_free(c);
		return (NULL);
	}
	c->easy = curl_easy_init();
	c->multi = curl_multi_init();
	if (c->easy == NULL || c->multi == NULL || c->base.failed) {
		err_nomem(e, "libcurl");
		client_http_free(c);
		return (NULL);
	}
	return (c);
}

static size_t
on_body(char * p, size_t one, size_t n, void * arg)
{
	struct client_http * c = arg;
	long status = 0;

	(void)one;
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || status > 299) {
		if (n > ERROR_BODY_MAX - c->refusal.len)
			buf_add(&c->refusal, p, ERROR_BODY_MAX - c->refusal.len);
		else
			buf_add(&c->refusal, p, n);
		return (n);
	}
	if (c->sink->data != NULL && c->sink->data(c->sink->arg, p, n, c->e)) {
		c->sink_failed = 1;
		return (n > 0 ? 0 : 1);
	}
	return (n);
}

static size_t
on_header(char * p, size_t one, size_t n, void * arg)
{
	struct client_http * c = arg;

	(void)one;
	(void)p;
	c->answered = 1;
	return (n);
}

/* The options of every call; the handle is reset first. */
static void
prepare(struct client_http * c, const char * url, struct curl_slist * headers)
{
	const char * ca = getenv("SSL_CERT_FILE");
	CURL * h = c->easy;

	curl_easy_reset(h);
	c->errbuf[0] = '\0';
	curl_easy_setopt(h, CURLOPT_URL, url);
	curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(h, CURLOPT_ERRORBUFFER, c->errbuf);
	curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(h, CURLOPT_WRITEDATA, c);
	curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(h, CURLOPT_HEADERDATA, c);
	curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(h, CURLOPT_PROXY, "");
	curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* Without it the end waits for a name that is still being looked up. */
	curl_easy_setopt(h, CURLOPT_QUICK_EXIT, 1L);
#endif
	curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(h, CURLOPT_TCP_KEEPIDLE, 30L);
	curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(h, CURLOPT_USERAGENT, "moltler/" PACKAGE_VERSION);
	if (c->socket != NULL)
		curl_easy_setopt(h, CURLOPT_UNIX_SOCKET_PATH, c->socket);
	if (ca != NULL && *ca != '\0')
		curl_easy_setopt(h, CURLOPT_CAINFO, ca);
}

/* Turn the wheel until the transfer is done: 0 with its result, or -1 with
 * c->e when we end it. */
static int
turn(struct client_http * c, CURLcode * res)
{
	struct curl_waitfd stop = { .events = CURL_WAIT_POLLIN };
	int64_t now, ticked = clock_mono_us();
	int running = 1, left;
	CURLMsg * m;

	stop.fd = interrupt_fd();
	for (;;) {
		if (curl_multi_perform(c->multi, &running) != CURLM_OK)
			return (err_nomem(c->e, "the transfer"));
		if (interrupt_seen())
			return (err_set(c->e, ERR_CANCELLED,
			    CLIENT_HTTP_INTERRUPTED, "interrupted"));
		if (!running)
			break;
		now = clock_mono_us();
		if (now - ticked >= TICK_MS * 1000) {
			ticked = now;
			if (c->sink->tick != NULL &&
			    c->sink->tick(c->sink->arg, c->e))
				return (-1);
		}
		if (curl_multi_poll(c->multi, &stop, stop.fd >= 0, TICK_MS,
		    NULL) != CURLM_OK)
			return (err_nomem(c->e, "the transfer"));
	}
	while ((m = curl_multi_info_read(c->multi, &left)) != NULL)
		if (m->msg == CURLMSG_DONE)
			*res = m->data.result;
	return (0);
}

static int
transfer_error(struct client_http * c, CURLcode res)
{
	const char * why = c->errbuf[0] ? c->errbuf : curl_easy_strerror(res);
	long os = 0;

	if (c->answered)
		return (err_set(c->e, ERR_TRANSIENT, CLIENT_HTTP_CUT,
		    "the answer of moltlerd at %s broke off: %s", c->url, why));
	curl_easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &os);
	if (res == CURLE_COULDNT_CONNECT && os != 0)
		why = strerror((int)os);
	else if (res == CURLE_OPERATION_TIMEDOUT)
		why = strerror(ETIMEDOUT);
	return (err_set(c->e, ERR_TRANSIENT, CLIENT_HTTP_UNREACHABLE,
	    "cannot reach moltlerd at %s: %s. Is it running? Start it with "
	    "\"moltlerd\" or give --url", c->url, why));
}

/* An answer that is not 2xx. */
static int
refused(struct client_http * c, long status)
{
	json_t * o = NULL;
	const json_t * v;
	const char * msg, * id;
	char code[32];

	snprintf(code, sizeof(code), "http_%ld", status);
	if (status == 401)
		return (err_set(c->e, ERR_CONFIG, code, "moltlerd at %s wants "
		    "a token, or another one: set MOLTLER_TOKEN or give "
		    "--token-file", c->url));
	if (c->refusal.len > 0)
		o = json_parse(c->refusal.p, c->refusal.len, "", NULL);
	v = json_object_get(o, "error");
	if ((msg = json_str(v, "message")) == NULL) {
		err_set(c->e, ERR_PERMANENT, code, "%s answers with status %ld "
		    "and not as moltlerd does: is it another server?", c->url,
		    status);
	} else {
		id = json_str(v, "request_id");
		err_set(c->e, status >= 500 || status == 429 ? ERR_TRANSIENT :
		    ERR_PERMANENT, code, "%s%s%s%s", msg,
		    status >= 500 && id != NULL ? " (request " : "",
		    status >= 500 && id != NULL ? id : "",
		    status >= 500 && id != NULL ? ")" : "");
	}
	json_decref(o);
	return (-1);
}

static int
run(struct client_http * c, const struct client_http_sink * sink,
    struct err * e)
{
	CURLcode res = CURLE_FAILED_INIT;
	long status = 0;
	int rc;

	c->sink = sink;
	c->e = e;
	c->sink_failed = c->answered = 0;
	buf_clear(&c->refusal);
	if (curl_multi_add_handle(c->multi, c->easy) != CURLM_OK)
		return (err_nomem(e, "the transfer"));
	rc = turn(c, &res);
	curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (rc == 0 && !c->sink_failed) {
		/* The status says more than how the rest of a refusal ended. */
		if (c->answered && status != 0 && (status < 200 || status > 299))
			rc = refused(c, status);
		else if (res != CURLE_OK)
			rc = transfer_error(c, res);
	}
	/* A transfer that is not done is closed here, not kept. */
	curl_multi_remove_handle(c->multi, c->easy);
	return (rc || c->sink_failed ? -1 : 0);
}

int
client_http_call(struct client_http * c, const struct client_http_req * r,
    const struct client_http_sink * sink, struct err * e)
{
	struct curl_slist * headers = NULL, * more;
	struct buf url = BUF_INIT(0), line = BUF_INIT(0), type = BUF_INIT(0);
	struct buf user = BUF_INIT(0);
	struct passwd * pw = NULL;
	char login[64];
	const char * lines[5];
	size_t i, n = 0;
	int rc = -1;

	buf_adds(&url, c->base.p);
	buf_adds(&url, r->path);
	buf_addf(&line, "Accept: %s", r->accept);
	/* For those who look later at what was done. */
	if (getlogin_r(login, sizeof(login)) == 0)
		buf_addf(&user, "X-Moltler-User: %s", login);
	else if ((pw = getpwuid(getuid())) != NULL)
		buf_addf(&user, "X-Moltler-User: %s", pw->pw_name);
	buf_addf(&type, "Content-Type: %s", r->type != NULL ? r->type : JSON);
	if (url.failed || line.failed || type.failed) {
		err_nomem(e, "the request");
		goto out;
	}
	lines[n++] = line.p;
	if (user.len > 0 && !user.failed)
		lines[n++] = user.p;
	if (c->auth.len > 0)
		lines[n++] = c->auth.p;
	if (r->body != NULL) {
		lines[n++] = type.p;
		/* No waiting for "100 Continue" before a large statement. */
		lines[n++] = "Expect:";
	}
	for (i = 0; i < n; i++) {
		if ((more = curl_slist_append(headers, lines[i])) == NULL) {
			err_nomem(e, "the request");
			goto out;
		}
		headers = more;
	}
	prepare(c, url.p, headers);
	if (r->method != NULL)
		curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, r->method);
	if (r->timeout_ms > 0)
		curl_easy_setopt(c->easy, CURLOPT_TIMEOUT_MS, r->timeout_ms);
	if (r->body != NULL) {
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, r->body);
		curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE,
		    (curl_off_t)r->len);
		curl_easy_setopt(c->easy, CURLOPT_FRESH_CONNECT, 1L);
	}
	rc = run(c, sink, e);
out:
	curl_slist_free_all(headers);
	buf_free(&user);
	buf_free(&url);
	buf_free(&line);
	buf_free(&type);
	return (rc);
}

int
client_http_post(struct client_http * c, const char * path,
    const char * accept, const char * body, size_t len,
    const struct client_http_sink * sink, struct err * e)
{
	const struct client_http_req r = { .path = path, .accept = accept,
	    .body = body, .len = len };

	return (client_http_call(c, &r, sink, e));
}

int
client_http_keep(void * arg, const char * p, size_t n, struct err * e)
{
	struct buf * out = arg;

	if (buf_add(out, p, n))
		return (err_set(e, ERR_PERMANENT, "too_large",
		    "the daemon's answer is too large"));
	return (0);
}

int
client_http_get(struct client_http * c, const char * path,
    struct buf * out, struct err * e)
{
	return (client_http_send(c, NULL, path, NULL, 0, out, e));
}

int
client_http_send(struct client_http * c, const char * method,
    const char * path, const char * body, size_t len, struct buf * out,
    struct err * e)
{
	const struct client_http_sink sink = { client_http_keep, NULL, out };
	const struct client_http_req r = { .method = method, .path = path,
	    .accept = JSON, .body = body, .len = len, .timeout_ms = GET_MS };

	buf_clear(out);
	return (client_http_call(c, &r, &sink, e));
}

const char *
client_http_url(const struct client_http * c)
{
	return (c->url);
}

int
client_http_exit_code(const struct err * e)
{
	if (strcmp(e->code, CLIENT_HTTP_INTERRUPTED) == 0)
		return (EXIT_CODE_INTERRUPTED);
	if (strcmp(e->code, CLIENT_HTTP_UNREACHABLE) == 0)
		return (EXIT_CODE_UNREACHABLE);
	return (EXIT_CODE_FAILED);
}

void
client_http_free(struct client_http * c)
{
	if (c == NULL)
		return;
	if (c->easy != NULL)
		curl_easy_cleanup(c->easy);
	if (c->multi != NULL)
		curl_multi_cleanup(c->multi);
	buf_free(&c->base);
	buf_wipe(&c->auth);
	buf_free(&c->refusal);
	free(c->url);
	free(c);
}
