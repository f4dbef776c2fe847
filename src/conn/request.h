#ifndef MOLTLER_CONN_REQUEST_H
#define MOLTLER_CONN_REQUEST_H

#include "base/err.h"
#include "conn/connector.h"

/*
 * A request of one entity, worked out from manifest and configuration once and
 * sent many times.  Everything but the secrets is in it.
 */
enum request_auth { REQUEST_AUTH_NONE, REQUEST_AUTH_BEARER, REQUEST_AUTH_BASIC };

struct request {
	const char * method;   /* the manifest's */
	char * url;
	char ** headers;       /* "Name: value", NULL-terminated; the slot
	                          nheaders is free for Authorization */
	size_t nheaders;
	int64_t timeout_ms;
	int no_compress;       /* a loopback server: unpacking costs more than
	                          the bytes */
	enum request_auth auth;
	char * username;       /* basic */
	char * secret_ref;     /* bearer's token, basic's password */
};

/**
 * request_prepare(c, ent, e): Expand the templates of ${ent} for ${c}.
 * Errors: config "template".  The caller owns it.
 */
struct request * request_prepare(const struct connector * c,
    const struct manifest_entity * ent, struct err * e) MUST_CHECK;
void request_free(struct request * r); /* NULL is a no-op */

/**
 * request_sign(r, s, out, e):
 * Put the Authorization header line into ${out} (empty if there is none to
 * send); the caller wipes it.  Errors: config "secret", beginning "token
 * resolve: " or "password resolve: ".
 */
int request_sign(const struct request * r, const struct secrets * s,
    struct buf * out, struct err * e) MUST_CHECK;

#endif
