#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/plain.h"
#include "base/utf8.h"

/* Well below all there is, so that sums and doublings cannot wrap. */
#define BUF_MAX_MAX (SIZE_MAX / 4)

/* Texts that are worth a try whether they need no escape at all. */
#define SHORT 512

int
buf_reserve(struct buf * b, size_t n)
{
	size_t max = b->max ? b->max : BUF_DEFAULT_MAX, want, cap;
	char * p;

	if (b->failed)
		return (-1);
	if (max > BUF_MAX_MAX)
		max = BUF_MAX_MAX;
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
	if (cap > max + 1)
		cap = max + 1; /* the bound is on memory too */
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
buf_add_slowly(struct buf * b, const void * p, size_t n)
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
buf_add_fault(struct buf * b, const char * fmt, ...)
{
	char s[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s, sizeof(s), fmt, ap);
	va_end(ap);
	return (buf_addf(b, "%s%s", b->len > 0 ? "; " : "", s));
}

/* Append the JSON escape of a byte that may not stand for itself. */
static void
add_escape(struct buf * b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char u[] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	switch (c) {
	case '"':
	case '\\':
		u[1] = (char)c;
		break;
	case '\n':
		u[1] = 'n';
		break;
	case '\t':
		u[1] = 't';
		break;
	case '\r':
		u[1] = 'r';
		break;
	default:
		break;
	}
	buf_add(b, u, u[1] == 'u' ? 6 : 2);
}

/* What may not stand for itself at ${s}; how many bytes of it were taken. */
static size_t
add_special(struct buf * b, const char * s, size_t n)
{
	unsigned char c = (unsigned char)*s;
	size_t len, run = 0;

	if (c < 0x80) {
		add_escape(b, c);
		return (1);
	}
	while (run < n && (unsigned char)s[run] >= 0x80 &&
	    (len = utf8_seq(s + run, n - run)) > 0)
		run += len;
	if (run == 0) {
		buf_adds(b, "\xef\xbf\xbd");
		return (1);
	}
	buf_add(b, s, run);
	return (run);
}

int
buf_add_json_str(struct buf * b, const char * s, size_t n)
{
	size_t i = 0, run, start = b->len;
	char * p;

	/* So much it takes at least. */
	if (n > SIZE_MAX - 2 || (n + 2 >= b->cap - b->len &&
	    buf_reserve(b, n + 2)))
		b->failed = 1;
	/* Most are short, and nothing but what stands for itself. */
	if (n <= SHORT && !b->failed) {
		p = b->p + b->len;
		if (plain_copy(p + 1, s, n)) {
			p[0] = p[n + 1] = '"';
			p[n + 2] = '\0';
			b->len += n + 2;
			return (0);
		}
	}
	buf_addc(b, '"');
	while (i < n && !b->failed) {
		run = plain_run(s + i, n - i);
		buf_add(b, s + i, run);
		i += run;
		if (i < n)
			i += add_special(b, s + i, n - i);
	}
	if (buf_addc(b, '"') == 0)
		return (0);
	/* Half a string is worse than none. */
	b->len = start;
	if (b->p != NULL)
		b->p[start] = '\0';
	return (-1);
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
