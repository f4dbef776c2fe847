#ifndef MOLTLER_CONN_MANIFEST_H
#define MOLTLER_CONN_MANIFEST_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"

/*
 * A manifest describes a type of service: what its configuration may hold, how
 * to sign in, which entities it has and how each is asked for and decoded.
 * It is read once, checked whole, never changed, and counted: a connector holds
 * the manifest it was made with, so a reload does not disturb what runs.
 * The format is described in connectors/README.md.
 */

enum manifest_decode { DECODE_OPENMETRICS };

struct manifest_column {
	const char * name;
	const char * type; /* text, integer, real, boolean, timestamp, map, list */
	const char * description;
};

struct manifest_entity {
	const char * name;
	const char * description;
	int is_main;
	const char * method;
	const char * url;      /* a template */
	const json_t * headers;       /* name -> template, or NULL */
	const json_t * timeout_ms;    /* an integer, a template, or NULL */
	enum manifest_decode decode;
	unsigned retry_count;
	int retry_base_ms;
	struct manifest_column * columns;
	size_t ncolumns;
};

struct manifest {
	unsigned refs;
	json_t * doc; /* everything below points into it */
	const char * type;
	const char * title;
	const char * description;
	const char * drive_model;
	const json_t * config; /* key -> field schema */
	const json_t * auth;   /* or NULL */
	struct manifest_entity * entities;
	size_t nentities;
	const struct manifest_entity * main; /* or NULL */
};

/**
 * manifest_parse(s, n, file, e):
 * Read the manifest in the ${n} bytes at ${s}; ${file} names it in errors.
 * The caller owns a reference.  Errors: config, with the file and the JSON
 * path of the first fault.
 */
struct manifest * manifest_parse(const char * s, size_t n, const char * file,
    struct err * e) MUST_CHECK;

struct manifest * manifest_ref(struct manifest * m);
void manifest_unref(struct manifest * m); /* NULL is a no-op */

/** manifest_entity(m, name): The entity (borrowed), or NULL. */
const struct manifest_entity * manifest_entity(const struct manifest * m,
    const char * name);

#endif
