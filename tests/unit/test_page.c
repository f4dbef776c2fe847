#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode/page.h"

static void
set_int(struct value * v, int64_t i)
{
	v->type = VALUE_INT;
	v->i = i;
}

static void
test_rows(void ** state)
{
	struct page * p = page_new(3);
	struct value * row;
	int64_t i;

	(void)state;
	assert_non_null(p);
	for (i = 0; i < 1000; i++) {
		assert_non_null(row = page_row(p));
		assert_int_equal(row[0].type, VALUE_NULL);
		assert_int_equal(row[2].type, VALUE_NULL);
		set_int(&row[1], i);
		if (i % 2)
			page_row_drop(p);
	}
	assert_int_equal(p->nrows, 500);
	for (i = 0; i < 500; i++)
		assert_int_equal(page_at(p, (size_t)i)[1].i, 2 * i);
	page_fit(p);
	assert_int_equal(p->cap, 500);
	for (i = 0; i < 500; i++)
		assert_int_equal(page_at(p, (size_t)i)[1].i, 2 * i);
	page_unref(p);
}

static void
test_no_columns(void ** state)
{
	struct page * p = page_new(0);
	int i;

	(void)state;
	for (i = 0; i < 200; i++)
		assert_non_null(page_row(p));
	assert_int_equal(p->nrows, 200);
	page_fit(p);
	page_unref(p);
}

static void
test_rows_have_a_bound(void ** state)
{
	struct page * p = page_new(100000);
	size_t n = 0;

	(void)state;
	while (page_row(p) != NULL)
		n++;
	assert_in_range(n, 128, 256 * 1024 * 1024 / 100000 / 16);
	page_unref(p);
	assert_null(page_new(SIZE_MAX / 8));
}

static void
test_text(void ** state)
{
	struct page * p = page_new(1);
	char * s[2000], * big = malloc(100000), * room, want[32];
	size_t before = p->bytes;
	int i;

	(void)state;
	for (i = 0; i < 2000; i++) {
		snprintf(want, sizeof(want), "text %d", i);
		assert_non_null(s[i] = page_text(p, want, strlen(want) + 1));
		if (i == 1000) {
			memset(big, 'x', 100000);
			assert_int_equal(page_adopt(p, big, 100000), 0);
		}
	}
	assert_non_null(room = page_text(p, NULL, 50000));
	memset(room, 'y', 50000);
	assert_non_null(page_text(p, "", 0));
	for (i = 0; i < 2000; i++) {
		snprintf(want, sizeof(want), "text %d", i);
		assert_string_equal(s[i], want);
	}
	assert_int_equal(big[99999], 'x');
	assert_in_range(p->bytes - before, 150000 + 2000 * 8, 210000);
	page_unref(p);
}

static void
test_counted(void ** state)
{
	struct page * p = page_new(1);

	(void)state;
	assert_ptr_equal(page_ref(p), p);
	page_unref(p);
	assert_non_null(page_row(p));
	page_unref(p);
	page_unref(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_no_columns),
		cmocka_unit_test(test_rows_have_a_bound),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_counted)
	};

	return (cmocka_run_group_tests_name("page", tests, NULL, NULL));
}
