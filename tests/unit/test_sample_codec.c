#include <setjmp.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sample_fix.h"
#include "target/sample_codec.h"
#include "target/sample_series.h"

#define N 507
#define T 60

static struct sample_codec * c;

static int
setup(void ** state)
{
	(void)state;
	c = sample_codec_new();
	return (c == NULL);
}

static int
teardown(void ** state)
{
	(void)state;
	sample_codec_free(c);
	return (0);
}

static double
nan_bits(uint64_t payload)
{
	uint64_t u = UINT64_C(0x7ff8000000000000) | payload;
	double v;

	memcpy(&v, &u, sizeof(v));
	return (v);
}

/* What must come back bit for bit. */
static double odd[] = { 0.0, -0.0, 1, -1, 0.1, -0.1, 1e-9, 123456.789e-6,
	4503599627370495.0, 4503599627370496.0, 9007199254740993.0,
	-9007199254740992.0, 1e300, -1e300, 4.9e-324, -4.9e-324, 2.2e-308,
	1.7976931348623157e308, INFINITY, -INFINITY, 0, 0, 0, 1763745453.1234567,
	0.30000000000000004, 1e15 + 0.5, 4.5e12, 4499999999999.999, 4.5e3,
	4499.999999999999, 1e22, 18446744073709551616.0 };
#define NODD ((uint32_t)(sizeof(odd) / sizeof(odd[0])))

static void
fill_odd(void)
{
	odd[20] = nan_bits(0);
	odd[21] = nan_bits(0xdeadbeef) * 1;
	odd[22] = -nan_bits(2);
}

static void
tick_round(const double * prev, const double * v, uint32_t n)
{
	struct buf b = BUF_INIT(0);
	double * got = malloc(n * sizeof(*got) + 1);

	assert_int_equal(sample_codec_tick_put(c, prev, v, n, &b), 0);
	assert_int_equal(sample_codec_tick_is_key(b.p, b.len), prev == NULL);
	if (prev != NULL)
		memcpy(got, prev, n * sizeof(*got));
	else
		memset(got, 0x5a, n * sizeof(*got));
	assert_int_equal(sample_codec_tick_get(c, b.p, b.len, got, n), 0);
	assert_memory_equal(got, v, n * sizeof(*got));
	/* One byte less or more, or another number of series: refused. */
	if (n > 0)
		assert_int_equal(sample_codec_tick_get(c, b.p, b.len - 1, got,
		    n), -1);
	free(got);
	buf_free(&b);
}

static void
test_tick_odd_values(void ** state)
{
	double v[NODD * NODD], prev[NODD * NODD];
	uint32_t i;

	(void)state;
	fill_odd();
	for (i = 0; i < NODD * NODD; i++) {
		v[i] = odd[i % NODD];
		prev[i] = odd[i / NODD];
	}
	tick_round(NULL, v, NODD * NODD);
	tick_round(prev, v, NODD * NODD);
	tick_round(v, v, NODD * NODD);
	for (i = 0; i < 20; i++)
		tick_round(prev + 33, v, i);
	tick_round(NULL, v, 0);
}

static void
test_tick_real_like(void ** state)
{
	double v[N], prev[N];
	uint64_t seed = 42;
	struct buf b = BUF_INIT(0);
	int i;

	(void)state;
	fix_values(v, N, &seed, 1);
	tick_round(NULL, v, N);
	for (i = 0; i < 200; i++) {
		memcpy(prev, v, sizeof(v));
		fix_values(v, N, &seed, 0);
		tick_round(prev, v, N);
	}
	/* A counter's step is a byte, a decimal's too. */
	prev[0] = 123456789;
	v[0] = 123456800;
	prev[1] = 19.21;
	v[1] = 19.26;
	assert_int_equal(sample_codec_tick_put(c, prev, v, 2, &b), 0);
	assert_int_equal(b.len, 1 + 1 + 1 + 2);
	buf_free(&b);
}

static void
test_tick_random_bits(void ** state)
{
	double v[N], prev[N];
	uint64_t seed = 7, r;
	int i, k;

	(void)state;
	memset(prev, 0, sizeof(prev));
	for (k = 0; k < 50; k++) {
		for (i = 0; i < N; i++) {
			r = fix_rand(&seed);
			if (r % 3 == 0)
				r &= UINT64_C(0xffff) << (r >> 8) % 48;
			memcpy(&v[i], &r, sizeof(r));
			if (r % 5 == 0)
				v[i] = prev[i];
		}
		tick_round(k ? prev : NULL, v, N);
		memcpy(prev, v, sizeof(v));
	}
}

