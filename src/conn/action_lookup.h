#ifndef MOLTLER_CONN_ACTION_LOOKUP_H
#define MOLTLER_CONN_ACTION_LOOKUP_H

#include <jansson.h>

#include "base/err.h"
#include "conn/connector.h"
#include "manifest/manifest.h"

/** action_lookup_find(c, act, args, body, e): What ${act}'s lookup finds in the
 * answer ${body}: a new reference.  NULL with ${e}: permanent "not_found", naming
 * what there is. */
json_t * action_lookup_find(struct connector * c,
    const struct manifest_action * act, const json_t * args,
    const json_t * body, struct err * e) MUST_CHECK;

#endif
