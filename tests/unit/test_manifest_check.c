#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "conn/manifest.h"
#include "conn/mread.h"

/* A good manifest, into which each fault is put. */
#define HEAD "{\"format\":1,\"type\":\"t\",\"title\":\"T\"," \
	"\"drive_model\":\"on_demand\",\"test\":{\"entity\":\"e\"},"
#define M(config, more, ents) HEAD "\"config\":" config "," more \
	"\"entities\":" ents "}"
#define CONF "{\"base\":{\"type\":\"url\",\"required\":true}," \
	"\"org\":{\"type\":\"string\"},\"token\":{\"type\":\"secret\"}}"
#define COLS "\"columns\":{\"id\":{\"type\":\"integer\"}," \
	"\"title\":{\"type\":\"text\"},\"tags\":{\"type\":\"list\"}," \
	"\"at\":{\"type\":\"timestamp\",\"not_null\":true}," \
	"\"repo\":{\"type\":\"text\",\"input\":true}}"
#define URL "\"url\":\"{{config.base}}/x\""
/* One entity with one list that has ${l} too; with ${x} too. */
#define LIST(l) M(CONF, "", "{\"e\":{" COLS ",\"lists\":[{" URL l "}]}}")
#define ENT(x) M(CONF, "", "{\"e\":{" COLS ",\"lists\":[{" URL "}]" x "}}")
#define COL(c) M(CONF, "", "{\"e\":{\"lists\":[{" URL "}],\"columns\":{" c \
	"}}}")
#define ACT(a) ENT(",\"actions\":{\"do\":{\"url\":\"{{config.base}}\"" a "}}")
#define FIELD(f) M("{\"base\":{\"type\":\"url\"},\"f\":" f "}", "", \
	"{\"e\":{" COLS ",\"lists\":[{" URL "}]}}")
#define TOP(more) M(CONF, more, "{\"e\":{" COLS ",\"lists\":[{" URL "}]}}")
#define L "$.entities.e.lists[0]"

