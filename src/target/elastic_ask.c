/* From the wish for a page to the page: what the cluster is asked, and what of its
 * answers becomes of it. */
#include "target/elastic_reader_internal.h"

#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/hash64.h"
#include "target/elastic_cells.h"
#include "target/elastic_search.h"
#include "target/elastic_spare.h"

#define MAX_SIZE ((size_t)10000) /* the engine's own limit */
#define RETRIES 3
#define RETRY_BASE_MS 300
#define RETRY_MAX_MS 5000
#define KEEP_SPARE_MS INT64_C(60000)
#define KEEP_MAX_MS INT64_C(86400000)
#define CALL_MS INT64_C(60000)
#define SEARCH_MAX ((size_t)1 << 20)

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

void
elastic_ask_again(void * arg)
{
	struct elastic_reader * r = arg;

	elastic_reader_enter(r, READER_NEW);
	elastic_ask(r);
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
		elastic_reader_fail(r, e);
		return;
	}
	r->attempt++;
	r->ctx->st.retries++;
	r->ctx->st.waited_ms += (uint64_t)ms;
	elastic_reader_enter(r, READER_BACKOFF);
	elastic_reader_tell(r);
	loop_timer_start(r->timer, ms);
}

static void
on_pit(void * arg, const struct err * e)
{
	struct elastic_reader * r = arg;
	struct err mine;

	if (e == NULL) {
		r->attempt = 0;
		elastic_reader_enter(r, READER_NEW);
		elastic_ask(r);
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
	elastic_spare_give(r->decoder);
	r->decoder = NULL;
}

static int
on_data(void * arg, const char * p, size_t n)
{
	struct elastic_reader * r = arg;

	if (r->decoder == NULL) {
		r->decoder = elastic_spare_decoder();
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
	elastic_reader_enter(r, READER_NEW);
	elastic_ask(r);
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
		elastic_reader_enter(r, READER_NEW);
		elastic_ask(r);
		return;
	}
	if (p->nrows == 0) {
		page_unref(p);
		elastic_reader_let_go(r);
		elastic_reader_settle(r, READER_END);
		return;
	}
	r->page = p;
	elastic_reader_settle(r, READER_PAGE);
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
	elastic_reader_enter(r, READER_SEARCH);
	if (elastic_search_body(&s, &b) == 0) {
		a.body = b.p;
		a.body_len = b.len;
		r->call = elastic_call(r->el, &a, on_answer, r);
	}
	buf_free(&b);
	if (r->call == NULL) {
		err_nomem(&e, "a search");
		elastic_reader_fail(r, &e);
		return;
	}
	count_call(r);
}

void
elastic_ask(struct elastic_reader * r)
{
	struct err e;

	if (r->plan->nothing) {
		elastic_reader_settle(r, READER_END);
		return;
	}
	if (r->pit != NULL) {
		search(r);
		return;
	}
	elastic_reader_enter(r, READER_OPEN);
	r->pit = elastic_pit_open(r->el, r->plan->ent->name, keep_ms(r), on_pit,
	    r);
	if (r->pit == NULL) {
		err_nomem(&e, "a point in time");
		elastic_reader_fail(r, &e);
		return;
	}
	count_call(r);
}
