#ifndef MOLTLER_CONN_SECRET_SCRUB_H
#define MOLTLER_CONN_SECRET_SCRUB_H

#include <jansson.h>

#include "base/err.h"
#include "conn/secret.h"

/**
 * secret_scrub(s, config, e):
 * Services cite what they were sent.  Put *** in place of every secret that
 * ${config} (a connector's, as JSON text; NULL: none) refers to wherever it
 * stands in the message of ${e}: as it is, percent-encoded, escaped as in JSON
 * or inside base64, whole or cut short.  Values under 6 bytes are too common to
 * be looked for.  For every error made of a service's words.
 */
void secret_scrub(const struct secrets * s, const char * config,
    struct err * e);

#endif
