#include "target/elastic_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "target/elastic_internal.h"

/* Only what is read of the answer: it is an eighth of all. */
#define BULK "/_bulk?filter_path=errors,items.*.status,items.*.error.type," \
	"items.*.error.reason,items.*.error.caused_by"

static const struct writer_ops elastic_ops;

static struct elastic_writer *
of(struct writer * base)
{
	return ((struct elastic_writer *)(void *)base);
}

static void
destroy(struct elastic_writer * w)
{
	size_t i;

	for (i = 0; i < BATCHES; i++)
		elastic_batch_free(&w->batch[i]);
	for (i = 0; i < w->spec.ncolumns && w->spec.columns != NULL; i++)
		free((char *)(uintptr_t)w->spec.columns[i].name);
	free((struct writer_column *)(uintptr_t)w->spec.columns);
	free((char *)(uintptr_t)w->spec.table);
	free((char *)(uintptr_t)w->spec.sync);
	elastic_doc_free(w->doc);
	buf_free(&w->path);
	free(w);
}

/* Nothing comes from anywhere any more. */
static void
stop(struct elastic_writer * w)
{
	size_t i;

	elastic_prepare_cancel(w->prepare);
	w->prepare = NULL;
	elastic_sweep_cancel(w->sweep);
	w->sweep = NULL;
	elastic_call_cancel(w->refresh);
	w->refresh = NULL;
	elastic_retry_end(&w->refresh_retry);
	loop_soon_cancel(w->el->o.loop, &w->soon);
	for (i = 0; i < BATCHES; i++)
		elastic_batch_stop(&w->batch[i]);
}

/* The giver may close us from within an event: then -1, and we are gone. */
static int
after_event(struct elastic_writer * w)
{
	if (--w->in_event > 0 || !w->is_closed)
		return (w->is_closed ? -1 : 0);
	destroy(w);
	return (-1);
}

static void
on_fail(void * arg)
{
	struct elastic_writer * w = arg;

	w->in_event++;
	w->ev.failed(w->ev.arg, &w->err);
	(void)after_event(w);
}

void
elastic_writer_fail(struct elastic_writer * w, const struct err * e)
{
	if (w->is_failed || w->is_closed)
		return;
	w->err = *e;
	w->is_failed = 1;
	elastic_prepare_forget(w->el, &w->spec);
	stop(w);
	loop_soon(w->el->o.loop, &w->soon, on_fail, w);
}

static struct elastic_batch *
free_batch(struct elastic_writer * w)
{
	size_t i;

	for (i = 0; i < BATCHES; i++)
		if (w->batch[i].state == BATCH_FREE)
			return (&w->batch[i]);
	return (NULL);
}

static size_t
under_way(const struct elastic_writer * w)
{
	size_t i, n = 0;

	for (i = 0; i < BATCHES; i++)
		n += w->batch[i].state == BATCH_SENT ||
		    w->batch[i].state == BATCH_WAITING;
	return (n);
}

/* What is ready goes as soon as only one is under way. */
static void
pump(struct elastic_writer * w)
{
	struct elastic_batch * b;
	size_t i;

	for (i = 0; i < BATCHES && !w->is_failed; i++) {
		b = &w->batch[i];
		if (b->state == BATCH_READY && under_way(w) < BATCHES - 1 &&
		    !elastic_twice_waits(b))
			elastic_batch_send(b);
	}
}

static void
close_filling(struct elastic_writer * w)
{
	struct elastic_batch * b = w->filling;

	w->filling = NULL;
	w->wants_flush = 0;
	elastic_batch_close(b);
	elastic_batch_enter(b, BATCH_READY);
	b->seq = ++w->next_seq;
	pump(w);
}

static int
writer_row_in(struct writer * base, const struct value * v)
{
	struct elastic_writer * w = of(base);
	struct elastic_batch * b = w->filling;
	struct err e;

	if (w->is_failed)
		return (1);
	if (b == NULL && (b = free_batch(w)) != NULL) {
		w->filling = b;
		elastic_batch_enter(b, BATCH_FILLING);
	}
	/* Without a batch the giver did not wait for room. */
	if (b == NULL || elastic_batch_add(b, v)) {
		err_nomem(&e, "a row");
		elastic_writer_fail(w, &e);
		return (1);
	}
	if (b->body.len < w->batch_bytes && b->n < w->el->o.batch_rows)
		return (0);
	close_filling(w);
	if (free_batch(w) != NULL)
		return (0);
	w->wants_room = 1;
	return (1);
}

