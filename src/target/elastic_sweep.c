#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/rfc3339.h"
#include "target/elastic_internal.h"
#include "target/elastic_writer.h"

/*
 * What a sync wrote in earlier runs and not in this one: counted, then found a
 * thousand at a time and marked or removed by _bulk.  (_delete_by_query and
 * _update_by_query would do it in one request, but are modules that a cluster may
 * lack, ask for scripts, last for as long as there are rows, and know no fence:
 * here a document that a later run wrote meanwhile is left alone.)
 */

enum sweep_state { SWEEP_REFRESH, SWEEP_TOTAL, SWEEP_STALE, SWEEP_FIND,
    SWEEP_WRITE, SWEEP_DONE };

static const char * const state_names[] = { "refresh", "total", "stale",
    "find", "write", "done" };

#define ROUND 1000
#define LINES_MAX ((size_t)16 << 20)

struct elastic_sweep {
	struct elastic_writer * w;
	enum sweep_state state;
	enum writer_sweep_how how;
	double max_ratio;
	uint64_t total, stale;
	uint64_t n;             /* changed so far */
	uint64_t changed, busy; /* of the present round */
	struct buf lines;
	struct elastic_answer answer;
	struct elastic_call * call;
	struct elastic_retry retry;
	struct soon soon;
	struct err err;
	int is_bad;             /* an item's error that ends it */
	writer_sweep_cb * cb;
	void * arg;
};

static void step(void * arg);

/* The one place where the state changes. */
static void
enter(struct elastic_sweep * s, enum sweep_state to)
{
	log_event(LOG_DEBUG, "elastic_sweep",
	    LOG_S("index", s->w->spec.table),
	    LOG_S("from", state_names[s->state]), LOG_S("to", state_names[to]));
	s->state = to;
}

void
elastic_sweep_cancel(struct elastic_sweep * s)
{
	if (s == NULL)
		return;
	elastic_call_cancel(s->call);
	elastic_retry_end(&s->retry);
	loop_soon_cancel(s->w->el->o.loop, &s->soon);
	buf_free(&s->lines);
	free(s);
}

static void
finish(struct elastic_sweep * s, const struct err * e)
{
	struct err copy;
	writer_sweep_cb * cb = s->cb;
	void * arg = s->arg;
	uint64_t n = s->n;

	if (e != NULL)
		copy = *e;
	s->w->sweep = NULL;
	elastic_sweep_cancel(s);
	cb(arg, n, e != NULL ? &copy : NULL);
}

static void
on_given_up(void * arg)
{
	struct elastic_sweep * s = arg;

	finish(s, &s->err);
}

/* After s->err: this step again later, or the end.  From callbacks only. */
static void
failed(struct elastic_sweep * s)
{
	struct elastic * el = s->w->el;

	if (elastic_retry_wait(&s->retry, el->o.loop, el->o.retry_ms, &s->err,
	    step, s) == 0)
		return;
	err_prefix(&s->err, "index %s: %s rows that are gone",
	    s->w->spec.table, s->how == SWEEP_MARK ? "marking" : "removing");
	finish(s, &s->err);
}

static void
go(struct elastic_sweep * s, enum sweep_state to)
{
	enter(s, to);
	step(s);
}

/* Rows of this sync; ${stale}: that this run did not write. */
static int
add_query(struct elastic_sweep * s, int stale)
{
	const struct writer_spec * spec = &s->w->spec;
	struct buf * b = &s->lines;

	buf_adds(b, "{\"query\":{\"bool\":{\"filter\":[{\"term\":"
	    "{\"moltler.sync\":");
	buf_add_json_str(b, spec->sync, strlen(spec->sync));
	buf_adds(b, "}}");
	if (stale)
		buf_addf(b, ",{\"range\":{\"moltler.fence\":{\"lt\":%lld}}}",
		    (long long)spec->fence);
	buf_adds(b, "]");
	if (s->how == SWEEP_MARK)
		buf_adds(b, ",\"must_not\":[{\"exists\":{\"field\":"
		    "\"moltler.deleted_at\"}}]");
	return (buf_adds(b, "}}"));
}

