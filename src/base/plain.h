#ifndef MOLTLER_BASE_PLAIN_H
#define MOLTLER_BASE_PLAIN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/*
 * The bytes that stand for themselves in a JSON string, and need no look: ASCII
 * but for controls, '"' and '\'.  Nearly all that JSON consists of is such runs,
 * so they are looked through 16 bytes at once, by 64 where they are long, and by 128
 * where the processor has wide registers.
 */
#if defined(__SSE2__) && defined(__GNUC__)
#define PLAIN_WIDE 1
#else
#define PLAIN_WIDE 0
#endif

/** plain_wide(s, n): plain_run() in 32 and 128 bytes, for where plain_has_wide(). */
size_t plain_wide(const char * s, size_t n);

static inline int
plain_has_wide(void)
{
#if PLAIN_WIDE
	return (__builtin_cpu_supports("avx2") != 0);
#else
	return (0);
#endif
}

static inline int
plain_is(char c)
{
	return ((signed char)c >= 0x20 && c != '"' && c != '\\');
}

#ifdef __SSE2__
/* 0xff where a byte is not plain: as signed numbers, controls and what is not
 * ASCII are both less than a space. */
static inline __m128i
plain_not_of(__m128i v)
{
	return (_mm_or_si128(_mm_cmplt_epi8(v, _mm_set1_epi8(0x20)),
	    _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
	    _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')))));
}

static inline __m128i
plain_not(const char * s)
{
	return (plain_not_of(_mm_loadu_si128((const __m128i *)(const void *)s)));
}

/* How many of the 16 bytes from ${s} on are plain, up to the first that is not. */
static inline size_t
plain_short(const char * s)
{
	return ((size_t)__builtin_ctz((unsigned)_mm_movemask_epi8(
	    plain_not(s)) | 0x10000));
}

/* Some 16 bytes of ${s} to the same place of ${to}; what of them is not plain. */
static inline __m128i
plain_block(char * to, const char * s)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)s);

	_mm_storeu_si128((__m128i *)(void *)to, v);
	return (plain_not_of(v));
}

/* plain_copy() of fewer than 16 bytes: the first and the last 8, or 4, of them. */
static inline int
plain_copy_few(char * to, const char * s, size_t n)
{
	uint64_t a, b;
	uint32_t c, d;
	size_t i;

	if (n < 4) {
		for (i = 0; i < n && plain_is(s[i]); i++)
			to[i] = s[i];
		return (i == n);
	}
	if (n < 8) {
		memcpy(&c, s, 4);
		memcpy(&d, s + n - 4, 4);
		memcpy(to, &c, 4);
		memcpy(to + n - 4, &d, 4);
		a = b = (uint64_t)c << 32 | d;
	} else {
		memcpy(&a, s, 8);
		memcpy(&b, s + n - 8, 8);
		memcpy(to, &a, 8);
		memcpy(to + n - 8, &b, 8);
	}
	return (_mm_movemask_epi8(plain_not_of(_mm_set_epi64x((int64_t)a,
	    (int64_t)b))) == 0);
}

/** plain_copy(to, s, n): Copy ${n} bytes that are all plain; 0: they are not, and
 * what is at ${to} now is nothing. */
static inline int
plain_copy(char * to, const char * s, size_t n)
{
	__m128i bad = _mm_setzero_si128();
	size_t i;

	if (n < 16)
		return (plain_copy_few(to, s, n));
	for (i = 0; i < n - 16; i += 16)
		bad = _mm_or_si128(bad, plain_block(to + i, s + i));
	bad = _mm_or_si128(bad, plain_block(to + n - 16, s + n - 16));
	return (_mm_movemask_epi8(bad) == 0);
}

static inline size_t
plain_blocks(const char * s, size_t n, int * found)
{
	size_t i = 0;
	unsigned m;

	*found = 1;
	while (n - i >= 16) {
		m = (unsigned)_mm_movemask_epi8(plain_not(s + i));
		if (m != 0)
			return (i + (size_t)__builtin_ctz(m));
		i += 16;
		while (n - i >= 64 && _mm_movemask_epi8(_mm_or_si128(
		    _mm_or_si128(plain_not(s + i), plain_not(s + i + 16)),
		    _mm_or_si128(plain_not(s + i + 32),
		    plain_not(s + i + 48)))) == 0)
			i += 64;
	}
	*found = 0;
	return (i);
}
#else
#define PLAIN_ONES (UINT64_MAX / 255)
#define PLAIN_TOPS (PLAIN_ONES * 0x80)

/* Top bits where a byte is 0, and perhaps above the first of them. */
static inline uint64_t
plain_zeros(uint64_t v)
{
	return ((v - PLAIN_ONES) & ~v & PLAIN_TOPS);
}

static inline size_t
plain_short(const char * s)
{
	size_t i = 0;

	while (i < 16 && plain_is(s[i]))
		i++;
	return (i);
}

static inline int
plain_copy(char * to, const char * s, size_t n)
{
	size_t i;

	for (i = 0; i < n && plain_is(s[i]); i++)
		to[i] = s[i];
	return (i == n);
}

static inline size_t
plain_blocks(const char * s, size_t n, int * found)
{
	size_t i = 0;
	uint64_t v;

	*found = 0;
	for (; n - i >= 8; i += 8) {
		memcpy(&v, s + i, 8);
		if (((v | (v - PLAIN_ONES * 0x20)) & PLAIN_TOPS) != 0 ||
		    plain_zeros(v ^ (PLAIN_ONES * '"')) != 0 ||
		    plain_zeros(v ^ (PLAIN_ONES * '\\')) != 0)
			break;
	}
	return (i);
}
#endif

/* plain_run() with what all processors have. */
static inline size_t
plain_narrow(const char * s, size_t n)
{
	int found;
	size_t i = plain_blocks(s, n, &found);

	if (!found)
		while (i < n && plain_is(s[i]))
			i++;
	return (i);
}

/** plain_run(s, n): How many of the ${n} bytes from ${s} on are plain, up to the
 * first that is not. */
static inline size_t
plain_run(const char * s, size_t n)
{
	size_t i = 0;

#if PLAIN_WIDE
	/* Most runs end before a call would pay. */
	for (; i < 64; i += 16) {
		unsigned m;

		if (n - i < 16)
			return (i + plain_narrow(s + i, n - i));
		m = (unsigned)_mm_movemask_epi8(plain_not(s + i));
		if (m != 0)
			return (i + (size_t)__builtin_ctz(m));
	}
	if (plain_has_wide())
		return (i + plain_wide(s + i, n - i));
#endif
	return (i + plain_narrow(s + i, n - i));
}

#endif
