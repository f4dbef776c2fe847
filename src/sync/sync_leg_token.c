/* A leg that goes on by the service's tokens, each part by its own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/hash64.h"
#include "base/json.h"
#include "base/log.h"
#include "base/rfc3339.h"
#include "sync/sync_run_internal.h"

/* Rows of one value that are kept of each part. */
#define PART_IDS 100

static int
is_by_part(const struct manifest_entity * ent, const char * name)
{
	const char * own = json_str(ent->cursor, "column");

	return ((ent->cursor_token || ent->cursor_per_part) && own != NULL &&
	    strcasecmp(own, name) == 0);
}

int
sync_leg_wants_rows(const struct sync_run * r)
{
	const struct manifest_entity * ent;
	size_t i;

	if (r->d->incremental == NULL)
		return (0);
	for (i = 0; i < r->d->nentities; i++)
		if ((ent = manifest_entity(r->c->m, r->d->entities[i])) !=
		    NULL && is_by_part(ent, r->d->incremental))
			return (1);
	return (0);
}

/* ---- what the reader asks and tells ---- */

static const char *
on_begin(void * arg, uint64_t part, const json_t * in)
{
	struct sync_leg * l = arg;

	return (json_str(sync_tokens_begin(&l->toks, part, in), "t"));
}

/* What came after an end was not written. */
int
sync_leg_token_cut(const struct sync_leg * l)
{
	return (l->cancelled || l->stopped || l->writer_failed || l->w == NULL);
}

static void
on_told(void * arg, const struct reader_told * t)
{
	struct sync_leg * l = arg;
	json_t * row = NULL;

	if (sync_leg_token_cut(l))
		return;
	if (t->token == NULL) {
		log_event(LOG_WARN, "token_forgotten",
		    LOG_S("sync", l->r->d->id),
		    LOG_S("entity", l->ent->name));
		/* What was read may have changed since, and nobody tells. */
		sync_leg_fill_forget(l);
	} else if ((row = json_pack("{s:s}", "t", t->token)) == NULL) {
		l->toks.failed = 1;
		return;
	}
	if (row != NULL && t->is_end && (row = sync_tokens_short(&l->toks,
	    t->part, row, t->lacks)) == NULL)
		return;
	sync_tokens_told(&l->toks, t->part, row, l->given);
}

/* ---- the same by values ---- */

static const struct value *
on_from(void * arg, uint64_t part, const json_t * in)
{
	struct sync_leg * l = arg;
	const json_t * row = sync_tokens_begin(&l->toks, part, in);
	const json_t * v = json_object_get(row, "value");
	int64_t back = json_integer_value(json_object_get(l->ent->cursor,
	    "lookback_s")), at;

	memset(&l->from, 0, sizeof(l->from));
	if (json_is_integer(v)) {
		l->from.type = VALUE_INT;
		l->from.i = json_integer_value(v) - back;
		return (&l->from);
	}
	if (!json_is_string(v) || rfc3339_parse(json_string_value(v),
	    json_string_length(v), &at, NULL))
		return (NULL);
	rfc3339_format(at - back * 1000, l->from_text);
	l->from.type = VALUE_TEXT;
	l->from.s = l->from_text;
	l->from.len = (uint32_t)strlen(l->from_text);
	return (&l->from);
}

/* The rows of another part begin: its cursor takes the place of the last one's. */
static void
on_given(void * arg, uint64_t part)
{
	struct sync_leg * l = arg;
	const char * order = json_str(l->ent->cursor, "order");
	size_t col = l->cursors.column, at;

	if (l->has_part && l->part == part)
		return;
	for (at = 0; at + 1 < l->ncols; at++)
		if (l->cols[at] == &l->ent->columns[col])
			break;
	sync_cursor_free(&l->cu);
	sync_cursor_init(&l->cu, l->ent, col, at);
	sync_cursor_load(&l->cu, sync_tokens_row(&l->toks, part), l->of);
	l->cu.all = !l->toks.uses;
	if (order != NULL && strcmp(order, "desc") == 0)
		l->cu.order = SYNC_DESC;
	l->has_part = 1;
	l->part = part;
	l->enough = 0;
}

