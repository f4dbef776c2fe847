#include <string.h>

#include "base/hex.h"
#include "base/utf8.h"
#include "query/query_internal.h"

/*
 * x CONTAINS y, which SQLite calls as match(y, x).  On a list, a JSON array, it
 * means membership: 'bug' is not in ["debug"].  On other text it means
 * substring.  The array is walked as it stands, never built.
 */

static size_t
skip_space(const char * s, size_t n, size_t i)
{
	while (i < n && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' ||
	    s[i] == '\r'))
		i++;
	return (i);
}

/* The end of the string that begins at ${i}, behind its quote; 0 if none. */
static size_t
string_end(const char * s, size_t n, size_t i)
{
	for (i++; i < n; i++)
		if (s[i] == '\\')
			i++;
		else if (s[i] == '"')
			return (i + 1);
	return (0);
}

/* The end of the value that begins at ${i}; 0 if it has none. */
static size_t
value_end(const char * s, size_t n, size_t i)
{
	size_t depth = 0;

	for (; i < n; i++) {
		if (s[i] == '"') {
			if ((i = string_end(s, n, i)) == 0)
				return (0);
			i--;
		} else if (s[i] == '[' || s[i] == '{')
			depth++;
		else if (s[i] == ']' || s[i] == '}') {
			if (depth == 0)
				return (i);
			depth--;
		} else if (s[i] == ',' && depth == 0)
			return (i);
	}
	return (0);
}

static int
hex4(const char * s, unsigned * out)
{
	int i, d;

	*out = 0;
	for (i = 0; i < 4; i++) {
		if ((d = hex_digit(s[i])) < 0)
			return (-1);
		*out = *out << 4 | (unsigned)d;
	}
	return (0);
}

/* Decode the escape behind the backslash at ${s}; its bytes of input, or 0. */
static size_t
unescape(const char * s, size_t n, char out[4], size_t * len)
{
	const char * from = "\"\\/bfnrt", * to = "\"\\/\b\f\n\r\t", * at;
	unsigned hi, lo;

	*len = 1;
	if (n >= 2 && s[1] != '\0' && (at = strchr(from, s[1])) != NULL) {
		out[0] = to[at - from];
		return (2);
	}
	if (n < 6 || s[1] != 'u' || hex4(s + 2, &hi))
		return (0);
	if (hi >= 0xd800 && hi < 0xdc00 && n >= 12 && s[6] == '\\' &&
	    s[7] == 'u' && hex4(s + 8, &lo) == 0 && lo >= 0xdc00 &&
	    lo < 0xe000) {
		*len = utf8_put(0x10000 + ((hi - 0xd800) << 10) +
		    (lo - 0xdc00), out);
		return (12);
	}
	*len = utf8_put(hi, out);
	return (6);
}

/* Whether the JSON string of ${n} bytes (quotes left off) says ${w}. */
static int
string_is(const char * s, size_t n, const char * w, size_t wn)
{
	size_t i = 0, k = 0, used, len;
	char out[4];

	if (wn > n)
		return (0);
	while (i < n) {
		if (s[i] != '\\') {
			if (k >= wn || w[k] != s[i])
				return (0);
			i++;
			k++;
			continue;
		}
		if ((used = unescape(s + i, n - i, out, &len)) == 0 ||
		    len > wn - k || memcmp(w + k, out, len) != 0)
			return (0);
		i += used;
		k += len;
	}
	return (k == wn);
}

/* 1 member, 0 not, -1 no JSON array after all. */
static int
in_list(const char * s, size_t n, const char * w, size_t wn)
{
	size_t i = skip_space(s, n, 0), end, trim;
	int found = 0;

	if (i >= n || s[i] != '[')
		return (-1);
	i = skip_space(s, n, i + 1);
	if (i < n && s[i] == ']')
		return (skip_space(s, n, i + 1) == n ? 0 : -1);
	for (;;) {
		i = skip_space(s, n, i);
		if (i >= n || (end = value_end(s, n, i)) == 0 || end == i)
			return (-1);
		for (trim = end; trim > i && skip_space(s, end, trim - 1) == end;
		    trim--)
			continue;
		if (s[i] == '"' ? trim - i >= 2 &&
		    string_is(s + i + 1, trim - i - 2, w, wn) :
		    trim - i == wn && memcmp(s + i, w, wn) == 0)
			found = 1;
		if (s[end] == ']')
			return (skip_space(s, n, end + 1) == n ? found : -1);
		if (s[end] != ',')
			return (-1);
		i = end + 1;
	}
}

static void
contains_func(sqlite3_context * c, int argc, sqlite3_value ** v)
{
	const char * w, * s;
	size_t wn, n;
	int rc;

	(void)argc;
	if (sqlite3_value_type(v[0]) == SQLITE_NULL ||
	    sqlite3_value_type(v[1]) == SQLITE_NULL)
		return;
	w = (const char *)sqlite3_value_text(v[0]);
	s = (const char *)sqlite3_value_text(v[1]);
	if (w == NULL || s == NULL) {
		sqlite3_result_error_nomem(c);
		return;
	}
	wn = (size_t)sqlite3_value_bytes(v[0]);
	n = (size_t)sqlite3_value_bytes(v[1]);
	if ((rc = in_list(s, n, w, wn)) < 0)
		rc = wn == 0 || (n > 0 && memmem(s, n, w, wn) != NULL);
	sqlite3_result_int(c, rc);
}

int
query_contains_register(struct query * q)
{
	return (sqlite3_create_function(q->db, "match", 2, SQLITE_UTF8 |
	    SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, q, contains_func, NULL,
	    NULL));
}
