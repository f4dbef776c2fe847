/* One entity of a run: its writer, and what is read. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/hash64.h"
#include "base/log.h"
#include "sync/sync_run_internal.h"

/* A list that was left longer ago than this is begun anew. */
#define RESUME_MS INT64_C(86400000)

/* ---- the writer ---- */

static void
on_ready(void * arg)
{
	struct sync_leg * l = arg;

	l->is_ready = 1;
	sync_run_soon(l->r);
}

static void
on_acked(void * arg, uint64_t rows)
{
	struct sync_leg * l = arg;

	l->acked = rows;
	/* What was written too late was refused, or is ours: the target's fence
	 * decides.  But nothing is committed. */
	(void)sync_lease_ok(l->r);
	sync_run_moved(l->r);
	if ((l->step.set && l->acked >= l->step.rows) || l->ended)
		sync_run_soon(l->r);
}

static void
on_room(void * arg)
{
	struct sync_leg * l = arg;

	if (!l->is_full)
		return;
	l->is_full = 0;
	query_resume(l->q);
}

static void
on_failed(void * arg, const struct err * e)
{
	struct sync_leg * l = arg;

	l->writer_failed = 1;
	l->writer_e = *e;
	sync_run_soon(l->r);
}

static int
open_writer(struct sync_leg * l, struct err * e)
{
	const struct writer_events ev = { .ready = on_ready, .acked = on_acked,
	    .room = on_room, .failed = on_failed, .arg = l };
	struct sync_run * r = l->r;
	struct writer_column * cols;
	struct writer_spec spec;
	char table[300];
	size_t i;

	if (sync_def_table(r->d, l->ent->name, table, sizeof(table)))
		return (err_set(e, ERR_CONFIG, "bad_target", "the target's "
		    "name %.100s is too long", r->d->target));
	if ((cols = calloc(l->ncols, sizeof(*cols))) == NULL)
		return (err_nomem(e, "a target's columns"));
	for (i = 0; i < l->ncols; i++) {
		cols[i].name = l->cols[i]->name;
		cols[i].type = l->cols[i]->type;
		cols[i].is_key = l->cols[i]->is_key != 0;
		cols[i].nocase = l->cols[i]->nocase != 0;
	}
	memset(&spec, 0, sizeof(spec));
	for (i = 0; i < l->ncols && r->d->deletes != SYNC_DELETES_IGNORE; i++)
		if (l->ent->deleted > 0 &&
		    l->cols[i] == &l->ent->columns[l->ent->deleted - 1])
			spec.gone = i + 1;
	spec.gone_is = l->ent->deleted_is;
	spec.gone_remove = spec.gone > 0 && r->d->deletes ==
	    SYNC_DELETES_REMOVE;
	spec.database = r->d->database;
	spec.table = table;
	spec.sync = r->d->id;
	spec.fence = r->fence;
	spec.columns = cols;
	spec.ncolumns = l->ncols;
	spec.marks = r->d->deletes != SYNC_DELETES_IGNORE;
	spec.refresh = (r->flags & SYNC_RUN_REFRESH) != 0;
	l->w = r->env->open(r->env->arg, r->d, &spec, &ev, e);
	free(cols);
	return (l->w == NULL ? -1 : 0);
}

/* ---- what is read ---- */

static int
pick_columns(struct sync_leg * l, struct err * e)
{
	const struct manifest_column * col;
	size_t i;

	l->cols = calloc(l->ent->ncolumns + 1, sizeof(*l->cols));
	l->row = calloc(l->ent->ncolumns + 1, sizeof(*l->row));
	if (l->cols == NULL || l->row == NULL)
		return (err_nomem(e, "a sync's columns"));
	for (i = 0; i < l->ent->ncolumns; i++) {
		col = &l->ent->columns[i];
		/* What only the request is told says nothing of the row. */
		if (col->is_input && col->path == NULL && !col->is_key)
			continue;
		l->cols[l->ncols++] = col;
	}
	return (0);
}

static int
pick_cursor(struct sync_leg * l, const char * name, struct err * e)
{
	int col = manifest_column(l->ent, name);
	size_t at;

	for (at = 0; at < l->ncols; at++)
		if (col >= 0 && l->cols[at] == &l->ent->columns[col])
			break;
	if (at == l->ncols || (l->cols[at]->type != COLUMN_TIMESTAMP &&
	    l->cols[at]->type != COLUMN_INTEGER))
		return (err_set(e, ERR_PERMANENT, "no_column", "%.60s has no "
		    "column %.60s that is a timestamp or an integer, so it "
		    "cannot be synced INCREMENTAL ON it", l->ent->name, name));
	l->has_cursor = 1;
	sync_cursor_init(&l->cu, l->ent, (size_t)col, at);
	sync_window_init(&l->win, l->ent, (size_t)col);
	return (0);
}

