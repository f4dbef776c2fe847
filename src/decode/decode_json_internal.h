#ifndef MOLTLER_DECODE_DECODE_JSON_INTERNAL_H
#define MOLTLER_DECODE_DECODE_JSON_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/value.h"
#include "decode/decode_json.h"
#include "decode/decode_json_plan.h"
#include "decode/decode_json_value.h"
#include "decode/page.h"

/* Nesting; nothing a service has to say is deeper, and recursion elsewhere
 * relies on it. */
#define DECODE_DEPTH 128

/* What must come next. */
enum decode_expect {
	EXPECT_VALUE,
	EXPECT_ELEMENT, /* a value, or the array's end */
	EXPECT_KEY,
	EXPECT_MEMBER,  /* a key, or the object's end */
	EXPECT_COLON,
	EXPECT_COMMA,   /* or the end of what we are in */
	EXPECT_NOTHING
};

/* An array or object that some path goes into. */
struct decode_frame {
	uint32_t state;
	uint32_t index;  /* of the next element */
	uint32_t start;  /* where it begins in the body */
	uint32_t rows;   /* the page's when it began */
	uint32_t raw;
	uint8_t is_array;
};

/* Something that a path that fans out led to. */
struct decode_piece {
	uint32_t column;
	uint32_t at;
	uint32_t end;
};

struct decode_pieces {
	struct decode_piece * v;
	size_t n;
	size_t cap;
};

/* What of a state's scalars goes into its column's cell as it is
 * (decode_json_quick.h). */
enum decode_quick_how { QUICK_NOT, QUICK_TEXT, QUICK_TIME, QUICK_INTEGER };
struct decode_quick {
	uint32_t column;
	enum decode_quick_how how;
};

struct shape_step;
struct xml_tree;
struct csv_json;

/* Where we are in an answer of a JSON value a line. */
struct decode_lines {
	size_t line;     /* that are over */
	size_t values;
	uint8_t in_line; /* its value began */
	uint8_t marks;   /* bytes of a byte order mark that were seen */
};

struct decode_json {
	struct decode_plan * plan;
	int failed;
	struct err err;

	/* The bytes: ${fed} of them are read. */
	struct buf body;
	size_t last_len; /* of the answer before: this one may be as long */
	size_t fed;
	size_t look;     /* a string that is not whole was seen up to here */
	size_t stall;    /* wait for so many bytes before reading on */

	/* Where the scanner stands.  ${skip}: so many levels below all paths. */
	enum decode_expect expect;
	uint8_t escaped; /* the string that was read has escapes */
	uint8_t is_map[DECODE_DEPTH]; /* by level, skipped ones too */
	struct decode_frame frames[DECODE_DEPTH];
	size_t nframes;
	size_t skip;
	uint32_t next;   /* the state of the value after a key */
	uint64_t * seen; /* a bit a key, by level: was it there before? */
	size_t words;    /* of a level */

	/* What is expected to stand between values (decode_json_shape.h). */
	struct shape_step * steps;
	size_t nsteps, steps_cap;
	size_t chunk;    /* what stands there began in the body */
	uint16_t step;   /* that came last; 0: none that is known */
	uint16_t outer[DECODE_DEPTH]; /* that led to a level */
	uint16_t known;  /* the number of the key that was read, +1 */
	uint8_t learn;
	uint8_t blind;   /* answers that it is not worth it for */
	int luck;        /* below 0: it is not worth it */

	/* By plan and what is wanted. */
	uint8_t * wanted; /* by column */
	uint8_t * there;  /* by column: what its path fans out from is there */
	uint8_t * live;   /* by state: there is something to do */
	struct decode_quick * quick; /* by state */
	struct value * parent; /* an exploded record's own cells */
	size_t cols_cap, states_cap, seen_cap;

	/* The rows. */
	struct page * page;
	struct value * row;
	struct buf made;
	struct decode_pieces pieces[2]; /* the record's, the element's */
	size_t cuts;     /* pieces looked at because keys came again */
	size_t first;    /* row of the record */
	size_t raw;
	uint8_t in_record, in_element, drop_record, drop_element;
	uint8_t keep_record, keep_element;

	/* What was seen of the record path. */
	uint8_t top_seen, piece_seen, list_seen, list_bad;

	/* Where the answer is no JSON: what came of it (decode_json_front.h). */
	struct xml_tree * xml;
	struct csv_json * csv;
	struct decode_lines lines;

	struct json_token field[BODY_FIELDS]; /* TOKEN_NULL: not there */
	json_t * value[BODY_FIELDS];
	char lack[DECODE_LACK];
};

/** decode_json_take(d, p, n): The next bytes of JSON, whatever the answer is.  0, or
 * -1 with the decoder failed. */
int decode_json_take(struct decode_json * d, const char * p, size_t n);

#endif
