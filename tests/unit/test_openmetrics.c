#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>

#include "base/buf.h"
#include "conn/decode_openmetrics.h"
#include "openmetrics_rows.h"

#define T OPENMETRICS_TEXT
#define O OPENMETRICS_1

static struct openmetrics * D;

/* What came of a page. */
struct got {
	int bad;
	struct err e;
	struct sample_page page;
	double * values;
	struct rows rows;
};

static int
setup(void ** state)
{
	(void)state;
	return ((D = openmetrics_new()) == NULL ? -1 : 0);
}

static int
teardown(void ** state)
{
	(void)state;
	openmetrics_free(D);
	return (0);
}

static void
got_free(struct got * g)
{
	sample_layout_unref(g->page.layout);
	sample_diff_free(g->page.diff);
	free(g->values);
	rows_free(&g->rows);
}

/* Decode ${n} bytes in pieces of ${piece} after a first one of ${cut}. */
static struct got
decode(enum openmetrics_format fmt, const char * p, size_t n, size_t cut,
    size_t piece, const struct got * before)
{
	static const struct rows none;
	struct got g;
	const char * wrong;
	char * copy;
	size_t i, take;

	memset(&g, 0, sizeof(g));
	openmetrics_begin(D, fmt, before != NULL ? before->page.layout : NULL);
	for (i = 0; i < n; i += take) {
		take = i == 0 && cut > 0 ? cut : piece;
		if (take > n - i)
			take = n - i;
		/* A copy of its own: reading past a feed must be seen. */
		copy = malloc(take + 1);
		assert_non_null(copy);
		memcpy(copy, p + i, take);
		copy = realloc(copy, take);
		g.bad = openmetrics_feed(D, copy, take);
		free(copy);
		if (g.bad)
			break;
	}
	if (openmetrics_end(D, &g.page, &g.e)) {
		g.bad = -1;
		return (g);
	}
	assert_int_equal(g.bad, 0);
	g.values = malloc(g.page.n * sizeof(double) + 1);
	assert_non_null(g.values);
	if (g.page.n > 0)
		memcpy(g.values, g.page.values, g.page.n * sizeof(double));
	wrong = rows_apply(before != NULL ? &before->rows : &none, &g.page,
	    &g.rows);
	if (wrong != NULL)
		fail_msg("%s", wrong);
	if (before != NULL && before->page.layout == g.page.layout)
		assert_null(g.page.diff);
	else
		assert_non_null(g.page.diff);
	return (g);
}

static struct got
whole(enum openmetrics_format fmt, const char * page,
    const struct got * before)
{
	return (decode(fmt, page, strlen(page), 0, SIZE_MAX, before));
}

static void
same(const struct got * a, const struct got * b, const char * what)
{
	if (a->bad != b->bad)
		fail_msg("%s: one is good, one bad: %s", what,
		    a->bad ? a->e.msg : b->e.msg);
	if (a->bad) {
		assert_string_equal(a->e.msg, b->e.msg);
		return;
	}
	assert_int_equal(a->page.n, b->page.n);
	if (a->page.n > 0 && memcmp(a->values, b->values,
	    a->page.n * sizeof(double)) != 0)
		fail_msg("%s: the values differ", what);
	if (a->page.layout != b->page.layout)
		fail_msg("%s: the layouts differ", what);
	if (!rows_same(&a->rows, &b->rows))
		fail_msg("%s: the names or labels differ", what);
}

struct good {
	enum openmetrics_format fmt;
	const char * page;
	const char * rows; /* name labels value, a line each */
};