static const struct {
	const char * json;
	const char * path;
	const char * want; /* part of the message */
} bad[] = {
	{ "", "$", "not valid JSON" },
	{ "[]", "$", "must be an object" },
	{ "{\"format\":2,\"x\":1}", "$.format", "must be 1" },
	{ "{\"format\":1,\"format\":1}", "$", "not valid JSON" },
	{ TOP("\"tipe\":\"t\","), "$.tipe", "did you mean type?" },
	{ "{\"format\":1}", "$.type", "is missing" },
	{ "{\"format\":1}", "$.entities", "is missing" },
	{ "{\"format\":1,\"type\":\"../x\"}", "$.type", "a name holds" },
	{ "{\"format\":1,\"drive_model\":\"ondemand\"}", "$.drive_model",
	  "did you mean 'on_demand'?" },
	{ "{\"format\":1,\"title\":7}", "$.title", "a string" },
	/* config */
	{ M("3", "", "{}"), "$.config", "must be an object" },
	{ FIELD("{\"type\":\"strin\"}"), "$.config.f.type",
	  "did you mean 'string'?" },
	{ FIELD("{}"), "$.config.f.type", "is missing" },
	{ FIELD("{\"type\":\"string\",\"requird\":true}"),
	  "$.config.f.requird", "did you mean required?" },
	{ FIELD("{\"type\":\"string\",\"required\":1}"),
	  "$.config.f.required", "true, false" },
	{ FIELD("{\"type\":\"string\",\"required\":{\"unless\":\"z\"}}"),
	  "$.config.f.required.unless", "no key 'z'" },
	{ FIELD("{\"type\":\"variant\"}"), "$.config.f.variants",
	  "is missing" },
	{ FIELD("{\"type\":\"variant\",\"variants\":{\"a\":{\"type\":{"
	  "\"type\":\"string\"}}}}"), "$.config.f.variants.a.type",
	  "names the variant" },
	{ FIELD("{\"type\":\"integer\",\"min\":5,\"max\":1}"),
	  "$.config.f.min", "more than max" },
	{ FIELD("{\"type\":\"integer\",\"min\":5,\"default\":1}"),
	  "$.config.f.default", "must be an integer from 5" },
	{ FIELD("{\"type\":\"string\",\"values\":[\"a\"],\"default\":\"b\"}"),
	  "$.config.f.default", "must be one of: a" },
	{ FIELD("{\"type\":\"integer\",\"values\":[\"a\"]}"),
	  "$.config.f.values", "number 1 is no integer" },
	{ FIELD("{\"type\":\"string\",\"pattern\":\"(\"}"),
	  "$.config.f.pattern", "regular expression" },
	{ FIELD("{\"type\":\"string\",\"pattern\":\"(a{99}){99}\"}"),
	  "$.config.f.pattern", "too much" },
	{ FIELD("{\"type\":\"secret\",\"default\":\"hunter2\"}"),
	  "$.config.f.default", "everybody's" },
	{ M("{\"a b\":{\"type\":\"string\"}}", "", "{}"), "$.config[\"a b\"]",
	  "a name holds" },
	/* auth */
	{ TOP("\"auth\":{\"kind\":\"magic\"},"), "$.auth.kind",
	  "'magic' is not known; known are: none, bearer, basic, headers" },
	{ TOP("\"auth\":{\"kind\":\"bearer\"},"), "$.auth.token",
	  "is missing" },
	{ TOP("\"auth\":{\"kind\":\"bearer\",\"token\":\"{{config.tokn}}\"},"),
	  "$.auth.token", "config.tokn" },
	{ TOP("\"auth\":{\"kind\":\"none\",\"token\":\"x\"},"), "$.auth.token",
	  "has no meaning for kind none" },
	{ TOP("\"auth\":{\"kind\":\"headers\",\"headers\":{}},"),
	  "$.auth.headers", "at least one" },
	{ TOP("\"auth\":{\"choose\":\"{{config.org}}\",\"a\":3},"), "$.auth.a",
	  "must be an object" },
	{ M("{\"base\":{\"type\":\"url\"},\"a\":{\"type\":\"variant\","
	  "\"variants\":{\"x\":{},\"y\":{}}}}", "\"auth\":{\"choose\":"
	  "\"{{config.a.type}}\",\"x\":{\"kind\":\"none\"}},", "{}"),
	  "$.auth.y", "the config can choose it" },
	/* limits, errors */
	{ TOP("\"limits\":{\"rate\":0},"), "$.limits.rate", "a number from" },
	{ TOP("\"limits\":{\"burst\":5},"), "$.limits.burst", "needs rate" },
	{ TOP("\"limits\":{\"headers\":{\"reset\":\"X\",\"reset_unit\":"
	  "\"seconds\"}},"), "$.limits.headers.reset_unit",
	  "known are: delta_s, epoch_s, epoch_ms, iso8601" },
	{ TOP("\"errors\":[{\"status\":[999],\"do\":\"fail\"}],"),
	  "$.errors[0].status[0]", "such as 403" },
	{ TOP("\"errors\":[{\"status\":[403]}],"), "$.errors[0].do",
	  "is missing" },
	{ TOP("\"errors\":[{\"do\":\"retry\",\"class\":\"config\"}],"),
	  "$.errors[0].class", "goes with" },
	{ TOP("\"errors\":[{\"do\":\"retry\",\"equals\":1}],"),
	  "$.errors[0].equals", "needs a path" },
	{ TOP("\"error_text\":[\"a[\"],"), "$.error_text[0]", "expected" },
	{ TOP("\"headers\":{\"A\":\"b\\r\\nc\"},"), "$.headers.A",
	  "one-line" },
	{ TOP("\"headers\":{\"A:\":\"b\"},"), "$.headers[\"A:\"]",
	  "header name" },
	/* entities, columns */
	{ M(CONF, "", "{}"), "$.entities", "1 to" },
	{ M(CONF, "", "{\"e\":3}"), "$.entities.e", "must be an object" },
	{ M(CONF, "", "{\"a-b\":{}}"), "$.entities[\"a-b\"]",
	  "a name holds" },
	{ ENT(",\"key\":[\"titl\"]"), "$.entities.e.key[0]",
	  "'titl' is no column of this entity (did you mean 'title'?)" },
	{ ENT(",\"key\":[\"id\",\"ID\"]"), "$.entities.e.key[1]", "already" },
	{ ENT(",\"decode\":\"xml\""), "$.entities.e.decode", "openmetrics" },
	{ ENT(",\"retry\":{\"count\":99}"), "$.entities.e.retry.count",
	  "from 0 to 10" },
	{ ENT(",\"cursor\":{\"column\":\"tags\",\"order\":\"asc\"}"),
	  "$.entities.e.cursor.column", "a cursor is" },
	{ ENT(",\"cursor\":{\"column\":\"id\"}"), "$.entities.e.cursor.order",
	  "is missing" },
	{ ENT(",\"main\":true,\"hidden\":true"), "$.entities.e.hidden",
	  "main entity" },
	{ COL(""), "$.entities.e.columns", "at least one column" },
	{ COL("\"a\":{\"type\":\"txt\"}"), "$.entities.e.columns.a.type",
	  "did you mean 'text'?" },
	{ COL("\"a\":{\"type\":\"text\"},\"A\":{\"type\":\"text\"}"),
	  "$.entities.e.columns.A", "already" },
	{ COL("\"a\":{\"type\":\"text\",\"path\":\"@.x\"}"),
	  "$.entities.e.columns.a.path", "no explode" },
	{ COL("\"a\":{\"type\":\"text\",\"path\":\"x[\"}"),
	  "$.entities.e.columns.a.path", "expected" },
	{ COL("\"a\":{\"type\":\"integer\",\"path\":\"x[*].y\"}"),
	  "$.entities.e.columns.a.path", "several values" },
	{ COL("\"a\":{\"type\":\"text\",\"time\":\"epoch_s\"}"),
	  "$.entities.e.columns.a.time", "goes with type timestamp" },
	{ COL("\"a\":{\"type\":\"map\",\"as\":\"text\"}"),
	  "$.entities.e.columns.a.as", "goes with type text" },
	{ COL("\"a\":{\"type\":\"text\",\"default\":\"{{config.org}}\"}"),
	  "$.entities.e.columns.a.default", "goes with input" },
	{ COL("\"a\":{\"type\":\"list\",\"input\":true}"),
	  "$.entities.e.columns.a.type", "one value" },
	/* lists */
	{ M(CONF, "", "{\"e\":{" COLS "}}"), "$.entities.e.lists",
	  "is missing" },
	{ M(CONF, "", "{\"e\":{" COLS ",\"lists\":[]}}"),
	  "$.entities.e.lists", "1 to" },
	{ LIST(",\"metod\":\"GET\""), L ".metod", "did you mean method?" },
	{ LIST(",\"method\":\"DELETE\""), L ".method", "GET, POST" },
	{ LIST(",\"needs\":[\"title\"]"), L ".needs[0]", "is no input" },
	{ LIST(",\"needs\":[\"rep\"]"), L ".needs[0]", "did you mean 'repo'" },
	{ LIST(",\"query\":{\"a\":\"{{in.rep}}\"}"), L ".query.a",
	  "'rep' is no input (did you mean 'repo'?)" },
	{ LIST(",\"query\":{\"a\":\"{{value}}\"}"), L ".query.a",
	  "no meaning here" },
	{ LIST(",\"query\":{\"a\":\"{{conf.x}}\"}"), L ".query.a",
	  "a template speaks of" },
	{ LIST(",\"query\":{\"a\":\"{{config.base\"}"), L ".query.a",
	  "{{ without }}" },
	{ LIST(",\"query\":{\"a\":1}"), L ".query.a", "a string" },
	{ LIST(",\"body\":{}"), L ".body", "goes with method POST" },
	{ LIST(",\"method\":\"POST\",\"body\":{\"a\":[\"{{in.x}}\"]}"),
	  L ".body.a[0]", "no input" },
	{ LIST(",\"records\":\"a..b\""), L ".records", "expected" },
	{ LIST(",\"timeout_ms\":0"), L ".timeout_ms", "from 1" },
	{ LIST("},{" URL), "$.entities.e.lists[1].name", "same name" },
	/* pagination */
	{ LIST(",\"paginate\":{}"), L ".paginate.kind", "is missing" },
	{ LIST(",\"paginate\":{\"kind\":\"links\"}"), L ".paginate.kind",
	  "did you mean 'link'?" },
	{ LIST(",\"paginate\":{\"kind\":\"link\",\"query\":\"p\"}"),
	  L ".paginate.query", "no meaning for kind link" },
	{ LIST(",\"paginate\":{\"kind\":\"cursor\",\"query\":\"p\"}"),
	  L ".paginate", "one of from and from_header" },
	{ LIST(",\"paginate\":{\"kind\":\"cursor\",\"from\":\"p\"}"),
	  L ".paginate", "needs query or body" },
	{ LIST(",\"paginate\":{\"kind\":\"offset\",\"query\":\"o\"}"),
	  L ".paginate.size", "is missing" },
	{ LIST(",\"paginate\":{\"kind\":\"next_url\"}"), L ".paginate.from",
	  "is missing" },
	{ LIST(",\"paginate\":{\"kind\":\"page\",\"query\":\"p\",\"size\":{"
	  "\"query\":\"n\",\"default\":50,\"max\":10}}"),
	  L ".paginate.size.default", "more than max (10)" },
	{ LIST(",\"paginate\":{\"kind\":\"page\",\"query\":\"p\","
	  "\"short_page_ends\":true}"), L ".paginate.short_page_ends",
	  "needs size" },
	/* pushes */
	{ LIST(",\"push\":{\"titel\":{\"query\":\"t\"}}"), L ".push.titel",
	  "did you mean 'title'?" },
	{ LIST(",\"push\":{\"title\":{\"op\":\"~\",\"query\":\"t\"}}"),
	  L ".push.title.op", "'~' is no operator" },
	{ LIST(",\"push\":{\"title\":[{\"query\":\"t\"},{\"op\":[\"=\",7],"
	  "\"query\":\"t\"}]}"), L ".push.title[1].op[1]",
	  "must be an operator" },
	{ LIST(",\"push\":{\"title\":{\"op\":\"=\"}}"), L ".push.title",
	  "needs one of query, header, body and clause" },
	{ LIST(",\"push\":{\"id\":{\"op\":\"like_prefix\",\"query\":\"t\"}}"),
	  L ".push.id.op", "LIKE goes with text" },
	{ LIST(",\"push\":{\"id\":{\"op\":\"contains\",\"query\":\"t\"}}"),
	  L ".push.id.op", "contains goes with a list" },
	{ LIST(",\"push\":{\"tags\":{\"op\":\"=\",\"query\":\"t\"}}"),
	  L ".push.tags.op", "use contains" },
	{ LIST(",\"push\":{\"repo\":{\"op\":\">\",\"query\":\"t\"}}"),
	  L ".push.repo.op", "an input is told by =" },
	{ LIST(",\"push\":{\"title\":{\"op\":\"=\",\"clause\":\"jql\",\"text\":"
	  "\"x\"}}"), L ".push.title.clause", "is no language" },
	{ LIST(",\"clauses\":{\"jql\":{\"query\":\"q\"}},\"push\":{\"title\":{"
	  "\"clause\":\"jql\"}}"), L ".push.title.text", "is missing" },
	{ LIST(",\"push\":{\"title\":{\"query\":\"t\",\"widen_s\":3}}"),
	  L ".push.title.widen_s", "goes with a timestamp" },
	{ LIST(",\"push\":{\"at\":{\"op\":\">\",\"query\":\"t\",\"time\":"
	  "\"epoch\"}}"), L ".push.at.time", "epoch" },
	{ LIST(",\"push\":{\"at\":{\"op\":\">\",\"query\":\"t\",\"time\":{}}}"),
	  L ".push.at.time.strftime", "is missing" },
	{ LIST(",\"push\":{\"title\":{\"op\":[\"is_null\",\"=\"],\"query\":"
	  "\"t\",\"text\":\"x\"}}"), L ".push.title.op", "rule of their own" },
	{ LIST(",\"push\":{\"title\":{\"op\":\"is_null\",\"query\":\"t\"}}"),
	  L ".push.title.text", "is missing" },
	{ LIST(",\"push\":{\"title\":{\"query\":\"t\",\"many\":\"csv\"}}"),
	  L ".push.title.many", "in or contains" },
	{ LIST(",\"push\":{\"title\":{\"query\":\"t\",\"values\":3}}"),
	  L ".push.title.values", "must be an array" },
	{ LIST(",\"push\":{\"title\":{\"query\":\"t\",\"caps\":true}}"),
	  L ".push.title.caps", "no max_rows" },
	{ LIST(",\"clauses\":{\"sql\":{\"query\":\"q\"}}"), L ".clauses.sql",
	  "is no clause language" },
	{ LIST(",\"clauses\":{\"jql\":{}}"), L ".clauses.jql",
	  "query or body" },
	/* order, partition */
	{ LIST(",\"order\":{\"columns\":{\"x\":\"x\"},\"query\":{}}"),
	  L ".order.columns.x", "is no column" },
	{ LIST(",\"order\":{\"columns\":{\"at\":\"x\"}}"), L ".order.query",
	  "is missing" },
	{ LIST(",\"order\":{\"columns\":{\"at\":1},\"query\":{}}"),
	  L ".order.columns.at", "the service's word" },
	{ LIST(",\"partition\":{\"over\":\"f\",\"bind\":{\"repo\":\"id\"}}"),
	  L ".partition.over", "'f' is no entity" },
	{ LIST(",\"partition\":{\"over\":\"e\",\"bind\":{\"repo\":\"id\"}}"),
	  L ".partition.over", "over itself" },
	{ M(CONF, "", "{\"e\":{" COLS ",\"lists\":[{" URL ",\"partition\":{"
	  "\"over\":\"f\",\"bind\":{\"title\":\"idd\"},\"where\":{\"x\":1}}}]},"
	  "\"f\":{" COLS ",\"lists\":[{" URL "}]}}"),
	  L ".partition.bind.title", "is no input" },
	{ M(CONF, "", "{\"e\":{" COLS ",\"lists\":[{" URL ",\"partition\":{"
	  "\"over\":\"f\",\"bind\":{\"repo\":\"titl\"},\"where\":{\"x\":1}}}]},"
	  "\"f\":{" COLS ",\"lists\":[{" URL "}]}}"),
	  L ".partition.bind.repo", "did you mean 'title'?" },
	{ M(CONF, "", "{\"e\":{" COLS ",\"lists\":[{" URL ",\"partition\":{"
	  "\"over\":\"f\",\"bind\":{\"repo\":\"id\"},\"where\":{\"x\":1}}}]},"
	  "\"f\":{" COLS ",\"lists\":[{" URL "}]}}"),
	  L ".partition.where.x", "is no column" },
	{ M(CONF, "", "{\"e\":{" COLS ",\"lists\":[{" URL ",\"partition\":{"
	  "\"over\":\"f\",\"bind\":{\"repo\":\"id\"}}}]},"
	  "\"f\":{" COLS ",\"lists\":[{" URL ",\"partition\":{\"over\":\"e\","
	  "\"bind\":{\"repo\":\"id\"}}}]}}"), "$.entities.e.lists", "ring" },
	/* actions */
	{ ENT(",\"actions\":{\"do\":{}}"), "$.entities.e.actions.do.url",
	  "is missing" },
	{ ACT(",\"method\":\"PUSH\""), "$.entities.e.actions.do.method",
	  "not known" },
	{ ACT(",\"query\":{\"a\":\"{{in.b}}\"}"),
	  "$.entities.e.actions.do.query.a", "no input" },
	{ ACT(",\"query\":{\"a\":\"{{lookup}}\"}"),
	  "$.entities.e.actions.do.query.a", "no meaning here" },
	{ ACT(",\"args\":{\"a\":{\"type\":\"text\"}}"),
	  "$.entities.e.actions.do.args.a.type", "not known" },
	{ ACT(",\"args\":{\"a\":{\"type\":\"string\",\"fields\":{\"x\":{\"type\":"
	  "\"any\"}}}}"), "$.entities.e.actions.do.args.a.fields",
	  "goes with type object" },
	{ ACT(",\"args\":{\"a\":{\"type\":\"string\",\"items\":{\"type\":"
	  "\"any\"}}}"), "$.entities.e.actions.do.args.a.items",
	  "goes with type array" },
	{ ACT(",\"args\":{\"a\":{\"type\":\"integer\",\"values\":[1,\"b\"]}}"),
	  "$.entities.e.actions.do.args.a.values", "number 2 is no integer" },
	{ ACT(",\"args\":{\"a\":{\"type\":\"array\",\"items\":{\"type\":"
	  "\"object\",\"fields\":{\"b\":{\"typ\":\"any\"}}}}}"),
	  "$.entities.e.actions.do.args.a.items.fields.b.typ",
	  "did you mean type?" },
	{ ACT(",\"success\":[99]"), "$.entities.e.actions.do.success",
	  "number 1 is no status" },
	{ ACT(",\"result\":\"a[\""), "$.entities.e.actions.do.result",
	  "expected" },
	{ ACT(",\"lookup\":{\"url\":\"x\"}"),
	  "$.entities.e.actions.do.lookup.value", "is missing" },
	/* the test call */
	{ M(CONF, "\"test\":{},", "{}"), "$", "not valid JSON" },
	{ "{\"format\":1,\"test\":{}}", "$.test", "needs an entity or a url" },
	{ "{\"format\":1,\"test\":{\"entity\":\"x\"}}", "$.test.entity",
	  "no entity 'x'" },
	{ "{\"format\":1,\"test\":{\"entity\":\"x\",\"expect\":{}}}",
	  "$.test.expect", "goes with a url" },
};

