/* Pages that are like the one before: what is known of it must change nothing. */

#include "openmetrics_fixture.h"

/* Faults on known pages are found where they are, whatever was expected. */
static void
test_faults_are_the_same_on_known_pages(void ** state)
{
	struct buf b = BUF_INIT(0);
	struct got g, fresh, known;
	size_t i, at;

	(void)state;
	make_page(&b, 4, 1);
	g = decode(T, b.p, b.len, 0, SIZE_MAX, NULL);
	assert_int_equal(g.bad, 0);
	for (at = 0; at < b.len; at++) {
		static const char put[] = "\n }\"x\xff";

		for (i = 0; i < sizeof(put) - 1; i++) {
			char was = b.p[at];

			b.p[at] = put[i];
			fresh = decode(T, b.p, b.len, 0, SIZE_MAX, NULL);
			known = decode(T, b.p, b.len, at % 37, 11 + i, &g);
			same(&fresh, &known, b.p);
			b.p[at] = was;
			got_free(&fresh);
			got_free(&known);
		}
	}
	got_free(&g);
	buf_free(&b);
}

/* Pages by letters: each is a series, its value its place. */
static struct got
letters(const char * s, const struct got * before)
{
	struct buf b = BUF_INIT(0);
	struct got g;
	size_t i;

	for (i = 0; s[i] != '\0'; i++)
		buf_addf(&b, "%s%c{l=\"%c\"} %zu\n", s[i] < 'a' ? "# up\n" : "",
		    s[i], s[i], i);
	g = decode(T, b.p != NULL ? b.p : "", b.len, 0, SIZE_MAX, before);
	assert_int_equal(g.bad, 0);
	assert_int_equal(g.page.n, strlen(s));
	for (i = 0; s[i] != '\0'; i++) {
		assert_true(g.values[i] >= (double)i &&
		    g.values[i] <= (double)i);
		assert_int_equal(g.rows.name[i][0], s[i]);
		assert_int_equal(g.rows.labels[i][6], s[i]);
	}
	buf_free(&b);
	return (g);
}

static void
test_resync(void ** state)
{
	/* From, to, how many series of the second are told as new. */
	static const struct {
		const char * from, * to;
		uint32_t fresh;
		uint32_t ops;
	} c[] = {
		{ "", "abc", 3, 3 }, { "abc", "", 0, 0 },
		{ "abcdef", "abcde", 0, 1 }, { "abcdef", "bcdef", 0, 1 },
		{ "abcdef", "abdef", 0, 2 }, { "abcdef", "af", 0, 2 },
		{ "abcdef", "xabcdef", 1, 2 }, { "abcdef", "abcxdef", 1, 3 },
		{ "abcdef", "abcdefx", 1, 2 }, { "abcdef", "abcXYZdef", 3, 5 },
		{ "abcdef", "abxdef", 1, 3 }, { "abcdef", "xbcdef", 1, 2 },
		{ "abcdef", "abcdex", 1, 2 }, { "abcdef", "fedcba", 0, 6 },
		{ "abcdef", "defabc", 0, 2 }, { "abcdef", "bacdfe", 0, 5 },
		{ "abcdef", "abcdefabcdef", 6, 7 }, { "aaaa", "aa", 0, 1 },
		{ "aaaa", "aaaaaa", 2, 3 }, { "abab", "baba", 0, 2 },
		{ "abc", "cabc", 1, 3 }, { "abc", "cabcabc", 4, 6 },
		{ "abcdef", "uvwxyz", 6, 6 }, { "abcdef", "ABCdef", 3, 4 },
		{ "abcdefghijklmnopqrstuvwxyz", "az", 0, 2 },
		{ "abcdefghijklmnopqrstuvwxyz", "zyxabcdefg", 0, 4 },
	};
	struct got a, b, back;
	uint32_t i, j, fresh;

	(void)state;
	for (i = 0; i < N(c); i++) {
		a = letters(c[i].from, NULL);
		b = letters(c[i].to, &a);
		fresh = 0;
		for (j = 0; j < b.page.diff->n; j++)
			fresh += b.page.diff->ops[j].keep_n == 0;
		if (fresh != c[i].fresh || b.page.diff->n != c[i].ops)
			fail_msg("%s to %s: %u new, %u ops", c[i].from,
			    c[i].to, fresh, b.page.diff->n);
		back = letters(c[i].from, &b);
		assert_ptr_equal(back.page.layout, a.page.layout);
		got_free(&back);
		got_free(&a);
		got_free(&b);
	}
}

static unsigned
rnd(unsigned m)
{
	static uint32_t seed = 12345;

	seed = seed * 1664525 + 1013904223;
	return ((seed >> 8) % m);
}

/* Random edits of a large page: whatever is done, what the diffs tell is what
 * the page says. */
