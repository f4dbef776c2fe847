#include <stdio.h>

#include "base/buf.h"
#include "stmt/stmt_internal.h"

/* SHOW TYPES */

static json_t *
entities(const struct manifest * m)
{
	struct buf b = BUF_INIT(1 << 16);
	json_t * v;
	size_t i;

	for (i = 0; i < m->nentities; i++)
		if (!m->entities[i].hidden)
			buf_addf(&b, "%s%s", b.len > 0 ? ", " : "",
			    m->entities[i].name);
	v = json_string(b.p == NULL ? "" : b.p);
	buf_free(&b);
	return (v);
}

static void
start(struct stmt_run * r)
{
	static const char * const cols[] = { "type", "title", "entities",
	    "description", "TEXT", "TEXT", "TEXT", "TEXT" };
	const struct types * t = runner_types(r->env->runner);
	json_t * rows = json_array();
	const struct manifest * m;
	size_t i;

	for (i = 0; i < types_count(t); i++) {
		m = types_at(t, i);
		json_array_append_new(rows, json_pack("[s, s?, o, s?]", m->type,
		    m->title, entities(m), m->description));
	}
	stmt_rows(r, 4, cols, rows, NULL);
}

const struct stmt_entry stmt_show_types_entry = {
	AST_SHOW_TYPES, "show_types", 0, start, NULL, NULL, NULL
};
