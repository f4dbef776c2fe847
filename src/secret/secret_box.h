#ifndef MOLTLER_SECRET_SECRET_BOX_H
#define MOLTLER_SECRET_SECRET_BOX_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Secrets as they are kept: AES-256-GCM under the master key, bound to their
 * names, as the text "v1:" and the base64 of nonce, ciphertext and tag.  Such a
 * text says nothing but the length; with the key it can be opened anywhere.
 */
#define SECRET_KEY_LEN 32
#define SECRET_VALUE_MAX 65536

struct secret_key {
	unsigned char k[SECRET_KEY_LEN];
};

/** secret_box_seal(key, name, p, n, out, e): Append the sealed text of ${n}
 * bytes, at most SECRET_VALUE_MAX.  0 or -1. */
int secret_box_seal(const struct secret_key * key, const char * name,
    const void * p, size_t n, struct buf * out, struct err * e) MUST_CHECK;

/**
 * secret_box_open(key, name, sealed, out, e):
 * Append what ${sealed} holds; the caller wipes it.  Errors: config "secret",
 * naming ${name}: another key or name, or no sealed text.
 */
int secret_box_open(const struct secret_key * key, const char * name,
    const char * sealed, struct buf * out, struct err * e) MUST_CHECK;

/** secret_box_wipe(key): Forget a key. */
void secret_box_wipe(struct secret_key * key);

#endif
