#ifndef MOLTLER_CLI_BACKUP_CMD_H
#define MOLTLER_CLI_BACKUP_CMD_H

#include "cli/client_http.h"
#include "cli/output.h"
#include "cli/screen.h"

/* moltler backup FILE and moltler restore FILE. */
struct backup_cmd {
	const char * file; /* "-": standard output or input */
	int restore;
	int force, here, keep_cursors;
};

/**
 * backup_cmd_run(c, scr, f, b):
 * Do it.  A backup is written beside FILE, mode 0600, and takes its name once it
 * is whole and on the disk.  Return the exit code.
 */
int backup_cmd_run(struct client_http * c, struct screen * scr,
    enum output_format f, const struct backup_cmd * b);

#endif
