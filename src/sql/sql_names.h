#ifndef MOLTLER_SQL_SQL_NAMES_H
#define MOLTLER_SQL_SQL_NAMES_H

#include <stddef.h>

#include "base/err.h"
#include "sql/token.h"

#define SQL_NAME_MAX 128 /* bytes with the NUL */

/*
 * A name that stands where a table is read: after FROM, JOIN, a comma among
 * those, or IN.  ${schema} is "" for a bare name.  A run of words, digits and
 * - . * without a space (my-cache-*) is one bare name, ${merged}, unless it is
 * just schema.table.  es: or sqlite: may stand before it and is part of it.
 */
struct sql_name {
	char schema[SQL_NAME_MAX];
	char table[SQL_NAME_MAX];
	size_t first, last; /* its tokens */
	int merged;
};

struct sql_names {
	struct sql_name * v;
	size_t n;
};

/**
 * sql_names(list, max, names, e):
 * Find the table names of a statement, in order, repeated ones too, at most
 * ${max}.  Names too long for ${struct sql_name} have an empty table.  Errors:
 * Permanent "sql" with the place (too many names, nested too deeply).
 */
int sql_names(const struct token_list * list, size_t max,
    struct sql_names * names, struct err * e) MUST_CHECK;

/** sql_names_free(names): Free them; ${names} is empty afterwards. */
void sql_names_free(struct sql_names * names);

#endif