static void
test_resync_random(void ** state)
{
	struct buf b = BUF_INIT(0);
	unsigned list[600], n = 400, round, i, k, at, len;
	struct got before, g, fresh;
	uint32_t news, j;

	(void)state;
	for (i = 0; i < n; i++)
		list[i] = i;
	memset(&before, 0, sizeof(before));
	for (round = 0; round < 300; round++) {
		k = rnd(6);
		at = rnd(n);
		len = 1 + rnd(20);
		if (len > n - at)
			len = n - at;
		news = 0;
		if (k == 0 && n - len > 300) { /* take some out */
			memmove(&list[at], &list[at + len],
			    (n - at - len) * sizeof(list[0]));
			n -= len;
		} else if (k == 1 && n + len < 600) { /* put some in */
			memmove(&list[at + len], &list[at],
			    (n - at) * sizeof(list[0]));
			for (i = 0; i < len; i++)
				list[at + i] = 1000 + round * 100 + i;
			news = len;
			n += len;
		} else if (k == 2) { /* others in their place */
			for (i = 0; i < len; i++)
				list[at + i] = 1000 + round * 100 + i;
			news = len;
		} else if (k == 3) { /* the first to the end */
			unsigned first[20];

			memcpy(first, list, len * sizeof(list[0]));
			memmove(list, list + len, (n - len) * sizeof(list[0]));
			memcpy(list + n - len, first, len * sizeof(list[0]));
		} else if (k == 4) { /* shuffle a bit */
			for (i = 0; i < len; i++) {
				unsigned x = rnd(n), y = list[at + i];

				list[at + i] = list[x];
				list[x] = y;
			}
		}
		buf_clear(&b);
		for (i = 0; i < n; i++)
			buf_addf(&b, "%sseries{id=\"%u\"} %u\n",
			    list[i] % 10 == 0 ? "# TYPE series gauge\n" : "",
			    list[i], list[i] ^ round);
		g = decode(T, b.p, b.len, rnd((unsigned)b.len), 1 + rnd(5000),
		    round > 0 ? &before : NULL);
		assert_int_equal(g.bad, 0);
		fresh = decode(T, b.p, b.len, 0, SIZE_MAX, NULL);
		same(&g, &fresh, "edited");
		for (j = 0, i = 0; g.page.diff != NULL &&
		    j < g.page.diff->n; j++)
			i += g.page.diff->ops[j].keep_n == 0;
		if (round > 0 && i != news)
			fail_msg("round %u (%u): %u new series told, %u made",
			    round, k, i, news);
		got_free(&fresh);
		got_free(&before);
		before = g;
	}
	got_free(&before);
	buf_free(&b);
}

static void
test_layouts_are_shared(void ** state)
{
	struct got a = letters("abc", NULL), b = letters("xyz", NULL), c, d;

	(void)state;
	/* Another source's page comes to look like the first's: the layout is
	 * the same one, and the diff is still given. */
	c = letters("abc", &b);
	assert_ptr_equal(c.page.layout, a.page.layout);
	assert_non_null(c.page.diff);
	d = letters("abc", NULL);
	assert_ptr_equal(d.page.layout, a.page.layout);
	assert_int_equal(d.page.diff->n, 3);
	got_free(&a);
	got_free(&b);
	got_free(&c);
	got_free(&d);
}

static void
test_formats_do_not_vouch_for_each_other(void ** state)
{
	static const char page[] = "# any comment\na  1\n# EOF\n";
	struct got a = whole(T, page, NULL), b;

	(void)state;
	assert_int_equal(a.bad, 0);
	b = whole(O, page, &a);
	assert_int_equal(b.bad, -1);
	assert_non_null(strstr(b.e.msg, "line 1, byte offset 0: "));
	got_free(&a);
	got_free(&b);
}

/* The decoder can be dropped or begun again at any point, and used after. */
static void
test_abandoned(void ** state)
{
	struct got a = letters("abc", NULL), g;

	(void)state;
	openmetrics_begin(D, T, a.page.layout);
	assert_int_equal(openmetrics_feed(D, "x 1\na{l=", 8), 0);
	openmetrics_begin(D, T, a.page.layout);
	assert_int_equal(openmetrics_feed(D, "x 1\n?", 5), 0);
	assert_int_equal(openmetrics_feed(D, "? as long as a\n", 15), -1);
	assert_int_equal(openmetrics_feed(D, "a 1\n", 4), -1);
	g = letters("abc", &a);
	same(&a, &g, "after a bad page");
	openmetrics_begin(D, T, a.page.layout);
	assert_int_equal(openmetrics_feed(D, "x 1\na{l=", 8), 0);
	got_free(&a);
	got_free(&g);
	openmetrics_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults_are_the_same_on_known_pages),
		cmocka_unit_test(test_resync),
		cmocka_unit_test(test_resync_random),
		cmocka_unit_test(test_layouts_are_shared),
		cmocka_unit_test(test_formats_do_not_vouch_for_each_other),
		cmocka_unit_test(test_abandoned),
	};

	return (cmocka_run_group_tests_name("openmetrics_known", tests, setup,
	    teardown));
}
