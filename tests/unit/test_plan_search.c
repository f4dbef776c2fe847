#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "manifest_text.h"
#include "service_fixture.h"

/* A search beside a plain listing: filters and orders in a body, a clause for
 * each value, texts that stay here. */

static const char people_manifest[] =
"{'format': 1, 'type': 'crm', 'title': 'C', 'drive_model': 'on_demand',"
"'config': {'token': {'type': 'secret'}},"
"'base_url': 'https://crm.example',"
"'entities': {"
"'people': {'description': 'd', 'key': ['id'], 'columns': {"
"  'id': {'type': 'integer'}, 'name': {'type': 'text'}, 'stage': {'type': 'text'},"
"  'owner': {'type': 'text'}, 'ts': {'type': 'text'},"
"  'score': {'type': 'integer'}, 'word': {'type': 'text', 'input': true}, 'page': {'type': 'text', 'input': true},"
"  'changed': {'type': 'timestamp', 'not_null': true}},"
" 'lists': ["
"  {'name': 'search', 'only_pushed': true, 'method': 'POST', 'url': '/people/search',"
"   'body': {'groups': [{'filters': [{'p': 'id', 'op': 'SET'}]}], 'sorts': []}, 'records': 'results',"
"   'paginate': {'kind': 'cursor', 'body': 'after', 'from': 'next', 'cap': 1000, 'size': {'body': 'limit', 'default': 100, 'max': 200}},"
"   'push': {"
"    'word': {'op': '=', 'body': 'q', 'loose': true},"
"    'name': {'op': '=', 'body': 'groups.0.filters', 'add': {'p': 'name', 'op': 'EQ', 'value': '{{value}}'}},"
"    'owner': {'op': 'is_null', 'body': 'groups.0.filters', 'add': {'p': 'owner', 'op': 'UNSET'}},"
"    'score': {'op': ['>', '<'], 'body': 'groups.0.filters', 'add': {'p': 'score', 'value': '{{value|url}}'}},"
"    'stage': {'op': ['=', 'in'], 'many': 'repeat', 'body': 'groups.0.filters', 'add': {'p': 'stage', 'op': 'IN', 'values': '{{value}}'}},"
"    'changed': {'op': ['>=', '>'], 'time': 'epoch_ms', 'body': 'groups.0.filters', 'add': {'p': 'changed', 'op': 'GTE', 'value': '{{value|url}}'}}},"
"   'order': {'columns': {'changed': 'lastchange'}, 'asc': 'ASCENDING', 'desc': 'DESCENDING',"
"    'body': {'sorts': {'p': '{{order.column}}', 'dir': '{{order.direction}}'}}}},"
"  {'name': 'all', 'url': '/people', 'records': 'results',"
"   'paginate': {'kind': 'cursor', 'query': 'after', 'from': 'next'}, 'push': {'page': {'op': '=', 'query': 'page'}}}]},"
"'notes': {'description': 'd', 'key': ['ts'], 'columns': {"
"  'ts': {'type': 'text'}, 'state': {'type': 'text'}, 'kind': {'type': 'text'}},"
" 'lists': ["
"  {'name': 'find', 'url': '/find', 'records': '$', 'paginate': {'kind': 'none'},"
"   'clauses': {'query': {'query': 'q', 'join': ' '}},"
"   'push': {"
"    'state': {'op': ['=', 'in'], 'many': 'repeat', 'clause': 'query', 'text': 'state:{{value}}'},"
"    'kind': {'op': ['=', 'in'], 'clause': 'query', 'text': 'kind:({{value}})'},"
"    'ts': {'op': ['>=', '>'], 'query': 'oldest', 'pattern': '^[0-9]{10}[.][0-9]{6}$'}}}]}}}";

static struct manifest * m;
static struct connector * c;
static const struct manifest_entity * people, * notes;

static int
setup(void ** state)
{
	struct err e = { .msg = "" };

	(void)state;
	if ((m = manifest_text(people_manifest, "crm", &e)) == NULL)
		fail_msg("%s", e.msg);
	if ((c = service_connector(m, "{\"token\": \"$env:T\"}", &e)) == NULL)
		fail_msg("%s", e.msg);
	people = manifest_entity(m, "people");
	notes = manifest_entity(m, "notes");
	return (0);
}

static int
teardown(void ** state)
{
	(void)state;
	connector_unref(c);
	manifest_unref(m);
	return (0);
}

/* What is asked for. */
#define MAX_GIVEN 4
static struct plan_given given[MAX_GIVEN];
static struct value values[MAX_GIVEN][3];
static size_t ngiven;
static struct plan_order order;
static size_t norders;

