#ifndef MOLTLER_TARGET_SAMPLE_SERIES_H
#define MOLTLER_TARGET_SAMPLE_SERIES_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/sample.h"
#include "target/sample_codec.h"

/*
 * A layout's text: the name and labels of each series, in the page's order.
 * Stored as ops against another layout's text (or against nothing).
 */
struct sample_series {
	uint32_t n;
	uint32_t refs;
	struct buf text; /* name NUL labels NUL, ... */
	uint32_t * off;  /* where each name starts */
};

#define SAMPLE_DIGEST 16

/**
 * sample_series_apply(base, d, n, e):
 * The text that ${d} makes of ${base} (NULL: of nothing); it must have ${n}
 * series.  The caller owns a reference; NULL with ${e}.
 */
struct sample_series * sample_series_apply(const struct sample_series * base,
    const struct sample_diff * d, uint32_t n, struct err * e);

/** sample_series_pack(d, out): ${d} as bytes; _pack_all(s, out): all of ${s}.  0 or -1. */
int sample_series_pack(const struct sample_diff * d, struct buf * out)
    MUST_CHECK;
int sample_series_pack_all(const struct sample_series * s, struct buf * out)
    MUST_CHECK;

/**
 * sample_series_unpack(base, blob, len, n):
 * The text that the packed ops make of ${base}: ${n} series, or NULL (not ours,
 * or no memory).
 */
struct sample_series * sample_series_unpack(const struct sample_series * base,
    const void * blob, size_t len, uint32_t n);

/**
 * sample_series_digest(s, out): Name the text by 128 bits that nobody can
 * steer (a cut SHA-256), the same in every process.  0 or -1.
 */
int sample_series_digest(const struct sample_series * s,
    uint8_t out[SAMPLE_DIGEST]) MUST_CHECK;

const char * sample_series_name(const struct sample_series * s, uint32_t i);
const char * sample_series_labels(const struct sample_series * s, uint32_t i);

struct sample_series * sample_series_ref(struct sample_series * s);
void sample_series_unref(struct sample_series * s); /* NULL: no-op */

#endif
