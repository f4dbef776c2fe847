#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "decode/xml_json.h"
#include "decode_pieces.h"

/* Lists that are XML: the same paths, the same rows. */

static int
decode(struct rig * r, const char * body, size_t n, size_t piece,
    struct page ** p, struct decode_body * b, struct err * e)
{
	return (pieces_decode(r, body, n, piece, piece, BAD_GOES_ON, NULL, p, b,
	    e));
}

static void
rows(struct rig * r, const char * body, const char * want)
{
	pieces_rows(r, body, NULL, want, SIZE_MAX);
}

static void
begin(struct rig * r, const char * records, const char * spec)
{
	rig_init(r, records, spec);
	r->ent.decode = DECODE_XML;
}

/* The columns ${spec} of the records ${records} of ${body}. */
static void
columns(const char * records, const char * spec, const char * body,
    const char * want)
{
	struct rig r;

	begin(&r, records, spec);
	rig_plan(&r);
	rows(&r, body, want);
	rig_free(&r);
}

/* Too long to be fed byte by byte. */
static void
refused_once(const char * body, size_t n, const char * code, const char * with)
{
	struct decode_body b;
	struct page * p;
	struct err e;
	struct rig r;

	begin(&r, "a.b", "x:text");
	rig_plan(&r);
	assert_int_equal(decode(&r, body, n, 100000, &p, &b, &e), -1);
	if (strcmp(e.code, code) != 0 || strstr(e.msg, with) == NULL)
		fail_msg("%s: %s", e.code, e.msg);
	rig_free(&r);
}

static void
refused(const char * body, size_t n, const char * code, const char * with)
{
	struct rig r;

	begin(&r, "a.b", "x:text");
	rig_plan(&r);
	pieces_refused(&r, body, n, BAD_GOES_ON, code, with);
	rig_free(&r);
}