static void
where(const struct manifest_entity * ent, const char * col, unsigned op,
    size_t n, struct value a, struct value b)
{
	int i = manifest_column(ent, col);

	assert_true(i >= 0 && ngiven < MAX_GIVEN);
	values[ngiven][0] = a;
	values[ngiven][1] = b;
	given[ngiven].column = (size_t)i;
	given[ngiven].op = op;
	given[ngiven].values = values[ngiven];
	given[ngiven++].nvalues = n;
}

static void
one(const struct manifest_entity * ent, const char * col, unsigned op,
    struct value v)
{
	where(ent, col, op, op == OP_IS_NULL ? 0 : 1, v, v);
}

/* The list and the request it makes. */
static void
asks(const struct manifest_entity * ent, const char * list, const char * url,
    const char * body)
{
	struct err e = { .msg = "" };
	struct page_pos pos = { .cursor = NULL };
	struct plan * p = plan_new(c, ent, given, ngiven, &order, norders, &e);
	struct request * r;
	json_t * in;
	size_t n;

	ngiven = norders = 0;
	if (p == NULL)
		fail_msg("%s", e.msg);
	assert_string_equal(p->list->name, list);
	in = plan_inputs(p, &n, &e);
	assert_int_equal(n, 1);
	if ((r = request_page(p, json_array_get(in, 0), &pos, &e)) == NULL)
		fail_msg("%s", e.msg);
	assert_string_equal(r->url, url);
	assert_string_equal(r->body ? r->body : "", body);
	request_free(r);
	json_decref(in);
	plan_free(p);
}

static void
test_only_where_it_filters(void ** state)
{
	(void)state;
	asks(people, "all", "https://crm.example/people", "");
	/* What the search cannot say does not lead there. */
	one(people, "name", OP_GT, text_value("A"));
	asks(people, "all", "https://crm.example/people", "");
	one(people, "word", OP_EQ, text_value("x"));
	asks(people, "search", "https://crm.example/people/search",
	    "{\"groups\":[{\"filters\":[{\"p\":\"id\",\"op\":\"SET\"}]}],"
	    "\"sorts\":[],\"q\":\"x\",\"limit\":100}");
}

/* A hidden input leads to a list that takes it, and to none is an error. */
static void
test_what_is_told_is_asked(void ** state)
{
	struct err e = { .msg = "" };

	(void)state;
	one(people, "page", OP_EQ, text_value("p7"));
	one(people, "name", OP_EQ, text_value("x"));
	asks(people, "all", "https://crm.example/people?page=p7", "");
	one(people, "page", OP_EQ, text_value("p7"));
	one(people, "word", OP_EQ, text_value("x"));
	assert_null(plan_new(c, people, given, ngiven, NULL, 0, &e));
	ngiven = 0;
	assert_string_equal(e.code, "input");
	if (strstr(e.msg, "cannot be told page together") == NULL)
		fail_msg("%s", e.msg);
}

static void
test_filters_are_added(void ** state)
{
	(void)state;
	one(people, "name", OP_EQ, text_value("O\"Hara"));
	one(people, "owner", OP_IS_NULL, text_value(""));
	one(people, "score", OP_GT, int_value(5));
	one(people, "score", OP_GT, int_value(7));
	asks(people, "search", "https://crm.example/people/search",
	    "{\"groups\":[{\"filters\":[{\"p\":\"id\",\"op\":\"SET\"},"
	    "{\"p\":\"name\",\"op\":\"EQ\",\"value\":\"O\\\"Hara\"},"
	    "{\"p\":\"owner\",\"op\":\"UNSET\"},"
	    "{\"p\":\"score\",\"value\":\"5\"},"
	    "{\"p\":\"score\",\"value\":\"7\"}]}],\"sorts\":[],"
	    "\"limit\":100}");
	/* The manifest's own is as it was. */
	one(people, "stage", OP_EQ, text_value("lead"));
	asks(people, "search", "https://crm.example/people/search",
	    "{\"groups\":[{\"filters\":[{\"p\":\"id\",\"op\":\"SET\"},"
	    "{\"p\":\"stage\",\"op\":\"IN\",\"values\":[\"lead\"]}]}],"
	    "\"sorts\":[],\"limit\":100}");
	where(people, "stage", OP_IN, 2, text_value("a"), text_value("b"));
	asks(people, "search", "https://crm.example/people/search",
	    "{\"groups\":[{\"filters\":[{\"p\":\"id\",\"op\":\"SET\"},"
	    "{\"p\":\"stage\",\"op\":\"IN\",\"values\":[\"a\",\"b\"]}]}],"
	    "\"sorts\":[],\"limit\":100}");
}

