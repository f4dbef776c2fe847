#ifndef MOLTLER_MANIFEST_MANIFEST_SCHEMA_H
#define MOLTLER_MANIFEST_MANIFEST_SCHEMA_H

#include <jansson.h>

#include "base/err.h"

/*
 * The schema of a type's configuration: an object key -> field, a field being
 *   {"type": "string|url|secret|secret_ref|integer|boolean|variant",
 *    "required", "default", "description", "min", "max", "values", "pattern",
 *    "variants"}.
 * A variant is an object whose own "type" key chooses among named sets of
 * further fields.
 */

/** manifest_name_ok(s): Letters, digits and _, beginning with a letter, at
 * most 64. */
int manifest_name_ok(const char * s);

/**
 * manifest_config_apply(schema, config, path, e):
 * Check ${config} against ${schema}: unknown, missing and ill-typed keys are
 * named one by one, joined by "; ".  Return a new object with the defaults
 * filled in (owned by the caller), or NULL with ${e} (config).
 */
json_t * manifest_config_apply(const json_t * schema, const json_t * config,
    const char * path, struct err * e);

/**
 * manifest_config_hide(schema, config):
 * Return a copy of ${config} for showing (owned by the caller): references
 * stay; secrets that are none, or that were moved into the store under a hidden
 * name, and passwords inside URLs become "***".  NULL when out of memory.
 */
json_t * manifest_config_hide(const json_t * schema, const json_t * config);

#endif
