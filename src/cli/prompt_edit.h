#ifndef MOLTLER_CLI_PROMPT_EDIT_H
#define MOLTLER_CLI_PROMPT_EDIT_H

#include <stddef.h>

#include <histedit.h>

#include "cli/prompt_complete.h"
#include "cli/screen.h"

/* Lines from a terminal, by libedit. */
struct prompt_edit;

/* Complete the line: its ${len} bytes, the cursor at ${at}; ${out}->from is a
 * place in this line.  0 or -1. */
typedef int prompt_edit_complete(void * arg, const char * line, size_t len,
    size_t at, struct prompt_completion * out);

enum prompt_edit_end {
	PROMPT_EDIT_LINE,
	PROMPT_EDIT_INTERRUPT, /* Ctrl-C, or the process is to end */
	PROMPT_EDIT_END        /* Ctrl-D, or the terminal is gone */
};

/** prompt_edit_new(scr, h, complete, arg): All are borrowed; ${scr} is measured
 * again when the terminal changes.  NULL if there is no memory or no terminal. */
struct prompt_edit * prompt_edit_new(struct screen * scr, History * h,
    prompt_edit_complete * complete, void * arg);

/** prompt_edit_line(ed, prompt, line, len): Show ${prompt} and wait for a line;
 * it is borrowed until the next call.  interrupt_keep() comes before. */
enum prompt_edit_end prompt_edit_line(struct prompt_edit * ed,
    const char * prompt, const char ** line, size_t * len);

void prompt_edit_free(struct prompt_edit * ed); /* NULL is a no-op */

#endif
