#include "decode/decode_json_scan.h"

#include "decode/decode_json_events.h"
#include "decode/decode_json_fault.h"
#include "decode/decode_json_shape.h"
#include "decode/decode_json_stride.h"
#include "decode/decode_json_token.h"

/*
 * Written here because a page's cost is this: libraries call for each token or
 * want the page whole (DESIGN.md has the figures).
 *
 * JSON's grammar over a body that grows.  Strings, which are most of a page, are
 * looked through in blocks (base/plain.h); all that no path leads to is checked as
 * strictly as the rest, but nothing is called for it.
 */

/* Go to the next member's value, if all that stands before it is as it was in objects
 * before: 1, or 0. */
static inline int
follow(struct scan * c, enum shape_way way)
{
	struct decode_json * d = c->d;
	const struct shape_step * st;
	uint16_t i;

	i = decode_json_shape_find(d, way, c->s + c->i, c->n - c->i);
	if (i == 0)
		return (0);
	st = &d->steps[i];
	d->step = i;
	d->next = st->value;
	d->expect = EXPECT_VALUE;
	c->i += st->len;
	return (1);
}

/* The array or object that is being read ends here. */
static inline enum scan_rc
shut(struct scan * c)
{
	struct decode_json * d = c->d;

	c->i++;
	if (d->skip > 0)
		d->skip--;
	else if (decode_json_events_close(d, c->i))
		return (SCAN_BAD);
	d->step = d->outer[d->nframes + d->skip];
	return (SCAN_ON);
}

/* A value ended: what comes next, and often is there already. */
static enum scan_rc
after(struct scan * c)
{
	struct decode_json * d = c->d;
	enum scan_rc rc = SCAN_ON;
	size_t depth;
	int is_map;

	while (rc == SCAN_ON && (depth = d->nframes + d->skip) > 0) {
		d->expect = EXPECT_COMMA;
		if (c->i == c->n)
			return (SCAN_ON);
		is_map = d->is_map[depth - 1];
		if (c->s[c->i] == (is_map ? '}' : ']')) {
			rc = shut(c);
			continue;
		}
		if (c->s[c->i] != ',')
			return (SCAN_ON);
		if (is_map && d->step != 0) {
			rc = decode_json_stride(c, SHAPE_NEXT);
			if (rc == SCAN_ON && d->expect == EXPECT_COMMA)
				continue;
			if (rc != SCAN_MORE)
				return (rc);
			if (follow(c, SHAPE_NEXT))
				return (SCAN_ON);
		}
		d->chunk = c->i++;
		d->expect = is_map ? EXPECT_KEY : EXPECT_VALUE;
		return (SCAN_ON);
	}
	if (rc == SCAN_ON)
		d->expect = EXPECT_NOTHING;
	return (rc);
}

static inline enum scan_rc
close_tree(struct scan * c)
{
	return (shut(c) == SCAN_ON ? after(c) : SCAN_BAD);
}

static inline enum scan_rc
open_tree(struct scan * c, int is_map)
{
	struct decode_json * d = c->d;
	size_t depth = d->nframes + d->skip;
	enum scan_rc rc = SCAN_MORE;

	if (depth == DECODE_DEPTH) {
		decode_json_fault_nesting(d, c->i);
		return (SCAN_BAD);
	}
	d->is_map[depth] = (uint8_t)is_map;
	d->outer[depth] = d->step;
	d->expect = is_map ? EXPECT_MEMBER : EXPECT_ELEMENT;
	if (d->skip > 0)
		d->skip++;
	else if (decode_json_events_open(d, c->i, !is_map))
		return (SCAN_BAD);
	d->chunk = ++c->i;
	if (is_map && d->step != 0 && c->i < c->n && c->s[c->i] != ',' &&
	    c->s[c->i] != '}') {
		/* Until something was learned there are no steps. */
		if (d->steps != NULL)
			rc = decode_json_stride(c, SHAPE_INNER);
		if (rc == SCAN_ON && d->expect == EXPECT_COMMA)
			return (after(c));
		if (rc == SCAN_MORE)
			(void)follow(c, SHAPE_INNER);
	}
	return (rc == SCAN_BAD ? rc : SCAN_ON);
}

