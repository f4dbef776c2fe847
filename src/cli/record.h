#ifndef MOLTLER_CLI_RECORD_H
#define MOLTLER_CLI_RECORD_H

#include <jansson.h>

#include "cli/record_scrub.h"
#include "cli/screen.h"
#include "manifest/manifest.h"

/* What "manifest record" was told. */
struct record_opts {
	const char * dir;
	const char * entity;   /* one of these three */
	const char * action;
	int test;
	const char * args;     /* of the action, as JSON; NULL: none */
	const char * columns;  /* "a,b"; NULL: all that cost no call of their own */
	const char * description;
	const char * out;      /* NULL: DIR/fixtures/<what>.json */
	json_t * sets;         /* array of "key=value" */
	json_t * options;      /* array of "key=value" */
	json_t * where;        /* array of conditions */
	int64_t limit;         /* rows; -1: all */
	int64_t rows;          /* records a page asked for and kept; 0: all */
	int yes, fails, force;
};

/** record_ask(o, m, e): The fixture's head: config, options, what is asked, now.
 * A literal secret moves to the environment.  Owned by the caller.  Errors: config
 * "record"; "usage" where --set, --option, --where or --args is none. */
json_t * record_ask(const struct record_opts * o, const struct manifest * m,
    struct err * e) MUST_CHECK;

/** record_secrets(config, scrub): What its references open, to be looked for. */
void record_secrets(const json_t * config, struct record_scrub * scrub);

/** record_no_secrets(fx): Every reference in its config is that of fixtures from
 * now on; how many there were. */
size_t record_no_secrets(json_t * fx);

/** record_cut(m, entity, responses, rows, cut): Copies of the responses whose
 * lists have at most ${rows} records; ${*cut}: how many were left out. */
json_t * record_cut(const struct manifest * m, const char * entity,
    const json_t * responses, size_t rows, size_t * cut);

/** record_text(fx): ${fx} as the file's text, to be freed; NULL: no memory. */
char * record_text(const json_t * fx);

/** record_look(fx): Say on stdout where it may hold what concerns people. */
void record_look(const json_t * fx);

/** record_run(scr, o): All of it.  Returns the exit code. */
int record_run(struct screen * scr, const struct record_opts * o);

#endif
