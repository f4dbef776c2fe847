#ifndef MOLTLER_CONN_ANSWER_RULES_H
#define MOLTLER_CONN_ANSWER_RULES_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "conn/answer_budget.h"
#include "manifest/manifest.h"
#include "net/http.h"

/*
 * What an answer means: the manifest's error rules, then the usual ones.
 */
enum answer_kind { ANSWER_OK, ANSWER_ERROR, ANSWER_RATE_LIMITED, ANSWER_EMPTY,
	ANSWER_SKIP, ANSWER_ERROR_SKIP, ANSWER_START_OVER, ANSWER_SPLIT,
	ANSWER_NOT_MODIFIED };

/**
 * answer_judge(m, res, body, url, now_ms, e):
 * Judge ${res}; ${body} is a JSON body already read, or NULL (error bodies are
 * read here).  For all but OK, EMPTY, SKIP and NOT_MODIFIED ${e} is filled: codes
 * "http_<status>", "rate_limit" (transient, retry_after_ms filled) or the
 * rule's; ERROR_SKIP is an error, but a part that stays so is left out;
 * START_OVER one, transient, but the list may be read from its beginning; SPLIT one, but
 * narrower windows of the list may be read); the message
 * names ${url} (made safe), the service's own words and what
 * to do.
 */
enum answer_kind answer_judge(const struct manifest * m,
    const struct http_res * res, const json_t * body, const char * url,
    int64_t now_ms, struct err * e);

/** answer_failed(m, res, url, e): The usual class of an answer that is not good, in
 * the service's own words; fills ${e}. */
void answer_failed(const struct manifest * m, const struct http_res * res,
    const char * url, struct err * e);

/** answer_says(m, res, what): Whether the first rule that matches says ${what}.  Of good
 * answers only short ones are looked at. */
int answer_says(const struct manifest * m, const struct http_res * res,
    enum error_do what);

/** answer_has_body_rules(m): Whether a good answer's body has to be looked at. */
int answer_has_body_rules(const struct manifest * m);

/** answer_may_match(m, how, s, n): Whether one of these rules may find something in
 * what stands at ${s} as ${how} says: the keys of its path do.  For what is large. */
int answer_may_match(const struct manifest * m, enum manifest_decode how,
    const char * s, size_t n);

#endif
