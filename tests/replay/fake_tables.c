#include "fake_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
must(void * p)
{
	if (p == NULL)
		abort();
	return (p);
}

void
fake_tables_init(struct fake_tables * t)
{
	memset(t, 0, sizeof(*t));
	t->records = json_pack("{s:{}, s:{}, s:{}, s:{}}", "connector",
	    "sync", "secret", "action");
	t->statuses = json_object();
	t->events = json_object();
	t->leases = json_object();
	t->cursors = json_object();
	t->parts = json_object();
	t->nodes = json_object();
	t->changes = json_array();
}

void
fake_tables_free(struct fake_tables * t)
{
	json_decref(t->records);
	json_decref(t->statuses);
	json_decref(t->events);
	json_decref(t->leases);
	json_decref(t->cursors);
	json_decref(t->parts);
	json_decref(t->nodes);
	json_decref(t->changes);
}

json_t *
fake_tables_of_kind(const struct fake_tables * t, const char * kind)
{
	return (json_object_get(t->records, kind));
}

json_t *
fake_tables_record(const struct fake_tables * t, const char * name)
{
	return (json_object_get(fake_tables_of_kind(t, "connector"), name));
}

json_t *
fake_tables_status(const struct fake_tables * t, const char * name)
{
	return (json_object_get(t->statuses, name));
}

size_t
fake_tables_count(const struct fake_tables * t, const char * name,
    const char * event)
{
	json_t * a = json_object_get(t->events, name), * v;
	size_t i, n = 0;

	json_array_foreach(a, i, v)
		n += strcmp(json_string_value(json_object_get(v, "event")),
		    event) == 0;
	return (n);
}

/* As Redis keeps them: "<generation> <token> <kind> <name>". */
void
fake_tables_note(struct fake_tables * t, const char * kind,
    const char * name)
{
	static unsigned token;

	t->generation++;
	if (t->unnamed)
		return;
	json_array_append_new(t->changes, must(json_sprintf("%lld t%u %s %s",
	    (long long)t->generation, ++token, kind, name)));
	if (json_array_size(t->changes) > STATE_CHANGES)
		json_array_remove(t->changes, 0);
}

json_t *
fake_tables_changes_since(const struct fake_tables * t, const char * mark)
{
	json_t * out = must(json_array());
	size_t i = json_array_size(t->changes);
	json_int_t gen = t->generation;
	char kind[32], name[200];
	const char * s;
	long long n;

	for (; i > 0; i--, gen--) {
		s = json_string_value(json_array_get(t->changes, i - 1));
		if (sscanf(s, "%lld %*s %31s %199s", &n, kind, name) != 3)
			abort();
		if (n != gen)
			break;
		if (strcmp(s, mark) == 0)
			return (out);
		json_array_append_new(out, json_pack("[s, s]", kind, name));
	}
	json_decref(out);
	return (NULL);
}

void
fake_tables_put(struct fake_tables * t, const char * name, const char * json)
{
	json_object_set_new(fake_tables_of_kind(t, "connector"), name,
	    must(json_loads(json, 0, NULL)));
	fake_tables_note(t, "connector", name);
}

void
fake_tables_apply_status(struct fake_tables * t, const char * name,
    const json_t * fields)
{
	json_t * o = json_object_get(t->statuses, name), * v;
	const char * k;

	if (o == NULL) {
		o = json_object();
		json_object_set_new(t->statuses, name, o);
	}
	json_object_foreach((json_t *)(uintptr_t)fields, k, v) {
		if (json_is_null(v))
			json_object_del(o, k);
		else
			json_object_set_new(o, k, json_deep_copy(v));
	}
	/* As a hash of no fields is none. */
	if (json_object_size(o) == 0)
		json_object_del(t->statuses, name);
}

void
fake_tables_apply_event(struct fake_tables * t, const char * name,
    const json_t * event)
{
	json_t * a = json_object_get(t->events, name);

	if (a == NULL) {
		a = json_array();
		json_object_set_new(t->events, name, a);
	}
	json_array_append_new(a, json_deep_copy((json_t *)(uintptr_t)event));
	if (json_array_size(a) > 100)
		json_array_remove(a, 0);
}

void
fake_tables_apply_parts(struct fake_tables * t, const char * sync,
    const json_t * parts)
{
	json_t * have = json_object_get(t->parts, sync), * v;
	const char * name;

	if (json_is_null(parts))
		json_object_del(t->parts, sync);
	if (json_object_size(parts) == 0)
		return;
	if (have == NULL)
		json_object_set_new(t->parts, sync, have = json_object());
	json_object_foreach((json_t *)(uintptr_t)parts, name, v) {
		t->parts_put++;
		if (json_is_null(v))
			json_object_del(have, name);
		else
			json_object_set_new(have, name, json_deep_copy(v));
	}
}