/* Who asks for all of a list that moves while it is read may miss some, and these
 * would be taken for deleted; the order of the entity's own cursor prevents it. */
static void
pick_order(struct sync_leg * l)
{
	const char * own = json_string_value(json_object_get(l->ent->cursor,
	    "column"));

	if (l->r->d->deletes != SYNC_DELETES_IGNORE && own != NULL &&
	    pick_cursor(l, own, NULL) == 0)
		l->cu.all = 1;
}

/* What the cursor is good for: the same rows, into the same place. */
static void
identify(struct sync_leg * l)
{
	const struct sync_def * d = l->r->d;
	const struct connector * c = l->r->c;
	const char * const parts[] = { c->name, c->m->type, c->config,
	    l->ent->name, d->where, d->incremental, d->database, d->target,
	    d->engine == SYNC_ELASTIC ? "es" : "sqlite" };
	uint64_t h = 1;
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		h = hash64(h + (parts[i] == NULL), log_or_empty(parts[i]),
		    strlen(log_or_empty(parts[i])));
	snprintf(l->of, sizeof(l->of), "%016llx", (unsigned long long)h);
}

int
sync_leg_asks_more(const struct sync_leg * l)
{
	const char * p = log_or_empty(l->r->d->where), * from;
	char quote = '\0';

	while (*p != '\0') {
		from = p;
		while (isalnum((unsigned char)*p) || *p == '_')
			p++;
		if (quote == '\0' && p - from == 6 &&
		    strncasecmp(from, "select", 6) == 0)
			return (1);
		if (p > from)
			continue;
		if (quote == '\0' && strchr("'\"`", *p) != NULL)
			quote = *p;
		else if (*p == quote)
			quote = '\0';
		p++;
	}
	return (0);
}

static void
pick_resume(struct sync_leg * l, const json_t * rec)
{
	const json_t * v = json_object_get(rec, "resume");
	const char * of = json_string_value(json_object_get(v, "of"));
	int64_t age = clock_wall_ms() -
	    json_integer_value(json_object_get(v, "at"));

	if (of == NULL || strcmp(of, l->of) != 0 || age > RESUME_MS ||
	    age < -RESUME_MS || (l->r->flags & SYNC_RUN_FULL))
		return;
	l->resume = json_incref(json_object_get(v, "token"));
}

static void
load_cursor(struct sync_leg * l)
{
	sync_cursor_load(&l->cu, sync_commit_leg(l), l->of);
	if (l->cu.stored.has)
		sync_parts_load(&l->parts, sync_commit_leg(l));
	l->cu.all |= (l->r->flags & SYNC_RUN_FULL) != 0;
}

int
sync_leg_by_value(struct sync_leg * l, const char * name, struct err * e)
{
	l->by_part = 0;
	if (pick_cursor(l, name, e))
		return (-1);
	load_cursor(l);
	return (0);
}

/* The leg as far as it needs no target. */
static struct sync_leg *
leg_plain(struct sync_run * r, size_t i, struct err * e)
{
	const struct manifest_entity * ent = manifest_entity(r->c->m,
	    r->d->entities[i]);
	const char * column;
	struct sync_leg * l;
	int rc;

	if (ent == NULL) {
		err_set(e, ERR_PERMANENT, "not_found", "type %.60s has no "
		    "entity %.60s any more: drop sync %.100s", r->c->m->type,
		    r->d->entities[i], r->d->id);
		return (NULL);
	}
	if ((l = calloc(1, sizeof(*l))) == NULL) {
		err_nomem(e, "a sync's run");
		return (NULL);
	}
	l->r = r;
	l->ent = ent;
	/* Two names are taken in the record. */
	l->key = strcmp(ent->name, "bucket") == 0 ? "entity:bucket" :
	    strcmp(ent->name, "run") == 0 ? "entity:run" : ent->name;
	l->st.total = -1;
	identify(l);
	/* Of a whole connector each entity that has no such column is read whole. */
	column = r->d->incremental;
	if (column != NULL && r->d->whole && manifest_column(ent, column) < 0)
		column = NULL;
	/* Part by part is no way to find what a condition asks for besides. */
	if (column != NULL && ent->cursor_per_part && sync_leg_asks_more(l))
		column = NULL;
	if (pick_columns(l, e))
		goto fail;
	if (column != NULL) {
		if ((rc = sync_leg_token(l, column, e)) < 0 || (rc == 0 &&
		    sync_leg_by_value(l, column, e)))
			goto fail;
		return (l);
	}
	pick_order(l);
	if (l->has_cursor)
		load_cursor(l);
	else
		pick_resume(l, sync_commit_leg(l));
	return (l);

fail:
	sync_leg_free(l);
	return (NULL);
}

