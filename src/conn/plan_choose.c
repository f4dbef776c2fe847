#include "conn/plan_choose.h"

#include <stdint.h>
#include <string.h>

#include "conn/plan_push.h"
#include "manifest/template.h"

/* What a listing has, for want of knowledge; only their ratios matter. */
#define GUESS_ROWS 2000.0
#define GUESS_PARTS 20.0
#define GUESS_PAGE 100.0
#define GUESS_IN 4.0

static int
speaks_of(const struct manifest_list * list, const char * input)
{
	char path[160];
	const json_t * need;
	size_t i;

	json_array_foreach(list->needs, i, need)
		if (json_is_string(need) &&
		    strcmp(json_string_value(need), input) == 0)
			return (1);
	if (strlen(input) > sizeof(path) - 4)
		return (0);
	memcpy(path, "in.", 3);
	memcpy(path + 3, input, strlen(input) + 1);
	if (template_text_uses(list->url, path) ||
	    template_uses(list->query, path) ||
	    template_uses(list->headers, path) ||
	    template_uses(list->body, path))
		return (1);
	for (i = 0; i < list->nclauses; i++)
		if (template_text_uses(list->clauses[i].always, path) ||
		    template_text_uses(list->clauses[i].empty, path))
			return (1);
	return (0);
}

const struct manifest_push *
plan_choose_rule(const struct manifest_list * list, size_t col, unsigned ops)
{
	size_t i;

	for (i = 0; i < list->npushes; i++)
		if (list->pushes[i].column == col &&
		    (list->pushes[i].ops & ops) != 0)
			return (&list->pushes[i]);
	return (NULL);
}

enum plan_use
plan_choose_use(const struct manifest_list * list,
    const struct manifest_entity * ent, size_t col)
{
	const char * name = ent->columns[col].name;

	if (!ent->columns[col].is_input ||
	    json_object_get(list->bind, name) != NULL)
		return (USE_NOT);
	if (speaks_of(list, name))
		return (USE_TEMPLATE);
	return (plan_choose_rule(list, col, OP_EQ) ? USE_PUSH : USE_NOT);
}

int
plan_choose_ignores(const struct manifest_list * list,
    const struct manifest_entity * ent, size_t col)
{
	const struct manifest_column * c = &ent->columns[col];

	return (c->is_input && c->path == NULL &&
	    json_object_get(list->bind, c->name) == NULL &&
	    plan_choose_use(list, ent, col) == USE_NOT);
}

/* Whether the service gives this very order (inputs and partitions aside). */
static int
gives_order(const struct manifest_list * list,
    const struct manifest_entity * ent, const struct plan_order * orders,
    size_t n)
{
	const struct manifest_column * col;
	size_t i, j;

	if (n == 0 || n > (size_t)(list->order_max > 0 ? list->order_max : 1))
		return (0);
	for (i = 0; i < n; i++) {
		for (j = 0; j < list->norders; j++)
			if (list->orders[j].column == orders[i].column)
				break;
		if ((orders[i].desc ? list->order_desc : list->order_asc) == NULL)
			return (0);
		if (j == list->norders || orders[i].column >= ent->ncolumns)
			return (0);
		col = &ent->columns[orders[i].column];
		/* Texts have as many orders as there are collations. */
		if (!col->not_null || (col->type != COLUMN_INTEGER &&
		    col->type != COLUMN_REAL && col->type != COLUMN_BOOLEAN &&
		    col->type != COLUMN_TIMESTAMP))
			return (0);
		/* The service knows a time more finely than rows show it, so
		 * what follows it would break other ties. */
		if (col->type == COLUMN_TIMESTAMP && i + 1 < n)
			return (0);
		if (ent->explode != NULL && (col->path == NULL ||
		    col->path->of_element))
			return (0);
	}
	return (1);
}

/* Whether the default ${t} is a list: then there is a listing for each. */
static int
is_list(const char * t, const struct template_env * env)
{
	json_t * s = json_string(t), * v;
	struct err e;
	int is;

	v = s != NULL ? template_json(s, env, &e) : NULL;
	is = json_is_array(v) && json_array_size(v) > 1;
	json_decref(v);
	json_decref(s);
	return (is);
}

/* How an input is known: 1: a default, 2: one ask, 3: an IN, 4: a default that is
 * a list. */
