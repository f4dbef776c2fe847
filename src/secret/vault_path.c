#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/quote.h"
#include "secret/vault_answer.h"
#include "secret/vault_internal.h"

/* Reading one path. */

static const char * const state_names[] = { "idle", "auth", "mount", "read" };

static void
path_enter(struct vault_path * p, enum vault_path_state state)
{
	log_event(LOG_DEBUG, "vault_path", LOG_S("path", p->path),
	    LOG_S("from", state_names[p->state]),
	    LOG_S("to", state_names[state]));
	p->state = state;
}

/* ---- how it ends ---- */

static void
failed(struct vault_path * p, const struct err * e)
{
	int64_t now = clock_mono_us();

	path_enter(p, PATH_IDLE);
	p->e = *e;
	(void)strcpy(p->e.code, "secret");
	/* One that could only not be read again yet is good to its end. */
	if (e->cls == ERR_TRANSIENT && p->has_values && now < p->ends_us) {
		p->ahead_us = now + 5 * VAULT_AWAY_US;
		vault_path_settled(p);
		return;
	}
	p->has_err = 1;
	p->err_until_us = now + (e->cls == ERR_TRANSIENT ? VAULT_AWAY_US :
	    VAULT_FAILED_US);
	/* What Vault takes back is not used any more. */
	p->ends_us = now;
	log_event(LOG_DEBUG, "vault_failed", LOG_S("path", p->path), LOG_E(e));
	vault_path_settled(p);
}

static void
took(struct vault_path * p, struct vault_taking * t, int64_t lives_ms)
{
	int64_t ms = p->v->o.cache_ms;

	if (lives_ms > 0 && lives_ms < ms)
		ms = lives_ms;
	if (t->differs || t->n != p->nkeys)
		p->changed = ++p->v->changes;
	vault_keys_free(p->keys, p->nkeys);
	/* There was room for many. */
	p->keys = realloc(t->keys, (t->n + 1) * sizeof(*t->keys));
	if (p->keys == NULL)
		p->keys = t->keys;
	p->nkeys = t->n;
	p->has_values = 1;
	p->has_err = 0;
	p->read_us = clock_mono_us();
	p->ends_us = p->read_us + ms * 1000;
	p->ahead_us = p->read_us + ms * 750;
	path_enter(p, PATH_IDLE);
	vault_noted(p->v, NULL);
	vault_path_settled(p);
}

static void
take(struct vault_path * p, const struct http_res * res)
{
	struct vault_taking t = { .p = p };
	int64_t lives_ms = 0;
	struct err e;

	if ((t.keys = calloc(VAULT_KEYS_MAX, sizeof(*t.keys))) == NULL) {
		err_nomem(&e, "a secret");
	} else if (vault_answer_data(res->body, res->body_len, p->version,
	    vault_keys_take, &t, &lives_ms, &e) == 0) {
		took(p, &t, lives_ms);
		return;
	}
	vault_keys_free(t.keys, t.n);
	/* No answer of a Vault's: a proxy's, perhaps. */
	if (e.cls != ERR_CONFIG) {
		e.cls = ERR_TRANSIENT;
		err_prefix(&e, "waiting for Vault");
		vault_noted(p->v, &e);
	}
	failed(p, &e);
}

/* ---- asking ---- */

static void ask(struct vault_path * p);

/* What is there for those who give the path as the API and the policies have it. */
static const char *
hint(const struct vault_path * p)
{
	return (p->version == 2 && strncmp(p->path + p->mount, "data/", 5) == 0 ?
	    "; the path is the one that 'vault kv get' takes: leave 'data/' "
	    "out" : "");
}

static void
denied(struct vault_path * p)
{
	struct err e;

	err_set(&e, ERR_CONFIG, "secret", "Vault denies it: the policies of our "
	    "token give no leave to read it%s%s", p->version == 0 ?
	    ", or there is no such mount" : "", hint(p));
	failed(p, &e);
}

/* 403 is what both a void token and a policy that says no are answered. */
static void
forbidden(struct vault_path * p)
{
	if (p->is_second) {
		denied(p);
		return;
	}
	p->is_second = 1;
	vault_auth_doubt(p->v, p->serial, p->asked_us);
	if (vault_auth_usable(p->v) && p->v->serial == p->serial) {
		denied(p);
		return;
	}
	path_enter(p, PATH_AUTH);
	vault_path_step(p);
}

static int
no_value(void * arg, const char * key, const char * v, size_t n, struct err * e)
{
	(void)arg;
	(void)key;
	(void)v;
	(void)n;
	(void)e;
	return (0);
}

