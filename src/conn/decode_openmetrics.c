#include "conn/decode_openmetrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/buf.h"
#include "base/hash64.h"
#include "conn/openmetrics_diff.h"
#include "conn/openmetrics_line.h"
#include "conn/openmetrics_number.h"

/*
 * A page is read chunk by chunk.  A chunk is what stands between the end of
 * the line of the value before and the next value: comments, then the series
 * as written, with the blanks after it.  If its length and hash are those the
 * source's last page had at this place, its bytes are those that were found
 * good then, and only the number is read (fast).  Anything else, also anything
 * odd after the number, takes the slow road (slow), which alone finds faults:
 * whether a page is good never depends on what was expected.
 */
#define LINE_MAX_BYTES ((size_t)1 << 20)
#define CHUNK_MAX ((size_t)8 << 20)
#define SERIES_MAX 5000000
#define KEEP 65536

/* Larger chunks always go the slow road: they are rare, and hashing them again
 * and again where they do not match could be made to cost dearly. */
#define FAST_MAX 65536

/* How many expected series are tried by their hash alone when one is missing. */
#define AHEAD 8

/*
 * The lines a chunk spans are kept in the lowest bits of its hash, so that the
 * fast road can count lines without looking for them; LINES_MANY: count.
 */
#define LINES_BITS 4
#define LINES_MANY ((uint64_t)(1 << LINES_BITS) - 1)

struct openmetrics {
	enum openmetrics_format fmt;
	uint64_t key;
	struct openmetrics_diff list;
	struct openmetrics_line line;
	double * values;
	uint32_t values_cap;
	struct buf carry; /* the pending chunk, as far as it was fed */
	size_t need;  /* bytes of it that a next try wants, and a newline after */
	size_t scan;  /* bytes of it that the slow road has read, whole lines */
	uint64_t nl;  /* the lines in these */
	uint64_t off; /* where in the page it begins */
	uint64_t lineno; /* and on which line */
	int eof;
	int failed;
	struct err err;
};

/* The hashes' key.  It differs by format: a chunk that is good text 0.0.4 need
 * not be good OpenMetrics. */
static uint64_t
hash_key(enum openmetrics_format fmt)
{
	static uint64_t key;

	while (key == 0) {
		/* Early in the boot there may be no randomness: do not wait. */
		if (getrandom(&key, sizeof(key), GRND_NONBLOCK) < 0 &&
		    errno != EINTR)
			key = (uint64_t)time(NULL) * UINT64_C(0x9e3779b97f4a7c15)
			    ^ (uintptr_t)&key;
	}
	return (fmt == OPENMETRICS_TEXT ? key :
	    key ^ UINT64_C(0x4f70656e4d657472));
}

struct openmetrics *
openmetrics_new(void)
{
	struct openmetrics * d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return (NULL);
	d->carry.max = CHUNK_MAX + 4 * LINE_MAX_BYTES;
	d->list.labels.max = 8 * LINE_MAX_BYTES; /* all \u0000 at worst */
	openmetrics_begin(d, OPENMETRICS_TEXT, NULL);
	return (d);
}

void
openmetrics_free(struct openmetrics * d)
{
	if (d == NULL)
		return;
	openmetrics_diff_free(&d->list);
	openmetrics_line_free(&d->line);
	buf_free(&d->carry);
	free(d->values);
	free(d);
}

void
openmetrics_begin(struct openmetrics * d, enum openmetrics_format fmt,
    struct sample_layout * expect)
{
	openmetrics_diff_begin(&d->list, expect);
	/* Memory of an unusual page is not kept for the usual ones. */
	if (d->values_cap > KEEP && d->values_cap / 4 > d->list.old_n) {
		free(d->values);
		d->values = NULL;
		d->values_cap = 0;
	}
	if (d->line.cap > KEEP)
		openmetrics_line_free(&d->line);
	if (d->carry.cap > LINE_MAX_BYTES)
		buf_free(&d->carry);
	buf_clear(&d->carry);
	d->fmt = d->line.fmt = fmt;
	d->line.nomem = 0;
	d->key = hash_key(fmt);
	d->need = d->scan = 0;
	d->nl = d->off = 0;
	d->lineno = 1;
	d->eof = d->failed = 0;
}

