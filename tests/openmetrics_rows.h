#ifndef MOLTLER_TESTS_OPENMETRICS_ROWS_H
#define MOLTLER_TESTS_OPENMETRICS_ROWS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/sample.h"

/* What a store knows of a source: the names and labels of its last page, kept
 * up to date by nothing but the pages' diffs. */
struct rows {
	char ** name;
	char ** labels;
	uint32_t n;
};

static inline void
rows_free(struct rows * r)
{
	uint32_t i;

	for (i = 0; i < r->n; i++) {
		free(r->name[i]);
		free(r->labels[i]);
	}
	free(r->name);
	free(r->labels);
	memset(r, 0, sizeof(*r));
}

static inline void
rows_push(struct rows * r, const char * name, const char * labels)
{
	if ((r->n & (r->n - 1)) == 0) { /* full at every power of two */
		size_t cap = r->n > 0 ? 2 * (size_t)r->n : 1;

		r->name = realloc(r->name, cap * sizeof(*r->name));
		r->labels = realloc(r->labels, cap * sizeof(*r->labels));
	}
	if (r->name == NULL || r->labels == NULL)
		abort();
	r->name[r->n] = strdup(name);
	r->labels[r->n++] = strdup(labels);
}

/* Make ${to} of ${from} and the page's diff; NULL, or what is wrong with it. */
static inline const char *
rows_apply(const struct rows * from, const struct sample_page * page,
    struct rows * to)
{
	const struct sample_diff_op * op;
	char * used = calloc(1, from->n + 1);
	const char * wrong = NULL;
	uint32_t i, j;

	memset(to, 0, sizeof(*to));
	if (page->diff == NULL)
		for (i = 0; i < from->n; i++)
			rows_push(to, from->name[i], from->labels[i]);
	for (i = 0; page->diff != NULL && i < page->diff->n; i++) {
		op = &page->diff->ops[i];
		if (op->keep_n == 0) {
			if (op->name == NULL || op->labels == NULL) {
				wrong = "a new series without text";
				break;
			}
			rows_push(to, op->name, op->labels);
			continue;
		}
		if (op->name != NULL || op->labels != NULL)
			wrong = "text on what is kept";
		if (op->keep_from > from->n ||
		    op->keep_n > from->n - op->keep_from) {
			wrong = "kept what is not there";
			break;
		}
		for (j = op->keep_from; j < op->keep_from + op->keep_n; j++) {
			if (used[j])
				wrong = "kept twice";
			used[j] = 1;
			rows_push(to, from->name[j], from->labels[j]);
		}
	}
	free(used);
	if (wrong == NULL && (to->n != page->n ||
	    to->n != sample_layout_n(page->layout)))
		wrong = "the counts differ";
	return (wrong);
}

static inline int
rows_same(const struct rows * a, const struct rows * b)
{
	uint32_t i;

	if (a->n != b->n)
		return (0);
	for (i = 0; i < a->n; i++)
		if (strcmp(a->name[i], b->name[i]) != 0 ||
		    strcmp(a->labels[i], b->labels[i]) != 0)
			return (0);
	return (1);
}

#endif
