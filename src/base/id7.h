#ifndef MOLTLER_BASE_ID7_H
#define MOLTLER_BASE_ID7_H

#include <stdint.h>

#define ID7_LEN 37 /* with its NUL */

/** id7_make(ms, out): A new id (a UUID of version 7): it begins with ${ms} (since 1970),
 * so that ids sort by when they were made, and those of one process also within a
 * millisecond.
 * id7_floor(ms, out): What no id of ${ms} or later sorts before. */
void id7_make(int64_t ms, char out[ID7_LEN]);
void id7_floor(int64_t ms, char out[ID7_LEN]);

#endif