/* The first fault is at ${at} bytes into the pending chunk. */
static void
fail(struct openmetrics * d, size_t at, const char * what)
{
	d->failed = 1;
	err_set(&d->err, ERR_PERMANENT, "parse",
	    "line %" PRIu64 ", byte offset %" PRIu64 ": %s",
	    d->lineno + d->nl, d->off + at, what);
}

static void
fail_nomem(struct openmetrics * d)
{
	d->failed = 1;
	err_nomem(&d->err, "a page of metrics");
}

static int
more_values(struct openmetrics * d)
{
	uint32_t cap = d->values_cap ? d->values_cap * 2 : 512;
	double * v;

	if ((v = realloc(d->values, cap * sizeof(*v))) == NULL) {
		fail_nomem(d);
		return (-1);
	}
	d->values = v;
	d->values_cap = cap;
	return (0);
}

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

	le = memchr(p, '\n', n < LINE_MAX_BYTES ? n : LINE_MAX_BYTES);
	if (le == NULL) {
		*torn = n < LINE_MAX_BYTES;
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
		if ((h ^ list->old_hashes[j]) >> LINES_BITS == 0 &&
		    !openmetrics_diff_is_used(list, j))
			return (j);
	}
	return (OPENMETRICS_DIFF_NONE);
}

/*
 * Read chunks that are known, from *pp on.  Return 1 when more bytes are
 * needed to go on, 0 when the slow road must read on.
 */
static int
fast(struct openmetrics * d, const char ** pp, const char * end, int last)
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
		    LINES_BITS != 0 ||
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
		if (list->n == SERIES_MAX ||
		    (list->n == d->values_cap && more_values(d)))
			break;
		d->values[list->n] = v;
		d->nl = list->old_hashes[j] & LINES_MANY;
		if (d->nl == LINES_MANY)
			d->nl = count_lines(p, len);
		d->lineno += d->nl + 1;
		if (!list->moved && j == list->next) {
			list->next = ++list->n;
		} else if (openmetrics_diff_keep(list, j)) {
			fail_nomem(d);
			break;
		}
		p = q + 1;
	}
	d->nl = 0;
	d->off += (uint64_t)(p - *pp);
	*pp = p;
	return (more);
}

