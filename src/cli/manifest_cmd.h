#ifndef MOLTLER_CLI_MANIFEST_CMD_H
#define MOLTLER_CLI_MANIFEST_CMD_H

#include "cli/screen.h"

/** manifest_cmd_run(scr, n, args): "moltler manifest" with the ${n} words after
 * it: check FILE..., test DIR... .  Returns the exit code. */
int manifest_cmd_run(struct screen * scr, int n, char ** args);

#endif
