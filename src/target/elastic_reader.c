/* One scan of an index. */
#include "target/elastic_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/hash64.h"
#include "base/json.h"
#include "base/log.h"
#include "conn/decode_json.h"
#include "target/elastic_call.h"
#include "target/elastic_cells.h"
#include "target/elastic_columns.h"
#include "target/elastic_pit.h"
#include "target/elastic_place.h"
#include "target/elastic_search.h"

#define MAX_SIZE ((size_t)10000) /* the engine's own limit */
#define RETRIES 3
#define RETRY_BASE_MS 300
#define RETRY_MAX_MS 5000
#define KEEP_SPARE_MS INT64_C(60000)
#define KEEP_MAX_MS INT64_C(86400000)
#define CALL_MS INT64_C(60000)
#define SEARCH_MAX ((size_t)1 << 20)

enum reader_state {
	READER_NEW, READER_OPEN, READER_SEARCH, READER_BACKOFF, READER_PAGE,
	READER_FAILED, READER_END
};

static const char * const state_names[] = { "new", "open", "search", "backoff",
	"page", "failed", "end" };

struct elastic_reader {
	struct loop * L;
	struct elastic * el;
	struct plan * plan;
	struct read_ctx * ctx;
	const struct manifest_entity * hits;
	struct decode_plan * paths;
	struct decode_json * decoder;
	uint8_t * wanted;
	enum reader_state state;
	struct elastic_pit * pit;
	struct elastic_call * call;
	struct loop_timer * timer;
	struct soon soon;
	size_t size;
	unsigned attempt;
	uint64_t number;          /* of the page under way, from 1 */
	int bad_page;
	struct elastic_place place;
	int ended;                /* no page follows the present one */
	struct page * page;
	struct err e;
	reader_cb * cb;           /* somebody waits */
	void * arg;
};

/* Compiled paths cost about what a page does, and scratch space is a page's size:
 * both are kept for who comes next. */
#define KEPT 4
static struct {
	struct manifest * m;
	struct decode_plan * paths;
} kept[KEPT];
static unsigned next_kept;
static struct decode_json * spare[KEPT];
static size_t nspare;

static struct decode_plan *
paths_of(struct manifest * m, struct err * e)
{
	const struct manifest_entity * hits = &m->entities[ELASTIC_HITS];
	struct decode_plan * p;
	size_t i;

	for (i = 0; i < KEPT; i++)
		if (kept[i].m == m)
			return (decode_plan_ref(kept[i].paths));
	if ((p = decode_plan_new(hits, &hits->lists[0], e)) == NULL)
		return (NULL);
	i = next_kept++ % KEPT;
	manifest_unref(kept[i].m);
	decode_plan_unref(kept[i].paths);
	kept[i].m = manifest_ref(m);
	kept[i].paths = decode_plan_ref(p);
	return (p);
}

void
elastic_reader_cleanup(void)
{
	size_t i;

	for (i = 0; i < KEPT; i++) {
		manifest_unref(kept[i].m);
		decode_plan_unref(kept[i].paths);
	}
	memset(kept, 0, sizeof(kept));
	while (nspare > 0)
		decode_json_free(spare[--nspare]);
	elastic_pit_cleanup();
}

/* The one place where the state changes. */
static void
reader_enter(struct elastic_reader * r, enum reader_state s)
{
	log_event(LOG_DEBUG, "index_state", LOG_S("index", r->plan->ent->name),
	    LOG_I("page", (int64_t)r->number), LOG_S("from",
	    state_names[r->state]), LOG_S("to", state_names[s]));
	r->state = s;
}

static void
tell(struct elastic_reader * r)
{
	if (r->ctx->progress != NULL)
		r->ctx->progress(r->ctx->arg, &r->ctx->st);
}

/* A call is the cluster's, no service's. */
static void
count_call(struct elastic_reader * r)
{
	r->ctx->st.calls++;
	if (r->ctx->max_calls > 0)
		r->ctx->max_calls++;
}

static int64_t
left_ms(const struct elastic_reader * r)
{
	int64_t left;

	if (r->ctx->deadline_ms == 0)
		return (KEEP_MAX_MS);
	left = r->ctx->deadline_ms - clock_mono_us() / 1000;
	return (left > 1 ? left : 1);
}

/* How long the cluster is to remember: the statement's time, which may pass between
 * two pages. */
static int64_t
keep_ms(const struct elastic_reader * r)
{
	int64_t ms = left_ms(r) + KEEP_SPARE_MS;

	return (ms < KEEP_MAX_MS ? ms : KEEP_MAX_MS);
}

