#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "sync/backup_internal.h"

/*
 * Putting all back.  First everything is looked at, then written kind by kind in
 * the order of enum backup_kind: other daemons take over what they see while we
 * write, and nothing must be there before what it needs.
 */

#define CLAIM_MS 60000
/* Rows of parts in one write. */
#define ROWS_A_PUT 1000

static void
parse_some(struct backup_wait * w)
{
	int rc;

	if (w->in == NULL && (w->in = backup_text_read(w->text.p != NULL ?
	    w->text.p : "", w->text.len, &w->e)) == NULL) {
		backup_turn(w);
		return;
	}
	if ((rc = backup_text_more(w->in, BACKUP_SLICE, &w->e)) == 0) {
		buf_free(&w->text);
		w->kind = BACKUP_SECRET;
		backup_step(w, STEP_LOOK);
	}
	backup_turn(w);
}

/* ---- what is there ---- */

static void
on_list(void * arg, json_t * v, const struct err * e)
{
	struct backup_wait * w = arg;

	if (backup_answered(w, e))
		return;
	if (backup_fit_have(w, w->kind, v, &w->e) == 0) {
		w->kind = w->kind == BACKUP_SECRET ? BACKUP_CONNECTOR :
		    w->kind == BACKUP_CONNECTOR ? BACKUP_SYNC : BACKUP_KINDS;
		if (w->kind == BACKUP_KINDS &&
		    backup_fit_check(w, &w->e) == 0)
			backup_step(w, STEP_NODES);
	}
	backup_turn(w);
}

static void
look(struct backup_wait * w)
{
	struct state * state = w->B->o.state;

	w->waiting++;
	state->ops->list(state, backup_text_kinds[w->kind], on_list, w);
}

static void
on_nodes(void * arg, json_t * v, const struct err * e)
{
	struct backup_wait * w = arg;

	if (backup_answered(w, e))
		return;
	w->nodes = json_copy(v);
	if (backup_fit_nodes(w, &w->e) == 0)
		backup_step(w, STEP_KEY);
	backup_turn(w);
}

static void
ask_nodes(struct backup_wait * w)
{
	struct state * state = w->B->o.state;

	w->waiting++;
	state->ops->node_list(state, on_nodes, w);
}

/* ---- writing ---- */

/* The names of the kind that comes next, in an array: an object has no places. */
static int
take_names(struct backup_wait * w, struct err * e)
{
	json_t * records = backup_text_doc(w->in)->records[w->kind], * v;
	const char * name;

	free(w->names);
	w->nnames = 0;
	/* They are put with their cursors. */
	if (w->kind == BACKUP_PART)
		records = NULL;
	w->names = calloc(json_object_size(records) + 1, sizeof(*w->names));
	if (w->names == NULL)
		return (err_nomem(e, "a backup"));
	json_object_foreach(records, name, v)
		w->names[w->nnames++] = name;
	return (0);
}

static void
on_put(void * arg, json_t * v, const struct err * e)
{
	struct backup_wait * w = arg;

	(void)v;
	if (e == NULL)
		w->written++;
	if (backup_answered(w, e) == 0 && w->waiting == 0)
		backup_turn(w);
}

static json_t *
record_of(const struct backup_call * c, enum backup_kind kind)
{
	return (json_object_get(backup_text_doc(c->w->in)->records[kind],
	    c->id));
}

/* The next of its rows. */
static json_t *
take_rows(struct backup_call * c)
{
	json_t * some = json_object();
	size_t n;

	for (n = 0; some != NULL && c->row != NULL && n < ROWS_A_PUT; n++) {
		if (json_object_set(some, json_object_iter_key(c->row),
		    json_object_iter_value(c->row))) {
			json_decref(some);
			return (NULL);
		}
		c->row = json_object_iter_next(c->rows, c->row);
	}
	return (some);
}

/* A cursor is written under a claim: whoever runs the sync now is fenced off.  What
 * is there of its parts may be later than it, and goes first. */
static void
on_cursor_put(void * arg, json_t * v, const struct err * e)
{
	struct backup_call * c = arg;
	struct state * state = c->w->B->o.state;
	json_t * rows;
	struct err nomem;

	if (e == NULL && c->row != NULL) {
		if ((rows = take_rows(c)) != NULL) {
			state->ops->parts_put(state, c->id, c->fence,
			    record_of(c, BACKUP_CURSOR), rows, on_cursor_put,
			    c);
			json_decref(rows);
			return;
		}
		err_nomem(&nomem, "a backup");
		e = &nomem;
	}
	state->ops->lease_drop(state, c->id, c->bucket, c->fence, NULL, NULL);
	on_put(c->w, v, e);
}

static void
on_claim(void * arg, int64_t fence, const struct err * e)
{
	struct backup_call * c = arg;
	struct backup_wait * w = c->w;
	struct state * state = w->B->o.state;
	json_t * none = json_null();
	struct err taken;

	if (e == NULL && fence == 0) {
		err_set(&taken, ERR_TRANSIENT, "busy", "the cursor of %.100s is "
		    "being restored by somebody else", c->id);
		e = &taken;
	}
	if (e != NULL) {
		on_put(w, NULL, e);
		return;
	}
	c->fence = fence;
	c->rows = record_of(c, BACKUP_PART);
	c->row = json_object_iter(c->rows);
	state->ops->parts_put(state, c->id, fence, record_of(c, BACKUP_CURSOR),
	    none, on_cursor_put, c);
}