static size_t
block_round(const double * m, const int64_t * at, uint32_t t, uint32_t n)
{
	struct buf b = BUF_INIT(0);
	double * got = malloc((size_t)t * n * sizeof(*got) + 1);
	int64_t at2[SAMPLE_MAX_TICKS];
	uint32_t i, t2;
	size_t len;

	assert_int_equal(sample_codec_block_begin(c, at, t, n), 0);
	for (i = 0; i < n; i++)
		assert_int_equal(sample_codec_block_series(c, m + i, n), 0);
	assert_int_equal(sample_codec_block_series(c, m, n), -1);
	assert_int_equal(sample_codec_block_end(c, &b), 0);
	assert_int_equal(sample_codec_block_times(c, b.p, b.len, at2, &t2), 0);
	assert_int_equal(t2, t);
	assert_memory_equal(at2, at, t * sizeof(*at));
	assert_int_equal(sample_codec_block_get(c, b.p, b.len, got, t, n), 0);
	assert_memory_equal(got, m, (size_t)t * n * sizeof(*got));
	assert_int_equal(sample_codec_block_get(c, b.p, b.len - 1, got, t, n),
	    -1);
	len = b.len;
	free(got);
	buf_free(&b);
	return (len);
}

static void
test_block_real_like(void ** state)
{
	static double m[T * N];
	int64_t at[T];
	uint64_t seed = 3;
	uint32_t t;

	(void)state;
	fix_values(m, N, &seed, 1);
	for (t = 0; t < T; t++) {
		if (t > 0) {
			memcpy(m + t * N, m + (t - 1) * N, N * sizeof(*m));
			fix_values(m + t * N, N, &seed, 0);
		}
		at[t] = INT64_C(1763745450000) + t * 5000;
	}
	assert_true(block_round(m, at, T, N) < T * N * 2);
	block_round(m, at, 1, N);
	block_round(m, at, 2, 1);
	block_round(m, at, 3, 0);
}

static void
test_block_odd_values(void ** state)
{
	static double m[SAMPLE_MAX_TICKS * NODD];
	int64_t at[SAMPLE_MAX_TICKS];
	uint64_t seed = 9;
	uint32_t t, i;

	(void)state;
	fill_odd();
	for (t = 0; t < SAMPLE_MAX_TICKS; t++) {
		at[t] = (int64_t)fix_rand(&seed);
		for (i = 0; i < NODD; i++)
			m[t * NODD + i] = odd[fix_rand(&seed) % (i + 1)];
	}
	block_round(m, at, SAMPLE_MAX_TICKS, NODD);
	block_round(m, at, 17, NODD);
	assert_int_equal(sample_codec_block_begin(c, at, 0, 1), -1);
	assert_int_equal(sample_codec_block_begin(c, at, SAMPLE_MAX_TICKS + 1,
	    1), -1);
}

/* Damage: every decoder answers, none reads where it should not (ASan). */
static void
test_damaged_blobs(void ** state)
{
	static double m[8 * N], got[8 * N];
	struct buf b = BUF_INIT(0), k = BUF_INIT(0);
	int64_t at[SAMPLE_MAX_TICKS];
	uint64_t seed = 5;
	uint32_t t, i;
	char * copy;
	size_t at_byte;
	int bad = 0;

	(void)state;
	fix_values(m, N, &seed, 1);
	for (t = 0; t < 8; t++) {
		at[t] = t * 1000;
		if (t > 0)
			memcpy(m + t * N, m + (t - 1) * N, N * sizeof(*m));
		fix_values(m + t * N, N, &seed, 0);
	}
	assert_int_equal(sample_codec_block_begin(c, at, 8, N), 0);
	for (i = 0; i < N; i++)
		assert_int_equal(sample_codec_block_series(c, m + i, N), 0);
	assert_int_equal(sample_codec_block_end(c, &b), 0);
	assert_int_equal(sample_codec_tick_put(c, NULL, m, N, &k), 0);
	for (i = 0; i < 3000; i++) {
		struct buf * x = i % 2 ? &b : &k;
		size_t len = fix_rand(&seed) % (x->len + 1);

		copy = malloc(len + 1);
		memcpy(copy, x->p, len);
		if (len > 0 && i % 4 >= 2) {
			free(copy);
			len = x->len;
			copy = malloc(len);
			memcpy(copy, x->p, len);
			at_byte = fix_rand(&seed) % (i % 8 < 4 ? 40 : len);
			copy[at_byte] = (char)fix_rand(&seed);
		}
		if (x == &b) {
			bad += sample_codec_block_get(c, copy, len, got, 8,
			    N) != 0;
			(void)!sample_codec_block_times(c, copy, len, at, &t);
		} else {
			bad += sample_codec_tick_get(c, copy, len, got, N) != 0;
		}
		free(copy);
	}
	assert_true(bad > 1000);
	buf_free(&b);
	buf_free(&k);
}

