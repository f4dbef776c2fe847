/* The slow road, which alone finds faults. */
#include "decode/decode_openmetrics_internal.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/hash64.h"

/* The line is bad: say so, and how what is no page of metrics at all looks. */
static void
fail_line(struct openmetrics * d, const char * p, const char * ls,
    const char * le)
{
	static const char hint[] = " - is this a metrics endpoint?";
	char what[sizeof(d->line.what) + sizeof(hint)];
	const char * at = d->line.fault, * first;

	if (d->line.nomem) {
		openmetrics_fail_nomem(d);
		return;
	}
	for (first = ls; first < le && (*first == ' ' || *first == '\t');)
		first++;
	snprintf(what, sizeof(what), "%s", d->line.what);
	if (d->list.n == 0 && at >= first &&
	    openmetrics_line_is_json(first, le)) {
		at = first;
		snprintf(what, sizeof(what), "expected a metric name or '#'; "
		    "found '%c' of JSON%s", *at, hint);
	} else if (d->list.n == 0 && at == first && at < le && *at == '<') {
		snprintf(what, sizeof(what), "%s%s", d->line.what, hint);
	}
	openmetrics_fail(d, (size_t)(at - p), what);
}

/* The line just read is a series; its chunk begins at ${p}. */
static int
slow_series(struct openmetrics * d, const char * p)
{
	size_t len = (size_t)(d->line.value - p);
	uint64_t h = hash64(d->key, p, len);
	uint32_t j;

	h = (h & ~OPENMETRICS_LINES_MANY) | (d->nl < OPENMETRICS_LINES_MANY ?
	    d->nl : OPENMETRICS_LINES_MANY);
	if (d->list.n == OPENMETRICS_SERIES_MAX) {
		openmetrics_fail(d, d->scan, "the page has more than 5000000 "
		    "series; split the endpoint");
		return (-1);
	}
	if (d->list.n == d->values_cap && openmetrics_more_values(d))
		return (-1);
	d->values[d->list.n] = d->line.v;
	j = openmetrics_diff_find(&d->list, h, (uint32_t)len);
	if (j != OPENMETRICS_DIFF_NONE ? openmetrics_diff_keep(&d->list, j) :
	    openmetrics_diff_new(&d->list, h, (uint32_t)len, &d->line)) {
		if (d->list.text > OPENMETRICS_DIFF_TEXT_MAX)
			openmetrics_fail(d, d->scan, "the names and labels of "
			    "the page's series take more than 512 MiB; split "
			    "the endpoint");
		else
			openmetrics_fail_nomem(d);
		return (-1);
	}
	return (0);
}

/* The chunk that began at *pp is done; the next begins at ${next}. */
static void
advance(struct openmetrics * d, const char ** pp, const char * next)
{
	d->off += (uint64_t)(next - *pp);
	d->lineno += d->nl + (next[-1] == '\n');
	d->nl = 0;
	d->scan = 0;
	*pp = next;
}

/* Read the line from ${ls} to ${le} of the chunk at *pp.  As openmetrics_slow(). */
static int
slow_line(struct openmetrics * d, const char ** pp, const char * ls,
    const char * le, const char * next)
{
	switch (openmetrics_line_read(&d->line, ls, le)) {
	case OPENMETRICS_LINE_BAD:
		fail_line(d, *pp, ls, le);
		return (1);
	case OPENMETRICS_LINE_NOTHING:
		if ((size_t)(next - *pp) > OPENMETRICS_CHUNK_MAX) {
			openmetrics_fail(d, d->scan,
			    "more than 8 MiB of comments and "
			    "blank lines without a series");
			return (1);
		}
		d->nl += next > le;
		d->scan = (size_t)(next - *pp);
		return (0);
	case OPENMETRICS_LINE_SERIES:
		if (slow_series(d, *pp))
			return (1);
		advance(d, pp, next);
		return (0);
	case OPENMETRICS_LINE_EOF:
		d->eof = 1;
		advance(d, pp, next);
		return (0);
	}
	return (1);
}

int
openmetrics_slow(struct openmetrics * d, const char ** pp, const char * end,
    int last)
{
	const char * ls = *pp + d->scan, * le;
	size_t n = (size_t)(end - ls);

	d->need = d->scan;
	if (n == 0)
		return (1);
	le = memchr(ls, '\n', n > OPENMETRICS_LINE_MAX ? OPENMETRICS_LINE_MAX +
	    1 : n);
	if (le != NULL)
		return (slow_line(d, pp, ls, le, le + 1));
	if (n <= OPENMETRICS_LINE_MAX)
		return (last ? slow_line(d, pp, ls, end, end) : 1);
	/* It is too long, unless it is bad before that. */
	le = ls + OPENMETRICS_LINE_MAX;
	if (openmetrics_line_read(&d->line, ls, le) == OPENMETRICS_LINE_BAD &&
	    (d->line.nomem || d->line.fault < le))
		fail_line(d, *pp, ls, le);
	else
		openmetrics_fail(d, (size_t)(le - *pp),
		    "the line is longer than 1 MiB");
	return (1);
}