static int
on_enough(void * arg, uint64_t part)
{
	const struct sync_leg * l = arg;

	return (l->has_part && l->part == part && l->enough);
}

/* A part was read to its end: what its cursor says now. */
static void
on_part_end(void * arg, const struct reader_told * t)
{
	struct sync_leg * l = arg;
	struct read_stats st = { .first_ms = l->st.first_ms,
	    .short_of = t->lacks };
	struct sync_point * p = &l->step.point;
	int64_t lacked = l->cu.short_of;
	json_t * row;

	/* One without rows leaves what is known. */
	if (sync_leg_token_cut(l) || !l->has_part || l->part != t->part)
		return;
	l->has_part = 0;
	if (st.first_ms <= 0)
		st.first_ms = l->r->begun_ms;
	/* One that came short stays, once: then that is noted, so that it is not
	 * for ever. */
	if (!sync_cursor_end(&l->cu, &st, 1, p)) {
		if (l->cu.short_of == lacked)
			return;
		*p = l->cu.stored;
	}
	/* As many rows of one value are rather written again. */
	if (p->nids > PART_IDS)
		p->nids = 0;
	if ((row = json_object()) == NULL || sync_cursor_put(&l->cu, p, l->of,
	    row)) {
		json_decref(row);
		l->toks.failed = 1;
		return;
	}
	sync_tokens_told(&l->toks, t->part, row, l->given);
}

/* ---- the leg ---- */

/* What its tokens are of, besides what all cursors are. */
static uint64_t
hash_lists(const struct sync_leg * l)
{
	const struct manifest_list * list;
	uint64_t h = 7;
	size_t i;
	char * s;

	for (i = 0; i < l->ncols; i++) {
		h = hash64(h, l->cols[i]->name, strlen(l->cols[i]->name));
		h = hash64(h, (const char *)&l->cols[i]->type,
		    sizeof(l->cols[i]->type));
	}
	for (i = 0; i < l->ent->nlists; i++) {
		list = &l->ent->lists[i];
		if (!list->by_token)
			continue;
		h = hash64(h, list->url, strlen(list->url));
		s = json_dumps(list->query, JSON_SORT_KEYS);
		h = hash64(h, log_or_empty(s), strlen(log_or_empty(s)));
		free(s);
	}
	return (h);
}

static int
load(struct sync_leg * l, int anew)
{
	const json_t * rec = sync_commit_leg(l);
	const char * was = json_str(rec, "of"), * gen = json_str(rec, "gen");
	size_t i;

	if (anew || was == NULL || strcmp(was, l->of) != 0)
		gen = NULL;
	sync_leg_fill_load(l, gen != NULL ? rec : NULL);
	sync_tokens_free(&l->toks);
	if (sync_tokens_load(&l->toks, l->key, l->r->rows, gen, l->r->fence))
		return (-1);
	l->toks.uses = (l->r->flags & SYNC_RUN_FULL) == 0;
	for (i = 0; i < l->ent->nlists; i++)
		l->toks.changes_only |= l->ent->lists[i].by_token &&
		    l->ent->lists[i].changes_only;
	return (0);
}

static int
pick_value(struct sync_leg * l, const char * name, struct err * e)
{
	if (sync_leg_by_value(l, name, e))
		return (-1);
	l->cursors.column = (size_t)(l->cu.col - l->ent->columns);
	l->cursors.from = on_from;
	l->cursors.given = on_given;
	l->cursors.enough = on_enough;
	l->cursors.told = on_part_end;
	l->has_cursor = 0;
	l->by_part = 1;
	return (0);
}

