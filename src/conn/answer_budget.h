#ifndef MOLTLER_CONN_ANSWER_BUDGET_H
#define MOLTLER_CONN_ANSWER_BUDGET_H

#include <stddef.h>
#include <stdint.h>

#include "manifest/manifest.h"
#include "net/http.h"

/* What the headers of an answer say of a budget; -1 where they do not. */
struct answer_budget {
	int64_t limit, remaining;
	int64_t reset_ms;      /* ms since 1970 when it is full again */
};

/** answer_budget(l, res, now_ms, b): Read the headers that ${l} names. */
void answer_budget(const struct manifest_limits * l,
    const struct http_res * res, int64_t now_ms, struct answer_budget * b);

/**
 * answer_budget_member(v, name, out):
 * The value of the member ${name} (any case) of a header such as
 * "total=100; remaining=99; resets=41" or "\"default\";r=50;t=30", without its
 * quotes; 0, or -1: there is none, or it is too long for a number or a time.
 */
#define ANSWER_MEMBER_LEN 64
int answer_budget_member(const char * v, const char * name,
    char out[ANSWER_MEMBER_LEN]);

/** answer_budget_clock(v, ms): Read a duration as "[d.]hh:mm:ss[.f]"; 0 or -1. */
int answer_budget_clock(const char * v, int64_t * ms);

#endif
