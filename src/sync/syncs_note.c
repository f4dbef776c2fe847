#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/rfc3339.h"
#include "sync/syncs_internal.h"

/*
 * What is known of a sync's runs.  It is in the state (moltler:status:<id>), for
 * whoever runs it next; the daemon that runs it keeps it in mind.
 */

/* A sync that runs more often than this writes no event for each run that is as
 * the one before. */
#define EVENT_EVERY_MS 300000

static void
set_text(char ** to, const char * s)
{
	free(*to);
	*to = s != NULL && *s != '\0' ? strdup(s) : NULL;
}

/* ---- reading ---- */

static int
verdict_of(const char * name)
{
	int v;

	for (v = SYNC_COMPLETE; name != NULL && v <= SYNC_FAILED; v++)
		if (strcmp(sync_verdict_name((enum sync_verdict)v), name) == 0)
			return (v);
	return (-1);
}

static void
note_status(struct syncs_entry * en, const json_t * v)
{
	en->last_run_at = json_time(v, "last_run_at");
	en->last_success_at = json_time(v, "last_success_at");
	en->rows = json_int(v, "last_rows", 0);
	en->rejected = json_int(v, "last_rejected", 0);
	en->deleted = json_int(v, "last_deleted", 0);
	en->took_ms = json_int(v, "last_took_ms", 0);
	en->runs = json_int(v, "runs", 0);
	en->fence = json_int(v, "run", 0);
	en->verdict = verdict_of(json_str(v, "verdict"));
	set_text(&en->reason, json_str(v, "reason"));
	set_text(&en->error, json_str(v, "last_error"));
}

/* The oldest of the legs' cursors that are times. */
static int64_t
oldest(const struct sync_def * d, const json_t * cursor)
{
	int64_t at, ms = 0;
	size_t i;

	for (i = 0; i < d->nentities; i++) {
		at = json_time(json_object_get(cursor, d->entities[i]), "value");
		if (at != 0 && (ms == 0 || at < ms))
			ms = at;
	}
	return (ms);
}

void
syncs_note_cursor(struct syncs_entry * en, const json_t * cursor)
{
	en->bucket = json_int(cursor, "bucket", INT64_MIN);
	en->cursor_ms = oldest(en->d, cursor);
}

struct ask {
	struct syncs * S;
	char id[];
};

static struct syncs_entry *
ask_entry(struct ask * a)
{
	struct syncs * S = a->S;
	struct syncs_entry * en;

	HASH_FIND(hh, S->by_id, a->id, strlen(a->id), en);
	free(a);
	S->ops--;
	S->asking--;
	if (en != NULL && en->asks > 0)
		en->asks--;
	return (en);
}

static void
answered(struct syncs * S, struct syncs_entry * en, const struct err * e)
{
	if (en != NULL && e != NULL) {
		en->known = SYNCS_UNKNOWN;
		en->retry_at = clock_wall_ms() + SYNCS_BEAT_MAX;
	}
	if (en != NULL && en->asks == 0) {
		if (en->known == SYNCS_ASKING) {
			en->known = SYNCS_KNOWN;
			en->retry_at = 0;
		}
		/* Whoever waits is told what is wrong by the run. */
		if (en->waits != NULL)
			syncs_ready(en);
		else
			syncs_arm(en);
	}
	syncs_maybe_stopped(S);
}

static void
on_cursor(void * arg, json_t * v, const struct err * e)
{
	struct syncs * S = ((struct ask *)arg)->S;
	struct syncs_entry * en = ask_entry(arg);

	if (en != NULL && e == NULL)
		syncs_note_cursor(en, v);
	answered(S, en, e);
}

/* Whether a run that began then would be in its node's list of what it runs.  When that
 * was made the node says, by the clock that told when the run began; an older version
 * does not. */
static int
is_seen(const struct syncs * S, const json_t * status, int64_t began)
{
	const char * node = json_str(status, "node");
	int64_t at;

	if (node == NULL || strcmp(node, S->node) == 0 ||
	    !syncs_nodes_lives(S, node))
		return (1);
	at = json_time(json_object_get(S->nodes, node), "at");
	return (at != 0 ? at > began : clock_wall_ms() - began >=
	    SYNCS_BEATS * S->beat_ms);
}

int64_t
syncs_note_unended(const struct syncs * S, const char * id,
    const json_t * status)
{
	int64_t began = json_time(status, "began_at");
	int64_t fence = json_int(status, "began_run", 0);

	/* By what was claimed: the clocks of two daemons may differ. */
	if (began == 0 || (fence != 0 ? fence <= json_int(status, "run", 0) :
	    began <= json_time(status, "last_run_at")) ||
	    syncs_nodes_holder(S, id) != NULL ||
	    !is_seen(S, status, began))
		return (0);
	return (began);
}

/* The next run is ours: then we say what became of the last; once, however often we
 * are started before there is one. */