static void refresh(void * arg);

static struct elastic_batch *
done_batch(struct elastic_writer * w, uint64_t seq)
{
	size_t i;

	for (i = 0; i < BATCHES; i++)
		if (w->batch[i].state == BATCH_DONE && w->batch[i].seq == seq)
			return (&w->batch[i]);
	return (NULL);
}

static void
writer_flush_now(struct writer * base)
{
	struct elastic_writer * w = of(base);

	if (w->is_failed)
		return;
	/* The giver was told that there is room: the last batch is kept for it
	 * until another one is free. */
	w->wants_flush = w->filling != NULL && w->filling->n > 0;
	if (w->wants_flush && free_batch(w) != NULL)
		close_filling(w);
	if (!w->spec.refresh || w->done_seq == w->next_seq)
		return;
	w->wants_refresh = 1;
	/* Written already, and held back for this. */
	if (w->refresh == NULL && done_batch(w, w->next_seq) != NULL &&
	    w->done_seq + 1 == w->next_seq)
		refresh(w);
}

static int
acknowledge(struct elastic_writer * w)
{
	uint64_t rows = w->st.rows;

	w->in_event++;
	w->ev.acked(w->ev.arg, rows);
	return (after_event(w));
}

static void settle(struct elastic_writer * w, int seen);

static void
on_refreshed(void * arg, const struct http_res * res, const struct err * e)
{
	struct elastic_writer * w = arg;
	struct err mine;

	w->refresh = NULL;
	if (e != NULL || res->status < 200 || res->status > 299) {
		if (e != NULL)
			mine = *e;
		else
			elastic_err(&mine, res, "_refresh");
		if (elastic_retry_wait(&w->refresh_retry, w->el->o.loop,
		    w->el->o.retry_ms, &mine, refresh, w))
			elastic_writer_fail(w, &mine);
		return;
	}
	w->wants_refresh = w->next_seq != w->refresh_seq;
	elastic_retry_well(&w->refresh_retry);
	settle(w, w->next_seq == w->refresh_seq);
}

static void
refresh(void * arg)
{
	struct elastic_writer * w = arg;
	struct buf path = BUF_INIT(4096);
	struct elastic_ask a;
	struct err e;

	w->refresh_seq = w->next_seq;
	memset(&a, 0, sizeof(a));
	a.method = "POST";
	buf_addc(&path, '/');
	if (elastic_path_add(&path, w->spec.table) == 0 &&
	    buf_adds(&path, "/_refresh") == 0) {
		a.path = path.p;
		w->refresh = elastic_call(w->el, &a, on_refreshed, w);
	}
	buf_free(&path);
	if (w->refresh == NULL) {
		err_nomem(&e, "a request to Elasticsearch");
		elastic_writer_fail(w, &e);
	}
}

/* Acknowledge what is there in order, and say what else follows from it; ${seen}:
 * the last one too can be seen. */
static void
settle(struct elastic_writer * w, int seen)
{
	struct elastic_batch * b;
	uint64_t before = w->done_seq;

	if (w->is_failed || w->refresh != NULL)
		return;
	while ((b = done_batch(w, w->done_seq + 1)) != NULL) {
		/* What is still to be given on comes after it. */
		if (w->wants_flush && free_batch(w) != NULL)
			close_filling(w);
		/* The last one counts when it can be seen. */
		if (w->spec.refresh && b->seq == w->next_seq && !seen) {
			if (w->wants_refresh)
				refresh(w);
			break;
		}
		w->done_seq++;
		w->st.rows += b->rows;
		w->st.gone += b->gone;
		elastic_batch_clear(b);
		elastic_batch_enter(b, BATCH_FREE);
	}
	if (w->wants_flush && free_batch(w) != NULL)
		close_filling(w);
	pump(w);
	if (w->done_seq != before && acknowledge(w))
		return;
	if (w->is_failed || !w->wants_room || free_batch(w) == NULL)
		return;
	w->wants_room = 0;
	w->in_event++;
	w->ev.room(w->ev.arg);
	(void)after_event(w);
}

void
elastic_writer_done(struct elastic_batch * b)
{
	settle(b->w, 0);
}

static void
writer_sweep_now(struct writer * base, enum writer_sweep_how how,
    double max_ratio, const json_t * but, writer_sweep_cb * cb, void * arg)
{
	struct elastic_writer * w = of(base);
	struct err e;

	/* What an index takes a value for depends on its mapping. */
	(void)but;
	w->sweep = elastic_sweep_start(w, how, max_ratio, cb, arg);
	if (w->sweep == NULL) {
		err_nomem(&e, "a sweep");
		elastic_writer_fail(w, &e);
	}
}

