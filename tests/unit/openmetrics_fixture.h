#ifndef MOLTLER_TESTS_OPENMETRICS_FIXTURE_H
#define MOLTLER_TESTS_OPENMETRICS_FIXTURE_H

/* Pages of metrics, decoded in pieces: what their tests share. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>

#include "base/buf.h"
#include "decode/decode_openmetrics.h"
#include "openmetrics_rows.h"

#define T OPENMETRICS_TEXT
#define O OPENMETRICS_1
#define N(a) (sizeof(a) / sizeof((a)[0]))

static struct openmetrics * D;

/* What came of a page. */
struct got {
	int bad;
	struct err e;
	struct sample_page page;
	double * values;
	struct rows rows;
};

static inline int
setup(void ** state)
{
	(void)state;
	return ((D = openmetrics_new()) == NULL ? -1 : 0);
}

static inline int
teardown(void ** state)
{
	(void)state;
	openmetrics_free(D);
	return (0);
}

static inline void
got_free(struct got * g)
{
	sample_layout_unref(g->page.layout);
	sample_diff_free(g->page.diff);
	free(g->values);
	rows_free(&g->rows);
}

/* Decode ${n} bytes in pieces of ${piece} after a first one of ${cut}. */
static inline struct got
decode(enum openmetrics_format fmt, const char * p, size_t n, size_t cut,
    size_t piece, const struct got * before)
{
	static const struct rows none;
	struct got g;
	const char * wrong;
	char * copy;
	size_t i, take;

	memset(&g, 0, sizeof(g));
	openmetrics_begin(D, fmt, before != NULL ? before->page.layout : NULL);
	for (i = 0; i < n; i += take) {
		take = i == 0 && cut > 0 ? cut : piece;
		if (take > n - i)
			take = n - i;
		/* A copy of its own: reading past a feed must be seen. */
		copy = malloc(take + 1);
		assert_non_null(copy);
		memcpy(copy, p + i, take);
		copy = realloc(copy, take);
		g.bad = openmetrics_feed(D, copy, take);
		free(copy);
		if (g.bad)
			break;
	}
	if (openmetrics_end(D, &g.page, &g.e)) {
		g.bad = -1;
		return (g);
	}
	assert_int_equal(g.bad, 0);
	g.values = malloc(g.page.n * sizeof(double) + 1);
	assert_non_null(g.values);
	if (g.page.n > 0)
		memcpy(g.values, g.page.values, g.page.n * sizeof(double));
	wrong = rows_apply(before != NULL ? &before->rows : &none, &g.page,
	    &g.rows);
	if (wrong != NULL)
		fail_msg("%s", wrong);
	if (before != NULL && before->page.layout == g.page.layout)
		assert_null(g.page.diff);
	else
		assert_non_null(g.page.diff);
	return (g);
}

static inline struct got
whole(enum openmetrics_format fmt, const char * page,
    const struct got * before)
{
	return (decode(fmt, page, strlen(page), 0, SIZE_MAX, before));
}

static inline void
same(const struct got * a, const struct got * b, const char * what)
{
	if (a->bad != b->bad)
		fail_msg("%s: one is good, one bad: %s", what,
		    a->bad ? a->e.msg : b->e.msg);
	if (a->bad) {
		assert_string_equal(a->e.msg, b->e.msg);
		return;
	}
	assert_int_equal(a->page.n, b->page.n);
	if (a->page.n > 0 && memcmp(a->values, b->values,
	    a->page.n * sizeof(double)) != 0)
		fail_msg("%s: the values differ", what);
	if (a->page.layout != b->page.layout)
		fail_msg("%s: the layouts differ", what);
	if (!rows_same(&a->rows, &b->rows))
		fail_msg("%s: the names or labels differ", what);
}

/* A page such as exporters write, in ${n} families. */
static inline void
make_page(struct buf * b, int n, unsigned tick)
{
	int i;

	buf_clear(b);
	for (i = 0; i < n; i++) {
		buf_addf(b, "# HELP app_part%d_total Work of part %d.\n"
		    "# TYPE app_part%d_total counter\n", i, i, i);
		buf_addf(b, "app_part%d_total{cpu=\"0\",mode=\"idle\"} %u\n", i,
		    tick * 7 + (unsigned)i);
		buf_addf(b, "app_part%d_total{cpu=\"1\",mode=\"a\\\"b\"} %.6g\n",
		    i, tick * 0.37 + i);
		buf_addf(b, "app_part%d_seconds %.17g\n", i, tick / 3.0 + i);
	}
	assert_int_equal(b->failed, 0);
}

static inline void
cut_everywhere(enum openmetrics_format fmt, const char * p, size_t n)
{
	struct got g = decode(fmt, p, n, 0, SIZE_MAX, NULL), c;
	size_t i;

	for (i = 1; i <= n; i++) {
		c = decode(fmt, p, n, i, SIZE_MAX, NULL);
		same(&g, &c, p);
		got_free(&c);
		c = decode(fmt, p, n, 0, i, NULL);
		same(&g, &c, p);
		got_free(&c);
		if (g.bad)
			continue;
		c = decode(fmt, p, n, i, SIZE_MAX, &g);
		assert_null(c.page.diff);
		same(&g, &c, p);
		got_free(&c);
		c = decode(fmt, p, n, 0, i, &g);
		assert_null(c.page.diff);
		same(&g, &c, p);
		got_free(&c);
	}
	got_free(&g);
}

#endif
