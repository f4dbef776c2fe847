#include "cli/jsonrow.h"

#include <stdint.h>
#include <string.h>

#include "base/hex.h"
#include "base/utf8.h"

/* Values nest at most this deep: the scan is recursive. */
#define MAX_DEPTH 1000

static const char * skip_value(const char *, const char *, unsigned);

static const char *
skip_space(const char * p, const char * end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
		p++;
	return (p);
}

/* After the backslash at ${p}: the end of the escape, or NULL. */
static const char *
skip_escape(const char * p, const char * end)
{
	int i;

	if (++p >= end || *p == '\0' || strchr("\"\\/bfnrtu", *p) == NULL)
		return (NULL);
	if (*p != 'u')
		return (p + 1);
	for (i = 1; i <= 4; i++)
		if (p + i >= end || hex_digit(p[i]) < 0)
			return (NULL);
	return (p + 5);
}

static const char *
skip_string(const char * p, const char * end)
{
	for (p++; p < end && *p != '"'; ) {
		if ((unsigned char)*p < 0x20)
			return (NULL);
		if (*p != '\\')
			p++;
		else if ((p = skip_escape(p, end)) == NULL)
			return (NULL);
	}
	return (p < end ? p + 1 : NULL);
}

static const char *
skip_digits(const char * p, const char * end)
{
	const char * from = p;

	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return (p > from ? p : NULL);
}

static const char *
skip_number(const char * p, const char * end)
{
	if (*p == '-')
		p++;
	if (p < end && *p == '0')
		p++;
	else if ((p = skip_digits(p, end)) == NULL)
		return (NULL);
	if (p < end && *p == '.' && (p = skip_digits(p + 1, end)) == NULL)
		return (NULL);
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		p = skip_digits(p, end);
	}
	return (p);
}

static const char *
skip_word(const char * p, const char * end, const char * word)
{
	size_t n = strlen(word);

	if ((size_t)(end - p) < n || memcmp(p, word, n) != 0)
		return (NULL);
	return (p + n);
}

/* An object or an array, from its bracket on. */
static const char *
skip_nest(const char * p, const char * end, unsigned depth)
{
	char close = *p == '{' ? '}' : ']';

	if (depth == 0)
		return (NULL);
	p = skip_space(p + 1, end);
	if (p < end && *p == close)
		return (p + 1);
	for (;;) {
		if (close == '}') {
			if (p >= end || *p != '"' ||
			    (p = skip_string(p, end)) == NULL)
				return (NULL);
			p = skip_space(p, end);
			if (p >= end || *p++ != ':')
				return (NULL);
			p = skip_space(p, end);
		}
		if ((p = skip_value(p, end, depth - 1)) == NULL)
			return (NULL);
		p = skip_space(p, end);
		if (p >= end)
			return (NULL);
		if (*p == close)
			return (p + 1);
		if (*p++ != ',')
			return (NULL);
		p = skip_space(p, end);
	}
}

/* The end of the value that starts at ${p}, or NULL if there is none. */
static const char *
skip_value(const char * p, const char * end, unsigned depth)
{
	if (p >= end)
		return (NULL);
	switch (*p) {
	case '{':
	case '[':
		return (skip_nest(p, end, depth));
	case '"':
		return (skip_string(p, end));
	case 't':
		return (skip_word(p, end, "true"));
	case 'f':
		return (skip_word(p, end, "false"));
	case 'n':
		return (skip_word(p, end, "null"));
	default:
		return (skip_number(p, end));
	}
}

static enum jsonrow_kind
kind_of(char c)
{
	switch (c) {
	case '{':
	case '[':
		return (JSONROW_NEST);
	case '"':
		return (JSONROW_STRING);
	case 't':
	case 'f':
		return (JSONROW_BOOL);
	case 'n':
		return (JSONROW_NULL);
	default:
		return (JSONROW_NUMBER);
	}
}