static void
compare_ratio(struct elastic_sweep * s)
{
	const struct elastic_writer * w = s->w;

	if (s->stale == 0) {
		finish(s, NULL);
		return;
	}
	if ((double)s->stale > s->max_ratio * (double)s->total) {
		err_set(&s->err, ERR_PERMANENT, "delete_ratio", "index %s: "
		    "%llu of %llu rows of %s are no longer at the service, "
		    "more than the %.3g that may be %s at once; nothing was "
		    "done. Look at the service, or raise delete_ratio",
		    w->spec.table, (unsigned long long)s->stale,
		    (unsigned long long)s->total, w->spec.sync, s->max_ratio,
		    s->how == SWEEP_MARK ? "marked" : "removed");
		finish(s, &s->err);
		return;
	}
	go(s, SWEEP_FIND);
}

static int
add_line(struct elastic_sweep * s, const json_t * hit, const char * when)
{
	const char * id = json_str(hit, "_id"), * index = json_str(hit, "_index");
	struct buf * b = &s->lines;

	if (id == NULL || index == NULL)
		return (-1);
	buf_addf(b, "{\"%s\":{\"_index\":",
	    s->how == SWEEP_MARK ? "update" : "delete");
	buf_add_json_str(b, index, strlen(index));
	buf_adds(b, ",\"_id\":");
	buf_add_json_str(b, id, strlen(id));
	if (s->how == SWEEP_REMOVE)
		return (buf_addf(b, ",\"version\":%lld,\"version_type\":"
		    "\"external_gte\"}}\n",
		    (long long)elastic_doc_version(s->w->doc)));
	return (buf_addf(b, ",\"if_seq_no\":%lld,\"if_primary_term\":%lld}}\n"
	    "{\"doc\":{\"moltler\":{\"deleted_at\":\"%s\"}}}\n",
	    (long long)json_int(hit, "_seq_no", -1),
	    (long long)json_int(hit, "_primary_term", -1), when));
}

static void
on_found(struct elastic_sweep * s, const json_t * body)
{
	const json_t * hits = json_object_get(json_object_get(body, "hits"),
	    "hits");
	char when[RFC3339_LEN];
	size_t i;

	if (!json_is_array(hits)) {
		err_set(&s->err, ERR_TRANSIENT, "search_answer",
		    "the answer to _search is none");
		failed(s);
		return;
	}
	if (json_array_size(hits) == 0) {
		finish(s, NULL);
		return;
	}
	rfc3339_format(clock_wall_ms(), when);
	buf_clear(&s->lines);
	for (i = 0; i < json_array_size(hits); i++)
		if (add_line(s, json_array_get(hits, i), when)) {
			err_set(&s->err, ERR_PERMANENT, "search_answer",
			    "a hit of _search cannot be written");
			failed(s);
			return;
		}
	go(s, SWEEP_WRITE);
}

/* From within the transfer: only counts. */
static void
on_item(void * arg, const struct elastic_item * it)
{
	struct elastic_sweep * s = arg;

	if (it->status >= 200 && it->status <= 299) {
		s->changed++;
	} else if (it->status == 429 || it->status >= 500 ||
	    strcmp(it->type, "cluster_block_exception") == 0) {
		s->busy++;
	} else if (it->status != 409 && it->status != 404) {
		/* What was written or removed by another meanwhile is fine. */
		s->is_bad = 1;
		err_set(&s->err, ERR_CONFIG, "target", "%d, %s: %.200s",
		    it->status, it->type, it->reason);
	}
}

static int
on_data(void * arg, const char * p, size_t n)
{
	struct elastic_sweep * s = arg;

	elastic_answer_feed(&s->answer, p, n);
	return (0);
}

static void
on_written(struct elastic_sweep * s)
{
	if (s->is_bad) {
		failed(s);
		return;
	}
	s->n += s->changed;
	/* Back to looking: what was busy, or of an answer cut short, is found
	 * again. */
	enter(s, SWEEP_FIND);
	if (s->busy > 0 || !elastic_answer_ok(&s->answer)) {
		err_set(&s->err, ERR_TRANSIENT, "busy", "the cluster is busy");
		failed(s);
	} else if (s->changed == 0) {
		/* All of them belong to somebody else now. */
		finish(s, NULL);
	} else {
		elastic_retry_well(&s->retry);
		step(s);
	}
}

