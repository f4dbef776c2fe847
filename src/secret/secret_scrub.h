#ifndef MOLTLER_SECRET_SECRET_SCRUB_H
#define MOLTLER_SECRET_SECRET_SCRUB_H

#include <jansson.h>

#include "base/err.h"
#include "secret/secret.h"

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

/** secret_scrub_each(s, config, found, arg): Call ${found} with each value that
 * would be looked for; those of any length. */
void secret_scrub_each(const struct secrets * s, const char * config,
    void (*found)(void * arg, const char * p, size_t n), void * arg);

/*
 * More secrets of a connector than its configuration refers to: tokens that were
 * fetched for it.  ${each} calls ${found} with each value.  A source is kept by who
 * adds it, until it is removed.
 */
struct scrub_source {
	void (*each)(void * arg, const char * config, void (*found)(void * farg,
	    const char * p, size_t n), void * farg);
	void * arg;
	struct scrub_source * next;
};
void secret_scrub_add(struct scrub_source * src);
void secret_scrub_remove(struct scrub_source * src);

#endif
