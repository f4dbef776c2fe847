#include "base/buf.h"
#include "reader_rig.h"

/* What answers look like: XML, a JSON value a line and CSV, through a reader, with
 * their pages, errors and caches. */

#define COLS "\"columns\":{\"id\":{\"type\":\"integer\"}," \
	"\"name\":{\"type\":\"text\",\"path\":\"tags.item[key=Name].value\"}}"
#define ITEMS(how, list) "\"items\":{\"decode\":\"" how "\"," COLS \
	",\"lists\":[{\"url\":\"/i\"" list "}]}"
#define XML_LIST ",\"records\":\"set.item[*].inner.item[*]\",\"paginate\":{" \
	"\"kind\":\"cursor\",\"query\":\"t\",\"from\":\"next\",\"more\":\"truncated\"}"
#define ERRORS "\"errors\":[{\"status\":[400],\"path\":\"Errors.Error.Code\"," \
	"\"equals\":\"Slow\",\"do\":\"rate_limited\",\"wait_s\":9},{\"status\":[403]," \
	"\"path\":\"Code\",\"equals\":\"Expired\",\"do\":\"fail\",\"class\":\"config\"," \
	"\"code\":\"expired\"},{\"status\":[200],\"path\":\"Code\",\"do\":\"fail\"," \
	"\"class\":\"permanent\",\"code\":\"inside\"}]," \
	"\"error_text\":[\"Message\",\"Errors.Error.Message\"],"
#define ITEM(id) "<item><id>" #id "</id></item>"

static void
test_xml(void ** state)
{
	struct rig * g = rig_new("", ITEMS("xml", XML_LIST), "{}");

	(void)state;
	rig_script(g, "/i", { .pieces = 40, .body = "<?xml version=\"1.0\"?>\n<R "
	    "xmlns=\"urn:x\"><set><item><inner>" ITEM(1) ITEM(2) "</inner></item>"
	    "<item><inner>" ITEM(3) "</inner></item></set><next>a&amp;b</next>"
	    "<truncated>true</truncated></R>" });
	rig_script(g, "/i?t=a%26b", { .body = "<R><set/><next>c</next><truncated>true"
	    "</truncated></R>" });
	rig_script(g, "/i?t=c", { .body = "<R><set><item><inner>" ITEM(4) "</inner>"
	    "</item></set><next>d</next><truncated>false</truncated></R>" });
	assert_int_equal(rig_read(g, "items", ""), 3);
	rig_rows(g, "1 2 3|4");
	assert_int_equal(g->ctx.st.pages, 3);
	rig_free(g);
}

static void
test_xml_errors(void ** state)
{
	struct rig * g = rig_new(ERRORS, ITEMS("xml", XML_LIST), "{}");
	int64_t t0 = fake_loop_ms(g->L);

	(void)state;
	g->ctx.no_cache = 1;
	rig_script(g, "/i", { .status = 400, .ctype = "text/xml;charset=UTF-8",
	    .body = "<Response><Errors><Error><Code>Slow</Code><Message>Too fast."
	    "</Message></Error></Errors></Response>" }, { .body = "<R><set><item>"
	    "<inner>" ITEM(5) "</inner></item></set></R>" });
	assert_int_equal(rig_read(g, "items", ""), 2);
	rig_rows(g, "5");
	assert_in_range(fake_loop_ms(g->L) - t0, 9000, 9010);
	rig_script(g, "/i", { .status = 403, .ctype = "application/xml", .body =
	    "<Error><Code>Expired</Code><Message>It is over</Message></Error>" });
	(void)rig_read(g, "items", "");
	rig_error(g, ERR_CONFIG, "expired", "It is over");
	/* An error within a 200, and what is no XML at all. */
	rig_script(g, "/i", { .body = "<Error><Code>Internal</Code><Message>Try again"
	    "</Message></Error>" });
	(void)rig_read(g, "items", "");
	rig_error(g, ERR_PERMANENT, "inside", "Try again");
	rig_script(g, "/i", { .body = "<!DOCTYPE html><html></html>" });
	(void)rig_read(g, "items", "");
	rig_error(g, ERR_PERMANENT, "xml", "page 1 of " BASE "/i: the page is HTML");
	rig_script(g, "/i", { .body = "<R><set><item>" });
	(void)rig_read(g, "items", "");
	rig_error(g, ERR_PERMANENT, "xml", "cut off");
	/* Words of an error that is JSON are found as before. */
	rig_script(g, "/i", { .status = 409, .ctype = "application/json", .body =
	    "{\"Message\":\"Busy here\"}" });
	(void)rig_read(g, "items", "");
	rig_error(g, ERR_PERMANENT, "http_409", "Busy here");
	rig_free(g);
}