static void
let_go(struct elastic_reader * r)
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
		reader_enter(r, READER_NEW);
		if (r->ended) {
			let_go(r);
			reader_enter(r, READER_END);
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

static void
settle(struct elastic_reader * r, enum reader_state s)
{
	reader_enter(r, s);
	tell(r);
	if (r->cb != NULL)
		loop_soon(r->L, &r->soon, give, r);
}

static void
fail(struct elastic_reader * r, const struct err * e)
{
	r->e = *e;
	err_prefix(&r->e, "es.%s, page %llu", r->plan->ent->name,
	    (unsigned long long)r->number);
	let_go(r);
	settle(r, READER_FAILED);
}

/* ---- asking ---- */

static void advance(struct elastic_reader * r);

static void
on_timer(void * arg)
{
	struct elastic_reader * r = arg;

	reader_enter(r, READER_NEW);
	advance(r);
}

/* Try again, or fail. */
static void
again(struct elastic_reader * r, const struct err * e)
{
	int64_t ms;

	ms = backoff_ms(r->attempt, RETRY_BASE_MS, RETRY_MAX_MS,
	    (uint32_t)hash64((uint64_t)clock_mono_us(), "", 0));
	if (e->retry_after_ms > ms)
		ms = e->retry_after_ms;
	if (e->cls != ERR_TRANSIENT || r->attempt >= RETRIES ||
	    ms >= left_ms(r)) {
		fail(r, e);
		return;
	}
	r->attempt++;
	r->ctx->st.retries++;
	r->ctx->st.waited_ms += (uint64_t)ms;
	reader_enter(r, READER_BACKOFF);
	tell(r);
	loop_timer_start(r->timer, ms);
}

static void
on_pit(void * arg, const struct err * e)
{
	struct elastic_reader * r = arg;
	struct err mine;

	if (e == NULL) {
		r->attempt = 0;
		reader_enter(r, READER_NEW);
		advance(r);
		return;
	}
	mine = *e;
	elastic_pit_close(r->pit);
	r->pit = NULL;
	again(r, &mine);
}

static void
forget_decoder(struct elastic_reader * r)
{
	if (r->decoder == NULL)
		return;
	if (nspare < KEPT)
		spare[nspare++] = r->decoder;
	else
		decode_json_free(r->decoder);
	r->decoder = NULL;
}

static int
on_data(void * arg, const char * p, size_t n)
{
	struct elastic_reader * r = arg;

	if (r->decoder == NULL) {
		r->decoder = nspare > 0 ? spare[--nspare] : decode_json_new();
		if (r->decoder == NULL || decode_json_begin(r->decoder,
		    r->paths, r->wanted)) {
			forget_decoder(r);
			return (-1);
		}
	}
	r->ctx->st.bytes += n;
	if (decode_json_feed(r->decoder, p, n)) {
		r->bad_page = 1;
		return (-1);
	}
	return (0);
}

/* An answer may be whole as JSON and yet not be all. */
static int
check_body(struct elastic_reader * r, const struct decode_body * b,
    struct err * e)
{
	const char * id = json_string_value(b->field[BODY_CURSOR]);

	if (json_is_true(b->field[BODY_LAST]))
		return (err_set(e, ERR_TRANSIENT, "timeout", "the cluster gave "
		    "up before it had looked everywhere"));
	if (json_integer_value(b->field[BODY_TOTAL]) > 0)
		return (err_set(e, ERR_TRANSIENT, "shards", "%lld shards "
		    "did not answer", (long long)json_integer_value(
		    b->field[BODY_TOTAL])));
	if (id != NULL && elastic_pit_renew(r->pit, id))
		return (err_nomem(e, "a point in time"));
	return (0);
}

static int
take_page(struct elastic_reader * r, struct page * p,
    const struct decode_body * body, struct err * e)
{
	size_t raw = p->nrows, size = r->size;

	if (check_body(r, body, e) || elastic_cells_fix(p, r->hits, e))
		return (-1);
	r->place.by_doc = elastic_pit_by_doc(r->pit);
	if (elastic_place_take(&r->place, p, e))
		return (-1);
	if (raw > 0 && p->nrows == 0 && raw == size) {
		/* More shards than rows in a page. */
		if (size >= MAX_SIZE)
			return (err_set(e, ERR_PERMANENT, "shards", "more than "
			    "%zu shards cannot be read at once: name fewer "
			    "indexes", MAX_SIZE));
		r->size = MAX_SIZE;
	}
	r->ended = raw < size;
	r->ctx->st.pages++;
	r->ctx->st.rows += p->nrows;
	return (0);
}

/* Fewer rows at once, where a page of them is too large; 1: it will be tried. */
static int
shrink(struct elastic_reader * r, const struct err * e)
{
	if (strcmp(e->code, "too_big") != 0 || r->size <= 1)
		return (0);
	r->size = r->size / 8 > 0 ? r->size / 8 : 1;
	reader_enter(r, READER_NEW);
	advance(r);
	return (1);
}

static void
refused(struct elastic_reader * r, const struct http_res * res)
{
	struct err e;

	elastic_err(&e, res, "search");
	if (res->status == 404) {
		err_set(&e, ERR_PERMANENT, "expired", "the point in time that "
		    "the rows are read from is gone, or its index is: run the "
		    "statement again");
	}
	again(r, &e);
}

static void
on_answer(void * arg, const struct http_res * res, const struct err * e)
{
	struct elastic_reader * r = arg;
	struct decode_body body;
	struct page * p = NULL;
	struct err mine;
	int rc;

	r->call = NULL;
	if (e != NULL && !r->bad_page) {
		mine = *e;
		forget_decoder(r);
		if (!shrink(r, &mine))
			again(r, &mine);
		return;
	}
	if (res != NULL && (res->status < 200 || res->status > 299)) {
		forget_decoder(r);
		refused(r, res);
		return;
	}
	if (r->decoder == NULL)
		rc = err_set(&mine, ERR_TRANSIENT, "empty", "the answer is "
		    "empty");
	else
		rc = decode_json_end(r->decoder, &p, &body, &mine);
	if (rc == 0)
		rc = take_page(r, p, &body, &mine);
	forget_decoder(r);
	if (rc != 0) {
		page_unref(p);
		if (!shrink(r, &mine))
			again(r, &mine);
		return;
	}
	r->attempt = 0;
	if (p->nrows == 0 && !r->ended) {
		/* All of it was known. */
		page_unref(p);
		reader_enter(r, READER_NEW);
		advance(r);
		return;
	}
	if (p->nrows == 0) {
		page_unref(p);
		let_go(r);
		settle(r, READER_END);
		return;
	}
	r->page = p;
	settle(r, READER_PAGE);
}

static void
search(struct elastic_reader * r)
{
	struct elastic_search s = { .plan = r->plan, .size = r->size,
	    .pit = elastic_pit_id(r->pit), .keep_ms = keep_ms(r),
	    .by_doc = elastic_pit_by_doc(r->pit) };
	struct elastic_ask a = { .method = "POST", .path =
	    "/_search?allow_partial_search_results=false", .on_data = on_data };
	struct buf b = BUF_INIT(SEARCH_MAX);
	struct err e;

	if (r->place.after.len > 0) {
		s.after = r->place.after.p;
		s.after_len = r->place.after.len;
	}
	a.timeout_ms = left_ms(r) < CALL_MS ? left_ms(r) : CALL_MS;
	r->bad_page = 0;
	reader_enter(r, READER_SEARCH);
	if (elastic_search_body(&s, &b) == 0) {
		a.body = b.p;
		a.body_len = b.len;
		r->call = elastic_call(r->el, &a, on_answer, r);
	}
	buf_free(&b);
	if (r->call == NULL) {
		err_nomem(&e, "a search");
		fail(r, &e);
		return;
	}
	count_call(r);
}

/* From READER_NEW: to what comes next. */
static void
advance(struct elastic_reader * r)
{
	struct err e;

	if (r->plan->nothing) {
		settle(r, READER_END);
		return;
	}
	if (r->pit != NULL) {
		search(r);
		return;
	}
	reader_enter(r, READER_OPEN);
	r->pit = elastic_pit_open(r->el, r->plan->ent->name, keep_ms(r), on_pit,
	    r);
	if (r->pit == NULL) {
		err_nomem(&e, "a point in time");
		fail(r, &e);
		return;
	}
	count_call(r);
}

static void
begin(struct elastic_reader * r)
{
	if (r->state != READER_NEW)
		return;
	r->number++;
	advance(r);
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
	    (r->timer = loop_timer_new(L, on_timer, r)) == NULL)
		err_nomem(e, "a scan");
	else if ((r->paths = paths_of(plan->c->m, e)) != NULL) {
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
	let_go(r);
	forget_decoder(r);
	loop_soon_cancel(r->L, &r->soon);
	loop_timer_free(r->timer);
	page_unref(r->page);
	decode_plan_unref(r->paths);
	elastic_place_free(&r->place);
	free(r->wanted);
	plan_free(r->plan);
	free(r);
}
