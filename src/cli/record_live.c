#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "cli/interrupt.h"
#include "cli/record_peer.h"
#include "secret/secret_scrub.h"

#define BYTES_MAX ((size_t)64 << 20)

int
record_live_open(struct record_live * l, struct err * e)
{
	struct http_opts o;

	memset(&o, 0, sizeof(o));
	if ((l->responses = json_array()) == NULL)
		return (err_nomem(e, "answers"));
	if ((l->loop = loop_new(e)) == NULL ||
	    (l->http = http_new(l->loop, &o, e)) == NULL)
		return (-1);
	return (0);
}

static void
forget(struct record_live * l)
{
	size_t i;

	for (i = 0; i < l->nheaders; i++)
		free(l->headers[i]);
	free(l->headers);
	l->headers = NULL;
	l->nheaders = 0;
	l->done = l->failed = 0;
	buf_clear(&l->body);
}

void
record_live_close(struct record_live * l)
{
	forget(l);
	buf_free(&l->body);
	http_free(l->http);
	loop_free(l->loop);
	json_decref(l->responses);
}

/* ---- what is kept of an answer ---- */

/* Whether the manifest speaks of a header of this name, anywhere. */
static int
is_named(const json_t * v, const char * name)
{
	const char * k;
	json_t * x;
	size_t i;

	if (json_is_string(v))
		return (strcasecmp(json_string_value(v), name) == 0);
	json_array_foreach((json_t *)(uintptr_t)v, i, x)
		if (is_named(x, name))
			return (1);
	json_object_foreach((json_t *)(uintptr_t)v, k, x)
		if (strcasecmp(k, name) == 0 || is_named(x, name))
			return (1);
	return (0);
}

static int
is_one(const char * name, const char * other)
{
	return (other != NULL && strcasecmp(name, other) == 0);
}

/* Most headers change from day to day and mean nothing to us. */
static int
is_kept(const struct record_live * l, const char * name)
{
	const struct manifest * m = l->run->m;

	if (is_one(name, "Content-Type") || is_one(name, "Set-Cookie"))
		return (0);
	if (is_one(name, "Link") || is_one(name, "Retry-After") ||
	    is_one(name, "Location"))
		return (1);
	if (l->status < 400 && (is_one(name, m->limits.limit) ||
	    is_one(name, m->limits.remaining) || is_one(name, m->limits.reset)))
		return (0);
	return (is_named(m->doc, name));
}

static void
keep_header(struct record_live * l, json_t * to, const char * line)
{
	const char * colon = strchr(line, ':'), * v;
	char name[256];
	json_t * old;

	if (colon == NULL || (size_t)(colon - line) >= sizeof(name))
		return;
	memcpy(name, line, (size_t)(colon - line));
	name[colon - line] = '\0';
	if (!is_kept(l, name))
		return;
	v = colon + 1 + strspn(colon + 1, " \t");
	old = json_object_get(to, name);
	if (json_object_set_new(to, name, old != NULL ? json_sprintf("%s, %s",
	    json_string_value(old), v) : json_string(v)))
		l->scrub->failed = 1;
}

static const char *
content_type(const struct record_live * l)
{
	size_t i;

	for (i = 0; i < l->nheaders; i++)
		if (strncasecmp(l->headers[i], "Content-Type:", 13) == 0)
			return (l->headers[i] + 13 +
			    strspn(l->headers[i] + 13, " \t"));
	return (NULL);
}

/* A JSON body as such, any other as text with its Content-Type; NULL: it is
 * no text. */
static json_t *
keep_body(struct record_live * l, json_t * hdrs)
{
	const char * type = content_type(l);
	json_t * v;

	if (l->body.len == 0)
		return (json_null());
	/* A number too large for an integer stays text, as the digits count. */
	v = json_loadb(l->body.p, l->body.len, JSON_DECODE_ANY |
	    JSON_REJECT_DUPLICATES, NULL);
	if (v != NULL && !json_is_string(v))
		return (v);
	json_decref(v);
	if (type != NULL)
		json_object_set_new(hdrs, "Content-Type", json_string(type));
	return (json_stringn(l->body.p, l->body.len));
}

