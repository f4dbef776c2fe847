#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "stmt/stmt_internal.h"

/* What can be named after FROM: connectors' entities and targets' tables. */

struct lookup {
	const char * schema; /* or NULL */
	struct query_table * out;
};

static void
on_table(void * arg, const char * database, const char * path,
    const char * table)
{
	struct lookup * l = arg;
	struct query_table * o = l->out;
	size_t n;

	if (l->schema != NULL && strcasecmp(database, l->schema) != 0)
		return;
	if (o->found) {
		/* A bare name that several databases have. */
		o->found = 2;
		n = strlen(o->schema);
		snprintf(o->schema + n, sizeof(o->schema) - n, ", %s",
		    database);
		return;
	}
	o->found = 1;
	snprintf(o->schema, sizeof(o->schema), "%s", database);
	snprintf(o->path, sizeof(o->path), "%s", path);
	snprintf(o->table, sizeof(o->table), "%s", table);
}

static void
lookup(void * arg, const char * schema, const char * table,
    struct query_table * out)
{
	const struct stmt_env * env = arg;
	struct lookup l = { schema, out };
	const struct manifest_entity * ent;
	struct connector * c;
	const char * node;

	memset(out, 0, sizeof(*out));
	/* An entity of a connector comes before a database of the same name; its
	 * tables can still be read by their bare names. */
	if (schema != NULL && (c = runner_connector(env->runner, schema)) !=
	    NULL && (ent = manifest_entity(c->m, table)) != NULL &&
	    !ent->hidden) {
		out->found = 1;
		out->c = c;
		out->ent = ent;
		snprintf(out->schema, sizeof(out->schema), "%s", c->name);
		return;
	}
	targets_find(env->targets, table, on_table, &l);
	if (!out->found &&
	    (node = runner_elsewhere(env->runner, schema, table)) != NULL) {
		out->found = 3;
		snprintf(out->schema, sizeof(out->schema), "%s", node);
	}
}

#define MAX_NAMES 1000
struct names {
	const char ** v;
	size_t n, max;
	char (*text)[200];
};

static int
on_name(void * arg, const char * database, const char * table)
{
	struct names * ns = arg;

	if (ns->n == ns->max)
		return (1);
	snprintf(ns->text[ns->n], sizeof(ns->text[0]), "%s.%s", database,
	    table);
	ns->v[ns->n] = ns->text[ns->n];
	ns->n++;
	return (0);
}

static size_t
names(void * arg, const char ** v, size_t max)
{
	static char text[MAX_NAMES][200];
	struct names ns = { v, 0, max < MAX_NAMES ? max : MAX_NAMES, text };

	targets_each_table(((const struct stmt_env *)arg)->targets, on_name, &ns);
	return (ns.n);
}

void
stmt_catalog(const struct stmt_env * env, struct query_catalog * cat)
{
	cat->lookup = lookup;
	cat->names = names;
	cat->arg = (void *)(uintptr_t)env;
}
