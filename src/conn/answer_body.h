#ifndef MOLTLER_CONN_ANSWER_BODY_H
#define MOLTLER_CONN_ANSWER_BODY_H

#include <jansson.h>
#include <stddef.h>

#include "manifest/manifest.h"
#include "net/http.h"

/*
 * A small answer as a tree: errors, actions, tests; lists are decoded without
 * one (decode_json.h).
 */

/** answer_body_said(res): What the answer itself says it is, by its Content-Type or
 * its first bytes: DECODE_XML, else DECODE_JSON. */
enum manifest_decode answer_body_said(const struct http_res * res);

/**
 * answer_body_read(m, also, how, p, n):
 * These bytes as a tree that the caller owns, in the shape that the error rules of
 * ${m} and the path ${also} (either may be NULL) ask for; NULL where they are not
 * ${how}.
 */
json_t * answer_body_read(const struct manifest * m,
    const struct json_path * also, enum manifest_decode how, const char * p,
    size_t n);

/** answer_body(m, res): The body of ${res}, as what it says it is; NULL: none. */
json_t * answer_body(const struct manifest * m, const struct http_res * res);

#endif
