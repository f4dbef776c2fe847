#include "query_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/clock.h"
#include "query/query_db.h"
#include "series_vtab.h"

struct loop * harness_loop;
const struct query_catalog * harness_use = &harness_catalog;
static struct run last;

static const struct {
	const char * schema, * table, * path;
} tables[] = {
	{ NULL, "series", "rows=100" }, { NULL, "big", "rows=3000000" },
	{ NULL, "mid", "rows=200000" }, { NULL, "wait", "rows=100,wait=10" },
	{ NULL, "wide", "rows=2000,big=100000" },
	{ NULL, "failing", "rows=100,fail=5" },
	{ NULL, "busy", "rows=100,busy=5" }, { NULL, "gone", "gone" },
	{ "shop", "orders", "rows=10" }, { NULL, "my-cache-*", "rows=3" },
	{ "db", "node-metrics", "rows=4" }, { NULL, "x.y", "rows=2" },
	{ NULL, "dbstat", "rows=7" }, { NULL, "it's \"odd\"", "rows=5" },
	{ NULL, "sqlite_like", "rows=1" }
};
#define NTABLES (sizeof(tables) / sizeof(tables[0]))

static void
lookup(void * arg, const char * schema, const char * table,
    struct query_table * out)
{
	size_t i;

	(void)arg;
	if (schema == NULL && strcasecmp(table, "dup") == 0) {
		out->found = 2;
		snprintf(out->schema, sizeof(out->schema), "shop, prod");
		return;
	}
	if (schema != NULL && schema[0] == 's' && strcmp(table, "t") == 0) {
		out->found = 1;
		snprintf(out->path, sizeof(out->path), "rows=1");
		return;
	}
	for (i = 0; i < NTABLES; i++) {
		if (strcasecmp(tables[i].table, table) != 0 ||
		    (schema == NULL) != (tables[i].schema == NULL) ||
		    (schema && strcasecmp(schema, tables[i].schema) != 0))
			continue;
		out->found = 1;
		snprintf(out->path, sizeof(out->path), "%s", tables[i].path);
		snprintf(out->table, sizeof(out->table), "%s", table);
	}
}

static size_t
names(void * arg, const char ** out, size_t n)
{
	static const char * const more[] = { "shop.orders", "prod.metrics" };
	size_t k = 0, i;

	(void)arg;
	for (i = 0; i < NTABLES && k < n; i++)
		if (tables[i].schema == NULL)
			out[k++] = tables[i].table;
	for (i = 0; i < 2 && k < n; i++)
		out[k++] = more[i];
	return (k);
}

const struct query_catalog harness_catalog = { .lookup = lookup,
    .names = names };

int
harness_setup(void ** state)
{
	struct err e;

	(void)state;
	query_db_module("series", series_vtab_register);
	harness_loop = series_vtab_loop = loop_new(&e);
	return (harness_loop == NULL ? -1 : 0);
}

int
harness_teardown(void ** state)
{
	(void)state;
	harness_free(&last);
	loop_free(harness_loop);
	return (series_vtab_open);
}

static void
on_columns(void * arg, size_t n, const char * const * cols,
    const char * const * types)
{
	struct run * r = arg;
	size_t i, at = 0;

	r->columns_n++;
	for (i = 0; i < n && at < sizeof(r->columns); i++)
		at += (size_t)snprintf(r->columns + at,
		    sizeof(r->columns) - at, "%s%s%s%s", i ? ", " : "",
		    cols[i], *types[i] ? " " : "", types[i]);
}

static void
keep(struct run * r, size_t n, const struct query_value * v)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_addc(&r->out, '|');
		switch (v[i].type) {
		case QUERY_NULL:
			buf_addc(&r->out, '-');
			break;
		case QUERY_INT:
			buf_addf(&r->out, "%lld", (long long)v[i].i);
			break;
		case QUERY_REAL:
			buf_addf(&r->out, "%.15g", v[i].d);
			break;
		case QUERY_TEXT:
			buf_add(&r->out, v[i].s, v[i].len);
			break;
		case QUERY_BLOB:
			buf_addf(&r->out, "blob(%zu)", v[i].len);
			break;
		}
	}
	buf_addc(&r->out, '\n');
}

static int
on_row(void * arg, size_t n, const struct query_value * v)
{
	struct run * r = arg;

	assert_int_equal(r->columns_n, 1);
	assert_int_equal(r->done, 0);
	r->rows++;
	if (!r->quiet)
		keep(r, n, v);
	if (r->cancel_at && r->rows == r->cancel_at)
		query_cancel(r->q);
	if (r->pause_every && r->rows % r->pause_every == 0) {
		r->pauses++;
		return (1);
	}
	return (0);
}

static void
on_done(void * arg, const struct query_stats * st, const struct err * e)
{
	struct run * r = arg;

	r->done++;
	r->st = *st;
	if ((r->failed = e != NULL))
		r->e = *e;
	r->q = NULL;
}

static void
on_progress(void * arg, const struct query_stats * st)
{
	struct run * r = arg;

	assert_int_equal(r->done, 0);
	r->progress++;
	r->st = *st;
}

int harness_as_is;

static void
on_scan(void * arg, const struct query_scan * s)
{
	struct run * r = arg;

	assert_int_equal(r->done, 0);
	buf_addf(&r->scans, "%s: %zu preds, known %d, ordered %d, sorts %d, "
	    "limit %lld\n", s->plan->ent->name, s->plan->npreds, s->known,
	    s->ordered, s->sorts, (long long)s->limit);
}

void
harness_start(struct run * r, const char * sql, size_t len,
    const struct query_opts * opts)
{
	struct query_sink sink = { on_columns, on_row, on_done, r, on_progress,
	    on_scan };
	struct query_opts o = { 0 };
	struct err e;

	if (opts != NULL)
		o = *opts;
	o.as_is |= harness_as_is != 0;
	buf_adds(&r->out, "");
	buf_adds(&r->scans, "");
	r->q = query_start(harness_loop, sql, len, harness_use, &o,
	    &sink, &e);
	assert_non_null(r->q);
	assert_int_equal(r->columns_n + r->done, 0);
}

void
harness_finish(struct run * r)
{
	int64_t until = clock_mono_us() + 60000000;

	while (!r->done) {
		assert_true(clock_mono_us() < until);
		assert_int_equal(loop_turn(harness_loop, 1), 0);
	}
	assert_int_equal(r->done, 1);
	assert_int_equal(r->st.rows, r->rows);
}

struct run *
harness_run_opts(const char * sql, size_t len, const struct query_opts * opts)
{
	harness_free(&last);
	harness_start(&last, sql, len, opts);
	harness_finish(&last);
	return (&last);
}

struct run *
harness_run(const char * sql)
{
	return (harness_run_opts(sql, strlen(sql), NULL));
}

void
harness_free(struct run * r)
{
	buf_free(&r->out);
	buf_free(&r->scans);
	memset(r, 0, sizeof(*r));
}
