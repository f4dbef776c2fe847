#ifndef MOLTLER_CLI_TABLE_TEXT_H
#define MOLTLER_CLI_TABLE_TEXT_H

#include <stddef.h>

#include "base/buf.h"

/* Text as it may stand on a terminal: what would drive one is an escape.  Widths are
 * the terminal's cells. */

/** table_text_add(out, s, len, limit): Append the visible form of ${s}, but not much
 * more than ${limit} cells of it (0: all): what is wider is cut when drawn.  Return
 * its width; what fails shows in ${out}. */
size_t table_text_add(struct buf * out, const char * s, size_t len,
    size_t limit);

/** table_text_width(s, n): Of the one character in ${n} bytes.
 * table_text_within(s, len, w): How many bytes of ${s} fit in ${w} cells, at least one
 * character.  Both of visible forms. */
size_t table_text_width(const char * s, size_t n);
size_t table_text_within(const char * s, size_t len, size_t w);

#endif
