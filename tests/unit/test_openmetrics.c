/* Pages of metrics: what is good, what is not, and where. */

#include "openmetrics_fixture.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_nul_bytes),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_media_types),
		cmocka_unit_test(test_data_files),
	};

	return (cmocka_run_group_tests_name("openmetrics", tests, setup,
	    teardown));
}
