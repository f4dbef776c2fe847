/*
 * What may be swept though parts were left out.  A part's inputs that are in the key
 * say whose a row is, so what is gone of the parts that were read may go.  Rows of those
 * that were left out are spared, and of those that nobody lists any more: one that was
 * left out may have had that name.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sync/sync_run_internal.h"

#define LEFT_MAX 50     /* more are as good as all */
#define LISTED_MAX 1000 /* each is looked for at each row */
#define VALUE_BYTES 200

/* The text of what the input's column shows in each row of the part; NULL: it cannot be
 * told.  What a record says itself goes before. */
static json_t *
shown(const struct manifest_column * col, const json_t * v)
{
	const char * s = json_string_value(v);

	if (!col->is_input || !col->is_key || col->path != NULL)
		return (NULL);
	if (json_is_integer(v) && (col->type == COLUMN_INTEGER ||
	    col->type == COLUMN_TEXT))
		return (json_sprintf("%" JSON_INTEGER_FORMAT,
		    json_integer_value(v)));
	if (s != NULL && col->type == COLUMN_TEXT &&
	    json_string_length(v) <= VALUE_BYTES &&
	    strlen(s) == json_string_length(v))
		return (json_string(s));
	return (NULL);
}

/* What rows of the part show; NULL: no memory. */
static json_t *
shows(const struct sync_leg * l, const json_t * in)
{
	json_t * one = json_object(), * v;
	const char * name;
	int at, bad = one == NULL;

	json_object_foreach((json_t *)(uintptr_t)in, name, v) {
		at = manifest_column(l->ent, name);
		v = at < 0 ? NULL : shown(&l->ent->columns[at], v);
		bad |= v != NULL && json_object_set_new(one,
		    l->ent->columns[at].name, v);
	}
	if (!bad)
		return (one);
	json_decref(one);
	return (NULL);
}

/* Whether both have the same columns. */
static int
is_like(const json_t * a, const json_t * b)
{
	const char * name;
	json_t * v;

	if (json_object_size(a) != json_object_size(b))
		return (0);
	json_object_foreach((json_t *)(uintptr_t)a, name, v)
		if (json_object_get(b, name) == NULL)
			return (0);
	return (1);
}

/* The part is one of those under ${key}, of which there may be ${most}. */
static void
add(struct sync_leg * l, const char * key, size_t most, uint64_t hash,
    const json_t * in)
{
	json_t * one, * to;
	char name[20];

	if (l->but_unknown)
		return;
	if (l->but == NULL)
		l->but = json_pack("{s:{}, s:{}}", "listed", "left");
	to = json_object_get(l->but, key);
	snprintf(name, sizeof(name), "%016" PRIx64, hash);
	if (json_object_get(to, name) != NULL)
		return;
	one = shows(l, in);
	if (l->but_like == NULL)
		l->but_like = json_incref(one);
	if (one == NULL || to == NULL || json_object_size(one) == 0 ||
	    json_object_size(to) >= most || !is_like(one, l->but_like)) {
		json_decref(one);
		l->but_unknown = 1;
		return;
	}
	l->but_unknown = json_object_set_new(to, name, one) != 0;
}

void
sync_leg_but_listed(struct sync_leg * l, uint64_t hash, const json_t * in)
{
	if (l->r->d->deletes != SYNC_DELETES_IGNORE && l->w != NULL &&
	    l->w->ops->may_but)
		add(l, "listed", LISTED_MAX, hash, in);
}

void
sync_leg_but_left(struct sync_leg * l, uint64_t hash, const json_t * in)
{
	add(l, "left", LEFT_MAX, hash, in);
}

int
sync_leg_but(const struct sync_leg * l)
{
	/* What was left out besides is of no part. */
	return (l->but != NULL && !l->but_unknown && l->lacks == 0 &&
	    l->w != NULL && l->w->ops->may_but);
}
