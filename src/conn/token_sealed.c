#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "conn/request_build.h"
#include "conn/token_internal.h"

/* Tokens as they lie in memory, and as other daemons get them. */

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))
#define DEPTH_MAX 16

char *
token_seal(const struct token_entry * x, const char * text, struct err * e)
{
	struct buf out = BUF_INIT(TOKEN_MAX * 2);

	if (secret_box_seal(&x->ts->key, x->key, text, strlen(text), &out, e)) {
		buf_free(&out);
		return (NULL);
	}
	return (out.p);
}

int
token_unseal(const struct token_entry * x, const char * sealed,
    struct buf * out, struct err * e)
{
	return (secret_box_open(&x->ts->key, x->key, sealed, out, e));
}

void
token_wipe(json_t * v)
{
	const char * k, * s;
	json_t * sub;

	json_object_foreach(v, k, sub)
		if ((s = json_string_value(sub)) != NULL)
			explicit_bzero((char *)(uintptr_t)s,
			    json_string_length(sub));
	json_decref(v);
}

void
token_point(struct token_held * held)
{
	held->t.text = json_str(held->v, "token");
	held->t.base_url = json_str(held->v, "base_url");
	held->t.access_key = json_str(held->v, "access_key");
	held->t.secret_key = json_str(held->v, "secret_key");
	held->t.session_token = json_str(held->v, "session_token");
	held->t.delta_ms = json_int(held->v, "delta_ms", 0);
}

int
token_open(const struct token_entry * x, struct token_held * held)
{
	struct buf text = BUF_INIT(TOKEN_MAX + 1);
	struct err e;

	memset(held, 0, sizeof(*held));
	if (x->sealed != NULL && token_unseal(x, x->sealed, &text, &e) == 0)
		held->v = json_loadb(text.p, text.len, 0, NULL);
	buf_wipe(&text);
	if (held->v == NULL)
		return (-1);
	token_point(held);
	held->t.serial = x->serial;
	return (0);
}

/* ---- hashes ---- */

void
token_hash_value(const json_t * v, unsigned char md[TOKEN_HASH])
{
	const char * s = json_str(v, "token");
	unsigned int n;

	if (s == NULL && (s = json_str(v, "session_token")) == NULL)
		s = "";
	if (EVP_Digest(s, strlen(s), md, &n, EVP_sha256(), NULL) != 1)
		memset(md, 0, TOKEN_HASH);
}

/* The references in a text that was made with marks. */
static void
add_refs(EVP_MD_CTX * md, const struct secrets * s, const char * text,
    const char * but)
{
	struct buf ref = BUF_INIT(4096), v = BUF_INIT(SECRET_VALUE_MAX * 2);
	size_t n;

	for (; (text = strchr(text, TEMPLATE_MARK)) != NULL; text += n) {
		n = strcspn(++text, "\002");
		buf_clear(&ref);
		buf_wipe(&v);
		if (buf_add(&ref, text, n) || (but != NULL &&
		    strcmp(ref.p, but) == 0))
			continue;
		if (buf_reserve(&v, 4096) || secrets_last(s, ref.p, &v))
			(void)EVP_DigestUpdate(md, "?", 1);
		else
			(void)EVP_DigestUpdate(md, v.p, v.len + 1);
	}
	buf_wipe(&v);
	buf_free(&ref);
}

static void
add_all(EVP_MD_CTX * md, const struct secrets * s, const json_t * v,
    const char * but, int depth)
{
	const char * k;
	json_t * sub;
	size_t i;

	if (depth > DEPTH_MAX)
		return;
	if (json_is_string(v))
		add_refs(md, s, json_string_value(v), but);
	json_object_foreach(MUTABLE(v), k, sub)
		add_all(md, s, sub, but, depth + 1);
	json_array_foreach(v, i, sub)
		add_all(md, s, sub, but, depth + 1);
}

void
token_values(const struct token_entry * x, unsigned char md[TOKEN_HASH])
{
	const struct secrets * s = x->ts->env->secrets;
	struct template_env env = { .config = connector_config_parsed(x->c),
	    .schema = x->c->m->config, .mark = 1, .late = 1 };
	const char * to = json_str(json_object_get(x->auth, "rotates"), "to");
	EVP_MD_CTX * ctx = EVP_MD_CTX_new();
	struct err e;
	json_t * v = template_json(x->auth, &env, &e);

	memset(md, 0, TOKEN_HASH);
	if (ctx != NULL && v != NULL && s != NULL && EVP_DigestInit_ex(ctx,
	    EVP_sha256(), NULL) == 1) {
		/* What is replaced at each use is always another one. */
		add_all(ctx, s, v, to ? token_rotate_ref(x) : NULL, 0);
		(void)EVP_DigestFinal_ex(ctx, md, NULL);
	}
	EVP_MD_CTX_free(ctx);
	json_decref(v);
}

