#ifndef MOLTLER_CLI_SCREEN_H
#define MOLTLER_CLI_SCREEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define SCREEN_FAILED "client_output"
#define SCREEN_INTERRUPTED "client_interrupted"

/* Standard output and standard error, and what they are. */
struct screen {
	int out_tty;
	int out_pipe;
	int err_tty;
	int utf8;      /* the locale's text is UTF-8 */
	int color;     /* stdout shows styles: NO_COLOR and TERM=dumb forbid it */
	size_t width;  /* cells a line of stdout; 0 where it is no terminal */
	size_t height;
	int progress;  /* a progress line stands on stderr */
	int64_t written_us; /* when stdout was last written to, or 0 */
};

/** screen_init(s): Set the locale and look what is there. */
void screen_init(struct screen * s);

/** screen_measure(s): Look again how large the terminal is. */
void screen_measure(struct screen * s);

/**
 * screen_write(s, b, e):
 * Write all of ${b} to stdout and clear it, taking a progress line away first.
 * Waits for a slow reader.  When the reader has left, the process ends by
 * SIGPIPE, as filters do.  Errors: permanent SCREEN_FAILED;
 * cancelled SCREEN_INTERRUPTED on Ctrl-C.
 */
int screen_write(struct screen * s, struct buf * b, struct err * e) MUST_CHECK;

/** screen_progress(s, fmt, ...): Show or replace the progress line (ASCII) on
 * stderr, cut to the terminal; nothing where stderr is none. */
void screen_progress(struct screen * s, const char * fmt, ...)
    __attribute__((format(printf, 2, 3)));

/** screen_complain(s, fmt, ...): Say "moltler: ..." on stderr as a line, after
 * taking a progress line away.  Control characters are left out. */
void screen_complain(struct screen * s, const char * fmt, ...)
    __attribute__((format(printf, 2, 3)));

/** screen_end_line(s): On a terminal, leave the line where it shows "^C". */
void screen_end_line(struct screen * s);

/** screen_clear_progress(s): Take the progress line away. */
void screen_clear_progress(struct screen * s);

#endif
