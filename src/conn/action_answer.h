#ifndef MOLTLER_CONN_ACTION_ANSWER_H
#define MOLTLER_CONN_ACTION_ANSWER_H

#include <jansson.h>

#include "base/err.h"
#include "manifest/manifest.h"
#include "net/http.h"

/** action_answer_read(m, act, res): What the service said: JSON, what ${act} (NULL:
 * none) says a success of it is, or text as it is; null if nothing.  A success of one
 * that answers with text is text, whatever it looks like.  An error is what it says
 * it is.  The caller owns it. */
json_t * action_answer_read(const struct manifest * m,
    const struct manifest_action * act, const struct http_res * res);

/** action_answer_result(act, body, e): The part of ${body} that is the action's
 * result; the caller owns it.  NULL with ${e} (permanent "no_text") if it should be
 * text and is none. */
json_t * action_answer_result(const struct manifest_action * act,
    const json_t * body, struct err * e) MUST_CHECK;

/** action_answer_at(body, path): The value at ${path} (NULL: all) of ${body}
 * (borrowed), or NULL.  action_answer_same(a, b): Whether they are equal; of texts
 * the case does not matter. */
json_t * action_answer_at(const json_t * body, const char * path);
int action_answer_same(const json_t * a, const json_t * b);

/** action_answer_keys: The members by which services call what they made, the best
 * first; ends with NULL.
 * action_answer_is(record, name): Whether it calls ${record} so. */
extern const char * const action_answer_keys[];
int action_answer_is(const json_t * record, const char * name);

#endif
