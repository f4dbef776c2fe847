#include "base/plain.h"

#if PLAIN_WIDE
#include <immintrin.h>

#define WIDE __attribute__((target("avx2")))

/* 0xff where a byte is not plain. */
static inline WIDE __m256i
wide_not(const char * s)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)(const void *)s);

	return (_mm256_or_si256(_mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), v),
	    _mm256_or_si256(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')),
	    _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\')))));
}

WIDE size_t
plain_wide(const char * s, size_t n)
{
	size_t i = 0;
	__m256i a, b;
	unsigned m;

	while (n - i >= 128) {
		a = _mm256_or_si256(wide_not(s + i), wide_not(s + i + 32));
		b = _mm256_or_si256(wide_not(s + i + 64),
		    wide_not(s + i + 96));
		a = _mm256_or_si256(a, b);
		if (!_mm256_testz_si256(a, a))
			break;
		i += 128;
	}
	for (; n - i >= 32; i += 32) {
		m = (unsigned)_mm256_movemask_epi8(wide_not(s + i));
		if (m != 0)
			return (i + (size_t)__builtin_ctz(m));
	}
	return (i + plain_narrow(s + i, n - i));
}
#else
size_t
plain_wide(const char * s, size_t n)
{
	return (plain_narrow(s, n));
}
#endif
