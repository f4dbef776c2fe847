#include <stdlib.h>
#include <string.h>

#include "decode/decode_openmetrics.h"
#include "fuzz.h"
#include "openmetrics_rows.h"

/*
 * The first bytes of the input choose format, cuts and a mutation; the rest is
 * the page.  Whatever was expected and however it was cut, a page must give the
 * same values, the same layout and, by its diff, the same series, or the same
 * error.
 */
struct got {
	int bad;
	struct err e;
	struct sample_page page;
	double * values;
	struct rows rows;
};

static struct openmetrics * d;

static struct got
decode(enum openmetrics_format fmt, const uint8_t * p, size_t n,
    unsigned pieces, const struct got * before)
{
	static const struct rows none;
	struct got g;
	const char * wrong;
	char * copy;
	size_t i, take;
	int bad = 0;

	memset(&g, 0, sizeof(g));
	openmetrics_begin(d, fmt, before != NULL ? before->page.layout : NULL);
	for (i = 0; i < n && !bad; i += take) {
		take = n - i;
		if (pieces > 0 && take > 1 + (pieces * 7 + i * 3) % 61)
			take = 1 + (pieces * 7 + i * 3) % 61;
		if ((copy = malloc(take)) == NULL)
			abort();
		memcpy(copy, p + i, take);
		bad = openmetrics_feed(d, copy, take);
		free(copy);
	}
	if ((g.bad = openmetrics_end(d, &g.page, &g.e)) != 0) {
		if (strncmp(g.e.msg, "line ", 5) != 0 ||
		    strcmp(g.e.code, "parse") != 0)
			DIE("an error without a place");
		return (g);
	}
	if (bad)
		DIE("a page that was bad is good in the end");
	if ((g.values = malloc(g.page.n * sizeof(double) + 1)) == NULL)
		abort();
	if (g.page.n > 0)
		memcpy(g.values, g.page.values, g.page.n * sizeof(double));
	wrong = rows_apply(before != NULL ? &before->rows : &none, &g.page,
	    &g.rows);
	if (wrong != NULL)
		DIE(wrong);
	if ((g.page.diff == NULL) != (before != NULL &&
	    before->page.layout == g.page.layout))
		DIE("a diff where none is due, or none where one is");
	return (g);
}

static void
got_free(struct got * g)
{
	sample_layout_unref(g->page.layout);
	sample_diff_free(g->page.diff);
	free(g->values);
	rows_free(&g->rows);
}

static void
same(const struct got * a, const struct got * b)
{
	if (a->bad != b->bad)
		DIE("good here, bad there");
	if (a->bad) {
		if (strcmp(a->e.msg, b->e.msg) != 0)
			DIE("two errors");
		return;
	}
	if (a->page.n != b->page.n || a->page.layout != b->page.layout)
		DIE("two layouts");
	if (a->page.n > 0 && memcmp(a->values, b->values,
	    a->page.n * sizeof(double)) != 0)
		DIE("other values");
	if (!rows_same(&a->rows, &b->rows))
		DIE("other series");
}

/* The page with some of its lines moved, gone or doubled. */
static size_t
mutate(const uint8_t * p, size_t n, unsigned how, uint8_t * to)
{
	size_t i = 0, o = 0, line = 0, len, held = SIZE_MAX, held_len = 0;
	const uint8_t * nl;

	while (i < n) {
		nl = memchr(p + i, '\n', n - i);
		len = nl != NULL ? (size_t)(nl - p) + 1 - i : n - i;
		if (line == how % 16) {
			held = i;
			held_len = len;
		} else {
			memcpy(to + o, p + i, len);
			o += len;
			if (line % 8 == how / 16 % 8 && (how & 128)) {
				memcpy(to + o, p + i, len);
				o += len;
			}
		}
		if (held != SIZE_MAX && line == how % 16 + how / 32) {
			memcpy(to + o, p + held, held_len);
			o += held_len;
			held = SIZE_MAX;
		}
		i += len;
		line++;
	}
	return (o);
}

int
LLVMFuzzerTestOneInput(const uint8_t * p, size_t n)
{
	enum openmetrics_format fmt;
	struct got g, h, other;
	uint8_t * m;
	unsigned pieces, how;

	if (n < 3)
		return (0);
	if (d == NULL && (d = openmetrics_new()) == NULL)
		abort();
	fmt = p[0] & 1 ? OPENMETRICS_1 : OPENMETRICS_TEXT;
	pieces = p[1];
	how = p[2];
	p += 3;
	n -= 3;

	g = decode(fmt, p, n, 0, NULL);
	h = decode(fmt, p, n, pieces + 1, NULL);
	same(&g, &h);
	got_free(&h);
	if (!g.bad) {
		h = decode(fmt, p, n, 0, &g);
		same(&g, &h);
		got_free(&h);
		h = decode(fmt, p, n, pieces + 1, &g);
		same(&g, &h);
		got_free(&h);
	}
	if ((m = malloc(2 * n + 1)) == NULL)
		abort();
	other = decode(fmt, m, mutate(p, n, how, m), 0, NULL);
	free(m);
	if (!other.bad) {
		h = decode(fmt, p, n, 0, &other);
		same(&g, &h);
		got_free(&h);
		h = decode(fmt, p, n, pieces + 1, &other);
		same(&g, &h);
		got_free(&h);
	}
	got_free(&other);
	got_free(&g);
	return (0);
}
