#include "conn/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "conn/reader_split.h"

#define DEFAULT_WIDTH 4

static const char * const state_names[] = { "new", "cached", "live", "end" };

/* The one place where the state changes. */
static void
reader_enter(struct reader * r, enum reader_state s)
{
	log_event(LOG_DEBUG, "reader_state",
	    LOG_S("connector", r->plan->c->name),
	    LOG_S("entity", r->plan->ent->name),
	    LOG_S("from", state_names[r->state]), LOG_S("to", state_names[s]));
	r->state = s;
}

int64_t
reader_left_ms(const struct reader * r)
{
	int64_t left;

	if (r->ctx->deadline_ms == 0)
		return (-1);
	left = r->ctx->deadline_ms - clock_mono_us() / 1000;
	return (left < 0 ? 0 : left);
}

void
reader_told(struct reader * r)
{
	if (r->ctx->progress != NULL)
		r->ctx->progress(r->ctx->arg, &r->ctx->st);
}

void
reader_skipped(struct reader * r, const struct result_skips * s)
{
	struct read_stats * st = &r->ctx->st;

	if (r->skips.n == 0)
		memcpy(r->skips.why, s->why, sizeof(r->skips.why));
	r->skips.n += s->n;
	/* The reader of a partition's rows tells who reads the parts. */
	if (r->depth > 0)
		return;
	if (st->skipped == 0)
		memcpy(st->skipped_why, s->why, sizeof(st->skipped_why));
	st->skipped += s->n;
}

const char *
reader_filters(const struct reader * r, char * out, size_t n)
{
	const struct manifest_entity * ent = r->plan->ent;
	const struct manifest_list * list = r->plan->list;
	const char * name[6];
	size_t count = 0, i, j, at = 0;
	int has;

	for (i = 0; i < ent->ncolumns && count < 6; i++) {
		has = ent->columns[i].is_input;
		for (j = 0; j < list->npushes && !has; j++)
			has = list->pushes[j].column == i;
		if (has)
			name[count++] = ent->columns[i].name;
	}
	out[0] = '\0';
	for (i = 0; i < count && at < n; i++)
		at += (size_t)snprintf(out + at, n - at, "%s%s", i == 0 ? "" :
		    i + 1 == count ? " or " : ", ", name[i]);
	return (out);
}

static size_t
width_of(const struct plan * p)
{
	const struct manifest * m = p->c->m;
	size_t most = m->limits.concurrency ? m->limits.concurrency :
	    DEFAULT_WIDTH, i;
	size_t want = p->list->parallel ? p->list->parallel : DEFAULT_WIDTH;

	/* Who wants the first few rows would pay for parts never looked at. */
	if (p->exact && p->limit >= 0)
		return (1);
	for (i = 0; i < m->nbuckets; i++)
		if ((p->list->toll.buckets & 1U << i) &&
		    m->buckets[i].concurrency > 0 &&
		    m->buckets[i].concurrency < most)
			most = m->buckets[i].concurrency;
	return (want < most ? want : most);
}

struct reader *
reader_open(const struct conn_env * env, struct plan * plan,
    struct read_ctx * ctx, struct err * e)
{
	struct reader * r = calloc(1, sizeof(*r));

	if (r == NULL) {
		err_nomem(e, "a reader");
		plan_free(plan);
		return (NULL);
	}
	r->env = env;
	r->plan = plan;
	r->ctx = ctx;
	r->tail = &r->head;
	r->has_body_rules = answer_has_body_rules(plan->c->m);
	r->width = width_of(plan);
	reader_seen_want(plan);
	reader_complete_begin(r);
	if ((plan->ent->decode != DECODE_OPENMETRICS &&
	    (r->decode = reader_page_plan(plan, e)) == NULL) ||
	    reader_parts_open(r, e)) {
		reader_close(r);
		return (NULL);
	}
	return (r);
}

/* Take the part ${*at} out. */
static void
drop_part(struct reader * r, struct reader_part ** at)
{
	struct reader_part * p = *at;

	if ((*at = p->next) == NULL)
		r->tail = at;
	r->nparts--;
	r->good += !p->is_left || p->has_read;
	reader_parts_free(p);
}

static void
drop_parts(struct reader * r)
{
	while (r->head != NULL)
		drop_part(r, &r->head);
}

/* Answer the question; the owner may close the reader meanwhile. */
static void
answer(struct reader * r, struct page * p, const struct err * e)
{
	r->asked = 0;
	r->ahead = 0;
	r->cb(r->arg, p, e);
}

static void
fail(struct reader * r, const struct err * e)
{
	struct err why = *e;

	reader_enter(r, READER_END);
	reader_complete_end(r);
	drop_parts(r);
	reader_cache_free(r);
	answer(r, NULL, &why);
}

static int
is_enough(const struct reader * r)
{
	return (r->plan->exact && r->plan->limit >= 0 &&
	    r->rows >= r->plan->limit);
}