static void
note_unended(struct syncs_entry * en, const json_t * status)
{
	int64_t began = syncs_note_unended(en->S, en->d->id, status);
	const char * node = json_str(status, "node");
	char at[RFC3339_LEN], detail[200];
	json_t * v;

	if (began == 0 || en->run != NULL || !en->mine ||
	    json_time(status, "unended_at") == began)
		return;
	rfc3339_format(began, at);
	snprintf(detail, sizeof(detail), "the run that began at %s on node "
	    "%.100s did not end", at, log_or_empty(node));
	log_event(LOG_WARN, "sync_interrupted", LOG_S("sync", en->d->id),
	    LOG_S("connector", en->d->connector), LOG_S("node", node),
	    LOG_S("began_at", at));
	syncs_note_event(en, "interrupted", detail);
	if ((v = json_pack("{s:s}", "unended_at", at)) != NULL)
		en->S->o.state->ops->status_put(en->S->o.state, en->d->id, v);
	json_decref(v);
}

static void
on_status(void * arg, json_t * v, const struct err * e)
{
	struct syncs * S = ((struct ask *)arg)->S;
	struct syncs_entry * en = ask_entry(arg);

	if (en != NULL && e == NULL) {
		note_status(en, v);
		note_unended(en, v);
	}
	answered(S, en, e);
}

static void
ask_one(struct syncs_entry * en, void (*what)(struct state *, const char *,
    state_cb *, void *), state_cb * cb)
{
	struct syncs * S = en->S;
	size_t n = strlen(en->d->id) + 1;
	struct ask * a = malloc(sizeof(*a) + n);

	if (a == NULL) {
		en->known = SYNCS_UNKNOWN;
		return;
	}
	a->S = S;
	memcpy(a->id, en->d->id, n);
	S->ops++;
	S->asking++;
	en->asks++;
	what(S->o.state, a->id, cb, a);
}

void
syncs_ask(struct syncs_entry * en)
{
	const struct state_ops * ops = en->S->o.state->ops;

	if (en->asks > 0)
		return;
	en->known = SYNCS_ASKING;
	ask_one(en, ops->cursor_get, on_cursor);
	ask_one(en, ops->status_get, on_status);
	if (en->asks == 0) { /* no memory */
		en->retry_at = clock_wall_ms() + SYNCS_BEAT_MAX;
		syncs_arm(en);
	}
}

/* ---- writing ---- */

void
syncs_note_event(struct syncs_entry * en, const char * event,
    const char * detail)
{
	char ts[RFC3339_LEN];
	json_t * v;

	rfc3339_format(clock_wall_ms(), ts);
	v = json_pack("{s:s, s:s, s:s}", "at", ts, "event", event, "detail",
	    detail ? detail : "");
	if (v != NULL)
		en->S->o.state->ops->event_add(en->S->o.state, en->d->id, v);
	json_decref(v);
}

json_t *
syncs_note_progress(const struct sync_progress * p)
{
	json_t * percent = json_null();

	if (p->total > 0)
		percent = json_real(p->rows >= (uint64_t)p->total ? 100 :
		    (double)(p->rows * 1000 / (uint64_t)p->total) / 10);
	return (json_pack("{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:o, s:o, "
	    "s:o, s:o}", "entity", json_opt_string(p->entity),
	    "entities_done", (json_int_t)p->legs_done,
	    "entities", (json_int_t)p->legs,
	    "pages", (json_int_t)p->pages, "calls", (json_int_t)p->calls,
	    "rows", (json_int_t)p->rows, "written", (json_int_t)p->written,
	    "rate", p->rate,
	    "total", p->total >= 0 ? json_integer(p->total) : json_null(),
	    "percent", percent, "started_at", json_opt_time(p->started_ms),
	    "last_progress_at", json_opt_time(p->last_progress_ms)));
}

static void
put_status(struct syncs_entry * en, int told)
{
	struct syncs * S = en->S;
	json_t * v = json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:s, s:I, "
	    "s:o, s:o}",
	    "verdict", sync_verdict_name((enum sync_verdict)en->verdict),
	    "last_run_at", json_opt_time(en->last_run_at),
	    "last_rows", (json_int_t)en->rows,
	    "last_rejected", (json_int_t)en->rejected,
	    "last_deleted", (json_int_t)en->deleted,
	    "last_took_ms", (json_int_t)en->took_ms,
	    "runs", (json_int_t)en->runs, "node", S->node,
	    "run", (json_int_t)en->fence,
	    "reason", json_opt_string(en->reason),
	    "last_error", json_opt_string(en->error));

	if (v == NULL)
		return;
	/* What we remember may be older than what another daemon told. */
	if (en->last_success_at != 0 && (en->verdict == SYNC_COMPLETE ||
	    !S->shared))
		json_object_set_new(v, "last_success_at",
		    json_opt_time(en->last_success_at));
	if (told)
		json_object_set_new(v, "progress", json_null());
	S->o.state->ops->status_put(S->o.state, en->d->id, v);
	json_decref(v);
}

