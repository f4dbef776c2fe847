/* One scan of an index. */
#include "target/elastic_reader_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "target/elastic_columns.h"
#include "target/elastic_search.h"
#include "target/elastic_spare.h"

static const char * const state_names[] = { "new", "open", "search", "backoff",
	"page", "failed", "end" };

void
elastic_reader_cleanup(void)
{
	elastic_spare_cleanup();
	elastic_pit_cleanup();
}

void
elastic_reader_enter(struct elastic_reader * r, enum reader_state s)
{
	log_event(LOG_DEBUG, "index_state", LOG_S("index", r->plan->ent->name),
	    LOG_I("page", (int64_t)r->number), LOG_S("from",
	    state_names[r->state]), LOG_S("to", state_names[s]));
	r->state = s;
}

void
elastic_reader_tell(struct elastic_reader * r)
{
	if (r->ctx->progress != NULL)
		r->ctx->progress(r->ctx->arg, &r->ctx->st);
}

void
elastic_reader_let_go(struct elastic_reader * r)
{
	elastic_call_cancel(r->call);
	r->call = NULL;
	elastic_pit_close(r->pit);
	r->pit = NULL;
}

/* ---- what is given ---- */

static void
give(void * arg)
{
	struct elastic_reader * r = arg;
	reader_cb * cb = r->cb;
	struct page * p = r->page;
	struct err e;

	r->cb = NULL;
	switch (r->state) {
	case READER_PAGE:
		r->page = NULL;
		elastic_reader_enter(r, READER_NEW);
		if (r->ended) {
			elastic_reader_let_go(r);
			elastic_reader_enter(r, READER_END);
		}
		cb(r->arg, p, NULL);
		return;
	case READER_FAILED:
		e = r->e;
		cb(r->arg, NULL, &e);
		return;
	case READER_END:
		cb(r->arg, NULL, NULL);
		return;
	case READER_NEW:
	case READER_OPEN:
	case READER_SEARCH:
	case READER_BACKOFF:
		break;
	}
	r->cb = cb;
}

void
elastic_reader_settle(struct elastic_reader * r, enum reader_state s)
{
	elastic_reader_enter(r, s);
	elastic_reader_tell(r);
	if (r->cb != NULL)
		loop_soon(r->L, &r->soon, give, r);
}

void
elastic_reader_fail(struct elastic_reader * r, const struct err * e)
{
	r->e = *e;
	err_prefix(&r->e, "es.%s, page %llu", r->plan->ent->name,
	    (unsigned long long)r->number);
	elastic_reader_let_go(r);
	elastic_reader_settle(r, READER_FAILED);
}

/* ---- asking ---- */

static void
begin(struct elastic_reader * r)
{
	if (r->state != READER_NEW)
		return;
	r->number++;
	elastic_ask(r);
}

/* ---- from outside ---- */

struct elastic_reader *
elastic_reader_open(struct loop * L, struct elastic * el, struct plan * plan,
    struct read_ctx * ctx, struct err * e)
{
	struct elastic_reader * r = calloc(1, sizeof(*r));
	size_t n = plan->ent->ncolumns;
	int id = manifest_column(plan->ent, "_id");

	if (r == NULL) {
		plan_free(plan);
		err_nomem(e, "a scan");
		return (NULL);
	}
	r->L = L;
	r->el = el;
	r->plan = plan;
	r->ctx = ctx;
	r->place.after.max = 4096;
	r->place.ncolumns = n;
	r->place.id = id >= 0 ? (size_t)id : 0;
	r->hits = &plan->c->m->entities[ELASTIC_HITS];
	r->size = elastic_search_size(plan);
	if ((r->wanted = malloc(n + EXTRA_COUNT)) == NULL ||
	    (r->timer = loop_timer_new(L, elastic_ask_again, r)) == NULL)
		err_nomem(e, "a scan");
	else if ((r->paths = elastic_spare_paths(plan->c->m, e)) != NULL) {
		memcpy(r->wanted, plan->wanted, n);
		memset(r->wanted + n, 1, EXTRA_COUNT);
		if (id >= 0)
			r->wanted[id] = 1;
		return (r);
	}
	elastic_reader_close(r);
	return (NULL);
}

void
elastic_reader_next(struct elastic_reader * r, reader_cb * cb, void * arg)
{
	r->cb = cb;
	r->arg = arg;
	if (r->state == READER_PAGE || r->state == READER_FAILED ||
	    r->state == READER_END)
		loop_soon(r->L, &r->soon, give, r);
	else
		begin(r);
}

void
elastic_reader_ahead(struct elastic_reader * r)
{
	begin(r);
}

void
elastic_reader_close(struct elastic_reader * r)
{
	if (r == NULL)
		return;
	elastic_reader_let_go(r);
	elastic_spare_give(r->decoder);
	loop_soon_cancel(r->L, &r->soon);
	loop_timer_free(r->timer);
	page_unref(r->page);
	decode_plan_unref(r->paths);
	elastic_place_free(&r->place);
	free(r->wanted);
	plan_free(r->plan);
	free(r);
}
