#include "conn/answer_body.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "decode/csv_json.h"
#include "decode/xml_json.h"

/* Whether the first bytes that are no blanks are XML's own. */
static int
begins_as_xml(const char * p, size_t n)
{
	size_t i = n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

	while (i < n && (p[i] == ' ' || p[i] == '\t' || p[i] == '\r' ||
	    p[i] == '\n'))
		i++;
	return (n - i >= 5 && memcmp(p + i, "<?xml", 5) == 0);
}

enum manifest_decode
answer_body_said(const struct http_res * res)
{
	const char * type = http_res_header(res, "Content-Type");
	char kind[80];
	size_t n;

	n = type != NULL ? strcspn(type, "; ") : 0;
	if (n > 0 && n < sizeof(kind)) {
		memcpy(kind, type, n);
		kind[n] = '\0';
		if (strcasecmp(kind, "text/xml") == 0 ||
		    strcasecmp(kind, "application/xml") == 0 ||
		    (n > 4 && strcasecmp(kind + n - 4, "+xml") == 0))
			return (DECODE_XML);
	}
	return (res->body != NULL && begins_as_xml(res->body, res->body_len) ?
	    DECODE_XML : DECODE_JSON);
}

static int
is_blank(const char * p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strchr(" \t\r", p[i]) == NULL || p[i] == '\0')
			return (0);
	return (1);
}

/* XML has no lists of its own: all who look into it say where they are. */
static json_t *
from_xml(const struct manifest * m, const struct json_path * also,
    const char * p, size_t n)
{
	size_t most = 1 + (m != NULL ? m->nerrors + m->nerror_paths : 0), i;
	const struct json_path ** paths = calloc(most, sizeof(*paths));
	size_t npaths = 0;
	struct err e;
	json_t * v;

	if (paths == NULL)
		return (NULL);
	if (also != NULL)
		paths[npaths++] = also;
	for (i = 0; m != NULL && i < m->nerrors; i++)
		if (m->errors[i].path != NULL)
			paths[npaths++] = m->errors[i].path;
	for (i = 0; m != NULL && i < m->nerror_paths; i++)
		paths[npaths++] = m->error_paths[i];
	v = xml_json_read(p, n, paths, npaths, &e);
	free(paths);
	return (v);
}

/* A list of the values of all lines; one that is none is none of them all. */
static json_t *
from_lines(const char * p, size_t n)
{
	json_t * all = json_array(), * v;
	const char * nl;
	size_t len;

	while (all != NULL && n > 0) {
		nl = memchr(p, '\n', n);
		len = nl != NULL ? (size_t)(nl - p) : n;
		if (!is_blank(p, len)) {
			v = json_loadb(p, len, JSON_DECODE_ANY, NULL);
			if (v == NULL || json_array_append_new(all, v)) {
				json_decref(all);
				return (NULL);
			}
		}
		len += nl != NULL;
		p += len;
		n -= len;
	}
	return (all);
}

static int
to_buf(void * arg, const char * p, size_t n)
{
	return (buf_add(arg, p, n));
}

static json_t *
from_csv(const char * p, size_t n)
{
	struct csv_json * c = csv_json_new();
	struct buf b = BUF_INIT(0);
	json_t * v = NULL;
	struct err e;

	if (c == NULL)
		return (NULL);
	csv_json_begin(c, NULL, to_buf, &b);
	(void)csv_json_feed(c, p, n);
	if (csv_json_end(c, &e) == 0)
		v = json_loadb(b.p, b.len, 0, NULL);
	csv_json_free(c);
	buf_free(&b);
	return (v);
}

json_t *
answer_body_read(const struct manifest * m, const struct json_path * also,
    enum manifest_decode how, const char * p, size_t n)
{
	if (p == NULL || n == 0)
		return (NULL);
	switch (how) {
	case DECODE_XML:
		return (from_xml(m, also, p, n));
	case DECODE_NDJSON:
		return (from_lines(p, n));
	case DECODE_CSV:
		return (from_csv(p, n));
	case DECODE_JSON:
	case DECODE_OPENMETRICS:
		break;
	}
	return (json_loadb(p, n, JSON_DECODE_ANY, NULL));
}

json_t *
answer_body(const struct manifest * m, const struct http_res * res)
{
	return (answer_body_read(m, NULL, answer_body_said(res), res->body,
	    res->body_len));
}
