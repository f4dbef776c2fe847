#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conn/reader_split.h"

/* Reading for a sync: what is told of where a list stands, and going on there. */

#define OVERS_MAX 3 /* a place may be forgotten, but not again and again */

static void
place_free(struct reader_place * at)
{
	free(at->cursor);
	free(at->next_url);
	memset(at, 0, sizeof(*at));
}

void
reader_sync_part_free(struct reader_part * p)
{
	place_free(&p->here);
	place_free(&p->last);
	page_unref(p->checked);
	free(p->token);
	json_decref(p->etag);
	free(p->from);
}

void
reader_sync_free(struct reader * r)
{
	if (r->sync == NULL)
		return;
	json_decref(r->sync->mark);
	json_decref(r->sync->resume);
	json_decref(r->sync->bound);
	reader_token_free(r->sync->tokens);
	free(r->sync);
}

int
reader_sync_lost(const struct reader * r, struct err * e)
{
	return (err_set(e, ERR_PERMANENT, "resume", "%s.%s: the place where an "
	    "earlier run left off is there no more; begin anew",
	    r->plan->c->name, r->plan->ent->name));
}

/* ---- telling ---- */

void
reader_sync_given(struct reader_part * p)
{
	struct reader_sync * s = p->r->sync;

	if (s == NULL)
		return;
	reader_token_given(p);
	json_decref(s->mark);
	s->mark = NULL;
	if (p->has_failed)
		return;
	s->mark = reader_mark_new(p);
}

void
reader_sync_parts(struct reader * r,
    void (*cb)(void * arg, uint64_t hash, const json_t * in),
    void (*left)(void * arg, uint64_t hash, const json_t * in), void * arg)
{
	r->sync->part = cb;
	r->sync->left = left;
	r->sync->part_arg = arg;
}

void
reader_sync_one(struct reader * r)
{
	r->is_window = 1;
}

void
reader_sync_left(struct reader_part * p)
{
	const struct reader_sync * s = p->r->sync;

	p->r->left += !p->is_left;
	p->is_left = 1;
	if (s != NULL && s->left != NULL)
		s->left(s->part_arg, p->in_hash, p->in);
}

int
reader_sync_over(struct reader_part * p)
{
	struct reader_sync * s = p->r->sync;

	/* A sync's rows are written by their keys. */
	if ((s == NULL && p->is_out) || p->overs++ == OVERS_MAX ||
	    (s != NULL && !reader_token_lost(p)))
		return (0);
	if (s != NULL)
		s->newest = INT64_MIN;
	page_unref(p->checked);
	p->checked = NULL;
	p->check = CHECK_NOT;
	p->begins = 1;
	reader_paginate_rewind(p);
	return (1);
}

/* ---- going on ---- */

/* A count of a mark; -1: it is none. */
static int64_t
count_at(const json_t * o, const char * key)
{
	const json_t * v = json_object_get(o, key);

	return (json_is_integer(v) && json_integer_value(v) >= 0 ?
	    json_integer_value(v) : -1);
}

int
reader_sync(struct reader * r, int restart, const json_t * resume,
    struct err * e)
{
	struct reader_sync * s = calloc(1, sizeof(*s));

	if (s == NULL)
		return (err_nomem(e, "a reader"));
	r->sync = s;
	r->ctx->no_cache = 1;
	s->column = restart;
	s->chain = READER_MARK_KEY;
	if (reader_mark_ask(r, &s->ask))
		return (err_nomem(e, "a reader"));
	reader_restart_open(r);
	if (resume == NULL)
		return (0);
	if (count_at(resume, "v") != READER_MARK_VERSION ||
	    count_at(resume, "part") < 0 || !reader_mark_is(resume, "ask", s->ask))
		return (reader_sync_lost(r, e));
	if ((s->resume = json_deep_copy(resume)) == NULL)
		return (err_nomem(e, "a reader"));
	return (0);
}

/* Text ${key} of ${o} into ${*out}, if there is one. */
static int
take_text(const json_t * o, const char * key, char ** out)
{
	const char * s = json_string_value(json_object_get(o, key));

	*out = s != NULL ? strdup(s) : NULL;
	return (s != NULL && *out == NULL ? -1 : 0);
}

/* Stand where ${o} says; what it does not say is the beginning. */
static int
stand(struct reader_part * p, const json_t * o, struct err * e)
{
	const json_t * bound = json_object_get(o, "bound");
	const json_t * last = json_object_get(o, "last");
	const json_t * at = last != NULL ? last : o;
	int is_cursor = p->r->plan->list->paginate.kind == PAGE_CURSOR;

	if (bound != NULL && reader_restart_to(p->r, bound, e))
		return (-1);
	if (last == NULL && json_object_get(o, "cursor") == NULL)
		return (0);
	p->offset = count_at(at, "offset");
	p->number = count_at(at, "number");
	if (p->offset < 0 || p->number < 0 || is_cursor != (last == NULL)) {
		p->offset = p->number = 0;
		return (reader_sync_lost(p->r, e));
	}
	p->resumes = 1;
	if (take_text(at, "cursor", &p->cursor) ||
	    take_text(at, "url", &p->next_url))
		return (err_nomem(e, "a page's place"));
	if (last == NULL)
		return (0);
	p->last.offset = p->offset;
	p->last.number = p->number;
	if (take_text(at, "url", &p->last.next_url))
		return (err_nomem(e, "a page's place"));
	p->check = CHECK_RESUME;
	return (0);
}

