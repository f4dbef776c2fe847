#ifndef MOLTLER_CLI_OPTIONS_H
#define MOLTLER_CLI_OPTIONS_H

#include <stddef.h>

#include "cli/backup_cmd.h"
#include "cli/output.h"
#include "cli/query_cmd.h"
#include "cli/screen.h"

/* What the words of the command line ask for.  A mistake in them is complained of on
 * ${scr}, and ends the process. */

#define OPTIONS_URL "http://127.0.0.1:8080"

struct options {
	const char * url;
	const char * token_file;
	enum output_format format;
	int format_given;
	int status;
	int watch;
	int prompt;
	struct backup_cmd backup; /* of backup and restore; file NULL: neither */
	char ** secrets; /* the words after "secrets", or NULL */
	int nsecrets;
	struct query_cmd_source * src;
	size_t nsrc;
};

/** What --help shows. */
extern const char options_help[];

/** options_read(o, scr, argc, argv): Fill ${o}, which is zero but for its url; it
 * borrows of ${argv}. */
void options_read(struct options * o, struct screen * scr, int argc,
    char ** argv);

/** options_add_file(o, scr, name): One more source: what is in the file; "-" is standard
 * input. */
void options_add_file(struct options * o, struct screen * scr,
    const char * name);

/** options_token(o, scr): The first line of the token's file, or the environment's,
 * to be wiped and freed; NULL if there is none. */
char * options_token(const struct options * o, struct screen * scr);

#endif