/* All rows were given: what is complete may be used again. */
static void
complete(struct reader * r)
{
	reader_enter(r, READER_END);
	drop_parts(r);
	reader_cache_done(r);
}

static void
give(struct reader * r)
{
	struct reader_part * part = r->head;
	struct page * p = part->page;

	reader_sync_given(part);
	part->is_out = 1;
	part->page = NULL;
	part->state = part->has_failed ? PART_FAILED :
	    part->is_last ? PART_DONE : PART_READY;
	r->rows += (int64_t)p->nrows;
	reader_cache_collect(r, p);
	if (part->state == PART_DONE)
		drop_part(r, &r->head);
	if (is_enough(r) || (r->head == NULL && reader_parts_ended(r) &&
	    !r->src.has_failed))
		complete(r);
	answer(r, p, NULL);
}

static void
give_cached(struct reader * r)
{
	if (!r->asked)
		return;
	if (r->at_page < r->npages) {
		answer(r, page_ref(r->pages[r->at_page++]), NULL);
		return;
	}
	reader_enter(r, READER_END);
	answer(r, NULL, NULL);
}

static void
start(struct reader_part * p)
{
	if (p->split != NULL) {
		reader_split_next(p);
		return;
	}
	if ((p->call = reader_call_start(p)) != NULL) {
		p->state = PART_CALL;
		return;
	}
	err_nomem(&p->e, "a call");
	p->state = PART_FAILED;
}

/* Have as many parts as may be asked side by side, and each one's call. */
static void
go_on(struct reader * r)
{
	struct reader_part * p, ** at = &r->head;

	if ((p = r->head) != NULL && p->state == PART_READY &&
	    reader_token_enough(p))
		p->state = PART_DONE;
	while (*at != NULL)
		if ((*at)->state == PART_DONE)
			drop_part(r, at);
		else
			at = &(*at)->next;
	while (r->nparts < r->width && (p = reader_parts_next(r)) != NULL) {
		*r->tail = p;
		r->tail = &p->next;
		r->nparts++;
	}
	/* Parts behind the first go no further than their first page, and what
	 * begins anew does so when its time has come. */
	for (p = r->head; p != NULL; p = p->next)
		if (p->state == PART_READY && (p == r->head ||
		    p->number == 0) && (r->asked || !(p->begins ||
		    reader_token_waits(p))))
			start(p);
}

/* There are no more parts.  All that were may be left out, before it was known that
 * no others come. */
static void
end(struct reader * r)
{
	if (r->refused > 0 && r->good == 0 && !r->is_window) {
		fail(r, &r->refused_e);
		return;
	}
	complete(r);
	answer(r, NULL, NULL);
}

static void
turn_live(struct reader * r)
{
	struct reader_part * p;
	int rc;

	if (!r->asked && !r->ahead)
		return;
	if (is_enough(r)) {
		complete(r);
		if (r->asked)
			answer(r, NULL, NULL);
		return;
	}
	go_on(r);
	if (!r->asked)
		return;
	reader_token_tell(r);
	if ((p = r->head) == NULL) {
		if (r->src.has_failed) {
			fail(r, &r->src.e);
		} else if (reader_parts_ended(r)) {
			end(r);
		}
	} else if (p->state == PART_FAILED) {
		fail(r, &p->e);
	} else if (p->state == PART_HELD) {
		if ((rc = reader_complete_page(r, p->page)) > 0)
			give(r);
		else if (rc < 0)
			fail(r, &r->more.e);
	}
}

static void
turn(void * arg)
{
	struct reader * r = arg;

	if (r->asked)
		reader_token_tell(r);
	if (r->state == READER_NEW) {
		r->begun_ms = clock_wall_ms();
		reader_enter(r, reader_cache_look(r) ? READER_CACHED :
		    READER_LIVE);
	}
	switch (r->state) {
	case READER_NEW:
		break;
	case READER_CACHED:
		give_cached(r);
		break;
	case READER_LIVE:
		turn_live(r);
		break;
	case READER_END:
		if (r->asked)
			answer(r, NULL, NULL);
		break;
	}
}

void
reader_soon(struct reader * r)
{
	loop_soon(r->env->loop, &r->soon, turn, r);
}

void
reader_next(struct reader * r, reader_cb * cb, void * arg)
{
	r->asked = 1;
	r->cb = cb;
	r->arg = arg;
	reader_soon(r);
}

void
reader_ahead(struct reader * r)
{
	if (r->state == READER_END || r->ahead)
		return;
	r->ahead = 1;
	reader_soon(r);
}

void
reader_close(struct reader * r)
{
	if (r == NULL)
		return;
	loop_soon_cancel(r->env->loop, &r->soon);
	reader_complete_end(r);
	drop_parts(r);
	reader_parts_close(r);
	reader_cache_free(r);
	reader_sync_free(r);
	decode_plan_unref(r->decode);
	plan_free(r->plan);
	free(r);
}

void
reader_cleanup(void)
{
	reader_page_cleanup();
}
