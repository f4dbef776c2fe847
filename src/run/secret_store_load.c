#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "run/secret_store_internal.h"

/* What the state holds, taken over and put back; and the names of it. */

struct sweep {
	struct secret_store * st;
	json_t * have; /* name -> true */
};

static void
drop_gone(void * arg, const char * name, const char * sealed)
{
	struct sweep * w = arg;

	(void)sealed;
	if (json_object_get(w->have, name) == NULL)
		secret_store_lose(w->st, name);
}

/* Take over the records of ${list}. */
static int
take(struct secret_store * st, const json_t * list, struct err * e)
{
	struct sweep w = { st, json_object() };
	const char * name, * sealed;
	const json_t * rec;
	size_t i;

	if (w.have == NULL)
		return (err_nomem(e, "the secrets"));
	json_array_foreach(list, i, rec) {
		name = json_str(rec, "name");
		sealed = json_str(rec, "sealed");
		if (name == NULL || sealed == NULL ||
		    (st->n >= SECRETS_MAX && secrets_sealed(st->secrets,
		    name) == NULL))
			continue;
		if (json_object_set_new(w.have, name, json_true())) {
			json_decref(w.have);
			return (err_nomem(e, "the secrets"));
		}
		secret_store_keep(st, name, sealed);
	}
	secrets_each(st->secrets, drop_gone, &w);
	json_decref(w.have);
	return (0);
}

static void ask(struct sop * op);

static void
on_list(void * arg, json_t * v, const struct err * e)
{
	struct sop * op = arg;
	struct secret_store * st = op->st;
	const char * check;
	struct err why;

	/* A list that a change of our own overtook says what was. */
	if (e == NULL && op->changes != st->changes) {
		ask(op);
		return;
	}
	if (e == NULL && take(st, v, &op->e))
		e = &op->e;
	if (e == NULL) {
		check = secrets_sealed(st->secrets, SECRET_CHECK);
		if (check == NULL)
			st->checked = 0;
		secret_store_trouble(st, check != NULL && secret_store_check(st, check, &why) ?
		    &why : NULL);
	}
	secret_store_op_end(op, e);
}

static void
ask(struct sop * op)
{
	op->changes = op->st->changes;
	op->st->state->ops->list(op->st->state, SECRET_KIND, on_list, op);
}

void
secret_store_load(struct secret_store * st, secret_store_cb * cb, void * arg)
{
	ask(secret_store_op(st, NULL, cb, arg));
}

static void
put_one_back(void * arg, const char * name, const char * sealed)
{
	struct secret_store * st = arg;
	json_t * rec = secret_store_record(name, sealed);

	if (rec != NULL)
		st->state->ops->put(st->state, SECRET_KIND, name, rec, 0, NULL, NULL);
	json_decref(rec);
}

void
secret_store_put_back(struct secret_store * st)
{
	st->changes++;
	secrets_each(st->secrets, put_one_back, st);
}

/* ---- names ---- */

struct names {
	const char ** v;
	size_t n;
};

static void
add_name(void * arg, const char * name, const char * sealed)
{
	struct names * ns = arg;

	(void)sealed;
	if (*name != '~')
		ns->v[ns->n++] = name;
}

static int
by_name(const void * a, const void * b)
{
	return (strcmp(*(const char * const *)a, *(const char * const *)b));
}

json_t *
secret_store_names(const struct secret_store * st)
{
	struct names ns = { calloc(st->n + 1, sizeof(*ns.v)), 0 };
	json_t * a = ns.v != NULL ? json_array() : NULL;
	size_t i;

	if (a != NULL) {
		secrets_each(st->secrets, add_name, &ns);
		qsort(ns.v, ns.n, sizeof(*ns.v), by_name);
	}
	for (i = 0; i < ns.n && a != NULL; i++) {
		if (json_array_append_new(a, json_string(ns.v[i])) == 0)
			continue;
		json_decref(a);
		a = NULL;
	}
	free(ns.v);
	return (a);
}