static void
on_body(struct elastic_sweep * s, const struct http_res * res)
{
	json_t * body;

	body = json_parse(res->body, res->body_len, "the answer", &s->err);
	if (body == NULL) {
		failed(s);
		return;
	}
	elastic_retry_well(&s->retry);
	switch (s->state) {
	case SWEEP_REFRESH:
		go(s, SWEEP_TOTAL);
		break;
	case SWEEP_TOTAL:
		s->total = (uint64_t)json_int(body, "count", 0);
		go(s, SWEEP_STALE);
		break;
	case SWEEP_STALE:
		s->stale = (uint64_t)json_int(body, "count", 0);
		compare_ratio(s);
		break;
	case SWEEP_FIND:
		on_found(s, body);
		break;
	case SWEEP_WRITE:
	case SWEEP_DONE:
		break;
	}
	json_decref(body);
}

static void
on_answer(void * arg, const struct http_res * res, const struct err * e)
{
	struct elastic_sweep * s = arg;

	s->call = NULL;
	if (e != NULL) {
		s->err = *e;
		failed(s);
	} else if (res->status < 200 || res->status > 299) {
		elastic_err(&s->err, res, state_names[s->state]);
		failed(s);
	} else if (s->state == SWEEP_WRITE) {
		on_written(s);
	} else {
		on_body(s, res);
	}
}

/* The lines of SWEEP_WRITE are there already. */
static int
make_body(struct elastic_sweep * s)
{
	struct buf * b = &s->lines;

	if (s->state == SWEEP_WRITE)
		return (b->failed ? -1 : 0);
	buf_clear(b);
	if (s->state == SWEEP_REFRESH)
		return (0);
	if (add_query(s, s->state != SWEEP_TOTAL))
		return (-1);
	if (s->state == SWEEP_FIND)
		buf_addf(b, ",\"size\":%d,\"_source\":false,"
		    "\"seq_no_primary_term\":true,\"track_total_hits\":false,"
		    "\"sort\":[\"_doc\"]", ROUND);
	return (buf_addc(b, '}'));
}

static const char *
path_end(const struct elastic_sweep * s)
{
	switch (s->state) {
	case SWEEP_REFRESH:
		return ("/_refresh");
	case SWEEP_TOTAL:
	case SWEEP_STALE:
		return ("/_count");
	case SWEEP_WRITE:
		return ("/_bulk?refresh=true&filter_path=errors,"
		    "items.*.status,items.*.error");
	case SWEEP_FIND:
	case SWEEP_DONE:
		break;
	}
	return ("/_search?allow_partial_search_results=false");
}

static void
step(void * arg)
{
	struct elastic_sweep * s = arg;
	struct elastic_writer * w = s->w;
	struct buf path = BUF_INIT(4096);
	struct elastic_ask a;

	memset(&a, 0, sizeof(a));
	a.method = "POST";
	if (make_body(s) == 0 && buf_addc(&path, '/') == 0 &&
	    elastic_path_add(&path, w->spec.table) == 0 &&
	    buf_adds(&path, path_end(s)) == 0) {
		a.path = path.p;
		a.body = s->lines.len > 0 ? s->lines.p : NULL;
		a.body_len = s->lines.len;
		a.body_stays = 1;
		if (s->state == SWEEP_WRITE) {
			a.ctype = "application/x-ndjson";
			a.on_data = on_data;
			elastic_answer_begin(&s->answer, on_item, s);
			s->changed = s->busy = 0;
			s->is_bad = 0;
		}
		s->call = elastic_call(w->el, &a, on_answer, s);
	}
	buf_free(&path);
	if (s->call != NULL)
		return;
	err_nomem(&s->err, "a request to Elasticsearch");
	loop_soon(w->el->o.loop, &s->soon, on_given_up, s);
}

struct elastic_sweep *
elastic_sweep_start(struct elastic_writer * w, enum writer_sweep_how how,
    double max_ratio, writer_sweep_cb * cb, void * arg)
{
	struct elastic_sweep * s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	s->w = w;
	s->how = how;
	s->max_ratio = max_ratio;
	s->lines.max = LINES_MAX;
	s->cb = cb;
	s->arg = arg;
	step(s);
	return (s);
}
