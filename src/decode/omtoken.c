#include "decode/omtoken.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

int
omtoken_fault(struct openmetrics_line * l, const char * at, const char * what)
{
	l->fault = at;
	snprintf(l->what, sizeof(l->what), "%s", what);
	return (-1);
}

int
omtoken_expected(struct openmetrics_line * l, const char * at,
    const char * end, const char * what)
{
	char found[32];

	if (at == end)
		snprintf(found, sizeof(found), "the end of the line");
	else if (*at == '\t')
		snprintf(found, sizeof(found), "a tab");
	else if (*at == '\r')
		snprintf(found, sizeof(found), "a carriage return");
	else if (*at >= 0x20 && *at < 0x7f)
		snprintf(found, sizeof(found), "'%c'", *at);
	else
		snprintf(found, sizeof(found), "byte 0x%02x",
		    (unsigned char)*at);
	l->fault = at;
	snprintf(l->what, sizeof(l->what), "expected %s; found %s", what,
	    found);
	return (-1);
}

int
omtoken_bad(struct openmetrics_line * l, const char * p, const char * end,
    const char * what, enum openmetrics_number why)
{
	char show[40];
	size_t i, n = (size_t)(end - p);

	if (n == 0)
		return (omtoken_expected(l, p, end, what));
	for (i = 0; i < n && i < sizeof(show) - 4; i++)
		show[i] = (p[i] >= 0x20 && p[i] < 0x7f) ? p[i] : '?';
	snprintf(show + i, sizeof(show) - i, "%s", i < n ? "..." : "");
	l->fault = p;
	if (why == OPENMETRICS_NUMBER_BAD)
		snprintf(l->what, sizeof(l->what), "expected %s; found \"%s\"%s",
		    what, show, end[-1] == '\r' ?
		    " (lines end with \\n alone, not \\r\\n)" : "");
	else
		snprintf(l->what, sizeof(l->what), "%s \"%s\" is too %s", what,
		    show, why == OPENMETRICS_NUMBER_LONG ? "long" : "large");
	return (-1);
}

const char *
omtoken_end(const struct openmetrics_line * l, const char * p,
    const char * end)
{
	while (p < end && *p != ' ' &&
	    (*p != '\t' || l->fmt != OPENMETRICS_TEXT))
		p++;
	return (p);
}

/* Take the escapes out of ${n} bytes, into the scratch buffer if there are
 * any.  It has room for the whole line, so what points into it stays. */
static struct openmetrics_slice
unescape(struct openmetrics_line * l, const char * p, size_t n)
{
	struct openmetrics_slice s = { p, n };
	struct buf * b = &l->scratch;
	size_t i, from = b->len;

	if (memchr(p, '\\', n) == NULL)
		return (s);
	for (i = 0; i < n; i++) {
		char c = p[i];

		if (c == '\\' && i + 1 < n &&
		    (p[i + 1] == '\\' || p[i + 1] == '"' || p[i + 1] == 'n'))
			c = p[++i] == 'n' ? '\n' : p[i];
		b->p[b->len++] = c;
	}
	b->p[b->len] = '\0';
	s.p = b->p + from;
	s.n = b->len - from;
	return (s);
}

int
omtoken_quoted(struct openmetrics_line * l, const char ** pp,
    const char * end, const char * what, int is_name, struct openmetrics_slice * s)
{
	const char * p = *pp + 1, * from = p;
	size_t n, bad;

	while (p < end && *p != '"')
		p += *p == '\\' && p + 1 < end ? 2 : 1;
	n = (size_t)(p - from);
	if ((bad = utf8_check(from, n)) < n) {
		l->fault = from + bad;
		snprintf(l->what, sizeof(l->what),
		    "byte 0x%02x in %s is not UTF-8",
		    (unsigned char)from[bad], what);
		return (-1);
	}
	if (p == end) {
		l->fault = end;
		snprintf(l->what, sizeof(l->what),
		    "expected the closing '\"' of %s; found the end of the "
		    "line", what);
		return (-1);
	}
	if (is_name && n == 0)
		return (omtoken_expected(l, p, end, what));
	if (is_name && (from = memchr(from, '\0', n)) != NULL)
		return (omtoken_expected(l, from, end, "no NUL in a name"));
	if (s != NULL)
		*s = unescape(l, *pp + 1, n);
	*pp = p + 1;
	return (0);
}

int
omtoken_utf8(struct openmetrics_line * l, const char * p, const char * end)
{
	size_t n = (size_t)(end - p), bad = utf8_check(p, n);

	if (bad == n)
		return (0);
	l->fault = p + bad;
	snprintf(l->what, sizeof(l->what), "byte 0x%02x is not UTF-8",
	    (unsigned char)p[bad]);
	return (-1);
}
