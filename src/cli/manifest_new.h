#ifndef MOLTLER_CLI_MANIFEST_NEW_H
#define MOLTLER_CLI_MANIFEST_NEW_H

#include "cli/screen.h"

/** manifest_new_run(scr, n, args): "manifest new" with the ${n} words from "new"
 * on: writes a type that works, as a start.  Returns the exit code. */
int manifest_new_run(struct screen * scr, int n, char ** args);

#endif
