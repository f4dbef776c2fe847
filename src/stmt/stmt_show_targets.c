#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "stmt/stmt_internal.h"
#include "target/targets.h"

/* SHOW TARGETS: the tables of this node, and what syncs write elsewhere. */

#define NCOLS 6

/* By engine, database and name, so that a table and its syncs meet. */
struct list {
	struct stmt_run * r;
	json_t * by_key;
};

/* Its row, made if it is not there; borrowed, NULL: no memory. */
static json_t *
row_of(struct list * l, const char * engine, const char * database,
    const char * table, const char * holds, const char * node)
{
	int es = strcmp(engine, "elastic") == 0;
	char key[400], name[300];
	json_t * row;

	snprintf(key, sizeof(key), "%s %s.%s", engine, database, table);
	if ((row = json_object_get(l->by_key, key)) != NULL)
		return (row);
	/* As it is written after FROM. */
	snprintf(name, sizeof(name), "%s%s%s", es && l->r->env->elastic == NULL ?
	    "es:" : es || strcmp(database, TARGETS_DEFAULT) == 0 ? "" : database,
	    es || strcmp(database, TARGETS_DEFAULT) == 0 ? "" : ".", table);
	row = json_pack("[s, s, s?, s, [], s?]", name, engine,
	    es ? NULL : database, holds, node);
	json_object_set_new(l->by_key, key, row);
	return (json_object_get(l->by_key, key));
}

static int
on_table(void * arg, const char * database, const char * table)
{
	struct list * l = arg;

	return (row_of(l, "sqlite", database, table, targets_is_rows(
	    l->r->env->targets, database, table) ? "rows" : "samples", NULL) ==
	    NULL);
}

static int
on_target(void * arg, const char * id, const char * engine,
    const char * database, const char * table, const char * node)
{
	struct list * l = arg;
	json_t * row = row_of(l, engine, database, table, "rows", node);

	json_array_append_new(json_array_get(row, 4), json_string(id));
	return (row == NULL);
}

/* What a schedule of samples writes is a target's sync as well. */
static int
on_scrape(void * arg, const struct runner_brief * b)
{
	struct list * l = arg;
	json_t * row;

	if (b->sync == NULL)
		return (0);
	row = row_of(l, "sqlite", b->target_database, b->target_table,
	    "samples", b->is_elsewhere ? b->node : NULL);
	json_array_append_new(json_array_get(row, 4), json_string(b->sync));
	return (0);
}

static void
start(struct stmt_run * r)
{
	static const char * const cols[2 * NCOLS] = { "target", "engine",
	    "database", "holds", "syncs", "node",
	    "TEXT", "TEXT", "TEXT", "TEXT", "JSON", "TEXT" };
	struct list l = { r, json_object() };
	json_t * rows = json_array(), * row;
	const char * key, * last;

	targets_each_table(r->env->targets, on_table, &l);
	syncs_each_target(r->env->syncs, on_target, &l);
	(void)runner_each(r->env->runner, NULL, SIZE_MAX, on_scrape, &l, &last);
	json_object_foreach(l.by_key, key, row)
		json_array_append(rows, row);
	json_decref(l.by_key);
	stmt_rows(r, NCOLS, cols, rows, NULL);
}

const struct stmt_entry stmt_show_targets_entry = {
	AST_SHOW_TARGETS, "show_targets", 0, start, NULL, NULL, NULL
};
