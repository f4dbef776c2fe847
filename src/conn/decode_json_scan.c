#include "conn/decode_json_scan.h"

#include <string.h>

#include "base/plain.h"
#include "base/utf8.h"
#include "conn/decode_json_events.h"
#include "conn/decode_json_fault.h"

/*
 * JSON's grammar over a body that grows.  Strings, which are most of a page, are
 * looked through in blocks (base/plain.h); all that no path leads to is checked as
 * strictly as the rest, but nothing is called for it.
 */

/* A longer number is looked at again only once there is twice as much of it. */
#define NUMBER_LONG 256

enum scan_rc { SCAN_ON, SCAN_MORE, SCAN_BAD };

struct scan {
	struct decode_json * d;
	const char * s;
	size_t i, n;
	int last;
};

static enum scan_rc
bad(struct scan * c, const char * why)
{
	size_t left = c->n - c->i;

	if (left > 0 && utf8_seq(c->s + c->i, left) == 0) {
		/* A sequence may go on in the next piece. */
		if (!c->last && left < 4)
			return (SCAN_MORE);
		why = "this is not UTF-8";
	}
	decode_json_fault_syntax(c->d, c->i, why);
	return (SCAN_BAD);
}

static int
is_hex(char x)
{
	return ((x >= '0' && x <= '9') || ((x | 0x20) >= 'a' &&
	    (x | 0x20) <= 'f'));
}

/* Go past what stands behind a backslash. */
static enum scan_rc
escaped(struct scan * c)
{
	size_t i;
	char x;

	if (c->i == c->n)
		return (SCAN_MORE);
	x = c->s[c->i];
	if (x == '\0' || strchr("\"\\/bfnrtu", x) == NULL)
		return (bad(c, "a text has a \\ that escapes nothing"));
	c->i++;
	for (i = 0; x == 'u' && i < 4; i++, c->i++) {
		if (c->i == c->n)
			return (SCAN_MORE);
		if (!is_hex(c->s[c->i]))
			return (bad(c, "four hexadecimal digits must follow "
			    "\\u"));
	}
	return (SCAN_ON);
}

static enum scan_rc
escape(struct scan * c)
{
	size_t from = c->i++;
	enum scan_rc rc = escaped(c);

	/* One in pieces is read again from its backslash. */
	if (rc == SCAN_MORE)
		c->i = from;
	c->d->escaped = 1;
	return (rc);
}

/* What is not plain within a string: go past it. */
static enum scan_rc
special(struct scan * c)
{
	size_t n;

	if (c->s[c->i] == '\\')
		return (escape(c));
	if ((unsigned char)c->s[c->i] < 0x20)
		return (bad(c, "a text has a control character that is not "
		    "escaped"));
	do {
		if ((n = utf8_seq(c->s + c->i, c->n - c->i)) == 0)
			return (bad(c, ""));
		c->i += n;
	} while (c->i < c->n && (unsigned char)c->s[c->i] >= 0x80);
	return (SCAN_ON);
}

/*
 * Go past the string at c->i.  Of one that is in pieces d->look says how far it
 * was seen, so that it is looked at once.
 */
static inline enum scan_rc
string(struct scan * c)
{
	struct decode_json * d = c->d;
	enum scan_rc rc = SCAN_ON;

	if (d->look > c->i)
		c->i = d->look;
	else {
		c->i++;
		d->escaped = 0;
	}
	for (;;) {
		c->i += plain_run(c->s + c->i, c->n - c->i);
		if (c->i == c->n)
			rc = SCAN_MORE;
		else if (c->s[c->i] == '"')
			break;
		else
			rc = special(c);
		if (rc != SCAN_ON) {
			d->look = c->i;
			return (rc);
		}
	}
	c->i++;
	d->look = 0;
	return (SCAN_ON);
}

static size_t
digits(const struct scan * c, size_t i)
{
	while (i < c->n && c->s[i] >= '0' && c->s[i] <= '9')
		i++;
	return (i);
}

/* The digits from ${*i} on, of which one must be there; 0 if there is none. */
static int
some_digits(const struct scan * c, size_t * i)
{
	size_t from = *i;

	*i = digits(c, from);
	return (*i > from);
}

static int
is_at(const struct scan * c, size_t i, char a, char b)
{
	return (i < c->n && (c->s[i] == a || c->s[i] == b));
}

/* Go past the number at c->i, or to what is wrong with it. */
static enum scan_rc
number(struct scan * c)
{
	size_t from = c->i, i = from;
	int ok;

	i += c->s[i] == '-';
	if (is_at(c, i, '0', '0')) {
		ok = 1;
		i++;
	} else
		ok = some_digits(c, &i);
	if (ok && is_at(c, i, '.', '.')) {
		i++;
		ok = some_digits(c, &i);
	}
	if (ok && is_at(c, i, 'e', 'E')) {
		i++;
		i += is_at(c, i, '+', '-') ? 1 : 0;
		ok = some_digits(c, &i);
	}
	if (i == c->n && (!c->last || !ok)) {
		if (i - from > NUMBER_LONG)
			c->d->stall = 2 * (i - from);
		return (SCAN_MORE);
	}
	c->i = i;
	return (ok ? SCAN_ON : bad(c, "a digit expected"));
}

