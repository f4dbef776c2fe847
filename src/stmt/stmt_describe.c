#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/json.h"
#include "stmt/stmt_internal.h"

/* DESCRIBE type, connector, connector.entity; targets: stmt_describe_target.c */

static const char *
bool_text(int yes)
{
	return (yes ? "yes" : "");
}

static void
add_word(struct buf * b, const json_t * v)
{
	char * s = json_dumps(v, JSON_ENCODE_ANY);

	if (json_is_string(v))
		buf_adds(b, json_string_value(v));
	else if (s != NULL)
		buf_adds(b, s);
	free(s);
}

/* A field of the config: what it may be, and what it is if nothing is said;
 * ${of} is the variant that has it. */
static void
describe_field(json_t * rows, const char * name, const json_t * f,
    const char * of)
{
	const json_t * values = json_object_get(f, "values"), * v;
	const json_t * dflt = json_object_get(f, "default");
	const json_t * must = json_object_get(f, "required");
	const char * what = json_str(f, "description");
	const char * unless = json_str(must, "unless");
	struct buf b = BUF_INIT(1 << 16);
	char need[128];
	size_t i;

	if (of != NULL)
		buf_addf(&b, "With %s: ", of);
	if (what != NULL)
		buf_adds(&b, what);
	json_array_foreach(values, i, v) {
		buf_adds(&b, i > 0 ? ", " : what != NULL ? "; one of " :
		    "One of ");
		add_word(&b, v);
	}
	if (dflt != NULL) {
		buf_adds(&b, " (default ");
		add_word(&b, dflt);
		buf_adds(&b, ")");
	}
	snprintf(need, sizeof(need), "unless %.100s", unless ? unless : "");
	json_array_append_new(rows, json_pack("[s, s, s?, s, s?]", "config",
	    name, json_str(f, "type"), unless != NULL ? need :
	    bool_text(json_is_true(must)), b.len > 0 ? b.p : NULL));
	buf_free(&b);
}

/* Which variants there are, and the fields of each. */
static void
describe_variants(json_t * rows, const char * name, const json_t * variants)
{
	struct buf b = BUF_INIT(1 << 16);
	const char * of, * key;
	json_t * fields, * f;
	char path[256];

	json_object_foreach((json_t *)(uintptr_t)variants, of, fields)
		buf_addf(&b, "%s%s", b.len > 0 ? ", " : "One of ", of);
	snprintf(path, sizeof(path), "%.120s.type", name);
	json_array_append_new(rows, json_pack("[s, s, s, s, s?]", "config",
	    path, "string", "yes", b.p));
	buf_free(&b);
	json_object_foreach((json_t *)(uintptr_t)variants, of, fields)
		json_object_foreach(fields, key, f) {
			snprintf(path, sizeof(path), "%.120s.%.120s", name,
			    key);
			describe_field(rows, path, f, of);
		}
}

static void
describe_type(struct stmt_run * r, const struct manifest * m)
{
	static const char * const cols[] = { "kind", "name", "type",
	    "required", "description", "TEXT", "TEXT", "TEXT", "TEXT", "TEXT" };
	const struct manifest_entity * ent;
	json_t * rows = json_array(), * f;
	const char * key;
	char name[200];
	size_t i, k;

	json_object_foreach((json_t *)(uintptr_t)m->config, key, f) {
		describe_field(rows, key, f, NULL);
		if (json_object_get(f, "variants") != NULL)
			describe_variants(rows, key, json_object_get(f,
			    "variants"));
	}
	for (i = 0; i < m->nentities; i++) {
		ent = &m->entities[i];
		if (ent->hidden)
			continue;
		json_array_append_new(rows, json_pack("[s, s, n, s, s?]",
		    "entity", ent->name, "", ent->description));
		for (k = 0; k < ent->nactions; k++) {
			snprintf(name, sizeof(name), "%s.%s", ent->name,
			    ent->actions[k].name);
			json_array_append_new(rows, json_pack(
			    "[s, s, n, s, s?]", "action", name, "",
			    ent->actions[k].description));
		}
	}
	stmt_rows(r, 5, cols, rows, NULL);
}

