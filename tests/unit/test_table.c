#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/table.h"

static struct buf out;

static struct table *
make_shape(size_t width, enum table_shape shape, int utf8, size_t n,
    const char * const * names)
{
	const struct table_opts o = { .width = width, .utf8 = utf8,
	    .shape = shape };
	struct table * t = table_new(&o, n);
	size_t i;

	assert_non_null(t);
	for (i = 0; i < n; i++)
		assert_int_equal(table_head(t, i, names[i], strlen(names[i]),
		    0), 0);
	return (t);
}

static struct table *
make(size_t width, int utf8, size_t n, const char * const * names)
{
	return (make_shape(width, TABLE_CUT, utf8, n, names));
}

static void
text(struct table * t, const char * s)
{
	assert_int_equal(table_cell(t, TABLE_TEXT, s, strlen(s)), 0);
}

static void
number(struct table * t, const char * s)
{
	assert_int_equal(table_cell(t, TABLE_NUMBER, s, strlen(s)), 0);
}

static void
null(struct table * t)
{
	assert_int_equal(table_cell(t, TABLE_NULL, NULL, 0), 0);
}

/* What is drawn from here to the end. */
static void
expect_end(struct table * t, const char * want)
{
	buf_clear(&out);
	assert_int_equal(table_end(t, &out), 0);
	assert_string_equal(out.p, want);
	table_free(t);
	buf_free(&out);
}

static void
test_plain(void ** state)
{
	const char * const names[] = { "name", "n" };
	struct table * t = make(0, 0, 2, names);

	(void)state;
	text(t, "alpha");
	number(t, "1");
	null(t);
	number(t, "-20.5");
	assert_int_equal(table_held(t), 2);
	assert_false(table_is_drawn(t));
	expect_end(t,
	    "+-------+-------+\n"
	    "| name  |     n |\n"
	    "+-------+-------+\n"
	    "| alpha |     1 |\n"
	    "| NULL  | -20.5 |\n"
	    "+-------+-------+\n");
}

static void
test_no_rows(void ** state)
{
	const char * const names[] = { "a" };

	(void)state;
	expect_end(make(0, 1, 1, names),
	    "┌───┐\n"
	    "│ a │\n"
	    "├───┤\n"
	    "└───┘\n");
}

static void
test_mixed_column_is_left(void ** state)
{
	const char * const names[] = { "v", "w" };
	struct table * t = make(0, 0, 2, names);

	(void)state;
	number(t, "1");
	number(t, "1");
	text(t, "long");
	text(t, "");
	number(t, "22");
	number(t, "22");
	expect_end(t,
	    "+------+----+\n"
	    "| v    |  w |\n"
	    "+------+----+\n"
	    "| 1    |  1 |\n"
	    "| long |    |\n"
	    "| 22   | 22 |\n"
	    "+------+----+\n");
}

static void
test_declared_number_is_right(void ** state)
{
	const char * const names[] = { "abc" };
	struct table * t = make(0, 0, 1, names);

	(void)state;
	assert_int_equal(table_head(t, 0, "abcdef", 6, 1), 0);
	null(t);
	expect_end(t,
	    "+--------+\n"
	    "| abcdef |\n"
	    "+--------+\n"
	    "|   NULL |\n"
	    "+--------+\n");
}

static void
test_widths_of_characters(void ** state)
{
	const char * const names[] = { "wörter" };
	struct table * t = make(0, 1, 1, names);

	(void)state;
	text(t, "日本");            /* two cells each */
	text(t, "e\xcc\x81t\xc3\xa9"); /* a combining accent: none */
	text(t, "😀");
	expect_end(t,
	    "┌────────┐\n"
	    "│ wörter │\n"
	    "├────────┤\n"
	    "│ 日本   │\n"
	    "│ e\xcc\x81t\xc3\xa9    │\n"
	    "│ 😀     │\n"
	    "└────────┘\n");
}

static void
test_controls_are_shown(void ** state)
{
	const char * const names[] = { "a\nb" };
	struct table * t = make(0, 0, 1, names);

	(void)state;
	text(t, "1\n2\t3\r");
	text(t, "\x1b[31m\x7f");
	assert_int_equal(table_cell(t, TABLE_TEXT, "\0x", 2), 0);
	text(t, "\xff\xc3(");              /* not UTF-8 */
	text(t, "\xc2\x9b");               /* a control of eight bits */
	text(t, "\xe2\x80\xae" "txt.exe"); /* right to left */
	expect_end(t,
	    "+---------------+\n"
	    "| a\\nb          |\n"
	    "+---------------+\n"
	    "| 1\\n2\\t3\\r     |\n"
	    "| \\x1b[31m\\x7f  |\n"
	    "| \\x00x         |\n"
	    "| \\xff\\xc3(     |\n"
	    "| \\u009b        |\n"
	    "| \\u202etxt.exe |\n"
	    "+---------------+\n");
}

