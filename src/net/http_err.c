#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "net/http_internal.h"

#define LINE_MAX_SHOWN 160
/* Nobody is sent away for longer: what is beyond was meant otherwise. */
#define RETRY_MAX_MS ((int64_t)7 * 86400 * 1000)
#define YEAR_9999 INT64_C(253402300799)

/* Where a transfer that hangs is hanging. */
static const char *
stage(const struct http_call * c, char * buf, size_t n)
{
	curl_off_t named = 0, connected = 0, ready = 0;
	CURL * k;

	if (c->ez == NULL)
		return ("waiting");
	k = c->ez->curl;
	curl_easy_getinfo(k, CURLINFO_NAMELOOKUP_TIME_T, &named);
	curl_easy_getinfo(k, CURLINFO_CONNECT_TIME_T, &connected);
	curl_easy_getinfo(k, CURLINFO_PRETRANSFER_TIME_T, &ready);
	if (c->status != 0)
		snprintf(buf, n, "reading the answer, %zu bytes in", c->bytes);
	else if (ready != 0)
		snprintf(buf, n, "waiting for the answer");
	else if (connected != 0)
		snprintf(buf, n, "in the TLS handshake");
	else if (named != 0 || c->opened)
		snprintf(buf, n, "connecting");
	else
		snprintf(buf, n, "looking the name up");
	return (buf);
}

/* What never got there may be sent again whatever it does: no byte of a request
 * leaves before the connection is ready for it. */
static const char *
late_code(const struct http_call * c)
{
	curl_off_t ready = 0;

	if (c->ez != NULL)
		curl_easy_getinfo(c->ez->curl, CURLINFO_PRETRANSFER_TIME_T,
		    &ready);
	return (c->status != 0 || ready != 0 ? "timeout" : "connect_timeout");
}

static const char *
shown(const struct http_call * c, char * buf, size_t n)
{
	char safe[200];

	snprintf(buf, n, "%s %s", c->req.method,
	    http_url_safe(safe, sizeof(safe), c->req.url));
	return (buf);
}

/* Whether it was surely not sent: curl counts from when it has begun to. */
static int
is_unsent(const struct http_call * c)
{
	curl_off_t ready = 0;

	return (c->status == 0 && (c->ez == NULL ||
	    (curl_easy_getinfo(c->ez->curl, CURLINFO_PRETRANSFER_TIME_T,
	    &ready) == CURLE_OK && ready == 0)));
}

void
http_err_deadline(struct http_call * c)
{
	char what[232], where[64];

	c->failed = 1;
	shown(c, what, sizeof(what));
	if (c->state == CALL_QUEUED)
		err_set(&c->err, ERR_TRANSIENT, late_code(c), "%s: not started "
		    "within %lld ms, other calls to %s run or wait; raise its "
		    "limits or ask it less often", what,
		    (long long)c->req.queue_timeout_ms, c->host->name);
	else
		err_set(&c->err, ERR_TRANSIENT, late_code(c), "%s: not done "
		    "within %lld ms (%s); raise the timeout or look at the server",
		    what, (long long)c->req.timeout_ms,
		    stage(c, where, sizeof(where)));
	c->err.unsent = is_unsent(c);
}

static int
err_tls(struct http_call * c, const char * what, const char * why)
{
	/* A peer that hangs up in the handshake may think better of it. */
	if (strstr(why, "SSL_ERROR_SYSCALL") != NULL ||
	    strstr(why, "Connection reset") != NULL)
		return (err_set(&c->err, ERR_TRANSIENT, "connect",
		    "%s: the TLS handshake broke off (%s); try again", what,
		    why));
	if (strstr(why, "wrong version number") != NULL)
		return (err_set(&c->err, ERR_PERMANENT, "tls", "%s: the server "
		    "does not speak TLS there (%s); is it http://, or another "
		    "port?", what, why));
	return (err_set(&c->err, ERR_PERMANENT, "tls", "%s: %s; name the "
	    "authority that signed the server's certificate (ca_file), or mend "
	    "that certificate", what, why));
}