/* The line is bad: say so, and how what is no page of metrics at all looks. */
static void
fail_line(struct openmetrics * d, const char * p, const char * ls,
    const char * le)
{
	static const char hint[] = " - is this a metrics endpoint?";
	char what[sizeof(d->line.what) + sizeof(hint)];
	const char * at = d->line.fault, * first;

	if (d->line.nomem) {
		fail_nomem(d);
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
	fail(d, (size_t)(at - p), what);
}

/* The line just read is a series; its chunk begins at ${p}. */
static int
slow_series(struct openmetrics * d, const char * p)
{
	size_t len = (size_t)(d->line.value - p);
	uint64_t h = hash64(d->key, p, len);
	uint32_t j;

	h = (h & ~LINES_MANY) | (d->nl < LINES_MANY ? d->nl : LINES_MANY);
	if (d->list.n == SERIES_MAX) {
		fail(d, d->scan, "the page has more than 5000000 "
		    "series; split the endpoint");
		return (-1);
	}
	if (d->list.n == d->values_cap && more_values(d))
		return (-1);
	d->values[d->list.n] = d->line.v;
	j = openmetrics_diff_find(&d->list, h, (uint32_t)len);
	if (j != OPENMETRICS_DIFF_NONE ? openmetrics_diff_keep(&d->list, j) :
	    openmetrics_diff_new(&d->list, h, (uint32_t)len, &d->line)) {
		if (d->list.text > OPENMETRICS_DIFF_TEXT_MAX)
			fail(d, d->scan, "the names and labels of "
			    "the page's series take more than 512 MiB; split "
			    "the endpoint");
		else
			fail_nomem(d);
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

/* Read the line from ${ls} to ${le} of the chunk at *pp.  As slow(). */
static int
slow_line(struct openmetrics * d, const char ** pp, const char * ls,
    const char * le, const char * next)
{
	switch (openmetrics_line_read(&d->line, ls, le)) {
	case OPENMETRICS_LINE_BAD:
		fail_line(d, *pp, ls, le);
		return (1);
	case OPENMETRICS_LINE_NOTHING:
		if ((size_t)(next - *pp) > CHUNK_MAX) {
			fail(d, d->scan, "more than 8 MiB of comments and "
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

/*
 * Read the next line of the chunk at *pp.  Return 1 when more bytes are needed,
 * or the page is over or bad; 0 when there may be more to read.
 */
static int
slow(struct openmetrics * d, const char ** pp, const char * end, int last)
{
	const char * ls = *pp + d->scan, * le;
	size_t n = (size_t)(end - ls);

	d->need = d->scan;
	if (n == 0)
		return (1);
	le = memchr(ls, '\n', n > LINE_MAX_BYTES ? LINE_MAX_BYTES + 1 : n);
	if (le != NULL)
		return (slow_line(d, pp, ls, le, le + 1));
	if (n <= LINE_MAX_BYTES)
		return (last ? slow_line(d, pp, ls, end, end) : 1);
	/* It is too long, unless it is bad before that. */
	le = ls + LINE_MAX_BYTES;
	if (openmetrics_line_read(&d->line, ls, le) == OPENMETRICS_LINE_BAD &&
	    (d->line.nomem || d->line.fault < le))
		fail_line(d, *pp, ls, le);
	else
		fail(d, (size_t)(le - *pp), "the line is longer than 1 MiB");
	return (1);
}

/* Read what can be read of ${n} bytes that begin with the pending chunk;
 * return how many are done with. */
static size_t
run(struct openmetrics * d, const char * from, size_t n, int last)
{
	const char * p = from, * end = from + n;

	while (!d->failed) {
		if (d->eof) {
			if (p < end)
				fail(d, 0, "expected nothing after \"# EOF\"");
			break;
		}
		if (d->scan == 0 && fast(d, &p, end, last))
			break;
		if (d->failed || slow(d, &p, end, last))
			break;
	}
	return ((size_t)(p - from));
}

static int
carry_add(struct openmetrics * d, const char * p, size_t n)
{
	if (buf_add(&d->carry, p, n) == 0)
		return (0);
	fail_nomem(d);
	return (-1);
}

int
openmetrics_feed(struct openmetrics * d, const char * p, size_t n)
{
	const char * nl;
	size_t span, want, used;

	/* First complete the pending chunk, line by line; all else is read
	 * where it stands. */
	while (!d->failed && d->carry.len > 0 && n > 0) {
		want = d->need > d->carry.len ? d->need - d->carry.len : 0;
		span = d->need + LINE_MAX_BYTES + 1 - d->carry.len;
		if (span > n)
			span = n;
		nl = want < span ? memchr(p + want, '\n', span - want) : NULL;
		if (nl != NULL)
			span = (size_t)(nl - p) + 1;
		if (carry_add(d, p, span))
			break;
		p += span;
		n -= span;
		if (nl == NULL && d->carry.len <= d->need + LINE_MAX_BYTES)
			continue;
		used = run(d, d->carry.p, d->carry.len, 0);
		buf_consume(&d->carry, used);
	}
	if (d->failed)
		return (-1);
	if (n > 0) {
		used = run(d, p, n, 0);
		if (!d->failed && used < n)
			carry_add(d, p + used, n - used);
	}
	return (d->failed ? -1 : 0);
}

int
openmetrics_end(struct openmetrics * d, struct sample_page * page,
    struct err * e)
{
	size_t used;

	if (!d->failed && d->carry.len > 0) {
		used = run(d, d->carry.p, d->carry.len, 1);
		buf_consume(&d->carry, used);
	}
	if (!d->failed && d->fmt == OPENMETRICS_1 && !d->eof)
		fail(d, d->scan, "expected \"# EOF\"; found the end of the "
		    "page");
	if (!d->failed && openmetrics_diff_end(&d->list, page))
		fail_nomem(d);
	openmetrics_diff_release(&d->list);
	if (d->failed) {
		if (e != NULL)
			*e = d->err;
		return (-1);
	}
	page->values = d->values;
	return (0);
}
