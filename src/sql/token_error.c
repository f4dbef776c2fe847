#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "sql/token.h"
#include "sql/token_mask.h"

#define EXCERPT 80 /* characters */
#define NARROW 40  /* where the message leaves no room for that */

/* One character of the text for people: never a control character, and what is
 * not UTF-8 as a question mark.  Return the bytes taken. */
static size_t
put_char(const char * s, size_t n, char * out, size_t * len)
{
	size_t k = utf8_seq(s, n);

	if (k == 0 || (unsigned char)*s < 0x20 || *s == 0x7f)
		out[(*len)++] = k == 0 ? '?' : ' ';
	else {
		memcpy(out + *len, s, k);
		*len += k;
	}
	return (k == 0 ? 1 : k);
}

static size_t
chars_back(const char * sql, size_t from, size_t floor, size_t chars)
{
	while (from > floor && chars > 0) {
		from--;
		if (((unsigned char)sql[from] & 0xc0) != 0x80)
			chars--;
	}
	return (from);
}

/* Write the line that holds ${off}, ${most} characters of it, and, below it, a caret;
 * secrets masked. */
static void
put_excerpt(const char * sql, size_t len, size_t off, size_t most, char * out,
    size_t cap)
{
	size_t start = off, from, at, n = 0, chars = 0, col = 0, end = off, hidden;
	char text[EXCERPT * 4 + 1];
	struct token_mask mask;

	while (start > 0 && sql[start - 1] != '\n')
		start--;
	while (end < len && sql[end] != '\n')
		end++;
	/* More of what stands before the place, where the line is longer. */
	from = chars_back(sql, off, start, most / 8 * 5);
	token_mask(sql, len, from, end, &mask);
	for (at = from; at < end && chars < most; chars++) {
		if (at < off)
			col = chars + 1;
		if ((hidden = token_mask_end(&mask, at)) != 0) {
			/* However long it is. */
			memcpy(text + n, "***", 3);
			n += 3;
			chars += 2;
			at = hidden;
		} else {
			at += put_char(sql + at, len - at, text, &n);
		}
	}
	while (n > 0 && text[n - 1] == ' ' && chars > col + 1) {
		n--;
		chars--;
	}
	text[n] = '\0';
	snprintf(out, cap, "\n  %s\n  %*s^", text, (int)col, "");
}

int
token_error(const char * sql, size_t len, size_t off, struct err * e,
    const char * fmt, ...)
{
	char what[sizeof(e->msg)], excerpt[EXCERPT * 4 + 16 + EXCERPT];
	size_t line, col, n;
	va_list ap;

	if (off > len)
		off = len;
	token_place(sql, len, off, &line, &col);
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	err_set(e, ERR_PERMANENT, "sql", "line %zu, column %zu: %s", line, col,
	    what);
	if (e == NULL)
		return (-1);
	/* The excerpt comes whole or not at all: half a caret misleads. */
	n = strlen(e->msg);
	put_excerpt(sql, len, off, EXCERPT, excerpt, sizeof(excerpt));
	if (n + strlen(excerpt) >= sizeof(e->msg))
		put_excerpt(sql, len, off, NARROW, excerpt, sizeof(excerpt));
	if (n + strlen(excerpt) < sizeof(e->msg))
		memcpy(e->msg + n, excerpt, strlen(excerpt) + 1);
	return (-1);
}

size_t
token_error_place(const char * msg, size_t * line, size_t * col)
{
	size_t l, c;
	int n = 0;

	if (sscanf(msg, "line %zu, column %zu: %n", &l, &c, &n) != 2 || n <= 0)
		return (0);
	if (line != NULL)
		*line = l;
	if (col != NULL)
		*col = c;
	return ((size_t)n);
}
