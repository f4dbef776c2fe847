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
#include "manifest/manifest.h"
#include "manifest/mread.h"

/* A manifest that uses every key there is, and the JSON Schema of the format. */

static void
on_fault(void * arg, int is_warning, const char * path, const char * msg)
{
	buf_addf(arg, "%s%s: %s\n", is_warning ? "warning: " : "", path, msg);
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
	struct buf said = BUF_INIT(1 << 20);
	struct manifest * m;
	struct err e;
	char * text;
	size_t n;

	text = slurp("tests/unit/manifest_whole.json", &n);
	m = manifest_check(text, n, "whole", on_fault, &said, &e);
	if (m == NULL || said.len > 0)
		fail_msg("%s", said.p ? said.p : e.msg);
	buf_free(&said);
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
	assert_string_equal(m->base_url_or,
	    "https://{{config.site}}.desk.example/v1");
	assert_string_equal(m->main->name, "tickets");
	assert_true(m->limits.rate == 2.5);
	assert_true(m->limits.burst == 10);
	assert_int_equal(m->limits.concurrency, 3);
	assert_int_equal(m->limits.unit, RESET_EPOCH_MS);
	assert_string_equal(m->limits.remaining, "X-Remaining");
	assert_int_equal(m->nbuckets, 2);
	assert_int_equal(m->every_bucket, 1);
	assert_string_equal(m->buckets[0].name, "points");
	assert_true(m->buckets[0].rate == 15 && m->buckets[0].burst == 90);
	assert_non_null(m->buckets[0].when);
	assert_int_equal(m->buckets[1].concurrency, 1);
	assert_string_equal(m->buckets[1].remaining, "RateLimit;r");
	assert_int_equal(m->buckets[1].reserve_percent, 5);
	assert_int_equal(m->test_toll.buckets, 1);
	assert_int_equal(m->nerrors, 6);
	assert_int_equal(m->errors[0].what, DO_RATE_LIMITED);
	assert_int_equal(m->errors[0].wait_ms, 1500);
	assert_int_equal(m->errors[1].what, DO_FAIL);
	assert_int_equal(m->errors[1].cls, ERR_CONFIG);
	assert_string_equal(m->errors[1].code, "nope");
	assert_int_equal(m->errors[2].what, DO_EMPTY);
	assert_int_equal(m->errors[3].what, DO_SPLIT_WINDOW);
	assert_int_equal(m->errors[4].what, DO_SKIP);
	assert_int_equal(m->errors[5].what, DO_RETRY);
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
	assert_int_equal(m->main->ncolumns, 12);
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
	assert_int_equal(c[11].own.zone_ms, -12600000);
	assert_true(c[11].own.else_null);
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
	assert_true(l->records_optional);
	assert_int_equal(l->nlacks, 2);
	assert_int_equal(l->lacks[0].path->neach, 1);
	assert_int_equal(json_array_size(l->lacks[1].fine), 1);
	assert_string_equal(m->main->keep_text, "ticket");
	assert_int_equal(m->main->columns[3].segment, -1);
	p = &l[1].paginate;
	assert_string_equal(l[1].method, "GET");
	assert_int_equal(p->kind, PAGE_NUMBER);
	assert_int_equal(p->first, 0);
	assert_int_equal(p->size, 50);
	assert_int_equal(p->size_max, 50);
	assert_int_equal(l[0].split, 0);
	assert_string_equal(m->main->columns[l[1].split - 1].name, "updated_at");
	assert_int_equal(json_object_size(l[1].split_query), 1);
	assert_int_equal(l[1].split_from, INT64_C(1262304000000));
	assert_int_equal(l[1].split_way, -1);
	assert_int_equal(l[1].norders, 2);
	assert_string_equal(l[1].order_asc, "asc");
	assert_int_equal(l[1].order_max, 1);
	assert_true(l[1].revalidate);
	assert_int_equal(l[1].toll.buckets, 3);
	assert_int_equal(l[1].toll.cost, 1);
	assert_int_equal(l[0].toll.buckets, 1);
	assert_int_equal(l[1].records->n, 0);
	l = manifest_entity(m, "notes")->lists;
	assert_string_equal(l->name, "/boxes/{{in.box}}/notes");
	assert_string_equal(l->partition, "boxes");
	assert_int_equal(l->parallel, 2);
	assert_int_equal(l->paginate.kind, PAGE_OFFSET);
	assert_int_equal(l->paginate.offset_cap, 10000);
	l = manifest_entity(m, "boxes")->lists;
	assert_int_equal(l[0].batch, 20);
	assert_string_equal(l[1].paginate.rel, "further");
	l = manifest_entity(m, "marks")->lists;
	assert_non_null(l[0].paginate.field[BODY_NEXT_URL]);
	assert_string_equal(l[1].paginate.cursor_header, "X-Next");
	assert_null(l[1].paginate.cursor_end);
	p = &l[2].paginate;
	assert_int_equal(p->where, IN_HEADER);
	assert_string_equal(p->param, "X-Cursor");
	assert_string_equal(p->cursor_end, "null");
	assert_int_equal(p->size_where, IN_HEADER);
	assert_string_equal(p->size_param, "X-Size");
	assert_false(p->is_of_record);
	p = &l[3].paginate;
	assert_true(p->is_of_record);
	assert_int_equal(p->field[BODY_CURSOR]->neach, 1);
	assert_false(l[1].by_token);
	assert_true(l[4].by_token && l[4].changes_only);
	assert_non_null(l[4].paginate.field[BODY_TOKEN]);
	assert_int_equal(json_array_size(l[4].token_lost), 2);
	assert_true(manifest_entity(m, "marks")->cursor_token);
	assert_string_equal(json_string_value(manifest_entity(m,
	    "marks")->deleted_is), "gone");
	assert_true(manifest_entity(m, "notes")->cursor_per_part);
	manifest_unref(m);
}

