#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "stmt/stmt_internal.h"

/* What can be named after FROM: connectors' entities and targets' tables. */

struct lookup {
	const char * schema; /* or NULL */
	struct query_table * out;
	const struct targets * targets;
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
	o->rows = targets_is_rows(l->targets, database, table);
}

static void
note_used(struct stmt_catalog * cat, const char * name)
{
	size_t i;

	for (i = 0; i < cat->nused; i++)
		if (strcmp(cat->used[i], name) == 0)
			return;
	if (cat->nused < STMT_MAX_USED)
		snprintf(cat->used[cat->nused++], sizeof(cat->used[0]), "%s",
		    name);
}

/* The connector is there, but not what it was asked for; ${table} NULL: nothing. */
static void
no_entity(const struct connector * c, const char * table,
    struct query_table * out)
{
	const char * names[64] = { NULL }, * near = NULL;
	size_t i, n = 0, at;

	for (i = 0; i < c->m->nentities && n < 64; i++)
		if (!c->m->entities[i].hidden)
			names[n++] = c->m->entities[i].name;
	if (table != NULL)
		near = json_nearest(table, names, n);
	if (table != NULL)
		at = (size_t)snprintf(out->path, sizeof(out->path),
		    "connector %.60s (type %.30s) has no entity %.60s%s%.60s%s; "
		    "there are: ", c->name, c->m->type, table, near ?
		    " (did you mean " : "", near ? near : "", near ? "?)" : "");
	else
		at = (size_t)snprintf(out->path, sizeof(out->path),
		    "%.60s is a connector, and what can be asked are its "
		    "entities: ", c->name);
	for (i = 0; i < n && at < sizeof(out->path); i++)
		at += (size_t)snprintf(out->path + at, sizeof(out->path) - at,
		    "%s%s%s%s", i ? ", " : "", table ? "" : c->name,
		    table ? "" : ".", names[i]);
}

static void
lookup(void * arg, const char * schema, const char * table,
    struct query_table * out)
{
	struct stmt_catalog * cat = arg;
	const struct stmt_env * env = cat->env;
	struct lookup l = { schema, out, env->targets };
	const struct manifest_entity * ent;
	struct connector * c;
	const char * node, * why, * plain = strncasecmp(table, "sqlite:", 7) ==
	    0 ? table + 7 : table;

	memset(out, 0, sizeof(*out));
	c = schema == NULL ? NULL : runner_connector(env->runner, schema);
	/* An entity of a connector comes before a database of the same name; its
	 * tables can still be read by their bare names. */
	if (c != NULL && (ent = manifest_entity(c->m, table)) != NULL &&
	    !ent->hidden) {
		note_used(cat, c->name);
		out->found = 1;
		out->c = c;
		out->ent = ent;
		snprintf(out->schema, sizeof(out->schema), "%s", c->name);
		return;
	}
	targets_find(env->targets, table, on_table, &l);
	if (!out->found &&
	    ((node = runner_elsewhere(env->runner, schema, table)) != NULL ||
	    (node = syncs_elsewhere(env->syncs, schema, plain)) != NULL)) {
		out->found = 3;
		(void)syncs_where(env->syncs, node, out->schema);
	} else if (!out->found && c != NULL) {
		out->found = 4;
		no_entity(c, table, out);
	} else if (!out->found && schema == NULL &&
	    (c = runner_connector(env->runner, table)) != NULL) {
		out->found = 4;
		no_entity(c, NULL, out);
	} else if (!out->found && schema != NULL &&
	    (why = runner_misfit(env->runner, schema)) != NULL) {
		out->found = 4;
		snprintf(out->path, sizeof(out->path), "connector %.60s cannot "
		    "be used: %.140s", schema, why);
	}
}

/* Names are borrowed by who asked until it asks again. */
#define MAX_NAMES 8000
static char name_text[MAX_NAMES][200];

struct names {
	const char ** v;
	size_t n, max;
	const struct runner * runner;
};

static int
add_name(struct names * ns, const char * schema, const char * table)
{
	if (ns->n == ns->max)
		return (1);
	snprintf(name_text[ns->n], sizeof(name_text[0]), "%s.%s", schema,
	    table);
	ns->v[ns->n] = name_text[ns->n];
	ns->n++;
	return (0);
}

static int
on_name(void * arg, const char * database, const char * table)
{
	return (add_name(arg, database, table));
}

static int
on_connector(void * arg, const struct runner_brief * b)
{
	struct names * ns = arg;
	struct connector * c = runner_connector(ns->runner, b->name);
	size_t i;

	for (i = 0; c != NULL && i < c->m->nentities; i++)
		if (!c->m->entities[i].hidden &&
		    add_name(ns, c->name, c->m->entities[i].name))
			return (1);
	return (0);
}

static size_t
names(void * arg, const char ** v, size_t max)
{
	const struct stmt_catalog * cat = arg;
	struct names ns = { v, 0, max < MAX_NAMES ? max : MAX_NAMES,
	    cat->env->runner };
	const char * next;

	targets_each_table(cat->env->targets, on_name, &ns);
	(void)runner_each(cat->env->runner, NULL, MAX_NAMES, on_connector, &ns,
	    &next);
	return (ns.n);
}

/* ---- wildcards ---- */

struct matches {
	const char * schema, * pattern;
	const struct targets * targets;
	struct query_table * out;
	size_t n, max;
};

/* Whether ${s} is what ${p} says, in any case; * stands for anything. */
static int
matches(const char * p, const char * s)
{
	const char * star = NULL, * back = s;

	while (*s != '\0') {
		if (*p == '*') {
			star = p++;
			back = s;
		} else if (tolower((unsigned char)*p) ==
		    tolower((unsigned char)*s)) {
			p++;
			s++;
		} else if (star != NULL) {
			p = star + 1;
			s = ++back;
		} else {
			return (0);
		}
	}
	while (*p == '*')
		p++;
	return (*p == '\0');
}

/* Rows that were put aside are no part of a target, but for who asks for them. */
static int
is_aside(const char * pattern, const char * table)
{
	static const char word[] = "-rejected";
	size_t n = strlen(table), k = sizeof(word) - 1;

	return (n > k && strcasecmp(table + n - k, word) == 0 &&
	    strcasestr(pattern, word + 1) == NULL);
}

static int
on_match(void * arg, const char * database, const char * table)
{
	struct matches * m = arg;
	struct query_table one;
	struct lookup l = { database, &one, m->targets };

	if ((m->schema != NULL && strcasecmp(m->schema, database) != 0) ||
	    !matches(m->pattern, table) || (is_aside(m->pattern, table) &&
	    targets_is_rows(m->targets, database, table)))
		return (0);
	if (m->n == m->max) {
		m->n++;
		return (1);
	}
	memset(&one, 0, sizeof(one));
	targets_find(m->targets, table, on_table, &l);
	if (one.found == 1)
		m->out[m->n++] = one;
	return (0);
}

static size_t
match(void * arg, const char * schema, const char * pattern,
    struct query_table * out, size_t max)
{
	const struct stmt_catalog * cat = arg;
	struct matches m = { schema, pattern, cat->env->targets, out, 0, max };

	targets_each_table(m.targets, on_match, &m);
	return (m.n);
}

void
stmt_catalog(const struct stmt_env * env, struct stmt_catalog * c)
{
	c->env = env;
	c->nused = 0;
	c->cat.lookup = lookup;
	c->cat.names = names;
	c->cat.match = match;
	c->cat.arg = c;
}