static enum scan_rc
word(struct scan * c, const char * w, size_t n)
{
	size_t from = c->i, i;

	for (i = 1; i < n; i++) {
		if (from + i == c->n)
			return (SCAN_MORE);
		if (c->s[from + i] != w[i]) {
			c->i = from + i;
			return (bad(c, "true, false or null expected"));
		}
	}
	c->i = from + n;
	return (SCAN_ON);
}

static inline enum scan_rc
open_tree(struct scan * c, int is_map)
{
	struct decode_json * d = c->d;
	size_t depth = d->nframes + d->skip;

	if (depth == DECODE_DEPTH) {
		decode_json_fault_nesting(d, c->i);
		return (SCAN_BAD);
	}
	d->is_map[depth] = (uint8_t)is_map;
	d->expect = is_map ? EXPECT_MEMBER : EXPECT_ELEMENT;
	if (d->skip > 0)
		d->skip++;
	else if (decode_json_events_open(d, c->i, !is_map))
		return (SCAN_BAD);
	c->i++;
	return (SCAN_ON);
}

/* A value ended: what comes next, and often is there already. */
static inline enum scan_rc
after(struct scan * c)
{
	struct decode_json * d = c->d;
	size_t depth = d->nframes + d->skip;

	if (depth == 0)
		d->expect = EXPECT_NOTHING;
	else if (c->i < c->n && c->s[c->i] == ',') {
		c->i++;
		d->expect = d->is_map[depth - 1] ? EXPECT_KEY : EXPECT_VALUE;
	} else
		d->expect = EXPECT_COMMA;
	return (SCAN_ON);
}

static inline enum scan_rc
close_tree(struct scan * c)
{
	struct decode_json * d = c->d;

	c->i++;
	if (d->skip > 0)
		d->skip--;
	else if (decode_json_events_close(d, c->i))
		return (SCAN_BAD);
	return (after(c));
}

static inline enum scan_rc
comma(struct scan * c)
{
	int is_map = c->d->is_map[c->d->nframes + c->d->skip - 1];

	if (c->s[c->i] == ',')
		return (after(c));
	if (c->s[c->i] == (is_map ? '}' : ']'))
		return (close_tree(c));
	return (bad(c, is_map ? "',' or '}' expected" : "',' or ']' expected"));
}

static inline enum scan_rc
value(struct scan * c)
{
	enum json_token_kind kind = TOKEN_NUMBER;
	struct decode_json * d = c->d;
	size_t from = c->i, quote = 0;
	enum scan_rc rc;

	switch (c->s[from]) {
	case '"':
		rc = string(c);
		kind = d->escaped ? TOKEN_ESCAPED : TOKEN_STRING;
		quote = 1;
		break;
	case '{':
	case '[':
		return (open_tree(c, c->s[from] == '{'));
	case 't':
		rc = word(c, "true", 4);
		kind = TOKEN_TRUE;
		break;
	case 'f':
		rc = word(c, "false", 5);
		kind = TOKEN_FALSE;
		break;
	case 'n':
		rc = word(c, "null", 4);
		kind = TOKEN_NULL;
		break;
	case '-': case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		rc = number(c);
		break;
	default:
		return (bad(c, "this may not stand here"));
	}
	if (rc != SCAN_ON)
		return (rc);
	if (d->skip == 0 && decode_json_events_scalar(d, kind, from + quote,
	    c->i - from - 2 * quote))
		return (SCAN_BAD);
	return (after(c));
}

static inline enum scan_rc
key(struct scan * c)
{
	struct decode_json * d = c->d;
	size_t from = c->i;
	enum scan_rc rc;

	if (c->s[from] != '"')
		return (bad(c, "a key in quotes expected"));
	if ((rc = string(c)) != SCAN_ON)
		return (rc);
	if (d->skip == 0 && decode_json_events_key(d, from + 1,
	    c->i - from - 2))
		return (SCAN_BAD);
	/* Nearly always there already. */
	if (c->i < c->n && c->s[c->i] == ':') {
		c->i++;
		d->expect = EXPECT_VALUE;
	} else
		d->expect = EXPECT_COLON;
	return (SCAN_ON);
}

static inline enum scan_rc
token(struct scan * c)
{
	switch (c->d->expect) {
	case EXPECT_ELEMENT:
		return (c->s[c->i] == ']' ? close_tree(c) : value(c));
	case EXPECT_VALUE:
		return (value(c));
	case EXPECT_MEMBER:
		return (c->s[c->i] == '}' ? close_tree(c) : key(c));
	case EXPECT_KEY:
		return (key(c));
	case EXPECT_COLON:
		if (c->s[c->i] != ':')
			return (bad(c, "':' expected"));
		c->i++;
		c->d->expect = EXPECT_VALUE;
		return (SCAN_ON);
	case EXPECT_COMMA:
		return (comma(c));
	case EXPECT_NOTHING:
		break;
	}
	return (bad(c, "there is more after the end of the value"));
}

int
decode_json_scan(struct decode_json * d, int last)
{
	struct scan c = { d, d->body.p, d->fed, d->body.len, last };
	enum scan_rc rc = SCAN_ON;

	d->stall = 0;
	do {
		while (c.i < c.n && (c.s[c.i] == ' ' || c.s[c.i] == '\n' ||
		    c.s[c.i] == '\r' || c.s[c.i] == '\t'))
			c.i++;
		d->fed = c.i;
		if (c.i < c.n)
			rc = token(&c);
	} while (rc == SCAN_ON && c.i < c.n);
	if (rc == SCAN_ON)
		d->fed = c.i;
	return (rc == SCAN_BAD ? -1 : 0);
}