static void
on_secret(void * arg, const char * p, size_t n)
{
	record_scrub_add(arg, p, n);
}

static int
keep(struct record_live * l, struct err * e)
{
	json_t * r = json_object(), * hdrs = json_object(), * body;
	size_t i;

	for (i = 0; i < l->nheaders; i++)
		keep_header(l, hdrs, l->headers[i]);
	if ((body = keep_body(l, hdrs)) == NULL) {
		json_decref(r);
		json_decref(hdrs);
		return (err_set(e, ERR_PERMANENT, "record", "an answer is no "
		    "text (its Content-Type is %s); a fixture cannot hold it",
		    content_type(l) != NULL ? content_type(l) : "not said"));
	}
	if (l->status != 200)
		json_object_set_new(r, "status", json_integer(l->status));
	if (json_object_size(hdrs) > 0)
		json_object_set(r, "headers", hdrs);
	if (!json_is_null(body))
		json_object_set(r, "body", body);
	json_decref(hdrs);
	json_decref(body);
	/* Tokens may have come since the last one. */
	secret_scrub_each(l->run->secrets, l->run->c->config, on_secret,
	    l->scrub);
	r = record_scrub_value(l->scrub, r);
	if (json_array_append_new(l->responses, r) || l->scrub->failed)
		return (err_nomem(e, "an answer"));
	return (0);
}

/* ---- asking ---- */

static void
on_header(void * arg, const char * line)
{
	struct record_live * l = arg;
	char ** more = realloc(l->headers, (l->nheaders + 2) * sizeof(*more));

	if (more == NULL || (more[l->nheaders] = strdup(line)) == NULL) {
		if (more != NULL)
			l->headers = more;
		l->failed = 1;
		err_nomem(&l->err, "headers");
		return;
	}
	l->headers = more;
	l->headers[++l->nheaders] = NULL;
}

static void
on_answer(void * arg, const struct http_res * res, const struct err * e)
{
	struct record_live * l = arg;

	l->done = 1;
	if (e != NULL) {
		l->failed = 1;
		l->err = *e;
		return;
	}
	l->status = res->status;
	l->body.max = BYTES_MAX;
	if (buf_add(&l->body, res->body, res->body_len)) {
		l->failed = 1;
		err_nomem(&l->err, "an answer");
	}
	http_hdrs_each(res, on_header, l);
}

static int
ask(struct record_live * l, const struct http_req * req, struct err * e)
{
	struct http_req q = *req;
	struct http_call * call;

	q.on_data = NULL;
	q.on_head = NULL;
	if ((call = http_start(l->http, &q, on_answer, l)) == NULL)
		return (err_nomem(e, "a request"));
	while (!l->done && !interrupt_seen())
		if (loop_turn(l->loop, 1))
			break;
	if (!l->done) {
		http_cancel(call);
		return (err_set(e, ERR_CANCELLED, "interrupted",
		    "interrupted"));
	}
	if (l->failed)
		*e = l->err;
	return (l->failed ? -1 : 0);
}

int
record_live_play(void * arg, const struct http_req * req,
    struct http_played * a, struct err * e)
{
	struct record_live * l = arg;
	char safe[256];

	forget(l);
	screen_progress(l->scr, "request %zu: %s", json_array_size(l->responses)
	    + 1, http_url_safe(safe, sizeof(safe), req->url));
	if (ask(l, req, e))
		return (-1);
	if ((l->bytes += l->body.len) > BYTES_MAX)
		return (err_set(e, ERR_PERMANENT, "record", "the answers have "
		    "more than %zu MiB; ask for less: --limit, --where",
		    BYTES_MAX >> 20));
	if (keep(l, e))
		return (-1);
	a->status = l->status;
	a->headers = (const char * const *)l->headers;
	a->body = l->body.p;
	a->body_len = l->body.len;
	return (0);
}
