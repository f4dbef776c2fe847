/* What a run says of itself: how far it is, and what came of it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "sync/sync_run_internal.h"

#define TELL_MS 200
#define RATE_MS 5000.0 /* what "lately" is */

/* ---- verdicts ---- */

/* What was cut may end within a character. */
static void
utf8_trim(char * s)
{
	s[utf8_check(s, strlen(s))] = '\0';
}

/* Of two failures the one that says more about what next. */
static int
is_graver(const struct err * a, const struct err * b)
{
	static const int rank[] = { [ERR_TRANSIENT] = 2, [ERR_PERMANENT] = 1,
	    [ERR_CONFIG] = 3, [ERR_CANCELLED] = 4 };

	return (rank[a->cls] > rank[b->cls]);
}

void
sync_run_verdict(struct sync_run * r, enum sync_verdict v,
    const struct err * e, const char * fmt, ...)
{
	struct sync_result * res = &r->res;
	size_t n = strlen(res->reason), size = sizeof(res->reason);
	va_list ap;

	if (v == SYNC_FAILED && (res->verdict != SYNC_FAILED ||
	    is_graver(e, &res->e)))
		res->e = *e;
	if (v > res->verdict)
		res->verdict = v;
	if (n + 8 > size)
		return;
	if (n > 0)
		n += (size_t)snprintf(res->reason + n, size - n, "; ");
	if (r->leg != NULL && r->d->nentities > 1) {
		snprintf(res->reason + n, size - n, "%.60s: ",
		    r->leg->ent->name);
		n = strlen(res->reason);
	}
	va_start(ap, fmt);
	vsnprintf(res->reason + n, size - n, fmt, ap);
	va_end(ap);
	utf8_trim(res->reason);
}

void
sync_run_fail(struct sync_run * r, const struct err * e)
{
	struct sync_result * res = &r->res;

	sync_run_soon(r);
	if (res->verdict == SYNC_FAILED && res->e.cls == ERR_CANCELLED)
		return;
	res->verdict = SYNC_FAILED;
	res->e = *e;
	snprintf(res->reason, sizeof(res->reason), "%.380s", e->msg);
	utf8_trim(res->reason);
	r->is_over = 1;
}

/* ---- progress ---- */

void
sync_run_progress(const struct sync_run * r, struct sync_progress * p)
{
	const struct sync_leg * l = r->leg;
	struct writer_stats st;
	uint64_t not_written;

	*p = r->sum;
	p->legs = r->d->nentities;
	if (l == NULL)
		return;
	memset(&st, 0, sizeof(st));
	st.rejected = l->rejected;
	st.gone = l->gone;
	if (l->w != NULL)
		writer_stats(l->w, &st);
	p->entity = l->ent->name;
	p->pages += l->st.pages;
	p->calls += l->st.calls;
	p->retries += l->st.retries;
	p->rows += l->seen;
	not_written = st.rejected + st.gone;
	p->written += l->acked > not_written ? l->acked - not_written : 0;
	p->rejected += st.rejected;
	p->deleted += l->deleted + st.gone;
	p->total = l->st.total;
}

void
sync_run_tell(void * arg)
{
	struct sync_run * r = arg;
	struct sync_progress p;

	sync_run_progress(r, &p);
	r->progress(r->arg, &p);
}

/* The rate forgets with time; a run that is young has nothing to forget, and its
 * rate is the mean so far. */
static void
note_rate(struct sync_run * r)
{
	int64_t now = clock_mono_us();
	double ms = (double)(now - r->told_us) / 1000, part, young;
	struct sync_progress p;

	if (ms < TELL_MS)
		return;
	sync_run_progress(r, &p);
	part = ms / (ms + RATE_MS);
	young = ms / ((double)(now - r->begun_us) / 1000);
	if (part < young)
		part = young;
	r->sum.rate += part * ((double)(p.written - r->told_rows) * 1000 / ms -
	    r->sum.rate);
	r->told_us = now;
	r->told_rows = p.written;
}

void
sync_run_moved(struct sync_run * r)
{
	r->sum.last_progress_ms = clock_wall_ms();
	note_rate(r);
	if (r->teller != NULL && !loop_timer_pending(r->teller))
		loop_timer_start(r->teller, TELL_MS);
}

const char *
sync_verdict_name(enum sync_verdict v)
{
	static const char * const names[] = { "complete", "partial", "failed",
	    "idle" };

	return (names[v]);
}
