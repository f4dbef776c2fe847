#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

static void
test_table(void ** state)
{
	static const struct {
		const char * s;
		size_t n;
		size_t good; /* offset of the first bad byte */
	} t[] = {
		{ "", 0, 0 }, { "\0", 1, 1 }, { "\x7f", 1, 1 },
		{ "\x80", 1, 0 }, { "\xbf", 1, 0 },
		{ "\xc0\x80", 2, 0 }, { "\xc1\xbf", 2, 0 },
		{ "\xc2\x80", 2, 2 }, { "\xdf\xbf", 2, 2 },
		{ "\xc2", 1, 0 }, { "\xc2\x7f", 2, 0 }, { "\xc2\xc0", 2, 0 },
		{ "\xe0\x9f\xbf", 3, 0 }, { "\xe0\xa0\x80", 3, 3 },
		{ "\xed\x9f\xbf", 3, 3 }, { "\xed\xa0\x80", 3, 0 },
		{ "\xed\xbf\xbf", 3, 0 }, { "\xee\x80\x80", 3, 3 },
		{ "\xef\xbf\xbf", 3, 3 }, { "\xe2\x82", 2, 0 },
		{ "\xe2\x82\x41", 3, 0 }, { "\xe2\x28\xa1", 3, 0 },
		{ "\xf0\x8f\xbf\xbf", 4, 0 }, { "\xf0\x90\x80\x80", 4, 4 },
		{ "\xf4\x8f\xbf\xbf", 4, 4 }, { "\xf4\x90\x80\x80", 4, 0 },
		{ "\xf5\x80\x80\x80", 4, 0 }, { "\xf8\x88\x80\x80\x80", 5, 0 },
		{ "\xfc\x84\x80\x80\x80\x80", 6, 0 },
		{ "\xfe", 1, 0 }, { "\xff", 1, 0 }, { "\xf0\x9f\x98", 3, 0 },
		{ "\xf0\x9f\x28\x80", 4, 0 }, { "\xf0\x9f\x98\x28", 4, 0 },
		{ "1234567\xc3\xa9", 9, 9 }, { "12345678\xff", 9, 8 },
		{ "1234567\xff", 8, 7 }, { "12345678\xc3", 9, 8 },
		{ "a\xc3\xa9" "b\xe2\x82\xac" "c\xf0\x9f\x98\x80" "d\xff", 14, 13 },
		{ "\xc3\xa9\xed\xa0\x80", 5, 2 },
	};
	size_t i;
	char * p;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		/* In memory that ends where the text does. */
		p = malloc(t[i].n ? t[i].n : 1);
		assert_non_null(p);
		memcpy(p, t[i].s, t[i].n);
		if (utf8_check(p, t[i].n) != t[i].good)
			fail_msg("row %zu: %zu", i, utf8_check(p, t[i].n));
		free(p);
	}
}

/* Every code point has one form, and no other bytes have one. */
static void
test_all_code_points(void ** state)
{
	unsigned char s[4];
	char put[4];
	uint32_t c;
	size_t n;

	(void)state;
	for (c = 0; c < 0x200000; c++) {
		if (c < 0x80) {
			s[0] = (unsigned char)c;
			n = 1;
		} else if (c < 0x800) {
			s[0] = (unsigned char)(0xc0 | c >> 6);
			s[1] = (unsigned char)(0x80 | (c & 63));
			n = 2;
		} else if (c < 0x10000) {
			s[0] = (unsigned char)(0xe0 | c >> 12);
			s[1] = (unsigned char)(0x80 | (c >> 6 & 63));
			s[2] = (unsigned char)(0x80 | (c & 63));
			n = 3;
		} else {
			s[0] = (unsigned char)(0xf0 | c >> 18);
			s[1] = (unsigned char)(0x80 | (c >> 12 & 63));
			s[2] = (unsigned char)(0x80 | (c >> 6 & 63));
			s[3] = (unsigned char)(0x80 | (c & 63));
			n = 4;
		}
		if (utf8_put(c, put) != n || memcmp(put, s, n) != 0)
			fail_msg("U+%04X is written otherwise", c);
		if (utf8_seq((const char *)s, n) !=
		    ((c >= 0xd800 && c < 0xe000) || c > 0x10ffff ? 0 : n))
			fail_msg("U+%04X", c);
		if (n > 1 && utf8_seq((const char *)s, n - 1) != 0)
			fail_msg("torn U+%04X", c);
	}
}

static void
test_counts_all_sequences(void ** state)
{
	unsigned char s[4];
	unsigned long good = 0;
	unsigned i, k;

	(void)state;
	/* Two and three bytes: as many whole sequences as code points. */
	for (i = 0x8000; i < 0x10000; i++) {
		s[0] = (unsigned char)(i >> 8);
		s[1] = (unsigned char)i;
		good += utf8_seq((const char *)s, 2) == 2;
		for (k = 0; k < 256 && s[0] >= 0xe0; k++) {
			s[2] = (unsigned char)k;
			good += utf8_seq((const char *)s, 3) == 3;
		}
	}
	assert_int_equal(good, 0x10000 - 0x80 - 0x800);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_all_code_points),
		cmocka_unit_test(test_counts_all_sequences),
	};

	return (cmocka_run_group_tests_name("utf8", tests, NULL, NULL));
}
