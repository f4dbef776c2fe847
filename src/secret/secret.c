#include "secret/secret.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "secret/secret_env.h"
#include "secret/vault.h"

#define NAME_MAX_LEN 128
/* A hidden name has a uuid, a path in a configuration and a number. */
#define ANY_NAME_MAX 512

struct sealed {
	UT_hash_handle hh;
	char * text;
	char name[];
};

struct secrets {
	char * path; /* the env file's, or NULL */
	struct secret_env env;
	struct sealed * sealed;
	uint64_t changes;
	struct secret_key key;
	int has_key;
	int has_trouble;
	struct err trouble;
	struct vault * vault; /* NULL: none is configured */
};

/* ---- references ---- */

const char *
secret_ref_name(const char * s, size_t * n)
{
	const char * end;

	if (strncmp(s, "{{", 2) != 0)
		return (NULL);
	s += 2 + strspn(s + 2, " ");
	if (strncmp(s, "secrets.", 8) != 0)
		return (NULL);
	s += 8;
	for (end = s; isalnum((unsigned char)*end) ||
	    (*end != '\0' && strchr("_.-~", *end) != NULL); end++)
		continue;
	*n = (size_t)(end - s);
	return (*n > 0 && *n < ANY_NAME_MAX &&
	    strcmp(end + strspn(end, " "), "}}") == 0 ? s : NULL);
}

int
secret_is_vault(const char * s)
{
	const char * hash;

	if (strncmp(s, "vault:", 6) != 0)
		return (0);
	hash = strchr(s + 6, '#');
	return (hash != NULL && hash > s + 6 && hash[1] != '\0');
}

int
secret_is_ref(const char * s)
{
	size_t n;

	return ((strncmp(s, "$env:", 5) == 0 && s[5] != '\0' &&
	    s[5 + strcspn(s + 5, " \t\r\n")] == '\0') || secret_is_vault(s) ||
	    secret_ref_name(s, &n) != NULL);
}

int
secret_is_hidden(const char * s)
{
	size_t n;
	const char * name = secret_ref_name(s, &n);

	return (name != NULL && *name == '~');
}

const char *
secret_shown(const char * s)
{
	return (secret_is_ref(s) && !secret_is_hidden(s) ? s : "***");
}

int
secret_name_ok(const char * s)
{
	size_t n;

	for (n = 0; s[n] != '\0'; n++)
		if (!isalnum((unsigned char)s[n]) &&
		    strchr("_.-", s[n]) == NULL)
			return (0);
	return (n >= 1 && n <= NAME_MAX_LEN);
}

/* ---- the object ---- */

struct secrets *
secrets_new(const char * env_file, struct err * e)
{
	struct secrets * s;

	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (env_file != NULL && (s->path = strdup(env_file)) == NULL)) {
		free(s);
		err_nomem(e, "secrets");
		return (NULL);
	}
	s->env.path = s->path;
	if (secrets_reload(s, e)) {
		secrets_free(s);
		return (NULL);
	}
	return (s);
}

static void
free_sealed(struct secrets * s, struct sealed * d)
{
	s->changes += *d->name != '~';
	HASH_DEL(s->sealed, d);
	free(d->text);
	free(d);
}

void
secrets_free(struct secrets * s)
{
	struct sealed * d, * next;

	if (s == NULL)
		return;
	HASH_ITER(hh, s->sealed, d, next)
		free_sealed(s, d);
	secret_env_wipe(&s->env);
	secret_box_wipe(&s->key);
	free(s->path);
	free(s);
}

int
secrets_reload(struct secrets * s, struct err * e)
{
	if (secret_env_read(&s->env, e))
		return (-1);
	s->changes += s->path != NULL;
	return (0);
}

uint64_t
secrets_changes(const struct secrets * s)
{
	return (s->changes + (s->vault ? vault_changes(s->vault) : 0));
}

/* ---- Vault ---- */

void
secrets_vault(struct secrets * s, struct vault * v)
{
	s->vault = v;
}

struct vault_wait *
secrets_wait(const struct secrets * s, const char * config,
    void (*cb)(void *), void * arg)
{
	return (s->vault ? vault_wait(s->vault, config, cb, arg) : NULL);
}

uint64_t
secrets_vault_changes(const struct secrets * s)
{
	return (s != NULL && s->vault ? vault_changes(s->vault) : 0);
}

int
secrets_refused(const struct secrets * s, const char * config, uint64_t since)
{
	return (s != NULL && s->vault && vault_refused(s->vault, config,
	    since));
}

/* ---- the own store ---- */

