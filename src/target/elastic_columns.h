#ifndef MOLTLER_TARGET_ELASTIC_COLUMNS_H
#define MOLTLER_TARGET_ELASTIC_COLUMNS_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "conn/connector.h"

/*
 * What indexes are read as: their mappings made a manifest, so that an index is
 * planned, paged and decoded as a service's entity is.
 *
 * The manifest has two entities: ELASTIC_TABLE, which statements see (it is named
 * like the pattern), and ELASTIC_HITS, the same columns and then those of
 * enum elastic_extra, which is what answers are decoded by.
 */
enum { ELASTIC_TABLE, ELASTIC_HITS, ELASTIC_ENTITIES };
enum elastic_extra { EXTRA_INDEX, EXTRA_SORT, EXTRA_COUNT };

#define ELASTIC_PAGE_ROWS 1000

/**
 * elastic_columns_table(pattern, answer, e):
 * Of the answer to GET /<pattern>/_mapping.  The connector is named "es"; the
 * caller owns a reference.  NULL with ${e}: config "no_index" (the answer names no
 * index), "no_source", "mapping" (it is none).
 */
struct connector * elastic_columns_table(const char * pattern,
    const json_t * answer, struct err * e) MUST_CHECK;

/* What the engine needs to know to be asked for a column. */
struct elastic_field {
	const char * name;  /* as queries name it */
	const char * type;  /* the engine's word */
	size_t above;       /* texts longer than that are not in the index */
};

/** elastic_columns_field(m, column, f): 0, or -1: it cannot be asked for. */
int elastic_columns_field(const struct manifest * m, const char * column,
    struct elastic_field * f) MUST_CHECK;

/** elastic_columns_source(m, column): Where in _source its values are (borrowed);
 * NULL: they are not there. */
const char * elastic_columns_source(const struct manifest * m,
    const char * column);

#endif