static void
test_cut_to_the_width(void ** state)
{
	const char * const names[] = { "id", "title", "short" };
	struct table * t = make(40, 1, 3, names);

	(void)state;
	number(t, "1234567890");
	text(t, "a title that is far too long");
	text(t, "s");
	number(t, "1");
	text(t, "日本語日本語日本語日本語");
	text(t, "t");
	expect_end(t,
	    "┌────────────┬─────────────────┬───────┐\n"
	    "│         id │ title           │ short │\n"
	    "├────────────┼─────────────────┼───────┤\n"
	    "│ 1234567890 │ a title that i… │ s     │\n"
	    "│          1 │ 日本語日本語日… │ t     │\n"
	    "└────────────┴─────────────────┴───────┘\n");
}

static void
test_wide_character_at_the_cut(void ** state)
{
	const char * const names[] = { "a" };
	struct table * t = make(14, 0, 1, names);

	(void)state;
	/* Ten cells: nine before the sign, of which a wide one leaves one. */
	text(t, "日本語日本語");
	expect_end(t,
	    "+------------+\n"
	    "| a          |\n"
	    "+------------+\n"
	    "| 日本語日~  |\n"
	    "+------------+\n");
}

static void
test_names_are_cut_before_numbers(void ** state)
{
	const char * const names[] = { "process_cpu_seconds_total", "text" };
	struct table * t = make(25, 0, 2, names);

	(void)state;
	number(t, "123.456");
	text(t, "0123456789");
	expect_end(t,
	    "+-----------+-----------+\n"
	    "| process_~ | text      |\n"
	    "+-----------+-----------+\n"
	    "|   123.456 | 01234567~ |\n"
	    "+-----------+-----------+\n");
}

/* Every width: no line is longer, none is shorter than the others. */
static void
test_every_width_is_kept(void ** state)
{
	const char * const names[] = { "id", "a long name", "c", "d" };
	size_t width, n;
	struct table * t;
	char * line;

	(void)state;
	for (width = 1; width < 130; width++) {
		t = make(width, 0, 4, names);
		number(t, "12345");
		text(t, "some text that is rather long, isn't it");
		text(t, "x");
		text(t, "another text that is rather long");
		buf_clear(&out);
		assert_int_equal(table_end(t, &out), 0);
		n = strcspn(out.p, "\n");
		for (line = out.p; *line != '\0' && *out.p == '+';
		    line += n + 1)
			assert_int_equal(strcspn(line, "\n"), n);
		if (*out.p == '+')
			assert_true(n <= width);
		table_free(t);
	}
	buf_free(&out);
}

static void
test_blocks_where_nothing_fits(void ** state)
{
	const char * const names[] = { "id", "title", "value" };
	struct table * t = make(24, 0, 3, names);

	(void)state;
	number(t, "1234567890");
	text(t, "a title that is far too long");
	null(t);
	number(t, "2");
	text(t, "");
	text(t, "v");
	expect_end(t,
	    "[ row 1 ]---------------\n"
	    "id    | 1234567890\n"
	    "title | a title that is~\n"
	    "value | NULL\n"
	    "[ row 2 ]---------------\n"
	    "id    | 2\n"
	    "title | \n"
	    "value | v\n");
}

static void
test_rows_after_the_widths_are_fixed(void ** state)
{
	const char * const names[] = { "a", "n" };
	struct table * t = make(0, 0, 2, names);

	(void)state;
	text(t, "four");
	number(t, "1");
	buf_clear(&out);
	assert_int_equal(table_draw(t, &out), 0);
	assert_string_equal(out.p,
	    "+------+---+\n"
	    "| a    | n |\n"
	    "+------+---+\n"
	    "| four | 1 |\n");
	assert_true(table_is_drawn(t));
	assert_int_equal(table_held(t), 0);
	assert_int_equal(table_bytes(t), 0);
	text(t, "longer");
	number(t, "22");
	expect_end(t,
	    "| lon~ | ~ |\n"
	    "+------+---+\n");
}