static int
bad_row(const char * s, const char * p, struct err * e)
{
	return (err_set(e, ERR_PERMANENT, "answer",
	    "the daemon sent a row that is not a JSON array (byte %zu)",
	    (size_t)(p - s)));
}

int
jsonrow_split(const char * s, size_t n, struct jsonrow_cell * cells,
    size_t want, struct err * e)
{
	const char * end = s + n, * p = skip_space(s, end), * q;
	size_t i;

	if (p >= end || *p != '[')
		return (bad_row(s, p, e));
	p = skip_space(p + 1, end);
	for (i = 0; p < end && *p != ']'; i++) {
		if ((q = skip_value(p, end, MAX_DEPTH)) == NULL)
			return (bad_row(s, p, e));
		if (i >= want)
			goto count;
		cells[i].kind = kind_of(*p);
		cells[i].p = p;
		cells[i].len = (size_t)(q - p);
		p = skip_space(q, end);
		if (p < end && *p == ']')
			continue;
		if (p >= end || *p != ',')
			return (bad_row(s, p, e));
		p = skip_space(p + 1, end);
		if (p < end && *p == ']')
			return (bad_row(s, p, e));
	}
	if (p >= end || skip_space(p + 1, end) != end)
		return (bad_row(s, p, e));
	if (i == want)
		return (0);
count:
	return (err_set(e, ERR_PERMANENT, "answer",
	    "the daemon sent a row of %s than %zu values",
	    i < want ? "fewer" : "more", want));
}

static uint32_t
hex4(const char * p)
{
	uint32_t v = 0;
	int i;

	for (i = 0; i < 4; i++)
		v = v << 4 | (uint32_t)hex_digit(p[i]);
	return (v);
}

/* The escape at ${p}, already checked; return its end. */
static const char *
add_escape(struct buf * out, const char * p, const char * end)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char * at = strchr(from, p[1]);
	uint32_t cp, low;
	char u[4];

	if (p[1] != 'u') {
		buf_addc(out, at != NULL ? to[at - from] : p[1]);
		return (p + 2);
	}
	cp = hex4(p + 2);
	p += 6;
	if (cp >= 0xd800 && cp < 0xdc00 && end - p >= 6 && p[0] == '\\' &&
	    p[1] == 'u' && (low = hex4(p + 2)) >= 0xdc00 && low < 0xe000) {
		cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
		p += 6;
	}
	if (cp >= 0xd800 && cp < 0xe000)
		cp = 0xfffd;
	buf_add(out, u, utf8_put(cp, u));
	return (p);
}

static void
add_string(const char * p, const char * end, struct buf * out)
{
	const char * run;

	while (p < end) {
		for (run = p; p < end && *p != '\\'; p++)
			continue;
		buf_add(out, run, (size_t)(p - run));
		if (p < end)
			p = add_escape(out, p, end);
	}
}

static void
add_compact(const char * p, const char * end, struct buf * out)
{
	const char * run;

	while (p < end) {
		run = p;
		if (*p == '"')
			p = skip_string(p, end);
		else
			p++;
		if (skip_space(run, p) != p)
			buf_add(out, run, (size_t)(p - run));
	}
}

int
jsonrow_text(const struct jsonrow_cell * c, struct buf * out)
{
	switch (c->kind) {
	case JSONROW_STRING:
		add_string(c->p + 1, c->p + c->len - 1, out);
		break;
	case JSONROW_NEST:
		add_compact(c->p, c->p + c->len, out);
		break;
	case JSONROW_NULL:
	case JSONROW_BOOL:
	case JSONROW_NUMBER:
		buf_add(out, c->p, c->len);
		break;
	}
	return (out->failed ? -1 : 0);
}

int
jsonrow_is_document(const char * s, size_t n)
{
	const char * end = s + n, * p = skip_space(s, end);

	if (p >= end || (*p != '{' && *p != '['))
		return (0);
	p = skip_value(p, end, MAX_DEPTH);
	return (p != NULL && skip_space(p, end) == end);
}
