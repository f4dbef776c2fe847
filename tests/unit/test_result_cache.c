#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conn/result_cache.h"

static struct page *
page(size_t bytes)
{
	struct page * p = page_new(1);

	assert_non_null(p);
	p->bytes = bytes;
	return (p);
}

static void
put(struct result_cache * c, const char * key, size_t bytes, int64_t at)
{
	struct page * p = page(bytes);

	result_cache_put(c, key, &p, 1, at);
	page_unref(p);
}

static int
is_there(struct result_cache * c, const char * key, int64_t max_age,
    int64_t now)
{
	int64_t at;
	size_t n;

	return (result_cache_get(c, key, max_age, now, &n, &at) != NULL);
}

static void
test_ages(void ** state)
{
	struct result_cache * c = result_cache_new(0);
	struct page * two[2] = { page(10), page(20) };
	struct page * const * got;
	int64_t at = 0;
	size_t n = 0;

	(void)state;
	assert_non_null(c);
	assert_int_equal(result_cache_room(c), (size_t)16 << 20);
	assert_false(is_there(c, "k", 1000, 0));
	result_cache_put(c, "k", two, 2, 5000);
	got = result_cache_get(c, "k", 1000, 6000, &n, &at);
	assert_non_null(got);
	assert_int_equal(n, 2);
	assert_int_equal(at, 5000);
	assert_ptr_equal(got[0], two[0]);
	assert_ptr_equal(got[1], two[1]);
	/* What was taken lives on. */
	page_ref(got[0]);
	assert_false(is_there(c, "k", 1000, 6001));
	assert_false(is_there(c, "k", 1000, 6000));
	page_unref(two[0]);
	/* A clock that was set back. */
	result_cache_put(c, "k", two, 2, 5000);
	assert_false(is_there(c, "k", 1000, 4000));
	/* A result without pages is one too. */
	result_cache_put(c, "none", NULL, 0, 1);
	got = result_cache_get(c, "none", 1000, 2, &n, &at);
	assert_non_null(got);
	assert_int_equal(n, 0);
	page_unref(two[0]);
	page_unref(two[1]);
	result_cache_free(c);
	result_cache_free(NULL);
}

static void
test_bounds(void ** state)
{
	struct result_cache * c = result_cache_new(100000);
	char key[16];
	int i;

	(void)state;
	assert_non_null(c);
	/* One may take a quarter. */
	put(c, "big", 25000, 1);
	assert_false(is_there(c, "big", 10, 1));
	for (i = 0; i < 9; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		put(c, key, 10000, 1);
	}
	/* One that is used stays, the one longest unused goes. */
	assert_true(is_there(c, "k0", 10, 1));
	put(c, "k9", 10000, 1);
	assert_true(is_there(c, "k0", 10, 1));
	assert_false(is_there(c, "k1", 10, 1));
	assert_true(is_there(c, "k2", 10, 1));
	/* Replacing counts once. */
	for (i = 0; i < 100; i++)
		put(c, "k9", 10000, 2);
	assert_true(is_there(c, "k3", 10, 2));
	/* One that has become too big is gone, not stale. */
	put(c, "k9", 90000, 3);
	assert_false(is_there(c, "k9", 10, 3));
	result_cache_free(c);
}

static void
test_drop(void ** state)
{
	struct result_cache * c = result_cache_new(0);

	(void)state;
	put(c, "a/1", 10, 1);
	put(c, "a/2", 10, 1);
	put(c, "ab/1", 10, 1);
	result_cache_drop(c, "a/");
	assert_false(is_there(c, "a/1", 10, 1));
	assert_false(is_there(c, "a/2", 10, 1));
	assert_true(is_there(c, "ab/1", 10, 1));
	result_cache_drop(c, "");
	assert_false(is_there(c, "ab/1", 10, 1));
	result_cache_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ages), cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_drop),
	};

	return (cmocka_run_group_tests_name("result cache", tests, NULL,
	    NULL));
}
