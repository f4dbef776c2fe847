#ifndef MOLTLER_SECRET_SECRET_KEY_H
#define MOLTLER_SECRET_SECRET_KEY_H

#include "base/err.h"
#include "secret/secret_box.h"

/* Where the master key comes from: a text, or a file that holds one. */

/** secret_key_parse(s, key, e): 64 hex digits, or the base64 of 32 bytes; blanks
 * at the end do not count.  Errors: config "master_key", ${s} is never cited. */
int secret_key_parse(const char * s, struct secret_key * key, struct err * e)
    MUST_CHECK;

/**
 * secret_key_read(path, key, e):
 * Read it from a file that is ours (or root's) alone: a regular one of mode 0600
 * or less.  0; 1 if there is no such file; -1 with ${e}: config "master_key".
 */
int secret_key_read(const char * path, struct secret_key * key,
    struct err * e) MUST_CHECK;

/** secret_key_make(path, key, e): Put a new one there, mode 0600 and on the disk
 * when this returns; one that stands there already is read instead. */
int secret_key_make(const char * path, struct secret_key * key,
    struct err * e) MUST_CHECK;

#endif
