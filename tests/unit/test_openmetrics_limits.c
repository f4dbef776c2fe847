/* Pages of metrics that are too much of something. */

#include "openmetrics_fixture.h"

static void
test_many_comment_lines(void ** state)
{
	struct buf b = BUF_INIT(0);
	struct got g, again, cut;
	int i, k;

	/* Lines are counted right past what fits into a hash's spare bits. */
	(void)state;
	for (k = 12; k < 20; k++) {
		buf_clear(&b);
		for (i = 0; i < k; i++)
			buf_adds(&b, "# c\n");
		buf_adds(&b, "a 1\nb 2\n");
		g = decode(T, b.p, b.len, 0, SIZE_MAX, NULL);
		assert_int_equal(g.bad, 0);
		buf_adds(&b, "c x\n");
		again = decode(T, b.p, b.len, 0, SIZE_MAX, &g);
		cut = decode(T, b.p, b.len, 0, 5, NULL);
		same(&again, &cut, "lines");
		assert_int_equal(strtol(again.e.msg + 5, NULL, 10), k + 3);
		got_free(&g);
		got_free(&again);
		got_free(&cut);
	}
	buf_free(&b);
}

static struct got
long_line(const char * head, size_t fill, const char * tail, size_t piece)
{
	struct buf b = BUF_INIT(0);
	struct got g;
	size_t n = strlen(head);

	buf_adds(&b, head);
	buf_reserve(&b, fill);
	memset(b.p + n, 'x', fill);
	b.len += fill;
	buf_adds(&b, tail);
	assert_int_equal(b.failed, 0);
	g = decode(T, b.p, b.len, 0, piece, NULL);
	buf_free(&b);
	return (g);
}

static void
test_limits(void ** state)
{
	static const size_t pieces[] = { SIZE_MAX, 1000, 65536, 1048577 };
	const size_t max = (size_t)1 << 20;
	struct got g;
	size_t i;

	(void)state;
	for (i = 0; i < N(pieces); i++) {
		g = long_line("a 1\nb{c=\"", max - 9, "\"} 1", pieces[i]);
		assert_int_equal(g.bad, 0);
		assert_int_equal(strlen(g.rows.labels[1]), max - 9 + 8);
		got_free(&g);
		g = long_line("a 1\nb{c=\"", max - 8, "\"} 1\nc 1\n",
		    pieces[i]);
		assert_string_equal(g.e.msg, "line 2, byte offset 1048580: "
		    "the line is longer than 1 MiB");
		got_free(&g);
		g = long_line("# ", 3 * max, "\n", pieces[i]);
		assert_string_equal(g.e.msg, "line 1, byte offset 1048576: "
		    "the line is longer than 1 MiB");
		got_free(&g);
		/* What is wrong before the limit is told instead. */
		g = long_line("a 1\nb 1\n<", 3 * max, "", pieces[i]);
		assert_non_null(strstr(g.e.msg, "line 3, byte offset 8: "));
		got_free(&g);
	}
}

static void
test_comment_limit(void ** state)
{
	struct buf b = BUF_INIT(0);
	struct got g, cut;
	size_t i;

	(void)state;
	for (i = 0; i < 8 * 1024 + 1; i++) {
		buf_reserve(&b, 1024);
		memset(b.p + b.len, '#', 1023);
		b.p[b.len + 1023] = '\n';
		b.len += 1024;
	}
	g = decode(T, b.p, b.len, 0, SIZE_MAX, NULL);
	cut = decode(T, b.p, b.len, 0, 100001, NULL);
	same(&g, &cut, "comments");
	assert_non_null(strstr(g.e.msg, "line 8193, byte offset 8388608: "));
	got_free(&g);
	got_free(&cut);
	/* Just under it all is well. */
	memcpy(b.p + b.len - 1024, "a 1\n", 4);
	g = decode(T, b.p, b.len - 1020, 0, 65536, NULL);
	assert_int_equal(g.bad, 0);
	cut = decode(T, b.p, b.len - 1020, 0, 65537, &g);
	same(&g, &cut, "comments");
	assert_null(cut.page.diff);
	got_free(&g);
	got_free(&cut);
	buf_free(&b);
}

static void
test_many_labels(void ** state)
{
	struct buf b = BUF_INIT(0);
	struct got g;
	size_t i;

	(void)state;
	buf_adds(&b, "a{");
	for (i = 0; i < 90000; i++)
		buf_addf(&b, "l%zu=\"\",", 89999 - i);
	i = b.len;
	buf_adds(&b, "l7=\"\"} 1\n");
	g = decode(T, b.p, b.len, 0, SIZE_MAX, NULL);
	assert_int_equal(g.bad, -1);
	assert_int_equal(strtol(strstr(g.e.msg, "offset ") + 7, NULL, 10),
	    (long)i);
	got_free(&g);
	memcpy(b.p + i, "k7", 2);
	g = decode(T, b.p, b.len, 0, SIZE_MAX, NULL);
	assert_int_equal(g.bad, 0);
	got_free(&g);
	buf_free(&b);
}

static void
test_repeated_series_stay_cheap(void ** state)
{
	struct buf b = BUF_INIT(0);
	struct got g, moved;
	size_t i;

	/* All equal, then with one more at the head: no table goes quadratic. */
	(void)state;
	buf_adds(&b, "x 1\n");
	for (i = 0; i < 200000; i++)
		buf_adds(&b, "a 1\n");
	g = decode(T, b.p + 4, b.len - 4, 0, SIZE_MAX, NULL);
	assert_int_equal(g.page.n, 200000);
	moved = decode(T, b.p, b.len, 0, SIZE_MAX, &g);
	assert_int_equal(moved.page.n, 200001);
	assert_int_equal(moved.page.diff->n, 2);
	got_free(&g);
	got_free(&moved);
	buf_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many_comment_lines),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_comment_limit),
		cmocka_unit_test(test_many_labels),
		cmocka_unit_test(test_repeated_series_stay_cheap),
	};

	return (cmocka_run_group_tests_name("openmetrics_limits", tests, setup,
	    teardown));
}
