#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/quote.h"
#include "conn/request_build.h"

static void
add_pair(struct buf * out, const char * name, const json_t * v)
{
	quote_percent(out, name, strlen(name), "");
	buf_addc(out, '=');
	quote_percent(out, json_string_value(v), json_string_length(v), ",:");
}

static void
add_param(struct buf * out, const char * name, const json_t * v)
{
	char last = out->len > 0 ? out->p[out->len - 1] : '\0';

	if (last != '?' && last != '&')
		buf_addc(out, out->p != NULL && strchr(out->p, '?') != NULL ?
		    '&' : '?');
	add_pair(out, name, v);
}

static void
add_field(struct buf * out, const char * name, const json_t * v)
{
	if (out->len > 0)
		buf_addc(out, '&');
	add_pair(out, name, v);
}

/* Each text, and each of a list, by ${add}. */
static void
add_all(struct buf * out, const json_t * pairs,
    void (*add)(struct buf *, const char *, const json_t *))
{
	json_t * v, * one, * q = (json_t *)(uintptr_t)pairs;
	const char * name;
	size_t i;

	json_object_foreach(q, name, v) {
		if (json_is_string(v))
			add(out, name, v);
		json_array_foreach(v, i, one)
			if (json_is_string(one))
				add(out, name, one);
	}
}

void
request_url_form(struct buf * out, const json_t * fields)
{
	add_all(out, fields, add_field);
}

void
request_url_query(struct buf * out, const json_t * query)
{
	char * hash = out->p ? strchr(out->p, '#') : NULL;

	if (hash != NULL && json_object_size(query) > 0) {
		*hash = '\0';
		out->len = (size_t)(hash - out->p);
	}
	add_all(out, query, add_param);
}

/* Whether the ${n} bytes at ${s} name what is not known yet. */
static int
is_name(const char * s, size_t n, const json_t * in)
{
	char name[130], self[134];
	const char * v;

	if (n == 0 || n >= sizeof(name))
		return (0);
	memcpy(name, s, n);
	name[n] = '\0';
	snprintf(self, sizeof(self), "{%s}", name);
	v = json_string_value(json_object_get(in, name));
	return (strcmp(name, "lookup") == 0 || strncmp(name, "action.", 7) == 0 ||
	    (v != NULL && strcmp(v, self) == 0));
}

void
request_url_names(char * url, const json_t * in)
{
	char * p = url, * end;

	while ((p = strstr(p, "%7B")) != NULL) {
		end = strstr(p + 3, "%7D");
		if (end == NULL || !is_name(p + 3, (size_t)(end - p) - 3, in)) {
			p += 3;
			continue;
		}
		*p = '{';
		memmove(p + 1, p + 3, (size_t)(end - p) - 3);
		p += 1 + (end - p) - 3;
		*p++ = '}';
		memmove(p, end + 3, strlen(end + 3) + 1);
	}
}

struct origin {
	int tls;
	const char * host;  /* with its port, ... */
	size_t nhost;       /* ... without it */
	long port;
	const char * path;  /* what follows the authority */
};

static int
origin_of(const char * url, struct origin * o)
{
	size_t n, colon;

	if (strncasecmp(url, "http://", 7) == 0)
		o->tls = 0;
	else if (strncasecmp(url, "https://", 8) == 0)
		o->tls = 1;
	else
		return (-1);
	o->host = url + 7 + o->tls;
	n = strcspn(o->host, "/?#\\");
	o->path = o->host + n;
	if (n == 0 || memchr(o->host, '@', n) != NULL || *o->path == '\\')
		return (-1);
	o->port = o->tls ? 443 : 80;
	for (colon = n; colon > 0 && o->host[colon - 1] != ':' &&
	    o->host[colon - 1] != ']'; colon--)
		;
	o->nhost = n;
	if (colon > 0 && o->host[colon - 1] == ':') {
		o->nhost = colon - 1;
		if (n - colon > 5 || strspn(o->host + colon, "0123456789") <
		    n - colon)
			return (-1);
		if (n > colon)
			o->port = strtol(o->host + colon, NULL, 10);
	}
	return (0);
}

/* Without what a service may have left as it was. */
static void
add_clean(struct buf * out, const char * s)
{
	size_t n;

	for (; *s != '\0' && *s != '#'; s += n) {
		/* All that may stand in a URL, '%' included. */
		n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv"
		    "wxyz0123456789-._~:/?[]@!$&'()*+,;=%");
		buf_add(out, s, n);
		if (n == 0) {
			quote_percent(out, s, 1, "");
			n = 1;
		}
	}
}

int
request_url_resolve(const char * own, const char * next, struct buf * out,
    struct err * e)
{
	struct origin a, b;
	size_t keep, scheme = strspn(next, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghij"
	    "klmnopqrstuvwxyz0123456789+-.");

	if (origin_of(own, &a))
		return (err_set(e, ERR_PERMANENT, "page_host",
		    "the URL of the first page is none that has a next one"));
	keep = (size_t)(a.path - own);
	if (next[0] == '/' && next[1] == '/')
		keep = (size_t)(7 + a.tls - 2);
	else if (next[0] == '?')
		keep += strcspn(a.path, "?#");
	else if (next[scheme] == ':' && scheme > 0)
		keep = 0;
	else if (next[0] != '/')
		for (keep += strcspn(a.path, "?#"); keep >
		    (size_t)(a.path - own) && own[keep - 1] != '/'; keep--)
			;
	buf_add(out, own, keep);
	if (keep == (size_t)(a.path - own) && next[0] != '/' &&
	    next[0] != '?' && next[0] != '\0')
		buf_addc(out, '/');
	add_clean(out, next);
	if (out->failed || out->len > REQUEST_MAX_URL)
		return (err_set(e, ERR_PERMANENT, "too_big", "the next page's "
		    "URL is longer than %d bytes", REQUEST_MAX_URL));
	if (origin_of(out->p, &b) || a.tls != b.tls || a.port != b.port ||
	    a.nhost != b.nhost || strncasecmp(a.host, b.host, a.nhost) != 0)
		return (err_set(e, ERR_PERMANENT, "page_host", "the next page "
		    "is said to be at %.*s, but credentials go to %.*s only; if "
		    "that is the same service, the connector's URL has to say so",
		    (int)strcspn(out->p, "?#"), out->p,
		    (int)(a.path - own), own));
	return (0);
}
