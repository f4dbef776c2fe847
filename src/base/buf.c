#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

int
buf_reserve(struct buf * b, size_t n)
{
	size_t max = b->max ? b->max : BUF_DEFAULT_MAX, want, cap;
	char * p;

	if (b->failed)
		return (-1);
	if (n > max || b->len > max - n) {
		b->failed = 1;
		return (-1);
	}
	want = b->len + n + 1;
	if (want <= b->cap)
		return (0);
	cap = b->cap ? b->cap : 64;
	while (cap < want)
		cap *= 2;
	if ((p = realloc(b->p, cap)) == NULL) {
		b->failed = 1;
		return (-1);
	}
	b->p = p;
	b->cap = cap;
	b->p[b->len] = '\0';
	return (0);
}

int
buf_add(struct buf * b, const void * p, size_t n)
{
	if (buf_reserve(b, n))
		return (-1);
	if (n > 0)
		memcpy(b->p + b->len, p, n);
	b->len += n;
	b->p[b->len] = '\0';
	return (0);
}

int
buf_adds(struct buf * b, const char * s)
{
	return (buf_add(b, s, strlen(s)));
}

int
buf_addc(struct buf * b, char c)
{
	return (buf_add(b, &c, 1));
}

int
buf_addf(struct buf * b, const char * fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || buf_reserve(b, (size_t)n)) {
		b->failed = 1;
		return (-1);
	}
	va_start(ap, fmt);
	vsnprintf(b->p + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
	return (0);
}

int
buf_add_json_str(struct buf * b, const char * s, size_t n)
{
	size_t i = 0, run = 0, len;
	unsigned char c;

	if (buf_reserve(b, n + 2))
		return (-1);
	buf_addc(b, '"');
	while (i < n) {
		c = (unsigned char)s[i];
		len = c < 0x80 ? 1 : utf8_seq(s + i, n - i);
		if (len > 0 && c >= 0x20 && c != '"' && c != '\\') {
			i += len;
			continue;
		}
		buf_add(b, s + run, i - run);
		if (len == 0)
			buf_adds(b, "\xef\xbf\xbd");
		else if (c == '"' || c == '\\')
			buf_addf(b, "\\%c", c);
		else if (c == '\n')
			buf_adds(b, "\\n");
		else if (c == '\t')
			buf_adds(b, "\\t");
		else if (c == '\r')
			buf_adds(b, "\\r");
		else
			buf_addf(b, "\\u%04x", c);
		run = ++i;
	}
	buf_add(b, s + run, i - run);
	return (buf_addc(b, '"'));
}

void
buf_consume(struct buf * b, size_t n)
{
	if (n >= b->len)
		n = b->len;
	if (n == 0)
		return;
	memmove(b->p, b->p + n, b->len - n);
	b->len -= n;
	b->p[b->len] = '\0';
}

void
buf_clear(struct buf * b)
{
	b->len = 0;
	b->failed = 0;
	if (b->p != NULL)
		b->p[0] = '\0';
}

void
buf_free(struct buf * b)
{
	free(b->p);
	b->p = NULL;
	b->len = b->cap = 0;
	b->failed = 0;
}

void
buf_wipe(struct buf * b)
{
	if (b->p != NULL)
		explicit_bzero(b->p, b->cap);
	buf_free(b);
}
