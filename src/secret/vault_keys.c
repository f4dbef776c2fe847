#include <stdlib.h>
#include <string.h>

#include "secret/vault_internal.h"

/* What is kept of a path's values: sealed, and by their keys. */

static void
wipe_text(char * s)
{
	if (s != NULL)
		explicit_bzero(s, strlen(s));
	free(s);
}

static void
key_wipe(struct vault_key * k)
{
	free(k->name);
	wipe_text(k->sealed);
	wipe_text(k->former);
}

void
vault_keys_free(struct vault_key * keys, size_t n)
{
	while (n > 0)
		key_wipe(&keys[--n]);
	free(keys);
}

const struct vault_key *
vault_keys_find(const struct vault_path * p, const char * name)
{
	size_t i;

	for (i = 0; i < p->nkeys; i++)
		if (strcmp(p->keys[i].name, name) == 0)
			return (&p->keys[i]);
	return (NULL);
}

int
vault_keys_open(const struct vault_path * p, const struct vault_key * k,
    const char * sealed, struct buf * out, struct err * e)
{
	struct buf name = BUF_INIT(4096);
	int rc;

	if (buf_addf(&name, "%s#%s", p->path, k->name))
		rc = err_nomem(e, "a secret");
	else
		rc = secret_box_open(&p->v->key, name.p, sealed, out, e);
	buf_free(&name);
	return (rc);
}

/* Whether ${k} has the value ${v} already. */
static int
is_same(const struct vault_path * p, const struct vault_key * k,
    const char * v, size_t n)
{
	struct buf now = BUF_INIT(SECRET_VALUE_MAX + 1);
	struct err e;
	int same;

	if (k->sealed == NULL)
		return (n == 0);
	same = buf_reserve(&now, n + 4096) == 0 && vault_keys_open(p, k, k->sealed,
	    &now, &e) == 0 && now.len == n && memcmp(now.p, v, n) == 0;
	buf_wipe(&now);
	return (same);
}

static int
seal(struct vault_path * p, const char * key, const char * v, size_t n,
    char ** out, struct err * e)
{
	struct buf name = BUF_INIT(4096), b = BUF_INIT(SECRET_VALUE_MAX * 2);
	int rc;

	if (buf_addf(&name, "%s#%s", p->path, key))
		rc = err_nomem(e, "a secret");
	else
		rc = secret_box_seal(&p->v->key, name.p, v, n, &b, e);
	buf_free(&name);
	if (rc != 0)
		buf_free(&b);
	*out = b.p;
	return (rc);
}

int
vault_keys_take(void * arg, const char * key, const char * v, size_t n,
    struct err * e)
{
	struct vault_taking * t = arg;
	const struct vault_key * old = vault_keys_find(t->p, key);
	struct vault_key * k = &t->keys[t->n];
	const char * former = old ? old->former : NULL;

	k->size = n;
	if (n > SECRET_VALUE_MAX)
		n = 0; /* it may be none that is asked for */
	if (old == NULL || !is_same(t->p, old, v, n)) {
		t->differs = 1;
		former = old ? old->sealed : NULL;
	}
	t->n++;
	if ((k->name = strdup(key)) == NULL ||
	    (former != NULL && (k->former = strdup(former)) == NULL))
		return (err_nomem(e, "a secret"));
	return (n > 0 ? seal(t->p, key, v, n, &k->sealed, e) : 0);
}
