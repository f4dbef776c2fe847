#ifndef MOLTLER_TESTS_FAKE_WRITER_H
#define MOLTLER_TESTS_FAKE_WRITER_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/loop.h"
#include "target/writer.h"

/*
 * target/writer.h over tables in memory that outlive the writers, with the faults a
 * target can have.
 */
struct fake_target {
	struct loop * L;
	json_t * tables;    /* table -> key -> {row, fence, sync, deleted} */
	size_t batch;       /* rows; 1 at least */
	size_t window;      /* no more room beyond so many that are not there */
	int64_t delay_ms;   /* of an acknowledgement */
	int64_t open_ms;    /* until ready */
	int tells_new;      /* a table that was not there is said to be new */
	int frozen;         /* nothing gets there and nothing is said */
	int stalled;        /* it takes rows, and acknowledges none */
	uint64_t fail_at;   /* the writer fails at its so-and-so-many-th row; 0 */
	enum err_class fail_cls;
	const char * fail_code;
	const char * reject; /* rows whose text holds this are put aside */
	const char * pass;  /* these are another sync's */
	uint64_t rows;      /* acknowledged, ever */
	uint64_t refused;   /* of an earlier fence */
	size_t open;        /* writers */
	unsigned flushes, sweeps;
	int refresh;        /* of the last writer */
};

void fake_target_init(struct fake_target * t, struct loop * L);
void fake_target_free(struct fake_target * t);

/** fake_target_row(t, table, key): The row's cells, "|" between them, or NULL.
 * fake_target_count(t, table): Rows that are not marked. */
const char * fake_target_row(const struct fake_target * t, const char * table,
    const char * key);
size_t fake_target_count(const struct fake_target * t, const char * table);

struct writer * fake_writer_open(struct fake_target * t,
    const struct writer_spec * spec, const struct writer_events * ev,
    struct err * e);

#endif
