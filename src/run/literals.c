#include "run/literals.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

#define PATH_LEN 256
#define DEPTH_MAX 16
#define MUTABLE(j) ((json_t *)(uintptr_t)(j))

struct literals {
	struct secret_store * st;
	json_t * names; /* the new ones */
	size_t left;    /* not durable yet; 1 more while we begin */
	int failed;
	struct err e;
	secret_store_cb * cb;
	void * arg;
	int undone;     /* and what to do when all have come: */
	int orphan;     /* freed meanwhile */
};

/* What moving needs on its way down. */
struct mover {
	struct literals * l;
	const char * id;
	struct err * e;
};

/* ---- words of a person ---- */

static int
check(const json_t * v, const char * path, int depth, struct err * e)
{
	const char * key, * s = json_string_value(v);
	char sub[PATH_LEN];
	const json_t * x;
	size_t i;

	if (s != NULL && secret_is_hidden(s))
		return (err_set(e, ERR_CONFIG, "bad_config", "%s: names that "
		    "begin with ~ are the daemon's own", path));
	if (s != NULL && strcmp(s, "***") == 0)
		return (err_set(e, ERR_CONFIG, "bad_config", "%s: *** is only "
		    "shown in place of a secret; give the secret, or leave "
		    "the key away where it stays as it is", path));
	if (depth >= DEPTH_MAX)
		return (0); /* no schema is that deep: refused later */
	json_object_foreach(MUTABLE(v), key, x) {
		snprintf(sub, sizeof(sub), "%s.%s", path, key);
		if (check(x, sub, depth + 1, e))
			return (-1);
	}
	json_array_foreach(v, i, x)
		if (check(x, path, depth + 1, e))
			return (-1);
	return (0);
}

int
literals_check(const json_t * config, struct err * e)
{
	return (check(config, "config", 0, e));
}

/* ---- moving ---- */

static void
one_done(struct literals * l)
{
	if (--l->left > 0)
		return;
	if (l->orphan) {
		if (l->undone)
			literals_undo(l);
		literals_free(l);
	} else {
		l->cb(l->arg, l->failed ? &l->e : NULL);
	}
}

static void
on_hidden(void * arg, const struct err * e)
{
	struct literals * l = arg;

	if (e != NULL && !l->failed) {
		l->failed = 1;
		l->e = *e;
	}
	one_done(l);
}

static void
wipe_string(json_t * v)
{
	char * s = (char *)(uintptr_t)json_string_value(v);

	if (s != NULL)
		explicit_bzero(s, json_string_length(v));
}

static int
move_one(struct mover * m, const char * path, json_t * in, const char * key,
    json_t * v)
{
	const char * s = json_string_value(v);
	char name[PATH_LEN + 128], ref[sizeof(name) + 16];
	unsigned char r[4];
	json_t * made;

	if (s == NULL || secret_is_ref(s))
		return (0);
	if (strstr(s, "{{") != NULL && strstr(s, "secrets.") != NULL)
		return (err_set(m->e, ERR_CONFIG, "bad_config", "config.%s: a "
		    "reference {{secrets.NAME}} stands alone", path));
	if (m->l->st == NULL)
		return (err_set(m->e, ERR_CONFIG, "bad_config", "config.%s: "
		    "there is no store for secrets here; give a reference "
		    "such as $env:NAME", path));
	if (RAND_bytes(r, sizeof(r)) != 1)
		return (err_nomem(m->e, "a random number"));
	snprintf(name, sizeof(name), "~%.64s.%s~%lld-%02x%02x%02x%02x", m->id,
	    path, (long long)clock_wall_ms(), r[0], r[1], r[2], r[3]);
	snprintf(ref, sizeof(ref), "{{secrets.%s}}", name);
	made = json_string(ref);
	if (made == NULL || json_array_append_new(m->l->names,
	    json_string(name))) {
		json_decref(made);
		return (err_nomem(m->e, "a secret"));
	}
	m->l->left++;
	secret_store_set_hidden(m->l->st, name, s, json_string_length(v),
	    on_hidden, m->l);
	wipe_string(v);
	if (json_object_set_new(in, key, made))
		return (err_nomem(m->e, "a secret"));
	return (0);
}

