#ifndef MOLTLER_CONN_TEMPLATE_H
#define MOLTLER_CONN_TEMPLATE_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Templates are typed and strict: "{{config.auth.username}}" is the value at
 * that path, and a value that is missing is an error, never an empty string.
 */

/** template_check(t, schema, e): Whether ${t} is well formed and speaks only
 * of what the config schema ${schema} has.  0 or -1 (config). */
int template_check(const char * t, const json_t * schema, struct err * e)
    MUST_CHECK;

/** template_expand(t, config, out, e): Append ${t} with its values to ${out}.
 * 0 or -1 (config, naming the missing path). */
int template_expand(const char * t, const json_t * config, struct buf * out,
    struct err * e) MUST_CHECK;

#endif