static int
err_own_cert(struct http_call * c, const char * what, const char * why)
{
	return (err_set(&c->err, ERR_CONFIG, "client_cert", "%s: %s; look at "
	    "the file client_cert, and whether client_key is its key, without "
	    "a passphrase", what, why));
}

static int
err_connect(struct http_call * c, const char * what, const char * why)
{
	if (c->denied && !c->opened)
		return (err_set(&c->err, ERR_CONFIG, "egress", "%s: the egress "
		    "policy forbids the addresses of %s; allow them or use "
		    "another host", what, c->host->name));
	if (c->no_fds)
		return (err_set(&c->err, ERR_TRANSIENT, "connect",
		    "%s: no file descriptor left; raise the limit of open "
		    "files", what));
	if (c->req.unix_socket != NULL)
		return (err_set(&c->err, ERR_TRANSIENT, "connect", "%s: cannot "
		    "connect to the socket %s; is the server up and the path "
		    "right?", what, c->req.unix_socket));
	return (err_set(&c->err, ERR_TRANSIENT, "connect", "%s: %s; is the "
	    "server up and the port right?", what, why));
}

static int
err_abort(struct http_call * c, const char * what)
{
	switch (c->abort) {
	case ABORT_BY_USER:
		return (err_set(&c->err, ERR_CANCELLED, "aborted",
		    "%s: ended by its reader after %zu bytes", what, c->bytes));
	case ABORT_BODY:
		return (err_set(&c->err, ERR_PERMANENT, "too_big", "%s: the "
		    "answer has more than %zu bytes, the limit; ask for less",
		    what, c->req.max_body));
	case ABORT_HEADERS:
		return (err_set(&c->err, ERR_PERMANENT, "too_big", "%s: the "
		    "answer's headers have more than %zu bytes; look at the "
		    "server", what, HTTP_HDRS_MAX));
	case ABORT_NOMEM:
	case ABORT_NONE:
		break;
	}
	err_nomem(&c->err, "an HTTP answer");
	return (err_prefix(&c->err, "%s", what));
}

static void
err_curl(struct http_call * c, CURLcode rc)
{
	const char * why = c->ez->errbuf;
	char what[232], where[64];

	shown(c, what, sizeof(what));
	if (why[0] == '\0')
		why = curl_easy_strerror(rc);
	if (c->abort != ABORT_NONE) {
		err_abort(c, what);
		return;
	}
	switch ((int)rc) {
	case CURLE_OPERATION_TIMEDOUT:
		err_set(&c->err, ERR_TRANSIENT, late_code(c), "%s: not connected "
		    "within %lld ms (%s); is the server up and reachable?",
		    what, (long long)c->req.connect_timeout_ms,
		    stage(c, where, sizeof(where)));
		return;
	case CURLE_COULDNT_CONNECT:
		err_connect(c, what, why);
		return;
	case CURLE_COULDNT_RESOLVE_HOST:
		err_set(&c->err, ERR_TRANSIENT, "resolve", "%s: %s; check the "
		    "name and the name server", what, why);
		return;
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		if (strstr(why, "chunked-encoding") != NULL)
			break;
		/* TLS 1.3 tells it behind the handshake. */
		if (strstr(why, "certificate required") != NULL) {
			err_own_cert(c, what, why);
			return;
		}
		/* FALLTHROUGH */
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2_STREAM:
	case CURLE_SEND_FAIL_REWIND:
		err_set(&c->err, ERR_TRANSIENT, "recv", "%s: the connection "
		    "broke off (%s); try again", what, why);
		return;
	case CURLE_SSL_CERTPROBLEM:
		if (c->req.client_cert != NULL) {
			err_own_cert(c, what, why);
			return;
		}
		/* FALLTHROUGH */
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_SSL_ENGINE_NOTFOUND:
	case CURLE_SSL_ENGINE_SETFAILED:
	case CURLE_USE_SSL_FAILED:
		err_tls(c, what, why);
		return;
	case CURLE_URL_MALFORMAT:
		err_set(&c->err, ERR_PERMANENT, "bad_url", "%s: %s; mend the "
		    "URL", what, why);
		return;
	case CURLE_OUT_OF_MEMORY:
		err_abort(c, what);
		return;
	default:
		break;
	}
	/* What is left is an answer that is no HTTP. */
	err_set(&c->err, ERR_PERMANENT, "protocol", "%s: the answer is not "
	    "valid HTTP (%s); does an HTTP server listen there?", what, why);
}