static void
test_order_in_the_body(void ** state)
{
	(void)state;
	one(people, "changed", OP_GE, text_value("2026-01-01T00:00:00Z"));
	order.column = (size_t)manifest_column(people, "changed");
	order.desc = 1;
	norders = 1;
	asks(people, "search", "https://crm.example/people/search",
	    "{\"groups\":[{\"filters\":[{\"p\":\"id\",\"op\":\"SET\"},"
	    "{\"p\":\"changed\",\"op\":\"GTE\",\"value\":\"1767225600000\"}]}],"
	    "\"sorts\":[{\"p\":\"lastchange\",\"dir\":\"DESCENDING\"}],"
	    "\"limit\":100}");
}

static void
test_a_clause_for_each(void ** state)
{
	(void)state;
	where(notes, "state", OP_IN, 2, text_value("new"), text_value("on hold"));
	where(notes, "kind", OP_IN, 2, text_value("x"), text_value("y"));
	asks(notes, "find", "https://crm.example/find?q=state:new%20state:%22on"
	    "%20hold%22%20kind:%28x%20OR%20y%29", "");
}

static void
test_patterns(void ** state)
{
	(void)state;
	one(notes, "ts", OP_GE, text_value("1767225600.000100"));
	asks(notes, "find", "https://crm.example/find?oldest=1767225600.000100",
	    "");
	one(notes, "ts", OP_GE, text_value("1767225600"));
	asks(notes, "find", "https://crm.example/find", "");
	one(notes, "ts", OP_GE, text_value("x1767225600.000100"));
	asks(notes, "find", "https://crm.example/find", "");
}

/* The first fault that is found after replacing ${from} by ${to}. */
static void
is_refused(const char * from, const char * to, const char * why)
{
	char * s = malloc(sizeof(people_manifest) + strlen(to) + 1);
	const char * at = strstr(people_manifest, from);
	struct err e = { .msg = "" };

	assert_non_null(at);
	memcpy(s, people_manifest, (size_t)(at - people_manifest));
	strcpy(s + (at - people_manifest), to);
	strcat(s, at + strlen(from));
	if (manifest_text(s, "crm", &e) != NULL)
		fail_msg("%s was let through", to);
	if (strstr(e.msg, why) == NULL)
		fail_msg("%s", e.msg);
	free(s);
}

static void
test_faults(void ** state)
{
	(void)state;
	is_refused("'body': 'groups.0.filters', 'add': {'p': 'name'",
	    "'query': 'n', 'add': {'p': 'name'", "goes with body");
	is_refused("'add': {'p': 'owner', 'op': 'UNSET'}",
	    "'add': {'p': 'owner', 'op': '{{value}}'}", "which is_null has not");
	is_refused("'add': {'p': 'name',", "'text': 'x', 'add': {'p': 'name',",
	    "beside add");
	is_refused("^[0-9]{10}[.]", "^([0-9]", "regular expression");
	is_refused("'name': 'find',", "'name': 'find', 'only_pushed': 1,",
	    "only_pushed");
}

/* A list that is not there would lose the filter. */
static void
test_no_such_list(void ** state)
{
	char * s = strdup(people_manifest), * p = strstr(s,
	    "'groups.0.filters', 'add': {'p': 'name'");
	struct err e = { .msg = "" };
	struct page_pos pos = { .cursor = NULL };
	struct manifest * other;
	struct connector * oc;
	struct plan * plan;

	(void)state;
	p[8] = '1';
	other = manifest_text(s, "crm", &e);
	assert_non_null(other);
	oc = service_connector(other, "{\"token\": \"$env:T\"}", &e);
	one(manifest_entity(other, "people"), "name", OP_EQ, text_value("x"));
	plan = plan_new(oc, manifest_entity(other, "people"), given, ngiven,
	    NULL, 0, &e);
	ngiven = 0;
	assert_non_null(plan);
	assert_null(request_page(plan, NULL, &pos, &e));
	if (strstr(e.msg, "has no list at groups.1.filters") == NULL)
		fail_msg("%s", e.msg);
	plan_free(plan);
	connector_unref(oc);
	manifest_unref(other);
	free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_where_it_filters),
		cmocka_unit_test(test_what_is_told_is_asked),
		cmocka_unit_test(test_filters_are_added),
		cmocka_unit_test(test_order_in_the_body),
		cmocka_unit_test(test_a_clause_for_each),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_no_such_list),
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
