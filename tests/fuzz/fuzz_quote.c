#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/quote.h"
#include "fuzz.h"

/*
 * Texts quoted for each language: what a reader of that language takes out of the
 * quotes is the text that went in, and nothing follows.  Its first byte says which.
 */

/* Read ${b} as the language does: quotes around, ${esc} before what is meant. */
static void
reads_as(const struct buf * b, char quote, char esc, const char * s, size_t n)
{
	size_t i = 1, k = 0;

	CHECK(b->len >= 2 && b->p[0] == quote);
	for (; i < b->len && b->p[i] != quote; i++, k++) {
		if (b->p[i] == esc) {
			i++;
			CHECK(i < b->len && (b->p[i] == quote ||
			    b->p[i] == esc));
		}
		CHECK(k < n && b->p[i] == s[k]);
	}
	CHECK(i + 1 == b->len && k == n);
}

static void
check_quoted(int which, const char * s, size_t n)
{
	static int (* const fn[])(struct buf *, const char *, size_t,
	    const char *, struct err *) = { quote_jql, quote_entity,
	    quote_selector, quote_query_string, quote_spl };
	static const char marks[][2] = { { '"', '\\' }, { '\'', '\\' },
	    { '"', '~' }, { '"', '\\' }, { '"', '\\' } };
	struct buf b = BUF_INIT(1 << 20);
	struct err e;

	if (fn[which](&b, s, n, "x", &e) != 0) {
		CHECK(quote_has_control(s, n) || (which == 4 &&
		    memchr(s, '*', n) != NULL));
	} else if (which == 3 && b.len > 0 && b.p[0] != '"') {
		CHECK(b.len == n && memcmp(b.p, s, n) == 0 && s[0] != '-');
		for (; n > 0; n--)
			CHECK(strchr(" \"\\():*?~^!+&|{}[]'", s[n - 1]) ==
			    NULL);
	} else {
		CHECK(!quote_has_control(s, n));
		CHECK(which != 4 || memchr(s, '*', n) == NULL);
		reads_as(&b, marks[which][0], marks[which][1], s, n);
	}
	buf_free(&b);
}

/* Put between brackets it ends where ours does, whether or not a backslash outside
 * quotes escapes. */
static void
check_balanced(const char * s, size_t n, int bare)
{
	struct buf b = BUF_INIT(1 << 20);
	struct err e;
	size_t i, depth = 1;
	char in = '\0';

	if (quote_balanced(&b, s, n, "x", &e) == 0) {
		CHECK(b.len == n && memcmp(b.p, s, n) == 0 && n > 0);
		buf_addc(&b, ')');
		for (i = 0; i < b.len && depth > 0; i++) {
			if (b.p[i] == '\\' && (in != '\0' || bare))
				i++;
			else if (in != '\0')
				in = b.p[i] == in ? '\0' : in;
			else if (b.p[i] == '"' || b.p[i] == '\'')
				in = b.p[i];
			else if (b.p[i] == '(')
				depth++;
			else if (b.p[i] == ')')
				depth--;
		}
		CHECK(i == b.len && depth == 0 && in == '\0');
	}
	buf_free(&b);
}

static void
check_decimal(const char * s, size_t n)
{
	struct buf b = BUF_INIT(4096);
	struct err e;
	char * end;
	double d = 0, back;

	memcpy(&d, s, n < sizeof(d) ? n : sizeof(d));
	if (quote_decimal(&b, d, &e) != 0) {
		CHECK(!isfinite(d));
	} else {
		CHECK(strspn(b.p, "-0123456789.") == b.len);
		back = strtod(b.p, &end);
		CHECK(*end == '\0' && !(back < d) && !(back > d));
	}
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t * data, size_t n)
{
	const char * s = (const char *)data + 1;

	if (n == 0 || n > 65536)
		return (0);
	n--;
	switch (data[0] % 7) {
	case 4:
		check_balanced(s, n, 0);
		check_balanced(s, n, 1);
		break;
	case 5:
		check_decimal(s, n);
		break;
	case 6:
		check_quoted(4, s, n);
		break;
	default:
		check_quoted(data[0] % 7, s, n);
	}
	return (0);
}