int
sync_leg_ready(struct sync_leg * l, struct err * e)
{
	struct sync_run * r = l->r;
	struct writer_stats st;

	memset(&st, 0, sizeof(st));
	writer_stats(l->w, &st);
	if (!st.is_new || (l->resume == NULL && (!l->has_cursor ||
	    !l->cu.stored.has) && json_object_size(l->toks.now) == 0 &&
	    json_object_get(sync_commit_leg(l), "etags") == NULL))
		return (0);
	log_event(LOG_WARN, "sync_begins_anew", LOG_S("sync", r->d->id),
	    LOG_S("entity", l->ent->name), LOG_S("why", "its target was not "
	    "there any more"));
	json_decref(l->resume);
	l->resume = NULL;
	if (sync_commit_forget(l))
		return (err_nomem(e, "a cursor"));
	if (l->by_part)
		return (sync_leg_token_anew(l, e));
	if (l->has_cursor) {
		sync_parts_free(&l->parts);
		sync_cursor_free(&l->cu);
		sync_cursor_init(&l->cu, l->ent, (size_t)(l->cu.col -
		    l->ent->columns), l->cu.at);
		l->cu.all = r->d->incremental == NULL ||
		    (r->flags & SYNC_RUN_FULL) != 0;
	}
	return (0);
}

struct sync_leg *
sync_leg_new(struct sync_run * r, size_t i, struct err * e)
{
	struct sync_leg * l = leg_plain(r, i, e);

	if (l == NULL || open_writer(l, e) == 0)
		return (l);
	sync_leg_free(l);
	return (NULL);
}

int
sync_run_say(struct sync_def * d, struct connector * c, size_t i,
    const json_t * record, int * by_token, struct buf * sql, struct err * e)
{
	struct sync_run r;
	struct sync_leg * l;
	int rc;

	memset(&r, 0, sizeof(r));
	r.d = d;
	r.c = c;
	r.record = (json_t *)(uintptr_t)record; /* only read */
	if ((l = leg_plain(&r, i, e)) == NULL)
		return (-1);
	rc = 0;
	if (l->by_part && !l->by_value && !*by_token)
		rc = sync_leg_by_value(l, l->own, e);
	*by_token = l->by_part && !l->by_value;
	if (rc == 0) {
		sync_plan_begin(l);
		rc = l->has_cursor && sync_plan_choose(l, e) ? -1 :
		    sync_plan_sql(l, e);
	}
	if (rc == 0 && buf_add(sql, l->sql.p, l->sql.len))
		rc = err_nomem(e, "a statement");
	sync_leg_free(l);
	return (rc);
}

void
sync_leg_close(struct sync_leg * l)
{
	struct writer_stats st;

	if (l->w == NULL)
		return;
	writer_stats(l->w, &st);
	l->rejected = st.rejected;
	l->passed = st.passed;
	l->gone = st.gone;
	writer_close(l->w);
	l->w = NULL;
}

uint64_t
sync_leg_passed(const struct sync_leg * l)
{
	struct writer_stats st;

	if ((!l->has_cursor && !l->by_part) ||
	    l->r->d->incremental == NULL)
		return (0);
	if (l->w == NULL)
		return (l->passed);
	memset(&st, 0, sizeof(st));
	writer_stats(l->w, &st);
	return (st.passed);
}

void
sync_leg_free(struct sync_leg * l)
{
	if (l == NULL)
		return;
	sync_leg_close(l);
	sync_cursor_free(&l->cu);
	sync_parts_free(&l->parts);
	sync_etag_free(l);
	sync_tokens_free(&l->toks);
	buf_free(&l->sql);
	json_decref(l->resume);
	json_decref(l->step.token);
	json_decref(l->token);
	json_decref(l->fill_at);
	json_decref(l->fill_left);
	json_decref(l->but);
	json_decref(l->but_like);
	free(l->cols);
	free(l->row);
	free(l);
}