static void
test_color(void ** state)
{
	const struct table_opts o = { .color = 1 };
	struct table * t = table_new(&o, 1);

	(void)state;
	assert_non_null(t);
	assert_int_equal(table_head(t, 0, "a", 1, 0), 0);
	null(t);
	text(t, "NULL");
	expect_end(t,
	    "+------+\n"
	    "| \033[1ma\033[0m    |\n"
	    "+------+\n"
	    "| \033[2mNULL\033[0m |\n"
	    "| NULL |\n"
	    "+------+\n");
	table_free(NULL);
}

static void
test_many_rows(void ** state)
{
	const char * const names[] = { "n" };
	struct table * t = make(0, 0, 1, names);
	char s[16];
	int i;

	(void)state;
	for (i = 0; i < 10000; i++) {
		snprintf(s, sizeof(s), "%d", i);
		number(t, s);
	}
	assert_int_equal(table_held(t), 10000);
	buf_clear(&out);
	assert_int_equal(table_end(t, &out), 0);
	assert_int_equal(out.len, 10004 * 9);
	assert_memory_equal(out.p + 9 * 10002, "| 9999 |\n", 9);
	table_free(t);
	buf_free(&out);
}

static void
test_blocks_when_asked(void ** state)
{
	static const char * const names[] = { "a", "name" };
	struct table * t;

	(void)state;
	t = make_shape(20, TABLE_BLOCKS, 0, 2, names);
	number(t, "1");
	text(t, "0123456789abcdef");
	null(t);
	text(t, "");
	expect_end(t,
	    "[ row 1 ]-----------\n"
	    "a    | 1\n"
	    "name | 0123456789abc\n"
	    "     | def\n"
	    "[ row 2 ]-----------\n"
	    "a    | NULL\n"
	    "name | \n");
	/* No cell of two is torn, however narrow it is. */
	t = make_shape(20, TABLE_BLOCKS, 0, 2, names);
	number(t, "1");
	text(t, "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"
	    "\xe6\x97\xa5\xe6\x97\xa5");
	expect_end(t,
	    "[ row 1 ]-----------\n"
	    "a    | 1\n"
	    "name | \xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"
	    "\xe6\x97\xa5\n"
	    "     | \xe6\x97\xa5\n");
	t = make_shape(4, TABLE_BLOCKS, 0, 1, names);
	text(t, "\xe6\x97\xa5x");
	expect_end(t, "[ row 1 ]\na | \xe6\x97\xa5\n  | x\n");
	/* No terminal, no bound. */
	t = make_shape(0, TABLE_BLOCKS, 0, 2, names);
	number(t, "1");
	text(t, "0123456789abcdef0123456789abcdef0123456789abcdef");
	expect_end(t,
	    "[ row 1 ]-------------------------------\n"
	    "a    | 1\n"
	    "name | 0123456789abcdef0123456789abcdef0123456789abcdef\n");
}

static void
test_blocks_rather_than_cut(void ** state)
{
	static const char * const names[] = { "a", "name" };
	struct table * t;

	(void)state;
	t = make_shape(20, TABLE_WHOLE, 0, 2, names);
	number(t, "1");
	text(t, "01234567890");
	expect_end(t,
	    "+---+-------------+\n"
	    "| a | name        |\n"
	    "+---+-------------+\n"
	    "| 1 | 01234567890 |\n"
	    "+---+-------------+\n");
	t = make_shape(20, TABLE_WHOLE, 0, 2, names);
	number(t, "1");
	text(t, "0123456789abcde");
	expect_end(t,
	    "[ row 1 ]-----------\n"
	    "a    | 1\n"
	    "name | 0123456789abc\n"
	    "     | de\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_no_rows),
		cmocka_unit_test(test_mixed_column_is_left),
		cmocka_unit_test(test_declared_number_is_right),
		cmocka_unit_test(test_widths_of_characters),
		cmocka_unit_test(test_controls_are_shown),
		cmocka_unit_test(test_cut_to_the_width),
		cmocka_unit_test(test_wide_character_at_the_cut),
		cmocka_unit_test(test_names_are_cut_before_numbers),
		cmocka_unit_test(test_every_width_is_kept),
		cmocka_unit_test(test_blocks_where_nothing_fits),
		cmocka_unit_test(test_rows_after_the_widths_are_fixed),
		cmocka_unit_test(test_blocks_when_asked),
		cmocka_unit_test(test_blocks_rather_than_cut),
		cmocka_unit_test(test_color),
		cmocka_unit_test(test_many_rows),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return (cmocka_run_group_tests_name("table", tests, NULL, NULL));
}
