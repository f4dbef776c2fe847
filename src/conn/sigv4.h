#ifndef MOLTLER_CONN_SIGV4_H
#define MOLTLER_CONN_SIGV4_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Requests signed as AWS wants them: Signature Version 4 ("Signature Version 4
 * signing process" in the IAM reference).  libcurl's own (CURLOPT_AWS_SIGV4, 7.88)
 * is right only for URLs that are canonical already.
 */
struct sigv4 {
	const char * access_key;
	const char * secret_key;
	const char * token;       /* of temporary credentials, or NULL */
	const char * region, * service;
	int64_t time_ms;          /* of signing, since 1970 */
	const char * method;
	const char * url;         /* whole, as it will be sent */
	const char * const * headers; /* "Name: value", NULL-terminated; of these
	                             Content-Type and X-Amz-* are signed */
	const void * body;
	size_t body_len;
};

#define SIGV4_LINES 4

/**
 * sigv4_sign(s, lines, n, e):
 * Append the header lines that sign the request ("X-Amz-Date: ...",
 * "X-Amz-Security-Token: ...", "X-Amz-Content-Sha256: ...", "Authorization: ...")
 * to the empty buffers ${lines}, ${*n} of them.  A path's segments are encoded
 * once more than they are sent, and dots and double slashes taken out of it, but
 * for the service s3, whose keys may hold them.  The caller wipes the lines.
 * Errors: config "url".
 */
int sigv4_sign(const struct sigv4 * s, struct buf lines[SIGV4_LINES],
    size_t * n, struct err * e) MUST_CHECK;

#endif
