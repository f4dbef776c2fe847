#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "conn/plan.h"
#include "conn/request.h"
#include "manifest/manifest.h"
#include "manifest_text.h"

/* Types that are several services of one cloud: a host for each, forms whose
 * fields are named by where they stand. */

static const char cloud[] = "{'format': 1, 'type': 'cloud', 'title': 'Cloud',"
"'drive_model': 'on_demand', 'config': {'endpoint': {'type': 'url'},"
" 'regions': {'type': 'list'}, 'region': {'type': 'string', 'default': 'north'}},"
"'base_url': '{{config.endpoint}}', 'base_url_or':"
" 'https://{{service}}.{{in.region ?? config.region}}.cloud.example',"
"'form': 'numbered', 'test': {'url': '/?who', 'service': 'ids',"
" 'headers': {'X-Test': '{{config.region}}'}},"
"'entities': {"
"'machines': {'main': true, 'service': 'run', 'key': ['id'], 'columns': {"
"  'id': {'type': 'text'}, 'state': {'type': 'text'}, 'made': {'type': 'timestamp'},"
"  'kind': {'type': 'text'}, 'version': {'type': 'text'},"
"  'region': {'type': 'text', 'path': 'region', 'input': true,"
"   'default': '{{config.regions ?? config.region}}'},"
"  'tag': {'type': 'text', 'input': true}, 'tag_value': {'type': 'text', 'input': true}},"
" 'lists': [{'needs': ['region'], 'method': 'POST', 'url': '/',"
"  'headers': {'Content-Type': 'application/x-www-form-urlencoded'},"
"  'body': {'Action': 'List', 'Filter': [], 'Since': '{{now-3600}}'},"
"  'paginate': {'kind': 'cursor', 'body': 'Next', 'from': 'next',"
"   'size': {'body': 'Max', 'default': 1000, 'min': 5}},"
"  'push': {"
"   'id': {'op': ['=', 'in'], 'many': 'repeat', 'most': 2, 'body': 'Filter',"
"    'add': {'Name': 'id', 'Value': '{{value}}'}},"
"   'kind': {'op': ['=', 'in'], 'many': 'repeat', 'body': 'Kinds.member'},"
"   'made': {'op': 'like_prefix', 'pattern': '^[0-9]{4}-[0-9]{2}$', 'body': 'Filter',"
"    'add': {'Name': 'made', 'Value': ['{{value}}*']}},"
"   'version': {'op': ['=', '!=', 'in'], 'many': 'repeat', 'body': 'Versions', 'text': 'all'},"
"   'tag': {'body': 'Filter', 'add': {'Name': 'tag-key', 'Value': ['{{value}}']}},"
"   'tag_value': {'body': 'Filter', 'add': {'Name': 'tag:{{in.tag}}', 'Value': ['{{value}}']}}}}],"
" 'actions': {'stop': {'args': {'ids': {'type': 'array', 'required': true},"
"   'tags': {'type': 'array'}, 'region': {'type': 'string', 'default': '{{config.region}}'}},"
"   'url': '/', 'headers': {'Content-Type': 'application/x-www-form-urlencoded'},"
"   'body': {'Action': 'Stop', 'Id': '{{in.ids}}', 'Tag': '{{in.tags}}'}}}},"
"'files': {'service': 'store', 'columns': {'key': {'type': 'text'}},"
" 'lists': [{'url': '/'}],"
" 'actions': {'put': {'args': {'key': {'type': 'string'}, 'body': {'type': 'any'},"
"   'type': {'type': 'string', 'default': 'text/plain'}}, 'method': 'PUT', 'raw': true,"
"   'url': '/b/{{in.key|key}}', 'headers': {'Content-Type': '{{in.type}}'},"
"   'body': '{{in.body}}'}}}}}";

static struct manifest * m;
static const struct manifest_entity * machines;
static int batch_size;

static struct connector *
connect_to(const char * config)
{
	json_t * cfg = json_loads(config, 0, NULL);
	struct err e = { .msg = "" };
	json_t * opts = batch_size ? json_pack("{s:i}", "batch_size",
	    batch_size) : NULL;
	struct connector * c = connector_new(m, "id-1", "cl", cfg, opts, &e);

	json_decref(cfg);
	json_decref(opts);
	if (c == NULL)
		fail_msg("%s", e.msg);
	return (c);
}

