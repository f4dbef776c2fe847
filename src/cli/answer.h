#ifndef MOLTLER_CLI_ANSWER_H
#define MOLTLER_CLI_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/jsonrow.h"

/*
 * The daemon's answer to one statement, read as its bytes arrive: a line
 * {"columns":[{"name","type"}...]}, a JSON array a row, and at last
 * {"stats":{...}} or {"error":{"code","class","message"}}.  What ends without
 * one of the last two was cut off.  {"progress":{...}} may come anywhere before.
 */
struct answer_column {
	char * name;
	size_t len;
	int is_number; /* by its declared type */
	int is_json;
};

struct answer_stats {
	uint64_t rows, pages, calls, cache_hits, not_modified;
	int64_t cache_age_ms;
	int64_t ms;
	int not_ok;            /* what the row tells of does not work */
	uint64_t skipped;      /* parts that were left out */
	char skipped_why[200]; /* the first one's reason */
	struct {
		int there;       /* the statement writes to a target */
		char entity[64]; /* at work now */
		uint64_t entities_done, entities, rows, written;
		int64_t total;   /* -1: not known */
		double rate;
	} sync;
};

/* Both return 0, or -1 with ${e} to end the reading.  Columns come once, before
 * the rows (also when there are no rows; not for a statement without a
 * result). */
struct answer_sink {
	int (*columns)(void * arg, const struct answer_column * cols, size_t n,
	    struct err * e);
	int (*row)(void * arg, const struct jsonrow_cell * cells, size_t n,
	    struct err * e);
	void * arg;
};

enum answer_state { ANSWER_HEAD, ANSWER_ROWS, ANSWER_DONE };

struct answer {
	enum answer_state state;
	struct answer_sink sink;
	struct buf part; /* of a line that is not whole yet */
	struct answer_column * cols;
	struct jsonrow_cell * cells;
	size_t ncols;
	uint64_t rows;
	struct answer_stats stats; /* before ANSWER_DONE: so far */
};

/** answer_init(a, sink): Be ready for a new answer. */
void answer_init(struct answer * a, const struct answer_sink * sink);

/**
 * answer_feed(a, p, n, e):
 * Read the next ${n} bytes.  Errors: what the daemon's error line says
 * (its code and class), what a sink said, or permanent "answer".
 */
int answer_feed(struct answer * a, const char * p, size_t n, struct err * e)
    MUST_CHECK;

/** answer_finish(a, e): No more bytes come: 0 if the answer is whole. */
int answer_finish(const struct answer * a, struct err * e) MUST_CHECK;

/** answer_free(a): Give the memory back. */
void answer_free(struct answer * a);

#endif