struct seen {
	const char * path;
	const char * want;
	size_t faults, warnings;
	int found;
	struct buf all;
};

static void
on_fault(void * arg, int is_warning, const char * path, const char * msg)
{
	struct seen * s = arg;

	if (is_warning)
		s->warnings++;
	else
		s->faults++;
	buf_addf(&s->all, "  %s%s: %s\n", is_warning ? "warning: " : "", path,
	    msg);
	assert_true(*msg != '\0' && *path == '$');
	if (s->path != NULL && strcmp(path, s->path) == 0 &&
	    strstr(msg, s->want) != NULL)
		s->found = 1;
}

static void
test_faults_are_named_by_path(void ** state)
{
	struct manifest * m;
	struct seen s;
	struct err e, first;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&s, 0, sizeof(s));
		s.path = bad[i].path;
		s.want = bad[i].want;
		s.all.max = 1 << 20;
		m = manifest_check(bad[i].json, strlen(bad[i].json), "f.json",
		    on_fault, &s, &e);
		if (m != NULL)
			fail_msg("accepted: %s", bad[i].json);
		if (!s.found)
			fail_msg("%s\nsaid:\n%swanted: %s: %s", bad[i].json,
			    s.all.p ? s.all.p : "", bad[i].path, bad[i].want);
		assert_int_equal(e.cls, ERR_CONFIG);
		assert_int_equal(strncmp(e.msg, "f.json: ", 8), 0);
		assert_int_equal(s.warnings, 0);
		assert_null(manifest_parse(bad[i].json, strlen(bad[i].json),
		    "f.json", &first));
		assert_string_equal(first.msg, e.msg);
		buf_free(&s.all);
	}
}

