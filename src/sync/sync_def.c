#include "sync/sync_def.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "target/targets.h"

#define BAD(e, ...) err_set((e), ERR_CONFIG, "bad_record", __VA_ARGS__)
#define MAX_ENTITIES 1000

static const char * const engine_names[] = { "sqlite", "elastic" };
static const char * const deletes_names[] = { "ignore", "mark", "remove" };

static int
take_string(const json_t * rec, const char * key, char ** out, struct err * e)
{
	const json_t * v = json_object_get(rec, key);

	if (v == NULL || json_is_null(v))
		return (0);
	if (!json_is_string(v))
		return (BAD(e, "%s must be a string", key));
	if ((*out = strdup(json_string_value(v))) == NULL)
		return (err_nomem(e, "a sync"));
	return (0);
}

static int
take_flag(const json_t * rec, const char * key, int dflt, int * out,
    struct err * e)
{
	const json_t * v = json_object_get(rec, key);

	*out = dflt;
	if (v == NULL || json_is_null(v))
		return (0);
	if (!json_is_boolean(v))
		return (BAD(e, "%s must be true or false", key));
	*out = json_is_true(v);
	return (0);
}

static int
take_word(const json_t * rec, const char * key, const char * const * words,
    int n, int * out, struct err * e)
{
	const json_t * v = json_object_get(rec, key);
	int i;

	*out = 0;
	if (v == NULL || json_is_null(v))
		return (0);
	for (i = 0; i < n && json_is_string(v); i++) {
		if (strcmp(words[i], json_string_value(v)) == 0) {
			*out = i;
			return (0);
		}
	}
	return (BAD(e, "%s must be %s or %s%s%s", key, words[0], words[1],
	    n > 2 ? " or " : "", n > 2 ? words[2] : ""));
}

static int
take_entities(struct sync_def * d, const json_t * rec, struct err * e)
{
	const json_t * a = json_object_get(rec, "entities"), * v;
	size_t i, n = json_array_size(a);

	if (!json_is_array(a) || n == 0 || n > MAX_ENTITIES)
		return (BAD(e, "entities must be an array of 1 to %d names",
		    MAX_ENTITIES));
	if ((d->entities = calloc(n, sizeof(*d->entities))) == NULL)
		return (err_nomem(e, "a sync"));
	json_array_foreach(a, i, v) {
		if (!json_is_string(v) || json_string_length(v) == 0)
			return (BAD(e, "entities must be names"));
		if ((d->entities[i] = strdup(json_string_value(v))) == NULL)
			return (err_nomem(e, "a sync"));
		d->nentities++;
	}
	return (0);
}

static int
take_times(struct sync_def * d, const json_t * rec, struct err * e)
{
	const json_t * v = json_object_get(rec, "every_ms");

	d->every_ms = json_int(rec, "every_ms", 0);
	if ((v != NULL && !json_is_null(v) && !json_is_integer(v)) ||
	    d->every_ms < 0)
		return (BAD(e, "every_ms must be a number of milliseconds"));
	d->created_at = json_int(rec, "created_at", 0);
	if (d->schedule != NULL && cron_parse(d->schedule,
	    strlen(d->schedule), &d->cron, e))
		return (-1);
	return (0);
}

static int
take_deletes(struct sync_def * d, const json_t * rec, struct err * e)
{
	const json_t * v = json_object_get(rec, "delete_ratio");
	int n;

	if (take_word(rec, "deletes", deletes_names, 3, &n, e))
		return (-1);
	d->deletes = (enum sync_deletes)n;
	d->delete_ratio = 0.5;
	if (v == NULL || json_is_null(v))
		return (0);
	d->delete_ratio = json_number_value(v);
	if (!json_is_number(v) || !(d->delete_ratio >= 0 &&
	    d->delete_ratio <= 1))
		return (BAD(e, "delete_ratio must be a number from 0 to 1"));
	return (0);
}

