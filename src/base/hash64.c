#include "base/hash64.h"

#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

static inline uint64_t
mix(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 u128;
	u128 m = (u128)a * b;

	return ((uint64_t)m ^ (uint64_t)(m >> 64));
}

static inline uint64_t
r8(const unsigned char * p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return (v);
}

static inline uint64_t
r4(const unsigned char * p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return (v);
}

#define S0 UINT64_C(0xa0761d6478bd642f)
#define S1 UINT64_C(0xe7037ed1a0b428db)
#define S2 UINT64_C(0x8ebc6af09c88c6e3)
#define S3 UINT64_C(0x589965cc75374cc3)

uint64_t
hash64(uint64_t key, const char * s, size_t n)
{
	const unsigned char * p = (const unsigned char *)s;
	uint64_t a, b, see1, see2, s1, s2, s3;
	size_t i = n;

	/* The words are folded with constants only the key knows: a text that
	 * holds a known one would make a factor zero, and the product forget
	 * all that came before. */
	key ^= mix(key ^ S0, S1);
	s1 = S1 ^ key;
	s2 = S2 ^ key;
	s3 = S3 ^ key;
	if (n <= 16) {
		if (n >= 4) {
			size_t q = (n >> 3) << 2;

			a = (r4(p) << 32) | r4(p + q);
			b = (r4(p + n - 4) << 32) | r4(p + n - 4 - q);
		} else if (n > 0) {
			a = ((uint64_t)p[0] << 16) |
			    ((uint64_t)p[n >> 1] << 8) | p[n - 1];
			b = 0;
		} else {
			a = b = 0;
		}
	} else {
		if (i > 48) {
			see1 = see2 = key;
			do {
				key = mix(r8(p) ^ s1, r8(p + 8) ^ key);
				see1 = mix(r8(p + 16) ^ s2, r8(p + 24) ^ see1);
				see2 = mix(r8(p + 32) ^ s3, r8(p + 40) ^ see2);
				p += 48;
				i -= 48;
			} while (i > 48);
			key ^= see1 ^ see2;
		}
		while (i > 16) {
			key = mix(r8(p) ^ s1, r8(p + 8) ^ key);
			p += 16;
			i -= 16;
		}
		a = r8(p + i - 16);
		b = r8(p + i - 8);
	}
	return (mix(s1 ^ (uint64_t)n, mix(a ^ s1, b ^ key)));
}

uint64_t
hash64_secret(void)
{
	static uint64_t key;

	if (key == 0)
		arc4random_buf(&key, sizeof(key));
	return (key);
}

#ifdef __x86_64__
#define LANES 8

/* A round of AES a block: it spreads what was before, and takes the block in.  The
 * lanes are apart, so that no round waits for the one of another. */
static __attribute__((target("aes"))) uint64_t
long_aes(uint64_t key, const char * s, size_t n)
{
	__m128i lane[LANES];
	char end[16 * LANES];
	size_t i;

	for (i = 0; i < LANES; i++)
		lane[i] = _mm_set_epi64x((long long)(key ^ S0),
		    (long long)(key + i * S1));
	for (; n >= 16 * LANES; n -= 16 * LANES, s += 16 * LANES)
#pragma GCC unroll 8
		for (i = 0; i < LANES; i++)
			lane[i] = _mm_aesenc_si128(lane[i], _mm_loadu_si128(
			    (const __m128i *)(const void *)(s + 16 * i)));
	for (i = 0; i < LANES; i++)
		_mm_storeu_si128((__m128i *)(void *)(end + 16 * i),
		    _mm_aesenc_si128(lane[i], lane[(i + 1) % LANES]));
	return (hash64(hash64(key, end, sizeof(end)), s, n));
}
#endif

uint64_t
hash64_long(uint64_t key, const char * s, size_t n)
{
#ifdef __x86_64__
	if (n >= 512 && __builtin_cpu_supports("aes"))
		return (long_aes(key, s, n));
#endif
	return (hash64(key, s, n));
}
