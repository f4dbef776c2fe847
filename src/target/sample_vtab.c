/*
 * The table that people see: one row a sample.  A cursor goes source by
 * source, piece by piece; one piece is decoded at a time.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rfc3339.h"
#include "loop/fiber.h"
#include "target/sample_plan.h"
#include "target/sample_read.h"

struct vtab {
	sqlite3_vtab base;
	struct sample_reader * r;
};

struct cursor {
	sqlite3_vtab_cursor base;
	int has_snapshot;
	int idx;                   /* idxNum */
	struct sample_plan plan;
	uint32_t src;              /* the source under way */
	int in_source;
	struct sample_strand strand;
	int64_t tick;              /* in the piece; -1 or t: done with it */
	struct sample_series * series;
	int64_t sel_lay;           /* the layout that sel is for */
	uint32_t * sel;            /* the series wanted, NULL: all */
	uint32_t nsel, at_sel, capsel;
	int has_values, eof;
	int64_t rowid;
	char time[RFC3339_LEN];
};

static int
fail(sqlite3_vtab * v, const char * msg)
{
	sqlite3_free(v->zErrMsg);
	v->zErrMsg = sqlite3_mprintf("%s", msg);
	return (SQLITE_ERROR);
}

/* A module argument without its quotes. */
static char *
unquote(const char * s)
{
	size_t n = strlen(s), i, o = 0;
	char * out, q = *s;

	if ((out = malloc(n + 1)) == NULL)
		return (NULL);
	if (n < 2 || (q != '\'' && q != '"') || s[n - 1] != q) {
		memcpy(out, s, n + 1);
		return (out);
	}
	for (i = 1; i + 1 < n; i++) {
		out[o++] = s[i];
		if (s[i] == q && s[i + 1] == q)
			i++;
	}
	out[o] = '\0';
	return (out);
}

static int
v_connect(sqlite3 * db, void * aux, int argc, const char * const * argv,
    sqlite3_vtab ** out, char ** msg)
{
	char * path = NULL, * table = NULL;
	struct vtab * v;
	struct err e;
	int rc;

	(void)aux;
	if (argc != 5) {
		*msg = sqlite3_mprintf("moltler_samples wants a file and a "
		    "table");
		return (SQLITE_ERROR);
	}
	rc = sqlite3_declare_vtab(db, "CREATE TABLE x("
	    "timestamp TIMESTAMP TEXT COLLATE " SAMPLE_TIME_ORDER ", name TEXT, "
	    "value REAL, labels JSON, source TEXT HIDDEN)");
	if (rc != SQLITE_OK)
		return (rc);
	/* Not SQLITE_VTAB_DIRECTONLY: a name with * is a view of several.  Only
	 * query/ makes views, in a database that holds nothing else. */
	if ((v = sqlite3_malloc(sizeof(*v))) == NULL)
		return (SQLITE_NOMEM);
	memset(v, 0, sizeof(*v));
	path = unquote(argv[3]);
	table = unquote(argv[4]);
	if (path == NULL || table == NULL)
		err_nomem(&e, "reading samples");
	else
		v->r = sample_read_open(path, table, &e);
	free(path);
	free(table);
	if (v->r == NULL) {
		*msg = sqlite3_mprintf("%s", e.msg);
		sqlite3_free(v);
		return (SQLITE_ERROR);
	}
	*out = &v->base;
	return (SQLITE_OK);
}

static int
v_disconnect(sqlite3_vtab * base)
{
	struct vtab * v = (struct vtab *)base;

	sample_read_close(v->r);
	sqlite3_free(v);
	return (SQLITE_OK);
}

static int
v_best_index(sqlite3_vtab * base, sqlite3_index_info * info)
{
	struct vtab * v = (struct vtab *)base;
	int ordered = 0, one = 0;
	struct err e;
	uint32_t i;

	/* Only an ORDER BY needs to know the sources. */
	if (info->nOrderBy == 1 && info->aOrderBy[0].iColumn == COL_TIMESTAMP) {
		if (sample_read_begin(v->r, &e))
			return (fail(base, e.msg));
		ordered = 1;
		one = v->r->nsrc <= 1;
		for (i = 0; i < v->r->nsrc; i++)
			ordered &= !v->r->src[i].is_unordered;
		sample_read_end(v->r);
	}
	return (sample_plan_best(info, ordered, one));
}

static int
v_open(sqlite3_vtab * base, sqlite3_vtab_cursor ** out)
{
	struct cursor * c;

	(void)base;
	if ((c = sqlite3_malloc(sizeof(*c))) == NULL)
		return (SQLITE_NOMEM);
	memset(c, 0, sizeof(*c));
	c->plan.nnames = -1;
	*out = &c->base;
	return (SQLITE_OK);
}

