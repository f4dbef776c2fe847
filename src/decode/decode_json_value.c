#include "decode/decode_json_value.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/openmetrics_number.h"
#include "base/rfc3339.h"
#include "decode/decode_pairs.h"
#include "decode/decode_plain.h"
#include "decode/decode_text.h"

/* A word of any case. */
static int
is_word(const char * s, size_t n, const char * word)
{
	return (strlen(word) == n && strncasecmp(s, word, n) == 0);
}

/* Type the text in these ${n} bytes; 0 if it is none of that type. */
static int
typed(const struct manifest_column * c, const char * s, size_t n,
    struct value * v)
{
	double d;

	switch (c->type) {
	case COLUMN_INTEGER:
		switch (decode_value_integer(s, n, 0, &v->i)) {
		case 0:
			v->type = VALUE_INT;
			return (1);
		case 1:
			break;
		default:
			return (0);
		}
		/* FALLTHROUGH */
	case COLUMN_REAL:
		switch (openmetrics_number(s, s + n, &d)) {
		case OPENMETRICS_NUMBER_OK:
			v->type = d - d == 0 ? VALUE_REAL : VALUE_NULL;
			v->d = d;
			return (1);
		default:
			return (0);
		}
	case COLUMN_BOOLEAN:
		if (is_word(s, n, "true") || is_word(s, n, "1"))
			v->i = 1;
		else if (is_word(s, n, "false") || is_word(s, n, "0"))
			v->i = 0;
		else
			return (0);
		v->type = VALUE_INT;
		return (1);
	default:
		return (0);
	}
}

static int
set_text(struct value * v, size_t at, size_t len, int64_t where)
{
	v->type = VALUE_TEXT;
	v->is_json = 0;
	v->len = (uint32_t)len;
	v->i = (int64_t)at * 2 + where;
	return (0);
}

/* A timestamp: as rfc3339_format() writes it, in place if it is so already; 1: it
 * stays as it stands. */
static int
set_time(const struct manifest_column * c, const char * s,
    size_t n, struct buf * made, struct value * v)
{
	char out[RFC3339_LEN];
	size_t len, at = made->len;
	int64_t ms;

	/* The service's own form comes first, should it look like ours: its zone may
	 * be another one.  What is in another form and names its zone is a time too. */
	if (c->time == TIME_STRFTIME) {
		if (decode_value_own_time(&c->own, s, n, &ms) &&
		    rfc3339_parse(s, n, &ms, NULL))
			return (!c->own.else_null);
	} else if (decode_value_is_usual(s, n) ||
	    decode_value_time(s, n, c->time, &ms)) {
		return (1);
	}
	rfc3339_format(ms, out);
	len = strlen(out);
	if (len == n && memcmp(s, out, n) == 0)
		return (1);
	if (buf_add(made, out, len))
		return (-1);
	return (set_text(v, at, len, DECODE_MADE));
}

/* The token's JSON: as it stands, but for escapes that need not be. */
static int
set_json(const struct json_token * t, const char * body, struct buf * made,
    struct value * v)
{
	size_t quotes = t->kind == TOKEN_STRING || t->kind == TOKEN_ESCAPED;
	size_t from = t->at - quotes, n = t->len + 2 * quotes, at = made->len;

	if (memchr(body + from, '\\', n) == NULL)
		(void)set_text(v, from, n, 0);
	else if (decode_plain(body + from, n, made))
		return (-1);
	else
		(void)set_text(v, at, made->len - at, DECODE_MADE);
	v->is_json = t->kind == TOKEN_TREE;
	return (0);
}

/* The ${want}th part of a text between slashes, from its end if negative; NULL: it
 * has none.  Parts of no length, as at both ends, do not count. */