void
http_err_curl(struct http_call * c, CURLcode rc)
{
	c->failed = 1;
	err_curl(c, rc);
	c->err.unsent = is_unsent(c);
}

/* -1: it is none, or of no year that has four digits. */
static int64_t
date_ms(const char * v)
{
	time_t t = curl_getdate(v, NULL);

	return (t < 0 || t > YEAR_9999 ? -1 : (int64_t)t * 1000);
}

int64_t
http_res_date(const struct http_res * res)
{
	const char * v = http_res_header(res, "Date");

	return (v == NULL ? -1 : date_ms(v));
}

int64_t
http_res_retry_after(const struct http_res * res)
{
	const char * v = http_res_header(res, "Retry-After");
	int64_t ms, date;
	char * end;

	if (v == NULL)
		return (-1);
	if (isdigit((unsigned char)v[0])) {
		if ((ms = strtoll(v, &end, 10)) > RETRY_MAX_MS / 1000)
			return (-1);
		/* A part of a second is one. */
		if (*end == '.' && isdigit((unsigned char)end[1])) {
			end++;
			ms += strspn(end, "0") < strspn(end, "0123456789");
			end += strspn(end, "0123456789");
		}
		return (*end != '\0' ? -1 : ms * 1000);
	}
	if ((ms = date_ms(v)) < 0)
		return (-1);
	/* It is by their clock. */
	date = http_res_date(res);
	ms -= date > 0 ? date : clock_wall_ms();
	return (ms > RETRY_MAX_MS ? -1 : ms < 0 ? 0 : ms);
}

/* The first line of a body meant for people, or "". */
static const char *
first_line(const struct http_res * res, char * buf, size_t n)
{
	const char * p = res->body;
	size_t len, i;

	buf[0] = '\0';
	if (p == NULL)
		return (buf);
	while (isspace((unsigned char)*p))
		p++;
	len = strcspn(p, "\r\n");
	/* A page of HTML begins with nothing worth reading. */
	if (len == 0 || *p == '<')
		return (buf);
	if (len > LINE_MAX_SHOWN)
		for (len = LINE_MAX_SHOWN; len > 0 &&
		    ((unsigned char)p[len] & 0xc0) == 0x80; len--)
			continue;
	for (i = 0; i < len; i++)
		if ((unsigned char)p[i] < 0x20 && p[i] != '\t')
			return (buf);
	if (utf8_check(p, len) != len)
		return (buf);
	snprintf(buf, n, ": %.*s", (int)len, p);
	return (buf);
}

int
err_from_http(struct err * e, const struct http_res * res, const char * what)
{
	enum err_class cls = ERR_PERMANENT;
	char code[32], line[LINE_MAX_SHOWN + 8];
	const char * hint = "";

	if (res->status == 429 || res->status == 408 || res->status >= 500)
		cls = ERR_TRANSIENT;
	else if (res->status == 401 || res->status == 403) {
		cls = ERR_CONFIG;
		hint = "; check the credentials and what they may do";
	} else if (res->status >= 300 && res->status < 400)
		hint = "; redirects are not followed: use the final URL";
	snprintf(code, sizeof(code), "http_%d", res->status);
	err_set(e, cls, code, "%s: the server answered %d%s%s", what,
	    res->status, first_line(res, line, sizeof(line)), hint);
	if (e != NULL)
		e->retry_after_ms = http_res_retry_after(res);
	return (-1);
}
