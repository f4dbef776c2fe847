#include <stdlib.h>

#include "stmt/stmt_internal.h"

/* EXPLAIN SYNC id, EXPLAIN SYNC CONNECTOR ...: a row an entity; nothing is sent. */

#define NCOLS 11
static const char * const cols[2 * NCOLS] = {
	"entity", "target", "engine", "statement", "calls", "key", "columns",
	"cursor", "commit", "deletes", "note",
	"TEXT", "TEXT", "TEXT", "TEXT", "JSON", "JSON", "JSON",
	"JSON", "TEXT", "TEXT", "TEXT"
};

static void
on_explained(void * arg, json_t * v, const struct err * e)
{
	json_t * rows, * row;
	struct stmt_run * r = arg;
	const json_t * o;
	size_t i, k;

	if (stmt_back(r))
		return;
	if (e != NULL) {
		stmt_sync_fail(r, e);
		return;
	}
	rows = json_array();
	json_array_foreach(v, i, o) {
		row = json_array();
		for (k = 0; k < NCOLS; k++)
			json_array_append(row, json_object_get(o, cols[k]) ?
			    json_object_get(o, cols[k]) : json_null());
		json_array_append_new(rows, row);
	}
	stmt_rows(r, NCOLS, cols, rows, json_incref(v));
}

static void
start(struct stmt_run * r)
{
	struct sync_spec spec;
	char * where = NULL;

	if (r->ast->target.s == NULL) {
		if (!syncs_has(r->env->syncs, r->ast->name.s)) {
			stmt_no_sync(r);
			return;
		}
		stmt_wait(r);
		syncs_explain(r->env->syncs, NULL, r->ast->name.s,
		    on_explained, r);
		return;
	}
	if (stmt_sync_spec(r, &spec, &where))
		return;
	stmt_wait(r);
	syncs_explain(r->env->syncs, &spec, NULL, on_explained, r);
	free(where);
}

const struct stmt_entry stmt_explain_sync_entry = {
	AST_EXPLAIN_SYNC, "explain_sync", 0, start, NULL, NULL, NULL
};