static int
v_close(sqlite3_vtab_cursor * base)
{
	struct cursor * c = (struct cursor *)base;

	if (c->has_snapshot)
		sample_read_end(((struct vtab *)base->pVtab)->r);
	sample_strand_stop(&c->strand);
	sample_series_unref(c->series);
	sample_plan_clear(&c->plan);
	free(c->sel);
	sqlite3_free(c);
	return (SQLITE_OK);
}

static int
is_wanted(const struct cursor * c, const struct sample_series * s, uint32_t i)
{
	const struct sample_plan * p = &c->plan;
	const char * name;
	int k;

	if (p->labels != NULL && strcmp(p->labels, sample_series_labels(s, i)))
		return (0);
	if (p->nnames < 0)
		return (1);
	name = sample_series_name(s, i);
	for (k = 0; k < p->nnames; k++)
		if (strcmp(p->names[k], name) == 0)
			return (1);
	return (0);
}

/* Take the text of the piece's layout and pick its series.  0 or -1. */
static int
select_series(struct cursor * c)
{
	struct sample_reader * r = c->strand.r;
	struct sample_series * s;
	uint32_t i, * sel;

	if (c->series != NULL && c->sel_lay == c->strand.lay)
		return (0);
	if ((s = sample_read_text(r, c->strand.lay)) == NULL)
		return (-1);
	sample_series_unref(c->series);
	c->series = sample_series_ref(s);
	c->sel_lay = c->strand.lay;
	c->nsel = s->n;
	if (c->plan.nnames < 0 && c->plan.labels == NULL)
		return (0);
	if (s->n > c->capsel) {
		if ((sel = realloc(c->sel, s->n * sizeof(*sel))) == NULL)
			return (-1);
		c->sel = sel;
		c->capsel = s->n;
	}
	for (c->nsel = 0, i = 0; i < s->n; i++)
		if (is_wanted(c, s, i))
			c->sel[c->nsel++] = i;
	return (0);
}

/* The next piece of any source.  1, 0 at the end, -1, -2: told to stop.  SQLite
 * does not ask between pieces that have none of the rows, so the loop gets its
 * turns here. */
static int
next_piece(struct cursor * c)
{
	struct sample_reader * r = ((struct vtab *)c->base.pVtab)->r;
	const struct sample_plan * p = &c->plan;
	int rc;

	for (;;) {
		if (fiber_breathe())
			return (-2);
		if (!c->in_source) {
			while (c->src < r->nsrc && p->source != NULL &&
			    strcmp(r->src[c->src].name, p->source))
				c->src++;
			if (c->src >= r->nsrc)
				return (0);
			if (sample_strand_start(&c->strand, r, &r->src[c->src],
			    p->lo, p->hi, c->idx & PLAN_DESC))
				return (-1);
			c->in_source = 1;
		}
		if ((rc = sample_strand_next(&c->strand)) < 0)
			return (-1);
		if (rc == 0) {
			c->in_source = 0;
			c->src++;
			continue;
		}
		if (select_series(c))
			return (-1);
		if (c->nsel > 0)
			return (1);
	}
}

/* Go to the piece's next tick within the bounds.  1, or 0 when there is none. */
static int
next_tick(struct cursor * c)
{
	const struct sample_strand * s = &c->strand;
	int64_t at;

	for (;;) {
		c->tick += c->idx & PLAN_DESC ? -1 : 1;
		if (c->tick < 0 || c->tick >= s->t)
			return (0);
		at = s->at[c->tick];
		if (at >= c->plan.lo && at <= c->plan.hi) {
			rfc3339_format(at, c->time);
			c->at_sel = 0;
			return (1);
		}
	}
}

/* Where no tick is under way: find the next.  An SQLite code. */
static int
advance(struct cursor * c)
{
	int rc;

	for (;;) {
		if ((rc = next_piece(c)) <= 0)
			break;
		c->tick = c->idx & PLAN_DESC ? (int64_t)c->strand.t : -1;
		if (!next_tick(c))
			continue;
		if (c->idx & PLAN_VALUES &&
		    sample_strand_values(&c->strand, c->series->n)) {
			rc = -1;
			break;
		}
		return (SQLITE_OK);
	}
	c->eof = 1;
	if (rc == -2)
		return (SQLITE_INTERRUPT);
	if (rc < 0)
		return (fail(c->base.pVtab, "stored samples cannot be read: "
		    "the file is damaged, or memory is short"));
	return (SQLITE_OK);
}

