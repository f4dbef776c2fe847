/*
 * What the bodies of _bulk and its answers cost: 200,000 rows of ten columns (an
 * issue as a tracker lists it) made into batches of 5000, and an answer of as many
 * items read.  Prints rows a second of CPU, the median of rounds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "target/elastic_answer.h"
#include "target/elastic_doc.h"
#include "target/elastic_writer.h"

#define ROWS 200000
#define BATCH 5000
#define ROUNDS 9

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return ((double)t.tv_sec + (double)t.tv_nsec / 1e9);
}

static int
by_size(const void * a, const void * b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x < y ? -1 : x > y);
}

static void
on_item(void * arg, const struct elastic_item * it)
{
	*(uint64_t *)arg += (uint64_t)it->status;
}

static struct value
text(const char * s)
{
	return ((struct value){ .type = VALUE_TEXT, .len = (uint32_t)strlen(s),
	    .s = s });
}

static double
make_rows(struct elastic_doc * d, struct buf * b, size_t * bytes)
{
	struct value v[10] = { { .type = VALUE_INT }, { .type = VALUE_INT },
	    text("Replication lags after a failover of the primary"),
	    text("open"), { .type = VALUE_INT, .i = 1 },
	    { .type = VALUE_REAL, .d = 0.25 }, text("2026-11-21T10:00:00Z"),
	    text("2026-11-21T10:00:00.123Z"), text("[\"bug\",\"incident\"]"),
	    text("{\"login\":\"kim\",\"id\":1234,\"type\":\"User\"}") };
	double t = now();
	int i;

	*bytes = 0;
	for (i = 0; i < ROWS; i++) {
		v[0].i = 1000000 + i;
		v[1].i = i;
		if (elastic_doc_add(d, v, b))
			abort();
		if (i % BATCH == BATCH - 1) {
			*bytes += b->len;
			buf_clear(b);
		}
	}
	return (ROWS / (now() - t));
}

static double
read_answers(const struct buf * answer)
{
	static struct elastic_answer a;
	uint64_t sum = 0;
	double t = now();
	size_t at;
	int i;

	for (i = 0; i < ROWS / BATCH; i++) {
		elastic_answer_begin(&a, on_item, &sum);
		for (at = 0; at < answer->len; at += 16384)
			(void)elastic_answer_feed(&a, answer->p + at,
			    answer->len - at < 16384 ? answer->len - at :
			    16384);
		if (!elastic_answer_ok(&a) || a.items != BATCH)
			abort();
	}
	return (ROWS / (now() - t));
}

int
main(void)
{
	static const struct writer_column cols[10] = {
		{ .name = "id", .type = COLUMN_INTEGER, .is_key = 1 },
		{ .name = "number", .type = COLUMN_INTEGER },
		{ .name = "title", .type = COLUMN_TEXT },
		{ .name = "state", .type = COLUMN_TEXT },
		{ .name = "locked", .type = COLUMN_BOOLEAN },
		{ .name = "score", .type = COLUMN_REAL },
		{ .name = "created_at", .type = COLUMN_TIMESTAMP },
		{ .name = "updated_at", .type = COLUMN_TIMESTAMP },
		{ .name = "labels", .type = COLUMN_LIST },
		{ .name = "author", .type = COLUMN_MAP },
	};
	const struct writer_spec spec = { .table = "t", .sync = "s", .fence = 1,
	    .columns = cols, .ncolumns = 10 };
	double made[ROUNDS], answered[ROUNDS], packed[ROUNDS], t;
	struct buf b = BUF_INIT(0), answer = BUF_INIT(0), gz = BUF_INIT(0);
	struct elastic_doc * d;
	size_t bytes = 0;
	struct err e;
	int i, r;

	if ((d = elastic_doc_new(&spec, &e)) == NULL)
		abort();
	buf_adds(&answer, "{\"errors\":false,\"items\":[");
	for (i = 0; i < BATCH; i++)
		buf_addf(&answer, "%s{\"index\":{\"status\":201}}",
		    i ? "," : "");
	buf_adds(&answer, "]}");
	for (r = 0; r < ROUNDS; r++) {
		made[r] = make_rows(d, &b, &bytes);
		answered[r] = read_answers(&answer);
	}
	/* One batch is enough to tell what packing costs. */
	for (i = 0; i < BATCH; i++)
		if (elastic_doc_add(d, (struct value[10]){
		    { .type = VALUE_INT, .i = i * 7919 }, { .type = VALUE_INT,
		    .i = i }, text("Replication lags after a failover"),
		    text("open") }, &b))
			abort();
	for (r = 0; r < ROUNDS; r++) {
		t = now();
		if (elastic_batch_gzip(b.p, b.len, &gz))
			abort();
		packed[r] = BATCH / (now() - t);
	}
	qsort(made, ROUNDS, sizeof(*made), by_size);
	qsort(answered, ROUNDS, sizeof(*answered), by_size);
	qsort(packed, ROUNDS, sizeof(*packed), by_size);
	printf("bulk bodies: %.0f rows a CPU second (%zu bytes a row)\n"
	    "bulk answers: %.0f items a CPU second\n"
	    "gzip: %.0f rows a CPU second, to %.0f %%\n", made[ROUNDS / 2],
	    bytes / ROWS, answered[ROUNDS / 2], packed[ROUNDS / 2],
	    100.0 * (double)gz.len / (double)b.len);
	elastic_doc_free(d);
	buf_free(&b);
	buf_free(&answer);
	buf_free(&gz);
	return (0);
}
