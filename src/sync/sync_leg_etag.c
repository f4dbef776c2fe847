#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash64.h"
#include "sync/sync_run_internal.h"

/*
 * A list that has not changed since a run wrote all of its rows is not read again.
 * What tells is kept in the entity's part of the record: "etags": {"of", "parts": {part
 * in hex: what the reader told}}.
 */

/* The record is written with each commit. */
#define PARTS_MAX 64
#define TEXT_MAX 512

/* Of the same rows, columns and place, and what is done with those that went; and of the
 * same manifest. */
static void
identify(const struct sync_leg * l, char out[40])
{
	const json_t * doc = json_object_get(json_object_get(l->r->c->m->doc,
	    "entities"), l->ent->name);
	char * s = json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS);
	uint64_t h = s != NULL ? hash64(1, s, strlen(s)) : 0;

	free(s);
	h ^= (uint64_t)l->r->d->deletes;
	snprintf(out, 40, "%.18s%016" PRIx64, l->of, h);
}

static int
is_asked(const struct sync_leg * l)
{
	size_t i;

	if ((l->r->flags & SYNC_RUN_FULL) != 0 ||
	    l->by_part || l->win.on || l->cu.fills || l->resume != NULL)
		return (0);
	/* What is asked for row by row changes by itself. */
	for (i = 0; i < l->ncols; i++)
		if (l->cols[i]->lazy != NULL)
			return (0);
	for (i = 0; i < l->ent->nlists; i++)
		if (l->ent->lists[i].revalidate)
			return (1);
	return (0);
}

static void
on_told(void * arg, uint64_t part, json_t * v)
{
	const char * etag = json_string_value(json_object_get(v, "etag"));
	struct sync_leg * l = arg;
	char key[20];

	snprintf(key, sizeof(key), "%016" PRIx64, part);
	if (l->etags == NULL)
		l->etags = json_object();
	/* What is not kept is read again. */
	if (json_object_size(l->etags) < PARTS_MAX &&
	    (etag == NULL || strlen(etag) <= TEXT_MAX))
		(void)json_object_set(l->etags, key, v);
}

void
sync_etag_begin(struct sync_leg * l)
{
	const json_t * v = json_object_get(sync_commit_leg(l), "etags");
	const char * was = json_string_value(json_object_get(v, "of"));
	char of[40];

	l->sync.etags = NULL;
	l->etag_io.known = NULL;
	if (!is_asked(l))
		return;
	identify(l, of);
	/* The record may be written while they are used. */
	if (was != NULL && strcmp(was, of) == 0 && l->etags_known == NULL)
		l->etags_known = json_deep_copy(json_object_get(v, "parts"));
	l->etag_io.known = l->etags_known;
	l->etag_io.newest_first = l->has_cursor && !l->cu.all &&
	    l->cu.order == SYNC_DESC;
	l->etag_io.told = on_told;
	l->etag_io.arg = l;
	l->sync.etags = &l->etag_io;
}

/* Whether the rows that were written are all there were, and no others are there, so
 * that where nothing changes there is nothing to do.  Of several parts, one that stays as it is must not keep
 * a run from telling what is gone from the others. */
static int
is_good(const struct sync_leg * l)
{
	struct writer_stats st;

	memset(&st, 0, sizeof(st));
	if (l->w != NULL)
		writer_stats(l->w, &st);
	return (!l->failed && !l->writer_failed && l->acked == l->given &&
	    l->st.skipped == 0 && l->st.short_of == 0 && st.rejected == 0 &&
	    l->rejected == 0 && st.passed == 0 && l->passed == 0 &&
	    !l->sweep_failed && l->win.count == 0 && !l->win.has_gap &&
	    (l->r->d->deletes == SYNC_DELETES_IGNORE || l->nparts == 1));
}

json_t *
sync_etag_rec(const struct sync_leg * l, int well)
{
	char of[40];

	if (!well || json_object_size(l->etags) == 0 || !is_good(l))
		return (NULL);
	identify(l, of);
	return (json_pack("{s:s, s:O}", "of", of, "parts", l->etags));
}

void
sync_etag_free(struct sync_leg * l)
{
	json_decref(l->etags);
	json_decref(l->etags_known);
	l->etags = l->etags_known = NULL;
}
