#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "sync/syncs_internal.h"

/* What a sync would fetch and write: nothing is sent, to nobody. */

struct explain {
	struct syncs_call * c;
	struct syncs_says says; /* of one that is not defined */
	struct sync_def * d;    /* with the cursor of one that is; or NULL */
	json_t * state_cursor, * left_out;
};

static const char *
order_of(const struct manifest_entity * ent)
{
	const char * s = json_str(ent->cursor, "order");

	return (s != NULL ? s : "none");
}

static const char *
cursor_column(const struct sync_def * d, const struct manifest_entity * ent)
{
	int at = d->incremental == NULL ? -1 :
	    manifest_column(ent, d->incremental);

	return (at < 0 ? NULL : ent->columns[at].name);
}

/* Whether the entity's list comes in the column's order, oldest first. */
static int
is_ascending(const struct manifest_entity * ent, const char * column)
{
	const char * own = json_str(ent->cursor, "column");

	return (own != NULL && strcmp(own, column) == 0 &&
	    strcmp(order_of(ent), "asc") == 0);
}

static void
say_columns(const struct manifest_entity * ent, json_t ** columns, json_t ** key)
{
	size_t i;

	*columns = json_array();
	*key = json_array();
	for (i = 0; i < ent->ncolumns; i++) {
		if (ent->columns[i].is_input && ent->columns[i].path == NULL)
			continue;
		json_array_append_new(*columns, json_pack("{s:s, s:s}", "name",
		    ent->columns[i].name, "type", ent->columns[i].type_name));
		if (ent->columns[i].is_key)
			json_array_append_new(*key,
			    json_string(ent->columns[i].name));
	}
}

/* Whether each of its parts has a cursor of its own. */
static int
goes_by_part(const struct manifest_entity * ent, const char * column)
{
	const char * own = json_str(ent->cursor, "column");

	return ((ent->cursor_token || ent->cursor_per_part) && own != NULL &&
	    strcasecmp(own, column) == 0);
}

static json_t *
say_commit(const struct sync_def * d, const struct manifest_entity * ent)
{
	const char * col = cursor_column(d, ent);

	if (col == NULL)
		return (json_string(d->incremental == NULL ?
		    "no cursor: all is read in each run" :
		    "no cursor: it has no such column, so all is read in each "
		    "run"));
	if (goes_by_part(ent, col))
		return (json_string(ent->cursor_token ? "as pages are "
		    "acknowledged by the target: what the service says leads "
		    "on, for each part" : "of each part once it was read to its "
		    "end and its rows are acknowledged by the target"));
	if (is_ascending(ent, col))
		return (json_string("as rows are acknowledged by the target: the "
		    "service lists the oldest first, so what lies below the "
		    "last one is there"));
	if (strcmp(order_of(ent), "desc") == 0)
		return (json_string("at the end of a run in which all went "
		    "well: the service lists the newest first"));
	return (json_string("at the end of a run in which all went well: the "
	    "service's order is not known"));
}

static json_t *
say_deletes(const struct sync_def * d, const struct manifest_entity * ent)
{
	char s[300];

	if (d->deletes == SYNC_DELETES_IGNORE)
		return (json_string("ignored: rows that are gone from the "
		    "service stay"));
	snprintf(s, sizeof(s), "%s after a complete full run, unless more than "
	    "%g %% of the rows were gone%s%.64s%s", d->deletes ==
	    SYNC_DELETES_MARK ? "marked in _deleted_at" : "removed",
	    d->delete_ratio * 100, ent->deleted > 0 ? "; at once where " : "",
	    ent->deleted > 0 ? ent->columns[ent->deleted - 1].name : "",
	    ent->deleted > 0 ? " says so" : "");
	return (json_string(s));
}

/* What the request that is shown does not tell. */
static json_t *
say_parts(const json_t * rec)
{
	int64_t n = json_integer_value(json_object_get(rec, "tokens"));
	char s[160];

	if (n <= 0)
		return (json_null());
	snprintf(s, sizeof(s), "%lld part%s where the run before ended, and not "
	    "where a first request begins", (long long)n, n == 1 ? " goes on" :
	    "s go on each");
	return (json_string(s));
}