static int
v_filter(sqlite3_vtab_cursor * base, int idx, const char * what, int n,
    sqlite3_value ** v)
{
	struct cursor * c = (struct cursor *)base;
	struct sample_reader * r = ((struct vtab *)base->pVtab)->r;
	struct err e;
	uint32_t i, hits = 0;
	int rc;

	if (!c->has_snapshot && sample_read_begin(r, &e))
		return (fail(base->pVtab, e.msg));
	c->has_snapshot = 1;
	c->idx = idx;
	c->src = 0;
	c->in_source = c->eof = 0;
	c->rowid = 0;
	sample_series_unref(c->series);
	c->series = NULL;
	if ((rc = sample_plan_read(&c->plan, what, v, n)) != SQLITE_OK)
		return (rc);
	if (c->plan.nnames < 0 && c->plan.labels == NULL) {
		free(c->sel);
		c->sel = NULL;
		c->capsel = 0;
	}
	if (c->plan.is_nothing || c->plan.lo > c->plan.hi) {
		c->eof = 1;
		return (SQLITE_OK);
	}
	for (i = 0; idx & PLAN_ORDERED && i < r->nsrc; i++)
		hits += c->plan.source == NULL || r->src[i].is_unordered ||
		    strcmp(c->plan.source, r->src[i].name) == 0;
	if (hits > 1)
		return (fail(base->pVtab, "the table's sources changed after "
		    "the statement was prepared: run it again"));
	return (advance(c));
}

static int
v_next(sqlite3_vtab_cursor * base)
{
	struct cursor * c = (struct cursor *)base;

	c->rowid++;
	if (++c->at_sel < c->nsel || next_tick(c))
		return (SQLITE_OK);
	return (advance(c));
}

static int
v_eof(sqlite3_vtab_cursor * base)
{
	return (((struct cursor *)base)->eof);
}

static int
v_column(sqlite3_vtab_cursor * base, sqlite3_context * ctx, int col)
{
	struct cursor * c = (struct cursor *)base;
	struct sample_reader * r = ((struct vtab *)base->pVtab)->r;
	uint32_t i = c->sel != NULL ? c->sel[c->at_sel] : c->at_sel;
	double v;

	switch (col) {
	case COL_TIMESTAMP:
		sqlite3_result_text(ctx, c->time, -1, SQLITE_TRANSIENT);
		break;
	case COL_NAME:
		sqlite3_result_text(ctx, sample_series_name(c->series, i), -1,
		    SQLITE_TRANSIENT);
		break;
	case COL_VALUE:
		/* What JSON has no number for is NULL. */
		if (c->idx & PLAN_VALUES && isfinite(v =
		    c->strand.v[(size_t)c->tick * c->strand.n + i]))
			sqlite3_result_double(ctx, v);
		break;
	case COL_LABELS:
		sqlite3_result_text(ctx, sample_series_labels(c->series, i), -1,
		    SQLITE_TRANSIENT);
		break;
	case COL_SOURCE:
		sqlite3_result_text(ctx, r->src[c->src].name, -1,
		    SQLITE_TRANSIENT);
		break;
	default:
		break;
	}
	return (SQLITE_OK);
}

static int
v_rowid(sqlite3_vtab_cursor * base, sqlite3_int64 * id)
{
	*id = ((struct cursor *)base)->rowid;
	return (SQLITE_OK);
}

/* Times come in their order however they are written, as those of rows do. */
static int
time_order(void * arg, int na, const void * a, int nb, const void * b)
{
	(void)arg;
	return (rfc3339_order(a, (size_t)na, b, (size_t)nb));
}

int
sample_vtab_register(sqlite3 * db)
{
	static const sqlite3_module module = {
		.iVersion = 1,
		.xCreate = v_connect,
		.xConnect = v_connect,
		.xBestIndex = v_best_index,
		.xDisconnect = v_disconnect,
		.xDestroy = v_disconnect,
		.xOpen = v_open,
		.xClose = v_close,
		.xFilter = v_filter,
		.xNext = v_next,
		.xEof = v_eof,
		.xColumn = v_column,
		.xRowid = v_rowid,
	};

	if (sqlite3_create_collation_v2(db, SAMPLE_TIME_ORDER, SQLITE_UTF8,
	    NULL, time_order, NULL) != SQLITE_OK)
		return (-1);
	return (sqlite3_create_module_v2(db, "moltler_samples", &module, NULL,
	    NULL) == SQLITE_OK ? 0 : -1);
}
