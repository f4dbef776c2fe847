#ifndef MOLTLER_CLI_FIXTURE_H
#define MOLTLER_CLI_FIXTURE_H

#include <jansson.h>

#include "base/buf.h"
#include "manifest/manifest.h"

/*
 * A fixture says which requests a listing or an action of a type must send,
 * what the service answers, and what must come of it (docs/manifest/fixtures.md).
 * It is played through the very code the daemon uses, the network apart.
 */

/** fixture_play(m, fx, why): Play the object ${fx}.  0, or -1 with ${why}: what
 * differed, for a person, in one or more lines. */
int fixture_play(struct manifest * m, const json_t * fx, struct buf * why);

#endif
