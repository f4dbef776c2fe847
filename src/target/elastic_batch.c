#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/fence.h"
#include "base/log.h"
#include "target/elastic_internal.h"
#include "target/elastic_writer.h"

/*
 * One batch: sent, its answer read item by item while it arrives, and what is not
 * written yet sent again, until nothing is left.  Rows the engine refuses for what
 * they are become documents of another index, written by the same batch: so it is
 * done only when each row is somewhere for good.
 */

#define SENT_TIMEOUT_MS 120000

static const char * const state_names[] = { "free", "filling", "ready", "sent",
    "waiting", "done" };

void
elastic_batch_enter(struct elastic_batch * b, enum batch_state s)
{
	log_event(LOG_DEBUG, "elastic_batch", LOG_S("index", b->w->spec.table),
	    LOG_I("seq", (int64_t)b->seq), LOG_S("from", state_names[b->state]),
	    LOG_S("to", state_names[s]));
	b->state = s;
}

int
elastic_batch_gzip(const char * in, size_t n, struct buf * out)
{
	z_stream z;
	int rc;

	memset(&z, 0, sizeof(z));
	buf_clear(out);
	out->max = ELASTIC_BATCH_MAX;
	/* Level 1: a line of JSON packs well already, and time is what counts.
	 * 16: with a gzip head. */
	if (n > UINT32_MAX ||
	    deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) !=
	    Z_OK)
		return (-1);
	if (buf_reserve(out, deflateBound(&z, n))) {
		deflateEnd(&z);
		return (-1);
	}
	z.next_in = (Bytef *)(uintptr_t)in;
	z.avail_in = (uInt)n;
	z.next_out = (Bytef *)out->p;
	z.avail_out = (uInt)(out->cap - 1);
	rc = deflate(&z, Z_FINISH);
	out->len = z.total_out;
	deflateEnd(&z);
	return (rc == Z_STREAM_END ? 0 : -1);
}

/* Whatever answers for a row that it is not its fault. */
static int
is_busy(const struct elastic_item * it)
{
	return (it->status == 429 || it->status >= 500 ||
	    strcmp(it->type, "es_rejected_execution_exception") == 0 ||
	    strcmp(it->type, "rejected_execution_exception") == 0 ||
	    strcmp(it->type, "circuit_breaking_exception") == 0 ||
	    strcmp(it->type, "cluster_block_exception") == 0);
}

/* What no row can help and no time. */
static int
is_hopeless(const struct elastic_item * it)
{
	static const char * const types[] = { "index_not_found_exception",
	    "index_closed_exception", "invalid_index_name_exception",
	    "security_exception", NULL };
	size_t i;

	if (it->status == 401 || it->status == 403 || it->status == 404)
		return (1);
	for (i = 0; types[i] != NULL; i++)
		if (strcmp(types[i], it->type) == 0)
			return (1);
	return (0);
}

static void
fatal(struct elastic_batch * b, const struct err * e)
{
	if (!b->is_fatal)
		b->err = *e;
	b->is_fatal = 1;
}

/* A document of a higher version is there: one of a later run of ours, or one of
 * another sync that came after us. */
static void
conflict(struct elastic_batch * b, const struct elastic_item * it)
{
	static const char mark[] = "current version [";
	const char * p = NULL, * next = it->reason;
	struct err e;

	/* The last one: before it stands the _id, which may be anything. */
	while ((next = strstr(next, mark)) != NULL)
		p = next++;

	if (p != NULL && !elastic_doc_is_ours(b->w->doc,
	    strtoll(p + sizeof(mark) - 1, NULL, 10))) {
		b->passed++;
		return;
	}
	if (p != NULL)
		fence_see(elastic_doc_fence(strtoll(p + sizeof(mark) - 1, NULL,
		    10)));
	err_set(&e, ERR_PERMANENT, "fenced", "index %s: a later run of %s has "
	    "written there meanwhile; this one ends", b->w->spec.table,
	    b->w->spec.sync);
	fatal(b, &e);
}

