#ifndef MOLTLER_BASE_VALUE_H
#define MOLTLER_BASE_VALUE_H

#include <stdint.h>

/*
 * One cell of a row, as a service sent it and the manifest typed it.  Booleans
 * are integers 0 and 1, timestamps are text as rfc3339_format() writes it, lists
 * and maps are text that is JSON.
 */
enum value_type { VALUE_NULL, VALUE_INT, VALUE_REAL, VALUE_TEXT };

struct value {
	uint8_t type;  /* an enum value_type */
	uint8_t is_json; /* an array or object that was read as JSON; 0: not known */
	uint32_t len;  /* of the text */
	union {
		int64_t i;
		double d;
		const char * s; /* not NUL-terminated; whose it is the holder says */
	};
};

#endif
