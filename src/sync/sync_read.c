/* A leg's SELECT, and its rows on their way into the writer. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "sync/sync_run_internal.h"

#define DEADLINE_MS INT64_C(86400000)
/* How often the cursor moves while a run goes on. */
#define STEP_US INT64_C(5000000)
#define STEP_PAGES 50
/* How long rows of a slow service wait for a full batch. */
#define LINGER_US INT64_C(1000000)
/* Rows between two looks at the clock. */
#define ROWS_A_LOOK 16

static int start_query(struct sync_leg *, struct err *);

static void
lookup(void * arg, const char * schema, const char * table,
    struct query_table * out)
{
	struct sync_leg * l = arg;

	if (schema == NULL || strcasecmp(schema, l->r->c->name) != 0 ||
	    strcasecmp(table, l->ent->name) != 0)
		return;
	out->found = 1;
	out->c = l->r->c;
	out->ent = l->ent;
}

static size_t
names(void * arg, const char ** out, size_t n)
{
	struct sync_leg * l = arg;

	if (n > 0)
		out[0] = l->ent->name;
	return (n > 0);
}

/* How the service would be asked. */
static void
on_scan(void * arg, const struct query_scan * s)
{
	struct sync_leg * l = arg;

	if (l->probing == 3)
		return;
	if (l->probing == 2)
		l->probe_desc = s->ordered;
	else
		sync_plan_probed(l, s);
}

/* ---- parts ---- */

static void
on_part(void * arg, uint64_t hash, const json_t * in)
{
	struct sync_leg * l = arg;

	l->nparts += !l->cu.fills;
	sync_leg_but_listed(l, hash, in);
	if (l->toks_whole)
		sync_tokens_all(&l->toks, hash);
	/* Each window has the same. */
	if (l->has_cursor && !l->cu.fills && l->win.count == 0)
		sync_parts_note(&l->parts, hash, in);
}

static void
on_left(void * arg, uint64_t hash, const json_t * in)
{
	struct sync_leg * l = arg;

	l->left++;
	sync_leg_but_left(l, hash, in);
	if (l->by_part && l->cu.fills)
		sync_leg_fill_left(l, hash);
	if (l->by_part)
		sync_tokens_left(&l->toks, hash);
	else if (l->has_cursor)
		sync_parts_left(&l->parts, hash);
}

/* Whether a part has to be read that was not there before: its statement begins. */
static int
fill_part(struct sync_leg * l, struct err * e)
{
	const json_t * in;
	int rc;

	if (l->by_part && l->cu.fills && !sync_leg_token_cut(l))
		sync_leg_fill_ended(l);
	if (l->by_part && !l->cancelled) {
		if ((rc = sync_leg_token_fill(l)) < 0)
			return (err_nomem(e, "a statement"));
		if (rc == 0)
			return (0);
		l->before = l->st;
		l->cu.fills = 1;
		return (start_query(l, e) ? -1 : 1);
	}
	if (!l->has_cursor || l->reads_all || l->stopped || l->cancelled ||
	    (in = sync_parts_fresh(&l->parts)) == NULL)
		return (0);
	l->before = l->st;
	l->cu.fills = 1;
	if (sync_plan_fill(l, in))
		return (err_nomem(e, "a statement"));
	return (start_query(l, e) ? -1 : 1);
}

/* ---- rows ---- */

/* What the statements so far have used; those that read parts whole say nothing
 * of the list. */
