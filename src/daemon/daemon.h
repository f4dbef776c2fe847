#ifndef MOLTLER_DAEMON_DAEMON_H
#define MOLTLER_DAEMON_DAEMON_H

#include "daemon/settings.h"

/**
 * daemon_run(c, e):
 * Bring everything up in order, run until SIGTERM or SIGINT, drain, take it
 * down.  0, or -1 with ${e} if it could not come up.
 */
int daemon_run(struct settings * c, struct err * e) MUST_CHECK;

#endif
