/* The fast road: chunks that are known. */
#include "decode/decode_openmetrics_internal.h"

#include <stdint.h>
#include <string.h>

#include "base/hash64.h"
#include "base/openmetrics_number.h"

/* Larger chunks always go the slow road: they are rare, and hashing them again
 * and again where they do not match could be made to cost dearly. */
#define FAST_MAX 65536

/* How many expected series are tried by their hash alone when one is missing. */
#define AHEAD 8

static uint64_t
count_lines(const char * p, size_t n)
{
	const char * end = p + n;
	uint64_t lines = 0;

	while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		lines++;
		p++;
	}
	return (lines);
}

/*
 * Read a number that is not plain, or what follows one on its line.  ${q} is
 * the byte after a plain number, or NULL.  Return where the line ends, or NULL
 * if it is bad (the slow road will see) or, setting ${torn}, not all there.
 */
static const char *
odd_value(struct openmetrics * d, const char * p, const char * q,
    const char * end, double * v, int * torn)
{
	size_t n = (size_t)(end - p);
	const char * le, * t;

	le = memchr(p, '\n', n < OPENMETRICS_LINE_MAX ? n :
	    OPENMETRICS_LINE_MAX);
	if (le == NULL) {
		*torn = n < OPENMETRICS_LINE_MAX;
		return (NULL);
	}
	for (t = q == NULL ? p : q; t < le && *t != ' ' && *t != '\t'; t++)
		;
	if (t != q && openmetrics_number(p, t, v) != OPENMETRICS_NUMBER_OK)
		return (NULL);
	return (openmetrics_line_rest(&d->line, t, le) ? NULL : le);
}

/* The page is not what was expected next: is it one of the few after? */
static uint32_t
look_ahead(const struct openmetrics * d, const char * p, size_t n)
{
	const struct openmetrics_diff * list = &d->list;
	uint32_t j, len, to = list->old_n;
	size_t hashed = SIZE_MAX;
	uint64_t h = 0;

	if (to - list->next > AHEAD)
		to = list->next + AHEAD;
	for (j = list->next; j < to; j++) {
		len = list->old_lens[j];
		if (len > n || len > FAST_MAX)
			continue;
		if (len != hashed)
			h = hash64(d->key, p, hashed = len);
		if ((h ^ list->old_hashes[j]) >> OPENMETRICS_LINES_BITS == 0 &&
		    !openmetrics_diff_is_used(list, j))
			return (j);
	}
	return (OPENMETRICS_DIFF_NONE);
}

int
openmetrics_fast(struct openmetrics * d, const char ** pp, const char * end,
    int last)
{
	struct openmetrics_diff * list = &d->list;
	const char * p = *pp, * q;
	uint32_t j;
	size_t len;
	double v;
	int more = 0, torn = 0;

	while (list->next < list->old_n) {
		j = list->next;
		len = list->old_lens[j];
		if (len > FAST_MAX)
			break;
		if ((size_t)(end - p) <= len) {
			more = !last;
			d->need = len + 1;
			break;
		}
		if ((hash64(d->key, p, len) ^ list->old_hashes[j]) >>
		    OPENMETRICS_LINES_BITS != 0 ||
		    (list->moved && openmetrics_diff_is_used(list, j))) {
			j = look_ahead(d, p, (size_t)(end - p) - 1);
			if (j == OPENMETRICS_DIFF_NONE)
				break;
			len = list->old_lens[j];
		}
		q = openmetrics_number_plain(p + len, end, &v);
		if ((q == NULL || q == end || *q != '\n') &&
		    (q = odd_value(d, p + len, q, end, &v, &torn)) == NULL) {
			more = torn && !last;
			d->need = len + 1;
			break;
		}
		if (list->n == OPENMETRICS_SERIES_MAX ||
		    (list->n == d->values_cap && openmetrics_more_values(d)))
			break;
		d->values[list->n] = v;
		d->nl = list->old_hashes[j] & OPENMETRICS_LINES_MANY;
		if (d->nl == OPENMETRICS_LINES_MANY)
			d->nl = count_lines(p, len);
		d->lineno += d->nl + 1;
		if (!list->moved && j == list->next) {
			list->next = ++list->n;
		} else if (openmetrics_diff_keep(list, j)) {
			openmetrics_fail_nomem(d);
			break;
		}
		p = q + 1;
	}
	d->nl = 0;
	d->off += (uint64_t)(p - *pp);
	*pp = p;
	return (more);
}
