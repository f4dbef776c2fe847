#ifndef MOLTLER_CLI_PROMPT_HISTORY_H
#define MOLTLER_CLI_PROMPT_HISTORY_H

#include <stddef.h>

#include <histedit.h>

/*
 * What was typed, kept in a file of mode 0600, a line an entry (a newline in one
 * is written \n, a backslash \\).  The file is $MOLTLER_HISTORY, none if that is
 * empty; else moltler_history in $XDG_STATE_HOME; else ~/.moltler_history.
 * Several prompts may add to it at once.
 */
struct prompt_history;

/** prompt_history_open(): Read the file; without one, or without memory for
 * entries, there is just less to recall.  NULL when out of memory. */
struct prompt_history * prompt_history_open(void);

/** prompt_history_edit(h): What libedit walks through; borrowed. */
History * prompt_history_edit(struct prompt_history * h);

/** prompt_history_add(h, s, len): Keep one statement or command, unless
 * prompt_history_keeps says no, or it is the last one again. */
void prompt_history_add(struct prompt_history * h, const char * s, size_t len);

/** prompt_history_keeps(s, len): Whether nothing in it looks like a secret: no
 * SET SECRET, no text that is no reference under a name such as "token", no
 * password in a URL. */
int prompt_history_keeps(const char * s, size_t len);

void prompt_history_free(struct prompt_history * h); /* NULL is a no-op */

#endif