/* A file of the sources, as text. */
static char *
slurp(const char * name, size_t * n)
{
	static char text[1 << 17];
	char path[1024];
	const char * src = getenv("srcdir");
	FILE * f;

	snprintf(path, sizeof(path), "%s/%s", src ? src : ".", name);
	if ((f = fopen(path, "r")) == NULL)
		fail_msg("cannot read %s", path);
	*n = fread(text, 1, sizeof(text) - 1, f);
	text[*n] = '\0';
	fclose(f);
	return (text);
}

/* Add every key of every object below ${v} to ${keys}. */
static void
gather(const json_t * v, json_t * keys)
{
	const char * key;
	const json_t * x;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)v, key, x) {
		json_object_set_new(keys, key, json_true());
		gather(x, keys);
	}
	json_array_foreach((json_t *)(uintptr_t)v, i, x)
		gather(x, keys);
}

static struct manifest *
whole(void)
{
	struct seen s = { .all = BUF_INIT(1 << 20) };
	struct manifest * m;
	struct err e;
	char * text;
	size_t n;

	text = slurp("tests/unit/manifest_whole.json", &n);
	m = manifest_check(text, n, "whole", on_fault, &s, &e);
	if (m == NULL || s.warnings > 0)
		fail_msg("%s", s.all.p ? s.all.p : e.msg);
	buf_free(&s.all);
	return (m);
}

