#include <string.h>

#include "base/log.h"
#include "run/secret_store_internal.h"
#include "secret/secret_key.h"

/* The master key, and whether it is the one of the state's secrets. */
#define CHECK_TEXT "moltler-key-check"

#define NO_KEY(e, ...) err_set((e), ERR_CONFIG, "master_key", __VA_ARGS__)

void
secret_store_trouble(struct secret_store * st, const struct err * e)
{
	if (e != NULL && (!st->has_trouble ||
	    strcmp(e->msg, st->trouble.msg) != 0))
		log_event(LOG_ERROR, "secrets_sealed", LOG_E(e));
	else if (e == NULL && st->has_trouble)
		log_event(LOG_INFO, "secrets_open", LOG_I("secrets", st->n));
	st->has_trouble = e != NULL;
	if (e != NULL)
		st->trouble = *e;
	secrets_trouble(st->secrets, e);
}

int
secret_store_read_key(struct secret_store * st, struct err * e)
{
	struct secret_key key;
	int rc;

	if (st->key_given)
		return (0);
	if ((rc = secret_key_read(st->key_file, &key, e)) < 0)
		return (-1);
	secrets_key(st->secrets, rc == 0 ? &key : NULL);
	secret_box_wipe(&key);
	return (0);
}

static int
key_opens(const struct secret_key * key, const char * check)
{
	struct buf b = BUF_INIT(SECRET_VALUE_MAX);
	struct err why;
	int ok;

	ok = key != NULL && secret_box_open(key, SECRET_CHECK, check, &b, &why) == 0 &&
	    b.len == sizeof(CHECK_TEXT) - 1 &&
	    memcmp(b.p, CHECK_TEXT, b.len) == 0;
	buf_free(&b);
	return (ok);
}

static int
opens(const struct secret_store * st, const char * check)
{
	return (key_opens(secrets_key_get(st->secrets), check));
}

int
secret_store_fits(const struct secret_store * st, const char * check,
    struct err * e)
{
	struct secret_key key;
	int rc = 1, fits = opens(st, check);

	if (fits)
		return (0);
	if (!st->key_given && (rc = secret_key_read(st->key_file, &key, e)) < 0)
		return (-1);
	if (rc == 0)
		fits = key_opens(&key, check);
	secret_box_wipe(&key);
	/* A new key in the file would open these, but ours no more. */
	if (fits && st->n > 0 && !st->has_trouble)
		return (NO_KEY(e, "the master key in %s is another one than "
		    "that of the secrets there are here", st->key_file));
	if (fits)
		return (0);
	if (rc != 0 && secrets_key_get(st->secrets) == NULL)
		return (NO_KEY(e, "these secrets need the master key they were "
		    "sealed with, and there is none here: put it into %s (mode "
		    "0600), or MOLTLER_MASTER_KEY", st->key_file));
	return (NO_KEY(e, "these secrets were sealed with another master key "
	    "than that of %s: give moltlerd the key they were sealed with",
	    st->key_given ? "MOLTLER_MASTER_KEY" : st->key_file));
}

int
secret_store_check(struct secret_store * st, const char * check, struct err * e)
{
	if (!opens(st, check) && secret_store_read_key(st, e))
		return (-1);
	if (opens(st, check)) {
		st->checked = 1;
		return (0);
	}
	st->checked = 0;
	if (secrets_key_get(st->secrets) == NULL)
		return (NO_KEY(e, "the secrets in the state were sealed with a "
		    "master key that is not here: put it into %s (mode 0600), "
		    "or MOLTLER_MASTER_KEY", st->key_file));
	return (NO_KEY(e, "the secrets in the state were sealed with another "
	    "master key than that of %s: give that key, or remove all secrets "
	    "and set them again", st->key_given ? "MOLTLER_MASTER_KEY" :
	    st->key_file));
}

int
secret_store_need_key(struct secret_store * st, struct err * e)
{
	struct secret_key key;
	int rc;

	if (st->has_trouble) {
		*e = st->trouble;
		return (-1);
	}
	if (secrets_key_get(st->secrets) == NULL && secret_store_read_key(st, e))
		return (-1);
	if (secrets_key_get(st->secrets) != NULL)
		return (0);
	if (!st->may_make)
		return (NO_KEY(e, "there is no master key in %s; make one with:"
		    " openssl rand -hex 32", st->key_file));
	if ((rc = secret_key_make(st->key_file, &key, e)) == 0) {
		secrets_key(st->secrets, &key);
		log_event(LOG_INFO, "master_key_made",
		    LOG_S("file", st->key_file), LOG_S("hint", "keep a copy: "
		    "without it no secret can be read again"));
	}
	secret_box_wipe(&key);
	return (rc);
}

int
secret_store_seal_check(const struct secret_store * st, struct buf * out,
    struct err * e)
{
	return (secret_box_seal(secrets_key_get(st->secrets), SECRET_CHECK,
	    CHECK_TEXT, sizeof(CHECK_TEXT) - 1, out, e));
}
