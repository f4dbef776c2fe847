#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/rfc3339.h"
#include "sync/backup_internal.h"

/*
 * Reading all there is, as it was at one moment: when a record changed meanwhile
 * it is read again.  (Cursors move all the time; each is whole by itself, and one
 * that is older than its sync only leads to rows being read again.)
 */
#define MAX_TRIES 10
/* What parts may take of a backup, and what a line of them is without its texts. */
#define PARTS_MAX (BACKUP_MAX / 4)
#define LINE 100

static void
on_generation(void * arg, json_t * v, const struct err * e)
{
	struct backup_wait * w = arg;

	if (backup_answered(w, e))
		return;
	if (w->step == STEP_GENERATION) {
		w->generation = json_integer_value(v);
		backup_step(w, STEP_CONNECTORS);
	} else if (w->generation == json_integer_value(v)) {
		backup_step(w, STEP_WRITE);
	} else if (++w->tries < MAX_TRIES) {
		backup_step(w, STEP_GENERATION);
	} else {
		err_set(&w->e, ERR_TRANSIENT, "busy", "connectors, syncs or "
		    "secrets changed each of the %d times they were read; try "
		    "again", MAX_TRIES);
	}
	backup_turn(w);
}

static void
on_list(void * arg, json_t * v, const struct err * e)
{
	struct backup_wait * w = arg;
	enum backup_kind kind = w->step == STEP_CONNECTORS ? BACKUP_CONNECTOR :
	    w->step == STEP_SYNCS ? BACKUP_SYNC : BACKUP_SECRET;

	if (backup_answered(w, e))
		return;
	json_decref(w->lists[kind]);
	/* The state's own is borrowed. */
	if ((w->lists[kind] = json_copy(v)) == NULL)
		err_nomem(&w->e, "a backup");
	else
		backup_step(w, kind == BACKUP_CONNECTOR ? STEP_SYNCS :
		    kind == BACKUP_SYNC ? STEP_SECRETS : STEP_CURSORS);
	backup_turn(w);
}

static void
list(struct backup_wait * w, enum backup_kind kind)
{
	struct state * state = w->B->o.state;

	w->waiting++;
	state->ops->list(state, backup_text_kinds[kind], on_list, w);
}

/* ---- cursors ---- */

/* Whether each part of one of its entities goes on by its own. */
static int
has_parts(const json_t * cursor)
{
	const char * name;
	json_t * leg;

	json_object_foreach((json_t *)(uintptr_t)cursor, name, leg)
		if (json_object_get(leg, "gen") != NULL)
			return (1);
	return (0);
}

/* About how long they are as lines. */
static size_t
size_of(const char * id, const json_t * rows)
{
	size_t n = 0;
	const char * key;
	json_t * row;

	json_object_foreach((json_t *)(uintptr_t)rows, key, row)
		n += LINE + strlen(id) + strlen(key) + json_string_length(
		    json_object_get(row, "t")) + 20 * json_array_size(
		    json_object_get(row, "ids"));
	return (n);
}

/* Without them all parts are read whole once: that is better than no backup. */
static void
on_parts(void * arg, json_t * v, const struct err * e)
{
	struct backup_call * c = arg;
	struct backup_wait * w = c->w;
	size_t n;

	if (backup_answered(w, e))
		return;
	n = size_of(c->id, v);
	if (w->part_bytes + n > PARTS_MAX)
		log_event(LOG_WARN, "backup_without_parts", LOG_S("sync", c->id),
		    LOG_I("parts", json_object_size(v)));
	else if (json_object_size(v) > 0 && json_object_set_new(
	    w->lists[BACKUP_PART], c->id, json_copy(v)))
		err_nomem(&w->e, "a backup");
	else
		w->part_bytes += n;
	if (w->waiting == 0)
		backup_turn(w);
}

static void
on_cursor(void * arg, json_t * v, const struct err * e)
{
	struct backup_call * c = arg;
	struct backup_wait * w = c->w;
	struct state * state = w->B->o.state;

	if (backup_answered(w, e))
		return;
	if (json_is_object(v) && json_object_set_new(w->lists[BACKUP_CURSOR],
	    c->id, json_deep_copy(v)))
		err_nomem(&w->e, "a backup");
	/* They may say more than the cursor: then their part goes on there. */
	else if (has_parts(v)) {
		w->waiting++;
		state->ops->parts_get(state, c->id, on_parts, c);
	}
	if (w->waiting == 0)
		backup_turn(w);
}