static void
test_every_key_is_read(void ** state)
{
	struct manifest * m = whole();
	json_t * keys = json_object();
	const char * const * k, * kind;
	size_t i;

	(void)state;
	gather(m->doc, keys);
	for (i = 0; (k = mread_keys_of(i, &kind)) != NULL; i++)
		for (; *k != NULL; k++)
			/* It has test.url, and cannot have both. */
			if (json_object_get(keys, *k) == NULL &&
			    strcmp(*k, "entity") != 0)
				fail_msg("%s.%s is not in the test's manifest",
				    kind, *k);
	json_decref(keys);
	manifest_unref(m);
}

static void
test_head_of_the_whole(void ** state)
{
	struct manifest * m = whole();

	(void)state;
	assert_string_equal(m->type, "desk");
	assert_string_equal(m->drive_model, "on_demand");
	assert_string_equal(m->base_url, "{{config.url}}/v1");
	assert_string_equal(m->main->name, "tickets");
	assert_true(m->limits.rate == 2.5);
	assert_true(m->limits.burst == 10);
	assert_int_equal(m->limits.concurrency, 3);
	assert_int_equal(m->limits.unit, RESET_EPOCH_MS);
	assert_string_equal(m->limits.remaining, "X-Remaining");
	assert_int_equal(m->nerrors, 5);
	assert_int_equal(m->errors[0].what, DO_RATE_LIMITED);
	assert_int_equal(m->errors[0].wait_ms, 1500);
	assert_int_equal(m->errors[1].what, DO_FAIL);
	assert_int_equal(m->errors[1].cls, ERR_CONFIG);
	assert_string_equal(m->errors[1].code, "nope");
	assert_int_equal(m->errors[2].what, DO_EMPTY);
	assert_int_equal(m->errors[3].what, DO_SKIP);
	assert_int_equal(m->errors[4].what, DO_RETRY);
	assert_int_equal(m->nerror_paths, 2);
	assert_null(m->test_entity);
	assert_string_equal(m->test_url, "/me?at={{now_s}}");
	assert_non_null(m->test_expect);
	/* Names in any case. */
	assert_ptr_equal(manifest_entity(m, "TICKETS"), m->main);
	assert_int_equal(manifest_column(m->main, "fields"), 10);
	assert_int_equal(manifest_column(m->main, "field"), -1);
	assert_non_null(manifest_action(m->main, "Create"));
	assert_null(manifest_action(m->main, "delete"));
	manifest_unref(m);
}