static const struct good good[] = {
	{ T, "", "" },
	{ T, "\n\n", "" },
	{ T, "# nothing but this", "" },
	{ O, "# EOF\n", "" },
	{ O, "# EOF", "" },
	{ T, "a 1\n", "a {} 1\n" },
	{ T, "a 1", "a {} 1\n" },
	{ T, "a 1\nb 2", "a {} 1\nb {} 2\n" },
	{ T, "\n  \t\na 1\n\n\n \nb 2\n\n", "a {} 1\nb {} 2\n" },
	{ T, "a{} 1\n", "a {} 1\n" },
	{ T, "a{}1\n", "a {} 1\n" },
	{ T, ":a:b_9 1\n_x 2\n", ":a:b_9 {} 1\n_x {} 2\n" },
	{ T, " \ta \t{ \tb \t= \t\"c\" \t, d=\"e\" \t, \t} \t1 \t7 \t\n",
	    "a {\"b\":\"c\",\"d\":\"e\"} 1\n" },
	{ T, "a{b=\"c\" d=\"e\"} 1\n", "a {\"b\":\"c\",\"d\":\"e\"} 1\n" },
	{ T, "a{z=\"1\",a=\"2\",_m9=\"3\",} 1\n",
	    "a {\"z\":\"1\",\"a\":\"2\",\"_m9\":\"3\"} 1\n" },
	{ T, "a{b=\"}\\\" \\\\ \\n,#{\"} 1\n",
	    "a {\"b\":\"}\\\" \\\\ \\n,#{\"} 1\n" },
	{ T, "a{b=\"C:\\Dir\\x\"} 1\n", "a {\"b\":\"C:\\\\Dir\\\\x\"} 1\n" },
	{ T, "a{b=\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"} 1\n",
	    "a {\"b\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"} 1\n" },
	{ T, "a{b=\"\"} 1\n", "a {\"b\":\"\"} 1\n" },
	{ T, "a{b=\"x\ty\"} 1\n", "a {\"b\":\"x\\ty\"} 1\n" },
	{ T, "{\"my.metric\",\"label.name\"=\"v\"} 1\n",
	    "my.metric {\"label.name\":\"v\"} 1\n" },
	{ T, "{\"a\"} 1\n{ \"b\" } 2\n{\"c\",} 3\n",
	    "a {} 1\nb {} 2\nc {} 3\n" },
	{ T, "{q=\"0.9\",\"m.n\",a=\"b\"} 1\n",
	    "m.n {\"q\":\"0.9\",\"a\":\"b\"} 1\n" },
	{ T, "{\"say \\\"hi\\\"\\n\\\\\",\"l\\\"\"=\"v\\\"\"} 1\n",
	    "say \"hi\"\n\\ {\"l\\\"\":\"v\\\"\"} 1\n" },
	{ T, "a{\"b.c\"=\"d\"} 1\n", "a {\"b.c\":\"d\"} 1\n" },
	{ T, "# HELP a \\ \\n \"x\n# TYPE a counter\na 1\n", "a {} 1\n" },
	{ T, "#\n#x\n#HELP\n# HELP\n# HELPER\n# TYPE\n# TYPES a b\na 1\n",
	    "a {} 1\n" },
	{ T, "# \t HELP\t a\n#\tTYPE \ta \tgauge \t\na 1\n", "a {} 1\n" },
	{ T, "  # TYPE a untyped\n# TYPE b histogram\n# TYPE c summary\n",
	    "" },
	{ T, "# HELP \"a.b\" x\n# TYPE \"a.b\" gauge\n{\"a.b\"} 1\n",
	    "a.b {} 1\n" },
	{ T, "# UNIT whatever this is\n# EOF\na 1\n", "a {} 1\n" },
	{ T, "# plain \xff\xfe comments may be anything\na 1\n", "a {} 1\n" },
	{ T, "a 1 1395066363000\na 2 -1\na 3 +5\na 4 9223372036854775807\n"
	    "a 5 -9223372036854775808\n",
	    "a {} 1\na {} 2\na {} 3\na {} 4\na {} 5\n" },
	{ T, "a 1\na 1\na{x=\"1\"} 2\na 3\n",
	    "a {} 1\na {} 1\na {\"x\":\"1\"} 2\na {} 3\n" },
	{ T, "a -0\nb 0\nc -0.0\nd -0e5\n",
	    "a {} -0\nb {} 0\nc {} -0\nd {} -0\n" },
	{ T, "a NaN\nb nan\nc +Inf\nd -inf\ne INFINITY\nf iNf\n",
	    "a {} nan\nb {} nan\nc {} inf\nd {} -inf\ne {} inf\nf {} inf\n" },
	{ T, "a .5\nb 5.\nc +1\nd 1E3\ne 1e+3\nf 1e-3\ng 00012\n",
	    "a {} 0.5\nb {} 5\nc {} 1\nd {} 1000\ne {} 1000\nf {} 0.001\n"
	    "g {} 12\n" },
	{ T, "a 1e-400\nb -1e-400\nc 5e-324\nd 1.7976931348623157e308\n",
	    "a {} 0\nb {} -0\nc {} 4.9406564584124654e-324\n"
	    "d {} 1.7976931348623157e+308\n" },
	{ O, "# HELP a x\n# TYPE a counter\n# UNIT a \na_total 1\n# EOF\n",
	    "a_total {} 1\n" },
	{ O, "# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n"
	    "# HELP a_seconds \n# EOF\n", "" },
	{ O, "# UNIT \"a.b_bytes\" bytes\n# EOF\n", "" },
	{ O, "a{b=\"c\",d=\"e\"} 1\na{} 2\na{b=\"c\",} 3\n# EOF\n",
	    "a {\"b\":\"c\",\"d\":\"e\"} 1\na {} 2\na {\"b\":\"c\"} 3\n" },
	{ O, "a 1 1\na 1 1.5\na 1 -1.5e3\na 1 0.\n# EOF\n",
	    "a {} 1\na {} 1\na {} 1\na {} 1\n" },
	{ O, "a_total 1 # {} 2\na_total 1 # {a=\"b\\\"}\",\"c.d\"=\"e\"} 2 3.5\n"
	    "a_bucket{le=\"+Inf\"} 1 12 # {t=\"\xc3\xa9\"} NaN -1\n"
	    "a_count 3 # {t=\"1\",t=\"1\"} +Inf\n# EOF\n",
	    "a_total {} 1\na_total {} 1\na_bucket {\"le\":\"+Inf\"} 1\n"
	    "a_count {} 3\n" },
	{ O, "{\"my.metric\",\"l.n\"=\"v\"} 1\n# EOF\n",
	    "my.metric {\"l.n\":\"v\"} 1\n" },
	{ O, "# TYPE a info\n# TYPE b stateset\n# TYPE c unknown\n"
	    "# TYPE d gaugehistogram\n# TYPE e summary\n# TYPE f histogram\n"
	    "a 1\n# EOF\n", "a {} 1\n" },
};