static int
fill(struct sync_def * d, const json_t * rec, struct err * e)
{
	int engine;

	if (take_string(rec, "id", &d->id, e) ||
	    take_string(rec, "connector", &d->connector, e) ||
	    take_entities(d, rec, e) ||
	    take_flag(rec, "whole", 0, &d->whole, e) ||
	    take_word(rec, "engine", engine_names, 2, &engine, e) ||
	    take_string(rec, "database", &d->database, e) ||
	    take_string(rec, "target", &d->target, e) ||
	    take_string(rec, "where", &d->where, e) ||
	    take_string(rec, "incremental", &d->incremental, e) ||
	    take_string(rec, "schedule", &d->schedule, e) ||
	    take_times(d, rec, e) || take_deletes(d, rec, e) ||
	    take_flag(rec, "is_main", 0, &d->is_main, e) ||
	    take_flag(rec, "enabled", 1, &d->enabled, e) ||
	    take_string(rec, "disabled_reason", &d->disabled_reason, e) ||
	    take_string(rec, "node", &d->node, e))
		return (-1);
	d->engine = engine == 0 ? SYNC_SQLITE : SYNC_ELASTIC;
	if (d->id == NULL || d->connector == NULL || d->target == NULL)
		return (BAD(e, "%s is missing", d->id == NULL ? "id" :
		    d->connector == NULL ? "connector" : "target"));
	if (d->engine == SYNC_SQLITE && d->database == NULL &&
	    (d->database = strdup(TARGETS_DEFAULT)) == NULL)
		return (err_nomem(e, "a sync"));
	return (0);
}

struct sync_def *
sync_def_from_record(const json_t * rec, struct err * e)
{
	struct sync_def * d;

	if (json_int(rec, "v", 0) != 1) {
		BAD(e, "the record of a sync must have \"v\": 1");
		return (NULL);
	}
	if ((d = calloc(1, sizeof(*d))) == NULL) {
		err_nomem(e, "a sync");
		return (NULL);
	}
	d->refs = 1;
	if (fill(d, rec, e)) {
		err_prefix(e, "sync '%.128s'", d->id ? d->id : "");
		sync_def_unref(d);
		return (NULL);
	}
	return (d);
}

json_t *
sync_def_record(const struct sync_def * d)
{
	json_t * a = json_array();
	size_t i;

	for (i = 0; i < d->nentities; i++)
		json_array_append_new(a, json_string(d->entities[i]));
	return (json_pack("{s:i, s:s, s:s, s:o, s:b, s:s, s:o, s:s, s:o, s:o, "
	    "s:o, s:o, s:s, s:f, s:b, s:b, s:o, s:o, s:I}",
	    "v", 1, "id", d->id, "connector", d->connector, "entities", a,
	    "whole", d->whole != 0, "engine", engine_names[d->engine],
	    "database", json_opt_string(d->database), "target", d->target,
	    "where", json_opt_string(d->where),
	    "incremental", json_opt_string(d->incremental),
	    "schedule", json_opt_string(d->schedule),
	    "every_ms", d->every_ms ? json_integer(d->every_ms) : json_null(),
	    "deletes", deletes_names[d->deletes],
	    "delete_ratio", d->delete_ratio,
	    "is_main", d->is_main != 0, "enabled", d->enabled != 0,
	    "disabled_reason", json_opt_string(d->disabled_reason),
	    "node", json_opt_string(d->node),
	    "created_at", (json_int_t)d->created_at));
}

struct sync_def *
sync_def_ref(struct sync_def * d)
{
	d->refs++;
	return (d);
}

void
sync_def_unref(struct sync_def * d)
{
	size_t i;

	if (d == NULL || --d->refs > 0)
		return;
	for (i = 0; i < d->nentities; i++)
		free(d->entities[i]);
	free(d->entities);
	free(d->id);
	free(d->connector);
	free(d->database);
	free(d->target);
	free(d->where);
	free(d->incremental);
	free(d->schedule);
	free(d->disabled_reason);
	free(d->node);
	free(d);
}

static int
same(const char * a, const char * b)
{
	return (a == NULL || b == NULL ? a == b : strcmp(a, b) == 0);
}

int
sync_def_same_rows(const struct sync_def * a, const struct sync_def * b)
{
	size_t i;

	/* SQLite's names know no case, indexes are in small letters; files of
	 * two nodes are two places. */
	if (strcmp(a->connector, b->connector) != 0 ||
	    a->engine != b->engine || a->whole != b->whole ||
	    strcasecmp(a->target, b->target) != 0 ||
	    !same(a->where, b->where) || !same(a->node, b->node) ||
	    (a->database != NULL && b->database != NULL &&
	    strcasecmp(a->database, b->database) != 0))
		return (0);
	if (a->whole)
		return (1); /* which those are is the manifest's to say */
	if (a->nentities != b->nentities)
		return (0);
	for (i = 0; i < a->nentities; i++)
		if (strcmp(a->entities[i], b->entities[i]) != 0)
			return (0);
	return (1);
}

int
sync_def_table(const struct sync_def * d, const char * entity, char * buf,
    size_t n)
{
	const char * star = strchr(d->target, '*');
	int len;

	if (star == NULL)
		len = snprintf(buf, n, "%s", d->target);
	else
		len = snprintf(buf, n, "%.*s%s%s", (int)(star - d->target),
		    d->target, entity, star + 1);
	return (len < 0 || (size_t)len >= n ? -1 : 0);
}