static void
test_columns_of_the_whole(void ** state)
{
	struct manifest * m = whole();
	const struct manifest_column * c = m->main->columns;

	(void)state;
	assert_int_equal(m->main->ncolumns, 11);
	assert_int_equal(m->main->retry_count, 2);
	assert_int_equal(m->main->retry_base_ms, 250);
	assert_non_null(m->main->drop_if);
	assert_true(c[0].is_key && !c[1].is_key);
	assert_true(c[1].is_input && c[1].path == NULL && c[1].dflt != NULL);
	assert_true(c[2].is_input && c[2].path != NULL);
	assert_true(c[3].nocase && c[4].text && c[6].not_null);
	assert_int_equal(c[6].path->n, 2);
	assert_int_equal(c[7].type, COLUMN_TIMESTAMP);
	assert_int_equal(c[7].time, TIME_EPOCH_S);
	assert_int_equal(c[8].time, TIME_EPOCH_MS);
	assert_int_equal(c[8].pick, PICK_MAX);
	assert_int_equal(c[9].path->neach, 1);
	assert_string_equal(c[10].path->steps[0].key, "custom.fields");
	assert_int_equal(c[10].type, COLUMN_MAP);
	assert_string_equal(c[10].type_name, "map");
	assert_true(manifest_entity(m, "notes")->columns[0].path->of_element);
	assert_true(manifest_entity(m, "boxes")->hidden);
	assert_int_equal(manifest_entity(m, "page")->decode,
	    DECODE_OPENMETRICS);
	manifest_unref(m);
}

static void
test_lists_of_the_whole(void ** state)
{
	struct manifest * m = whole();
	const struct manifest_list * l = m->main->lists;
	const struct manifest_paginate * p = &l->paginate;

	(void)state;
	assert_int_equal(m->main->nlists, 2);
	assert_string_equal(l->method, "POST");
	assert_int_equal(p->kind, PAGE_CURSOR);
	assert_int_equal(p->where, IN_BODY);
	assert_string_equal(p->param, "page.after");
	assert_true(p->field[BODY_CURSOR] && p->field[BODY_LAST] &&
	    p->field[BODY_MORE] && p->field[BODY_TOTAL]);
	assert_null(p->field[BODY_NEXT_URL]);
	assert_int_equal(p->size, 20);
	assert_int_equal(p->size_max, 200);
	assert_int_equal(p->size_where, IN_BODY);
	assert_int_equal(p->max_pages, 500);
	assert_true(p->short_page_ends);
	assert_int_equal(l->nclauses, 1);
	assert_string_equal(l->clauses[0].language, "jql");
	assert_string_equal(l->clauses[0].joiner, " AND ");
	assert_int_equal(l->clauses[0].where, IN_BODY);
	assert_int_equal(l->max_rows, 1000);
	assert_int_equal(l->order_max, 2);
	assert_string_equal(l->order_desc, "DOWN");
	p = &l[1].paginate;
	assert_string_equal(l[1].method, "GET");
	assert_int_equal(p->kind, PAGE_NUMBER);
	assert_int_equal(p->first, 0);
	assert_int_equal(p->size, 50);
	assert_int_equal(p->size_max, 50);
	assert_int_equal(l[1].norders, 2);
	assert_string_equal(l[1].order_asc, "asc");
	assert_int_equal(l[1].order_max, 1);
	assert_true(l[1].revalidate);
	assert_int_equal(l[1].records->n, 0);
	l = manifest_entity(m, "notes")->lists;
	assert_string_equal(l->name, "/boxes/{{in.box}}/notes");
	assert_string_equal(l->partition, "boxes");
	assert_int_equal(l->parallel, 2);
	assert_int_equal(l->paginate.kind, PAGE_OFFSET);
	assert_int_equal(l->paginate.offset_cap, 10000);
	l = manifest_entity(m, "boxes")->lists;
	assert_string_equal(l->paginate.rel, "further");
	l = manifest_entity(m, "marks")->lists;
	assert_non_null(l[0].paginate.field[BODY_NEXT_URL]);
	assert_string_equal(l[1].paginate.cursor_header, "X-Next");
	manifest_unref(m);
}

