#ifndef MOLTLER_TARGET_ELASTIC_MAPPING_H
#define MOLTLER_TARGET_ELASTIC_MAPPING_H

#include <jansson.h>

#include "base/err.h"
#include "target/elastic_call.h"
#include "target/writer.h"

/*
 * Columns as fields of an index: text -> text with a sub-field keyword, or keyword
 * where it is part of the key; integer -> long; real -> double; boolean; timestamp
 * -> date; list -> keyword; map -> flattened (Elasticsearch), flat_object
 * (OpenSearch since 2.7), else an object that is kept but not searched.
 */

/** elastic_mapping_has_flat(who): Whether the engine should know a type for maps. */
int elastic_mapping_has_flat(const struct elastic_who * who);

/**
 * elastic_mapping_template(spec, who, flat): The index template of spec->table;
 * with ${flat} maps have the engine's type.
 * elastic_mapping_rejected(index): That of the index ${index} of rejected rows.
 * Owned by the caller; NULL: out of memory.
 */
json_t * elastic_mapping_template(const struct writer_spec * spec,
    const struct elastic_who * who, int flat);
json_t * elastic_mapping_rejected(const char * index);

/**
 * elastic_mapping_missing(spec, who, flat, there, out, e):
 * Compare with ${there}, the answer of GET /<index>/_mapping: ${*out} is the body of
 * the PUT that adds the fields that are not there, NULL if all are; the caller
 * owns it.  Errors: config "mapping", naming field, both types and the remedy;
 * memory.
 */
int elastic_mapping_missing(const struct writer_spec * spec,
    const struct elastic_who * who, int flat, const json_t * there,
    json_t ** out, struct err * e) MUST_CHECK;

#endif