/*
 * From within the transfer: only what is said is kept.  The answer may break off
 * yet, and the lines may still be on their way.
 */
static void
on_item(void * arg, const struct elastic_item * it)
{
	struct elastic_batch * b = arg;
	size_t i = (size_t)b->answer.items - 1;
	struct err e;
	int is_reject;

	if (i >= b->sent)
		return;
	b->outcome[i] = OUTCOME_WRITTEN;
	if (it->status >= 200 && it->status <= 299)
		return;
	/* What was to be removed is not there. */
	if (it->status == 404 && *it->type == '\0' &&
	    b->kind[i] == ENTRY_ROW && elastic_doc_is_removal(b->body.p +
	    b->at[i], b->at[i + 1] - b->at[i]))
		return;
	if (it->status == 409) {
		conflict(b, it);
	} else if (is_busy(it)) {
		err_set(&b->err, ERR_TRANSIENT, "busy", "index %s: %d, %s: "
		    "%.200s", b->w->spec.table, it->status, it->type,
		    it->reason);
		b->outcome[i] = OUTCOME_BUSY;
	} else if (is_hopeless(it) || b->kind[i] == ENTRY_REJECT || it->status == 0) {
		is_reject = b->kind[i] == ENTRY_REJECT;
		err_set(&e, ERR_CONFIG, is_reject ? "rejected" :
		    "target", "index %s refuses to be written: %d, %s: %.200s",
		    is_reject ? b->w->rejected : b->w->spec.table,
		    it->status, it->type, it->reason);
		fatal(b, &e);
	} else {
		b->outcome[i] = OUTCOME_REFUSED;
		buf_adds(&b->whys, it->type);
		buf_adds(&b->whys, ": ");
		buf_adds(&b->whys, it->reason);
		buf_addc(&b->whys, '\0');
	}
}

static int
on_data(void * arg, const char * p, size_t n)
{
	struct elastic_batch * b = arg;

	/* Garbage is judged at the end, with what else is known. */
	elastic_answer_feed(&b->answer, p, n);
	return (0);
}

static void
send_again(void * arg)
{
	elastic_batch_send(arg);
}

/* Nothing, or not all, came through; ${b}->err says why. */
static void
later(struct elastic_batch * b)
{
	struct elastic_writer * w = b->w;

	if (elastic_retry_wait(&b->retry, w->el->o.loop, w->el->o.retry_ms,
	    &b->err, send_again, b)) {
		err_prefix(&b->err, "index %s at %s", w->spec.table,
		    elastic_url(w->el));
		elastic_writer_fail(w, &b->err);
		return;
	}
	w->st.retries++;
	elastic_batch_enter(b, BATCH_WAITING);
}

/* Too large: half as much a time, in the batches after this one too. */
static void
too_large(struct elastic_batch * b)
{
	static const char why[] = "document too large: the cluster answered "
	    "413 to it alone";
	struct elastic_writer * w = b->w;

	if (b->sent > 1) {
		b->window = (b->sent + 1) / 2;
		if (w->batch_bytes > b->body.len / 2 + 1)
			w->batch_bytes = b->body.len / 2 + 1;
		elastic_batch_send(b);
		return;
	}
	if (b->kind[0] == ENTRY_REJECT) {
		err_set(&b->err, ERR_CONFIG, "rejected", "index %s: not even a "
		    "rejected row's first %zu bytes are taken: the limit of "
		    "request bodies at %s is too small", w->rejected,
		    ELASTIC_ROW_MAX, elastic_url(w->el));
		elastic_writer_fail(w, &b->err);
		return;
	}
	buf_add(&b->whys, why, sizeof(why));
	b->outcome[0] = OUTCOME_REFUSED;
	if (elastic_batch_close_ranks(b)) {
		err_nomem(&b->err, "a rejected row");
		elastic_writer_fail(w, &b->err);
		return;
	}
	elastic_batch_send(b);
}

