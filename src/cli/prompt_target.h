#ifndef MOLTLER_CLI_PROMPT_TARGET_H
#define MOLTLER_CLI_PROMPT_TARGET_H

#include "cli/prompt.h"

/** prompt_target_is(p, name): Whether \d means a target's table by ${name}: one that
 * is written as no connector can be, or that a sync writes to. */
int prompt_target_is(struct prompt * p, const char * name);

/** prompt_target_describe(p, name): Print its columns and their types, or complain. */
void prompt_target_describe(struct prompt * p, const char * name);

#endif