static void
missing(struct vault_path * p, const struct http_res * res)
{
	int64_t lives_ms;
	struct err e;

	if (!vault_answer_is_one(res->body, res->body_len)) {
		err_set(&e, ERR_TRANSIENT, "secret", "waiting for Vault: what "
		    "answered 404 is none");
		vault_noted(p->v, &e);
		failed(p, &e);
		return;
	}
	vault_noted(p->v, NULL);
	/* A deleted one comes with what is known of it. */
	if (vault_answer_data(res->body, res->body_len, p->version, no_value,
	    NULL, &lives_ms, &e) == 0 || e.cls != ERR_CONFIG)
		err_set(&e, ERR_CONFIG, "secret", "Vault has nothing there%s",
		    hint(p));
	/* The mount may be another one by the next time. */
	p->version = 0;
	failed(p, &e);
}

static void
on_read(void * arg, const struct http_res * res, const struct err * he)
{
	struct vault_path * p = arg;
	struct err e;
	int rc;

	p->call = NULL;
	rc = vault_call_judge(p->v, res, he, &e);
	if (rc == 0) {
		take(p, res);
	} else if (rc < 0) {
		failed(p, &e);
	} else if (res->status == 404) {
		missing(p, res);
	} else if (res->status == 403) {
		forbidden(p);
	} else {
		failed(p, &e);
	}
}

static void
on_mount(void * arg, const struct http_res * res, const struct err * he)
{
	struct vault_path * p = arg;
	struct vault_mount m;
	struct err e;
	int rc;

	p->call = NULL;
	rc = vault_call_judge(p->v, res, he, &e);
	if (rc > 0 && res->status == 403) {
		forbidden(p);
		return;
	}
	if (rc > 0 && res->status == 404) {
		/* Something before Vault lets this question not through. */
		m.len = strcspn(p->path, "/") + 1;
		m.version = 2;
		rc = 0;
	} else if (rc == 0) {
		rc = vault_answer_mount(res->body, res->body_len, p->path, &m,
		    &e);
		if (rc != 0 && e.cls != ERR_CONFIG) {
			e.cls = ERR_TRANSIENT;
			err_prefix(&e, "waiting for Vault");
		}
	}
	if (rc != 0) {
		failed(p, &e);
		return;
	}
	p->mount = m.len;
	p->version = m.version;
	ask(p);
}

static void
ask(struct vault_path * p)
{
	struct buf path = BUF_INIT(8192);
	struct vault_ask a = { .method = "GET" };
	size_t n = strlen(p->path);
	struct err e;

	p->serial = p->v->serial;
	p->asked_us = clock_mono_us();
	if (p->version == 0) {
		path_enter(p, PATH_MOUNT);
		buf_adds(&path, "sys/internal/ui/mounts/");
		quote_percent(&path, p->path, n, "/");
	} else {
		path_enter(p, PATH_READ);
		quote_percent(&path, p->path, p->mount, "/");
		if (p->version == 2)
			buf_adds(&path, "data/");
		quote_percent(&path, p->path + p->mount, n - p->mount, "/");
	}
	a.path = path.p;
	if (path.failed)
		err_nomem(&e, "a request");
	else
		p->call = vault_call(p->v, &a, p->version == 0 ? on_mount :
		    on_read, p, &e);
	buf_free(&path);
	if (p->call == NULL)
		failed(p, &e);
}

void
vault_path_step(struct vault_path * p)
{
	switch (vault_auth_need(p->v)) {
	case 0:
		return;
	case 1:
		/* It was not the token. */
		if (p->is_second && p->v->serial == p->serial)
			denied(p);
		else
			ask(p);
		return;
	}
	failed(p, &p->v->e);
}

void
vault_path_begin(struct vault_path * p)
{
	if (p->state != PATH_IDLE)
		return;
	p->is_second = 0;
	path_enter(p, PATH_AUTH);
	vault_path_step(p);
}

struct vault_path *
vault_path_new(struct vault * v, const char * path)
{
	size_t n = strlen(path) + 1;
	struct vault_path * p = calloc(1, sizeof(*p) + n);

	if (p == NULL)
		return (NULL);
	p->v = v;
	memcpy(p->path, path, n);
	return (p);
}

void
vault_path_free(struct vault_path * p)
{
	http_cancel(p->call);
	loop_soon_cancel(p->v->o.loop, &p->soon);
	vault_keys_free(p->keys, p->nkeys);
	free(p);
}