static int
setup(void ** state)
{
	struct err e = { .msg = "" };

	(void)state;
	m = manifest_text(cloud, "cloud", &e);
	if (m == NULL)
		fail_msg("%s", e.msg);
	machines = manifest_entity(m, "machines");
	clock_set_fake(INT64_C(1750000000000), 1);
	return (0);
}

static int
teardown(void ** state)
{
	(void)state;
	manifest_unref(m);
	return (0);
}

/* What is asked first where ${col} ${op} the ${n} texts of ${v}, with another =. */
static void
asks(const char * config, const char * col, unsigned op,
    const char * const * v, size_t n, const char * col2, const char * v2,
    const char * url, const char * body)
{
	static const struct page_pos first;
	struct connector * c = connect_to(config);
	struct err e = { .msg = "" };
	struct value values[4], other = { .type = VALUE_TEXT };
	struct plan_given given[2] = { { .op = op, .values = values,
	    .nvalues = n }, { .op = OP_EQ, .values = &other, .nvalues = 1 } };
	struct plan * p;
	struct request * r = NULL;
	json_t * in = NULL;
	size_t i, nin;

	memset(values, 0, sizeof(values));
	for (i = 0; i < n; i++) {
		values[i].type = VALUE_TEXT;
		values[i].s = v[i];
		values[i].len = (uint32_t)strlen(v[i]);
	}
	if (col != NULL)
		given[0].column = (size_t)manifest_column(machines, col);
	if (col2 != NULL) {
		given[1].column = (size_t)manifest_column(machines, col2);
		other.s = v2;
		other.len = (uint32_t)strlen(v2);
	}
	p = plan_new(c, machines, given, (size_t)(col != NULL) + (col2 != NULL),
	    NULL, 0, &e);
	if (p == NULL || (in = plan_inputs(p, &nin, &e)) == NULL ||
	    (r = request_page(p, json_array_get(in, 0), &first, &e)) == NULL)
		fail_msg("%s", e.msg);
	assert_string_equal(r->url, url);
	assert_string_equal(r->body, body);
	request_free(r);
	json_decref(in);
	plan_free(p);
	connector_unref(c);
}

#define NORTH "https://run.north.cloud.example/"
#define HEAD "Action=List"
#define TAIL "&Since=2025-06-15T14:06:40Z"

static void
test_forms(void ** state)
{
	static const char * const ids[] = { "a", "b&c", "d" };
	static const char * const kinds[] = { "x.y", "z" };
	static const char * const month[] = { "2025-06%" };
	static const char * const some[] = { "2025%" };
	static const char * const tag[] = { "env" };

	(void)state;
	asks("{}", NULL, 0, NULL, 0, NULL, NULL, NORTH, HEAD TAIL "&Max=1000");
	asks("{}", "id", OP_EQ, ids, 1, NULL, NULL, NORTH, HEAD
	    "&Filter.1.Name=id&Filter.1.Value.1=a" TAIL "&Max=1000");
	asks("{}", "id", OP_IN, ids, 2, "tag", "t", NORTH, HEAD
	    "&Filter.1.Name=id&Filter.1.Value.1=a&Filter.1.Value.2=b%26c"
	    "&Filter.2.Name=tag-key&Filter.2.Value.1=t" TAIL "&Max=1000");
	/* More than the service takes. */
	asks("{}", "id", OP_IN, ids, 3, NULL, NULL, NORTH, HEAD TAIL
	    "&Max=1000");
	asks("{}", "kind", OP_IN, kinds, 2, NULL, NULL, NORTH, HEAD TAIL
	    "&Kinds.member.1=x.y&Kinds.member.2=z&Max=1000");
	asks("{}", "kind", OP_EQ, kinds, 1, NULL, NULL, NORTH, HEAD TAIL
	    "&Kinds.member.1=x.y&Max=1000");
	/* A time by its beginning, where the pattern knows it. */
	asks("{}", "made", OP_PREFIX, month, 1, NULL, NULL, NORTH, HEAD
	    "&Filter.1.Name=made&Filter.1.Value.1=2025-06%2A" TAIL
	    "&Max=1000");
	asks("{}", "made", OP_PREFIX, some, 1, NULL, NULL, NORTH, HEAD TAIL
	    "&Max=1000");
	/* The same of each value: once. */
	asks("{}", "version", OP_IN, ids, 2, NULL, NULL, NORTH, HEAD TAIL
	    "&Versions=all&Max=1000");
	asks("{}", "tag", OP_EQ, tag, 1, "tag_value", "prod", NORTH, HEAD
	    "&Filter.1.Name=tag-key&Filter.1.Value.1=env"
	    "&Filter.2.Name=tag:env&Filter.2.Value.1=prod" TAIL "&Max=1000");
}

