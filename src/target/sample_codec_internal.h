#ifndef MOLTLER_TARGET_SAMPLE_CODEC_INTERNAL_H
#define MOLTLER_TARGET_SAMPLE_CODEC_INTERNAL_H

#include <stdint.h>
#include <string.h>
#include <zstd.h>

#include "base/buf.h"
#include "target/sample_codec.h"

enum { STREAM_KINDS, STREAM_CONSTS, STREAM_INTS, STREAM_XORS, STREAMS };

struct sample_codec {
	ZSTD_CCtx * cc;
	ZSTD_DCtx * dc;
	struct buf raw; /* a tick's body before zstd, or a stream after it */
	struct buf shuf;
	/* A block under way. */
	const int64_t * at;
	uint32_t t, n, done;
	uint32_t nconst, nxor;
	struct buf stream[STREAMS];
	int64_t ints[SAMPLE_MAX_TICKS];
	uint64_t bits[SAMPLE_MAX_TICKS];
};

/* Ten digits after the point reach nanoseconds and spare; what needs more is
 * no decimal number anyone wrote. */
#define DEC_MAX 12

static const double dec_pow[DEC_MAX + 1] = { 1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6,
	1e7, 1e8, 1e9, 1e10, 1e11, 1e12 };

#define DEC_LIMIT 4503599627370496.0 /* 2^52 */

static inline uint64_t
bits_of(double v)
{
	uint64_t u;

	memcpy(&u, &v, sizeof(u));
	return (u);
}

static inline double
of_bits(uint64_t u)
{
	double v;

	memcpy(&v, &u, sizeof(v));
	return (v);
}

/* v * 10^k as the nearest integer, or 0 where there is none in reach (NaN
 * fails the comparison).  Both sides of the codec use this same function. */
static inline int64_t
dec_scale(double v, unsigned k)
{
	double m = v * dec_pow[k];

	if (!(m < DEC_LIMIT && m > -DEC_LIMIT))
		return (0);
	return ((int64_t)(m + (m < 0 ? -0.5 : 0.5)));
}

/* The value that ${i} at scale ${k} stands for.  A correctly rounded division
 * gives the double nearest to the decimal, which is what a page's text meant. */
static inline double
dec_value(int64_t i, unsigned k)
{
	return ((double)i / dec_pow[k]);
}

/* Whether ${v} is exactly ${*i} at scale ${k}. */
static inline int
dec_is(double v, unsigned k, int64_t * i)
{
	*i = dec_scale(v, k);
	return (bits_of(dec_value(*i, k)) == bits_of(v));
}

/* The least scale at which ${v} is an integer: that, or -1. */
static inline int
dec_find(double v, int64_t * i)
{
	double a = v < 0 ? -v : v;
	int k;

	if (dec_is(v, 0, i))
		return (0);
	/* Bits of a NaN, an infinity or a minus zero never come back. */
	if (!(a < 4.5e12) || a == 0)
		return (-1);
	k = a < 4.5e3 ? 12 : a < 4.5e6 ? 9 : a < 4.5e9 ? 6 : 3;
	if (!dec_is(v, (unsigned)k, i))
		return (-1);
	while (k > 1 && *i % 10 == 0) {
		*i /= 10;
		k--;
	}
	return (k);
}

static inline uint64_t
zigzag(int64_t v)
{
	return (((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

static inline int64_t
unzigzag(uint64_t u)
{
	return ((int64_t)((u >> 1) ^ (~(u & 1) + 1)));
}

#define VARINT_MAX 10

static inline uint8_t *
varint_put(uint8_t * p, uint64_t u)
{
	while (u >= 0x80) {
		*p++ = (uint8_t)(u | 0x80);
		u >>= 7;
	}
	*p++ = (uint8_t)u;
	return (p);
}

static inline unsigned
varint_len(uint64_t u)
{
	return (((unsigned)(63 - __builtin_clzll(u | 1)) * 9 + 73) / 64);
}

/* Bytes still to be read; ${bad} once anything was short or wrong. */
struct rd {
	const uint8_t * p, * end;
	int bad;
};

static inline uint64_t
rd_varint(struct rd * r)
{
	uint64_t u = 0;
	unsigned shift;
	uint8_t b;

	for (shift = 0; shift < 64 && r->p < r->end; shift += 7) {
		b = *r->p++;
		if (shift == 63 && b > 1)
			break;
		u |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80)
			return (u);
	}
	r->bad = 1;
	return (0);
}

/* ${n} bytes to be looked at in place, or NULL. */
static inline const uint8_t *
rd_bytes(struct rd * r, uint64_t n)
{
	const uint8_t * p = r->p;

	if (n > (uint64_t)(r->end - r->p)) {
		r->bad = 1;
		return (NULL);
	}
	r->p += n;
	return (p);
}

#endif
