#include "base/quote.h"

#include <ctype.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#define REFUSE(e, ...) err_set((e), ERR_CONFIG, "template", __VA_ARGS__)

static int
is_word(char c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9'));
}

static int
is_one_of(char c, const char * set)
{
	return (c != '\0' && strchr(set, c) != NULL);
}

int
quote_has_control(const char * s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return (1);
	return (0);
}

void
quote_percent(struct buf * out, const char * s, size_t n, const char * keep)
{
	static const char hex[] = "0123456789ABCDEF";
	char enc[3] = "%";
	size_t i;

	for (i = 0; i < n; i++) {
		if (is_word(s[i]) || is_one_of(s[i], "-._~") ||
		    is_one_of(s[i], keep)) {
			buf_addc(out, s[i]);
			continue;
		}
		enc[1] = hex[(unsigned char)s[i] >> 4];
		enc[2] = hex[(unsigned char)s[i] & 15];
		buf_add(out, enc, 3);
	}
}

int
quote_host(struct buf * out, const char * s, size_t n, const char * what,
    struct err * e)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!is_word(s[i]) && !is_one_of(s[i], ".-:"))
			break;
	if (n == 0 || i < n)
		return (REFUSE(e, "%s is part of a host's name: it may hold "
		    "letters, digits, '.', '-' and ':' only", what));
	return (buf_add(out, s, n) ? err_nomem(e, "a request") : 0);
}

int
quote_line(struct buf * out, const char * s, size_t n, const char * what,
    struct err * e)
{
	if (quote_has_control(s, n))
		return (REFUSE(e, "%s holds a line break or another control "
		    "character, which cannot stand in a header", what));
	return (buf_add(out, s, n) ? err_nomem(e, "a request") : 0);
}

/* Between quotes, with ${esc} before what would end them. */
static int
quote_with(struct buf * out, const char * s, size_t n, char quote, char esc,
    const char * what, struct err * e)
{
	size_t i;

	if (quote_has_control(s, n))
		return (REFUSE(e, "%s holds a control character, which the "
		    "service's language cannot say", what));
	buf_addc(out, quote);
	for (i = 0; i < n; i++) {
		if (s[i] == quote || s[i] == esc)
			buf_addc(out, esc);
		buf_addc(out, s[i]);
	}
	return (buf_addc(out, quote) ? err_nomem(e, "a request") : 0);
}

int
quote_jql(struct buf * out, const char * s, size_t n, const char * what,
    struct err * e)
{
	return (quote_with(out, s, n, '"', '\\', what, e));
}

int
quote_entity(struct buf * out, const char * s, size_t n, const char * what,
    struct err * e)
{
	return (quote_with(out, s, n, '\'', '\\', what, e));
}

int
quote_selector(struct buf * out, const char * s, size_t n, const char * what,
    struct err * e)
{
	return (quote_with(out, s, n, '"', '~', what, e));
}

int
quote_spl(struct buf * out, const char * s, size_t n, const char * what,
    struct err * e)
{
	if (memchr(s, '*', n) != NULL)
		return (REFUSE(e, "%s holds a '*', which the service takes for "
		    "any text", what));
	return (quote_jql(out, s, n, what, e));
}

/* Words that mean something where they stand bare. */
static int
is_reserved(const char * s, size_t n)
{
	return ((n == 2 && strncasecmp(s, "or", 2) == 0) ||
	    (n == 2 && strncasecmp(s, "to", 2) == 0) ||
	    (n == 3 && strncasecmp(s, "and", 3) == 0) ||
	    (n == 3 && strncasecmp(s, "not", 3) == 0));
}

int
quote_query_string(struct buf * out, const char * s, size_t n,
    const char * what, struct err * e)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!is_word(s[i]) && !is_one_of(s[i], "_-./@"))
			break;
	if (n == 0 || i < n || s[0] == '-' || is_reserved(s, n))
		return (quote_jql(out, s, n, what, e));
	return (buf_add(out, s, n) ? err_nomem(e, "a request") : 0);
}

void
quote_name(struct buf * out, const char * s)
{
	buf_addc(out, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"')
			buf_addc(out, '"');
		buf_addc(out, *s);
	}
	buf_addc(out, '"');
}

int
quote_within(struct buf * out, const char * s, size_t n, const char * ends,
    const char * what, struct err * e)
{
	size_t i;

	for (i = 0; i < n && !is_one_of(s[i], ends); i++)
		continue;
	if (i < n || quote_has_control(s, n))
		return (REFUSE(e, "%s stands within quotes, and holds a "
		    "character that would lead out of them", what));
	return (buf_add(out, s, n) ? err_nomem(e, "a request") : 0);
}