#define N(a) (sizeof(a) / sizeof((a)[0]))

static void
check_rows(const struct got * g, const char * want)
{
	struct buf b = BUF_INIT(0);
	json_t * o;
	uint32_t i;

	for (i = 0; i < g->rows.n; i++) {
		buf_addf(&b, "%s %s %.17g\n", g->rows.name[i],
		    g->rows.labels[i], g->values[i]);
		/* It is JSON, and no key is there twice. */
		o = json_loads(g->rows.labels[i],
		    JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
		assert_true(json_is_object(o));
		json_decref(o);
	}
	assert_string_equal(b.p != NULL ? b.p : "", want);
	buf_free(&b);
}

static void
test_good(void ** state)
{
	struct got g, again;
	size_t i;

	(void)state;
	for (i = 0; i < N(good); i++) {
		g = whole(good[i].fmt, good[i].page, NULL);
		if (g.bad)
			fail_msg("page %zu: %s", i, g.e.msg);
		check_rows(&g, good[i].rows);
		again = whole(good[i].fmt, good[i].page, &g);
		assert_null(again.page.diff);
		same(&g, &again, good[i].page);
		got_free(&again);
		got_free(&g);
	}
}

static void
test_nul_bytes(void ** state)
{
	static const char page[] = "# HELP m foo\0bar\na{b=\"\0x\"} 1\n";
	static const char bad[] = "a{b=\"x\"} 1\n{\"a\0b\"} 1\n";
	struct got g = decode(T, page, sizeof(page) - 1, 0, SIZE_MAX, NULL);

	(void)state;
	assert_int_equal(g.bad, 0);
	check_rows(&g, "a {\"b\":\"\\u0000x\"} 1\n");
	got_free(&g);
	g = decode(T, bad, sizeof(bad) - 1, 0, SIZE_MAX, NULL);
	assert_int_equal(g.bad, -1);
	assert_non_null(strstr(g.e.msg, "line 2, byte offset 14: "));
	got_free(&g);
}

struct bad {
	enum openmetrics_format fmt;
	const char * page;
	int line, offset;
	const char * says;
};

static const struct bad bad[] = {
	/* Not metrics at all. */
	{ T, "<!DOCTYPE html>\n<html></html>\n", 1, 0,
	    "expected a metric name or '#'; found '<' - is this a metrics "
	    "endpoint?" },
	{ O, "<html>\n", 1, 0, "found '<' - is this a metrics endpoint?" },
	{ T, "\n  <html>", 2, 3, "found '<' - is this a metrics endpoint?" },
	{ T, "{\"status\": \"ok\"}", 1, 0, "'{' of JSON - is this" },
	{ O, "{\"a\":1}\n", 1, 0, "'{' of JSON - is this" },
	{ T, "{\n  \"a\": 1\n}\n", 1, 0, "'{' of JSON" },
	{ T, "[]", 1, 0, "'[' of JSON" },
	{ T, "Not Found\n", 1, 4, "expected a value" },
	{ T, "404 page not found\n", 1, 0, "expected a metric name or '#'; "
	    "found '4'" },
	{ T, "\xef\xbb\xbf" "a 1\n", 1, 0, "byte 0xef" },
	{ T, "\x1f\x8b\x08", 1, 0, "byte 0x1f" },

	/* Names, labels. */
	{ T, "a\n", 1, 1, "expected '{' or a space after the metric name" },
	{ T, "a-b 1\n", 1, 1, "found '-'" },
	{ T, "a 1\nb\xc3\xa9 1\n", 2, 5, "byte 0xc3" },
	{ T, "a{b='c'} 1\n", 1, 4, "expected a label value in '\"'; "
	    "found '''" },
	{ T, "a{b=\n", 1, 4, "found the end of the line" },
	{ T, "a{b\n", 1, 3, "expected '='" },
	{ T, "a{b=\"c\n", 1, 6, "expected the closing '\"' of a label value" },
	{ T, "a{b=\"c\\\"\n", 1, 8, "expected the closing" },
	{ T, "a{b=\"c\"\n", 1, 7, "expected a label name or '}'; found the "
	    "end" },
	{ T, "a{b=\"c\",\n", 1, 8, "expected a label name or '}'" },
	{ T, "a{,b=\"c\"} 1\n", 1, 2, "found ','" },
	{ T, "a{b=\"c\",,} 1\n", 1, 8, "found ','" },
	{ T, "a{=\"\"} 0\n", 1, 2, "found '='" },
	{ T, "a{1b=\"c\"} 1\n", 1, 2, "found '1'" },
	{ T, "a{b:c=\"d\"} 1\n", 1, 3, "found ':'" },
	{ T, "a{\xff=\"foo\"} 1\n", 1, 2, "byte 0xff" },
	{ T, "a{b=\"x\xff\"} 1\n", 1, 6, "byte 0xff in a label value is not "
	    "UTF-8" },
	{ T, "a{b=\"\xed\xa0\x80\"} 1\n", 1, 5, "not UTF-8" },
	{ T, "a{b=\"\xff\n", 1, 5, "not UTF-8" },
	{ T, "a{b=\"1\",c=\"2\",b=\"3\"} 1\n", 1, 14, "twice" },
	{ T, "a{b=\"1\",\"b\"=\"3\"} 1\n", 1, 8, "twice" },
	{ T, "a{\"b\\\\\"=\"1\",\"b\\\\\"=\"3\"} 1\n", 1, 12, "twice" },
	{ T, "a{a=\"\",b=\"\",c=\"\",d=\"\",e=\"\",f=\"\",g=\"\",h=\"\",i=\"\","
	    "j=\"\",k=\"\",l=\"\",m=\"\",n=\"\",o=\"\",p=\"\",q=\"\",r=\"\","
	    "c=\"\",b=\"\"} 1\n", 1, 92, "twice" },
	{ T, "a{__name__=\"b\"} 1\n", 1, 2, "__name__" },
	{ T, "{\"__name__\"=\"b\"} 1\n", 1, 1, "__name__" },
	{ T, "a 1\n{b=\"c\"} 1\n", 2, 4, "expected a metric name before" },
	{ T, "{} 1\n", 1, 0, "expected a metric name before" },
	{ T, "a{\"b\"} 1\n", 1, 2, "has its name already" },
	{ T, "{\"a\",\"b\"} 1\n", 1, 5, "has its name already" },
	{ T, "{\"\"} 1\n", 1, 2, "expected a name" },
	{ T, "a{\"\"=\"x\"} 1\n", 1, 3, "expected a name" },
	{ T, "{\"a\", \"b = \"c\"}\n", 1, 12, "expected '='" },
	{ T, "{\"a\",b} 1\n", 1, 6, "expected '=' after the label name" },
	{ T, "{\"a\" b=\"c\"} 1\n", 1, 5, "expected '=', or ',' or '}'" },

	/* Values, timestamps. */
	{ T, "a{b=\"c\"}\n", 1, 8, "expected a value" },
	{ T, "a \n", 1, 2, "expected a value (a number, NaN, +Inf or -Inf); "
	    "found the end of the line" },
	{ T, "a true\n", 1, 2, "found \"true\"" },
	{ T, "a 1_2\n", 1, 2, "found \"1_2\"" },
	{ T, "a 0x1p-3\n", 1, 2, "found" },
	{ T, "a 0x10\n", 1, 2, "found" },
	{ T, "a 1e\n", 1, 2, "found" },
	{ T, "a 1e+\n", 1, 2, "found" },
	{ T, "a .\n", 1, 2, "found" },
	{ T, "a +\n", 1, 2, "found" },
	{ T, "a 1,5\n", 1, 2, "found" },
	{ T, "a --1\n", 1, 2, "found" },
	{ T, "a +nan\n", 1, 2, "found" },
	{ T, "a infinit\n", 1, 2, "found" },
	{ T, "a nan(1)\n", 1, 2, "found" },
	{ T, "a 1e309\n", 1, 2, "too large" },
	{ T, "a -1e309\n", 1, 2, "too large" },
	{ T, "a 1\r\nb 2\r\n", 1, 2, "lines end with \\n alone" },
	{ T, "a 1 1.5\n", 1, 4, "expected a timestamp (whole milliseconds)" },
	{ T, "a 1 x\n", 1, 4, "found \"x\"" },
	{ T, "a 1 1 1\n", 1, 6, "expected the end of the line; found '1'" },
	{ T, "a 1 9223372036854775808\n", 1, 4, "too large" },
	{ T, "a 1 -9223372036854775809\n", 1, 4, "too large" },
	{ T, "a_total 1 # {b=\"c\"} 1\n", 1, 10, "found \"#\"" },

	/* Comments. */
	{ T, "# HELP \n", 1, 7, "expected a metric name" },
	{ T, "# HELP #\n", 1, 7, "found '#'" },
	{ T, "# TYPE #\n", 1, 7, "found '#'" },
	{ T, "# HELP a x\xffy\n", 1, 10, "byte 0xff is not UTF-8" },
	{ T, "# TYPE a\n", 1, 8, "expected a blank and the metric's type" },
	{ T, "# TYPE a \n", 1, 9, "expected counter, gauge" },
	{ T, "# TYPE a GAUGE\n", 1, 9, "found \"GAUGE\"" },
	{ T, "# TYPE a info\n", 1, 9, "found \"info\"" },
	{ T, "a 1\n\n\n# TYPE \"a gauge\n", 4, 21, "closing" },

	/* OpenMetrics. */
	{ O, "", 1, 0, "expected \"# EOF\"; found the end of the page" },
	{ O, "a 1\n", 2, 4, "expected \"# EOF\"; found the end of the page" },
	{ O, "a 1", 1, 3, "expected \"# EOF\"" },
	{ O, "# TYPE a gauge\n", 2, 15, "expected \"# EOF\"" },
	{ O, "\n# EOF\n", 1, 0, "no blank lines" },
	{ O, "a 1\n\n# EOF\n", 2, 4, "no blank lines" },
	{ O, " a 1\n# EOF\n", 1, 0, "found ' '" },
	{ O, " # EOF\n", 1, 0, "found ' '" },
	{ O, "# EOF\na 1\n", 2, 6, "expected nothing after \"# EOF\"" },
	{ O, "# EOF\n\n", 2, 6, "expected nothing after \"# EOF\"" },
	{ O, "# EOFa 1", 1, 5, "expected nothing after \"# EOF\"" },
	{ O, "# EOF \n", 1, 5, "expected nothing after \"# EOF\"" },
	{ O, "#EOF\n", 1, 0, "OpenMetrics has no other comments" },
	{ O, "# comment\n# EOF\n", 1, 0, "OpenMetrics has no other comments" },
	{ O, "#  TYPE c counter\n# EOF\n", 1, 0, "no other comments" },
	{ O, "#\tTYPE c counter\n# EOF\n", 1, 0, "no other comments" },
	{ O, "# TYPE c\tcounter\n# EOF\n", 1, 8, "found a tab" },
	{ O, "# TYPE c  counter\n# EOF\n", 1, 9, "found \" counter\"" },
	{ O, "# TYPE c counter \n# EOF\n", 1, 9, "found \"counter \"" },
	{ O, "# TYPE u untyped\n# EOF\n", 1, 9, "found \"untyped\"" },
	{ O, "# TYPE \n# EOF\n", 1, 7, "expected a metric name" },
	{ O, "# TYPE m\n# EOF\n", 1, 8, "expected one space" },
	{ O, "# HELP m\n# EOF\n", 1, 8, "expected one space" },
	{ O, "# UNIT m\n# EOF\n", 1, 8, "expected one space" },
	{ O, "# UNIT a_seconds bytes\n# EOF\n", 1, 17, "expected a unit" },
	{ O, "# UNIT aseconds seconds\n# EOF\n", 1, 16, "expected a unit" },
	{ O, "# UNIT seconds seconds\n# EOF\n", 1, 15, "expected a unit" },
	{ O, "a\t1\n# EOF\n", 1, 1, "found a tab" },
	{ O, "a 1\t2\n# EOF\n", 1, 2, "found \"1?2\"" },
	{ O, "a  1\n# EOF\n", 1, 2, "expected a value" },
	{ O, "a 1 \n# EOF\n", 1, 3, "found a space before it" },
	{ O, "a 1 2 \n# EOF\n", 1, 5, "found a space before it" },
	{ O, "a 1  2\n# EOF\n", 1, 4, "expected a timestamp (seconds)" },
	{ O, "a 1 1z\n# EOF\n", 1, 4, "found \"1z\"" },
	{ O, "a 1 NaN\n# EOF\n", 1, 4, "found \"NaN\"" },
	{ O, "a 1 -Inf\n# EOF\n", 1, 4, "found \"-Inf\"" },
	{ O, "a 1 1 1\n# EOF\n", 1, 6, "expected an exemplar" },
	{ O, "a 1 2 #\n# EOF\n", 1, 7, "expected an exemplar" },
	{ O, "a{b=\"c\"}1\n# EOF\n", 1, 8, "expected one space and a value" },
	{ O, "a {b=\"c\"} 1\n# EOF\n", 1, 2, "expected a value" },
	{ O, "a{ b=\"c\"} 1\n# EOF\n", 1, 2, "found ' '" },
	{ O, "a{b=\"c\"d=\"e\"} 1\n# EOF\n", 1, 7, "expected ',' or '}'" },
	{ O, "a{b=\"c\", d=\"e\"} 1\n# EOF\n", 1, 8, "found ' '" },
	{ O, "a 1 #{} 1\n# EOF\n", 1, 5, "expected an exemplar" },
	{ O, "a 1 # {aa=bb}\n# EOF\n", 1, 10, "expected a label value" },
	{ O, "a 1 # {bb} 1\n# EOF\n", 1, 9, "expected '='" },
	{ O, "a 1 # {\"bb\"} 1\n# EOF\n", 1, 11, "expected '='" },
	{ O, "a 1 # {aa=\"bb\"}\n# EOF\n", 1, 15, "exemplar's value" },
	{ O, "a 1 # {aa=\"bb\"} \n# EOF\n", 1, 16, "exemplar's value" },
	{ O, "a 1 # {aa=\"bb\"} x\n# EOF\n", 1, 16, "found \"x\"" },
	{ O, "a 1 # {aa=\"bb\"} 1 NaN\n# EOF\n", 1, 18, "timestamp" },
	{ O, "a 1 # {aa=\"bb\"} 1 2 3\n# EOF\n", 1, 19, "the end of the line" },
	{ O, "a 1 # {aa=\"\xff\"} 1\n# EOF\n", 1, 11, "not UTF-8" },
};

static void
test_bad(void ** state)
{
	struct got g;
	char where[64];
	size_t i;

	(void)state;
	for (i = 0; i < N(bad); i++) {
		g = whole(bad[i].fmt, bad[i].page, NULL);
		snprintf(where, sizeof(where), "line %d, byte offset %d: ",
		    bad[i].line, bad[i].offset);
		if (!g.bad)
			fail_msg("accepted: %s", bad[i].page);
		if (strncmp(g.e.msg, where, strlen(where)) != 0 ||
		    strstr(g.e.msg, bad[i].says) == NULL)
			fail_msg("%s\ngave   %s\nwanted %s%s", bad[i].page,
			    g.e.msg, where, bad[i].says);
		assert_int_equal(g.e.cls, ERR_PERMANENT);
		assert_string_equal(g.e.code, "parse");
		got_free(&g);
	}
}

/* A page such as exporters write, in ${n} families. */
static void
make_page(struct buf * b, int n, unsigned tick)
{
	int i;

	buf_clear(b);
	for (i = 0; i < n; i++) {
		buf_addf(b, "# HELP app_part%d_total Work of part %d.\n"
		    "# TYPE app_part%d_total counter\n", i, i, i);
		buf_addf(b, "app_part%d_total{cpu=\"0\",mode=\"idle\"} %u\n", i,
		    tick * 7 + (unsigned)i);
		buf_addf(b, "app_part%d_total{cpu=\"1\",mode=\"a\\\"b\"} %.6g\n",
		    i, tick * 0.37 + i);
		buf_addf(b, "app_part%d_seconds %.17g\n", i, tick / 3.0 + i);
	}
	assert_int_equal(b->failed, 0);
}

static void
cut_everywhere(enum openmetrics_format fmt, const char * p, size_t n)
{
	struct got g = decode(fmt, p, n, 0, SIZE_MAX, NULL), c;
	size_t i;

	for (i = 1; i <= n; i++) {
		c = decode(fmt, p, n, i, SIZE_MAX, NULL);
		same(&g, &c, p);
		got_free(&c);
		c = decode(fmt, p, n, 0, i, NULL);
		same(&g, &c, p);
		got_free(&c);
		if (g.bad)
			continue;
		c = decode(fmt, p, n, i, SIZE_MAX, &g);
		assert_null(c.page.diff);
		same(&g, &c, p);
		got_free(&c);
		c = decode(fmt, p, n, 0, i, &g);
		assert_null(c.page.diff);
		same(&g, &c, p);
		got_free(&c);
	}
	got_free(&g);
}

static void
test_cuts(void ** state)
{
	struct buf b = BUF_INIT(0);
	size_t i;

	(void)state;
	for (i = 0; i < N(good); i++)
		cut_everywhere(good[i].fmt, good[i].page,
		    strlen(good[i].page));
	for (i = 0; i < N(bad); i++)
		cut_everywhere(bad[i].fmt, bad[i].page, strlen(bad[i].page));
	make_page(&b, 5, 3);
	cut_everywhere(T, b.p, b.len);
	buf_adds(&b, "# EOF\n");
	cut_everywhere(O, b.p, b.len);
	buf_adds(&b, "x");
	cut_everywhere(O, b.p, b.len);
	buf_free(&b);
}

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

static void
test_media_types(void ** state)
{
	static const struct {
		const char * type;
		int ok;
		enum openmetrics_format fmt;
	} c[] = {
		{ NULL, 1, T }, { "", 1, T }, { "text/plain", 1, T },
		{ "text/plain; version=0.0.4; charset=utf-8", 1, T },
		{ "text/plain;version=1.0.0;escaping=allow-utf-8", 1, T },
		{ "application/openmetrics-text; version=1.0.0; charset=utf-8",
		    1, O },
		{ "application/openmetrics-text; version=0.0.1", 1, O },
		{ " Application/OpenMetrics-Text;version=1.0.0", 1, O },
		{ "application/openmetrics-text", 1, O },
		{ "application/openmetrics-textual", 1, T },
		{ "application/octet-stream", 1, T }, { "nonsense", 1, T },
		{ "text/html", 0, T }, { "TEXT/HTML; charset=utf-8", 0, T },
		{ "application/json", 0, T }, { "text/json", 0, T },
		{ "application/problem+json; x=y", 0, T },
		{ "application/xhtml+xml", 0, T }, { "text/xml", 0, T },
		{ "image/png", 0, T }, { "video/mp4", 0, T },
		{ "application/vnd.google.protobuf; encoding=delimited", 0, T },
	};
	size_t i;

	(void)state;
	for (i = 0; i < N(c); i++) {
		assert_int_equal(openmetrics_acceptable(c[i].type), c[i].ok);
		assert_int_equal(openmetrics_format_of(c[i].type), c[i].fmt);
	}
}

static void
test_data_files(void ** state)
{
	static const struct {
		enum openmetrics_format fmt;
		const char * name;
		uint32_t n;
	} files[] = {
		{ T, "good/exporter.prom", 29 }, { O, "good/library.om", 23 },
	};
	struct buf b = BUF_INIT(0);
	struct got g;
	const char * dir = getenv("srcdir");
	char path[512], block[4096];
	FILE * f;
	size_t i, n;

	(void)state;
	for (i = 0; i < N(files); i++) {
		snprintf(path, sizeof(path), "%s/tests/unit/data/openmetrics/"
		    "%s", dir != NULL ? dir : ".", files[i].name);
		if ((f = fopen(path, "r")) == NULL)
			fail_msg("cannot open %s", path);
		buf_clear(&b);
		while ((n = fread(block, 1, sizeof(block), f)) > 0)
			buf_add(&b, block, n);
		fclose(f);
		g = decode(files[i].fmt, b.p, b.len, 0, SIZE_MAX, NULL);
		if (g.bad)
			fail_msg("%s: %s", path, g.e.msg);
		assert_int_equal(g.page.n, files[i].n);
		got_free(&g);
		cut_everywhere(files[i].fmt, b.p, b.len);
	}
	buf_free(&b);
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
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_nul_bytes),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_faults_are_the_same_on_known_pages),
		cmocka_unit_test(test_resync),
		cmocka_unit_test(test_resync_random),
		cmocka_unit_test(test_layouts_are_shared),
		cmocka_unit_test(test_formats_do_not_vouch_for_each_other),
		cmocka_unit_test(test_many_comment_lines),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_comment_limit),
		cmocka_unit_test(test_many_labels),
		cmocka_unit_test(test_repeated_series_stay_cheap),
		cmocka_unit_test(test_media_types),
		cmocka_unit_test(test_data_files),
		cmocka_unit_test(test_abandoned),
	};

	return (cmocka_run_group_tests_name("openmetrics", tests, setup,
	    teardown));
}
