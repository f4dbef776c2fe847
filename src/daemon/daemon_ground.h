#ifndef MOLTLER_DAEMON_DAEMON_GROUND_H
#define MOLTLER_DAEMON_DAEMON_GROUND_H

#include <uuid.h>

#include "base/err.h"
#include "daemon/settings.h"

/*
 * What must be there before anything else: a folder, a name, files enough.  Errors:
 * config "data_dir", "nofile".
 */

/** daemon_data_dir(path, e): Make it, and what is above it. */
int daemon_data_dir(const char * path, struct err * e) MUST_CHECK;

/** daemon_node_id(dir, node, e): Who we are, across restarts: the line of the file
 * node_id in ${dir}, which is made where there is none. */
int daemon_node_id(const char * dir, char node[UUID_STR_LEN], struct err * e)
    MUST_CHECK;

/** daemon_files(c, spare, e): Allow as many files as the connections of ${c} need;
 * ${*spare}: so many may be kept open besides. */
int daemon_files(const struct settings * c, unsigned * spare, struct err * e)
    MUST_CHECK;

/** daemon_words(s, out, max): Cut ${s}, whose words have blanks or commas between
 * them; the list ends with NULL.  How many. */
size_t daemon_words(char * s, const char ** out, size_t max);

#endif
