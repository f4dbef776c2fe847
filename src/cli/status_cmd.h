#ifndef MOLTLER_CLI_STATUS_CMD_H
#define MOLTLER_CLI_STATUS_CMD_H

#include "cli/client_http.h"
#include "cli/output.h"
#include "cli/screen.h"

/**
 * status_cmd_run(c, scr, f, watch):
 * Show how the daemon and its connectors are: a table for people or, with
 * OUTPUT_JSON, one line of JSON with the daemon's own facts.  With ${watch}
 * again every two seconds until Ctrl-C, which is the good end.  Return the exit
 * code.
 */
int status_cmd_run(struct client_http * c, struct screen * scr,
    enum output_format f, int watch);

#endif
