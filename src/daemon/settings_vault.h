#ifndef MOLTLER_DAEMON_SETTINGS_VAULT_H
#define MOLTLER_DAEMON_SETTINGS_VAULT_H

#include "base/err.h"
#include "daemon/settings.h"
#include "secret/vault.h"

/** settings_vault_open(c, loop, http, secrets, v, e): Make what ${secrets} asks, if
 * there is one; it asks nobody before vault_start().  All borrowed. */
int settings_vault_open(const struct settings * c, struct loop * loop,
    struct http * http, struct secrets * secrets, struct vault ** v,
    struct err * e) MUST_CHECK;

/** settings_vault_check(c, e): Whether they go together.  Errors: config. */
int settings_vault_check(const struct settings * c, struct err * e)
    MUST_CHECK;

#endif