static void
test_lines(void ** state)
{
	struct rig * g = rig_new("\"errors\":[{\"path\":\"[*].messages[type=FATAL].text\","
	    "\"do\":\"fail\",\"class\":\"permanent\",\"code\":\"fatal\"}],"
	    "\"error_text\":[\"[*].messages[type=FATAL].text\"],", "\"items\":{"
	    "\"decode\":\"ndjson\",\"drop_if\":\"preview\",\"columns\":{\"id\":{\"type\":"
	    "\"integer\",\"path\":\"result.id\"}},\"lists\":[{\"url\":\"/i\"}]}", "{}");

	(void)state;
	g->ctx.no_cache = 1;
	rig_script(g, "/i", { .pieces = 25, .body = "{\"preview\":true,\"result\":{\"id\":"
	    "1}}\n{\"preview\":false,\"result\":{\"id\":2}}\r\n\n{\"result\":{\"id\":3}}" });
	assert_int_equal(rig_read(g, "items", ""), 1);
	rig_rows(g, "2 3");
	rig_script(g, "/i", { .body = "{\"result\":{\"id\":1}}\n{\"result\":{\"id\":}}\n" });
	(void)rig_read(g, "items", "");
	rig_error(g, ERR_PERMANENT, "json", "page 1 of " BASE "/i: line 2 of the answer");
	rig_script(g, "/i", { .body = "{\"messages\":[{\"type\":\"INFO\",\"text\":\"a\"},"
	    "{\"text\":\"no such index\",\"type\":\"FATAL\"}]}\n" });
	(void)rig_read(g, "items", "");
	rig_error(g, ERR_PERMANENT, "fatal", "no such index");
	rig_script(g, "/i", { .body = "" });
	assert_int_equal(rig_read(g, "items", ""), 1);
	rig_rows(g, "");
	rig_free(g);
}

/* What is in a large answer is looked for as in a small one. */
static void
test_large(void ** state)
{
	static const char * const ends[] = { "],\"errors\":[]}", "],\"errors\":["
	    "{\"message\":\"half of it\"}]}", "{\"messages\":[{\"type\":\"INFO\","
	    "\"text\":\"b\"}]}\n", "{\"messages\":[{\"type\":\"FATAL\",\"text\":\"half "
	    "of it\"}]}\n" };
	struct rig * g = rig_new("\"errors\":[{\"path\":\"[*].messages[type=FATAL]."
	    "text\",\"do\":\"fail\",\"class\":\"permanent\",\"code\":\"inside\"},"
	    "{\"status\":[200],\"path\":\"errors[0]\",\"do\":\"fail\",\"class\":"
	    "\"permanent\",\"code\":\"inside\"}],\"error_text\":[\"[*].messages["
	    "type=FATAL].text\",\"errors[0].message\"],", "\"items\":{\"columns\":{"
	    "\"id\":{\"type\":\"integer\"}},\"lists\":[{\"url\":\"/i\",\"records\":\"d\"}]},"
	    "\"lines\":{\"decode\":\"ndjson\",\"columns\":{\"id\":{\"type\":"
	    "\"integer\"}},\"lists\":[{\"url\":\"/l\",\"records"
	    "\":\"[*].result\"}]}", "{}");
	struct buf b = BUF_INIT(0);
	struct fake_answer a;
	int i, k;

	(void)state;
	memset(&a, 0, sizeof(a));
	g->ctx.no_cache = 1;
	for (i = 0; i < 4; i++) {
		buf_clear(&b);
		buf_adds(&b, i < 2 ? "{\"d\":[" : "");
		for (k = 0; k < 24; k++) {
			buf_addf(&b, i >= 2 ? "{\"result\":{\"id\":%d,\"x\":\"" :
			    k > 0 ? ",{\"id\":%d,\"x\":\"" :
			    "{\"id\":%d,\"x\":\"", k);
			buf_addf(&b, "%050000d", 7);
			buf_adds(&b, i >= 2 ? "\"}}\n" : "\"}");
		}
		buf_adds(&b, ends[i]);
		assert_true(b.len > (size_t)1 << 20);
		a.body = b.p;
		fake_http_script(g->http, i < 2 ? BASE "/i" : BASE "/l", &a, 1);
		(void)rig_read(g, i < 2 ? "items" : "lines", "");
		if (i % 2 == 1)
			rig_error(g, ERR_PERMANENT, "inside", "half of it");
		else
			assert_memory_equal(g->rows, "0 1 2 ", 6);
	}
	buf_free(&b);
	rig_free(g);
}

