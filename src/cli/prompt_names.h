#ifndef MOLTLER_CLI_PROMPT_NAMES_H
#define MOLTLER_CLI_PROMPT_NAMES_H

#include <jansson.h>

#include "cli/client_http.h"

/*
 * The names there are to complete, asked of the daemon when first wanted and
 * kept for half a minute.  All questions of one completion together may take
 * 400 ms; where they take longer or fail, what was known is used, and nothing is
 * asked for five seconds.
 */
struct prompt_names;

enum prompt_names_kind {
	PROMPT_NAMES_CONNECTORS,
	PROMPT_NAMES_TYPES,
	PROMPT_NAMES_ENTITIES, /* of connector ${a} */
	PROMPT_NAMES_COLUMNS,  /* of ${a}.${b}, or of table ${b} */
	PROMPT_NAMES_ACTIONS,  /* of ${a}.${b} */
	PROMPT_NAMES_CONFIG,   /* keys of type ${a} */
	PROMPT_NAMES_SECRETS,
	PROMPT_NAMES_SYNCS,
	PROMPT_NAMES_TARGETS   /* that syncs write to, as TO and FROM say them */
};

/** prompt_names_new(c): NULL when out of memory; ${c} is borrowed. */
struct prompt_names * prompt_names_new(struct client_http * c);

/** prompt_names_begin(n): A completion begins, and with it its time. */
void prompt_names_begin(struct prompt_names * n);

/** prompt_names_get(n, kind, a, b): A list of strings, borrowed until the next
 * call; empty or NULL if there are none or none are known. */
const json_t * prompt_names_get(struct prompt_names * n,
    enum prompt_names_kind kind, const char * a, const char * b);

/** prompt_names_type(n, connector): Its type, or NULL; borrowed. */
const char * prompt_names_type(struct prompt_names * n, const char * connector);

/** prompt_names_client(n, c): Ask this daemon from now on, and forget all. */
void prompt_names_client(struct prompt_names * n, struct client_http * c);

/** prompt_names_stale(n): Something was made or dropped: ask again. */
void prompt_names_stale(struct prompt_names * n);

void prompt_names_free(struct prompt_names * n); /* NULL is a no-op */

#endif