static void
log_end(const struct syncs_entry * en, const struct syncs_run * run,
    const struct sync_result * r, int changed)
{
	int64_t ms = (clock_mono_us() - run->begun_us) / 1000;

	if (r->verdict == SYNC_FAILED) {
		log_event(changed ? LOG_WARN : LOG_DEBUG, "sync_failed",
		    LOG_S("sync", en->d->id),
		    LOG_S("connector", en->d->connector),
		    LOG_I("rows", r->p.written), LOG_I("duration_ms", ms),
		    LOG_E(&r->e));
		return;
	}
	log_event(r->verdict == SYNC_PARTIAL && changed ? LOG_WARN :
	    changed ? LOG_INFO : LOG_DEBUG, "sync_ok",
	    LOG_S("sync", en->d->id), LOG_S("connector", en->d->connector),
	    LOG_S("verdict", sync_verdict_name(r->verdict)),
	    LOG_S("reason", r->reason), LOG_I("bucket", run->bucket),
	    LOG_I("rows", r->p.written),
	    LOG_I("rejected", r->p.rejected), LOG_I("deleted", r->p.deleted),
	    LOG_I("duration_ms", ms));
}

static void
set_error(struct syncs_entry * en, const struct err * e)
{
	char text[sizeof(e->msg) + 32];

	/* The class first: what a person can do depends on it. */
	snprintf(text, sizeof(text), "%s: %s", err_class_name(e->cls), e->msg);
	set_text(&en->error, text);
}

static int
same(const char * a, const char * b)
{
	return (strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0);
}

/* Whether the run deserves an event: repeats of a busy schedule do not. */
static int
is_news(const struct syncs_entry * en, const struct syncs_run * run,
    int changed)
{
	const struct sync_def * d = en->d;

	return (changed || run->manual || (d->every_ms == 0 &&
	    d->schedule == NULL) || d->every_ms >= EVENT_EVERY_MS);
}

/* What a run says of the connector's service.  A target's failure is none of
 * it: the service's errors begin with what was asked. */
static void
note_connector(const struct syncs_entry * en, const struct sync_result * r)
{
	const char * name = en->d->connector;
	size_t n = strlen(name);

	if (r->verdict != SYNC_FAILED)
		runner_note(en->S->o.runner, name, NULL);
	else if (strncmp(r->e.msg, name, n) == 0 && r->e.msg[n] == '.')
		runner_note(en->S->o.runner, name, &r->e);
}

void
syncs_note_result(struct syncs_entry * en, const struct syncs_run * run,
    const struct sync_result * r)
{
	int cancelled = r->verdict == SYNC_FAILED &&
	    r->e.cls == ERR_CANCELLED, changed;
	char * was = en->verdict == SYNC_FAILED ? en->error : en->reason;
	char detail[sizeof(r->reason) + 64];
	json_t * v;

	if (r->verdict == SYNC_IDLE || cancelled) {
		/* It did not happen; but it may have told that it does. */
		if ((run->told || run->is_noted) && (v = json_pack("{s:n, s:n, s:I}",
		    "progress", "began_at", "began_run",
		    (json_int_t)r->fence)) != NULL) {
			en->S->o.state->ops->status_put(en->S->o.state,
			    en->d->id, v);
			json_decref(v);
		}
		log_event(LOG_DEBUG, r->verdict == SYNC_IDLE ? "sync_idle" :
		    "sync_cancelled", LOG_S("sync", en->d->id),
		    LOG_S("connector", en->d->connector));
		return;
	}
	was = was != NULL ? strdup(was) : NULL;
	changed = en->verdict != (int)r->verdict;
	en->verdict = (int)r->verdict;
	en->runs++;
	/* What could not be claimed comes before the next that is. */
	if (r->fence > 0)
		en->fence = r->fence;
	en->rows = (int64_t)r->p.written;
	en->rejected = (int64_t)r->p.rejected;
	en->deleted = (int64_t)r->p.deleted;
	en->took_ms = r->took_ms;
	if (r->cursor_ms != 0)
		en->cursor_ms = r->cursor_ms;
	if (r->verdict == SYNC_FAILED) {
		set_error(en, &r->e);
		set_text(&en->reason, r->reason[0] ? r->reason : r->e.msg);
		changed |= !same(was, en->error);
	} else {
		if (r->verdict == SYNC_COMPLETE)
			en->last_success_at = clock_wall_ms();
		set_text(&en->error, NULL);
		set_text(&en->reason, r->reason);
		changed |= !same(was, en->reason);
	}
	free(was);
	log_end(en, run, r, changed);
	/* Not after each run: that would be one more write of the state. */
	if (changed)
		note_connector(en, r);
	put_status(en, run->told);
	if (!is_news(en, run, changed))
		return;
	snprintf(detail, sizeof(detail), "%lld rows%s%s",
	    (long long)en->rows, en->reason ? ": " : "",
	    en->reason ? en->reason : "");
	syncs_note_event(en, sync_verdict_name(r->verdict), detail);
}
