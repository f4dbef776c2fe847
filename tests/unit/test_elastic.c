#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "target/elastic.h"
#include "target/elastic_answer.h"
#include "target/elastic_doc.h"
#include "target/elastic_mapping.h"

static struct err e;

static void
test_index_names(void ** state)
{
	static const char * const good[] = { "a", "github-issues", "1.2_3",
	    ".hidden", "\xc3\xbc" };
	static const struct { const char * name; int wild; const char * why; }
	bad[] = {
		{ "Issues", 1, "write i instead of I" }, { "", 0, "a name" },
		{ "-a", 0, "begin" }, { "_a", 0, "begin" }, { "+", 0, "begin" },
		{ ".", 0, "called" }, { "..", 0, "called" },
		{ "a b", 0, "none of" }, { "a/b", 0, "none of" },
		{ "a-*", 0, "* cannot" }, { "a-*-*", 1, "one *" },
		{ "a\xff", 0, "UTF-8" }, { "a#b", 1, "none of" },
	};
	char longest[300];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(elastic_index_ok(good[i], 0, &e), 0);
	assert_int_equal(elastic_index_ok("github-issues-*", 1, &e), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(elastic_index_ok(bad[i].name, bad[i].wild, &e),
		    -1);
		assert_int_equal(e.cls, ERR_CONFIG);
		assert_string_equal(e.code, "bad_target");
		if (strstr(e.msg, bad[i].why) == NULL)
			fail_msg("'%s': %s", bad[i].name, e.msg);
	}
	memset(longest, 'a', sizeof(longest));
	longest[255] = '\0';
	assert_int_equal(elastic_index_ok(longest, 0, &e), 0);
	longest[255] = 'a';
	longest[256] = '\0';
	assert_int_equal(elastic_index_ok(longest, 0, &e), -1);
}

static struct value
text(const char * s)
{
	return ((struct value){ .type = VALUE_TEXT, .len = (uint32_t)strlen(s),
	    .s = s });
}

static void
test_lines(void ** state)
{
	static const struct writer_column cols[] = {
		{ .name = "id", .type = COLUMN_INTEGER, .is_key = 1 },
		{ .name = "n", .type = COLUMN_REAL },
		{ .name = "ok", .type = COLUMN_BOOLEAN },
		{ .name = "l", .type = COLUMN_LIST },
		{ .name = "m", .type = COLUMN_MAP },
		{ .name = "t", .type = COLUMN_TEXT },
	};
	struct writer_spec spec = { .table = "t", .sync = "s", .fence = 5,
	    .columns = cols, .ncolumns = 6, .marks = 1 };
	struct value v[6] = { { .type = VALUE_INT, .i = INT64_MIN },
	    { .type = VALUE_REAL, .d = 0.1 }, { .type = VALUE_INT, .i = 1 },
	    text("[1,\n{\"a\":\"}\\\"{\"} , [2,{\"b\":{}}]]"),
	    text("{\"x\":\r\n1}"), text("\n\"") };
	struct elastic_doc * d = elastic_doc_new(&spec, &e);
	struct buf b = BUF_INIT(0);
	char want[400];

	(void)state;
	assert_non_null(d);
	assert_int_equal(elastic_doc_version(d) >> 14, 5);
	assert_true(elastic_doc_is_ours(d, elastic_doc_version(d)));
	assert_false(elastic_doc_is_ours(d, elastic_doc_version(d) + 1));
	assert_int_equal(elastic_doc_add(d, v, &b), 0);
	snprintf(want, sizeof(want), "{\"index\":{\"_id\":"
	    "\"-9223372036854775808\",\"version\":%lld,\"version_type\":"
	    "\"external_gte\"}}\n{\"id\":-9223372036854775808,\"n\":0.1,"
	    "\"ok\":true,\"l\":[1, \"{\\\"a\\\":\\\"}\\\\\\\"{\\\"}\" , [2,"
	    "\"{\\\"b\\\":{}}\"]],\"m\":{\"x\":  1},\"t\":\"\\n\\\"\","
	    "\"moltler\":{\"sync\":\"s\",\"fence\":5}}\n",
	    (long long)elastic_doc_version(d));
	assert_string_equal(b.p, want);
	/* Whole numbers stay real; what is no number is not there. */
	buf_clear(&b);
	v[1].d = -3;
	v[2].type = v[3].type = v[4].type = v[5].type = VALUE_NULL;
	assert_int_equal(elastic_doc_add(d, v, &b), 0);
	assert_non_null(strstr(b.p, ",\"n\":-3.0,\"moltler\""));
	buf_clear(&b);
	v[1].d = __builtin_nan("");
	assert_int_equal(elastic_doc_add(d, v, &b), 0);
	assert_null(strstr(b.p, "\"n\":"));
	elastic_doc_free(d);
	/* A list that is no JSON after all is not read beyond its end. */
	spec.marks = 0;
	d = elastic_doc_new(&spec, &e);
	v[3] = text("[{\"a\":\"\\");
	assert_int_equal(elastic_doc_add(d, v, &b), 0);
	elastic_doc_free(d);
	spec.fence = INT64_MAX >> 13;
	assert_null(elastic_doc_new(&spec, &e));
	assert_string_equal(e.code, "fence");
	buf_free(&b);
}