/* ---- other daemons ---- */

struct token_ask *
token_ask_new(struct token_entry * x)
{
	struct token_ask * ask = calloc(1, sizeof(*ask));

	if (ask != NULL) {
		ask->x = x;
		x->ask = ask;
	}
	return (ask);
}

struct token_entry *
token_ask_end(struct token_ask * ask)
{
	struct token_entry * x = ask->x;

	if (x != NULL)
		x->ask = NULL;
	free(ask);
	return (x);
}

static int
share_key(const struct token_entry * x, struct buf * key)
{
	return (buf_addf(key, "token-%s", x->key));
}

/* What another daemon fetched, if it is of use. */
static json_t *
take_shared(struct token_entry * x, const json_t * v, int64_t * lives_ms)
{
	const struct secret_key * key = secrets_key_get(x->ts->env->secrets);
	struct buf text = BUF_INIT(TOKEN_MAX + 1);
	const char * sealed = json_str(v, "sealed");
	unsigned char md[TOKEN_HASH];
	json_t * value = NULL;
	struct err e;

	*lives_ms = json_int(v, "ends_ms", 0) - clock_wall_ms();
	if (key == NULL || sealed == NULL || *lives_ms < 60000)
		return (NULL);
	if (secret_box_open(key, x->key, sealed, &text, &e) == 0)
		value = json_loadb(text.p, text.len, 0, NULL);
	buf_wipe(&text);
	if (value == NULL)
		return (NULL);
	token_hash_value(value, md);
	if (json_is_object(value) && (!x->has_refused ||
	    memcmp(md, x->refused, sizeof(md)) != 0))
		return (value);
	token_wipe(value);
	return (NULL);
}

static void
on_shared(void * arg, json_t * v, const struct err * e)
{
	struct token_entry * x = token_ask_end(arg);
	int64_t lives_ms;
	json_t * value;

	if (x == NULL)
		return;
	value = e == NULL ? take_shared(x, v, &lives_ms) : NULL;
	if (value == NULL) {
		token_next(x);
		return;
	}
	token_ready(x, value, lives_ms);
	token_wipe(value);
}

int
token_share_get(struct token_entry * x)
{
	const struct conn_env * env = x->ts->env;
	struct buf key = BUF_INIT(1024);
	struct token_ask * ask;

	token_enter(x, TOKEN_SHARED);
	if (env->shared == NULL || !env->shared->is_shared ||
	    env->secrets == NULL || secrets_key_get(env->secrets) == NULL ||
	    share_key(x, &key) || (ask = token_ask_new(x)) == NULL) {
		buf_free(&key);
		return (0);
	}
	env->shared->cache_get(env->shared->arg, key.p, on_shared, ask);
	buf_free(&key);
	return (1);
}

void
token_share_put(struct token_entry * x, const json_t * v, int64_t lives_ms)
{
	const struct conn_env * env = x->ts->env;
	struct buf sealed = BUF_INIT(TOKEN_MAX * 2), key = BUF_INIT(1024);
	const struct secret_key * k;
	char * text = NULL;
	json_t * rec = NULL;

	if (env->shared == NULL || !env->shared->is_shared ||
	    env->secrets == NULL ||
	    (k = secrets_key_get(env->secrets)) == NULL)
		return;
	/* What fails is only not shared. */
	if ((text = json_dumps(v, JSON_COMPACT)) != NULL &&
	    strlen(text) <= SECRET_VALUE_MAX && share_key(x, &key) == 0 &&
	    secret_box_seal(k, x->key, text, strlen(text), &sealed, NULL) == 0)
		rec = json_pack("{s:s, s:I}", "sealed", sealed.p, "ends_ms",
		    (json_int_t)(clock_wall_ms() + lives_ms));
	if (rec != NULL)
		env->shared->cache_put(env->shared->arg, key.p, rec, lives_ms);
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
	json_decref(rec);
	buf_free(&sealed);
	buf_free(&key);
}
