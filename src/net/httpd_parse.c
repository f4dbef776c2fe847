#include "base/hex.h"
#include "net/httpd_internal.h"

#include <ctype.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What RFC 9110 section 5.6.2 calls a token, as header names must be. */
static int
is_token(const char * s)
{
	if (*s == '\0')
		return (0);
	for (; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) &&
		    strchr("!#$%&'*+-.^_`|~", *s) == NULL)
			return (0);
	return (1);
}

static int
is_digits(const char * s)
{
	return (*s != '\0' && s[strspn(s, "0123456789")] == '\0');
}

/* Decode ${n} bytes into ${out}, which has room; its end, or NULL if an
 * escape is torn or stands for a NUL. */
static char *
decode(char * out, const char * s, size_t n, int plus)
{
	size_t i;
	int hi, lo;

	for (i = 0; i < n; i++) {
		if (s[i] != '%') {
			*out++ = plus && s[i] == '+' ? ' ' : s[i];
			continue;
		}
		if (n - i < 3 || (hi = hex_digit(s[i + 1])) < 0 ||
		    (lo = hex_digit(s[i + 2])) < 0 || (hi | lo) == 0)
			return (NULL);
		*out++ = (char)(hi * 16 + lo);
		i += 2;
	}
	*out++ = '\0';
	return (out);
}

static int
decode_args(struct httpd_req * q, const char * s, size_t n)
{
	const char * end = s + n;
	char * out;

	/* A pair without "=" grows by one byte. */
	if ((q->args = out = malloc(2 * n + 3)) == NULL)
		return (-1);
	while (s < end) {
		size_t pair = 0, key = 0;

		while (s + pair < end && s[pair] != '&')
			pair++;
		while (key < pair && s[key] != '=')
			key++;
		if (pair > 0) {
			if ((out = decode(out, s, key, 1)) == NULL)
				return (-1);
			if (key < pair)
				key++;
			if ((out = decode(out, s + key, pair - key, 1)) == NULL)
				return (-1);
		}
		s += pair + (s + pair < end);
	}
	q->args_len = (size_t)(out - q->args);
	return (0);
}

/* An absolute target: its authority replaces the Host header (RFC 9112
 * section 3.2.2).  Return where its path begins, or NULL. */
static const char *
absolute(struct httpd_req * q, const char * uri)
{
	struct evkeyvalq * in = evhttp_request_get_input_headers(q->req);
	char host[256 + 8];
	size_t n;

	if (strncasecmp(uri, "http://", 7) == 0)
		uri += 7;
	else if (strncasecmp(uri, "https://", 8) == 0)
		uri += 8;
	else
		return (NULL);
	n = strcspn(uri, "/?#");
	if (n == 0 || n >= sizeof(host) || memchr(uri, '@', n) != NULL)
		return (NULL);
	memcpy(host, uri, n);
	host[n] = '\0';
	evhttp_remove_header(in, "Host");
	if (evhttp_add_header(in, "Host", host))
		return (NULL);
	/* evhttp takes us for a proxy now and would close without a word. */
	q->req->flags &= ~EVHTTP_PROXY_REQUEST;
	return (uri + n);
}

int
httpd_parse_target(struct httpd_req * q)
{
	const char * s = evhttp_request_get_uri(q->req), * c;
	size_t n;

	for (c = s; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return (-1);
	if (strcmp(s, "*") == 0 &&
	    evhttp_request_get_command(q->req) == EVHTTP_REQ_OPTIONS)
		return ((q->path = strdup("*")) == NULL ? -1 : 0);
	if (*s != '/' && (s = absolute(q, s)) == NULL)
		return (-1);
	n = strcspn(s, "?#");
	if ((q->path = malloc(n + 2)) == NULL)
		return (-1);
	if (n == 0)
		memcpy(q->path, "/", 2);
	else if (decode(q->path, s, n, 0) == NULL)
		return (-1);
	s += n;
	if (*s != '?')
		return (0);
	s++;
	return (decode_args(q, s, strcspn(s, "#")));
}

const char *
httpd_parse_headers(struct httpd_req * q, int * has_body)
{
	unsigned host = 0, length = 0, coding = 0;
	struct evkeyval * h;
	const char * p;

	TAILQ_FOREACH(h, evhttp_request_get_input_headers(q->req), next) {
		if (!is_token(h->key))
			return ("a header has no proper name");
		for (p = h->value; *p != '\0'; p++)
			if (((unsigned char)*p < ' ' && *p != '\t') ||
			    *p == 0x7f)
				return ("a header has control characters");
		if (strcasecmp(h->key, "Host") == 0) {
			host++;
		} else if (strcasecmp(h->key, "Content-Length") == 0) {
			length++;
			if (!is_digits(h->value))
				return ("Content-Length is not a number");
			if (h->value[strspn(h->value, "0")] != '\0')
				*has_body = 1;
		} else if (strcasecmp(h->key, "Transfer-Encoding") == 0) {
			coding++;
			*has_body = 1;
			if (strcasecmp(h->value, "chunked") != 0 ||
			    q->req->minor < 1)
				return ("Transfer-Encoding takes nothing but "
				    "chunked, in HTTP/1.1");
		}
	}
	if (host > 1 || (host == 0 && q->req->minor >= 1))
		return ("one Host header is needed");
	if (length + coding > 1)
		return ("Content-Length and Transfer-Encoding: only one of "
		    "them, once");
	return (NULL);
}