static const char *
segment(const char * s, size_t n, int want, size_t * len)
{
	size_t i = 0, from;
	int k = 0, count = 0;

	for (i = 0; i < n; i++)
		count += s[i] != '/' && (i == 0 || s[i - 1] == '/');
	if (want < 0)
		want += count + 1;
	for (i = 0; i < n; i++) {
		if (s[i] == '/' || (i > 0 && s[i - 1] != '/'))
			continue;
		if (++k != want)
			continue;
		for (from = i; i < n && s[i] != '/'; i++)
			;
		*len = i - from;
		return (s + from);
	}
	return (NULL);
}

/* A scalar's text, typed where it can be. */
static int
set_scalar(const struct manifest_column * c, const struct json_token * t,
    const char * body, struct buf * made, struct value * v)
{
	const char * s = body + t->at, * part = NULL;
	size_t n = t->len, at = made->len, from;
	int rv = 1;

	if (t->kind == TOKEN_ESCAPED) {
		if (decode_value_unescape(s, n, made))
			return (-1);
		s = made->p + at;
		n = made->len - at;
	}
	if (c->type == COLUMN_TIMESTAMP) {
		/* A text that was just made may move when a time is added. */
		if (buf_reserve(made, RFC3339_LEN))
			return (-1);
		if (t->kind == TOKEN_ESCAPED)
			s = made->p + at;
		rv = set_time(c, s, n, made, v);
	}
	if (rv <= 0)
		return (rv);
	if (c->type != COLUMN_TEXT && typed(c, s, n, v)) {
		made->len = at;
		return (0);
	}
	if (c->segment != 0 && (part = segment(s, n, c->segment, &n)) == NULL) {
		made->len = at;
		return (0);
	}
	from = part != NULL ? (size_t)(part - s) : 0;
	if (t->kind == TOKEN_ESCAPED)
		return (set_text(v, at + from, n, DECODE_MADE));
	return (set_text(v, t->at + from, n, 0));
}

/* Whether it is what the service writes for nothing. */
static int
is_none(const json_t * none, const struct json_token * t, const char * body)
{
	char num[32];
	const char * s = json_string_value(none);

	if (s == NULL) {
		snprintf(num, sizeof(num), "%lld",
		    (long long)json_integer_value(none));
		s = num;
	}
	return (strlen(s) == t->len && memcmp(s, body + t->at, t->len) == 0);
}

int
decode_value(const struct manifest_column * c, const struct json_token * t,
    const char * body, struct buf * made, struct value * v)
{
	size_t at = made->len;
	int is_bool = t->kind == TOKEN_TRUE || t->kind == TOKEN_FALSE;

	v->type = VALUE_NULL;
	v->is_json = 0;
	v->len = 0;
	v->i = 0;
	if (t->kind == TOKEN_NULL || (c->none != NULL &&
	    is_none(c->none, t, body)))
		return (0);
	if (t->kind == TOKEN_TREE && c->text) {
		switch (decode_text(body + t->at, t->len, made)) {
		case 0:
			return (set_text(v, at, made->len - at, DECODE_MADE));
		case -1:
			return (-1);
		default:
			break; /* no document: as it stands */
		}
	}
	if (t->kind == TOKEN_TREE && c->pairs) {
		switch (decode_pairs(body + t->at, t->len, made)) {
		case 0:
			return (set_text(v, at, made->len - at, DECODE_MADE));
		case -1:
			return (-1);
		default:
			break; /* no pairs: as it stands */
		}
	}
	/* An empty element of XML. */
	if (c->pairs && t->kind == TOKEN_STRING && t->len == 0)
		return (0);
	if (t->kind == TOKEN_TREE || c->type == COLUMN_LIST ||
	    c->type == COLUMN_MAP)
		return (set_json(t, body, made, v));
	if (is_bool && (c->type == COLUMN_BOOLEAN ||
	    c->type == COLUMN_INTEGER || c->type == COLUMN_REAL)) {
		v->type = c->type == COLUMN_REAL ? VALUE_REAL : VALUE_INT;
		if (c->type == COLUMN_REAL)
			v->d = t->kind == TOKEN_TRUE;
		else
			v->i = t->kind == TOKEN_TRUE;
		return (0);
	}
	return (set_scalar(c, t, body, made, v));
}