/* A 2xx came: what of it is left? */
static void
judge(struct elastic_batch * b)
{
	const struct elastic_answer * a = &b->answer;
	size_t i, busy = 0, passed = b->passed;

	b->passed = 0;
	if (b->is_fatal) {
		elastic_writer_fail(b->w, &b->err);
		return;
	}
	/* errors:false speaks for all, also where items were left out. */
	if (!elastic_answer_ok(a) || (a->items != b->sent &&
	    (a->items != 0 || a->errors != 0))) {
		err_set(&b->err, ERR_TRANSIENT, "bulk_answer", "the answer to "
		    "_bulk is not one, or not of all rows (%llu of %zu)",
		    (unsigned long long)a->items, b->sent);
		/* All of them once more: their versions make it the same. */
		later(b);
		return;
	}
	b->w->st.passed += passed;
	for (i = 0; i < b->sent; i++)
		busy += b->outcome[i] == OUTCOME_BUSY;
	if (busy < b->sent)
		elastic_retry_well(&b->retry);
	if (elastic_batch_close_ranks(b)) {
		err_nomem(&b->err, "a batch");
		elastic_writer_fail(b->w, &b->err);
	} else if (b->n == 0) {
		elastic_batch_enter(b, BATCH_DONE);
		elastic_writer_done(b);
	} else if (busy > 0) {
		later(b);
	} else {
		elastic_batch_send(b);
	}
}

static void
on_answer(void * arg, const struct http_res * res, const struct err * e)
{
	struct elastic_batch * b = arg;
	struct elastic_writer * w = b->w;

	b->call = NULL;
	w->st.batches++;
	if (res != NULL && res->status >= 200 && res->status <= 299) {
		judge(b);
		return;
	}
	if (res != NULL && res->status == 413) {
		too_large(b);
		return;
	}
	if (e != NULL) {
		b->err = *e;
	} else {
		elastic_err(&b->err, res, "_bulk");
		if (b->err.cls == ERR_PERMANENT && res->status == 404)
			b->err.cls = ERR_CONFIG;
	}
	later(b);
}

void
elastic_batch_send(struct elastic_batch * b)
{
	struct elastic_writer * w = b->w;
	struct elastic_ask a;
	size_t bytes;

	b->sent = b->window > 0 && b->window < b->n ? b->window : b->n;
	memset(b->outcome, OUTCOME_WRITTEN, b->sent);
	buf_clear(&b->rejects);
	buf_clear(&b->whys);
	b->is_fatal = 0;
	b->passed = 0;
	elastic_answer_begin(&b->answer, on_item, b);
	bytes = b->at[b->sent];
	memset(&a, 0, sizeof(a));
	a.method = "POST";
	a.path = w->path.p;
	a.ctype = "application/x-ndjson";
	a.body = b->body.p;
	a.body_len = bytes;
	a.body_stays = 1;
	a.timeout_ms = SENT_TIMEOUT_MS;
	a.on_data = on_data;
	if (w->gzips && elastic_batch_gzip(b->body.p, bytes, &b->gz) == 0) {
		a.body = b->gz.p;
		a.body_len = b->gz.len;
		a.encoding = "gzip";
	}
	w->st.bytes += a.body_len;
	elastic_batch_enter(b, BATCH_SENT);
	if ((b->call = elastic_call(w->el, &a, on_answer, b)) == NULL) {
		err_nomem(&b->err, "a request to Elasticsearch");
		elastic_writer_fail(w, &b->err);
	}
}

void
elastic_batch_stop(struct elastic_batch * b)
{
	elastic_call_cancel(b->call);
	b->call = NULL;
	elastic_retry_end(&b->retry);
}

void
elastic_batch_free(struct elastic_batch * b)
{
	elastic_batch_stop(b);
	buf_free(&b->body);
	buf_free(&b->gz);
	buf_free(&b->rejects);
	buf_free(&b->whys);
	free(b->at);
	free(b->kind);
	free(b->slots);
	free(b->outcome);
}
