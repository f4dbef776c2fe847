#ifndef MOLTLER_CLI_STATUS_SYNCS_H
#define MOLTLER_CLI_STATUS_SYNCS_H

#include <jansson.h>

#include "base/buf.h"

/** status_syncs(st, out): What /v1/status says of syncs, and of the daemons and what
 * each runs now, as lines.  status_syncs_lines(st): How many these are. */
void status_syncs(const json_t * st, struct buf * out);
size_t status_syncs_lines(const json_t * st);

#endif
