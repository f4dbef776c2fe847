#include "secret/vault.h"

#include <openssl/rand.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "secret/secret.h"
#include "secret/vault_internal.h"

/* Vault as a whole: its settings, and how it does. */

/* ---- how it does ---- */

void
vault_noted(struct vault * v, const struct err * e)
{
	v->st.up = e == NULL;
	v->st.errors += e != NULL;
	if (e == NULL && v->was_told != 1)
		log_event(LOG_INFO, "vault_ready", LOG_S("url", v->safe_url));
	else if (e != NULL && v->was_told != -1)
		log_event(LOG_WARN, "vault_away", LOG_S("url", v->safe_url),
		    LOG_E(e));
	v->was_told = e == NULL ? 1 : -1;
}

void
vault_forget(struct vault * v)
{
	struct vault_path * p, * next;

	if (v == NULL)
		return;
	HASH_ITER(hh, v->paths, p, next) {
		p->ends_us = clock_mono_us();
		p->has_err = 0;
	}
	vault_auth_again(v);
}

void
vault_stats_get(const struct vault * v, struct vault_stats * st)
{
	*st = v->st;
}

/* What services may cite of what was here before. */
struct citing {
	struct vault * v;
	void (*found)(void * arg, const char * p, size_t n);
	void * arg;
};

static void
cite_former(void * arg, const char * path, const char * key)
{
	struct citing * c = arg;
	struct buf b = BUF_INIT(SECRET_VALUE_MAX + 1);
	const struct vault_path * p = vault_path_find(c->v, path);
	const struct vault_key * k = p ? vault_keys_find(p, key) : NULL;
	struct err e;

	if (k != NULL && k->former != NULL &&
	    vault_keys_open(p, k, k->former, &b, &e) == 0)
		c->found(c->arg, b.p, b.len);
	buf_wipe(&b);
}

static void
cite(struct citing * c, int rc, struct buf * b)
{
	if (rc == 0 && b->len > 0)
		c->found(c->arg, b->p, b->len);
	buf_wipe(b);
}

/* What Vault itself may cite. */
static void
cite_own(struct citing * c)
{
	struct vault * v = c->v;
	struct buf b = BUF_INIT(VAULT_TOKEN_MAX * 2);
	struct err e;

	cite(c, vault_token(v, &b, &e), &b);
	if (v->o.token != NULL || v->o.token_file != NULL)
		cite(c, vault_credential(v, v->o.token, v->o.token_file, &b,
		    &e), &b);
	if (v->o.secret_id != NULL || v->o.secret_id_file != NULL)
		cite(c, vault_credential(v, v->o.secret_id,
		    v->o.secret_id_file, &b, &e), &b);
}

static void
each_value(void * arg, const char * config, void (*found)(void *,
    const char *, size_t), void * farg)
{
	struct citing c = { arg, found, farg };

	vault_walk(config, cite_former, &c);
	if (c.v->is_scrubbing)
		cite_own(&c);
}

/* ---- the object ---- */

/* Texts of the options, which are ours. */
#define TEXTS(o) { &(o)->url, &(o)->token, &(o)->token_file, &(o)->role_id, \
	&(o)->secret_id, &(o)->secret_id_file, &(o)->auth_path, &(o)->ns, \
	&(o)->ca_file }
#define NTEXTS 9

static int
copy_texts(struct vault_opts * o)
{
	const char ** t[NTEXTS] = TEXTS(o);
	size_t i;
	int rc = 0;

	for (i = 0; i < NTEXTS; i++)
		if (*t[i] != NULL && (*t[i] = strdup(*t[i])) == NULL)
			rc = -1;
	return (rc);
}

static void
free_texts(struct vault_opts * o)
{
	const char ** t[NTEXTS] = TEXTS(o);
	size_t i;

	for (i = 0; i < NTEXTS; i++) {
		if (*t[i] != NULL)
			explicit_bzero((char *)(uintptr_t)*t[i],
			    strlen(*t[i]));
		free((void *)(uintptr_t)*t[i]);
	}
}

#define BAD(e, ...) err_set((e), ERR_CONFIG, "vault", __VA_ARGS__)

static int
url_ok(const char * s)
{
	const char * host = strstr(s, "://");

	if (strncmp(s, "http://", 7) != 0 && strncmp(s, "https://", 8) != 0)
		return (0);
	host += 3;
	return (*host != '\0' && *host != '/' && host[strcspn(host, "@?# \t")] ==
	    '\0');
}

