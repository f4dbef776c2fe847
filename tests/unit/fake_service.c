#include "fake_service.h"
#include "fake_service_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conn/plan.h"
#include "conn/request.h"
#include "decode/page.h"
#include "service_data.h"

#define MAXCOLS 10

/* What can be pushed of a column, and whether rows can come in its order. */
struct rule {
	unsigned ops;
	int order;
};

#define ALL_RANGES (OP_LT | OP_LE | OP_GT | OP_GE)
#define P (struct json_path *)(uintptr_t)1 /* only that there is one */
static struct manifest_column issue_cols[] = {
	{ .name = "id", .type = COLUMN_INTEGER, .path = P, .not_null = 1 },
	{ .name = "title", .type = COLUMN_TEXT, .path = P },
	{ .name = "state", .type = COLUMN_TEXT, .path = P, .nocase = 1 },
	{ .name = "points", .type = COLUMN_INTEGER, .path = P },
	{ .name = "score", .type = COLUMN_REAL, .path = P },
	{ .name = "draft", .type = COLUMN_BOOLEAN, .path = P },
	{ .name = "created", .type = COLUMN_TIMESTAMP, .path = P, .not_null = 1 },
	{ .name = "labels", .type = COLUMN_LIST, .path = P },
	{ .name = "assignee", .type = COLUMN_TEXT, .path = P },
	{ .name = "org", .type = COLUMN_TEXT, .is_input = 1, .dflt = "acme" },
};
static struct manifest_column comment_cols[] = {
	{ .name = "id", .type = COLUMN_INTEGER, .path = P, .not_null = 1 },
	{ .name = "issue", .type = COLUMN_INTEGER, .path = P, .not_null = 1 },
	{ .name = "body", .type = COLUMN_TEXT, .path = P },
	{ .name = "author", .type = COLUMN_TEXT, .path = P },
	{ .name = "repo", .type = COLUMN_TEXT, .is_input = 1 },
};
static struct manifest_column user_cols[] = {
	{ .name = "name", .type = COLUMN_TEXT, .path = P },
	{ .name = "team", .type = COLUMN_TEXT, .path = P },
};
static const struct rule issue_rules[] = {
	{ OP_EQ | OP_IN | ALL_RANGES, 1 }, { OP_PREFIX | OP_SUBSTR, 0 },
	{ OP_EQ | OP_IN | OP_NE, 0 },
	{ OP_EQ | ALL_RANGES | OP_IS_NULL | OP_NOT_NULL, 0 },
	{ OP_GT | OP_LT, 0 }, { OP_EQ | OP_NE, 0 }, { ALL_RANGES, 1 },
	{ OP_CONTAINS, 0 }, { OP_EQ | OP_IN | OP_IS_NULL, 0 }, { 0, 0 }
};
static const struct rule comment_rules[] = { { OP_EQ, 1 }, { OP_EQ | OP_IN, 0 },
	{ 0, 0 }, { OP_EQ, 0 }, { 0, 0 } };
static const struct rule user_rules[] = { { OP_EQ | OP_IN, 0 }, { 0, 0 } };
static const struct rule * const rules[NTABLES] = { issue_rules, comment_rules,
	user_rules };
static struct manifest_list lists[NTABLES] = {
	{ .name = "all", .method = "GET", .url = "/issues", .paginate =
	    { .kind = PAGE_LINK, .size = 10 } },
	{ .name = "all", .method = "GET", .url = "/comments", .paginate =
	    { .kind = PAGE_LINK, .size = 10 } },
	{ .name = "all", .method = "GET", .url = "/users" }
};
static struct manifest_entity entities[NTABLES] = {
	{ .name = "issues", .columns = issue_cols, .ncolumns = 10,
	    .lists = &lists[0], .nlists = 1 },
	{ .name = "comments", .columns = comment_cols, .ncolumns = 5,
	    .lists = &lists[1], .nlists = 1 },
	{ .name = "users", .columns = user_cols, .ncolumns = 2,
	    .lists = &lists[2], .nlists = 1 },
};
static char svc_name[] = "svc", big_name[] = "big";
static struct manifest played;
static struct connector svc = { .refs = 1, .name = svc_name, .m = &played,
	.opt = { .max_api_calls = 1000 } };