static void
test_rejects(void ** state)
{
	static const char lines[] = "{\"index\":{\"_id\":\"7\",\"version\":1}}\n"
	    "{\"id\":7}\n";
	struct buf a = BUF_INIT(0), b = BUF_INIT(0);

	(void)state;
	assert_int_equal(elastic_doc_reject("t-rejected", "s", 0, "no", 2,
	    lines, sizeof(lines) - 1, &a), 0);
	assert_non_null(strstr(a.p, "{\"sync\":\"s\",\"at\":"
	    "\"1970-01-01T00:00:00Z\",\"reason\":\"no\",\"row\":"
	    "\"{\\\"id\\\":7}\"}\n"));
	/* The same row of the same sync is the same document. */
	assert_int_equal(elastic_doc_reject("t-rejected", "s", 9, "x", 1, lines,
	    sizeof(lines) - 1, &b), 0);
	assert_memory_equal(a.p, b.p, (size_t)(strchr(a.p, '\n') - a.p));
	buf_clear(&b);
	assert_int_equal(elastic_doc_reject("t-rejected", "other", 9, "x", 1,
	    lines, sizeof(lines) - 1, &b), 0);
	assert_memory_not_equal(a.p, b.p, (size_t)(strchr(a.p, '\n') - a.p));
	buf_free(&a);
	buf_free(&b);
}

struct heard {
	size_t n;
	struct elastic_item last;
	char type[64], reason[ELASTIC_REASON_MAX];
};

static void
on_item(void * arg, const struct elastic_item * it)
{
	struct heard * h = arg;

	h->n++;
	h->last = *it;
	snprintf(h->type, sizeof(h->type), "%s", it->type);
	snprintf(h->reason, sizeof(h->reason), "%s", it->reason);
}

static int
read_answer(const char * s, struct heard * h, int * errors)
{
	struct elastic_answer a;
	size_t i;

	memset(h, 0, sizeof(*h));
	elastic_answer_begin(&a, on_item, h);
	for (i = 0; s[i] != '\0'; i++)
		(void)elastic_answer_feed(&a, &s[i], 1);
	*errors = a.errors;
	return (elastic_answer_ok(&a));
}

