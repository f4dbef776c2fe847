#ifndef MOLTLER_CLI_MANIFEST_START_H
#define MOLTLER_CLI_MANIFEST_START_H

#include <stddef.h>

/* A file that "manifest new" writes: its path in the type's folder, and its text
 * with @NAME@ and @URL@ in it.  The last has no path. */
struct manifest_start {
	const char * path;
	const char * text;
};
extern const struct manifest_start manifest_start_files[];

#endif
