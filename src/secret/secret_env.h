#ifndef MOLTLER_SECRET_SECRET_ENV_H
#define MOLTLER_SECRET_SECRET_ENV_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/* The variables that $env:NAME means: those of a file, then the process's. */
struct secret_env {
	const char * path; /* or NULL; borrowed */
	char ** names;     /* sorted by nothing: a handful */
	char ** values;
	size_t n;
};

/** secret_env_read(env, e): Read the file, if there is one; on -1 (config
 * "env_file") the old values stay. */
int secret_env_read(struct secret_env * env, struct err * e) MUST_CHECK;

/** secret_env_wipe(env): Forget all values. */
void secret_env_wipe(struct secret_env * env);

/** secret_env_get(env, ref, out, e): Append the value of "$env:NAME".  Errors:
 * config "secret". */
int secret_env_get(const struct secret_env * env, const char * ref,
    struct buf * out, struct err * e) MUST_CHECK;

#endif
