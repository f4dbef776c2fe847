#include "fake_service.h"
#include "fake_service_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/rfc3339.h"
#include "conn/plan.h"
#include "decode/page.h"
#include "service_data.h"

/* reader.h: pages of what the tables hold. */

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
	const struct service_table * t = &service_tables[service_which(p->ent)];
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
	const struct service_table * t = &service_tables[service_which(p->ent)];
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
	const struct service_table * t = &service_tables[service_which(r->p->ent)];
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
	const struct service_table * t = &service_tables[service_which(r->p->ent)];
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
    void (*cb)(void * arg, uint64_t hash, const json_t * in),
    void (*left)(void * arg, uint64_t hash, const json_t * in), void * arg)
{
	(void)r;
	(void)cb;
	(void)left;
	(void)arg;
}

void
reader_sync_one(struct reader * r)
{
	(void)r;
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