/* Whether brackets and quotes close.  ${bare}: a backslash escapes outside quotes,
 * too: what follows opens and closes nothing, and at the end it would take our
 * bracket. */
static int
closes(const char * s, size_t n, int bare)
{
	size_t i, depth = 0;
	char in = '\0';

	for (i = 0; i < n; i++) {
		if (s[i] == '\\' && (in != '\0' || bare)) {
			if (++i == n)
				return (0);
		} else if (in != '\0') {
			if (s[i] == in)
				in = '\0';
		} else if (s[i] == '"' || s[i] == '\'') {
			in = s[i];
		} else if (s[i] == '(') {
			depth++;
		} else if (s[i] == ')' && depth-- == 0) {
			return (0);
		}
	}
	return (in == '\0' && depth == 0);
}

int
quote_balanced(struct buf * out, const char * s, size_t n, const char * what,
    struct err * e)
{
	/* Languages differ in what a backslash outside quotes is. */
	if (n == 0 || !closes(s, n, 0) || !closes(s, n, 1) ||
	    quote_has_control(s, n))
		return (REFUSE(e, "%s must be one line of the service's "
		    "language, with every bracket and quote closed", what));
	return (buf_add(out, s, n) ? err_nomem(e, "a request") : 0);
}

int
quote_base64(struct buf * out, const char * s, size_t n, struct err * e)
{
	if (n > INT_MAX / 2 || buf_reserve(out, n / 3 * 4 + 5))
		return (err_nomem(e, "a request"));
	out->len += (size_t)EVP_EncodeBlock((unsigned char *)out->p + out->len,
	    (const unsigned char *)s, (int)n);
	return (0);
}

int
quote_path_ok(const char * s, size_t n, const char * what, struct err * e)
{
	size_t i, from = 0, len;

	for (i = 0; i <= n; i++) {
		if (i < n && s[i] != '/')
			continue;
		len = i - from;
		if (len == 0 || (len <= 2 && memcmp(s + from, "..", len) == 0))
			return (REFUSE(e, "%s is a path as dir/file: no '/' at "
			    "its ends, no empty part, and none that is '.' or "
			    "'..'", what));
		from = i + 1;
	}
	return (0);
}

int
quote_decimal(struct buf * out, double d, struct err * e)
{
	char s[40];
	const char * p = s, * exp;
	int point, i;

	if (!isfinite(d))
		return (REFUSE(e, "%g is no number that can be sent", d));
	snprintf(s, sizeof(s), "%.15g", d);
	if (strtod(s, NULL) < d || strtod(s, NULL) > d)
		snprintf(s, sizeof(s), "%.17g", d);
	if ((exp = strchr(s, 'e')) == NULL)
		return (buf_adds(out, s) ? err_nomem(e, "a request") : 0);
	if (*p == '-')
		buf_addc(out, *p++);
	/* d.ddd: its first digit stands so many places before the point. */
	point = atoi(exp + 1) + 1;
	if (point <= 0)
		buf_adds(out, "0.");
	for (i = point; i < 0; i++)
		buf_addc(out, '0');
	for (i = 0; p < exp; p++)
		if (*p != '.') {
			buf_addc(out, *p);
			i++;
		}
	/* 17 digits at most, and an exponent begins where there are more. */
	for (; i < point; i++)
		buf_addc(out, '0');
	return (out->failed ? err_nomem(e, "a request") : 0);
}

static size_t
digits(const char * s, size_t n, size_t i)
{
	while (i < n && isdigit((unsigned char)s[i]))
		i++;
	return (i);
}

int
quote_is_number(const char * s, size_t n)
{
	size_t i = 0, j;

	if (n > 40)
		return (0);
	if (i < n && s[i] == '-')
		i++;
	j = digits(s, n, i);
	if (j == i || (s[i] == '0' && j > i + 1))
		return (0);
	i = j;
	if (i < n && s[i] == '.') {
		if ((j = digits(s, n, i + 1)) == i + 1)
			return (0);
		i = j;
	}
	if (i < n && (s[i] == 'e' || s[i] == 'E')) {
		i++;
		if (i < n && (s[i] == '+' || s[i] == '-'))
			i++;
		if ((j = digits(s, n, i)) == i)
			return (0);
		i = j;
	}
	return (i == n);
}
