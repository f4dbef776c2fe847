#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "sql/token.h"
#include "sync/syncs_check.h"

/* What a definition says, checked as far as it can be without compiling it. */
#define MAX_TOKENS 20000
#define BAD(e, code, ...) err_set((e), ERR_CONFIG, (code), __VA_ARGS__)

/* ---- times and options ---- */

int
syncs_check_times(const char * schedule, int64_t every_ms, struct err * e)
{
	struct cron c;

	if (schedule != NULL && every_ms != 0)
		return (BAD(e, "bad_schedule", "a sync has a schedule or an "
		    "interval, not both: leave one away"));
	if (every_ms != 0 && (every_ms < SYNCS_EVERY_MIN ||
	    every_ms > SYNCS_EVERY_MAX))
		return (BAD(e, "bad_schedule", "how often to run must be from "
		    "%d ms to %d ms (24h), not %lld", SYNCS_EVERY_MIN,
		    SYNCS_EVERY_MAX, (long long)every_ms));
	if (schedule == NULL)
		return (0);
	if (cron_parse(schedule, strlen(schedule), &c, e) == 0)
		return (0);
	snprintf(e->code, sizeof(e->code), "bad_schedule");
	return (err_prefix(e, "SCHEDULE '%.64s'", schedule));
}

int
syncs_check_options(const json_t * options, json_t * rec, struct err * e)
{
	static const char * const words[] = { "ignore", "mark", "remove" };
	const json_t * v;
	size_t i;

	if (options == NULL || json_is_null(options))
		return (0);
	if (!json_is_object(options))
		return (BAD(e, "bad_options", "options must be an object"));
	if (json_check_keys(options, "options", e, "deletes", "delete_ratio",
	    NULL)) {
		snprintf(e->code, sizeof(e->code), "bad_options");
		return (-1);
	}
	if ((v = json_object_get(options, "deletes")) != NULL) {
		for (i = 0; i < 3; i++)
			if (json_is_string(v) && strcmp(words[i],
			    json_string_value(v)) == 0)
				break;
		if (i == 3)
			return (BAD(e, "bad_options", "options.deletes must "
			    "be \"ignore\", \"mark\" or \"remove\""));
		json_object_set(rec, "deletes", (json_t *)(uintptr_t)v);
	}
	if ((v = json_object_get(options, "delete_ratio")) != NULL) {
		if (!json_is_number(v) || !(json_number_value(v) >= 0 &&
		    json_number_value(v) <= 1))
			return (BAD(e, "bad_options", "options.delete_ratio "
			    "must be a number from 0 to 1: the part of the "
			    "rows that may go at once"));
		json_object_set(rec, "delete_ratio", (json_t *)(uintptr_t)v);
	}
	return (0);
}

/* ---- the connector and its entities ---- */

struct names {
	const char * v[1000];
	size_t n;
};

static int
on_connector(void * arg, const struct runner_brief * b)
{
	struct names * ns = arg;

	ns->v[ns->n++] = b->name;
	return (ns->n == sizeof(ns->v) / sizeof(ns->v[0]));
}

int
syncs_spec_no_connector(const struct syncs * S, const char * name, struct err * e)
{
	struct names ns = { .n = 0 };
	const char * why, * near, * last;

	if ((why = runner_misfit(S->o.runner, name)) != NULL)
		return (BAD(e, "misfit", "connector %.128s cannot be used: "
		    "%.300s", name, why));
	(void)runner_each(S->o.runner, NULL, 1000, on_connector, &ns, &last);
	near = json_nearest(name, ns.v, ns.n);
	return (BAD(e, "not_found", "there is no connector '%.128s'%s%.128s%s; "
	    "SHOW CONNECTORS lists them", name, near ? " (did you mean " : "",
	    near ? near : "", near ? "?)" : ""));
}