static int
move(struct mover * m, const json_t * schema, const char * prefix,
    json_t * config)
{
	const char * key, * type;
	const json_t * f;
	char path[PATH_LEN];
	json_t * v;

	json_object_foreach(MUTABLE(schema), key, f) {
		type = json_str(f, "type");
		v = json_object_get(config, key);
		if (type == NULL || v == NULL)
			continue;
		if (snprintf(path, sizeof(path), "%s%s", prefix, key) >=
		    (int)sizeof(path) - 1)
			return (err_set(m->e, ERR_CONFIG, "bad_config",
			    "config.%.100s... is too deep", path));
		if (strcmp(type, "secret") == 0) {
			if (move_one(m, path, config, key, v))
				return (-1);
		} else if (strcmp(type, "variant") == 0 &&
		    json_str(v, "type") != NULL) {
			strcat(path, ".");
			if (move(m, json_object_get(json_object_get(f,
			    "variants"), json_str(v, "type")), path, v))
				return (-1);
		}
	}
	return (0);
}

int
literals_move(struct secret_store * st, const json_t * schema,
    json_t * config, const char * id, struct literals ** out,
    secret_store_cb * cb, void * arg, struct err * e)
{
	struct literals * l = calloc(1, sizeof(*l));
	struct mover m = { l, id, e };

	if (l == NULL || (l->names = json_array()) == NULL) {
		free(l);
		return (err_nomem(e, "a connector"));
	}
	l->st = st;
	l->cb = cb;
	l->arg = arg;
	if (move(&m, schema, "", config)) {
		literals_undo(l);
		literals_free(l);
		return (-1);
	}
	if (l->left == 0) {
		literals_free(l);
		return (0);
	}
	*out = l;
	return (1);
}

void
literals_undo(struct literals * l)
{
	const json_t * v;
	size_t i;

	if (l == NULL)
		return;
	/* A deletion would come before what is still on its way. */
	if (l->left > 0) {
		l->undone = 1;
		return;
	}
	json_array_foreach(l->names, i, v)
		secret_store_del_hidden(l->st, json_string_value(v));
}

void
literals_free(struct literals * l)
{
	if (l == NULL)
		return;
	if (l->left > 0) {
		l->orphan = 1;
		return;
	}
	json_decref(l->names);
	free(l);
}

/* ---- what refers to them ---- */

static void
used(const json_t * v, int depth, json_t * names)
{
	const char * key, * s = json_string_value(v), * name;
	char text[PATH_LEN + 128];
	const json_t * x;
	size_t i, n;

	if (s != NULL && (name = secret_ref_name(s, &n)) != NULL &&
	    *name == '~' && n < sizeof(text)) {
		memcpy(text, name, n);
		text[n] = '\0';
		json_object_set_new(names, text, json_true());
	}
	if (depth >= DEPTH_MAX)
		return;
	json_array_foreach(v, i, x)
		used(x, depth + 1, names);
	json_object_foreach(MUTABLE(v), key, x)
		used(x, depth + 1, names);
}

void
literals_used(const char * config, json_t * names)
{
	json_t * v;

	/* Most have none, and there may be tens of thousands. */
	if (config == NULL || strstr(config, "secrets.~") == NULL)
		return;
	v = json_loads(config, 0, NULL);
	used(v, 0, names);
	json_decref(v);
}

void
literals_sweep(struct secret_store * st, const char * old, const char * now)
{
	json_t * before = json_object(), * after = json_object(), * v;
	const char * name;

	if (st != NULL && before != NULL && after != NULL) {
		literals_used(old, before);
		literals_used(now, after);
		json_object_foreach(before, name, v)
			if (json_object_get(after, name) == NULL)
				secret_store_del_hidden(st, name);
	}
	json_decref(before);
	json_decref(after);
}

void
literals_hide(json_t * v)
{
	const char * key, * s = json_string_value(v);
	json_t * x;
	size_t i;

	if (s != NULL && secret_is_hidden(s))
		json_string_set(v, "***");
	json_array_foreach(v, i, x)
		literals_hide(x);
	json_object_foreach(v, key, x)
		literals_hide(x);
}

void
literals_wipe(json_t * v)
{
	const char * key;
	json_t * x;
	size_t i;

	wipe_string(v);
	json_array_foreach(v, i, x)
		literals_wipe(x);
	json_object_foreach(v, key, x)
		literals_wipe(x);
}