static void
take_stats(struct sync_leg * l, const struct read_stats * st)
{
	const struct read_stats * was = &l->before;

	l->st = *st;
	l->lacks_now = st->short_of;
	if (st->skipped > l->left && st->skipped - l->left > l->lacks)
		l->lacks = st->skipped - l->left;
	if (!l->cu.fills && l->win.count == 0)
		return;
	l->st.calls += was->calls;
	l->st.pages += was->pages;
	l->st.rows += was->rows;
	l->st.bytes += was->bytes;
	l->st.not_modified += was->not_modified;
	l->st.retries += was->retries;
	l->st.waited_ms += was->waited_ms;
	l->st.unordered += was->unordered;
	l->st.unchanged += was->unchanged;
	l->st.total = was->total;
	l->st.first_ms = was->first_ms;
	if (was->short_of > l->st.short_of)
		l->st.short_of = was->short_of;
	if (was->skipped < l->st.skipped)
		return;
	l->st.skipped = was->skipped;
	memcpy(l->st.skipped_why, was->skipped_why, sizeof(was->skipped_why));
}

static void
flush(struct sync_leg * l, int64_t now_us)
{
	l->flush_us = now_us;
	if (l->w != NULL && l->is_ready && !l->writer_failed)
		writer_flush(l->w);
}

static void
take_step(struct sync_leg * l)
{
	struct sync_step * s = &l->step;

	if (l->has_cursor) {
		if (!sync_cursor_step(&l->cu, l->st.first_ms, &s->point))
			return;
	} else if (!l->by_part) {
		json_decref(s->token);
		s->token = json_incref(l->token);
	}
	s->set = 1;
	s->rows = l->given;
	l->step_us = clock_mono_us();
	l->pages = 0;
	/* Or it would wait until a batch is full. */
	flush(l, l->step_us);
}

/* A window was read whole: the cursor moves to its end once the rows are there.  Not
 * behind parts that are missing: only the end of a run keeps what these are.  Nor of a
 * counter that parts share: the first may have had a number since, that the last one
 * was read behind. */
static void
note_window(struct sync_leg * l)
{
	struct sync_step * s = &l->step;

	if (l->st.skipped > 0 || l->st.short_of > 0 || l->cu.all ||
	    (s->set && l->acked < s->rows) || (l->parts.nseen > 1 &&
	    l->cu.col->type != COLUMN_TIMESTAMP))
		return;
	s->point = l->cu.seen;
	if (l->cu.stored.has && s->point.v <= l->cu.stored.v)
		return;
	s->set = 1;
	s->rows = l->given;
	l->step_us = clock_mono_us();
	l->pages = 0;
	flush(l, l->step_us);
}

/* The next window's statement begins; 0: there is none. */
static int
next_window(struct sync_leg * l, struct err * e)
{
	if (!l->has_cursor || l->cu.fills || l->stopped || l->cancelled ||
	    l->writer_failed || !sync_window_next(&l->win, &l->cu, l->seen,
	    l->st.first_ms))
		return (0);
	note_window(l);
	sync_run_soon(l->r);
	l->before = l->st;
	return (start_query(l, e) ? -1 : 1);
}

static int
is_step_due(const struct sync_leg * l, int64_t now_us)
{
	return (!l->step.set && (l->pages >= STEP_PAGES ||
	    now_us - l->step_us >= STEP_US));
}

static void
on_mark(void * arg, const json_t * token)
{
	struct sync_leg * l = arg;
	int64_t now = clock_mono_us();

	l->pages++;
	if (now - l->flush_us >= LINGER_US)
		flush(l, now);
	if (l->has_cursor || l->cancelled)
		return;
	if (l->by_part) {
		if (l->cu.fills && !sync_leg_token_cut(l))
			sync_leg_fill_mark(l, token);
		if (is_step_due(l, now))
			take_step(l);
		if (l->step.set && l->acked >= l->step.rows)
			sync_run_soon(l->r);
		return;
	}
	json_decref(l->token);
	l->token = json_deep_copy(token);
	l->token_rows = l->given;
	if (l->token != NULL && is_step_due(l, now))
		take_step(l);
	if (l->step.set && l->acked >= l->step.rows)
		sync_run_soon(l->r);
}

