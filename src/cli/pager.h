#ifndef MOLTLER_CLI_PAGER_H
#define MOLTLER_CLI_PAGER_H

#include "base/buf.h"
#include "base/err.h"
#include "cli/screen.h"

/**
 * pager_show(command, scr, b, e):
 * Give all of ${b} to the shell's ${command} and wait for its end; clear ${b}.
 * less is told not to fold lines and to leave short ones standing, unless LESS
 * says how it shall be.  Without that program ${b} goes to the screen.  Errors:
 * as screen_write; leaving the pager early is none.
 */
int pager_show(const char * command, struct screen * scr, struct buf * b,
    struct err * e) MUST_CHECK;

#endif