void
secrets_key(struct secrets * s, const struct secret_key * key)
{
	s->has_key = key != NULL;
	if (key != NULL)
		s->key = *key;
	else
		secret_box_wipe(&s->key);
}

const struct secret_key *
secrets_key_get(const struct secrets * s)
{
	return (s->has_key ? &s->key : NULL);
}

void
secrets_trouble(struct secrets * s, const struct err * e)
{
	s->has_trouble = e != NULL;
	if (e != NULL)
		s->trouble = *e;
}

static struct sealed *
find(const struct secrets * s, const char * name)
{
	struct sealed * d;

	HASH_FIND(hh, s->sealed, name, strlen(name), d);
	return (d);
}

int
secrets_put(struct secrets * s, const char * name, const char * sealed,
    struct err * e)
{
	size_t n = strlen(name);
	struct sealed * d = find(s, name);
	char * text = strdup(sealed);

	if (text == NULL)
		return (err_nomem(e, "a secret"));
	if (d == NULL) {
		if ((d = calloc(1, sizeof(*d) + n + 1)) == NULL) {
			free(text);
			return (err_nomem(e, "a secret"));
		}
		memcpy(d->name, name, n + 1);
		HASH_ADD_KEYPTR(hh, s->sealed, d->name, n, d);
	}
	s->changes += *name != '~' && (d->text == NULL ||
	    strcmp(d->text, text) != 0);
	free(d->text);
	d->text = text;
	return (0);
}

const char *
secrets_sealed(const struct secrets * s, const char * name)
{
	const struct sealed * d = find(s, name);

	return (d ? d->text : NULL);
}

void
secrets_drop(struct secrets * s, const char * name)
{
	struct sealed * d = find(s, name);

	if (d == NULL)
		return;
	free_sealed(s, d);
}

void
secrets_each(struct secrets * s, void (*cb)(void *, const char *,
    const char *), void * arg)
{
	struct sealed * d, * next;

	HASH_ITER(hh, s->sealed, d, next)
		cb(arg, d->name, d->text);
}

static int
resolve_own(const struct secrets * s, const char * ref, struct buf * out,
    struct err * e)
{
	char name[ANY_NAME_MAX];
	const struct sealed * d;
	const char * p;
	size_t n;

	if ((p = secret_ref_name(ref, &n)) == NULL)
		return (err_set(e, ERR_CONFIG, "secret", "what is given is no "
		    "reference to a secret"));
	memcpy(name, p, n);
	name[n] = '\0';
	if (*name != '~' && !secret_name_ok(name))
		return (err_set(e, ERR_CONFIG, "secret", "%.200s: a name holds "
		    "letters, digits, _ . and -, at most %d of them", ref,
		    NAME_MAX_LEN));
	if (s->has_trouble) {
		*e = s->trouble;
		return (err_prefix(e, "%.80s", secret_shown(ref)));
	}
	if ((d = find(s, name)) == NULL)
		return (*name == '~' ? err_set(e, ERR_CONFIG, "secret",
		    "the store does not hold it any more; give it again in "
		    "CONFIG") : err_set(e, ERR_CONFIG, "secret", "there is no "
		    "secret %.200s; set it with: moltler secrets set %.100s, "
		    "and resume a connector that is disabled", name, name));
	if (!s->has_key)
		return (err_set(e, ERR_CONFIG, "secret", "%.200s: there is no "
		    "master key", secret_shown(ref)));
	if (secret_box_open(&s->key, name, d->text, out, e) == 0)
		return (0);
	return (*name != '~' ? -1 : err_set(e, ERR_CONFIG, "secret", "it does "
	    "not open with this master key; give the key it was sealed with, "
	    "or give it again in CONFIG"));
}

int
secrets_resolve(const struct secrets * s, const char * ref, struct buf * out,
    struct err * e)
{
	if (strncmp(ref, "$env:", 5) == 0)
		return (secret_env_get(&s->env, ref, out, e));
	if (!secret_is_vault(ref))
		return (resolve_own(s, ref, out, e));
	if (s->vault == NULL)
		return (err_set(e, ERR_CONFIG, "secret", "%.200s: the daemon has "
		    "no Vault; set url in [vault], or use {{secrets.NAME}} or "
		    "$env:NAME", ref));
	return (vault_get(s->vault, ref, out, e));
}

int
secrets_last(const struct secrets * s, const char * ref, struct buf * out)
{
	struct err e;

	if (secret_is_vault(ref))
		return (s->vault ? vault_last(s->vault, ref, out) : -1);
	return (secrets_resolve(s, ref, out, &e));
}
