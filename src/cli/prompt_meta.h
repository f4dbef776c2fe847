#ifndef MOLTLER_CLI_PROMPT_META_H
#define MOLTLER_CLI_PROMPT_META_H

#include <stddef.h>

#include "cli/prompt.h"

/** prompt_meta_run(p, line, len): Run the backslash command on the line, or
 * quit, exit, help. */
void prompt_meta_run(struct prompt * p, const char * line, size_t len);

/** prompt_meta_names(): The commands, with their backslash, ended by NULL. */
const char * const * prompt_meta_names(void);

#endif
