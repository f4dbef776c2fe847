#ifndef MOLTLER_CLI_FIXTURE_DIFF_H
#define MOLTLER_CLI_FIXTURE_DIFF_H

#include <jansson.h>

#include "base/buf.h"

/** fixture_diff_json(what, got, want, why): Where two JSON values differ first,
 * after ${what}; numbers are compared by value.  0 if they do not, else -1. */
int fixture_diff_json(const char * what, const json_t * got,
    const json_t * want, struct buf * why);

/** fixture_diff_url(got, want, why): The same for URLs: parameters may stand in
 * any order and be written in any way. */
int fixture_diff_url(const char * got, const char * want, struct buf * why);

#endif
