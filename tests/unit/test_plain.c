#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/plain.h"

#define MAX 400

static int
is_plain(unsigned char c)
{
	return (c >= 0x20 && c < 0x80 && c != '"' && c != '\\');
}

/* All ways to look must say the same. */
static void
found(const char * s, size_t n, size_t want)
{
	char * to;

	assert_int_equal(plain_run(s, n), want);
	assert_int_equal(plain_narrow(s, n), want);
	if (plain_has_wide())
		assert_int_equal(plain_wide(s, n), want);
	/* Into memory that ends there, too. */
	assert_non_null(to = malloc(n + (n == 0)));
	assert_int_equal(plain_copy(to, s, n), want == n);
	if (want == n && n > 0)
		assert_memory_equal(to, s, n);
	free(to);
}

/* Every byte at every place of every length, in memory that ends there. */
static void
test_run(void ** state)
{
	size_t n, at;
	unsigned c;
	char * s;

	(void)state;
	for (n = 1; n < MAX; n += n < 40 ? 1 : 23) {
		assert_non_null(s = malloc(n));
		for (at = 0; at < n; at++)
			for (c = 0; c < 256; c++) {
				memset(s, 'a', n);
				s[at] = (char)c;
				found(s, n, is_plain((unsigned char)c) ? n : at);
				if (n >= 16)
					assert_int_equal(plain_short(s),
					    is_plain((unsigned char)c) ||
					    at >= 16 ? 16 : at);
			}
		free(s);
	}
	found("", 0, 0);
}

/* The first of several counts, wherever the others are. */
static void
test_first(void ** state)
{
	size_t a, b;
	char s[MAX];

	(void)state;
	for (a = 0; a < MAX; a++)
		for (b = a; b < MAX; b++) {
			memset(s, '~', MAX);
			s[b] = '"';
			s[a] = '\\';
			found(s, MAX, a);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_first),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