static struct connector big = { .refs = 1, .name = big_name, .m = &played,
	.opt = { .max_api_calls = 3 } };

struct loop * service_loop;
struct conn_env service_env;
struct service_log service_log;
size_t service_page = 10;
int64_t service_ms;
unsigned service_fail;
const char * service_connector_gone;

void
service_make(struct loop * L, unsigned seed, size_t n)
{
	service_loop = service_env.loop = L;
	service_data_make(seed, n);
}

void
service_free(void)
{
	service_data_free();
}

void
service_reset(void)
{
	memset(&service_log, 0, sizeof(service_log));
	service_page = 10;
	service_ms = 0;
	service_fail = 0;
	service_connector_gone = NULL;
}

unsigned
service_refs(void)
{
	return (svc.refs + big.refs - 2);
}

static void
lookup(void * arg, const char * schema, const char * table,
    struct query_table * out)
{
	size_t i;

	(void)arg;
	if (schema == NULL || (strcasecmp(schema, "svc") != 0 &&
	    strcasecmp(schema, "big") != 0) || (service_connector_gone != NULL &&
	    strcasecmp(schema, service_connector_gone) == 0))
		return;
	for (i = 0; i < NTABLES; i++)
		if (strcasecmp(entities[i].name, table) == 0) {
			out->found = 1;
			out->c = *schema == 's' ? &svc : &big;
			out->ent = &entities[i];
		}
}

static size_t
names(void * arg, const char ** out, size_t n)
{
	static const char * const v[] = { "svc.issues", "svc.comments",
	    "svc.users" };
	size_t i;

	(void)arg;
	for (i = 0; i < 3 && i < n; i++)
		out[i] = v[i];
	return (i);
}

const struct query_catalog service_catalog = { .lookup = lookup, .names = names };

/* plan.h */

size_t
service_which(const struct manifest_entity * ent)
{
	return ((size_t)(ent - entities));
}

void
plan_choose(const struct connector * c, const struct manifest_entity * ent,
    const struct plan_shape * s, struct plan_choice * out)
{
	const struct service_table * t = &service_tables[service_which(ent)];
	size_t i, k;
	int have;

	(void)c;
	memset(out, 0, sizeof(*out));
	out->list = ent->lists;
	out->rows = (double)t->rows + 1;
	for (i = 0; i < s->nasks; i++) {
		const struct manifest_column * col =
		    &ent->columns[s->asks[i].column];

		if (col->is_input && s->asks[i].op & (OP_EQ | OP_IN))
			out->inputs |= UINT64_C(1) << i;
		else if (!(rules[service_which(ent)][s->asks[i].column].ops & s->asks[i].op))
			continue;
		out->used |= UINT64_C(1) << i;
		out->rows = s->asks[i].op == OP_EQ ? out->rows / 10 :
		    out->rows / 2;
	}
	for (k = 0; k < ent->ncolumns; k++) {
		if (!ent->columns[k].is_input || ent->columns[k].dflt != NULL)
			continue;
		for (have = 0, i = 0; i < s->nasks; i++)
			have |= s->asks[i].column == k &&
			    s->asks[i].op & (OP_EQ | OP_IN);
		if (!have) {
			out->list = NULL;
			out->missing = ent->columns[k].name;
		}
	}
	out->order_pushed = s->norders == 1 &&
	    rules[service_which(ent)][s->orders[0].column].order;
	out->calls = 1 + out->rows / 10;
}

static void
copy_values(struct plan_pred * p, const struct plan_given * g)
{
	size_t i;

	p->column = g->column;
	p->op = g->op;
	p->nvalues = g->nvalues;
	p->values = calloc(g->nvalues + 1, sizeof(*p->values));
	for (i = 0; i < g->nvalues; i++) {
		p->values[i] = g->values[i];
		if (p->values[i].type == VALUE_TEXT)
			p->values[i].s = strndup(g->values[i].s,
			    g->values[i].len);
	}
}

