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

static int
is_by_token(const struct manifest_entity * ent, const char * name)
{
	const char * own = json_str(ent->cursor, "column");

	return (ent->cursor_token && own != NULL &&
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
		    NULL && is_by_token(ent, r->d->incremental))
			return (1);
	return (0);
}

/* ---- what the reader asks and tells ---- */

static const char *
on_begin(void * arg, uint64_t part, const json_t * in)
{
	struct sync_leg * l = arg;

	return (sync_tokens_begin(&l->toks, part, in));
}

static void
on_told(void * arg, const struct reader_told * t)
{
	struct sync_leg * l = arg;

	/* What came after an end was not written. */
	if (l->cancelled || l->stopped || l->writer_failed || l->w == NULL)
		return;
	if (t->token == NULL)
		log_event(LOG_WARN, "token_forgotten",
		    LOG_S("sync", l->r->d->id),
		    LOG_S("entity", l->ent->name));
	sync_tokens_told(&l->toks, t->part, t->token, l->given);
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
	sync_tokens_free(&l->toks);
	if (sync_tokens_load(&l->toks, l->key, l->r->rows, gen, l->r->fence))
		return (-1);
	l->toks.uses = (l->r->flags & SYNC_RUN_FULL) == 0;
	for (i = 0; i < l->ent->nlists; i++)
		l->toks.changes_only |= l->ent->lists[i].by_token &&
		    l->ent->lists[i].changes_only;
	return (0);
}

int
sync_leg_token(struct sync_leg * l, const char * name, struct err * e)
{
	uint64_t h;

	if (!is_by_token(l->ent, name))
		return (0);
	l->by_token = 1;
	l->own = name;
	h = hash_lists(l) ^ strtoull(l->of, NULL, 16);
	snprintf(l->of, sizeof(l->of), "%016llx", (unsigned long long)h);
	l->cursors.token = on_begin;
	l->cursors.told = on_told;
	l->cursors.arg = l;
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
		l->reads_all = l->toks.nold == 0 && how != 2;
	if (how == 0 || l->toks_whole)
		return (0);
	if (how == 1) {
		l->toks_whole = 1;
		return (sync_plan_all(l) ? -1 : 1);
	}
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
	note(l, 0);
}

void
sync_leg_token_end(struct sync_leg * l, int well)
{
	int64_t now = clock_wall_ms();

	if (sync_leg_passed(l) > 0)
		return;
	if (well)
		sync_tokens_end(&l->toks, l->st.skipped == 0 &&
		    l->st.short_of == 0, now);
	else
		sync_tokens_acked(&l->toks, l->acked, now);
	note(l, well);
}
