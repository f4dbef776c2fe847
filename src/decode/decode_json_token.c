#include "decode/decode_json_token.h"

#include "base/utf8.h"
#include "decode/decode_json_fault.h"

/* A longer number is looked at again only once there is twice as much of it. */
#define NUMBER_LONG 256

enum scan_rc
decode_json_token_bad(struct scan * c, const char * why)
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
	switch (x = c->s[c->i]) {
	case '"': case '\\': case '/': case 'b': case 'f': case 'n':
	case 'r': case 't': case 'u':
		break;
	default:
		return (decode_json_token_bad(c,
		    "a text has a \\ that escapes nothing"));
	}
	c->i++;
	for (i = 0; x == 'u' && i < 4; i++, c->i++) {
		if (c->i == c->n)
			return (SCAN_MORE);
		if (!is_hex(c->s[c->i]))
			return (decode_json_token_bad(c,
			    "four hexadecimal digits must follow \\u"));
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
		return (decode_json_token_bad(c,
		    "a text has a control character that is not escaped"));
	do {
		if ((n = utf8_seq(c->s + c->i, c->n - c->i)) == 0)
			return (decode_json_token_bad(c, ""));
		c->i += n;
	} while (c->i < c->n && (unsigned char)c->s[c->i] >= 0x80);
	return (SCAN_ON);
}

enum scan_rc
decode_json_token_long(struct scan * c)
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

enum scan_rc
decode_json_token_number(struct scan * c)
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
	return (ok ? SCAN_ON : decode_json_token_bad(c, "a digit expected"));
}

enum scan_rc
decode_json_token_word(struct scan * c, const char * w, size_t n)
{
	size_t from = c->i, i;

	for (i = 1; i < n; i++) {
		if (from + i == c->n)
			return (SCAN_MORE);
		if (c->s[from + i] != w[i]) {
			c->i = from + i;
			return (decode_json_token_bad(c,
			    "true, false or null expected"));
		}
	}
	c->i = from + n;
	return (SCAN_ON);
}