static void
test_pushes_of_the_whole(void ** state)
{
	struct manifest * m = whole();
	const struct manifest_list * l = m->main->lists;
	const struct manifest_push * p = l[0].pushes;

	(void)state;
	assert_int_equal(l[0].npushes, 5);
	assert_int_equal(p[0].ops, OP_EQ | OP_NE);
	assert_int_equal(p[0].where, IN_CLAUSE);
	assert_int_equal(p[0].column, 3);
	assert_int_equal(p[1].ops, OP_IN);
	assert_int_equal(p[1].many, MANY_CSV);
	assert_int_equal(p[2].ops, OP_IS_NULL);
	assert_int_equal(p[4].ops, OP_PREFIX | OP_SUBSTR);
	assert_true(p[4].loose && p[4].caps);
	assert_string_equal(p[4].name, "title");
	p = l[1].pushes;
	assert_int_equal(l[1].npushes, 6);
	assert_int_equal(p[0].ops, OP_EQ);
	assert_non_null(p[0].values);
	assert_int_equal(p[1].ops, OP_CONTAINS);
	assert_int_equal(p[1].many, MANY_REPEAT);
	assert_int_equal(p[2].where, IN_HEADER);
	assert_int_equal(p[4].time, TIME_ISO8601);
	assert_int_equal(p[4].widen_ms, 60000);
	assert_int_equal(p[4].round_ms, 30000);
	assert_int_equal(p[4].within_ms, 86400000);
	assert_non_null(p[4].with);
	assert_int_equal(p[5].time, TIME_STRFTIME);
	assert_string_equal(p[5].strftime, "%Y-%m-%d %H:%M");
	manifest_unref(m);
}

static void
test_actions_of_the_whole(void ** state)
{
	struct manifest * m = whole();
	const struct manifest_action * a = manifest_action(m->main, "create");

	(void)state;
	assert_string_equal(a->method, "PUT");
	assert_int_equal(a->nargs, 8);
	assert_true(a->args[0].required);
	assert_string_equal(a->args[1].dflt, "{{config.org}}");
	assert_non_null(a->args[2].values);
	assert_int_equal(a->args[3].type, ARG_ARRAY);
	assert_int_equal(a->args[3].max_items, 10);
	assert_int_equal(a->args[3].items->type, ARG_STRING);
	assert_int_equal(a->args[4].nfields, 2);
	assert_true(a->args[4].fields[0].required);
	assert_int_equal(a->args[7].type, ARG_ANY);
	assert_non_null(a->lookup);
	assert_int_equal(json_array_size(a->success), 2);
	assert_non_null(a->result);
	assert_true(a->safe_to_retry);
	manifest_unref(m);
}

/* Good manifests with a known mistake each. */
#define DCOLS "\"key\":[\"id\"],\"columns\":{\"id\":{\"type\":\"integer\"," \
	"\"description\":\"d\"},\"at\":{\"type\":\"timestamp\",\"description\":" \
	"\"d\"},\"in\":{\"type\":\"text\",\"input\":true,\"description\":\"d\"}}"
#define DLIST(l) M(CONF, "", "{\"e\":{" DCOLS ",\"lists\":[{" URL l "}]}}")
#define DMORE(more, x) M(CONF, more, "{\"e\":{" DCOLS ",\"lists\":[{" URL NOPAGE \
	"}]" x "}}")
#define NOPAGE ",\"paginate\":{\"kind\":\"none\"}"
#define RESET(h, u) DMORE("\"limits\":{\"headers\":{\"reset\":\"" h "\"" u \
	"}},", "")

static const struct {
	const char * json;
	const char * path; /* NULL: no warning at all */
	const char * want;
} odd[] = {
	{ DMORE("", ""), NULL, NULL },
	{ DLIST(""), L, "has no paginate" },
	{ DLIST(",\"records\":\"data\",\"paginate\":{\"kind\":\"cursor\","
	  "\"query\":\"c\",\"from\":\"data[0].id\"}"), L ".paginate.from",
	  "from a record" },
	{ DLIST(",\"records\":\"data\",\"paginate\":{\"kind\":\"cursor\","
	  "\"query\":\"c\",\"from\":\"meta.next\"}"), NULL, NULL },
	{ DLIST(",\"paginate\":{\"kind\":\"offset\",\"query\":\"o\",\"size\":{"
	  "\"query\":\"n\",\"max\":5}}"), L ".paginate.cap", "is missing" },
	{ DLIST(",\"paginate\":{\"kind\":\"page\",\"query\":\"p\"}"),
	  L ".paginate", "nowhere when it ends" },
	{ DLIST(NOPAGE ",\"query\":{\"a\":\"{{in.in}}\"}"), L ".query.a",
	  "neither in needs nor bound" },
	{ DLIST(NOPAGE ",\"order\":{\"columns\":{\"at\":\"at\"},\"query\":{"
	  "\"sort\":\"{{order.column}}\"}}"), L ".order.columns.at",
	  "not_null" },
	{ DMORE("", ",\"cursor\":{\"column\":\"at\",\"order\":\"asc\"}"),
	  L ".order", "the cursor says asc" },
	{ DMORE("", ",\"cursor\":{\"column\":\"at\",\"order\":\"desc\"}"), NULL,
	  NULL },
	{ DMORE("", ",\"cursor\":{\"column\":\"at\",\"order\":\"none\"}"), NULL,
	  NULL },
	{ DMORE("", ",\"actions\":{\"a\":{" URL ",\"safe_to_retry\":true}}"),
	  "$.entities.e.actions.a.safe_to_retry", "with POST" },
	{ M(CONF, "", "{\"e\":{" COLS ",\"lists\":[{" URL NOPAGE "}]}}"),
	  "$.entities.e.key", "store its rows twice" },
	{ M(CONF, "", "{\"e\":{" COLS ",\"lists\":[{" URL NOPAGE "}]}}"),
	  "$.entities.e.columns", "5 have no description (id, ...)" },
	{ RESET("X-Reset", ""), "$.limits.headers.reset_unit", "is missing" },
	{ RESET("Retry-After", ",\"reset_unit\":\"epoch_s\""),
	  "$.limits.headers.reset_unit", "not like a moment" },
	{ RESET("X-RateLimit-Reset-After", ",\"reset_unit\":\"epoch_ms\""),
	  "$.limits.headers.reset_unit", "not like a moment" },
	{ RESET("X-RateLimit-Reset", ",\"reset_unit\":\"epoch_s\""), NULL,
	  NULL },
	{ DMORE("\"errors\":[{\"do\":\"retry\"},{\"status\":[404],\"do\":"
	  "\"empty\"}],", ""), "$.errors[0]", "never looked at" },
	{ DLIST(NOPAGE ",\"needs\":[\"in\"]"), "$.test", "no default" },
	{ "{\"format\":1,\"type\":\"t\",\"title\":\"T\",\"drive_model\":"
	  "\"on_demand\",\"config\":{},\"entities\":{\"e\":{" DCOLS ",\"lists\":"
	  "[{\"url\":\"http://h/\"" NOPAGE "}]}}}", "$.test", "is missing" },
};