int
sync_leg_token(struct sync_leg * l, const char * name, struct err * e)
{
	uint64_t h;

	if (!is_by_part(l->ent, name) || sync_leg_asks_more(l))
		return (0);
	l->by_part = 1;
	l->own = name;
	h = hash_lists(l) ^ strtoull(l->of, NULL, 16);
	snprintf(l->of, sizeof(l->of), "%016llx", (unsigned long long)h);
	l->by_value = !l->ent->cursor_token;
	l->cursors.arg = l;
	if (!l->by_value) {
		l->cursors.token = on_begin;
		l->cursors.told = on_told;
	} else if (pick_value(l, name, e)) {
		return (-1);
	}
	return (load(l, 0) ? err_nomem(e, "a sync's tokens") : 1);
}

int
sync_leg_token_anew(struct sync_leg * l, struct err * e)
{
	return (load(l, 1) ? err_nomem(e, "a sync's tokens") : 0);
}

int
sync_leg_token_fill(struct sync_leg * l)
{
	const json_t * in;
	int how = sync_tokens_fill(&l->toks);

	if (!l->cu.fills)
		l->reads_all = json_object_size(l->toks.old) == 0 &&
		    how != 2;
	if (how == 0 || l->toks_whole)
		return (0);
	if (how == 1) {
		l->toks_whole = 1;
		return (sync_plan_all(l) ? -1 : 1);
	}
	/* A run that ends before the others leaves it as it is. */
	if (l->cu.fills && !sync_leg_token_cut(l))
		sync_tokens_filled(&l->toks, l->given, l->lacks_now);
	if ((in = sync_tokens_next(&l->toks)) == NULL)
		return (0);
	return (sync_plan_fill(l, in) ? -1 : 1);
}

static void
nomem(struct sync_leg * l)
{
	struct err e;

	err_nomem(&e, "a sync's tokens");
	sync_run_fail(l->r, &e);
}

/* ${well}: all was read. */
static void
note(struct sync_leg * l, int well)
{
	const json_t * was = sync_commit_leg(l);
	char text[RFC3339_LEN];
	json_t * rec = json_object();
	int rc = rec == NULL;

	if (l->toks.failed) {
		json_decref(rec);
		nomem(l);
		return;
	}
	rc |= json_object_set_new(rec, "column", json_string(l->own));
	rc |= json_object_set_new(rec, "of", json_string(l->of));
	rfc3339_format(l->st.first_ms > 0 ? l->st.first_ms : l->r->begun_ms,
	    text);
	if (well)
		rc |= json_object_set_new(rec, "value", json_string(text));
	else if (json_str(was, "gen") != NULL &&
	    json_object_get(was, "value") != NULL)
		rc |= json_object_set(rec, "value",
		    json_object_get(was, "value"));
	if (l->fill_at != NULL && !well)
		rc |= json_object_set(rec, "resume", l->fill_at);
	rc |= sync_tokens_put(&l->toks, rec);
	if (sync_tokens_move(&l->toks, l->r->changes))
		l->r->is_dirty = 1;
	if (rc || l->toks.failed) {
		json_decref(rec);
		rec = NULL;
	}
	sync_commit_rec(l, rec);
}

void
sync_leg_token_step(struct sync_leg * l)
{
	sync_tokens_acked(&l->toks, l->acked, clock_wall_ms());
	sync_leg_fill_acked(l);
	note(l, 0);
}

void
sync_leg_token_end(struct sync_leg * l, int well)
{
	int64_t now = clock_wall_ms();
	struct sync_tokens_how how = { .all = l->st.skipped == 0 };

	if (sync_leg_passed(l) > 0)
		return;
	how.whole = how.all && l->st.short_of == 0;
	how.lacks = l->toks_whole ? l->lacks_now : 0;
	if (well)
		sync_tokens_end(&l->toks, &how, now);
	else {
		sync_tokens_acked(&l->toks, l->acked, now);
		sync_leg_fill_acked(l);
	}
	note(l, well);
}