static int
no_entity(const struct connector * c, const char * name, struct err * e)
{
	const char * names[64] = { NULL }, * near;
	char all[256] = "";
	size_t i, n = 0, at = 0;

	for (i = 0; i < c->m->nentities && n < 64; i++) {
		if (c->m->entities[i].hidden)
			continue;
		names[n++] = c->m->entities[i].name;
		if (at < sizeof(all))
			at += (size_t)snprintf(all + at, sizeof(all) - at,
			    "%s%s", n > 1 ? ", " : "",
			    c->m->entities[i].name);
	}
	near = json_nearest(name, names, n);
	return (BAD(e, "not_found", "connector %.60s (type %.30s) has no entity "
	    "%.60s%s%.60s%s; there are: %s", c->name, c->m->type, name,
	    near ? " (did you mean " : "", near ? near : "", near ? "?)" : "",
	    all));
}

/* Why ${ent} can be no sync's at all: -1 with ${e}. */
static int
check_entity(const struct connector * c, const struct manifest_entity * ent,
    struct err * e)
{
	size_t i;

	if (ent->decode == DECODE_OPENMETRICS)
		return (BAD(e, "not_rows", "%.60s.%s is a scrape of samples: "
		    "it is kept by giving its connector target_table and "
		    "schedule_ms (PATCH /v1/connectors/%.60s)", c->name,
		    ent->name, c->name));
	for (i = 0; i < ent->ncolumns; i++)
		if (ent->columns[i].is_key)
			return (0);
	return (BAD(e, "no_key", "the rows of %.60s.%s have no key, so they "
	    "cannot be written twice to the same place: ask for them with "
	    "SELECT", c->name, ent->name));
}

void
syncs_spec_leave_out(struct syncs_check * k, const char * entity, const struct err * e)
{
	json_array_append_new(k->left_out, json_pack("{s:s, s:s}", "entity",
	    entity, "reason", e->msg));
	/* Should none be left, the first one's reason is the answer. */
	if (json_array_size(k->left_out) == 1)
		k->e = *e;
}

/* The entities that may be, as names. */
static int
choose_entities(struct syncs_check * k, const char * one, json_t * names,
    struct err * e)
{
	const struct manifest * m = k->c->m;
	const struct manifest_entity * ent;
	struct err why;
	size_t i;

	if (one != NULL) {
		ent = manifest_entity(m, one);
		if (ent == NULL || ent->hidden)
			return (no_entity(k->c, one, e));
		json_array_append_new(names, json_string(ent->name));
		return (check_entity(k->c, ent, e));
	}
	for (i = 0; i < m->nentities; i++) {
		ent = &m->entities[i];
		if (ent->hidden)
			continue;
		if (check_entity(k->c, ent, &why))
			syncs_spec_leave_out(k, ent->name, &why);
		else
			json_array_append_new(names, json_string(ent->name));
	}
	if (json_array_size(names) > 0)
		return (0);
	*e = k->e;
	return (json_array_size(k->left_out) > 0 ? -1 : BAD(e, "not_found",
	    "type %s has no entities to sync", m->type));
}

/* ---- the target ---- */

/* Which engine, and the name without what says so. */
static int
choose_engine(const struct syncs * S, const struct sync_spec * spec,
    const char ** name, enum sync_engine * engine, struct err * e)
{
	const char * t = spec->target;

	if (t == NULL || *t == '\0')
		return (BAD(e, "bad_target", "a sync needs a target: TO name"));
	*engine = S->o.elastic != NULL && spec->database == NULL ?
	    SYNC_ELASTIC : SYNC_SQLITE;
	if (strncasecmp(t, "sqlite:", 7) == 0) {
		t += 7;
		*engine = SYNC_SQLITE;
	} else if (strncasecmp(t, "es:", 3) == 0) {
		t += 3;
		*engine = SYNC_ELASTIC;
		if (spec->database != NULL)
			return (BAD(e, "bad_target", "target_database is "
			    "SQLite's, and es: says Elasticsearch: leave one "
			    "away"));
	}
	*name = t;
	if (*engine == SYNC_ELASTIC && S->o.elastic == NULL)
		return (BAD(e, "no_target", "%.128s: no Elasticsearch or "
		    "OpenSearch is configured; set url in [elasticsearch] of "
		    "the settings, or write to sqlite:%.128s", spec->target, t));
	return (0);
}

struct database {
	const char * name;
	int found;
};

static int
on_table(void * arg, const char * database, const char * table)
{
	struct database * b = arg;

	(void)table;
	b->found |= strcasecmp(database, b->name) == 0;
	return (b->found);
}