static void
test_known_mistakes_are_warned_of(void ** state)
{
	struct manifest * m;
	struct seen s;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		memset(&s, 0, sizeof(s));
		s.path = odd[i].path;
		s.want = odd[i].want;
		s.all.max = 1 << 20;
		m = manifest_check(odd[i].json, strlen(odd[i].json), "f.json",
		    on_fault, &s, &e);
		if (m == NULL)
			fail_msg("%s\n%s", odd[i].json, e.msg);
		if (s.path == NULL ? s.warnings > 0 : !s.found)
			fail_msg("%s\nsaid:\n%swanted: %s: %s", odd[i].json,
			    s.all.p ? s.all.p : "", s.path ? s.path :
			    "nothing", s.want ? s.want : "");
		assert_int_equal(s.faults, 0);
		manifest_unref(m);
		buf_free(&s.all);
	}
}

static void
test_all_faults_at_once(void ** state)
{
	static const char text[] = "{\"format\":3.5,\"type\":\"a b\",\"x\":1,"
	    "\"entities\":{\"e\":{\"columns\":{\"a\":{\"type\":\"t\"}},"
	    "\"lists\":[{\"url\":7,\"records\":8}]}}}";
	struct seen s = { .all = BUF_INIT(1 << 20) };
	struct err e;

	(void)state;
	assert_null(manifest_check(text, strlen(text), "f", on_fault, &s,
	    &e));
	/* x, format, type, title, drive_model, config, the column's type, url,
	 * records. */
	assert_int_equal(s.faults, 9);
	assert_non_null(strstr(e.msg, "f: $.x: is not known"));
	buf_free(&s.all);
}

/* Names of ${have} that ${want} has not, as one fault. */
static void
compare(const char * kind, const json_t * props, const char * const * keys)
{
	const char * name;
	const json_t * x;
	size_t i, n = 0;

	for (i = 0; keys[i] != NULL; i++)
		if (json_object_get(props, keys[i]) == NULL)
			fail_msg("%s.%s is not in the JSON Schema", kind,
			    keys[i]);
	json_object_foreach((json_t *)(uintptr_t)props, name, x) {
		(void)x;
		for (i = 0; keys[i] != NULL && strcmp(keys[i], name) != 0; i++)
			;
		if (keys[i] == NULL)
			fail_msg("%s.%s is in the JSON Schema alone", kind,
			    name);
		n++;
	}
	assert_true(n > 0);
}

static void
test_the_json_schema_has_the_same_keys(void ** state)
{
	const char * const * keys, * kind, * name;
	json_t * schema, * defs, * def;
	struct err e;
	size_t n, i;
	char * text;

	(void)state;
	text = slurp("connectors/manifest.schema.json", &n);
	if ((schema = json_parse(text, n, "the schema", &e)) == NULL)
		fail_msg("%s", e.msg);
	defs = json_object_get(schema, "$defs");
	for (i = 0; (keys = mread_keys_of(i, &kind)) != NULL; i++) {
		compare(kind, json_object_get(json_object_get(defs, kind),
		    "properties"), keys);
		assert_true(json_is_false(json_object_get(json_object_get(
		    defs, kind), "additionalProperties")));
	}
	/* And no object in it that is not known here. */
	json_object_foreach(defs, name, def) {
		if (!json_is_false(json_object_get(def,
		    "additionalProperties")))
			continue;
		for (i = 0; mread_keys_of(i, &kind) != NULL; i++)
			if (strcmp(kind, name) == 0)
				break;
		if (mread_keys_of(i, NULL) == NULL)
			fail_msg("$defs.%s is in the JSON Schema alone", name);
	}
	json_decref(schema);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults_are_named_by_path),
		cmocka_unit_test(test_every_key_is_read),
		cmocka_unit_test(test_head_of_the_whole),
		cmocka_unit_test(test_columns_of_the_whole),
		cmocka_unit_test(test_lists_of_the_whole),
		cmocka_unit_test(test_pushes_of_the_whole),
		cmocka_unit_test(test_actions_of_the_whole),
		cmocka_unit_test(test_known_mistakes_are_warned_of),
		cmocka_unit_test(test_all_faults_at_once),
		cmocka_unit_test(test_the_json_schema_has_the_same_keys),
	};

	return (cmocka_run_group_tests_name("manifest_check", tests, NULL,
	    NULL));
}