static const char instances[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<DescribeInstancesResponse xmlns=\"http://ec2.example/doc/2016-11-15/\">\n"
    "  <requestId>8f7724cf</requestId>\n"
    "  <reservationSet>\n"
    "    <item>\n"
    "      <ownerId>12</ownerId>\n"
    "      <instancesSet><item><instanceId>i-1</instanceId><instanceState>"
    "<code>16</code><name>running</name></instanceState><launchTime>"
    "2026-01-02T03:04:05.000Z</launchTime><ebsOptimized>true</ebsOptimized>"
    "<reason/><price>0.25</price><tagSet><item><key>env</key><value>prod"
    "</value></item><item><key>Name</key><value>a &amp; b &#x3c;&#99;&gt;"
    "</value></item></tagSet></item>\n"
    "      <item><instanceId>i-2</instanceId><instanceState><code>80</code>"
    "<name>stopped</name></instanceState><tagSet><item><value>"
    "<![CDATA[<one>]]> more</value><key>Name</key></item></tagSet></item>"
    "</instancesSet>\n"
    "    </item>\n"
    "    <item><instancesSet><item><instanceId>i-3</instanceId><tagSet/>"
    "</item></instancesSet></item>\n"
    "  </reservationSet>\n"
    "  <nextToken>t&quot;2</nextToken>\n"
    "</DescribeInstancesResponse>\n";

static void
test_instances(void ** state)
{
	struct rig r;
	struct decode_body b;
	struct page * p;
	struct err e;

	(void)state;
	begin(&r, "reservationSet.item[*].instancesSet.item[*]",
	    "id:text:instanceId code:integer:instanceState.code "
	    "t:timestamp:launchTime ebs:boolean:ebsOptimized why:text:reason "
	    "price:real name:text:tagSet.item[key=Name].value "
	    "tags:list:tagSet.item keys:list:tagSet.item[*].key");
	r.list.paginate.field[BODY_CURSOR] = rig_path("nextToken");
	rig_plan(&r);
	rows(&r, instances, "'i-1',16,'2026-01-02T03:04:05Z',1,NULL,0.25,"
	    "'a & b <c>','[{\"key\":\"env\",\"value\":\"prod\"},{\"key\":\"Name\","
	    "\"value\":\"a & b <c>\"}]','[\"env\",\"Name\"]';"
	    "'i-2',80,NULL,NULL,NULL,NULL,'<one> more','[{\"value\":\"<one> more\","
	    "\"key\":\"Name\"}]','[\"Name\"]';"
	    "'i-3',NULL,NULL,NULL,NULL,NULL,NULL,'[]','[]';");
	assert_int_equal(decode(&r, instances, sizeof(instances) - 1, 100, &p,
	    &b, &e), 0);
	assert_string_equal(json_string_value(b.field[BODY_CURSOR]), "t\"2");
	assert_int_equal(p->raw, 3);
	page_unref(p);
	rig_free(&r);
	/* The same with the outer list as records and the inner one exploded. */
	begin(&r, "reservationSet.item", "owner:integer:ownerId "
	    "id:text:@.instanceId");
	r.ent.explode = rig_path("instancesSet.item");
	rig_plan(&r);
	rows(&r, instances, "12,'i-1';12,'i-2';NULL,'i-3';");
	rig_free(&r);
}

static void
test_lists(void ** state)
{
	(void)state;
	/* One, several, none, and parted by others. */
	columns("b", "x:integer", "<r><b><x>1</x></b></r>", "1;");
	columns("b", "x:integer", "<r><b><x>1</x></b><b><x>2</x></b></r>", "1;2;");
	columns("b[*]", "x:integer", "<r><c/></r>", "");
	columns("a.b", "x:integer", "<r><a/></r>", "");
	columns("a.b", "x:integer", "<r><a>  \n </a></r>", "");
	columns("b", "x:integer", "<r><b><x>1</x></b><c/><b><x>2</x></b><c/></r>",
	    "1;2;");
	columns("a[*].b[*]", "x:integer", "<r><a><b><x>1</x></b></a><a/><a><b><x>2"
	    "</x></b><b><x>3</x></b></a></r>", "1;2;3;");
	columns("b", "f:text:t[0] l:list:t", "<r><b><t>x</t></b><b><t>y</t><t>z</t>"
	    "</b><b/></r>", "'x','[\"x\"]';'y','[\"y\",\"z\"]';NULL,'[]';");
	/* The root is the record. */
	columns("$", "x:integer y:text:a.b", "<r><x>5</x><a><b>q</b></a></r>",
	    "5,'q';");
	/* What no path takes for a list is one where it comes again. */
	columns("b", "m:map:m", "<r><b><m><i>1</i><j>2</j></m></b><b><m><i>1</i>"
	    "<i>2</i></m></b></r>", "'{\"i\":\"1\",\"j\":\"2\"}';"
	    "'{\"i\":[\"1\",\"2\"]}';");
	columns("b", "a:text:t[k=1].v b:list:t[k=2].v", "<r><b><t><k>1</k><v>x</v>"
	    "</t></b><b><t><v>y</v><k>2</k></t><t><k>1</k></t></b></r>",
	    "'x',NULL;NULL,'[\"y\"]';");
}

static void
test_texts(void ** state)
{
	(void)state;
	columns("b", "x:text", "<r><b><x> a  b </x></b><b><x/></b><b><x></x></b>"
	    "<b><x>\xc3\xa9&#8364;</x></b><b/></r>",
	    "' a  b ';NULL;NULL;'é€';NULL;");
	columns("b", "x:text y:text:x.y", "<r><b><x>t</x></b><b><x><y>u</y></x>"
	    "</b></r>", "'t',NULL;'{\"y\":\"u\"}','u';");
	/* Namespaces are dropped, prefixes need not be declared. */
	columns("b", "x:text", "<n:r xmlns:n=\"urn:n\"><n:b><n:x>1</n:x></n:b>"
	    "<m:b><m:x>2</m:x></m:b></n:r>", "'1';'2';");
	/* Attributes only where they are asked for; text beside. */
	columns("b", "i:integer:\"@id\" x:text:\"#text\" m:map:m",
	    "<r><b id=\"7\" z=\"q\">t<m c=\"d\"><n e=\"f\">8</n></m></b>"
	    "<b id=\"&quot;\"/></r>",
	    "7,'t','{\"n\":\"8\"}';'\"',NULL,NULL;");
	columns("b", "v:text:p[\"@n\"=q].v t:text:p[\"@n\"^=r].\"#text\"",
	    "<r><b><p n=\"p\"><v>1</v></p><p m=\"q\" n=\"q\"><v>2</v></p><p n=\"rs\">"
	    "3</p></b></r>", "'2','3';");
	columns("b", "x:text", "<r><b><x>a<i>b</i>c<i>d</i></x></b></r>",
	    "'{\"#text\":[\"a\",\"c\"],\"i\":[\"b\",\"d\"]}';");
	columns("b", "x:text", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>"
	    "<r><b><x>\xe9</x></b></r>", "'é';");
	columns("b", "x:text", "\r\n <?xml version=\"1.0\"?><r><b><x>1</x></b></r>\n",
	    "'1';");
	columns("b", "x:text", "\xef\xbb\xbf<r><!-- c --><b><?pi x?><x>1</x></b>"
	    "</r>", "'1';");
}

static void
test_refused(void ** state)
{
	static const char bomb[] = "<!DOCTYPE l [<!ENTITY a \"aaaaaaaaaa\">"
	    "<!ENTITY b \"&a;&a;&a;&a;\">]><r>&b;</r>";
	static const char file[] = "<?xml version=\"1.0\"?><!DOCTYPE r [<!ENTITY x "
	    "SYSTEM \"file:///etc/passwd\">]><r><a><b>&x;</b></a></r>";
	struct buf b = BUF_INIT(0);
	int i;

	(void)state;
#define R(s, code, with) refused(s, sizeof(s) - 1, code, with)
	R(bomb, "xml", "document type declaration");
	R(file, "xml", "document type declaration");
	R("<!DOCTYPE r SYSTEM \"http://127.0.0.1:1/x.dtd\"><r/>", "xml",
	    "document type declaration");
	R("<!DOCTYPE html><html></html>", "xml", "HTML, not XML");
	R("<HTML><body></body></HTML>", "xml", "HTML, not XML");
	R("<r>&secret;</r>", "xml", "line 1: an entity that XML does not have");
	R("<r>\n<a></b></r>", "xml", "line 2");
	R("<r><a>", "xml", "well-formed");
	R("", "xml", "empty");
	R("{\"a\":1}", "xml", "well-formed");
	R("<r/><r/>", "xml", "well-formed");
	R("<r a=\"1\" a=\"2\"/>", "xml", "well-formed");
	R("<r>\x01</r>", "xml", "well-formed");
	R("<r>\xff</r>", "xml", "well-formed");
	R("<r>a\0b</r>", "xml", "well-formed");
	/* What a service says instead of a list is no empty list. */
	R("<Error><Code>AccessDenied</Code></Error>", "records", "Code");
	R("<r><x/></r>", "records", "\"a.b\"");
	for (i = 0; i < 61; i++)
		buf_adds(&b, "<a>");
	refused(b.p, b.len, "nesting", "60 levels");
	buf_clear(&b);
	buf_adds(&b, "<r>");
	for (i = 0; i < 10001; i++)
		buf_addf(&b, "<a%d/>", i);
	buf_adds(&b, "</r>");
	refused(b.p, b.len, "too_big", "names");
	/* More than may be. */
	buf_clear(&b);
	buf_adds(&b, "<r>");
	for (i = 0; i < 35000; i++)
		buf_addf(&b, "%01000d", 0);
	assert_int_equal(b.failed, 0);
	refused_once(b.p, b.len, "too_big", "larger than 32 MiB");
	buf_free(&b);
#undef R
}

/* What is long costs its length, not its square. */
static void
test_long(void ** state)
{
	static const char * const parts[][3] = {
		{ "<r><b x=\"", "aaaa>aaaaa", "\"><x>1</x></b></r>" },
		{ "<r><!--", "- > -- x>", "--><b><x>1</x></b></r>" },
		{ "<r>", "&aaaaaaaaaaaaaaa", "</r>" }
	};
	struct buf b = BUF_INIT(0);
	struct decode_body body;
	struct timespec from, to;
	struct page * p;
	struct err e;
	struct rig r;
	size_t i;

	(void)state;
	begin(&r, "b", "x:integer");
	rig_plan(&r);
	for (i = 0; i < 3; i++) {
		buf_clear(&b);
		buf_adds(&b, parts[i][0]);
		while (b.len < (size_t)4 << 20)
			buf_adds(&b, parts[i][1]);
		buf_adds(&b, parts[i][2]);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
		if (decode(&r, b.p, b.len, 1000, &p, &body, &e) == 0) {
			assert_int_equal(p->nrows, 1);
			page_unref(p);
		} else
			assert_string_equal(e.code, "xml");
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
		assert_true(to.tv_sec - from.tv_sec < 2);
	}
	rig_free(&r);
	buf_free(&b);
}

/* Error bodies and actions: a tree in the shape that paths ask for. */
static void
tree(const char * doc, const char * path, const char * want)
{
	const struct json_path * p = rig_path(path);
	json_t * v, * all;
	struct err e;
	char * s;

	if ((v = xml_json_read(doc, strlen(doc), &p, 1, &e)) == NULL)
		fail_msg("%s: %s", doc, e.msg);
	assert_non_null(all = json_path_all(p, v));
	assert_non_null(s = json_dumps(all, JSON_COMPACT));
	assert_string_equal(s, want);
	free(s);
	json_decref(all);
	json_decref(v);
	json_path_free((struct json_path *)(uintptr_t)p);
}

static void
test_trees(void ** state)
{
	struct err e;

	(void)state;
	tree("<Error><Code>NoSuchKey</Code></Error>", "Code", "[\"NoSuchKey\"]");
	tree("<Response><Errors><Error><Code>a</Code></Error></Errors></Response>",
	    "Errors.Error.Code", "[\"a\"]");
	tree("<Response><Errors><Error><Code>a</Code></Error></Errors></Response>",
	    "Errors.Error[*].Code", "[\"a\"]");
	tree("<r><a><k>1</k><v>x</v></a></r>", "a[k=1].v", "[\"x\"]");
	tree("<r><a><b/></a></r>", "$", "[{\"a\":{\"b\":null}}]");
	tree("<r>t</r>", "$", "[\"t\"]");
	assert_null(xml_json_read("<a><b></a>", 10, NULL, 0, &e));
	assert_string_equal(e.code, "xml");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_instances),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_trees),
	};

	return (cmocka_run_group_tests_name("decode_xml", tests, pieces_setup,
	    pieces_teardown));
}
