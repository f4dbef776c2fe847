#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/sample.h"

static const uint64_t H[] = { 11, 22, 33, 44 };
static const uint32_t N[] = { 1, 2, 3, 4 };

static void
test_same_list_same_layout(void ** state)
{
	uint64_t h[4];
	uint32_t n[4];
	struct sample_layout * a, * b, * c, * d, * e;

	(void)state;
	memcpy(h, H, sizeof(h));
	memcpy(n, N, sizeof(n));
	a = sample_layout_intern(h, n, 4);
	b = sample_layout_intern(H, N, 4);
	assert_non_null(a);
	assert_ptr_equal(a, b);
	c = sample_layout_intern(H, N, 3);
	h[3]++;
	d = sample_layout_intern(h, n, 4);
	h[3]--;
	n[0]++;
	e = sample_layout_intern(h, n, 4); /* only a length differs */
	assert_true(a != c && a != d && a != e && c != d && d != e);
	/* The arrays were copied. */
	memset(h, 0, sizeof(h));
	memset(n, 0, sizeof(n));
	assert_int_equal(sample_layout_n(a), 4);
	assert_memory_equal(sample_layout_hashes(a), H, sizeof(H));
	assert_memory_equal(sample_layout_lens(a), N, sizeof(N));
	sample_layout_unref(a);
	assert_memory_equal(sample_layout_hashes(b), H, sizeof(H));
	sample_layout_unref(b);
	sample_layout_unref(c);
	sample_layout_unref(d);
	sample_layout_unref(e);
	sample_layout_unref(NULL);
}

static void
test_order_counts(void ** state)
{
	const uint64_t turned[] = { 22, 11, 33, 44 };
	struct sample_layout * a = sample_layout_intern(H, N, 4);
	struct sample_layout * b = sample_layout_intern(turned, N, 4);

	(void)state;
	assert_ptr_not_equal(a, b);
	sample_layout_unref(a);
	sample_layout_unref(b);
}

static void
test_empty(void ** state)
{
	struct sample_layout * a = sample_layout_intern(NULL, NULL, 0);
	struct sample_layout * b = sample_layout_intern(H, N, 0);

	(void)state;
	assert_non_null(a);
	assert_ptr_equal(a, b);
	assert_int_equal(sample_layout_n(a), 0);
	sample_layout_unref(a);
	sample_layout_unref(b);
}

static void
test_references(void ** state)
{
	struct sample_layout * a = sample_layout_intern(H, N, 4);
	int owner;

	(void)state;
	assert_ptr_equal(sample_layout_ref(a), a);
	assert_int_equal(sample_layout_mark(a, &owner, 9), 0);
	sample_layout_unref(a);
	/* Still the same one, with its mark. */
	assert_int_equal(sample_layout_marked(sample_layout_intern(H, N, 4),
	    &owner), 9);
	sample_layout_unref(a);
	sample_layout_unref(a);
	/* The last reference took the mark with it. */
	a = sample_layout_intern(H, N, 4);
	assert_int_equal(sample_layout_marked(a, &owner), 0);
	sample_layout_unref(a);
}

static void
test_marks(void ** state)
{
	struct sample_layout * a = sample_layout_intern(H, N, 4);
	struct sample_layout * b = sample_layout_intern(H, N, 2);
	char owner[40];
	int i;

	(void)state;
	for (i = 0; i < 40; i++) {
		assert_int_equal(sample_layout_mark(a, &owner[i], i + 1), 0);
		assert_int_equal(sample_layout_mark(b, &owner[i], i + 100), 0);
	}
	assert_int_equal(sample_layout_mark(a, &owner[3], 77), 0);
	for (i = 0; i < 40; i++) {
		assert_int_equal(sample_layout_marked(a, &owner[i]),
		    i == 3 ? 77 : i + 1);
		assert_int_equal(sample_layout_marked(b, &owner[i]), i + 100);
	}
	for (i = 0; i < 40; i += 2)
		sample_layout_forget(&owner[i]);
	sample_layout_forget(&i); /* nobody's */
	for (i = 0; i < 40; i++)
		assert_int_equal(sample_layout_marked(b, &owner[i]),
		    i % 2 ? i + 100 : 0);
	assert_int_equal(sample_layout_mark(b, &owner[0], 5), 0);
	assert_int_equal(sample_layout_marked(b, &owner[0]), 5);
	sample_layout_unref(a);
	sample_layout_unref(b);
	sample_layout_forget(&owner[1]); /* with no layout left */
}

static void
test_many(void ** state)
{
	struct sample_layout * l[3000];
	uint64_t h;
	uint32_t i, n = 1;

	(void)state;
	for (i = 0; i < 3000; i++) {
		h = i;
		l[i] = sample_layout_intern(&h, &n, 1);
		assert_non_null(l[i]);
	}
	for (i = 0; i < 3000; i++) {
		h = i;
		assert_ptr_equal(sample_layout_intern(&h, &n, 1), l[i]);
		sample_layout_unref(l[i]);
	}
	for (i = 0; i < 3000; i += 2)
		sample_layout_unref(l[i]);
	for (i = 1; i < 3000; i += 2) {
		h = i;
		assert_ptr_equal(sample_layout_intern(&h, &n, 1), l[i]);
		sample_layout_unref(l[i]);
		sample_layout_unref(l[i]);
	}
}

static void
test_diff_free(void ** state)
{
	struct sample_diff * d = calloc(1, sizeof(*d));

	(void)state;
	sample_diff_free(NULL);
	assert_non_null(d);
	sample_diff_free(d);
	d = calloc(1, sizeof(*d));
	assert_non_null(d);
	d->n = 2;
	d->ops = calloc(2, sizeof(*d->ops));
	assert_non_null(d->ops);
	d->ops[0].keep_n = 5;
	d->ops[1].name = strdup("up");
	d->ops[1].labels = strdup("{}");
	sample_diff_free(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_list_same_layout),
		cmocka_unit_test(test_order_counts),
		cmocka_unit_test(test_empty), cmocka_unit_test(test_references),
		cmocka_unit_test(test_marks), cmocka_unit_test(test_many),
		cmocka_unit_test(test_diff_free),
	};

	return (cmocka_run_group_tests_name("sample", tests, NULL, NULL));
}
