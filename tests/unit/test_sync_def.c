#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "sync/sync_def.h"

static json_t *
obj(const char * s)
{
	json_t * v = json_loads(s, 0, NULL);

	assert_non_null(v);
	return (v);
}

static struct sync_def *
def(const char * s)
{
	struct err e = { .cls = ERR_CONFIG };
	json_t * v = obj(s);
	struct sync_def * d = sync_def_from_record(v, &e);

	json_decref(v);
	if (d == NULL)
		fail_msg("%s", e.msg);
	return (d);
}

#define FULL "{\"v\":1,\"id\":\"gh.issues\",\"connector\":\"gh\"," \
    "\"entities\":[\"issues\",\"pulls\"],\"whole\":false," \
    "\"engine\":\"sqlite\",\"database\":\"ops\",\"target\":\"gh-*\"," \
    "\"where\":\"state = 'open'\",\"incremental\":\"updated_at\"," \
    "\"schedule\":\"*/5 * * * *\",\"every_ms\":null,\"deletes\":\"mark\"," \
    "\"delete_ratio\":0.25,\"is_main\":false,\"enabled\":true," \
    "\"disabled_reason\":null,\"node\":\"n1\",\"created_at\":17}"
#define LEAST "{\"v\":1,\"id\":\"a.b\",\"connector\":\"a\"," \
    "\"entities\":[\"b\"],\"target\":\"t\"}"

static void
test_round_trip(void ** state)
{
	struct sync_def * d = def(FULL);
	json_t * rec = sync_def_record(d), * want = obj(FULL);

	(void)state;
	assert_true(json_equal(rec, want));
	assert_string_equal(d->where, "state = 'open'");
	assert_int_equal(d->deletes, SYNC_DELETES_MARK);
	assert_int_equal(d->nentities, 2);
	assert_int_equal(cron_next(&d->cron, 0), 300000);
	assert_ptr_equal(sync_def_ref(d), d);
	sync_def_unref(d);
	json_decref(rec);
	json_decref(want);
	sync_def_unref(d);
	sync_def_unref(NULL);
}

static void
test_least(void ** state)
{
	struct sync_def * d = def(LEAST), * again;
	json_t * rec = sync_def_record(d), * rec2;
	struct err e;

	(void)state;
	assert_int_equal(d->engine, SYNC_SQLITE);
	assert_string_equal(d->database, "moltler");
	assert_null(d->schedule);
	assert_int_equal(d->every_ms, 0);
	assert_int_equal(d->deletes, SYNC_DELETES_IGNORE);
	assert_true(d->delete_ratio > 0.49 && d->delete_ratio < 0.51);
	assert_true(d->enabled);
	assert_false(d->is_main);
	again = sync_def_from_record(rec, &e);
	assert_non_null(again);
	rec2 = sync_def_record(again);
	assert_true(json_equal(rec, rec2));
	assert_true(sync_def_same_rows(d, again));
	json_decref(rec);
	json_decref(rec2);
	sync_def_unref(again);
	sync_def_unref(d);
}

/* ${key} of a good record becomes ${value} (JSON; NULL: it goes). */
static void
refused(const char * key, const char * value, const char * says)
{
	json_t * v = obj(FULL);
	struct sync_def * d;
	struct err e;

	json_object_del(v, key);
	if (value != NULL)
		json_object_set_new(v, key, json_loads(value,
		    JSON_DECODE_ANY, NULL));
	d = sync_def_from_record(v, &e);
	json_decref(v);
	assert_null(d);
	assert_int_equal(e.cls, ERR_CONFIG);
	if (strstr(e.msg, says) == NULL)
		fail_msg("%s: %s", key, e.msg);
}

static void
test_refused(void ** state)
{
	(void)state;
	refused("v", NULL, "\"v\"");
	refused("v", "2", "\"v\"");
	refused("id", NULL, "id is missing");
	refused("connector", "5", "connector must be a string");
	refused("target", "null", "target is missing");
	refused("entities", "[]", "entities");
	refused("entities", "[5]", "entities");
	refused("entities", "{}", "entities");
	refused("engine", "\"paper\"", "sqlite or elastic");
	refused("schedule", "\"61 * * * *\"", "minute");
	refused("every_ms", "-5", "every_ms");
	refused("every_ms", "\"5m\"", "every_ms");
	refused("deletes", "\"yes\"", "ignore or mark or remove");
	refused("delete_ratio", "1.5", "delete_ratio");
	refused("delete_ratio", "\"1\"", "delete_ratio");
	refused("enabled", "1", "enabled");
}

/* Whether a definition with ${key} changed is of the same rows. */
static int
same_with(const char * key, const char * value)
{
	struct sync_def * a = def(FULL), * b;
	json_t * v = obj(FULL);
	struct err e;
	int is;

	json_object_set_new(v, key, json_loads(value, JSON_DECODE_ANY, NULL));
	b = sync_def_from_record(v, &e);
	assert_non_null(b);
	is = sync_def_same_rows(a, b);
	assert_int_equal(sync_def_same_rows(b, a), is);
	json_decref(v);
	sync_def_unref(a);
	sync_def_unref(b);
	return (is);
}

static void
test_same_rows(void ** state)
{
	(void)state;
	assert_true(same_with("id", "\"gh.issues_2\""));
	assert_true(same_with("schedule", "\"@hourly\""));
	assert_true(same_with("incremental", "null"));
	assert_true(same_with("deletes", "\"remove\""));
	assert_true(same_with("target", "\"GH-*\""));
	assert_false(same_with("target", "\"gh2-*\""));
	assert_false(same_with("where", "null"));
	assert_false(same_with("where", "\"state = 'closed'\""));
	assert_false(same_with("connector", "\"gl\""));
	assert_false(same_with("engine", "\"elastic\""));
	assert_false(same_with("database", "\"other\""));
	assert_false(same_with("node", "\"n2\""));
	assert_false(same_with("entities", "[\"issues\"]"));
	assert_false(same_with("entities", "[\"issues\",\"repos\"]"));
	assert_false(same_with("whole", "true"));
}

static void
test_table(void ** state)
{
	struct sync_def * d = def(FULL), * l = def(LEAST);
	char buf[16];

	(void)state;
	assert_int_equal(sync_def_table(d, "issues", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "gh-issues");
	assert_int_equal(sync_def_table(l, "issues", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "t");
	assert_int_equal(sync_def_table(d, "dedicated_servers", buf,
	    sizeof(buf)), -1);
	sync_def_unref(d);
	sync_def_unref(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_least),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_same_rows),
		cmocka_unit_test(test_table),
	};

	return (cmocka_run_group_tests_name("sync_def", tests, NULL, NULL));
}