static void
test_answers(void ** state)
{
	static const char * const bad[] = { "", "[]", "{", "1", "\"errors\"",
	    "{}", "{\"errors\":true", "{\"errors\":true,}", "{\"errors\"}",
	    "{\"errors\":}", "{\"errors\":true}}", "{\"errors\":true}{}",
	    "{\"errors\":tru}", "{errors:true}", "{\"errors\":true,1}",
	    "{\"errors\":true \"a\":1}", "{\"errors\":true,\"items\":[1]}",
	    "{\"errors\":true,\"items\":[{}]}",
	    "{\"errors\":true,\"items\":[[]]}",
	    "{\"errors\":true,\"items\":{\"a\":{}}}",
	    "{\"errors\":true,\"items\":[{\"index\":1}]}",
	    "{\"errors\":true,\"items\":[{\"a\":{},\"b\":{}}]}",
	    "{\"errors\":true,\"items\":[{\"a\":{}]}}", "<html>",
	    "{\"errors\":true,\"items\":[\"a\"]}", "{\"errors\":1}" };
	struct heard h;
	int errors;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (read_answer(bad[i], &h, &errors))
			fail_msg("taken: %s", bad[i]);
	assert_true(read_answer(" {\"took\":[1,{\"errors\":true}], \"errors\" "
	    ": false, \"items\":[] }\n", &h, &errors));
	assert_int_equal(errors, 0);
	assert_int_equal(h.n, 0);
	assert_true(read_answer("{\"errors\":true,\"items\":[{\"index\":"
	    "{\"status\":201}},{\"index\":{\"error\":{\"root_cause\":[{\"type\":"
	    "\"q\",\"reason\":\"r\"}],\"type\":\"parse\",\"reason\":\"outer\","
	    "\"caused_by\":{\"type\":\"x\",\"reason\":\"in \\\"it\\\" "
	    "\\u00fc\"}},\"status\":400}}]}", &h, &errors));
	assert_int_equal(errors, 1);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.last.status, 400);
	assert_string_equal(h.type, "parse");
	assert_string_equal(h.reason, "in \"it\" ?");
	assert_true(read_answer("{\"items\":[{\"index\":{\"status\":500,"
	    "\"error\":\"text\"}}],\"errors\":true}", &h, &errors));
	assert_string_equal(h.reason, "text");
}

static void
test_fields(void ** state)
{
	static const struct writer_column cols[] = {
		{ .name = "k", .type = COLUMN_TEXT, .is_key = 1 },
		{ .name = "m", .type = COLUMN_MAP },
	};
	const struct writer_spec spec = { .table = "t", .sync = "s",
	    .columns = cols, .ncolumns = 2 };
	struct elastic_who who = { .is_opensearch = 1, .major = 2, .minor = 6 };
	json_t * there, * out;

	(void)state;
	assert_false(elastic_mapping_has_flat(&who));
	who.minor = 7;
	assert_true(elastic_mapping_has_flat(&who));
	/* Of an alias with two indices, what one of them lacks is missing. */
	there = json_loads("{\"a\":{\"mappings\":{\"properties\":{\"k\":{\"type\":"
	    "\"keyword\"},\"m\":{\"properties\":{}}}}},\"b\":{\"mappings\":{}}}",
	    0, NULL);
	assert_int_equal(elastic_mapping_missing(&spec, &who, 1, there, &out,
	    &e), 0);
	assert_int_equal(json_object_size(json_object_get(out, "properties")),
	    2);
	json_decref(out);
	json_decref(there);
	there = json_loads("{\"a\":{\"mappings\":{\"properties\":{\"k\":{\"type\":"
	    "\"keyword\"},\"m\":{\"properties\":{}}}}}}", 0, NULL);
	assert_int_equal(elastic_mapping_missing(&spec, &who, 1, there, &out,
	    &e), 0);
	assert_null(out);
	json_object_set_new(json_object_get(json_object_get(json_object_get(
	    json_object_get(there, "a"), "mappings"), "properties"), "m"),
	    "type", json_string("date"));
	assert_int_equal(elastic_mapping_missing(&spec, &who, 1, there, &out,
	    &e), -1);
	assert_string_equal(e.msg, "index a: the field m is of type date there "
	    "and the column is map, which would be flat_object; sync into another "
	    "index, or delete or reindex this one");
	json_decref(there);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_index_names),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_rejects),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_fields),
	};

	return (cmocka_run_group_tests_name("elastic", tests, NULL, NULL));
}
