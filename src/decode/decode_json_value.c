#include "decode/decode_json_value.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/openmetrics_number.h"
#include "base/rfc3339.h"
#include "decode/decode_pairs.h"
#include "decode/decode_plain.h"
#include "decode/decode_text.h"

unsigned
decode_value_hex4(const char * s)
{
	unsigned v = 0, i, c;

	for (i = 0; i < 4; i++) {
		c = (unsigned char)s[i];
		v = v << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return (v);
}

static void
add_utf8(struct buf * b, unsigned c)
{
	char u[4];
	size_t n = 0;

	if (c < 0x80)
		u[n++] = (char)c;
	else if (c < 0x800)
		u[n++] = (char)(0xc0 | c >> 6);
	else if (c < 0x10000) {
		u[n++] = (char)(0xe0 | c >> 12);
		u[n++] = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		u[n++] = (char)(0xf0 | c >> 18);
		u[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		u[n++] = (char)(0x80 | (c >> 6 & 0x3f));
	}
	if (c >= 0x80)
		u[n++] = (char)(0x80 | (c & 0x3f));
	buf_add(b, u, n);
}

/* Undo the \u at ${s}; return how many bytes it took. */
static size_t
add_unicode(struct buf * b, const char * s, size_t n)
{
	unsigned c = decode_value_hex4(s + 2), low;

	if (c < 0xd800 || c > 0xdfff) {
		add_utf8(b, c);
		return (6);
	}
	if (c < 0xdc00 && n >= 12 && s[6] == '\\' && s[7] == 'u') {
		low = decode_value_hex4(s + 8);
		if (low >= 0xdc00 && low <= 0xdfff) {
			add_utf8(b, 0x10000 + ((c - 0xd800) << 10) +
			    (low - 0xdc00));
			return (12);
		}
	}
	add_utf8(b, 0xfffd);
	return (6);
}

int
decode_value_unescape(const char * s, size_t n, struct buf * out)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char * end = s + n, * p, * x;

	if (buf_reserve(out, n))
		return (-1);
	while (s < end) {
		p = memchr(s, '\\', (size_t)(end - s));
		if (p == NULL)
			p = end;
		buf_add(out, s, (size_t)(p - s));
		s = p;
		if (end - s < 2)
			break;
		if (s[1] == 'u' && end - s >= 6) {
			s += add_unicode(out, s, (size_t)(end - s));
			continue;
		}
		x = strchr(from, s[1]);
		buf_addc(out, x != NULL ? to[x - from] : s[1]);
		s += 2;
	}
	return (out->failed ? -1 : 0);
}

/* The digits of a decimal without the zeros that end its fraction; how many
 * bytes, and whether there is one at all. */
static size_t
read_digits(const char * s, size_t n, uint64_t * m, int64_t * e10, int * bad)
{
	size_t i = 0, from, end, point = n;

	while (i < n && ((s[i] >= '0' && s[i] <= '9') ||
	    (s[i] == '.' && point == n))) {
		if (s[i] == '.')
			point = i;
		i++;
	}
	end = i;
	*bad = end == 0 || (end == 1 && point == 0);
	if (point < end)
		while (end > point && (s[end - 1] == '0' || s[end - 1] == '.'))
			end--;
	for (from = 0; from < end && !*bad; from++) {
		if (from == point)
			continue;
		*bad = *m > (UINT64_MAX - 9) / 10;
		*m = *m * 10 + (uint64_t)(s[from] - '0');
		*e10 -= from > point;
	}
	return (i);
}

/* A decimal as mantissa and power of ten; -1: none, or too many digits. */
static int
read_decimal(const char * s, size_t n, uint64_t * m, int64_t * e10, int * neg)
{
	const char * end = s + n;
	int64_t e = 0;
	int eneg, bad;

	*m = 0;
	*e10 = 0;
	*neg = s < end && *s == '-';
	s += s < end && (*s == '-' || *s == '+');
	s += read_digits(s, (size_t)(end - s), m, e10, &bad);
	if (bad)
		return (-1);
	if (s < end && (*s == 'e' || *s == 'E')) {
		s++;
		eneg = s < end && *s == '-';
		s += s < end && (*s == '-' || *s == '+');
		if (s == end || end - s > 6)
			return (-1);
		for (; s < end && *s >= '0' && *s <= '9'; s++)
			e = e * 10 + (*s - '0');
		*e10 += eneg ? -e : e;
	}
	return (s == end ? 0 : -1);
}

int
decode_value_integer(const char * s, size_t n, int scale, int64_t * v)
{
	uint64_t m, max = INT64_MAX;
	int64_t e10;
	int neg, cut = 0;

	if (read_decimal(s, n, &m, &e10, &neg))
		return (-1);
	for (e10 += scale; e10 > 0 && m > 0; e10--) {
		if (m > max / 10)
			return (-1);
		m *= 10;
	}
	for (; e10 < 0 && m > 0; e10++) {
		cut |= m % 10 != 0;
		m /= 10;
	}
	if (neg)
		max++;
	if (m > max)
		return (-1);
	*v = neg ? (int64_t)(0 - m) : (int64_t)m;
	return (cut);
}

/* Write what services write instead of RFC 3339 as that: a date alone, an offset
 * without its colon or none at all. */
static int
parse_loose(const char * s, size_t n, int64_t * ms)
{
	char t[64];
	size_t i, k;

	if (n < 10 || n > sizeof(t) - 12)
		return (-1);
	memcpy(t, s, n);
	if (n == 10) {
		memcpy(t + n, "T00:00:00Z", 10);
		return (rfc3339_parse(t, n + 10, ms, NULL));
	}
	for (i = n; i > 10 && t[i - 1] != '+' && t[i - 1] != '-'; i--)
		;
	k = n - i; /* bytes after the sign */
	if (i == 10) {
		/* Times without an offset are UTC's in all services known. */
		t[n] = 'Z';
		k = n + 1;
	} else if (k == 4) {
		memmove(t + i + 3, t + i + 2, 2);
		t[i + 2] = ':';
		k = n + 1;
	} else if (k == 2) {
		memcpy(t + n, ":00", 3);
		k = n + 3;
	} else
		return (-1);
	return (rfc3339_parse(t, k, ms, NULL));
}

int
decode_value_time(const char * s, size_t n, enum time_format how, int64_t * ms)
{
	if (how == TIME_EPOCH_S || how == TIME_EPOCH_MS ||
	    how == TIME_EPOCH_US) {
		if (decode_value_integer(s, n, how == TIME_EPOCH_S ? 3 :
		    how == TIME_EPOCH_MS ? 0 : -3, ms) >= 0)
			return (0);
	}
	if (n >= 20 && rfc3339_parse(s, n, ms, NULL) == 0)
		return (0);
	return (parse_loose(s, n, ms));
}

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

static int
two(const char * s, int max)
{
	unsigned a = (unsigned)(s[0] - '0'), b = (unsigned)(s[1] - '0');

	return (a <= 9 && b <= 9 && (int)(a * 10 + b) <= max);
}

/* The times of most services in nearly all months. */
int
decode_value_is_usual(const char * s, size_t n)
{
	return (n == 20 && s[4] == '-' && s[7] == '-' && s[10] == 'T' &&
	    s[13] == ':' && s[16] == ':' && s[19] == 'Z' && two(s, 99) &&
	    two(s + 2, 99) && two(s + 5, 12) && two(s + 8, 28) &&
	    two(s + 11, 23) && two(s + 14, 59) && two(s + 17, 59) &&
	    (s[5] != '0' || s[6] != '0') && (s[8] != '0' || s[9] != '0'));
}

/* A time in the service's own words; 0 or -1. */
static int
own_time(const struct manifest_time * own, const char * s, size_t n,
    int64_t * ms)
{
	char text[128];
	const char * end;
	struct tm tm;
	long off;

	if (n >= sizeof(text))
		return (-1);
	memcpy(text, s, n);
	text[n] = '\0';
	memset(&tm, 0, sizeof(tm));
	tm.tm_mday = 1;
	end = strptime(text, own->format, &tm);
	if (end == NULL || *end != '\0' || strlen(text) != n)
		return (-1);
	/* %z, else the zone is said apart: one of them is nothing. */
	off = tm.tm_gmtoff;
	*ms = ((int64_t)timegm(&tm) - off) * 1000 - own->zone_ms;
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
		if (own_time(&c->own, s, n, &ms) &&
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