static void
ask_cursors(struct backup_wait * w)
{
	struct state * state = w->B->o.state;
	struct backup_call * c;
	const char * id;

	if (w->at == 0) {
		json_decref(w->lists[BACKUP_CURSOR]);
		json_decref(w->lists[BACKUP_PART]);
		w->lists[BACKUP_CURSOR] = json_object();
		w->lists[BACKUP_PART] = json_object();
		w->part_bytes = 0;
		if (w->lists[BACKUP_CURSOR] == NULL ||
		    w->lists[BACKUP_PART] == NULL)
			err_nomem(&w->e, "a backup");
	}
	while (w->waiting < BACKUP_WINDOW && w->e.code[0] == '\0' &&
	    w->at < json_array_size(w->lists[BACKUP_SYNC])) {
		id = json_str(json_array_get(w->lists[BACKUP_SYNC], w->at++),
		    "id");
		if (id == NULL)
			continue;
		c = &w->calls[w->waiting++];
		c->w = w;
		c->id = id;
		state->ops->cursor_get(state, id, on_cursor, c);
	}
	if (w->waiting > 0)
		return;
	if (w->e.code[0] == '\0')
		backup_step(w, STEP_CHECK);
	backup_turn(w);
}

/* ---- the text ---- */

/* Out of the list of secrets: it is no secret. */
static json_t *
take_key_check(struct backup_wait * w)
{
	json_t * a = w->lists[BACKUP_SECRET], * rec, * sealed;
	size_t i;

	json_array_foreach(a, i, rec) {
		if (json_str(rec, "name") == NULL || strcmp(json_str(rec,
		    "name"), SECRET_STORE_CHECK) != 0)
			continue;
		sealed = json_incref(json_object_get(rec, "sealed"));
		json_array_remove(a, i);
		return (sealed);
	}
	return (NULL);
}

static json_t *
header(struct backup_wait * w)
{
	json_t * check = take_key_check(w), * o, * rows;
	json_int_t parts = 0;
	char ts[RFC3339_LEN];
	const char * id;

	json_object_foreach(w->lists[BACKUP_PART], id, rows)
		parts += (json_int_t)json_object_size(rows);
	rfc3339_format(clock_wall_ms(), ts);
	o = json_pack("{s:s, s:s, s:s, s:s, s:{s:I, s:I, s:I, s:I, s:I}}",
	    "made_at", ts, "made_by", "moltler " PACKAGE_VERSION,
	    "node", w->B->o.node, "state", w->B->o.state->ops->name, "counts",
	    "connector",
	    (json_int_t)json_array_size(w->lists[BACKUP_CONNECTOR]),
	    "sync", (json_int_t)json_array_size(w->lists[BACKUP_SYNC]),
	    "cursor", (json_int_t)json_object_size(w->lists[BACKUP_CURSOR]),
	    "part", parts,
	    "secret", (json_int_t)json_array_size(w->lists[BACKUP_SECRET]));
	if (check != NULL && json_array_size(w->lists[BACKUP_SECRET]) > 0)
		json_object_set(o, "key_check", check);
	json_decref(check);
	return (o);
}

static void
write_cursors(struct backup_wait * w)
{
	const char * id;
	json_t * v;

	json_object_foreach(w->lists[BACKUP_CURSOR], id, v)
		backup_text_add(w->out, BACKUP_CURSOR, id, v);
}

static int
by_name(const void * a, const void * b)
{
	return (strcmp(*(const char * const *)a, *(const char * const *)b));
}

/* In order: of a hash in Redis they come in any. */
static int
sort_rows(struct backup_wait * w)
{
	json_t * rows = json_object_iter_value(w->part_sync), * row;
	const char * key;

	free(w->names);
	w->nnames = 0;
	w->names = calloc(json_object_size(rows) + 1, sizeof(*w->names));
	if (w->names == NULL)
		return (err_nomem(&w->e, "a backup"));
	json_object_foreach(rows, key, row)
		w->names[w->nnames++] = key;
	qsort(w->names, w->nnames, sizeof(*w->names), by_name);
	return (0);
}