static json_t *
explain_one(const struct sync_def * d, const struct manifest_entity * ent,
    const json_t * explained, const json_t * cursor)
{
	char table[300];
	json_t * columns, * key, * leg, * rec;

	if (sync_def_table(d, ent->name, table, sizeof(table)))
		table[0] = '\0';
	say_columns(ent, &columns, &key);
	rec = json_object_get(cursor, ent->name);
	leg = json_object_get(rec, "value");
	return (json_pack("{s:s, s:s, s:s, s:o, s:O?, s:O?, s:o, s:o, s:o, "
	    "s:o, s:o, s:o}", "entity", ent->name, "target", table,
	    "engine", d->engine == SYNC_SQLITE ? "sqlite" : "elastic",
	    "target_database", json_opt_string(d->database),
	    "statement", json_object_get(explained, "sql"), "calls",
	    json_object_get(explained, "calls"), "key", key, "columns",
	    columns, "cursor", json_pack("{s:o, s:O?, s:O*}", "column",
	    json_opt_string(cursor_column(d, ent)), "value", leg,
	    "parts", json_object_get(rec, "tokens")),
	    "commit", say_commit(d, ent), "deletes", say_deletes(d, ent), "note",
	    say_parts(rec)));
}

static void
explain_free(struct explain * x)
{
	sync_def_unref(x->d);
	json_decref(x->state_cursor);
	json_decref(x->left_out);
	free(x);
}

/* ${d}: given away. */
static void
say_all(struct explain * x, struct sync_def * d, const json_t * left_out,
    const json_t * explained, const struct err * e)
{
	struct syncs * S = x->c->S;
	const struct connector * c;
	const struct manifest_entity * ent;
	json_t * out = NULL;
	const json_t * v;
	struct err why;
	size_t i;

	if (e == NULL && ((c = runner_connector(S->o.runner, d->connector)) ==
	    NULL || (out = json_array()) == NULL)) {
		err_set(&why, ERR_CONFIG, "not_found", "the connector was "
		    "dropped meanwhile");
		e = &why;
	}
	for (i = 0; e == NULL && i < d->nentities; i++) {
		ent = manifest_entity(c->m, d->entities[i]);
		if (ent != NULL)
			json_array_append_new(out, explain_one(d, ent,
			    json_object_get(explained, ent->name),
			    x->state_cursor));
	}
	if (e == NULL)
		json_array_foreach(left_out, i, v)
			json_array_append_new(out, json_pack("{s:O?, s:s, "
			    "s:O?}", "entity", json_object_get(v, "entity"),
			    "target", "", "note",
			    json_object_get(v, "reason")));
	sync_def_unref(d);
	syncs_call_end(x->c, out, e);
	explain_free(x);
}

static void
on_checked(void * arg, struct sync_def * d, const json_t * left_out,
    const json_t * explained, const struct err * e)
{
	struct explain * x = arg;

	say_all(x, d, x->left_out != NULL ? x->left_out : left_out, explained,
	    e);
}

static void
on_cursor(void * arg, json_t * v, const struct err * e)
{
	struct explain * x = arg;

	(void)e; /* without it: what a first run would do */
	x->state_cursor = json_incref(v);
	syncs_check_def(x->c->S, x->d, v, on_checked, x);
}

/* Where there is a sync of the same rows it would go on from where that one is. */
static void
on_spec(void * arg, struct sync_def * d, const json_t * left_out,
    const json_t * explained, const struct err * e)
{
	struct explain * x = arg;
	struct syncs * S = x->c->S;
	struct syncs_entry * old;
	struct err why;
	int goes_on = 0;

	if (e == NULL && syncs_put_place(S, x->says, &d, &old, &goes_on, &why)) {
		sync_def_unref(d);
		d = NULL;
		e = &why;
	}
	if (e != NULL || !goes_on) {
		say_all(x, d, left_out, explained, e);
		return;
	}
	x->d = d;
	x->left_out = json_deep_copy(left_out);
	S->o.state->ops->cursor_get(S->o.state, old->d->id, on_cursor, x);
}

void
syncs_explain(struct syncs * S, const struct sync_spec * spec,
    const char * id, syncs_cb * cb, void * arg)
{
	struct syncs_call * c = syncs_call_new(S, cb, arg);
	struct explain * x;
	struct syncs_entry * en;
	struct err e;

	if (c == NULL)
		return;
	if ((x = calloc(1, sizeof(*x))) == NULL) {
		err_nomem(&e, "an explanation");
		syncs_call_end(c, NULL, &e);
		return;
	}
	x->c = c;
	if (id == NULL) {
		x->says = syncs_put_says(spec);
		syncs_check_start(S, spec, on_spec, x);
	} else if ((en = syncs_find(S, id)) == NULL) {
		syncs_not_found(S, id, &e);
		syncs_call_end(c, NULL, &e);
		explain_free(x);
	} else {
		x->d = sync_def_ref(en->d);
		S->o.state->ops->cursor_get(S->o.state, en->d->id, on_cursor,
		    x);
	}
}
