#ifndef MOLTLER_DECODE_OPENMETRICS_META_H
#define MOLTLER_DECODE_OPENMETRICS_META_H

#include "decode/openmetrics_line.h"

/**
 * openmetrics_meta_read(l, p, end):
 * Read a line that begins with '#' (not "# EOF").  HELP, TYPE and UNIT are
 * checked and forgotten.  0, or -1 with the fault noted.
 */
int openmetrics_meta_read(struct openmetrics_line * l, const char * p,
    const char * end);

#endif
