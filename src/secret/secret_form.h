#ifndef MOLTLER_SECRET_SECRET_FORM_H
#define MOLTLER_SECRET_SECRET_FORM_H

#include <stddef.h>

/*
 * How a message writes the bytes of a value: as they are, as in a URL, in JSON or in
 * XML.  Each writer has escapes of its own for the same byte, so these are read, not
 * written.
 */
enum secret_form { FORM_PLAIN, FORM_URL, FORM_JSON, FORM_XML, FORMS };

/**
 * secret_form_common(how, s, v, n, same):
 * Return how many bytes of the text ${s} write the beginning of the ${n} bytes at
 * ${v} in that way, and set ${same} to how many of these that are.
 */
size_t secret_form_common(enum secret_form how, const char * s,
    const char * v, size_t n, size_t * same);

#endif
