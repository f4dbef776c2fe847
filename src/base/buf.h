#ifndef MOLTLER_BASE_BUF_H
#define MOLTLER_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

/**
 * struct buf: bytes that grow up to a bound.  Zero it (or use BUF_INIT) before
 * first use; ${p} is NUL-terminated whenever it is not NULL.  A growth that
 * fails (bound or memory) sets ${failed}, drops the bytes of that call, and
 * every later append fails too, so one check at the end is enough.
 */
struct buf {
	char * p;
	size_t len;
	size_t cap;
	size_t max; /* bytes; 0 means BUF_DEFAULT_MAX */
	int failed;
};

#define BUF_DEFAULT_MAX ((size_t)64 << 20)
#define BUF_INIT(maxbytes) { .max = (maxbytes) }

/** buf_reserve(b, n): Make room for ${n} more bytes (and the NUL).  0 or -1. */
int buf_reserve(struct buf * b, size_t n);

/** buf_add_slowly(b, p, n): buf_add(), where there is no room. */
int buf_add_slowly(struct buf * b, const void * p, size_t n);

/** buf_add(b, p, n): Append ${n} bytes.  0, or -1 with ${b}->failed set. */
static inline int
buf_add(struct buf * b, const void * p, size_t n)
{
	/* The NUL needs room, too. */
	if (n >= b->cap - b->len || b->failed)
		return (buf_add_slowly(b, p, n));
	if (n > 0)
		memcpy(b->p + b->len, p, n);
	b->len += n;
	b->p[b->len] = '\0';
	return (0);
}

/** buf_add_near(b, p, n): buf_add() of a few bytes, for which a call of memcpy() is
 * half the cost.  BUF_NEAR bytes behind them may be read, too. */
#define BUF_NEAR 15
static inline int
buf_add_near(struct buf * b, const char * p, size_t n)
{
	size_t left = b->cap - b->len, i;

	if (left <= BUF_NEAR || n >= left - BUF_NEAR || b->failed)
		return (buf_add_slowly(b, p, n));
	for (i = 0; i < n; i += BUF_NEAR + 1)
		memcpy(b->p + b->len + i, p + i, BUF_NEAR + 1);
	b->len += n;
	b->p[b->len] = '\0';
	return (0);
}

/** buf_adds(b, s): Append the C string ${s}.  As buf_add. */
static inline int
buf_adds(struct buf * b, const char * s)
{
	return (buf_add(b, s, strlen(s)));
}

/** buf_addc(b, c): Append one byte.  As buf_add. */
static inline int
buf_addc(struct buf * b, char c)
{
	return (buf_add(b, &c, 1));
}

/** buf_addf(b, fmt, ...): Append formatted text.  As buf_add. */
int buf_addf(struct buf * b, const char * fmt, ...)
    __attribute__((format(printf, 2, 3)));

/** buf_add_fault(b, fmt, ...): One more of several faults, of which a message tells:
 * "; " stands between them.  At most 399 bytes of it.  As buf_add. */
int buf_add_fault(struct buf * b, const char * fmt, ...)
    __attribute__((format(printf, 2, 3)));

/**
 * buf_add_json_str(b, s, n):
 * Append ${n} bytes as a JSON string with its quotes.  Bytes that are not
 * UTF-8 become U+FFFD, one each (RFC 8259 section 7).
 */
int buf_add_json_str(struct buf * b, const char * s, size_t n);

/** buf_consume(b, n): Drop the first ${n} bytes (at most all). */
void buf_consume(struct buf * b, size_t n);

/** buf_clear(b): Forget the bytes, keep the memory and clear ${failed}. */
void buf_clear(struct buf * b);

/** buf_free(b): Give the memory back; ${b} is as BUF_INIT(max) afterwards. */
void buf_free(struct buf * b);

/**
 * buf_wipe(b):
 * As buf_free, after overwriting the bytes (for secrets).  Growing may have
 * moved them before and left a copy: for secrets buf_reserve first.
 */
void buf_wipe(struct buf * b);

#endif
