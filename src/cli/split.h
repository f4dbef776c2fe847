#ifndef MOLTLER_CLI_SPLIT_H
#define MOLTLER_CLI_SPLIT_H

#include <stddef.h>

/* One statement of a text: where it is, without its semicolon. */
struct split_stmt {
	const char * p; /* borrowed from the text */
	size_t len;
	unsigned line; /* the line of its first byte, from 1 */
	int ended;     /* by a semicolon */
	/* What the text leaves open: the quote's character ('[' for a name in
	 * brackets), '*' or '-' for a comment, '{' or '(', 'b' for BEGIN; 0: nothing.
	 * And where a quote or comment begins. */
	char open;
	const char * open_at;
};

/**
 * split_next(p, end, line, s):
 * Find the next statement of the text from ${*p} to ${end}: statements end at
 * semicolons outside quotes ('', "", ``, []; in objects "" has escapes) and
 * comments (-- and slash-star) or with the text, and BEGIN ... END is one; what
 * holds only space and comments is none.  ${*line} is the line of ${*p}, 1 at
 * first; both move on.  Return 1, or 0 when there are no more; then ${s} still
 * says what is open.
 */
int split_next(const char ** p, const char * end, unsigned * line,
    struct split_stmt * s);

#endif
