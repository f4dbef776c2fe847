#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash64.h"

static int
compare(const void * a, const void * b)
{
	const uint64_t * x = a, * y = b;

	return (*x < *y ? -1 : *x > *y);
}

static int
distinct(uint64_t * h, size_t n)
{
	size_t i;

	qsort(h, n, sizeof(*h), compare);
	for (i = 1; i < n; i++)
		if (h[i] == h[i - 1])
			return (0);
	return (1);
}

/* Every length, in memory that ends where the text does, at any alignment. */
static void
test_lengths(void ** state)
{
	uint64_t h[300];
	char * p, * q;
	size_t n;

	(void)state;
	for (n = 0; n < 300; n++) {
		p = malloc(n ? n : 1);
		q = malloc(n + 1);
		assert_non_null(p);
		assert_non_null(q);
		memset(p, 'a', n);
		memset(q, 'a', n + 1);
		h[n] = hash64(7, p, n);
		assert_int_equal(hash64(7, q + 1, n), h[n]);
		free(p);
		free(q);
	}
	assert_true(distinct(h, 300));
	assert_int_equal(hash64(7, NULL, 0), hash64(7, "", 0));
}

/* Each bit of each length counts, and about half of the result changes. */
static void
test_every_bit(void ** state)
{
	static const size_t lens[] = { 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32,
	    33, 48, 49, 64, 96, 97, 200 };
	char s[200];
	uint64_t h, d, flips = 0, n = 0;
	size_t i, bit;

	(void)state;
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		memset(s, '.', sizeof(s));
		h = hash64(99, s, lens[i]);
		for (bit = 0; bit < lens[i] * 8; bit++) {
			s[bit / 8] = (char)(s[bit / 8] ^ (1 << bit % 8));
			d = h ^ hash64(99, s, lens[i]);
			s[bit / 8] = (char)(s[bit / 8] ^ (1 << bit % 8));
			assert_true(d != 0);
			flips += (uint64_t)__builtin_popcountll(d);
			n++;
		}
	}
	assert_in_range(flips / n, 31, 33);
}

static void
test_keys(void ** state)
{
	uint64_t h[1000], k;

	(void)state;
	for (k = 0; k < 1000; k++)
		h[k] = hash64(k, "node_cpu_seconds_total", 22);
	assert_true(distinct(h, 1000));
}

/* Words equal to the construction's public constants must not make it forget
 * what came before. */
static void
test_known_constants_do_no_harm(void ** state)
{
	static const uint64_t words[] = { UINT64_C(0xa0761d6478bd642f),
	    UINT64_C(0xe7037ed1a0b428db), UINT64_C(0x8ebc6af09c88c6e3),
	    UINT64_C(0x589965cc75374cc3) };
	char a[160], b[160];
	size_t w, at, n;

	(void)state;
	for (w = 0; w < 4; w++) {
		for (at = 8; at + 8 <= 160; at += 8) {
			for (n = at + 8; n <= 160; n += 8) {
				memset(a, 'x', sizeof(a));
				memset(b, 'x', sizeof(b));
				b[0] = 'y';
				memcpy(a + at, &words[w], 8);
				memcpy(b + at, &words[w], 8);
				if (hash64(5, a, n) == hash64(5, b, n))
					fail_msg("word %zu at %zu of %zu", w, at,
					    n);
			}
		}
	}
}

/* The same of the one for long texts, in memory that ends where the text does. */
static void
test_long(void ** state)
{
	static const size_t lens[] = { 500, 512, 513, 640, 767, 1500 };
	uint64_t h[1600], d, one;
	char * s;
	size_t n, i, bit;

	(void)state;
	for (n = 0; n < 1600; n++) {
		assert_non_null(s = malloc(n + 1));
		memset(s, 'a', n);
		h[n] = hash64_long(7, s, n);
		free(s);
	}
	assert_true(distinct(h, 1600));
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		assert_non_null(s = malloc(lens[i]));
		memset(s, '.', lens[i]);
		one = hash64_long(99, s, lens[i]);
		assert_true(one != hash64_long(98, s, lens[i]));
		for (bit = 0; bit < lens[i] * 8; bit++) {
			s[bit / 8] = (char)(s[bit / 8] ^ (1 << bit % 8));
			d = one ^ hash64_long(99, s, lens[i]);
			s[bit / 8] = (char)(s[bit / 8] ^ (1 << bit % 8));
			assert_in_range(__builtin_popcountll(d), 8, 56);
		}
		free(s);
	}
}

/* Pieces that change places are another text. */
static void
test_long_places(void ** state)
{
	char s[1024], c[16];
	uint64_t h[64 * 63 / 2 + 1];
	size_t i, k, n = 0;

	(void)state;
	for (i = 0; i < sizeof(s); i++)
		s[i] = (char)(i / 16 + 1);
	h[n++] = hash64_long(5, s, sizeof(s));
	for (i = 0; i < 64; i++)
		for (k = i + 1; k < 64; k++) {
			memcpy(c, s + 16 * i, 16);
			memcpy(s + 16 * i, s + 16 * k, 16);
			memcpy(s + 16 * k, c, 16);
			h[n++] = hash64_long(5, s, sizeof(s));
			memcpy(s + 16 * k, s + 16 * i, 16);
			memcpy(s + 16 * i, c, 16);
		}
	assert_true(distinct(h, n));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths), cmocka_unit_test(test_every_bit),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_known_constants_do_no_harm),
		cmocka_unit_test(test_long), cmocka_unit_test(test_long_places),
	};

	return (cmocka_run_group_tests_name("hash64", tests, NULL, NULL));
}
