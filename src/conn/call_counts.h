#ifndef MOLTLER_CONN_CALL_COUNTS_H
#define MOLTLER_CONN_CALL_COUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/http.h"

/* Requests counted by type of service and by the answer's status or the error's
 * code, for the metrics.  So many kinds at most; more are not counted. */
#define CALL_COUNTS_MAX 512
struct call_counts {
	struct {
		char type[64];
		char code[32];
		uint64_t n;
	} v[CALL_COUNTS_MAX];
	size_t n;
};

/** call_counts_add(cc, type, code): One more; "http_" before a code is left away.
 * ${cc} NULL: a no-op. */
void call_counts_add(struct call_counts * cc, const char * type,
    const char * code);

/** call_counts_answer(cc, type, res, e): One more, as http.h's callback got it. */
void call_counts_answer(struct call_counts * cc, const char * type,
    const struct http_res * res, const struct err * e);

#endif