static int
opts_ok(const struct vault_opts * o, struct err * e)
{
	int tokens = (o->token != NULL) + (o->token_file != NULL);

	if (!url_ok(o->url))
		return (BAD(e, "url must be http:// or https://, a host and "
		    "perhaps a port and a path, such as "
		    "https://vault.example.org:8200"));
	if (tokens + (o->role_id != NULL) != 1)
		return (BAD(e, "give one of token, token_file and role_id: %s",
		    tokens + (o->role_id != NULL) == 0 ? "there is none" :
		    "there are several"));
	if (o->role_id == NULL && (o->secret_id || o->secret_id_file))
		return (BAD(e, "secret_id goes with role_id, which is missing"));
	if (o->secret_id != NULL && o->secret_id_file != NULL)
		return (BAD(e, "give secret_id or secret_id_file, not both"));
	if ((o->token != NULL && secret_is_vault(o->token)) ||
	    (o->secret_id != NULL && secret_is_vault(o->secret_id)) ||
	    (o->role_id != NULL && secret_is_vault(o->role_id)))
		return (BAD(e, "what opens Vault cannot lie in it"));
	if (o->ns != NULL && o->ns[strcspn(o->ns, "\r\n")] != '\0')
		return (BAD(e, "the namespace holds a line break"));
	if (o->auth_path != NULL && (*o->auth_path == '\0' ||
	    o->auth_path[strcspn(o->auth_path, "?#%. \t\r\n")] != '\0'))
		return (BAD(e, "auth_path is the name that AppRole was enabled "
		    "under, such as approle"));
	return (0);
}

static int
set_up(struct vault * v, struct err * e)
{
	char safe[300], * url;
	const char * host;
	size_t n;

	if (RAND_bytes(v->key.k, sizeof(v->key.k)) != 1)
		return (BAD(e, "the cryptographic library has no random "
		    "numbers"));
	if (v->o.auth_path == NULL &&
	    (v->o.auth_path = strdup("approle")) == NULL)
		return (err_nomem(e, "Vault"));
	url = (char *)(uintptr_t)v->o.url;
	for (n = strlen(url); n > 0 && url[n - 1] == '/'; n--)
		url[n - 1] = '\0';
	v->safe_url = strdup(http_url_safe(safe, sizeof(safe), url));
	host = strstr(url, "://") + 3;
	v->is_local = strncmp(host, "127.", 4) == 0 ||
	    strncmp(host, "[::1]", 5) == 0 ||
	    (strncmp(host, "localhost", 9) == 0 &&
	    (host[9] == '\0' || strchr(":/", host[9]) != NULL));
	/* One that is only checked has no loop. */
	if (v->o.loop != NULL)
		v->timer = loop_timer_new(v->o.loop, vault_auth_look, v);
	return (v->safe_url == NULL || (v->o.loop != NULL &&
	    v->timer == NULL) ? err_nomem(e, "Vault") : 0);
}

struct vault *
vault_new(const struct vault_opts * o, struct err * e)
{
	struct vault * v;

	if (opts_ok(o, e))
		return (NULL);
	if ((v = calloc(1, sizeof(*v))) == NULL) {
		err_nomem(e, "Vault");
		return (NULL);
	}
	v->source.each = each_value;
	v->source.arg = v;
	secret_scrub_add(&v->source);
	v->o = *o;
	if (copy_texts(&v->o)) {
		err_nomem(e, "Vault");
		vault_free(v);
		return (NULL);
	}
	if (set_up(v, e)) {
		vault_free(v);
		return (NULL);
	}
	return (v);
}

void
vault_free(struct vault * v)
{
	struct vault_path * p, * next;

	if (v == NULL)
		return;
	secret_scrub_remove(&v->source);
	HASH_ITER(hh, v->paths, p, next)
		vault_path_drop(p);
	http_cancel(v->call);
	loop_timer_free(v->timer);
	if (v->o.loop != NULL)
		loop_soon_cancel(v->o.loop, &v->soon);
	if (v->token != NULL)
		explicit_bzero(v->token, strlen(v->token));
	free(v->token);
	free_texts(&v->o);
	free(v->safe_url);
	secret_box_wipe(&v->key);
	free(v);
}