static void
test_pushes_of_the_whole(void ** state)
{
	struct manifest * m = whole();
	const struct manifest_list * l = m->main->lists;
	const struct manifest_push * p = l[0].pushes;

	(void)state;
	assert_int_equal(l[0].npushes, 6);
	assert_int_equal(p[0].ops, OP_EQ | OP_NE);
	assert_int_equal(p[0].where, IN_CLAUSE);
	assert_int_equal(p[0].column, 3);
	assert_int_equal(p[1].ops, OP_IN);
	assert_int_equal(p[1].many, MANY_CSV);
	assert_int_equal(p[2].ops, OP_IS_NULL);
	assert_int_equal(p[4].ops, OP_PREFIX | OP_SUBSTR);
	assert_true(p[4].loose && p[4].caps);
	assert_string_equal(p[4].name, "title");
	assert_non_null(p[5].add);
	assert_string_equal(p[5].pattern, "^[a-z]+$");
	assert_true(l[0].only_pushed && l[0].order_body != NULL);
	p = l[1].pushes;
	assert_int_equal(l[1].npushes, 7);
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
	assert_string_equal(p[5].own.format, "%Y-%m-%d %H:%M");
	assert_string_equal(p[6].range, "..");
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
	assert_int_equal(a->toll.buckets, 3);
	assert_int_equal(a->toll.cost, 5);
	assert_non_null(a->poll);
	assert_int_equal(a->idempotency->where, IN_BODY);
	assert_string_equal(a->idempotency->name, "key");
	assert_non_null(a->probe->since);
	assert_string_equal(a->probe->next, "meta.next");
	assert_string_equal(a->probe->next_query, "cursor");
	assert_int_equal(a->probe->pages, 3);
	assert_false(a->probe->is_own);
	assert_false(a->lookup_late);
	assert_int_equal(a->poll->every_ms, 500);
	assert_int_equal(json_object_size(a->poll->failed), 2);
	manifest_unref(m);
}

/* The properties of one object of the schema against the keys of ${kind}. */
static void
compare(const char * kind, const json_t * props, const char * const * keys)
{
	const char * name;
	const json_t * x;
	size_t i, n = 0, commented = 0;

	for (i = 0; keys[i] != NULL; i++)
		if (json_object_get(props, keys[i]) == NULL)
			fail_msg("%s.%s is not in the JSON Schema", kind,
			    keys[i]);
	json_object_foreach((json_t *)(uintptr_t)props, name, x) {
		if (strcmp(name, MREAD_COMMENT) == 0) {
			assert_string_equal(json_str(x, "type"), "string");
			commented++;
			continue;
		}
		for (i = 0; keys[i] != NULL && strcmp(keys[i], name) != 0; i++)
			;
		if (keys[i] == NULL)
			fail_msg("%s.%s is in the JSON Schema alone", kind,
			    name);
		n++;
	}
	assert_true(n > 0);
	if (commented != 1)
		fail_msg("%s may have no %s in the JSON Schema", kind,
		    MREAD_COMMENT);
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
		cmocka_unit_test(test_every_key_is_read),
		cmocka_unit_test(test_head_of_the_whole),
		cmocka_unit_test(test_columns_of_the_whole),
		cmocka_unit_test(test_lists_of_the_whole),
		cmocka_unit_test(test_pushes_of_the_whole),
		cmocka_unit_test(test_actions_of_the_whole),
		cmocka_unit_test(test_the_json_schema_has_the_same_keys),
	};

	return (cmocka_run_group_tests_name("manifest_whole", tests, NULL,
	    NULL));
}
