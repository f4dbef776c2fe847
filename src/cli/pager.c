#include "config.h"

#include "cli/pager.h"

#include <stdio.h>
#include <stdlib.h>

#include "cli/interrupt.h"

int
pager_show(const char * command, struct screen * scr, struct buf * b,
    struct err * e)
{
	FILE * f;
	int status;

	screen_clear_progress(scr);
	setenv("LESS", "-SRFX", 0);
	if ((f = popen(command, "we")) == NULL)
		return (screen_write(scr, b, e));
	/* Fails where the pager is left before its end, which is no error. */
	(void)!fwrite(b->p, 1, b->len, f);
	status = pclose(f);
	/* Ctrl-C was meant for the pager. */
	interrupt_reset();
	/* 127: the shell did not find it. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return (screen_write(scr, b, e));
	buf_clear(b);
	return (0);
}
