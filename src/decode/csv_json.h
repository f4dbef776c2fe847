#ifndef MOLTLER_DECODE_CSV_JSON_H
#define MOLTLER_DECODE_CSV_JSON_H

#include <stddef.h>

#include "base/err.h"
#include "decode/decode_json_plan.h"

/*
 * CSV (RFC 4180) as JSON, as it arrives: a list of objects whose members are named
 * by the first line.  All values are texts; an empty one is null, "" is an empty text.
 */
struct csv_json;

typedef int csv_json_sink(void * arg, const char * p, size_t n);

/**
 * csv_json_new(): To be used again and again; NULL if no memory.
 * _begin(c, plan, sink, arg): A new answer, written in pieces given to ${sink}; what
 * ${plan} does not look for is left out (NULL: nothing).
 * _feed(c, p, n): The next bytes.  -1: it is bad, or the sink said so; _end tells.
 * _end(c, e): It is complete.  0, or -1 with Permanent "csv" (with the line) or
 * "too_big"; nothing of it is cited.  Where the sink failed ${e} is a "sink".
 */
struct csv_json * csv_json_new(void);
void csv_json_free(struct csv_json * c); /* NULL is a no-op */
void csv_json_begin(struct csv_json * c, const struct decode_plan * plan,
    csv_json_sink * sink, void * arg);
int csv_json_feed(struct csv_json * c, const char * p, size_t n);
int csv_json_end(struct csv_json * c, struct err * e) MUST_CHECK;

#endif
