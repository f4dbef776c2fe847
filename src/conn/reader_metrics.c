#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rfc3339.h"
#include "conn/reader_internal.h"

/* A page of samples as rows: timestamp, name, value and labels. */

static int
put_text(struct page * page, struct value * v, const char * s)
{
	size_t n = strlen(s);

	if ((v->s = page_text(page, s, n)) == NULL)
		return (-1);
	v->type = VALUE_TEXT;
	v->len = (uint32_t)n;
	return (0);
}

/* Where the columns stand; -1: the manifest has none of that name, or nobody
 * wants it. */
struct columns {
	int at, name, value, labels;
};

static int
column(const struct plan * p, const char * name)
{
	int at = manifest_column(p->ent, name);

	return (at >= 0 && p->wanted[at] ? at : -1);
}

static struct page *
rows_of(const struct plan * p, const struct sample_page * s)
{
	const struct columns at = { column(p, "timestamp"), column(p, "name"),
	    column(p, "value"), column(p, "labels") };
	struct page * page = page_new(p->ent->ncolumns);
	const struct sample_diff_op * op;
	struct value when, * row;
	char text[RFC3339_LEN];
	uint32_t i;
	int bad;

	memset(&when, 0, sizeof(when));
	rfc3339_format(clock_wall_ms() / 1000 * 1000, text);
	bad = page == NULL || put_text(page, &when, text);
	for (i = 0; i < s->n && !bad; i++) {
		/* Without a layout before, each operation is a new series. */
		op = &s->diff->ops[i];
		if ((row = page_row(page)) == NULL) {
			bad = 1;
			break;
		}
		if (at.at >= 0)
			row[at.at] = when;
		if (at.name >= 0)
			bad |= put_text(page, &row[at.name], op->name);
		if (at.labels >= 0)
			bad |= put_text(page, &row[at.labels], op->labels);
		if (at.value >= 0 && isfinite(s->values[i])) {
			row[at.value].type = VALUE_REAL;
			row[at.value].d = s->values[i];
		}
	}
	if (bad) {
		page_unref(page);
		return (NULL);
	}
	page->raw = s->n;
	page->at_ms = clock_wall_ms();
	return (page);
}

static void
on_page(void * arg, struct sample_page * s, const struct err * he)
{
	struct reader_call * c = arg;
	struct read_stats * st = &c->part->r->ctx->st;
	struct reader_answer a;
	struct err e;

	c->scrape = NULL;
	reader_call_answered(c);
	if (s == NULL) {
		e = *he;
		reader_call_failed(c, &e);
		return;
	}
	memset(&a, 0, sizeof(a));
	if (s->n > 0 && (s->diff == NULL || s->diff->n != s->n))
		err_set(&e, ERR_PERMANENT, "parse", "the page's series are not "
		    "all told; report this");
	else if ((a.page = rows_of(c->part->r->plan, s)) == NULL)
		err_nomem(&e, "a page");
	if (a.page == NULL) {
		reader_call_failed(c, &e);
		return;
	}
	if (st->first_ms == 0)
		st->first_ms = a.page->at_ms;
	st->pages++;
	st->rows += a.page->nrows;
	a.url = c->req->url;
	a.is_end = 1;
	reader_call_done(c, &a);
}

int
reader_metrics_send(struct reader_call * c, struct err * e)
{
	int64_t left = reader_left_ms(c->part->r);

	c->scrape = scrape_start(c->part->r->env, c->req, NULL,
	    left > 0 ? left : 0, on_page, c);
	return (c->scrape == NULL ? err_nomem(e, "a request") : 0);
}
