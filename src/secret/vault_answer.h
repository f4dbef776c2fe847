#ifndef MOLTLER_SECRET_VAULT_ANSWER_H
#define MOLTLER_SECRET_VAULT_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * What Vault answers, and what references to it say.  No message has a value.
 */
#define VAULT_REF_MAX 1024
#define VAULT_KEYS_MAX 256

/** vault_ref_split(ref, path, key, e): Cut vault:PATH#KEY; ${path} has
 * VAULT_REF_MAX bytes, ${*key} points into ${ref}.  Errors: config "secret". */
int vault_ref_split(const char * ref, char * path, const char ** key,
    struct err * e) MUST_CHECK;

struct vault_mount {
	size_t len;  /* bytes of the path that are the mount, its slash included */
	int version; /* of the engine: 1 or 2 */
};

/** vault_answer_mount(p, n, path, m, e): Of sys/internal/ui/mounts/${path}.
 * Errors: config "secret": no engine of keys and values; permanent "vault". */
int vault_answer_mount(const char * p, size_t n, const char * path,
    struct vault_mount * m, struct err * e) MUST_CHECK;

struct vault_lease {
	char * token;      /* of a login; the caller wipes and frees it; or NULL */
	int64_t lives_ms;  /* 0: no end */
	int64_t first_ms;  /* what it was given at first; 0: not said */
	int renewable;
};

/** vault_answer_lease(p, n, is_lookup, l, e): Of a login, a renewal or of
 * auth/token/lookup-self.  Errors: permanent "vault". */
int vault_answer_lease(const char * p, size_t n, int is_lookup,
    struct vault_lease * l, struct err * e) MUST_CHECK;

/**
 * vault_answer_data(p, n, version, each, arg, lives_ms, e): Of a secret: ${each} gets
 * every key with its value as text, strings as they are and others as JSON; null is
 * left out.  -1 from it ends it with its ${e}.  ${*lives_ms} 0: not said.  Errors:
 * permanent "vault"; config "secret": it was deleted.
 */
int vault_answer_data(const char * p, size_t n, int version,
    int (*each)(void * arg, const char * key, const char * v, size_t n,
    struct err * e), void * arg, int64_t * lives_ms, struct err * e)
    MUST_CHECK;

/** vault_answer_is_one(p, n): Whether it is Vault's at all, and not that of something
 * before it. */
int vault_answer_is_one(const char * p, size_t n);

/** vault_answer_words(p, n, out, max): The first line of what it complains of, with
 * ": " before it; "" if there is none. */
void vault_answer_words(const char * p, size_t n, char * out, size_t max);

#endif