static void
test_series(void ** state)
{
	unsigned a[100] = { 0 }, b[100] = { 0 };
	uint8_t d1[SAMPLE_DIGEST], d2[SAMPLE_DIGEST], d3[SAMPLE_DIGEST];
	struct sample_page pa, pb, pfull;
	struct sample_series * sa, * sb, * sfull, * again;
	struct buf blob = BUF_INIT(0);
	struct err e;
	size_t i;

	(void)state;
	b[3] = b[50] = 1;
	pa = fix_page(a, 100, NULL, 0, NULL);
	pb = fix_page(b, 90, a, 100, NULL);
	pfull = fix_page(b, 90, NULL, 0, NULL);
	sa = sample_series_apply(NULL, pa.diff, 100, &e);
	sb = sample_series_apply(sa, pb.diff, 90, &e);
	sfull = sample_series_apply(NULL, pfull.diff, 90, &e);
	assert_non_null(sa);
	assert_non_null(sb);
	assert_non_null(sfull);
	assert_string_equal(sample_series_name(sb, 89), "metric_22_total");
	assert_string_equal(sample_series_labels(sb, 3),
	    "{\"cpu\":\"3\",\"kind\":\"1\"}");
	/* By difference or in full: the same text, the same name for it. */
	assert_int_equal(sample_series_digest(sa, d1), 0);
	assert_int_equal(sample_series_digest(sb, d2), 0);
	assert_int_equal(sample_series_digest(sfull, d3), 0);
	assert_memory_equal(d2, d3, SAMPLE_DIGEST);
	assert_memory_not_equal(d1, d2, SAMPLE_DIGEST);
	/* A difference that does not fit. */
	assert_null(sample_series_apply(sa, pb.diff, 91, &e));
	assert_string_equal(e.code, "layout");
	assert_null(sample_series_apply(NULL, pb.diff, 90, &e));
	/* Packed and back. */
	assert_int_equal(sample_series_pack(pb.diff, &blob), 0);
	again = sample_series_unpack(sa, blob.p, blob.len, 90);
	assert_non_null(again);
	assert_memory_equal(again->text.p, sb->text.p, sb->text.len);
	sample_series_unref(again);
	assert_null(sample_series_unpack(sa, blob.p, blob.len, 89));
	assert_null(sample_series_unpack(NULL, blob.p, blob.len, 90));
	for (i = 0; i < blob.len; i++)
		sample_series_unref(sample_series_unpack(sa, blob.p, i, 90));
	buf_clear(&blob);
	assert_int_equal(sample_series_pack_all(sb, &blob), 0);
	again = sample_series_unpack(NULL, blob.p, blob.len, 90);
	assert_non_null(again);
	assert_memory_equal(again->text.p, sb->text.p, sb->text.len);
	sample_series_unref(again);
	buf_free(&blob);
	sample_series_unref(sa);
	sample_series_unref(sb);
	sample_series_unref(sfull);
	fix_free(&pa);
	fix_free(&pb);
	fix_free(&pfull);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_tick_odd_values), TEST(test_tick_real_like),
		TEST(test_tick_random_bits), TEST(test_block_real_like),
		TEST(test_block_odd_values), TEST(test_damaged_blobs),
		TEST(test_series),
	};

	return (cmocka_run_group_tests_name("sample_codec", tests, NULL, NULL));
}
