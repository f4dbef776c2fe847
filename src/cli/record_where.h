#ifndef MOLTLER_CLI_RECORD_WHERE_H
#define MOLTLER_CLI_RECORD_WHERE_H

#include <jansson.h>

#include "base/err.h"

/** record_where_parse(text, where, e): Read "col = 'x' AND n IN (1, 2)" and append
 * to ${where} what a fixture has for it.  Known are = != <> < <= > >= IN, LIKE
 * 'x%' and '%x%', CONTAINS, BETWEEN, IS NULL, IS NOT NULL.  Errors: config
 * "where", with the place. */
int record_where_parse(const char * text, json_t * where, struct err * e)
    MUST_CHECK;

#endif
