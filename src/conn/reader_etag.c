#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conn/reader_internal.h"

/*
 * Syncs ask a service whether a list changed at all since an earlier run wrote its
 * rows.  What says which list that was is kept with the sync, not the list itself:
 * where nothing changed there is nothing to write.
 *
 * Only the first page can say so, where it was all: one that is not full, as what is
 * new would stand on it; or the newest of a list that is newest first, if nobody
 * looks for what went.
 */

static void
part_key(const struct reader_part * p, char out[20])
{
	snprintf(out, 20, "%016" PRIx64, p->in_hash);
}

static const struct reader_etags *
etags_of(const struct reader_part * p)
{
	return (p->r->sync != NULL ? p->r->sync->etags : NULL);
}

int
reader_etag_ask(struct reader_call * c)
{
	const struct reader_part * p = c->part;
	const struct reader_etags * t = etags_of(p);
	const char * ask;
	char key[20];
	json_t * v;

	if (t == NULL || !p->r->plan->list->revalidate || p->number > 0 ||
	    p->check != CHECK_NOT || p->resumes || p->is_wide ||
	    p->r->sync->bound != NULL ||
	    p->r->plan->ent->decode == DECODE_OPENMETRICS ||
	    reader_kept_key(c, c->etag_ask))
		return (0);
	part_key(p, key);
	v = json_object_get(t->known, key);
	ask = json_string_value(json_object_get(v, "ask"));
	if (ask == NULL || strcmp(ask, c->etag_ask) != 0)
		return (0);
	json_decref(c->kept.v);
	c->kept.v = json_incref(v);
	c->asks_change = 1;
	return (1);
}

void
reader_etag_same(struct reader_call * c)
{
	const struct reader_part * p = c->part;
	const struct reader_etags * t = etags_of(p);

	p->r->ctx->st.not_modified++;
	p->r->ctx->st.unchanged++;
	t->told(t->arg, p->in_hash, c->kept.v);
	reader_call_done(c, NULL);
}

void
reader_etag_came(struct reader_call * c, const char * etag, const char * changed)
{
	struct reader_part * p = c->part;

	json_decref(p->etag);
	p->etag = NULL;
	/* What changed twice in a second has one Last-Modified. */
	if (c->etag_ask[0] == '\0' || etag == NULL)
		return;
	/* Without memory it is only not kept. */
	p->etag = json_pack("{s:s, s:s?, s:s?}", "ask", c->etag_ask, "etag",
	    etag, "last_modified", changed);
}

/* Whether what came with the first page stands for the whole list. */
static int
is_all(const struct reader_part * p, const struct reader_etags * t)
{
	const struct plan * plan = p->r->plan;

	if (p->number != 1 || p->has_failed || p->split != NULL)
		return (0);
	if (p->is_last && p->offset < reader_paginate_full(p))
		return (1);
	return (t->newest_first && plan->norders == 1 &&
	    plan->orders[0].desc && plan->list->partition == NULL);
}

void
reader_etag_page(struct reader_part * p)
{
	const struct reader_etags * t = etags_of(p);

	if (p->etag != NULL && t != NULL && is_all(p, t))
		t->told(t->arg, p->in_hash, p->etag);
	json_decref(p->etag);
	p->etag = NULL;
}

void
reader_sync_etags(struct reader * r, const struct reader_etags * etags)
{
	r->sync->etags = etags;
}