/* A slice of the rows of parts; whether these were all. */
static int
write_parts(struct backup_wait * w)
{
	json_t * all = w->lists[BACKUP_PART];
	size_t left = BACKUP_SLICE;

	if (w->part_sync == NULL)
		w->part_sync = json_object_iter(all);
	while (w->part_sync != NULL && left > 0) {
		if (w->names == NULL && sort_rows(w))
			return (0);
		for (; w->at < w->nnames && left > 0; w->at++, left--)
			backup_text_add_part(w->out, json_object_iter_key(
			    w->part_sync), w->names[w->at], json_object_get(
			    json_object_iter_value(w->part_sync),
			    w->names[w->at]));
		if (w->at < w->nnames)
			return (0);
		free(w->names);
		w->names = NULL;
		w->at = 0;
		w->part_sync = json_object_iter_next(all, w->part_sync);
	}
	return (w->part_sync == NULL);
}

/* A slice of the records of one kind after the other. */
static void
write_some(struct backup_wait * w)
{
	const char * key, * name;
	const json_t * a, * rec;
	json_t * head;
	size_t left = BACKUP_SLICE;

	if (w->out == NULL) {
		head = header(w);
		w->out = head != NULL ? backup_text_begin(&w->text, head) : NULL;
		json_decref(head);
		if (w->out == NULL) {
			err_nomem(&w->e, "a backup");
			backup_turn(w);
			return;
		}
		w->kind = BACKUP_SECRET;
	}
	if (w->kind == BACKUP_PART) {
		w->kind += write_parts(w) != 0;
		backup_turn(w);
		return;
	}
	a = w->lists[w->kind];
	key = w->kind == BACKUP_SYNC ? "id" : "name";
	if (w->kind == BACKUP_CURSOR)
		write_cursors(w);
	for (; w->kind != BACKUP_CURSOR && w->at < json_array_size(a) &&
	    left > 0; left--) {
		rec = json_array_get(a, w->at++);
		if ((name = json_str(rec, key)) != NULL &&
		    json_object_get(rec, STATE_UNREADABLE) != NULL)
			err_set(&w->e, ERR_PERMANENT, "state_value", "the %s "
			    "%.100s in the state cannot be read, and a backup "
			    "without it would not be whole: mend or delete it",
			    backup_text_kinds[w->kind], name);
		else if (name != NULL)
			backup_text_add(w->out, w->kind, name, rec);
		else
			err_set(&w->e, ERR_PERMANENT, "state_value", "a %s's "
			    "record in the state has no %s",
			    backup_text_kinds[w->kind], key);
	}
	if (left > 0) {
		w->at = 0;
		w->kind++;
	}
	backup_turn(w);
}

static void
write_end(struct backup_wait * w)
{
	struct backup_text_out * out = w->out;

	w->out = NULL;
	backup_end(w, backup_text_end(out, &w->e) ? &w->e : NULL);
}

static void
ask_generation(struct backup_wait * w)
{
	struct state * state = w->B->o.state;

	w->waiting++;
	state->ops->generation(state, on_generation, w);
}

void
backup_make_advance(struct backup_wait * w)
{
	switch (w->step) {
	case STEP_BEGIN:
		backup_step(w, STEP_GENERATION);
		backup_turn(w);
		break;
	case STEP_GENERATION:
	case STEP_CHECK:
		ask_generation(w);
		break;
	case STEP_CONNECTORS:
		list(w, BACKUP_CONNECTOR);
		break;
	case STEP_SYNCS:
		list(w, BACKUP_SYNC);
		break;
	case STEP_SECRETS:
		list(w, BACKUP_SECRET);
		break;
	case STEP_CURSORS:
		ask_cursors(w);
		break;
	case STEP_WRITE:
		if (w->kind == BACKUP_KINDS)
			write_end(w);
		else
			write_some(w);
		break;
	case STEP_PARSE:
	case STEP_LOOK:
	case STEP_NODES:
	case STEP_KEY:
	case STEP_PUT:
	case STEP_TAKE_OVER:
	case STEP_DONE:
		break;
	}
}
