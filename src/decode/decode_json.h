#ifndef MOLTLER_DECODE_DECODE_JSON_H
#define MOLTLER_DECODE_DECODE_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "decode/page.h"
#include "manifest/manifest.h"

/*
 * JSON to rows, as the bytes arrive and without a tree.  The manifest's
 * paths are compiled to an automaton once per entity; cells take their values
 * when they pass, and point into the page's own copy of the body where nothing
 * had to be unescaped.
 */
struct decode_plan; /* the automaton: one per entity, shared, counted */

/**
 * decode_plan_new(ent, list, e): Compile the paths of ${ent}'s columns,
 * records, explode, drop and what ${list}'s pagination needs of the body.  Both
 * are borrowed as long as the plan lives.  Errors: config "path".
 *
 * What the record path leads to is a record if it is an object, a list of records
 * if it is an array, and none if it is null; where the path ends by fanning out
 * ("series[*]", "vms.*") each thing is a record.  The same holds for explode, which
 * gives no row where it leads to nothing.
 */
struct decode_plan * decode_plan_new(const struct manifest_entity * ent,
    const struct manifest_list * list, struct err * e) MUST_CHECK;
struct decode_plan * decode_plan_ref(struct decode_plan * p);
void decode_plan_unref(struct decode_plan * p);

/* What pagination reads from the body, by enum body_field of manifest.h: a
 * scalar (borrowed from the decoder), or NULL; a hash of all its bytes; and what it
 * says of not being whole, or "". */
#define DECODE_LACK 120
struct decode_body {
	const json_t * field[BODY_FIELDS];
	char lack[DECODE_LACK];
	uint64_t hash;
};

struct decode_json;

/**
 * decode_json_new(): A decoder, to be used again and again; NULL if no memory.
 * _begin(d, plan, wanted): A new answer.  ${wanted}: a flag a column, which to
 * fill (NULL: all).
 * _feed(d, p, n): The next bytes.  -1: the page is bad or too big; _end tells.
 * _end(d, page, body, e): The answer is complete.  0 with the page (owned by the
 * caller) and what the body said (borrowed until the next _begin); -1 with
 * Permanent "json" (line, column, byte offset), "records" (the record path is
 * missing: names it and the keys that are there), "nesting", "too_big".
 */
struct decode_json * decode_json_new(void);
void decode_json_free(struct decode_json * d); /* NULL is a no-op */
int decode_json_begin(struct decode_json * d, struct decode_plan * plan,
    const uint8_t * wanted);
int decode_json_feed(struct decode_json * d, const char * p, size_t n);
/** decode_json_text(d, n): Before _end: what came so far, where that is JSON (of lines
 * a list without its end); NULL: it is not. */
const char * decode_json_text(const struct decode_json * d, size_t * n);
int decode_json_end(struct decode_json * d, struct page ** page,
    struct decode_body * body, struct err * e) MUST_CHECK;

#endif
