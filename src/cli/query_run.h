#ifndef MOLTLER_CLI_QUERY_RUN_H
#define MOLTLER_CLI_QUERY_RUN_H

#include "base/err.h"
#include "cli/client_http.h"
#include "cli/output.h"
#include "cli/screen.h"
#include "cli/split.h"
#include "cli/table.h"

struct query_run_opts {
	enum output_format format;
	enum table_shape shape; /* of tables */
	const char * pager;     /* for tables taller than the screen, or NULL */
};

/**
 * query_run(c, scr, o, s, e):
 * Run one statement and write its result to stdout as it comes, with progress
 * on stderr.  Rows that came before an error are shown.  Errors: those of
 * client_http_post, of the daemon and of screen_write; config "not_utf8"; "not_ok"
 * where all came but says that something does not work, a failed test.
 */
int query_run(struct client_http * c, struct screen * scr,
    const struct query_run_opts * o, const struct split_stmt * s,
    struct err * e) MUST_CHECK;

#endif