/* What may be done only every few rows; nonzero: no more rows. */
static int
look(struct sync_leg * l)
{
	int64_t now = clock_mono_us();

	if (!sync_lease_ok(l->r))
		return (1);
	if (l->has_cursor && l->cu.steps && is_step_due(l, now))
		take_step(l);
	else if (now - l->flush_us >= LINGER_US)
		flush(l, now);
	return (0);
}

static void
fill(struct value * to, const struct query_value * from)
{
	switch (from->type) {
	case QUERY_NULL:
		to->type = VALUE_NULL;
		break;
	case QUERY_INT:
		to->type = VALUE_INT;
		to->i = from->i;
		break;
	case QUERY_REAL:
		to->type = VALUE_REAL;
		to->d = from->d;
		break;
	case QUERY_TEXT:
	case QUERY_BLOB:
		to->type = VALUE_TEXT;
		to->s = from->s;
		to->len = (uint32_t)from->len;
		break;
	}
}

static int
on_row(void * arg, size_t n, const struct query_value * v)
{
	struct sync_leg * l = arg;
	size_t i;

	if (l->probing)
		return (0);
	/* What still comes after an end is not written. */
	if (l->cancelled || l->stopped || l->w == NULL || l->writer_failed ||
	    n != l->ncols)
		return (0);
	if (l->seen++ % ROWS_A_LOOK == 0 && look(l))
		return (0);
	for (i = 0; i < n; i++)
		fill(&l->row[i], &v[i]);
	if (l->by_value && l->has_part)
		switch (sync_cursor_row(&l->cu, l->cols, l->row, n)) {
		case SYNC_ROW_WRITE:
			break;
		case SYNC_ROW_SKIP:
			return (0);
		case SYNC_ROW_STOP:
			l->enough = 1;
			return (0);
		}
	if (l->has_cursor)
		switch (sync_cursor_row(&l->cu, l->cols, l->row, n)) {
		case SYNC_ROW_WRITE:
			break;
		case SYNC_ROW_SKIP:
			return (0);
		case SYNC_ROW_STOP:
			l->stopped = 1;
			query_cancel(l->q);
			return (0);
		}
	if (l->given++ == 0)
		sync_commit_writes(l);
	l->is_full = writer_row(l->w, l->row) != 0;
	return (l->is_full);
}

static void
on_progress(void * arg, const struct query_stats * st)
{
	struct sync_leg * l = arg;

	if (l->probing)
		return;
	take_stats(l, &st->api);
	if (l->st.unordered > 0)
		l->cu.disordered = 1;
	sync_run_moved(l->r);
}

static void
finish(struct sync_leg * l, const struct err * e)
{
	l->ended = 1;
	if (e != NULL && !l->stopped) {
		l->failed = 1;
		l->e = *e;
	}
	sync_run_soon(l->r);
}

static void
on_done(void * arg, const struct query_stats * st, const struct err * e)
{
	struct sync_leg * l = arg;
	struct err why;
	int rc = 0;

	l->q = NULL;
	if (l->probing == 0) {
		take_stats(l, &st->api);
		if (e != NULL && sync_leg_fill_lost(l, e)) {
			l->before = l->st;
			if (start_query(l, &why))
				finish(l, &why);
			return;
		}
		if (e == NULL && (rc = next_window(l, &why)) == 0)
			rc = fill_part(l, &why);
		if (e == NULL && rc != 0) {
			if (rc < 0)
				finish(l, &why);
			return;
		}
		finish(l, e);
		return;
	}
	if (l->probing == 3) {
		l->probing = 0;
		/* What is told may fit no list that has a token. */
		if (e != NULL && strcmp(e->code, "input") == 0 &&
		    !l->cancelled) {
			if (sync_leg_by_value(l, l->own, &why) ||
			    sync_read_start(l, &why))
				finish(l, &why);
			return;
		}
		if (e == NULL && !l->cancelled && start_query(l, &why) == 0)
			return;
		finish(l, e != NULL ? e : &why);
		return;
	}
	/* Newest first is asked about only where the other will not do. */
	if (l->probing == 1 && e == NULL &&
	    !(l->probe_filtered && l->probe_ordered))
		l->probing = 2;
	else
		l->probing = 0;
	if (e == NULL && !l->cancelled && start_query(l, &why) == 0)
		return;
	l->probing = 0;
	finish(l, e != NULL ? e : &why);
}