static void
test_hosts(void ** state)
{
	static const char * const south[] = { "south" };
	struct connector * c;
	struct err e = { .msg = "" };
	struct request * r = NULL;

	(void)state;
	asks("{\"regions\": [\"east\", \"west\"]}", NULL, 0, NULL, 0, NULL, NULL,
	    "https://run.east.cloud.example/", HEAD TAIL "&Max=1000");
	asks("{\"regions\": [\"east\"]}", "region", OP_EQ, south, 1, NULL, NULL,
	    "https://run.south.cloud.example/", HEAD TAIL "&Max=1000");
	batch_size = 2;
	asks("{}", NULL, 0, NULL, 0, NULL, NULL, NORTH, HEAD TAIL "&Max=5");
	batch_size = 6;
	asks("{}", NULL, 0, NULL, 0, NULL, NULL, NORTH, HEAD TAIL "&Max=6");
	batch_size = 0;
	asks("{\"endpoint\": \"http://127.0.0.1:9/x/\"}", "region", OP_EQ,
	    south, 1, NULL, NULL, "http://127.0.0.1:9/x/", HEAD TAIL
	    "&Max=1000");
	c = connect_to("{}");
	r = request_test(c, &e);
	assert_non_null(r);
	assert_string_equal(r->url, "https://ids.north.cloud.example/?who");
	assert_string_equal(r->headers[0], "X-Test: north");
	request_free(r);
	connector_unref(c);
}

/* What action ${name} of ${ent} sends. */
static void
does(const char * ent, const char * name, const char * args, const char * url,
    const char * body)
{
	struct connector * c = connect_to("{}");
	struct err e = { .msg = "" };
	json_t * a = json_loads(args, 0, NULL);
	struct request * r = request_action(c, manifest_action(
	    manifest_entity(m, ent), name), a, NULL, &e);

	if (r == NULL)
		fail_msg("%s", e.msg);
	assert_string_equal(r->url, url);
	assert_string_equal(r->body, body);
	request_free(r);
	json_decref(a);
	connector_unref(c);
}

/* A key that a URL cannot lead to. */
static void
nowhere(const char * key)
{
	struct connector * c = connect_to("{}");
	struct err e = { .msg = "" };
	json_t * a = json_pack("{s:s, s:s}", "key", key, "body", "x");
	struct request * r = request_action(c, manifest_action(
	    manifest_entity(m, "files"), "put"), a, NULL, &e);

	assert_null(r);
	assert_non_null(strstr(e.msg, "leads elsewhere"));
	json_decref(a);
	connector_unref(c);
}

static void
test_actions(void ** state)
{
	(void)state;
	does("machines", "stop", "{\"ids\": [\"a\", \"b\"], \"region\": \"east\"}",
	    "https://run.east.cloud.example/", "Action=Stop&Id.1=a&Id.2=b");
	does("machines", "stop", "{\"ids\": [\"a\"], \"tags\": [{\"Key\": \"k\", "
	    "\"Value\": \"v w\"}, {\"Key\": \"n\", \"Value\": null}]}", NORTH,
	    "Action=Stop&Id.1=a&Tag.1.Key=k&Tag.1.Value=v%20w&Tag.2.Key=n");
	/* A text is sent as it is, a tree as JSON. */
	does("files", "put", "{\"key\": \"a b//c+\\u00e9/\", \"type\": "
	    "\"application/json\", \"body\": \"{\\\"x\\\": 1}\"}",
	    "https://store.north.cloud.example/b/a%20b//c%2B%C3%A9/",
	    "{\"x\": 1}");
	does("files", "put", "{\"key\": \"k\", \"type\": \"application/json\", "
	    "\"body\": {\"x\": 1}}", "https://store.north.cloud.example/b/k",
	    "{\"x\":1}");
	nowhere("a/../b");
	nowhere("./a");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_actions),
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
