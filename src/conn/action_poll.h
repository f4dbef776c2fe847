#ifndef MOLTLER_CONN_ACTION_POLL_H
#define MOLTLER_CONN_ACTION_POLL_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "manifest/manifest.h"

/*
 * What an answer says of an action that was accepted, but not done at once.
 */
enum poll_word { POLL_PENDING, POLL_DONE, POLL_FAILED };

/** action_poll_first(act, status, body): What the action's own answer says; POLL_DONE
 * where ${act} does not poll after such an answer. */
enum poll_word action_poll_first(const struct manifest_action * act, int status,
    const json_t * body);

/** action_poll_word(p, status, body): What the answer to a later question says, if
 * ${status} is 2xx or action_poll_speaks(): it speaks of the action, and not of the
 * question. */
enum poll_word action_poll_word(const struct manifest_poll * p, int status,
    const json_t * body);
int action_poll_speaks(const struct manifest_poll * p, int status);

/** action_poll_result(p, body): The result of one that is done; the caller owns it. */
json_t * action_poll_result(const struct manifest_poll * p,
    const json_t * body);

/** action_poll_failed(p, body, e): Fill ${e} for one that failed: permanent "failed", in
 * the service's own words. */
void action_poll_failed(const struct manifest_poll * p, const json_t * body,
    struct err * e);

/** action_poll_show(p, out): How it is asked, for a person. */
void action_poll_show(const struct manifest_poll * p, struct buf * out);

#endif
