#ifndef MOLTLER_CLI_PROMPT_CONTEXT_H
#define MOLTLER_CLI_PROMPT_CONTEXT_H

#include <stddef.h>

/* What could stand at a place in a statement that is not finished. */
#define PROMPT_NAME 130
#define PROMPT_TABLES 16

enum prompt_want {
	PROMPT_WANT_CONNECTORS = 1 << 0,
	PROMPT_WANT_TYPES = 1 << 1,
	PROMPT_WANT_ENTITIES = 1 << 2, /* of the connector ${a} */
	PROMPT_WANT_ACTIONS = 1 << 3,  /* of ${a}.${b} */
	PROMPT_WANT_CONFIG = 1 << 4,   /* keys: of type ${b}, or of ${a}'s */
	PROMPT_WANT_SECRETS = 1 << 5,
	PROMPT_WANT_COLUMNS = 1 << 6,  /* of the tables */
	PROMPT_WANT_ALIASES = 1 << 7,  /* what the tables are called here */
	PROMPT_WANT_SYNCS = 1 << 8,
	PROMPT_WANT_TARGETS = 1 << 9   /* that syncs write to */
};

struct prompt_table {
	char a[PROMPT_NAME]; /* connector or database; may be empty */
	char b[PROMPT_NAME];
	char alias[PROMPT_NAME];
};

struct prompt_context {
	unsigned want;
	size_t word; /* where the word that is typed begins */
	char quote;  /* it stands in this quote, or is to be put in it */
	int dot;     /* a "." goes on behind a connector */
	const char * const * words[3]; /* keywords, each list ended by NULL */
	char a[PROMPT_NAME];
	char b[PROMPT_NAME];
	struct prompt_table tables[PROMPT_TABLES];
	size_t ntables;
};

/**
 * prompt_context(s, len, at, c):
 * What could stand at byte ${at} of the ${len} bytes of lines typed; only the
 * statement around it counts.
 */
void prompt_context(const char * s, size_t len, size_t at,
    struct prompt_context * c);

#endif
