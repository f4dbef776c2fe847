/* Pages made by hand, as the decoder would hand them over. */
#ifndef MOLTLER_TESTS_SAMPLE_FIX_H
#define MOLTLER_TESTS_SAMPLE_FIX_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash64.h"
#include "base/sample.h"

#define FIX_MAX 2048

/* Series ${i} of a page of kind ${kind}. */
static inline void
fix_series(char * name, char * labels, size_t n, unsigned kind, uint32_t i)
{
	snprintf(name, n, "metric_%u_total", i / 4);
	snprintf(labels, n, "{\"cpu\":\"%u\",\"kind\":\"%u\"}", i % 4, kind);
}

static inline struct sample_layout *
fix_layout(const unsigned * kinds, uint32_t n)
{
	static uint64_t h[FIX_MAX];
	static uint32_t l[FIX_MAX];
	char name[64], labels[64];
	uint32_t i;

	for (i = 0; i < n; i++) {
		fix_series(name, labels, sizeof(name), kinds[i], i);
		h[i] = hash64(1, name, strlen(name)) ^
		    hash64(2, labels, strlen(labels));
		l[i] = (uint32_t)(strlen(name) + strlen(labels));
	}
	return (sample_layout_intern(h, l, n));
}

/*
 * A page of ${n} series whose kinds are ${kinds}; against a page of ${oldn}
 * series with kinds ${old} (NULL: a full list).  Free with fix_free.
 */
static inline struct sample_page
fix_page(const unsigned * kinds, uint32_t n, const unsigned * old,
    uint32_t oldn, const double * values)
{
	struct sample_page p = { NULL, NULL, values, n };
	struct sample_diff_op * op = NULL;
	char name[64], labels[64];
	uint32_t i;

	p.layout = fix_layout(kinds, n);
	if (old != NULL && oldn == n &&
	    memcmp(kinds, old, n * sizeof(*old)) == 0)
		return (p);
	p.diff = calloc(1, sizeof(*p.diff));
	p.diff->ops = calloc(n + 1, sizeof(*p.diff->ops));
	for (i = 0; i < n; i++) {
		if (old != NULL && i < oldn && old[i] == kinds[i]) {
			if (op != NULL && op->keep_n > 0) {
				op->keep_n++;
				continue;
			}
			op = &p.diff->ops[p.diff->n++];
			op->keep_from = i;
			op->keep_n = 1;
			continue;
		}
		fix_series(name, labels, sizeof(name), kinds[i], i);
		op = &p.diff->ops[p.diff->n++];
		op->name = strdup(name);
		op->labels = strdup(labels);
	}
	return (p);
}

static inline void
fix_free(struct sample_page * p)
{
	sample_layout_unref(p->layout);
	sample_diff_free(p->diff);
}

/* A small generator, so that a failure can be repeated. */
static inline uint64_t
fix_rand(uint64_t * s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return (*s);
}

/* Values as node_exporter has them: constants, counters, gauges with decimals,
 * nanoseconds, and now and then anything at all. */
static inline void
fix_values(double * v, uint32_t n, uint64_t * seed, int first)
{
	uint64_t r;
	uint32_t i;

	for (i = 0; i < n; i++) {
		r = fix_rand(seed);
		if (first)
			v[i] = i % 8 == 1 ? (double)(r % 1000000) / 100 :
			    (double)(r % 100000000);
		if (i % 8 == 0)
			v[i] += (double)(r % 1000);
		else if (i % 8 == 1)
			v[i] = ((double)(int64_t)(v[i] * 100 + 0.5) +
			    (double)(r % 50)) / 100;
		else if (i % 8 == 2 && i % 16 == 2)
			v[i] = (double)(r % 1000000000) / 1e9;
		else if (i % 64 == 3)
			memcpy(&v[i], &r, sizeof(r));
	}
}

#endif
