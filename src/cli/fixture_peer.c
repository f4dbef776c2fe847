#include "cli/fixture_peer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "cli/fixture_diff.h"

void
fixture_peer_forget(char ** body, char *** headers)
{
	size_t i;

	for (i = 0; *headers != NULL && (*headers)[i] != NULL; i++)
		free((*headers)[i]);
	free(*headers);
	free(*body);
	*headers = NULL;
	*body = NULL;
}

/* The value of header ${name} in ${req}, or NULL. */
static const char *
header_of(const struct http_req * req, const char * name)
{
	size_t i, n = strlen(name);
	const char * line;

	for (i = 0; req->headers != NULL && req->headers[i] != NULL; i++) {
		line = req->headers[i];
		if (strncasecmp(line, name, n) == 0 && line[n] == ':')
			return (line + n + 1 + strspn(line + n + 1, " \t"));
	}
	return (NULL);
}

static int
check_headers(const struct http_req * req, const json_t * want,
    struct buf * why)
{
	const char * name, * got;
	json_t * v, * have;
	int rc;

	json_object_foreach((json_t *)(uintptr_t)want, name, v) {
		got = header_of(req, name);
		have = json_opt_string(got);
		rc = fixture_diff_json(name, have, v, why);
		json_decref(have);
		if (rc)
			return (-1);
	}
	return (0);
}

static int
check_body(const struct http_req * req, const json_t * want, struct buf * why)
{
	struct err e;
	json_t * got;
	int rc;

	if (want == NULL || json_is_null(want)) {
		if (req->body_len == 0)
			return (0);
		buf_addf(why, "body: got %.*s, want none",
		    (int)(req->body_len < 500 ? req->body_len : 500),
		    (const char *)req->body);
		return (-1);
	}
	got = json_loadb(req->body_len > 0 ? req->body : "", req->body_len,
	    JSON_DECODE_ANY, NULL);
	if (got == NULL)
		got = json_stringn(req->body_len > 0 ? req->body : "",
		    req->body_len);
	if (got == NULL) {
		err_nomem(&e, "a body");
		buf_adds(why, e.msg);
		return (-1);
	}
	rc = fixture_diff_json("body", got, want, why);
	json_decref(got);
	return (rc);
}

static int
check(const struct http_req * req, const json_t * want, struct buf * why)
{
	const char * method = json_str(want, "method");
	const char * url = json_str(want, "url");
	const char * got = req->method != NULL ? req->method : "GET";

	if (method == NULL)
		method = "GET";
	if (strcmp(got, method) != 0) {
		buf_addf(why, "method: got %s %s, want %s", got, req->url,
		    method);
		return (-1);
	}
	if (url == NULL) {
		buf_adds(why, "the fixture's request has no url");
		return (-1);
	}
	if (fixture_diff_url(req->url, url, why) ||
	    check_headers(req, json_object_get(want, "headers"), why))
		return (-1);
	return (check_body(req, json_object_get(want, "body"), why));
}

static int
fill_headers(char *** headers, const json_t * hdrs, int is_json)
{
	size_t n = json_object_size(hdrs), i = 0;
	const char * name;
	struct buf b = BUF_INIT(1 << 16);
	char ** to = calloc(n + 2, sizeof(*to));
	json_t * v;

	if ((*headers = to) == NULL)
		return (-1);
	if (is_json)
		to[i++] = strdup("Content-Type: application/json");
	json_object_foreach((json_t *)(uintptr_t)hdrs, name, v) {
		buf_clear(&b);
		buf_addf(&b, "%s: %s", name, json_is_string(v) ?
		    json_string_value(v) : "");
		to[i++] = b.failed ? NULL : strdup(b.p);
	}
	buf_free(&b);
	return (i > 0 && to[i - 1] == NULL ? -1 : 0);
}

int
fixture_peer_answer(const json_t * res, char ** text, char *** headers,
    struct http_played * a)
{
	const json_t * body = json_object_get(res, "body");

	a->status = (int)json_int(res, "status", 200);
	if (json_is_string(body))
		*text = strdup(json_string_value(body));
	else
		*text = body == NULL ? strdup("") :
		    json_dumps(body, JSON_ENCODE_ANY | JSON_COMPACT);
	if (*text == NULL || fill_headers(headers, json_object_get(res,
	    "headers"), body != NULL && !json_is_string(body)))
		return (-1);
	a->headers = (const char * const *)*headers;
	a->body = *text;
	a->body_len = strlen(*text);
	return (0);
}

int
fixture_peer_play(void * arg, const struct http_req * req,
    struct http_played * a, struct err * e)
{
	struct fixture_peer * p = arg;
	const json_t * x = json_array_get(p->exchanges, p->next), * res;
	const char * fail;
	struct buf why = BUF_INIT(1 << 20);
	int bad;

	fixture_peer_forget(&p->body, &p->headers);
	if (x == NULL) {
		buf_addf(&why, "unexpected: %s %s", req->method != NULL ?
		    req->method : "GET", req->url);
		bad = -1;
	} else {
		buf_addf(&why, "request %zu: ", p->next + 1);
		bad = check(req, json_object_get(x, "request"), &why);
	}
	p->next++;
	if (bad) {
		if (p->why->len == 0)
			buf_add(p->why, why.p != NULL ? why.p : "", why.len);
		buf_free(&why);
		return (err_set(e, ERR_PERMANENT, "fixture",
		    "not what the fixture expects"));
	}
	buf_free(&why);
	res = json_object_get(x, "response");
	if ((fail = json_str(res, "fail")) != NULL)
		return (err_set(e, ERR_TRANSIENT, fail, "%s: %s", req->url,
		    fail));
	return (fixture_peer_answer(res, &p->body, &p->headers, a) ?
	    err_nomem(e, "an answer") : 0);
}

int
fixture_peer_end(struct fixture_peer * p)
{
	size_t n = json_array_size(p->exchanges);
	const json_t * req;

	fixture_peer_forget(&p->body, &p->headers);
	if (p->why->len > 0)
		return (-1);
	if (p->next >= n)
		return (0);
	req = json_object_get(json_array_get(p->exchanges, p->next), "request");
	buf_addf(p->why, "request %zu was not sent: %s", p->next + 1,
	    json_str(req, "url") != NULL ? json_str(req, "url") : "?");
	return (-1);
}
