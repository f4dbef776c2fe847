#ifndef MOLTLER_SECRET_JWT_H
#define MOLTLER_SECRET_JWT_H

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * JSON Web Tokens as services take them for proof of who asks (RFC 7519), signed
 * with HS256, RS256 or ES256 (RFC 7518, section 3).
 */

/** jwt_alg_ok(alg): Whether ${alg} is one of these names. */
int jwt_alg_ok(const char * alg);

/**
 * jwt_sign(alg, key, nkey, header, claims, out, e):
 * Append the token of ${claims} (an object) to ${out}.  ${key}: for HS256 the
 * secret's bytes, else a private key in PEM (PKCS #1, SEC 1 or PKCS #8, without a
 * pass phrase; "\n" written out as two characters, as in the JSON files of clouds,
 * is taken for a line's end).  ${header}: further fields of the header
 * ({"kid": ...}), or NULL; "alg" and "typ" are ours.  Errors: config "key", which
 * never cite the key.
 */
int jwt_sign(const char * alg, const char * key, size_t nkey,
    const json_t * header, const json_t * claims, struct buf * out,
    struct err * e) MUST_CHECK;

#endif
