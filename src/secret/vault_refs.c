#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "secret/secret.h"
#include "secret/vault_answer.h"
#include "secret/vault_internal.h"

/* What references stand for, and who waits for that. */

#define MAX_PATHS 10000
#define SWEEP_FROM 1000
#define UNUSED_US INT64_C(3600000000)
#define REFS_MAX 64
#define DEPTH_MAX 16
/* A service that refuses a value lets us ask for it so often. */
#define AGAIN_US INT64_C(10000000)
#define NAMES_MAX 200

/* One that waits for several paths, and its place at each. */
struct vault_link {
	struct vault_wait * w;
	struct vault_path * p; /* NULL: it has answered */
	struct vault_link * next, ** prevp;
};

struct vault_wait {
	struct vault * v;
	struct soon soon;
	size_t left, n;
	void (*cb)(void * arg);
	void * arg;
	struct vault_link links[REFS_MAX];
};

/* ---- paths ---- */

struct vault_path *
vault_path_find(const struct vault * v, const char * path)
{
	struct vault_path * p;

	HASH_FIND_STR(v->paths, path, p);
	return (p);
}

void
vault_path_drop(struct vault_path * p)
{
	HASH_DEL(p->v->paths, p);
	vault_path_free(p);
}

static void
sweep(struct vault * v)
{
	struct vault_path * p, * next;
	int64_t before = clock_mono_us() - UNUSED_US;

	if (HASH_COUNT(v->paths) % SWEEP_FROM != SWEEP_FROM - 1)
		return;
	HASH_ITER(hh, v->paths, p, next)
		if (p->state == PATH_IDLE && p->links == NULL &&
		    p->used_us < before)
			vault_path_drop(p);
}

static struct vault_path *
find_or_make(struct vault * v, const char * path)
{
	struct vault_path * p = vault_path_find(v, path);

	if (p != NULL)
		return (p);
	sweep(v);
	if (HASH_COUNT(v->paths) >= MAX_PATHS ||
	    (p = vault_path_new(v, path)) == NULL)
		return (NULL);
	p->used_us = clock_mono_us();
	HASH_ADD_STR(v->paths, path, p);
	if (p->hh.tbl == NULL) {
		vault_path_free(p);
		return (NULL);
	}
	return (p);
}

/* For each path that the JSON text ${config} refers to. */
struct walk {
	void (*found)(void * arg, const char * path, const char * key);
	void * arg;
	int left;
};

static void
walk_value(struct walk * w, json_t * v, int depth)
{
	char path[VAULT_REF_MAX];
	const char * k;
	json_t * sub;
	struct err e;
	size_t i;

	if (depth > DEPTH_MAX)
		return;
	json_object_foreach(v, k, sub)
		walk_value(w, sub, depth + 1);
	json_array_foreach(v, i, sub)
		walk_value(w, sub, depth + 1);
	if (json_is_string(v) && w->left > 0 &&
	    secret_is_vault(json_string_value(v)) &&
	    vault_ref_split(json_string_value(v), path, &k, &e) == 0) {
		w->left--;
		w->found(w->arg, path, k);
	}
}

void
vault_walk(const char * config, void (*found)(void *, const char *,
    const char *), void * arg)
{
	struct walk w = { found, arg, REFS_MAX };
	json_t * v = json_loads(config, JSON_DECODE_ANY, NULL);

	walk_value(&w, v, 0);
	json_decref(v);
}

/* ---- what there is ---- */

static int
is_good(const struct vault_path * p, int64_t now)
{
	return (p->has_values && now < p->ends_us);
}

static void
on_ahead(void * arg)
{
	vault_path_begin(arg);
}

static int
no_key(struct vault_path * p, const char * ref, int64_t now, struct err * e)
{
	char names[NAMES_MAX] = "";
	size_t i, n = 0;

	/* It may have come since. */
	if (now - p->read_us > VAULT_FAILED_US) {
		p->ends_us = now;
		return (err_set(e, ERR_TRANSIENT, SECRET_WAIT, "waiting for "
		    "Vault: %.200s is read again", ref));
	}
	for (i = 0; i < p->nkeys && n + 60 < sizeof(names); i++)
		n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%.40s",
		    i > 0 ? ", " : "", p->keys[i].name);
	return (err_set(e, ERR_CONFIG, "secret", "%.200s: the secret has no such "
	    "key; it has %s%s", ref, n > 0 ? names : "none", i < p->nkeys ?
	    ", ..." : ""));
}

