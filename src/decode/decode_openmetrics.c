#include "decode/decode_openmetrics_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define KEEP 65536

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
	d->carry.max = OPENMETRICS_CHUNK_MAX + 4 * OPENMETRICS_LINE_MAX;
	/* All \u0000 at worst. */
	d->list.labels.max = 8 * OPENMETRICS_LINE_MAX;
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
	if (d->carry.cap > OPENMETRICS_LINE_MAX)
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

void
openmetrics_fail(struct openmetrics * d, size_t at, const char * what)
{
	d->failed = 1;
	err_set(&d->err, ERR_PERMANENT, "parse",
	    "line %" PRIu64 ", byte offset %" PRIu64 ": %s",
	    d->lineno + d->nl, d->off + at, what);
}

void
openmetrics_fail_nomem(struct openmetrics * d)
{
	d->failed = 1;
	err_nomem(&d->err, "a page of metrics");
}

int
openmetrics_more_values(struct openmetrics * d)
{
	uint32_t cap = d->values_cap ? d->values_cap * 2 : 512;
	double * v;

	if ((v = realloc(d->values, cap * sizeof(*v))) == NULL) {
		openmetrics_fail_nomem(d);
		return (-1);
	}
	d->values = v;
	d->values_cap = cap;
	return (0);
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
				openmetrics_fail(d, 0,
				    "expected nothing after \"# EOF\"");
			break;
		}
		if (d->scan == 0 && openmetrics_fast(d, &p, end, last))
			break;
		if (d->failed || openmetrics_slow(d, &p, end, last))
			break;
	}
	return ((size_t)(p - from));
}

static int
carry_add(struct openmetrics * d, const char * p, size_t n)
{
	if (buf_add(&d->carry, p, n) == 0)
		return (0);
	openmetrics_fail_nomem(d);
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
		span = d->need + OPENMETRICS_LINE_MAX + 1 - d->carry.len;
		if (span > n)
			span = n;
		nl = want < span ? memchr(p + want, '\n', span - want) : NULL;
		if (nl != NULL)
			span = (size_t)(nl - p) + 1;
		if (carry_add(d, p, span))
			break;
		p += span;
		n -= span;
		if (nl == NULL && d->carry.len <= d->need +
		    OPENMETRICS_LINE_MAX)
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
		openmetrics_fail(d, d->scan,
		    "expected \"# EOF\"; found the end of the " "page");
	if (!d->failed && openmetrics_diff_end(&d->list, page))
		openmetrics_fail_nomem(d);
	openmetrics_diff_release(&d->list);
	if (d->failed) {
		if (e != NULL)
			*e = d->err;
		return (-1);
	}
	page->values = d->values;
	return (0);
}