/* What can be pushed of a column, over all lists. */
static void
pushdown(const struct manifest_entity * ent, size_t col, struct buf * b)
{
	static const char * const ops[OP_COUNT] = { "=", "!=", "IN", "<", "<=",
	    ">", ">=", "LIKE 'x%'", "LIKE '%x%'", "CONTAINS", "IS NULL",
	    "IS NOT NULL" };
	const struct manifest_list * l;
	unsigned all = ent->columns[col].is_input ? OP_EQ | OP_IN : 0;
	size_t i, k;
	int order = 0;

	for (i = 0; i < ent->nlists; i++) {
		l = &ent->lists[i];
		for (k = 0; k < l->npushes; k++)
			if (l->pushes[k].column == col)
				all |= l->pushes[k].ops;
		for (k = 0; k < l->norders; k++)
			order |= l->orders[k].column == col;
	}
	for (i = 0; i < OP_COUNT; i++)
		if (all & (1u << i))
			buf_addf(b, "%s%s", b->len > 0 ? ", " : "", ops[i]);
	if (order)
		buf_adds(b, b->len > 0 ? ", ORDER BY" : "ORDER BY");
}

static void
add_column(json_t * rows, const struct manifest_entity * ent, size_t i)
{
	const struct manifest_column * c = &ent->columns[i];
	struct buf push = BUF_INIT(1024), text = BUF_INIT(1 << 16);
	const char * cursor = json_str(ent->cursor, "column");

	pushdown(ent, i, &push);
	if (c->is_input && c->dflt != NULL)
		buf_addf(&text, "Input, by default %s. ", c->dflt);
	else if (c->is_input)
		buf_addf(&text, "Input: WHERE %s = ... gives it. ", c->name);
	buf_adds(&text, c->description == NULL ? "" : c->description);
	json_array_append_new(rows, json_pack("[s, s, s, s, s, s]", c->name,
	    c->type_name, push.p == NULL ? "" : push.p, bool_text(c->is_key),
	    bool_text(cursor != NULL && strcasecmp(cursor, c->name) == 0),
	    text.p == NULL ? "" : text.p));
	buf_free(&push);
	buf_free(&text);
}

static const char *
arg_type_name(enum arg_type type)
{
	static const char * const names[] = { "string", "integer", "number",
	    "boolean", "array", "object", "any" };

	return (names[type]);
}

/* An action as one writes it: create(title string, [labels array]). */
static void
add_action(json_t * rows, const struct manifest_action * act)
{
	struct buf b = BUF_INIT(1 << 16);
	const struct manifest_arg * a;
	size_t i;
	int need;

	buf_addc(&b, '(');
	for (i = 0; i < act->nargs; i++) {
		a = &act->args[i];
		need = a->required && a->dflt == NULL;
		buf_addf(&b, "%s%s%s %s%s", i > 0 ? ", " : "",
		    need ? "" : "[", a->name, arg_type_name(a->type),
		    need ? "" : "]");
	}
	buf_adds(&b, act->description == NULL ? ")" : "): ");
	buf_adds(&b, act->description == NULL ? "" : act->description);
	json_array_append_new(rows, json_pack("[s, s, s, s, s, s]", act->name,
	    "action", "", "", "", b.p == NULL ? "" : b.p));
	buf_free(&b);
}

static void
describe_entity(struct stmt_run * r, const struct manifest_entity * ent)
{
	static const char * const cols[] = { "column", "type", "pushdown",
	    "key", "cursor", "description", "TEXT", "TEXT", "TEXT", "TEXT",
	    "TEXT", "TEXT" };
	json_t * rows = json_array();
	size_t i;

	for (i = 0; i < ent->ncolumns; i++)
		add_column(rows, ent, i);
	for (i = 0; i < ent->nactions; i++)
		add_action(rows, &ent->actions[i]);
	stmt_rows(r, 6, cols, rows, NULL);
}

static void
start(struct stmt_run * r)
{
	const struct ast * a = r->ast;
	const struct manifest_entity * ent;
	const struct manifest * m;
	struct connector * c;

	if (a->target.s != NULL) {
		stmt_describe_target(r);
		return;
	}
	c = runner_connector(r->env->runner, a->name.s);
	m = types_get(runner_types(r->env->runner), a->name.s);
	/* With an entity it is first of all a connector's. */
	if (c != NULL && (a->entity.s != NULL || m == NULL))
		m = c->m;
	if (m == NULL && runner_has(r->env->runner, a->name.s))
		(void)stmt_connector(r);
	else if (m == NULL)
		stmt_describe_target(r);
	else if (a->entity.s == NULL)
		describe_type(r, m);
	else if ((ent = stmt_entity(r, m)) != NULL)
		describe_entity(r, ent);
}

const struct stmt_entry stmt_describe_entry = {
	AST_DESCRIBE, "describe", 0, start, NULL, stmt_describe_cancel,
	stmt_describe_free
};
