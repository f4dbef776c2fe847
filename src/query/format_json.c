#include <stdint.h>
#include <string.h>

#include "base/plain.h"
#include "base/utf8.h"
#include "query/format.h"

#define MAX_DEPTH 500

/* A reader over the text; ${at} only moves forward. */
struct reader {
	const char * s;
	size_t n, at;
	size_t depth;
	/* One bit a level: whether it is an object. */
	uint8_t object[(MAX_DEPTH + 7) / 8];
};

static void
space(struct reader * r)
{
	while (r->at < r->n && (r->s[r->at] == ' ' || r->s[r->at] == '\t' ||
	    r->s[r->at] == '\n' || r->s[r->at] == '\r'))
		r->at++;
}

static int
take(struct reader * r, char c)
{
	if (r->at >= r->n || r->s[r->at] != c)
		return (0);
	r->at++;
	return (1);
}

static int
word(struct reader * r, const char * w)
{
	size_t n = strlen(w);

	if (r->n - r->at < n || memcmp(r->s + r->at, w, n) != 0)
		return (0);
	r->at += n;
	return (1);
}

static int
escape(struct reader * r)
{
	size_t i;
	char c;

	if (r->at >= r->n)
		return (0);
	c = r->s[r->at++];
	if (c != 'u')
		return (c != '\0' && strchr("\"\\/bfnrt", c) != NULL);
	for (i = 0; i < 4; i++, r->at++) {
		if (r->at >= r->n)
			return (0);
		c = r->s[r->at];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
		    (c >= 'A' && c <= 'F')))
			return (0);
	}
	return (1);
}

static int
string(struct reader * r)
{
	unsigned char c;
	size_t k;

	if (!take(r, '"'))
		return (0);
	for (;;) {
		r->at += plain_run(r->s + r->at, r->n - r->at);
		if (r->at == r->n)
			return (0);
		c = (unsigned char)r->s[r->at];
		if (c == '"') {
			r->at++;
			return (1);
		}
		if (c < 0x20)
			return (0);
		if (c == '\\') {
			r->at++;
			if (!escape(r))
				return (0);
		} else {
			if ((k = utf8_seq(r->s + r->at, r->n - r->at)) == 0)
				return (0);
			r->at += k;
		}
	}
}

static int
digits(struct reader * r)
{
	size_t from = r->at;

	while (r->at < r->n && r->s[r->at] >= '0' && r->s[r->at] <= '9')
		r->at++;
	return (r->at > from);
}

static int
number(struct reader * r)
{
	take(r, '-');
	if (!take(r, '0') && !digits(r))
		return (0);
	if (take(r, '.') && !digits(r))
		return (0);
	if (take(r, 'e') || take(r, 'E')) {
		if (!take(r, '+'))
			take(r, '-');
		return (digits(r));
	}
	return (1);
}

static int
in_object(const struct reader * r)
{
	return (r->object[(r->depth - 1) / 8] >> ((r->depth - 1) % 8) & 1);
}

static int
key(struct reader * r)
{
	space(r);
	if (!string(r))
		return (0);
	space(r);
	return (take(r, ':'));
}

/* Go into an object or array.  1 if it has members, 0 if it is empty (and over),
 * -1 if it is wrong. */
static int
enter(struct reader * r, int object)
{
	uint8_t bit;

	if (r->depth >= MAX_DEPTH)
		return (-1);
	space(r);
	if (take(r, object ? '}' : ']'))
		return (0);
	bit = (uint8_t)(1U << (r->depth % 8));
	if (object)
		r->object[r->depth / 8] |= bit;
	else
		r->object[r->depth / 8] &= (uint8_t)~bit;
	r->depth++;
	return (object && !key(r) ? -1 : 1);
}

/* After a value: the ends that follow and the comma.  1 if another value comes,
 * 0 at the end of all, -1 if it is wrong. */
static int
leave(struct reader * r)
{
	while (r->depth > 0) {
		space(r);
		if (take(r, ','))
			return (in_object(r) && !key(r) ? -1 : 1);
		if (!take(r, in_object(r) ? '}' : ']'))
			return (-1);
		r->depth--;
	}
	return (0);
}

int
query_format_is_document(const char * s, size_t n)
{
	struct reader r;
	int rc;

	memset(&r, 0, sizeof(r));
	r.s = s;
	r.n = n;
	space(&r);
	if (r.at >= n || (s[r.at] != '{' && s[r.at] != '['))
		return (0);
	for (;;) {
		space(&r);
		if (r.at >= n)
			return (0);
		if (take(&r, '{') || take(&r, '[')) {
			rc = enter(&r, s[r.at - 1] == '{');
			if (rc < 0)
				return (0);
			if (rc == 1)
				continue;
		} else if (s[r.at] == '"' ? !string(&r) : !word(&r, "true") &&
		    !word(&r, "false") && !word(&r, "null") && !number(&r))
			return (0);
		if ((rc = leave(&r)) <= 0)
			break;
	}
	space(&r);
	return (rc == 0 && r.at == n);
}
