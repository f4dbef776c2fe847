#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "cli/fixture_peer.h"
#include "cli/record_peer.h"

/* These say who asks and how, not what. */
static int
is_plain(const char * name)
{
	static const char * const plain[] = { "User-Agent", "Accept-Encoding",
	    "Content-Length", "Host", NULL };
	size_t i;

	for (i = 0; plain[i] != NULL; i++)
		if (strcasecmp(plain[i], name) == 0)
			return (1);
	return (0);
}

static json_t *
headers_of(const struct http_req * req)
{
	json_t * out = json_object();
	const char * line, * colon;
	char name[256];
	size_t i;

	for (i = 0; req->headers != NULL && req->headers[i] != NULL; i++) {
		line = req->headers[i];
		if ((colon = strchr(line, ':')) == NULL ||
		    (size_t)(colon - line) >= sizeof(name))
			continue;
		memcpy(name, line, (size_t)(colon - line));
		name[colon - line] = '\0';
		if (!is_plain(name))
			json_object_set_new(out, name, json_string(colon + 1 +
			    strspn(colon + 1, " \t")));
	}
	return (out);
}

static json_t *
request_of(const struct http_req * req)
{
	json_t * out = json_object(), * hdrs = headers_of(req), * body;

	if (req->method != NULL && strcmp(req->method, "GET") != 0)
		json_object_set_new(out, "method", json_string(req->method));
	json_object_set_new(out, "url", json_string(req->url));
	if (json_object_size(hdrs) > 0)
		json_object_set(out, "headers", hdrs);
	json_decref(hdrs);
	if (req->body_len == 0)
		return (out);
	body = json_loadb(req->body, req->body_len, JSON_DECODE_ANY, NULL);
	if (body == NULL)
		body = json_stringn(req->body, req->body_len);
	if (json_object_set_new(out, "body", body)) {
		json_decref(out);
		return (NULL);
	}
	return (out);
}

void
record_dry_forget(struct record_dry * d)
{
	fixture_peer_forget(&d->body, &d->headers);
}

int
record_dry_play(void * arg, const struct http_req * req,
    struct http_played * a, struct err * e)
{
	struct record_dry * d = arg;
	const json_t * res = json_array_get(d->responses, d->next);

	record_dry_forget(d);
	if (res == NULL) {
		d->beyond = 1;
		return (err_set(e, ERR_PERMANENT, "record", "%s: there is no "
		    "further answer", req->url));
	}
	d->next++;
	if (json_array_append_new(d->requests, request_of(req)) ||
	    fixture_peer_answer(res, &d->body, &d->headers, a))
		return (err_nomem(e, "a request"));
	return (0);
}
