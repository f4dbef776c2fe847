#include <string.h>

#include "conn/limits.h"
#include "stmt/stmt_internal.h"

/* SHOW CONNECTOR n [STATUS]: a row a property, secrets hidden. */

static const char * const status_keys[] = {
	"status", "enabled", "disabled_reason", "last_run_at",
	"last_success_at", "last_error", "last_rows_ingested",
	"waits_until", "waits_why", NULL
};

static void
add(json_t * rows, const char * prefix, const char * key, json_t * v)
{
	char name[200];

	if (v == NULL)
		return;
	snprintf(name, sizeof(name), "%s%s", prefix, key);
	if (json_is_boolean(v))
		json_array_append_new(rows, json_pack("[s, s]", name,
		    json_is_true(v) ? "true" : "false"));
	else
		json_array_append_new(rows, json_pack("[s, O]", name, v));
}

static void
add_all(json_t * rows, json_t * shown)
{
	const char * key, * sub;
	char prefix[32];
	json_t * v, * w;

	json_object_foreach(shown, key, v) {
		if (!json_is_object(v)) {
			add(rows, "", key, v);
			continue;
		}
		snprintf(prefix, sizeof(prefix), "%.30s.", key);
		json_object_foreach(v, sub, w)
			add(rows, prefix, sub, w);
	}
}

/* What its calls wait for. */
static int
add_budgets(struct stmt_run * r, json_t * rows)
{
	struct connector * c = runner_connector(r->env->runner, r->ast->name.s);
	json_t * said = json_object();
	const char * key;
	json_t * v;
	int rc = said == NULL ? -1 : 0;

	if (rc == 0 && c != NULL && r->env->conn != NULL &&
	    r->env->conn->limits != NULL)
		rc = limits_show(r->env->conn->limits, c, said);
	json_object_foreach(said, key, v)
		add(rows, "", key, v);
	json_decref(said);
	return (rc);
}

static void
start(struct stmt_run * r)
{
	static const char * const cols[] = { "property", "value", "TEXT", "" };
	json_t * shown = runner_show(r->env->runner, r->ast->name.s);
	json_t * rows = json_array();
	struct err e;
	size_t i;

	if (shown == NULL) {
		json_decref(rows);
		stmt_no_connector(r);
		return;
	}
	syncs_connector_show(r->env->syncs, shown);
	if (r->ast->status)
		for (i = 0; status_keys[i] != NULL; i++)
			add(rows, "", status_keys[i],
			    json_object_get(shown, status_keys[i]));
	else
		add_all(rows, shown);
	json_decref(shown);
	if (add_budgets(r, rows)) {
		json_decref(rows);
		err_nomem(&e, "SHOW CONNECTOR");
		stmt_fail(r, &e);
		return;
	}
	stmt_rows(r, 2, cols, rows, NULL);
}

const struct stmt_entry stmt_show_connector_entry = {
	AST_SHOW_CONNECTOR, "show_connector", 0, start, NULL, NULL, NULL
};
