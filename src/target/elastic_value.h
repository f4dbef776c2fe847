#ifndef MOLTLER_TARGET_ELASTIC_VALUE_H
#define MOLTLER_TARGET_ELASTIC_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/value.h"
#include "target/writer.h"

/* Values as they stand in documents; what fails shows in the buffer. */

/** elastic_value_add(b, type, v): ${v} of a column of ${type}, finite, as JSON on one
 * line.  elastic_value_int(b, v): An integer.
 * elastic_value_real(b, v): A real, with as few digits as read back the same. */
void elastic_value_add(struct buf * b, enum column_type type,
    const struct value * v);
void elastic_value_int(struct buf * b, int64_t v);
void elastic_value_real(struct buf * b, double v);

/** elastic_value_string_end(s, i, n): Where JSON's string that begins at s[i] ends:
 * behind its quote; ${n} at the most. */
size_t elastic_value_string_end(const char * s, size_t i, size_t n);

#endif
