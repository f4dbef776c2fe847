#ifndef MOLTLER_CLI_RECORD_SCRUB_H
#define MOLTLER_CLI_RECORD_SCRUB_H

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* The secrets that may not stay in what is kept of an exchange. */
struct record_scrub {
	struct {
		char * p;
		size_t n;
		int wide;      /* base64: what is around it goes too */
	} * forms;             /* longest first */
	size_t n;
	size_t nvalues;
	int has_short;         /* one of them has less than 6 bytes */
	size_t found;          /* how often something was taken out */
	int failed;            /* no memory: nothing may be kept */
};

/** record_scrub_add(s, p, n): Look for these bytes, also percent-encoded, escaped
 * as in JSON, XML or CSV, and inside base64; and where they are a JSON object for its members
 * that are called a key, secret, token or password.  Those of less than 6 are too common to be looked
 * for within a text; they go where they are all of it. */
void record_scrub_add(struct record_scrub * s, const char * p, size_t n);

/** record_scrub_value(s, v): ${v} (taken) without them: "fixture-secret" stands in
 * their place, *** in that of base64.  Owned by the caller; NULL with s->failed. */
json_t * record_scrub_value(struct record_scrub * s, json_t * v);

/** record_scrub_has(s, p, n): Whether some long one stands in this text. */
int record_scrub_has(const struct record_scrub * s, const char * p, size_t n);

/** record_scrub_free(s): Wipe all. */
void record_scrub_free(struct record_scrub * s);

#endif
