#ifndef MOLTLER_TARGET_SAMPLE_CODEC_H
#define MOLTLER_TARGET_SAMPLE_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * How values become bytes.  Two forms: a tick (one page against the page
 * before, written at once) and a block (many ticks, by series, written in the
 * background).  Both give every bit back: NaN payloads, signed zeros,
 * denormals.  Decoders trust nothing: a blob that is not what an encoder
 * wrote is an error, never a read out of bounds.
 */
struct sample_codec;

/** The most series a page may have and the most ticks a block may have. */
#define SAMPLE_MAX_SERIES (UINT32_C(1) << 22)
#define SAMPLE_MAX_TICKS 256

/** sample_codec_new(): Contexts and scratch for all below; NULL if no memory. */
struct sample_codec * sample_codec_new(void);
void sample_codec_free(struct sample_codec * c);

/**
 * sample_codec_tick_put(c, prev, v, n, out):
 * Append to ${out} the ${n} values ${v} as a change of ${prev}, or as a key
 * tick that stands alone when ${prev} is NULL.  0, or -1 (memory).
 */
int sample_codec_tick_put(struct sample_codec * c, const double * prev,
    const double * v, uint32_t n, struct buf * out) MUST_CHECK;

/** sample_codec_tick_is_key(blob, len): Whether a tick stands alone. */
int sample_codec_tick_is_key(const void * blob, size_t len);

/**
 * sample_codec_tick_get(c, blob, len, v, n):
 * Turn ${v}, the ${n} values of the tick before (anything for a key tick), into
 * this tick's.  0, or -1 if the blob is not a tick of ${n} values.
 */
int sample_codec_tick_get(struct sample_codec * c, const void * blob,
    size_t len, double * v, uint32_t n) MUST_CHECK;

/*
 * A block is put series by series so that a caller can stop in between:
 * _begin, _series for i = 0 .. n-1 (any number of calls), _end.
 */

/**
 * sample_codec_block_begin(c, at, t, n): Start a block of ${t} ticks at the
 * times ${at} (borrowed until _end) with ${n} series.
 * sample_codec_block_series(c, col, stride): The next series: its ${t} values
 * are col[0], col[stride], ...
 * sample_codec_block_end(c, out): Append the block to ${out}.
 * Each 0, or -1 (memory; more than the agreed series).
 */
int sample_codec_block_begin(struct sample_codec * c, const int64_t * at,
    uint32_t t, uint32_t n) MUST_CHECK;
int sample_codec_block_series(struct sample_codec * c, const double * col,
    size_t stride) MUST_CHECK;
int sample_codec_block_end(struct sample_codec * c, struct buf * out)
    MUST_CHECK;

/**
 * sample_codec_block_times(c, blob, len, at, t):
 * Read a block's times into ${at} (room for SAMPLE_MAX_TICKS) and their number
 * into ${*t}.  0, or -1 if the blob is no block.
 */
int sample_codec_block_times(struct sample_codec * c, const void * blob,
    size_t len, int64_t * at, uint32_t * t) MUST_CHECK;

/**
 * sample_codec_block_get(c, blob, len, v, t, n):
 * Read all values: tick j's value of series i into v[j * n + i].  0, or -1 if
 * the blob is not a block of ${t} ticks and ${n} series.
 */
int sample_codec_block_get(struct sample_codec * c, const void * blob,
    size_t len, double * v, uint32_t t, uint32_t n) MUST_CHECK;

#endif