static inline enum scan_rc
comma(struct scan * c)
{
	int is_map = c->d->is_map[c->d->nframes + c->d->skip - 1];

	if (c->s[c->i] == ',')
		return (after(c));
	if (c->s[c->i] == (is_map ? '}' : ']'))
		return (close_tree(c));
	return (decode_json_token_bad(c, is_map ? "',' or '}' expected" :
	    "',' or ']' expected"));
}

/* Whether what comes is a member that no path leads to. */
static inline int
is_dead(const struct decode_json * d)
{
	return (d->next == DECODE_DEAD && d->nframes > 0 &&
	    !d->frames[d->nframes - 1].is_array);
}

static inline enum scan_rc
value(struct scan * c)
{
	enum json_token_kind kind = TOKEN_NUMBER;
	struct decode_json * d = c->d;
	size_t from = c->i, quote = 0;
	enum scan_rc rc;

	if (d->learn)
		decode_json_shape_learn(d, d->chunk, from);
	switch (c->s[from]) {
	case '"':
		rc = decode_json_token_string(c);
		kind = d->escaped ? TOKEN_ESCAPED : TOKEN_STRING;
		quote = 1;
		break;
	case '{':
	case '[':
		return (open_tree(c, c->s[from] == '{'));
	case 't':
		rc = decode_json_token_word(c, "true", 4);
		kind = TOKEN_TRUE;
		break;
	case 'f':
		rc = decode_json_token_word(c, "false", 5);
		kind = TOKEN_FALSE;
		break;
	case 'n':
		rc = decode_json_token_word(c, "null", 4);
		kind = TOKEN_NULL;
		break;
	case '-': case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		rc = decode_json_token_number(c);
		break;
	default:
		return (decode_json_token_bad(c, "this may not stand here"));
	}
	if (rc != SCAN_ON)
		return (rc);
	if (d->skip == 0 && !is_dead(d) && decode_json_events_scalar(d, kind, from + quote,
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
		return (decode_json_token_bad(c, "a key in quotes expected"));
	if ((rc = decode_json_token_string(c)) != SCAN_ON)
		return (rc);
	if (d->skip == 0 && decode_json_events_key(d, from + 1,
	    c->i - from - 2))
		return (SCAN_BAD);
	d->learn = d->step != 0;
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
			return (decode_json_token_bad(c, "':' expected"));
		c->i++;
		c->d->expect = EXPECT_VALUE;
		return (SCAN_ON);
	case EXPECT_COMMA:
		return (comma(c));
	case EXPECT_NOTHING:
		break;
	}
	return (decode_json_token_bad(c,
	    "there is more after the end of the value"));
}

/* Read on while there are tokens; d->fed says how far. */
static enum scan_rc
run(struct scan c)
{
	struct decode_json * d = c.d;
	enum scan_rc rc = SCAN_ON;

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
	return (rc);
}

int
decode_json_scan(struct decode_json * d, int last)
{
	struct scan c = { d, d->body.p, d->fed, d->body.len, last };

	d->stall = 0;
	return (run(c) == SCAN_BAD ? -1 : 0);
}

int
decode_json_scan_part(struct decode_json * d, size_t at, size_t end)
{
	struct scan c = { d, d->body.p, at, end, 1 };
	enum decode_expect was = d->expect;
	size_t fed = d->fed;
	uint16_t step = d->step;
	enum scan_rc rc;

	d->expect = EXPECT_VALUE;
	/* Its members are not where they were. */
	d->step = 0;
	rc = run(c);
	d->step = step;
	d->expect = was;
	d->fed = fed;
	return (rc == SCAN_BAD ? -1 : 0);
}
