#include "fake_service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/rfc3339.h"
#include "conn/page.h"
#include "conn/plan.h"
#include "conn/request.h"
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
static struct connector svc = { .refs = 1, .name = svc_name,
	.opt = { .max_api_calls = 1000 } };
static struct connector big = { .refs = 1, .name = big_name,
	.opt = { .max_api_calls = 3 } };

static struct loop * service_loop;
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

static size_t
which(const struct manifest_entity * ent)
{
	return ((size_t)(ent - entities));
}

void
plan_choose(const struct connector * c, const struct manifest_entity * ent,
    const struct plan_shape * s, struct plan_choice * out)
{
	const struct service_table * t = &service_tables[which(ent)];
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
		else if (!(rules[which(ent)][s->asks[i].column].ops & s->asks[i].op))
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
	    rules[which(ent)][s->orders[0].column].order;
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

/* reader.h */

struct reader {
	struct plan * p;
	struct read_ctx * ctx;
	size_t * rows;
	size_t n, at;
	struct loop_timer * timer;
	struct page * ready;   /* fetched ahead */
	int flying, end, has_end;
	reader_cb * cb;
	void * arg;
	struct err e;
	int has_err;
};

static int
nocmp(const struct value * a, const struct value * b)
{
	size_t n = a->len < b->len ? a->len : b->len;
	int d = strncasecmp(a->s, b->s, n);

	return (d != 0 ? d : (int)a->len - (int)b->len);
}

static double
num(const struct value * v)
{
	return (v->type == VALUE_INT ? (double)v->i : v->d);
}

/* As a service that knows only days compares times: superset on ranges. */
static int
range(unsigned op, const struct value * a, const struct value * b, int days)
{
	double d = 0;
	int c;

	if (a->type == VALUE_TEXT) {
		c = days ? memcmp(a->s, b->s, 10) :
		    rfc3339_compare(a->s, a->len, b->s, b->len);
		if (c == 0)
			return (1);
		return (op & (OP_LT | OP_LE) ? c < 0 : c > 0);
	}
	d = num(a) - num(b);
	return (op == OP_LT ? d < 0 : op == OP_LE ? d <= 0 : op == OP_GT ?
	    d > 0 : d >= 0);
}

static int
equal(const struct value * a, const struct value * b)
{
	if (a->type == VALUE_TEXT)
		return (b->type == VALUE_TEXT && nocmp(a, b) == 0);
	return (b->type != VALUE_TEXT && num(a) == num(b));
}

static int
has(const struct value * v, const struct value * w, int prefix)
{
	size_t i;

	for (i = 0; i + w->len <= v->len; i++) {
		if (strncasecmp(v->s + i, w->s, w->len) == 0)
			return (1);
		if (prefix)
			break;
	}
	return (0);
}

static int
fits(const struct plan * p, const struct plan_pred * w, const struct value * v)
{
	struct value stem;
	size_t i;

	if (p->ent->columns[w->column].is_input)
		return (1);
	if (w->op == OP_IS_NULL || w->op == OP_NOT_NULL)
		return ((v->type == VALUE_NULL) == (w->op == OP_IS_NULL));
	if (v->type == VALUE_NULL)
		return (0);
	switch (w->op) {
	case OP_EQ:
	case OP_IN:
		for (i = 0; i < w->nvalues; i++)
			if (equal(v, &w->values[i]))
				return (1);
		return (0);
	case OP_NE:
		return (!equal(v, w->values));
	case OP_PREFIX:
	case OP_SUBSTR:
		stem = w->values[0];
		stem.s += w->op == OP_SUBSTR;
		stem.len -= w->op == OP_SUBSTR ? 2 : 1;
		return (has(v, &stem, w->op == OP_PREFIX));
	case OP_CONTAINS:
		return (1); /* sends all that have labels */
	default:
		return (range(w->op, v, w->values,
		    p->ent->columns[w->column].type == COLUMN_TIMESTAMP));
	}
}

static const struct reader * sorting;

static int
by_order(const void * a, const void * b)
{
	const struct plan * p = sorting->p;
	const struct service_table * t = &service_tables[which(p->ent)];
	size_t ra = *(const size_t *)a, rb = *(const size_t *)b;
	const struct value * va = &t->cells[ra * t->cols + p->orders[0].column];
	const struct value * vb = &t->cells[rb * t->cols + p->orders[0].column];
	int d;

	d = va->type == VALUE_TEXT ?
	    rfc3339_compare(va->s, va->len, vb->s, vb->len) :
	    (num(va) > num(vb)) - (num(va) < num(vb));
	if (p->orders[0].desc)
		d = -d;
	return (d != 0 ? d : ra < rb ? -1 : 1);
}

static void
add_log(const struct plan * p)
{
	struct buf b = BUF_INIT(0);

	buf_addf(&b, "%s ", p->ent->name);
	plan_describe(p, &b, &b);
	if (p->limit >= 0)
		buf_addf(&b, " LIMIT %lld%s", (long long)p->limit,
		    p->exact ? " exact" : "");
	buf_adds(&b, ";");
	strncat(service_log.text, b.p,
	    sizeof(service_log.text) - strlen(service_log.text) - 1);
	buf_free(&b);
}

static void on_time(void * arg);

struct reader *
reader_open(const struct conn_env * env, struct plan * p, struct read_ctx * ctx,
    struct err * e)
{
	const struct service_table * t = &service_tables[which(p->ent)];
	struct reader * r = calloc(1, sizeof(*r));
	size_t i, k;

	(void)env;
	(void)e;
	r->p = p;
	r->ctx = ctx;
	r->timer = loop_timer_new(service_loop, on_time, r);
	r->rows = calloc(t->rows + 1, sizeof(*r->rows));
	for (i = 0; i < t->rows; i++) {
		for (k = 0; k < p->npreds; k++)
			if (!fits(p, &p->preds[k], &t->cells[i * t->cols +
			    p->preds[k].column]))
				break;
		if (k == p->npreds)
			r->rows[r->n++] = i;
	}
	if (p->norders > 0) {
		sorting = r;
		qsort(r->rows, r->n, sizeof(*r->rows), by_order);
	}
	add_log(p);
	service_log.opened++;
	service_log.open++;
	return (r);
}

static void
copy_row(struct reader * r, struct page * p, size_t from, char ** text)
{
	const struct service_table * t = &service_tables[which(r->p->ent)];
	const struct value * v = &t->cells[from * t->cols];
	struct value * o = &p->cells[p->nrows++ * p->ncols];
	size_t i;

	for (i = 0; i < p->ncols; i++) {
		if (!r->p->wanted[i])
			continue;
		o[i] = v[i];
		if (v[i].type != VALUE_TEXT)
			continue;
		memcpy(*text, v[i].s, v[i].len);
		o[i].s = *text;
		*text += v[i].len;
	}
	/* An input shows what was said. */
	for (i = 0; i < r->p->npreds; i++)
		if (r->p->ent->columns[r->p->preds[i].column].is_input &&
		    r->p->preds[i].nvalues == 1 &&
		    r->p->preds[i].values[0].type == VALUE_TEXT) {
			o[r->p->preds[i].column] = r->p->preds[i].values[0];
			memcpy(*text, r->p->preds[i].values[0].s,
			    r->p->preds[i].values[0].len);
			o[r->p->preds[i].column].s = *text;
			*text += r->p->preds[i].values[0].len;
		}
}

static struct page *
make_page(struct reader * r)
{
	const struct service_table * t = &service_tables[which(r->p->ent)];
	struct page * p = calloc(1, sizeof(*p));
	size_t size = service_page, k;
	char * text;

	if (r->p->exact && r->p->limit > 0 && (size_t)r->p->limit < size)
		size = (size_t)r->p->limit;
	p->refs = 1;
	p->ncols = t->cols;
	p->cells = calloc(size * t->cols, sizeof(*p->cells));
	p->bytes = size * 400;
	p->text = malloc(p->bytes);
	text = (char *)p->text;
	for (k = 0; k < size && r->at < r->n; k++)
		copy_row(r, p, r->rows[r->at++], &text);
	r->ctx->st.rows += p->nrows;
	r->ctx->st.pages++;
	if (r->at >= r->n)
		r->end = 1;
	return (p);
}

static void
give(struct reader * r)
{
	reader_cb * cb = r->cb;
	struct page * p = r->ready;

	if (cb == NULL)
		return;
	r->cb = NULL;
	if (r->has_err)
		cb(r->arg, NULL, &r->e);
	else {
		r->ready = NULL;
		cb(r->arg, p, NULL);
	}
}

static void
on_time(void * arg)
{
	struct reader * r = arg;

	if (r->flying) {
		r->flying = 0;
		service_log.flying--;
		if (service_fail && service_log.calls >= service_fail) {
			r->has_err = 1;
			err_set(&r->e, ERR_TRANSIENT, "http_503",
			    "svc.%s: 503 of the page", r->p->ent->name);
		} else
			r->ready = make_page(r);
		if (r->ctx->progress != NULL)
			r->ctx->progress(r->ctx->arg, &r->ctx->st);
	}
	give(r);
}

static void
fetch(struct reader * r)
{
	if (r->flying || r->ready != NULL || r->end || r->has_err)
		return;
	if (r->ctx->max_calls && r->ctx->st.calls >= r->ctx->max_calls) {
		r->has_err = 1;
		err_set(&r->e, ERR_PERMANENT, "max_api_calls", "%s wants more "
		    "than %llu calls", r->p->ent->name,
		    (unsigned long long)r->ctx->max_calls);
		return;
	}
	r->ctx->st.calls++;
	service_log.calls++;
	r->flying = 1;
	if (++service_log.flying > service_log.most)
		service_log.most = service_log.flying;
	loop_timer_start(r->timer, service_ms);
}

void
reader_next(struct reader * r, reader_cb * cb, void * arg)
{
	assert_null(r->cb);
	r->cb = cb;
	r->arg = arg;
	fetch(r);
	if (!r->flying)
		loop_timer_start(r->timer, 0);
}

int
reader_sync(struct reader * r, int restart, const json_t * resume,
    struct err * e)
{
	(void)r;
	(void)restart;
	(void)resume;
	(void)e;
	return (0);
}

void
reader_sync_parts(struct reader * r,
    void (*cb)(void * arg, uint64_t hash, const json_t * in), void * arg)
{
	(void)r;
	(void)cb;
	(void)arg;
}

void
reader_sync_etags(struct reader * r, const struct reader_etags * etags)
{
	(void)r;
	(void)etags;
}

int
reader_sync_cursors(struct reader * r, const struct reader_cursors * cursors,
    struct err * e)
{
	(void)r;
	(void)cursors;
	(void)e;
	return (0);
}

const json_t *
reader_mark(const struct reader * r)
{
	(void)r;
	return (NULL);
}

void
reader_ahead(struct reader * r)
{
	service_log.aheads++;
	fetch(r);
}

void
reader_close(struct reader * r)
{
	if (r == NULL)
		return;
	service_log.open--;
	service_log.flying -= (unsigned)r->flying;
	loop_timer_free(r->timer);
	page_unref(r->ready);
	plan_free(r->p);
	free(r->rows);
	free(r);
}

int64_t
reader_cached(const struct conn_env * env, const struct plan * plan)
{
	(void)env;
	(void)plan;
	return (-1);
}
