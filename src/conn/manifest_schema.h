#ifndef MOLTLER_CONN_MANIFEST_SCHEMA_H
#define MOLTLER_CONN_MANIFEST_SCHEMA_H

#include <jansson.h>

#include "base/err.h"

/*
 * The schema of a type's configuration: an object key -> field, a field being
 *   {"type": "string|url|secret_ref|integer|boolean|variant",
 *    "required", "default", "description", "min", "max", "variants"}.
 * A variant is an object whose own "type" key chooses among named sets of
 * further fields.
 */

/** manifest_name_ok(s): Letters, digits and _, beginning with a letter, at
 * most 64. */
int manifest_name_ok(const char * s);

/** manifest_schema_check(schema, path, e): Check a schema itself.  0 or -1
 * (config, naming the JSON path). */
int manifest_schema_check(const json_t * schema, const char * path,
    struct err * e) MUST_CHECK;

/** manifest_auth_check(auth, schema, e): Check a manifest's auth section,
 * whose templates speak of ${schema}; NULL is fine.  0 or -1 (config). */
int manifest_auth_check(const json_t * auth, const json_t * schema,
    struct err * e) MUST_CHECK;

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
 * stay, passwords inside URLs become "***".  NULL when out of memory.
 */
json_t * manifest_config_hide(const json_t * schema, const json_t * config);

#endif
