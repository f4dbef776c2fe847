#ifndef MOLTLER_DECODE_DECODE_JSON_SHAPE_H
#define MOLTLER_DECODE_DECODE_JSON_SHAPE_H

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "decode/decode_json_internal.h"

/*
 * The objects of a list look alike: what stands between two values, as in
 *
 *	, "title": "
 *
 * is the same in all of them, and in the same order.  So it is learned where it was
 * read token by token, and compared as a whole where it is expected again.  What is
 * equal to bytes that were checked at such a place needs no check, whatever the
 * place; so a shape may be wrong and then costs time, but never says yes to what is
 * bad.  Steps are a tree: a step's ${inner} is the first member of the object that is its
 * value, and its ${next} the member after it.
 */
#define SHAPE_TEXT 47
#define SHAPE_MAX 512

/* Where members are keys of a map, nothing is ever what was expected: so often in
 * a row, and in this answer it is no longer looked for. */
#define SHAPE_MISSES 8

/* So many members may be left out at once. */
#define SHAPE_AHEAD 4

/* Where objects differ too much, comparing costs more than it spares.  What is as
 * expected counts 1 for it, what had to be searched or was not there so much against
 * it; below none at all it is left for so many answers. */
#define SHAPE_LUCK 1024
#define SHAPE_SEARCHED 1
#define SHAPE_MISSED 4
#define SHAPE_BLIND 15

enum shape_way { SHAPE_NEXT, SHAPE_INNER };

struct shape_step {
	char text[SHAPE_TEXT];
	uint8_t len;
	uint32_t state;     /* of the object; DECODE_DEAD: no path leads there */
	uint32_t value;     /* of the value */
	uint16_t known;     /* the key's number in the state, +1; 0: it has none */
	uint16_t to[2];     /* by enum shape_way; 0: nothing was seen */
	uint8_t missed[2];
};

/** decode_json_shape_begin(d, same): An answer begins; ${same}: of the plan and the
 * columns of the last one, whose shape is kept. */
void decode_json_shape_begin(struct decode_json * d, int same);

/** decode_json_shape_learn(d, at, end): The bytes between these were read before a
 * member's value, and d->next is what its key led to. */
void decode_json_shape_learn(struct decode_json * d, size_t at, size_t end);

/** decode_json_shape_find(d, way, s, n): The step that the ${n} bytes at ${s} begin
 * with; 0: none that is expected. */
uint16_t decode_json_shape_find(struct decode_json * d, enum shape_way way,
    const char * s, size_t n);

/* So many were as expected. */
static inline void
shape_good(struct decode_json * d, size_t n)
{
	d->luck += (int)n;
	if (d->luck > SHAPE_LUCK)
		d->luck = SHAPE_LUCK;
}

#ifdef __SSE2__
static inline uint32_t
shape_equal(const char * a, const char * b)
{
	return ((uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(
	    _mm_loadu_si128((const __m128i *)(const void *)a),
	    _mm_loadu_si128((const __m128i *)(const void *)b))));
}

/* Whether ${s}, more bytes than a step's text may have, begins with that of ${st}. */
static inline int
shape_begins(const struct shape_step * st, const char * s)
{
	uint64_t same = shape_equal(st->text, s);

	/* Most are no longer. */
	if (st->len > 16)
		same |= shape_equal(st->text + 16, s + 16) << 16;
	if (st->len > 32)
		same |= (uint64_t)shape_equal(st->text + 32, s + 32) << 32;
	return ((~same & ((UINT64_C(1) << st->len) - 1)) == 0);
}
#else
static inline int
shape_begins(const struct shape_step * st, const char * s)
{
	return (memcmp(st->text, s, st->len) == 0);
}
#endif

/* The state of the object that is being read. */
static inline uint32_t
shape_state(const struct decode_json * d)
{
	return (d->skip > 0 ? DECODE_DEAD : d->frames[d->nframes - 1].state);
}

/* Whether the key of ${st} was there before: what comes again is for those who undo
 * what it did.  If not, it was now. */
static inline int
shape_again(struct decode_json * d, const struct shape_step * st)
{
	size_t i = st->known - (size_t)1;
	uint64_t * seen, bit;

	if (st->known == 0)
		return (0);
	seen = &d->seen[(d->nframes - 1) * d->words + i / 64];
	bit = UINT64_C(1) << (i % 64);
	if (*seen & bit)
		return (1);
	*seen |= bit;
	return (0);
}

#endif
