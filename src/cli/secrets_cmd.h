#ifndef MOLTLER_CLI_SECRETS_CMD_H
#define MOLTLER_CLI_SECRETS_CMD_H

#include "cli/client_http.h"
#include "cli/output.h"
#include "cli/screen.h"

/**
 * secrets_cmd_usage(n, args):
 * What is wrong with the words after "secrets", or NULL: "set NAME [VALUE]",
 * "list", "rm NAME".
 */
const char * secrets_cmd_usage(int n, char ** args);

/**
 * secrets_cmd_run(c, scr, f, n, args):
 * Do it.  A VALUE that is not given is asked for twice on the terminal, without
 * echo, or read from standard input, where one newline at the end is cut.  A
 * VALUE in ${args} is overwritten, so that ps does not show it any longer.
 * Return the exit code.
 */
int secrets_cmd_run(struct client_http * c, struct screen * scr,
    enum output_format f, int n, char ** args);

#endif
