/*
 * What may be swept though parts were left out.  A part's inputs that are in the key
 * say whose a row is, so the rows of parts that were left out can be spared, and what
 * is gone of the others may go.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sync/sync_run_internal.h"

#define LEFT_MAX 50   /* more are as good as all */
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

void
sync_leg_but_left(struct sync_leg * l, uint64_t hash, const json_t * in)
{
	json_t * one = json_object(), * v;
	const char * name;
	char key[20];
	int at;

	if (l->but == NULL)
		l->but = json_object();
	json_object_foreach((json_t *)(uintptr_t)in, name, v) {
		at = manifest_column(l->ent, name);
		v = at < 0 ? NULL : shown(&l->ent->columns[at], v);
		if (v != NULL && json_object_set_new(one,
		    l->ent->columns[at].name, v))
			l->but_unknown = 1;
	}
	snprintf(key, sizeof(key), "%016" PRIx64, hash);
	if (json_object_size(one) == 0 ||
	    json_object_size(l->but) >= LEFT_MAX)
		l->but_unknown = 1;
	if (json_object_set_new(l->but, key, one))
		l->but_unknown = 1;
}

int
sync_leg_but(const struct sync_leg * l)
{
	/* What was left out besides is of no part. */
	return (l->but != NULL && !l->but_unknown && l->lacks == 0 &&
	    l->w != NULL && l->w->ops->may_but);
}
