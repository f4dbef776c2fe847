#ifndef MOLTLER_SECRET_SECRET_H
#define MOLTLER_SECRET_SECRET_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "secret/secret_box.h"

/*
 * References to secrets, and what they stand for:
 *   {{secrets.NAME}}  the own store, of which sealed texts alone are in memory;
 *   $env:NAME         a running process cannot see a change of its parent's
 *                     environment, so an env file comes first, which is read
 *                     again whenever secrets_reload() is called;
 *   vault:PATH#KEY    what a Vault holds (vault.h), where one is configured.  It
 *                     may have to be asked first: then resolving fails with the
 *                     code SECRET_WAIT, and is tried again after secrets_wait().
 * Names that begin with "~" are hidden: they hold the literals of connectors'
 * configurations (run/literals.h) and are shown to nobody.
 */
struct secrets;
struct vault;
struct vault_wait;

/** secret_is_ref(s): Whether the whole of ${s} has the form of a reference. */
int secret_is_ref(const char * s);

/** secret_is_hidden(s): Whether it is one to a hidden name. */
int secret_is_hidden(const char * s);

/** secret_is_vault(s): Whether it is vault:PATH#KEY. */
int secret_is_vault(const char * s);

/** secret_shown(s): What may be shown of a secret field's value: ${s} itself if
 * it is a reference, "***" for a literal or a hidden one. */
const char * secret_shown(const char * s);

/** secret_ref_name(s, n): The NAME of {{secrets.NAME}}, ${*n} bytes in ${s}, or
 * NULL. */
const char * secret_ref_name(const char * s, size_t * n);

/** secret_name_ok(s): Letters, digits, _ . and -, 1 to 128. */
int secret_name_ok(const char * s);

/**
 * secrets_new(env_file, e): ${env_file} may be NULL: the environment alone.
 * Its lines are NAME=value, "export " before and quotes around are fine, # begins
 * a comment line.  NULL with ${e} (config) if it cannot be read or parsed.
 */
struct secrets * secrets_new(const char * env_file, struct err * e);
void secrets_free(struct secrets * s);

/** secrets_reload(s, e): Read the env file again; on -1 the old values stay. */
int secrets_reload(struct secrets * s, struct err * e);

/** secrets_changes(s): Goes up with each value that may have changed, hidden ones
 * left out: their names are new each time. */
uint64_t secrets_changes(const struct secrets * s);

/*
 * The own store's part; run/secret_store.h fills it.
 * secrets_key(s, key): The key from now on (copied); NULL: there is none.
 * secrets_key_get(s): That key (borrowed), or NULL.
 * secrets_trouble(s, e): Why sealed texts cannot be opened, which is then what
 * resolving one says; NULL: no reason.
 * secrets_put(s, name, sealed, e): Keep a sealed text (copied).
 * secrets_sealed(s, name): The sealed text (borrowed), or NULL.
 * secrets_drop(s, name): Forget it.
 * secrets_each(s, cb, arg): For each, in no order; ${cb} may drop the one it got.
 */
void secrets_key(struct secrets * s, const struct secret_key * key);
const struct secret_key * secrets_key_get(const struct secrets * s);
void secrets_trouble(struct secrets * s, const struct err * e);
int secrets_put(struct secrets * s, const char * name, const char * sealed,
    struct err * e) MUST_CHECK;
const char * secrets_sealed(const struct secrets * s, const char * name);
void secrets_drop(struct secrets * s, const char * name);
void secrets_each(struct secrets * s, void (*cb)(void * arg,
    const char * name, const char * sealed), void * arg);

/**
 * secrets_resolve(s, ref, out, e):
 * Append the value ${ref} stands for to ${out}; the caller wipes it after use.
 * Errors: config "secret"; transient "secret" and SECRET_WAIT (a Vault); the message
 * names the reference, never a value.
 * secrets_last(s, ref, out): The value that it last stood for, if there is one: to
 * know it by, not to use it.  0 or -1.
 */
#define SECRET_WAIT "secret_wait"
int secrets_resolve(const struct secrets * s, const char * ref,
    struct buf * out, struct err * e) MUST_CHECK;
int secrets_last(const struct secrets * s, const char * ref, struct buf * out)
    MUST_CHECK;

/*
 * secrets_vault(s, v): Where vault: references are asked for (borrowed); NULL:
 * nowhere.
 * secrets_wait(s, config, cb, arg): See vault_wait(), whose result it gives;
 * vault_wait_cancel() ends it.
 * secrets_vault_changes(s): What vault_changes() says, or 0.
 * secrets_refused(s, config, since): See vault_refused(); 0 without a Vault.
 */
void secrets_vault(struct secrets * s, struct vault * v);
struct vault_wait * secrets_wait(const struct secrets * s, const char * config,
    void (*cb)(void * arg), void * arg);
uint64_t secrets_vault_changes(const struct secrets * s);
int secrets_refused(const struct secrets * s, const char * config,
    uint64_t since);

#endif
