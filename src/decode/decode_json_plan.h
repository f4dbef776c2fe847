#ifndef MOLTLER_DECODE_DECODE_JSON_PLAN_H
#define MOLTLER_DECODE_DECODE_JSON_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "decode/decode_json.h"
#include "manifest/manifest.h"

/*
 * The automaton of decode_json: a state says which paths can still be met at the
 * place of a document that is being read, so each key and each element is looked
 * up once whatever the number of paths.  State 0 is the document; a state's
 * successors have higher numbers.
 *
 * What the record path leads to is a record if it is an object, and a list of
 * records if it is an array; where the path ends by fanning out, each thing is a
 * record.  Likewise what "explode" leads to.
 */
enum decode_event {
	ON_TOP,     /* where the record path first fans out */
	ON_PIECE,   /* one of what is there */
	ON_LIST,    /* what the record path leads to */
	ON_RECORD,
	ON_ELEMENT, /* of an exploded array */
	ON_FAN,     /* where a column's path first fans out */
	ON_DROP,
	ON_KEEP,
	ON_LACK,    /* .index: of the list's ${lacks} */
	ON_BODY,    /* .index: an enum body_field */
	ON_COLUMN   /* .index: the column */
};

enum decode_cond {
	COND_ANY,
	COND_OBJECT,
	COND_ARRAY
};

struct decode_accept {
	uint8_t event;
	uint8_t cond;
	uint8_t element; /* of COLUMN, FAN, DROP, KEEP: below the exploded element */
	uint8_t fan;     /* of COLUMN: the path fans out below its record; of
	                    LIST: the record path ends by fanning out */
	uint32_t index;
};

#define DECODE_DEAD UINT32_MAX
#define DECODE_BUCKETS 32

struct decode_key {
	const char * key;
	uint32_t len;
	uint32_t state;
	uint32_t next;  /* of the same bucket, +1; 0: none */
};

struct decode_place {
	size_t index;
	uint32_t state;
};

/* Where the first element of a list leads that meets conditions. */
struct decode_where {
	const struct path_step * step;
	uint32_t state;
};

struct decode_state {
	struct decode_key * keys;
	size_t nkeys;
	uint32_t bucket[DECODE_BUCKETS]; /* +1; 0: none */
	uint32_t other_key;              /* a state, or DECODE_DEAD */
	struct decode_place * places;
	size_t nplaces;
	uint32_t other_place;
	struct decode_where * wheres;
	size_t nwheres;
	struct decode_accept * accepts;  /* by event */
	size_t naccepts;
};

struct decode_plan {
	unsigned refs;
	const struct manifest_entity * ent;
	const struct manifest_list * list;
	struct json_path root;           /* "$", where a list names no path */
	const struct json_path * records;
	struct decode_state * states;
	size_t nstates;
	size_t max_keys;                 /* of one state */
	int fans;                        /* some column's path fans out */
};

/**
 * decode_plan_paths(paths, n, e):
 * The automaton of these paths alone, of no entity: for who wants to know what shape
 * they expect.  To be unref'ed.
 */
struct decode_plan * decode_plan_paths(const struct json_path * const * paths,
    size_t n, struct err * e) MUST_CHECK;

/** decode_plan_hash(key, n): The bucket of a key. */
static inline unsigned
decode_plan_hash(const char * key, size_t n)
{
	if (n == 0)
		return (0);
	return (((unsigned)n * 7 + (unsigned char)key[0] * 5 +
	    (unsigned char)key[n - 1]) % DECODE_BUCKETS);
}

#endif