/* With a point in it, a name may be something else after FROM: what lands there
 * would look like that, or never be read. */
static int
check_point(const struct syncs * S, const struct sync_def * d,
    const char * table, struct err * e)
{
	const char * point = strchr(table, '.');
	char first[160];
	struct database b = { first, 0 };

	if (point == NULL || (size_t)(point - table) >= sizeof(first))
		return (0);
	snprintf(first, sizeof(first), "%.*s", (int)(point - table), table);
	if (runner_has(S->o.runner, first))
		return (BAD(e, "bad_target", "target '%.128s': after FROM %.128s "
		    "is of the connector %.128s; choose another name", d->target,
		    table, first));
	if (d->engine != SYNC_SQLITE)
		return (0);
	if (strcasecmp(first, TARGETS_DEFAULT) == 0)
		return (BAD(e, "bad_target", "target '%.128s': after FROM that "
		    "is the table %.128s of the database %.64s; write %.128s",
		    d->target, point + 1, first, point + 1));
	targets_each_table(S->o.targets, on_table, &b);
	return (!b.found ? 0 : BAD(e, "bad_target", "target '%.128s': after "
	    "FROM that is the table %.128s of the database %.64s; choose "
	    "another name", d->target, point + 1, first));
}

int
syncs_spec_target(const struct syncs * S, const struct sync_def * d,
    struct err * e)
{
	const char * star = strchr(d->target, '*');
	char table[300];
	size_t i;

	if (star != NULL && strchr(star + 1, '*') != NULL)
		return (BAD(e, "bad_target", "target '%.128s' has more than one "
		    "*: one stands for the entity", d->target));
	if (d->nentities > 1 && star == NULL)
		return (BAD(e, "bad_target", "target '%.128s' takes the rows of "
		    "%zu entities: it must have a * for the entity's name, such "
		    "as %.128s-*", d->target, d->nentities, d->target));
	if (d->engine == SYNC_SQLITE && !targets_database_ok(d->database))
		return (BAD(e, "bad_target", "target_database '%.64s' must "
		    "hold letters, digits and _, at most 64, begin with a "
		    "letter, and be neither main nor temp", d->database));
	for (i = 0; i < d->nentities; i++) {
		if (sync_def_table(d, d->entities[i], table, sizeof(table)))
			return (BAD(e, "bad_target", "target '%.128s' is too "
			    "long", d->target));
		if (d->engine == SYNC_ELASTIC) {
			if (elastic_index_ok(table, 0, e))
				return (-1);
		} else if (!targets_table_ok(table)) {
			return (BAD(e, "bad_target", "target '%.128s' must "
			    "hold letters, digits, _, - and ., at most 128, "
			    "begin with a letter or _, and not with sqlite_",
			    table));
		}
		if (check_point(S, d, table, e))
			return (-1);
	}
	return (0);
}

/* ---- WHERE and INCREMENTAL ---- */

/* That it is one expression: what closes our parenthesis would go on as it
 * likes. */
static int
check_where(const char * where, struct err * e)
{
	struct token_list l;
	size_t i, depth = 0;
	int bad = 0;

	if (strlen(where) > SYNCS_MAX_WHERE)
		return (err_set(e, ERR_PERMANENT, "sql", "WHERE is longer than "
		    "%d bytes", SYNCS_MAX_WHERE));
	if (token_list(where, strlen(where), MAX_TOKENS, &l, e))
		return (-1);
	for (i = 0; i < l.n && !bad; i++) {
		if (token_is(&l, i, "("))
			depth++;
		if (l.t[i].kind == TOKEN_SEMI ||
		    (token_is(&l, i, ")") && depth-- == 0))
			bad = token_error(where, strlen(where), l.t[i].off, e,
			    "'%c' does not belong into WHERE",
			    *token_text(&l, i));
	}
	if (!bad && depth > 0)
		bad = token_error(where, strlen(where), strlen(where), e,
		    "')' is missing");
	if (!bad && l.n == 0)
		bad = err_set(e, ERR_PERMANENT, "sql",
		    "line 1, column 1: WHERE says nothing");
	token_list_free(&l);
	return (bad);
}

