#ifndef MOLTLER_CLI_RECORD_CMD_H
#define MOLTLER_CLI_RECORD_CMD_H

#include "cli/screen.h"

/** record_cmd_run(scr, n, args): "manifest record" with the ${n} words from
 * "record" on: asks a service and keeps the exchange as a fixture.  Returns the
 * exit code. */
int record_cmd_run(struct screen * scr, int n, char ** args);

/** record_cmd_usage: How it is called. */
extern const char record_cmd_usage[];

#endif
