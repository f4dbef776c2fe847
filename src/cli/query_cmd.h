#ifndef MOLTLER_CLI_QUERY_CMD_H
#define MOLTLER_CLI_QUERY_CMD_H

#include <stddef.h>

#include "cli/client_http.h"
#include "cli/output.h"
#include "cli/screen.h"

/* A text of statements and where it comes from, for messages. */
struct query_cmd_source {
	const char * name; /* "-e", a file's name, "standard input" */
	char * text;
	size_t len;
};

/**
 * query_cmd_run(c, scr, f, src, n):
 * Run the statements of all ${n} texts in order and write their results to
 * stdout; stop at the first that fails and say which.  Return the exit code.
 */
int query_cmd_run(struct client_http * c, struct screen * scr,
    enum output_format f, const struct query_cmd_source * src, size_t n);

#endif