int
vault_get(struct vault * v, const char * ref, struct buf * out, struct err * e)
{
	char path[VAULT_REF_MAX];
	const struct vault_key * k;
	const char * key;
	struct vault_path * p;
	int64_t now;

	if (vault_ref_split(ref, path, &key, e))
		return (-1);
	now = clock_mono_us();
	p = vault_path_find(v, path);
	if (p != NULL)
		p->used_us = now;
	if (p != NULL && is_good(p, now)) {
		if (now > p->ahead_us && p->state == PATH_IDLE)
			loop_soon(v->o.loop, &p->soon, on_ahead, p);
		if ((k = vault_keys_find(p, key)) == NULL)
			return (no_key(p, ref, now, e));
		if (k->sealed == NULL)
			return (err_set(e, ERR_CONFIG, "secret", k->size == 0 ?
			    "%.200s is empty" : "%.200s has more than 64 KiB, "
			    "which no secret has here", ref));
		return (vault_keys_open(p, k, k->sealed, out, e));
	}
	if (p != NULL && p->has_err && now < p->err_until_us) {
		*e = p->e;
		return (e->cls == ERR_CONFIG ? err_prefix(e, "%.200s", ref) :
		    -1);
	}
	if (p == NULL && HASH_COUNT(v->paths) >= MAX_PATHS)
		return (err_set(e, ERR_CONFIG, "secret", "%.200s: more than %d "
		    "paths of Vault are in use", ref, MAX_PATHS));
	return (err_set(e, ERR_TRANSIENT, SECRET_WAIT, "waiting for Vault: %.200s "
	    "was not read yet", ref));
}

int
vault_last(const struct vault * v, const char * ref, struct buf * out)
{
	char path[VAULT_REF_MAX];
	const struct vault_path * p;
	const struct vault_key * k;
	const char * key;
	struct err e;

	if (vault_ref_split(ref, path, &key, &e) ||
	    (p = vault_path_find(v, path)) == NULL ||
	    (k = vault_keys_find(p, key)) == NULL || k->sealed == NULL)
		return (-1);
	return (vault_keys_open(p, k, k->sealed, out, &e));
}

uint64_t
vault_changes(const struct vault * v)
{
	return (v->changes);
}

struct refusal {
	struct vault * v;
	uint64_t since;
	int is_other;
};

static void
refuse_one(void * arg, const char * path, const char * key)
{
	struct refusal * r = arg;
	struct vault_path * p = vault_path_find(r->v, path);
	int64_t now = clock_mono_us();

	(void)key;
	if (p == NULL || !p->has_values)
		return;
	if (p->changed > r->since) {
		r->is_other = 1;
	} else if (now >= p->again_us) {
		p->again_us = now + AGAIN_US;
		p->ends_us = now;
		r->is_other = 1;
		log_event(LOG_INFO, "vault_value_refused",
		    LOG_S("path", p->path));
	}
}

int
vault_refused(struct vault * v, const char * config, uint64_t since)
{
	struct refusal r = { v, since, 0 };

	vault_walk(config, refuse_one, &r);
	return (r.is_other);
}

/* ---- who waits ---- */

static void
on_done(void * arg)
{
	struct vault_wait * w = arg;
	void (*cb)(void *) = w->cb;
	void * cbarg = w->arg;

	free(w);
	cb(cbarg);
}

static void
unlink_one(struct vault_link * l)
{
	*l->prevp = l->next;
	if (l->next != NULL)
		l->next->prevp = l->prevp;
	l->p = NULL;
}

void
vault_path_settled(struct vault_path * p)
{
	struct vault_link * l;

	while ((l = p->links) != NULL) {
		unlink_one(l);
		if (--l->w->left == 0)
			loop_soon(p->v->o.loop, &l->w->soon, on_done, l->w);
	}
}

static void
wait_for(void * arg, const char * path, const char * key)
{
	struct vault_wait * w = arg;
	struct vault_path * p = find_or_make(w->v, path);
	struct vault_link * l;
	int64_t now = clock_mono_us();

	(void)key;
	if (p == NULL || (p->state == PATH_IDLE && (is_good(p, now) ||
	    (p->has_err && now < p->err_until_us))))
		return;
	l = &w->links[w->n++];
	l->w = w;
	l->p = p;
	l->next = p->links;
	l->prevp = &p->links;
	if (l->next != NULL)
		l->next->prevp = &l->next;
	p->links = l;
	w->left++;
	vault_path_begin(p);
}

struct vault_wait *
vault_wait(struct vault * v, const char * config, void (*cb)(void *),
    void * arg)
{
	struct vault_wait * w = calloc(1, sizeof(*w));

	if (w == NULL)
		return (NULL);
	w->v = v;
	w->cb = cb;
	w->arg = arg;
	vault_walk(config, wait_for, w);
	if (w->left == 0)
		loop_soon(v->o.loop, &w->soon, on_done, w);
	return (w);
}

void
vault_wait_cancel(struct vault_wait * w)
{
	size_t i;

	if (w == NULL)
		return;
	for (i = 0; i < w->n; i++)
		if (w->links[i].p != NULL)
			unlink_one(&w->links[i]);
	loop_soon_cancel(w->v->o.loop, &w->soon);
	free(w);
}

void
vault_auth_ended(struct vault * v)
{
	struct vault_path * p, * next;

	HASH_ITER(hh, v->paths, p, next)
		if (p->state == PATH_AUTH)
			vault_path_step(p);
}