static int
known(const struct connector * c, const struct manifest_entity * ent,
    const struct manifest_list * list, const struct plan_shape * shape,
    const char * input, int * ask)
{
	int col = manifest_column(ent, input);
	struct template_env env = { .config = NULL };
	size_t i;

	*ask = -1;
	if (json_object_get(list->bind, input) != NULL)
		return (1);
	if (col < 0)
		return (0);
	/* One value is better than several. */
	for (i = 0; i < shape->nasks && i < PLAN_MAX_ASKS; i++)
		if (shape->asks[i].column == (size_t)col &&
		    ((shape->asks[i].op == OP_EQ && (*ask < 0 ||
		    shape->asks[*ask].op != OP_EQ)) ||
		    (shape->asks[i].op == OP_IN && *ask < 0)))
			*ask = (int)i;
	if (*ask >= 0)
		return (shape->asks[*ask].op == OP_EQ ? 2 : 3);
	if (ent->columns[col].dflt == NULL)
		return (0);
	/* The connector keeps what it parsed; its value does not change. */
	env.config = connector_config_parsed((struct connector *)(uintptr_t)c);
	if (!template_knows(ent->columns[col].dflt, &env))
		return (0);
	return (is_list(ent->columns[col].dflt, &env) ? 4 : 1);
}

/* How many needs are missing; the first of them into ${missing}. */
static size_t
lacks(const struct connector * c, const struct manifest_entity * ent,
    const struct manifest_list * list, const struct plan_shape * shape,
    const char ** missing)
{
	const json_t * need;
	size_t i, n = 0;
	int ask;

	json_array_foreach(list->needs, i, need) {
		if (!json_is_string(need) || known(c, ent, list, shape,
		    json_string_value(need), &ask))
			continue;
		if (n++ == 0)
			*missing = json_string_value(need);
	}
	return (n);
}

/* Whether it filters by anything that is asked. */
static int
filters(const struct manifest_list * list, const struct manifest_entity * ent,
    const struct plan_shape * shape)
{
	const struct plan_ask * ask;
	size_t i;

	for (i = 0; i < shape->nasks && i < PLAN_MAX_ASKS; i++) {
		ask = &shape->asks[i];
		if (ask->column < ent->ncolumns && plan_choose_rule(list,
		    ask->column, ask->op) != NULL)
			return (1);
	}
	return (0);
}

/* How much a push narrows. */
static double
narrows(unsigned op)
{
	switch (op) {
	case OP_EQ:
	case OP_IS_NULL:
		return (0.1);
	case OP_IN:
		return (0.25);
	case OP_NE:
	case OP_NOT_NULL:
		return (0.9);
	default:
		return (0.35);
	}
}

static const struct manifest_push *
rule_of(const struct manifest_list * list, const struct plan_ask * ask,
    const struct plan_shape * shape, uint64_t used, size_t nused)
{
	const struct manifest_push * r;
	size_t i, j, k;
	int clash;

	for (i = 0; i < list->npushes; i++) {
		r = &list->pushes[i];
		if (r->column != ask->column || (r->ops & ask->op) == 0)
			continue;
		/* Not what another predicate has taken. */
		clash = 0;
		for (j = 0; j < nused && !clash; j++)
			for (k = 0; k < list->npushes && !clash; k++)
				clash = (used >> j & 1) != 0 &&
				    list->pushes[k].column ==
				    shape->asks[j].column &&
				    (list->pushes[k].ops & shape->asks[j].op) &&
				    plan_push_same(&list->pushes[k], r) &&
				    !(k == i && ((ask->op == OP_CONTAINS &&
				    r->many != MANY_ONE) || plan_push_joins(r,
				    shape->asks[j].op, ask->op)));
		if (!clash)
			return (r);
	}
	return (NULL);
}

static void
guess(const struct manifest_entity * ent, const struct manifest_list * list,
    const struct plan_shape * shape, struct plan_choice * out)
{
	double page = list->paginate.size > 0 ? list->paginate.size :
	    GUESS_PAGE, per = GUESS_ROWS, lists = 1;
	const struct plan_ask * ask;
	size_t i;

	if (list->partition != NULL)
		lists *= GUESS_PARTS;
	for (i = 0; i < shape->nasks && i < PLAN_MAX_ASKS; i++) {
		ask = &shape->asks[i];
		if ((out->used >> i & 1) == 0)
			continue;
		if (out->inputs >> i & 1) {
			lists *= ask->op == OP_IN ? GUESS_IN : 1;
			/* What is told narrows, as a filter does. */
			per *= 0.5;
			continue;
		}
		per *= narrows(ask->op);
		if (ask->op == OP_EQ && ent->columns[ask->column].is_key)
			per = per < 1 ? per : 1;
	}
	if (per < 1)
		per = 1;
	out->rows = per * lists;
	out->calls = lists * (list->paginate.kind == PAGE_NONE ? 1 :
	    1 + per / page) + (list->partition != NULL ? 1 : 0);
}