struct plan *
plan_new(struct connector * c, const struct manifest_entity * ent,
    const struct plan_given * given, size_t n, const struct plan_order * orders,
    size_t norders, struct err * e)
{
	struct plan_ask asks[PLAN_MAX_ASKS];
	struct plan_shape shape = { asks, n, orders, norders, 0, 0 };
	struct plan_choice pc;
	struct plan * p;
	size_t i;

	for (i = 0; i < n; i++) {
		asks[i].column = given[i].column;
		asks[i].op = given[i].op;
	}
	plan_choose(c, ent, &shape, &pc);
	if (pc.list == NULL) {
		err_set(e, ERR_CONFIG, "input", "needs %s", pc.missing);
		return (NULL);
	}
	p = calloc(1, sizeof(*p));
	p->c = connector_ref(c);
	p->ent = ent;
	p->list = pc.list;
	p->preds = calloc(n + 1, sizeof(*p->preds));
	p->npreds = n;
	for (i = 0; i < n; i++)
		copy_values(&p->preds[i], &given[i]);
	if (pc.order_pushed) {
		p->orders = calloc(norders, sizeof(*orders));
		memcpy(p->orders, orders, norders * sizeof(*orders));
		p->norders = norders;
	}
	p->wanted = malloc(ent->ncolumns);
	memset(p->wanted, 1, ent->ncolumns);
	p->limit = -1;
	p->exact = 1;
	return (p);
}

struct plan *
plan_new_token(struct connector * c, const struct manifest_entity * ent,
    const struct plan_given * given, size_t n, struct err * e)
{
	return (plan_new(c, ent, given, n, NULL, 0, e));
}

void
plan_free(struct plan * p)
{
	size_t i, k;

	if (p == NULL)
		return;
	for (i = 0; i < p->npreds; i++) {
		for (k = 0; k < p->preds[i].nvalues; k++)
			if (p->preds[i].values[k].type == VALUE_TEXT)
				free((void *)(uintptr_t)
				    p->preds[i].values[k].s);
		free(p->preds[i].values);
	}
	free(p->preds);
	free(p->orders);
	free(p->wanted);
	connector_unref(p->c);
	free(p);
}

json_t *
plan_inputs(const struct plan * p, size_t * n, struct err * e)
{
	(void)p;
	(void)e;
	*n = 1;
	return (json_pack("[{}]"));
}

static void
say_value(struct buf * b, const struct value * v)
{
	if (v->type == VALUE_TEXT)
		buf_addf(b, "'%.*s'", (int)v->len, v->s);
	else if (v->type == VALUE_INT)
		buf_addf(b, "%lld", (long long)v->i);
	else
		buf_addf(b, "%g", v->d);
}

void
plan_describe(const struct plan * p, struct buf * out, struct buf * rest)
{
	static const char * const ops[OP_COUNT] = { "=", "!=", " IN ", "<", "<=",
	    ">", ">=", " LIKE ", " HAS ", " CONTAINS ", " NULL", " NOT NULL" };
	size_t i, k;

	(void)rest;
	for (i = 0; i < p->npreds; i++) {
		for (k = 0; !(p->preds[i].op >> k & 1); k++)
			continue;
		buf_addf(out, "%s%s%s", i > 0 ? " " : "",
		    p->ent->columns[p->preds[i].column].name, ops[k]);
		for (k = 0; k < p->preds[i].nvalues; k++) {
			if (k > 0)
				buf_addc(out, ',');
			say_value(out, &p->preds[i].values[k]);
		}
	}
	for (i = 0; i < p->norders; i++)
		buf_addf(out, "%sORDER %s%s", p->npreds > 0 ? " " : "",
		    p->ent->columns[p->orders[i].column].name,
		    p->orders[i].desc ? " DESC" : "");
}

/* request.h */

struct request *
request_page(const struct plan * p, const json_t * in,
    const struct page_pos * pos, struct err * e)
{
	struct request * r = calloc(1, sizeof(*r));

	(void)in;
	(void)pos;
	(void)e;
	r->method = "GET";
	r->url = strdup(p->list->url);
	return (r);
}

void
request_free(struct request * r)
{
	if (r == NULL)
		return;
	free(r->url);
	free(r);
}
