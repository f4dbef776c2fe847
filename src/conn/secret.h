#ifndef MOLTLER_CONN_SECRET_H
#define MOLTLER_CONN_SECRET_H

#include "base/buf.h"
#include "base/err.h"

/*
 * References to secrets.  A running process cannot see a change of its
 * parent's environment, so $env:NAME looks into an env file first, which is
 * read again whenever secrets_reload() is called.
 */
struct secrets;

/** secret_is_ref(s): Whether ${s} has the form of a reference that can be
 * resolved: $env:NAME. */
int secret_is_ref(const char * s);

/**
 * secrets_new(env_file, e): ${env_file} may be NULL: the environment alone.
 * Its lines are NAME=value, "export " before and quotes around are fine, # begins
 * a comment line.  NULL with ${e} (config) if it cannot be read or parsed.
 */
struct secrets * secrets_new(const char * env_file, struct err * e);
void secrets_free(struct secrets * s);

/** secrets_reload(s, e): Read the env file again; on -1 the old values stay. */
int secrets_reload(struct secrets * s, struct err * e);

/**
 * secrets_resolve(s, ref, out, e):
 * Append the value ${ref} stands for to ${out}; the caller wipes it after use.
 * Errors: config "secret"; the message names the reference, never a value.
 */
int secrets_resolve(const struct secrets * s, const char * ref,
    struct buf * out, struct err * e) MUST_CHECK;

#endif