static void
take(const struct connector * c, const struct manifest_entity * ent,
    const struct plan_shape * shape, struct plan_choice * out)
{
	const struct manifest_list * list = out->list;
	const struct manifest_column * col;
	size_t i, n = shape->nasks < PLAN_MAX_ASKS ? shape->nasks :
	    PLAN_MAX_ASKS;
	enum plan_use use;
	int ask, how, by_in = 0;

	for (i = 0; i < ent->ncolumns; i++) {
		col = &ent->columns[i];
		if ((use = plan_choose_use(list, ent, i)) == USE_NOT)
			continue;
		how = known(c, ent, list, shape, col->name, &ask);
		/* Several values that one call can take, and that rows show. */
		if (use == USE_PUSH && how == 3 && col->path != NULL &&
		    plan_choose_rule(list, i, OP_IN) != NULL)
			continue;
		by_in |= how >= 3;
		if (ask >= 0)
			out->inputs |= UINT64_C(1) << ask;
	}
	for (i = 0; i < n; i++) {
		if (shape->asks[i].column >= ent->ncolumns)
			continue;
		if ((out->inputs >> i & 1) != 0 || rule_of(list,
		    &shape->asks[i], shape, out->used & ~out->inputs, i))
			out->used |= UINT64_C(1) << i;
	}
	out->order_pushed = list->partition == NULL && !by_in &&
	    gives_order(list, ent, shape->orders, shape->norders);
}

/* How many inputs were told that ${list} does not ask for, and that no record
 * tells: its rows would all be left out. */
static size_t
ignores(const struct manifest_entity * ent, const struct manifest_list * list,
    const struct plan_shape * shape)
{
	const struct plan_ask * ask;
	size_t i, n = 0;

	for (i = 0; i < shape->nasks && i < PLAN_MAX_ASKS; i++) {
		ask = &shape->asks[i];
		n += (ask->op == OP_EQ || ask->op == OP_IN) &&
		    ask->column < ent->ncolumns &&
		    plan_choose_ignores(list, ent, ask->column);
	}
	return (n);
}

/* An input that was told and that the list of changes ${list} would not know: those
 * that do may have other rows.  NULL: there is none. */
static const char *
beside(const struct manifest_entity * ent, const struct manifest_list * list,
    const struct plan_shape * shape)
{
	const struct plan_ask * ask;
	size_t i;

	for (i = 0; i < shape->nasks && i < PLAN_MAX_ASKS; i++) {
		ask = &shape->asks[i];
		if ((ask->op == OP_EQ || ask->op == OP_IN) &&
		    ask->column < ent->ncolumns &&
		    ent->columns[ask->column].is_input &&
		    json_object_get(list->bind,
		    ent->columns[ask->column].name) == NULL &&
		    plan_choose_use(list, ent, ask->column) == USE_NOT)
			return (ent->columns[ask->column].name);
	}
	return (NULL);
}

void
plan_choose(const struct connector * c, const struct manifest_entity * ent,
    const struct plan_shape * shape, struct plan_choice * out)
{
	const char * missing = NULL, * told;
	size_t i, n, least = SIZE_MAX, deaf = SIZE_MAX;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < ent->nlists && deaf > 0; i++) {
		if ((shape->token != 0) != (ent->lists[i].by_token != 0))
			continue;
		if (shape->token && (told = beside(ent, &ent->lists[i],
		    shape)) != NULL) {
			out->missing = out->missing ? out->missing : told;
			continue;
		}
		if (ent->lists[i].only_pushed && (shape->every ||
		    !filters(&ent->lists[i], ent, shape)))
			continue;
		n = lacks(c, ent, &ent->lists[i], shape, &missing);
		if (n == 0 && ignores(ent, &ent->lists[i], shape) < deaf) {
			deaf = ignores(ent, &ent->lists[i], shape);
			out->list = &ent->lists[i];
		} else if (n > 0 && n < least) {
			out->missing = missing;
		}
		if (n < least)
			least = n;
	}
	if (out->list == NULL)
		return;
	out->missing = NULL;
	take(c, ent, shape, out);
	guess(ent, out->list, shape, out);
}
