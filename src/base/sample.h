#ifndef MOLTLER_BASE_SAMPLE_H
#define MOLTLER_BASE_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

/*
 * A scrape in the shape it travels in from the decoder to the target: which
 * series, in the page's order, and one value each.
 *
 * A layout is the ordered list of a page's series.  In memory it is not text:
 * each series is the keyed hash and the length of the bytes that stand between
 * the end of the previous value's line and this value (comment lines and the
 * series as written).  A page whose bytes hash to the same list is the same
 * list, so parsing it means hashing, comparing and reading numbers.  Layouts
 * are immutable, counted and shared by all sources whose pages look alike.
 */
struct sample_layout;

/* How a new layout is made from the one the source had before. */
struct sample_diff {
	uint32_t n;
	struct sample_diff_op {
		uint32_t keep_from; /* index into the old layout */
		uint32_t keep_n;    /* that many series kept; 0: one new series */
		char * name;        /* new series: NUL-terminated UTF-8, owned */
		char * labels;      /* new series: a JSON object, owned */
	} * ops;
};

/* One tick's page.  values[i] belongs to series i of the layout. */
struct sample_page {
	struct sample_layout * layout; /* a reference is owned */
	struct sample_diff * diff;     /* NULL when the layout did not change;
	                                  owned */
	const double * values;         /* borrowed from the decoder */
	uint32_t n;
};

/**
 * sample_layout_intern(hashes, lens, n):
 * Return the one layout with these ${n} chunks, making it if there is none;
 * the arrays are copied.  The caller owns a reference.  NULL when out of memory.
 */
struct sample_layout * sample_layout_intern(const uint64_t * hashes,
    const uint32_t * lens, uint32_t n);

struct sample_layout * sample_layout_ref(struct sample_layout * l);
void sample_layout_unref(struct sample_layout * l); /* NULL is a no-op */

/** Borrowed views of a layout. */
uint32_t sample_layout_n(const struct sample_layout * l);
const uint64_t * sample_layout_hashes(const struct sample_layout * l);
const uint32_t * sample_layout_lens(const struct sample_layout * l);

/**
 * sample_layout_mark(l, owner, id) / sample_layout_marked(l, owner):
 * Remember under which id (> 0) the store ${owner} keeps this layout / that
 * id or 0.  sample_layout_forget(owner) drops all marks of a closing store.
 */
int sample_layout_mark(struct sample_layout * l, const void * owner,
    int64_t id);
int64_t sample_layout_marked(const struct sample_layout * l,
    const void * owner);
void sample_layout_forget(const void * owner);

/** sample_diff_free(d): Free the ops, their text and ${d}; NULL is a no-op. */
void sample_diff_free(struct sample_diff * d);

#endif