int
reader_sync_part(struct reader_part * p, struct err * e)
{
	struct reader_sync * s = p->r->sync;
	json_t * o;
	int rc, bad = 0;

	if (s == NULL)
		return (1);
	p->index = s->parts++;
	p->chain = s->chain;
	p->in_hash = reader_mark_in(p, &bad);
	s->chain = reader_mark_chain(p);
	if (bad)
		return (err_nomem(e, "a partition"));
	if (s->part != NULL)
		s->part(s->part_arg, p->in_hash, p->in);
	if (reader_token_skips(p))
		return (0);
	if (reader_token_begin(p, e))
		return (-1);
	if ((o = s->resume) == NULL)
		return (1);
	if ((int64_t)p->index < count_at(o, "part"))
		return (0);
	if (!reader_mark_is(o, "chain", p->chain) || (json_object_get(o, "in") != NULL &&
	    !reader_mark_is(o, "in", p->in_hash)))
		return (reader_sync_lost(p->r, e));
	s->resume = NULL;
	rc = stand(p, o, e);
	if (rc == 0 && p->check == CHECK_RESUME)
		p->last_rows = strtoull(log_or_empty(json_string_value(
		    json_object_get(o, "rows"))), NULL, 16);
	json_decref(o);
	return (rc ? -1 : 1);
}

int
reader_sync_ended(const struct reader * r, struct err * e)
{
	const struct reader_sync * s = r->sync;

	if (s == NULL || s->resume == NULL)
		return (0);
	if ((int64_t)s->parts == count_at(s->resume, "part") &&
	    reader_mark_is(s->resume, "chain", s->chain) &&
	    json_object_get(s->resume, "in") == NULL)
		return (0);
	return (reader_sync_lost(r, e));
}

int
reader_sync_place(struct reader_part * p)
{
	struct reader_place * at = &p->here;

	p->begins = 0;
	if (p->r->sync == NULL || p->check != CHECK_NOT)
		return (0);
	place_free(at);
	at->offset = p->offset;
	at->number = p->number;
	if ((p->cursor != NULL && (at->cursor = strdup(p->cursor)) == NULL) ||
	    (p->next_url != NULL &&
	    (at->next_url = strdup(p->next_url)) == NULL))
		return (-1);
	return (0);
}

/* ${page} (taken) follows on what came before, for certain. */
static int
accept(struct reader_part * p, struct page * page, struct err * e)
{
	if (reader_restart_after(p, page, e)) {
		page_unref(page);
		return (-1);
	}
	p->last_rows = reader_mark_rows(p->r, page);
	place_free(&p->last);
	p->last = p->here;
	memset(&p->here, 0, sizeof(p->here));
	reader_paginate_hold(p, page);
	reader_token_held(p);
	return (0);
}

/* The page before the one that waits came again. */
static int
seam(struct reader_part * p, int same, struct err * e)
{
	struct page * page = p->checked;

	p->checked = NULL;
	p->check = CHECK_NOT;
	if (same)
		return (accept(p, page, e));
	page_unref(page);
	p->state = PART_READY;
	return (reader_restart_again(p, e));
}

/* The last page that an earlier run read came again. */
static int
resumed(struct reader_part * p, const struct reader_answer * a, int same,
    struct err * e)
{
	p->check = CHECK_NOT;
	if (!same)
		return (reader_sync_lost(p->r, e));
	if (reader_paginate_after(p, a, e))
		return (-1);
	reader_paginate_hold(p, NULL);
	return (0);
}

int
reader_sync_take(struct reader_part * p, struct reader_answer * a,
    struct err * e)
{
	const struct reader_sync * s = p->r->sync;
	enum part_check check = p->check;
	int same, rc;

	p->resumes = 0;
	if (check != CHECK_NOT) {
		same = a != NULL && reader_mark_rows(p->r, a->page) == p->last_rows;
		rc = check == CHECK_SEAM ? seam(p, same, e) :
		    resumed(p, a, same, e);
		if (a != NULL)
			page_unref(a->page);
		return (rc);
	}
	if (a == NULL) {
		p->state = PART_DONE;
		return (0);
	}
	reader_seen_add(p, a->page);
	if (reader_paginate_after(p, a, e) || reader_token_after(p, a, e)) {
		page_unref(a->page);
		return (-1);
	}
	reader_etag_page(p);
	if (p->split != NULL && !p->is_late) {
		page_unref(a->page);
		p->state = PART_READY;
		return (0);
	}
	if (s == NULL) {
		reader_paginate_hold(p, a->page);
		return (0);
	}
	if (!s->restarts || p->here.number == 0)
		return (accept(p, a->page, e));
	p->checked = a->page;
	p->check = CHECK_SEAM;
	p->state = PART_READY;
	return (0);
}
