#include "decode/decode_json_front.h"

#include <string.h>

#include "decode/csv_json.h"
#include "decode/decode_json_fault.h"
#include "decode/xml_json.h"
#include "decode/xml_tree.h"

static int
on_json(void * arg, const char * p, size_t n)
{
	struct decode_json * d = arg;

	return (d->failed ? -1 : decode_json_take(d, p, n));
}

int
decode_json_front_begin(struct decode_json * d)
{
	switch (d->plan->ent->decode) {
	case DECODE_XML:
		if (d->xml == NULL && (d->xml = xml_tree_new()) == NULL)
			return (-1);
		return (xml_tree_begin(d->xml));
	case DECODE_CSV:
		if (d->csv == NULL && (d->csv = csv_json_new()) == NULL)
			return (-1);
		csv_json_begin(d->csv, d->plan, on_json, d);
		break;
	case DECODE_NDJSON:
		memset(&d->lines, 0, sizeof(d->lines));
		break;
	case DECODE_JSON:
	case DECODE_OPENMETRICS:
		break;
	}
	return (0);
}

void
decode_json_front_free(struct decode_json * d)
{
	xml_tree_free(d->xml);
	csv_json_free(d->csv);
}

/* A line ended: it must have been one whole value. */
static int
end_line(struct decode_json * d)
{
	struct decode_lines * l = &d->lines;

	/* A number ends here, however long. */
	d->stall = 0;
	if (decode_json_take(d, "\n", 1))
		return (-1);
	l->line++;
	if (!l->in_line)
		return (0);
	l->in_line = 0;
	if (d->nframes == 1 && d->skip == 0 && d->expect == EXPECT_COMMA &&
	    d->frames[0].index == l->values)
		return (0);
	d->failed = 1;
	return (err_set(&d->err, ERR_PERMANENT, "json", "line %zu of the answer "
	    "is not one whole JSON value", l->line));
}

/* Up to a line's end. */
static int
add_line(struct decode_json * d, const char * p, size_t n)
{
	struct decode_lines * l = &d->lines;
	size_t i = 0;

	if (l->in_line)
		return (decode_json_take(d, p, n));
	while (i < n && (p[i] == ' ' || p[i] == '\t' || p[i] == '\r'))
		i++;
	if (i > 0 && decode_json_take(d, p, i))
		return (-1);
	if (i == n)
		return (0);
	l->in_line = 1;
	l->values++;
	/* What is HTML is called so. */
	if ((p[i] != '<' || l->values > 1) &&
	    decode_json_take(d, l->values == 1 ? "[" : ",", 1))
		return (-1);
	return (decode_json_take(d, p + i, n - i));
}

static int
feed_lines(struct decode_json * d, const char * p, size_t n)
{
	static const char mark[] = "\xef\xbb\xbf";
	struct decode_lines * l = &d->lines;
	const char * nl;
	size_t len;

	while (n > 0 && l->marks < 3 && *p == mark[l->marks]) {
		l->marks++;
		p++;
		n--;
	}
	if (n > 0 && l->marks < 3)
		l->marks = 3;
	while (n > 0) {
		nl = memchr(p, '\n', n);
		len = nl != NULL ? (size_t)(nl - p) : n;
		if (add_line(d, p, len) || (nl != NULL && end_line(d)))
			return (-1);
		len += nl != NULL;
		p += len;
		n -= len;
	}
	return (0);
}

int
decode_json_front_feed(struct decode_json * d, const char * p, size_t n)
{
	switch (d->plan->ent->decode) {
	case DECODE_XML:
		return (xml_tree_feed(d->xml, p, n));
	case DECODE_CSV:
		return (csv_json_feed(d->csv, p, n));
	case DECODE_NDJSON:
		return (feed_lines(d, p, n));
	case DECODE_JSON:
	case DECODE_OPENMETRICS:
		break;
	}
	return (0);
}

/* It ended in ${rv}; a fault that the scanner found is in the decoder already. */
static int
ended(struct decode_json * d, int rv, const struct err * e)
{
	if (rv == 0)
		return (0);
	if (!d->failed)
		d->err = *e;
	d->failed = 1;
	return (-1);
}

int
decode_json_front_end(struct decode_json * d)
{
	struct err e;
	int rv = 0;

	if (d->failed)
		return (-1);
	switch (d->plan->ent->decode) {
	case DECODE_XML:
		rv = xml_tree_end(d->xml, &e);
		if (rv == 0 && (rv = xml_json_write(d->xml, d->plan, on_json,
		    d)) != 0)
			err_nomem(&e, "a page of XML");
		break;
	case DECODE_CSV:
		rv = csv_json_end(d->csv, &e);
		break;
	case DECODE_NDJSON:
		if (d->lines.in_line && end_line(d))
			return (-1);
		return (decode_json_take(d, d->lines.values > 0 ? "]" : "[]",
		    d->lines.values > 0 ? 1 : 2));
	case DECODE_JSON:
	case DECODE_OPENMETRICS:
		break;
	}
	return (ended(d, rv, &e));
}