static void
writer_stats_now(const struct writer * base, struct writer_stats * st)
{
	*st = ((const struct elastic_writer *)(const void *)base)->st;
}

static void
writer_close_now(struct writer * base)
{
	struct elastic_writer * w = of(base);

	stop(w);
	w->is_closed = 1;
	if (w->in_event == 0)
		destroy(w);
}

static const struct writer_ops elastic_ops = {
	.name = "elastic",
	.row = writer_row_in,
	.flush = writer_flush_now,
	.sweep = writer_sweep_now,
	.stats = writer_stats_now,
	.close = writer_close_now,
};

static void
on_prepared(void * arg, const struct err * e)
{
	struct elastic_writer * w = arg;

	w->prepare = NULL;
	if (e != NULL) {
		elastic_writer_fail(w, e);
		return;
	}
	w->is_ready = 1;
	w->in_event++;
	w->ev.ready(w->ev.arg);
	(void)after_event(w);
}

static int
copy_spec(struct elastic_writer * w, const struct writer_spec * spec)
{
	struct writer_column * cols;
	size_t i;

	w->spec = *spec;
	w->spec.database = NULL;
	w->spec.columns = NULL;
	w->spec.table = strdup(spec->table);
	w->spec.sync = strdup(spec->sync);
	if (w->spec.table == NULL || w->spec.sync == NULL ||
	    (cols = calloc(spec->ncolumns + 1, sizeof(*cols))) == NULL)
		return (-1);
	w->spec.columns = cols;
	for (i = 0; i < spec->ncolumns; i++) {
		cols[i] = spec->columns[i];
		if ((cols[i].name = strdup(cols[i].name)) == NULL)
			return (-1);
	}
	return (0);
}

/* Names that are the engine's, or ours. */
static int
check_columns(const struct writer_spec * spec, struct err * e)
{
	static const char * const taken[] = { "moltler", "_deleted_at", "_id",
	    "_index", "_source", "_routing", "_type", "_version", "_seq_no",
	    "_primary_term", "_field_names", "_ignored", "_meta", "_size",
	    "_tier", "_doc_count", "_nested_path", "_feature", NULL };
	const char * name;
	size_t i, k;

	for (i = 0; i < spec->ncolumns; i++)
		for (k = 0, name = spec->columns[i].name; taken[k] != NULL; k++)
			if (strcmp(name, taken[k]) == 0)
				return (err_set(e, ERR_CONFIG, "bad_target",
				    "%s: a column cannot be called %s in an "
				    "index, which has a field of that name "
				    "already", spec->table, name));
	return (0);
}

static int
set_up(struct elastic_writer * w, const struct writer_spec * spec,
    struct err * e)
{
	size_t i;

	snprintf(w->rejected, sizeof(w->rejected), "%.255s-rejected",
	    spec->table);
	if (elastic_index_ok(spec->table, 0, e) ||
	    elastic_index_ok(w->rejected, 0, e) || check_columns(spec, e))
		return (-1);
	w->path.max = 4096;
	for (i = 0; i < BATCHES; i++)
		w->batch[i].w = w;
	if (copy_spec(w, spec) || buf_addc(&w->path, '/') ||
	    elastic_path_add(&w->path, spec->table) ||
	    buf_adds(&w->path, BULK))
		return (err_nomem(e, "a writer"));
	if ((w->doc = elastic_doc_new(&w->spec, e)) == NULL)
		return (-1);
	w->prepare = elastic_prepare_start(w->el, &w->spec, &w->st.is_new,
	    on_prepared, w);
	return (w->prepare == NULL ? err_nomem(e, "a writer") : 0);
}

struct writer *
elastic_writer_open(struct elastic * el, const struct writer_spec * spec,
    const struct writer_events * ev, struct err * e)
{
	struct elastic_writer * w;

	if ((w = calloc(1, sizeof(*w))) == NULL) {
		err_nomem(e, "a writer");
		return (NULL);
	}
	w->base.ops = &elastic_ops;
	w->el = el;
	w->ev = *ev;
	w->batch_bytes = el->o.batch_bytes;
	w->gzips = el->o.gzip == ELASTIC_GZIP_ON ||
	    (el->o.gzip == ELASTIC_GZIP_AUTO && !el->is_local);
	if (set_up(w, spec, e) == 0)
		return (&w->base);
	destroy(w);
	return (NULL);
}