static void
put_cursor(struct backup_wait * w, const char * id)
{
	struct state * state = w->B->o.state;
	struct backup_call * c = &w->calls[w->waiting++];

	c->w = w;
	c->id = id;
	/* No run is due at such a time. */
	c->bucket = -clock_wall_ms();
	state->ops->lease_take(state, id, c->bucket, CLAIM_MS, on_claim, c);
}

static void
put_one(struct backup_wait * w, const char * name)
{
	struct state * state = w->B->o.state;

	if (w->kind == BACKUP_CURSOR) {
		put_cursor(w, name);
		return;
	}
	if (json_object_get(w->have[w->kind], name) != NULL)
		w->replaced++;
	w->waiting++;
	state->ops->put(state, backup_text_kinds[w->kind], name,
	    json_object_get(backup_text_doc(w->in)->records[w->kind], name), 0,
	    on_put, w);
}

static void
put_some(struct backup_wait * w)
{
	if (w->at == 0 && w->names == NULL && take_names(w, &w->e)) {
		backup_turn(w);
		return;
	}
	while (w->waiting < BACKUP_WINDOW && w->at < w->nnames &&
	    w->e.code[0] == '\0')
		put_one(w, w->names[w->at++]);
	if (w->waiting > 0)
		return;
	if (w->e.code[0] == '\0') {
		free(w->names);
		w->names = NULL;
		w->at = 0;
		if (++w->kind == BACKUP_KINDS)
			backup_step(w, STEP_TAKE_OVER);
	}
	backup_turn(w);
}

static void
on_key(void * arg, json_t * v, const struct err * e)
{
	struct backup_wait * w = arg;

	(void)v;
	if (backup_answered(w, e))
		return;
	backup_step(w, STEP_PUT);
	backup_turn(w);
}

/* The check record first: without it a daemon that looks now has secrets it
 * cannot judge. */
static void
put_key(struct backup_wait * w)
{
	const struct backup_text * doc = backup_text_doc(w->in);
	struct state * state = w->B->o.state;
	json_t * rec;

	w->kind = BACKUP_SECRET;
	if (json_object_size(doc->records[BACKUP_SECRET]) == 0) {
		backup_step(w, STEP_PUT);
		backup_turn(w);
		return;
	}
	rec = json_pack("{s:s, s:s, s:I}", "name", SECRET_STORE_CHECK, "sealed",
	    doc->key_check, "at", (json_int_t)clock_wall_ms());
	if (rec == NULL) {
		err_nomem(&w->e, "a backup");
		backup_turn(w);
		return;
	}
	w->waiting++;
	state->ops->put(state, backup_text_kinds[BACKUP_SECRET],
	    SECRET_STORE_CHECK, rec, 0, on_key, w);
	json_decref(rec);
}

/* ---- the end ---- */

static void
set_count(struct backup_wait * w, const char * key, size_t n)
{
	json_object_set_new(w->answer, key, json_integer((json_int_t)n));
}

static void
on_secrets(void * arg, const struct err * e)
{
	struct backup_wait * w = arg;
	const struct backup_text * doc = backup_text_doc(w->in);
	const struct backup_opts * o = &w->B->o;

	if (backup_answered(w, e))
		return;
	if (o->runner != NULL)
		runner_look(o->runner);
	set_count(w, "connectors", json_object_size(
	    doc->records[BACKUP_CONNECTOR]));
	set_count(w, "syncs", json_object_size(doc->records[BACKUP_SYNC]));
	set_count(w, "cursors", json_object_size(doc->records[BACKUP_CURSOR]));
	set_count(w, "secrets", json_object_size(doc->records[BACKUP_SECRET]));
	set_count(w, "replaced", w->replaced);
	log_event(LOG_INFO, "restored", LOG_S("made_at", json_str(doc->header,
	    "made_at")), LOG_I("records", w->written),
	    LOG_I("replaced", w->replaced));
	backup_end(w, NULL);
}

static void
take_over(struct backup_wait * w)
{
	w->waiting++;
	if (w->B->o.secret_store != NULL)
		secret_store_load(w->B->o.secret_store, on_secrets, w);
	else
		on_secrets(w, NULL);
}

void
backup_restore_advance(struct backup_wait * w)
{
	switch (w->step) {
	case STEP_BEGIN:
		backup_step(w, STEP_PARSE);
		parse_some(w);
		break;
	case STEP_PARSE:
		parse_some(w);
		break;
	case STEP_LOOK:
		look(w);
		break;
	case STEP_NODES:
		ask_nodes(w);
		break;
	case STEP_KEY:
		put_key(w);
		break;
	case STEP_PUT:
		put_some(w);
		break;
	case STEP_TAKE_OVER:
		take_over(w);
		break;
	case STEP_GENERATION:
	case STEP_CONNECTORS:
	case STEP_SYNCS:
	case STEP_SECRETS:
	case STEP_CURSORS:
	case STEP_CHECK:
	case STEP_WRITE:
	case STEP_DONE:
		break;
	}
}