static void
test_csv(void ** state)
{
	struct rig * g = rig_new("", "\"items\":{\"decode\":\"csv\",\"columns\":{"
	    "\"id\":{\"type\":\"integer\"},\"t\":{\"type\":\"text\"}},\"lists\":[{\"url\":"
	    "\"/i\",\"paginate\":{\"kind\":\"page\",\"query\":\"p\",\"first\":1,"
	    "\"short_page_ends\":true,\"size\":{\"query\":\"n\",\"default\":2,\"max\":2}"
	    "}}]}", "{}");

	(void)state;
	rig_script(g, "/i?n=2&p=1", { .pieces = 9, .body = "t,id\r\n\"a\r\nb\",7\r\n,8\r\n" });
	rig_script(g, "/i?n=2&p=2", { .body = "t,id\n" });
	assert_int_equal(rig_read(g, "items", ""), 2);
	rig_rows(g, "7/a\r\nb 8");
	rig_script(g, "/i?n=2&p=1", { .body = "t,id\nx,1,2\n" });
	g->ctx.no_cache = 1;
	(void)rig_read(g, "items", "");
	rig_error(g, ERR_PERMANENT, "csv", "line 2: more fields");
	rig_script(g, "/i?n=2&p=1", { .status = 204 });
	(void)rig_read(g, "items", "");
	rig_error(g, ERR_PERMANENT, "csv", "header is missing");
	rig_free(g);
}

/* Also where it is no JSON. */
static void
test_large_others(void ** state)
{
	static const char * const ends[] = { "</d></R>",
	    ("</d><Fault code=\"7\">"
	    "<Text>half of it</Text></Fault></R>"), "", "9,,half of it\n" };
	struct rig * g = rig_new("\"errors\":[{\"path\":\"Fault[\\\"@code\\\"=7]"
	    ".Text\",\"do\":\"fail\",\"code\":\"inside\"},"
	    "{\"path\":\"[*].why\",\"do\":\"fail\",\"code\":\"inside\"}],", "\"items\":{"
	    "\"decode\":\"xml\",\"columns\":{\"id\":{\"type\":\"text\"}},"
	    "\"lists\":[{\"url\":\"/i\",\"records\":\"d.i\"}]},\"lines\":{"
	    "\"decode\":\"csv\",\"columns\":{\"id\":{\"type\":\"text\"}},"
	    "\"lists\":[{\"url\":\"/l\"}]}", "{}");
	struct buf b = BUF_INIT(0);
	struct fake_answer a;
	int i, k;

	(void)state;
	memset(&a, 0, sizeof(a));
	g->ctx.no_cache = 1;
	for (i = 0; i < 4; i++) {
		buf_clear(&b);
		buf_adds(&b, i < 2 ? "<R><d>" : i == 2 ? "id,x\n" :
		    "id,x,why\n");
		for (k = 0; k < 24; k++)
			buf_addf(&b, i < 2 ? "<i><id>%d</id><x>%050000d</x></i>" :
			    i == 2 ? "%d,%050000d\n" : "%d,%050000d,\n", k, 7);
		buf_adds(&b, ends[i]);
		assert_true(b.len > (size_t)1 << 20);
		a.body = b.p;
		fake_http_script(g->http, i < 2 ? BASE "/i" : BASE "/l", &a, 1);
		(void)rig_read(g, i < 2 ? "items" : "lines", "");
		if (i % 2 == 1)
			rig_error(g, ERR_PERMANENT, "inside", "answered 200");
		else
			assert_memory_equal(g->rows, "0 1 2 ", 6);
	}
	buf_free(&b);
	rig_free(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_xml),
		cmocka_unit_test(test_xml_errors),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_large_others),
		cmocka_unit_test(test_csv)
	};

	return (cmocka_run_group_tests_name("reader_decode", tests, NULL, NULL));
}