/* The column that could be meant by ${name}, or NULL. */
static const char *
near_column(const struct syncs_check * k, const json_t * names,
    const char * name)
{
	const struct manifest_entity * ent;
	const char * all[200];
	const json_t * v;
	size_t i, c, n = 0;

	json_array_foreach(names, i, v) {
		ent = manifest_entity(k->c->m, json_string_value(v));
		for (c = 0; c < ent->ncolumns && n < 200; c++)
			all[n++] = ent->columns[c].name;
	}
	return (json_nearest(name, all, n));
}

/* ${name} as the manifest writes it; several entities need not all have it:
 * those that do not are read whole each time. */
static const char *
check_incremental(const struct syncs_check * k, const json_t * names,
    const char * name, struct err * e)
{
	const struct manifest_entity * ent;
	const struct manifest_column * col;
	const char * found = NULL, * near;
	const json_t * v;
	size_t i;
	int at;

	json_array_foreach(names, i, v) {
		ent = manifest_entity(k->c->m, json_string_value(v));
		if ((at = manifest_column(ent, name)) < 0)
			continue;
		col = &ent->columns[at];
		if (col->type != COLUMN_TIMESTAMP &&
		    col->type != COLUMN_INTEGER) {
			BAD(e, "no_column", "INCREMENTAL ON %.60s: %.60s.%s.%s "
			    "is %s, and only a timestamp or an integer can say "
			    "what is new", name, k->c->name, ent->name,
			    col->name, col->type_name);
			return (NULL);
		}
		found = col->name;
	}
	if (found == NULL) {
		near = near_column(k, names, name);
		BAD(e, "no_column", "INCREMENTAL ON %.60s: %.60s%s%.60s has no "
		    "such column%s%.60s%s; DESCRIBE shows what there is", name,
		    k->c->name, json_array_size(names) == 1 ? "." : "",
		    json_array_size(names) == 1 ?
		    json_string_value(json_array_get(names, 0)) : "",
		    near ? " (did you mean " : "", near ? near : "",
		    near ? "?)" : "");
	}
	return (found);
}

int
syncs_spec_read(struct syncs_check * k, const struct sync_spec * s, json_t * rec,
    json_t * names, struct err * e)
{
	struct syncs * S = k->S;
	struct connector * c = runner_connector(S->o.runner, s->connector);
	const char * target = NULL, * column = NULL;
	enum sync_engine engine = SYNC_SQLITE;
	int64_t every = s->every_ms;

	if (c == NULL)
		return (syncs_spec_no_connector(S, s->connector, e));
	k->c = connector_ref(c);
	if (s->schedule == NULL && every == 0 && !s->no_interval)
		every = c->opt.sync_interval_ms;
	if (choose_engine(S, s, &target, &engine, e) ||
	    syncs_check_times(s->schedule, every, e) ||
	    syncs_check_options(s->options, rec, e) ||
	    choose_entities(k, s->entity, names, e) ||
	    (s->where != NULL && check_where(s->where, e)))
		return (-1);
	if (s->incremental != NULL && (column = check_incremental(k, names,
	    s->incremental, e)) == NULL)
		return (-1);
	json_object_set_new(rec, "v", json_integer(1));
	json_object_set_new(rec, "id", json_string(""));
	json_object_set_new(rec, "connector", json_string(c->name));
	json_object_set(rec, "entities", names);
	json_object_set_new(rec, "whole", json_boolean(s->entity == NULL));
	json_object_set_new(rec, "engine", json_string(
	    engine == SYNC_SQLITE ? "sqlite" : "elastic"));
	json_object_set_new(rec, "database", json_opt_string(
	    engine == SYNC_SQLITE ? s->database : NULL));
	json_object_set_new(rec, "target", json_string(target));
	json_object_set_new(rec, "where", json_opt_string(s->where));
	json_object_set_new(rec, "incremental", json_opt_string(column));
	json_object_set_new(rec, "schedule", json_opt_string(s->schedule));
	json_object_set_new(rec, "every_ms", json_integer(every));
	json_object_set_new(rec, "is_main", json_boolean(s->is_main != 0));
	json_object_set_new(rec, "node", json_opt_string(
	    engine == SYNC_SQLITE ? S->node : NULL));
	json_object_set_new(rec, "created_at", json_integer(clock_wall_ms()));
	return (0);
}

