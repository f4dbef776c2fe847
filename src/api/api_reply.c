#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/api_internal.h"
#include "base/json.h"

#define JSON_TYPE "application/json"

void
api_reply_json(struct httpd_req * q, int status, json_t * v)
{
	/* 17 digits would make 0.1 0.10000000000000001. */
	char * s = v ? json_dumps(v, JSON_COMPACT | JSON_REAL_PRECISION(15)) :
	    NULL;
	size_t n;

	json_decref(v);
	if (s == NULL) {
		httpd_error(q, 500, "nomem", "out of memory");
		return;
	}
	/* Kind to a person with curl: the text's NUL becomes a newline. */
	n = strlen(s);
	s[n] = '\n';
	httpd_reply(q, status, JSON_TYPE, s, n + 1);
	free(s);
}

static const struct {
	const char * code;
	int status;
} statuses[] = {
	{ "not_found", 404 }, { "exists", 409 }, { "busy", 409 },
	{ "disabled", 409 }, { "no_sync", 409 }, { "not_here", 409 },
	{ "not_empty", 409 }, { "too_large", 413 },
	{ "scrape", 409 },
};

static int
status_of(const struct err * e)
{
	size_t i;

	for (i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (strcmp(statuses[i].code, e->code) == 0)
			return (statuses[i].status);
	return (e->cls == ERR_TRANSIENT || e->cls == ERR_CANCELLED ? 503 : 400);
}

void
api_reply_err(struct httpd_req * q, const struct err * e)
{
	httpd_error(q, status_of(e), e->code, "%s", e->msg);
}

/* Asking for JSON outright also keeps other sites' forms out: a browser does
 * not send this type across origins without asking first. */
static int
is_json(const char * ctype)
{
	size_t n = sizeof(JSON_TYPE) - 1;

	return (ctype != NULL && strncasecmp(ctype, JSON_TYPE, n) == 0 &&
	    (ctype[n] == '\0' || ctype[n] == ';' || ctype[n] == ' '));
}

json_t *
api_body(struct httpd_req * q)
{
	const char * p;
	struct err e;
	json_t * v;
	size_t n;

	if (!is_json(httpd_req_header(q, "Content-Type"))) {
		httpd_error(q, 415, "media_type",
		    "send the body with Content-Type: application/json");
		return (NULL);
	}
	p = httpd_req_body(q, &n);
	v = json_parse(p, n, "the body", &e);
	/* It may hold a secret, and nobody reads it again; what jansson made
	 * of it is overwritten when it is freed (daemon.c). */
	if (n > 0)
		explicit_bzero((char *)(uintptr_t)p, n);
	if (v == NULL)
		httpd_error(q, 400, "json", "%s", e.msg);
	return (v);
}

int
api_limit(struct httpd_req * q, const char * key, int dflt, int max, int * out)
{
	const char * s = httpd_req_query(q, key);
	char * end;
	long v;

	*out = dflt;
	if (s == NULL)
		return (0);
	v = strtol(s, &end, 10);
	if (*s == '\0' || *end != '\0' || v < 1 || v > max) {
		httpd_error(q, 400, "bad_request",
		    "%s must be a number from 1 to %d", key, max);
		return (-1);
	}
	*out = (int)v;
	return (0);
}