/* Only where OPTIONS say so: a sync is not a statement that somebody mistyped.  What
 * the run's earlier statements used counts; 0: nothing is left. */
static uint64_t
max_calls(const struct sync_leg * l)
{
	int64_t most = l->r->c->opt.max_api_calls;
	uint64_t used = l->win.count > 0 || l->cu.fills ? l->before.calls : 0;

	if (most <= 0)
		return (UINT64_MAX);
	return ((uint64_t)most > used ? (uint64_t)most - used : 0);
}

static int
start_query(struct sync_leg * l, struct err * e)
{
	struct sync_run * r = l->r;
	uint64_t calls = max_calls(l);
	struct query_sink sink = { .row = on_row, .done = on_done, .arg = l,
	    .progress = on_progress, .scan = on_scan };

	if (l->cancelled)
		return (err_set(e, ERR_CANCELLED, "cancelled",
		    "the run was cancelled"));
	if (calls == 0)
		return (err_set(e, ERR_PERMANENT, "max_api_calls", "%s.%s: the "
		    "run has used its API calls", r->c->name, l->ent->name));
	if (l->probing == 3) {
		if (sync_plan_all(l))
			return (err_nomem(e, "a statement"));
	} else if (l->probing != 0) {
		if (sync_plan_probe(l, l->probing == 2))
			return (err_nomem(e, "a statement"));
	} else if (!l->cu.fills && sync_plan_sql(l, e))
		return (-1);
	memset(&l->opts, 0, sizeof(l->opts));
	l->opts.conn = r->env->conn;
	l->opts.deadline_ms = DEADLINE_MS;
	l->opts.max_memory = r->env->query_memory;
	l->opts.max_calls = calls;
	l->opts.explain = l->probing != 0;
	l->sync.by_token = l->by_part && !l->by_value && !l->cu.fills;
	l->sync.cursors = l->by_part && !l->cu.fills && l->probing == 0 ?
	    &l->cursors : NULL;
	if (l->probing == 3)
		l->opts.sync = &l->sync;
	if (l->probing == 0) {
		l->sync.mark = on_mark;
		l->sync.part = on_part;
		l->sync.left = on_left;
		l->left = 0;
		l->sync.is_part = l->cu.fills && !l->toks_whole;
		if (l->cu.fills)
			l->sync.restart = NULL;
		sync_etag_begin(l);
		l->sync.arg = l;
		l->sync.resume = l->resumed ? l->resume : NULL;
		if (l->by_part && l->cu.fills)
			sync_leg_fill_begin(l);
		l->opts.sync = &l->sync;
	}
	l->step_us = l->flush_us = clock_mono_us();
	l->q = query_start(r->env->loop, l->sql.p, l->sql.len, &l->cat,
	    &l->opts, &sink, e);
	return (l->q == NULL ? -1 : 0);
}

int
sync_read_start(struct sync_leg * l, struct err * e)
{
	l->cat.lookup = lookup;
	l->cat.names = names;
	l->cat.arg = l;
	l->ended = l->failed = 0;
	l->resumed = !l->has_cursor && l->resume != NULL;
	sync_plan_begin(l);
	l->probing = sync_plan_probes(l) ? 1 : 0;
	if (l->by_part && !l->by_value && l->r->d->where != NULL)
		l->probing = 3;
	if (l->has_cursor && !l->probing && sync_plan_choose(l, e))
		return (-1);
	return (start_query(l, e));
}

void
sync_read_stop(struct sync_leg * l)
{
	if (l->cancelled)
		return;
	l->cancelled = 1;
	query_cancel(l->q);
}
