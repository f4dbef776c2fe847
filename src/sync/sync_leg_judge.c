/* What came of an entity's leg, for the run's verdict. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/rfc3339.h"
#include "sync/sync_run_internal.h"

static int
is_cap(const struct err * e)
{
	return (strcmp(e->code, "max_rows") == 0 ||
	    strcmp(e->code, "page_cap") == 0 ||
	    strcmp(e->code, "max_pages") == 0);
}

/* Whether the next run gets further than this one. */
static int
goes_on(struct sync_leg * l)
{
	struct sync_point p;

	if (l->by_part && l->cu.fills) {
		sync_leg_fill_acked(l);
		return (l->fill_moved || l->toks.kept > 0);
	}
	if (l->by_part)
		return (l->toks.kept > 0 || l->toks.nwait > l->toks.wait_at);
	if (!l->has_cursor)
		return (l->token != NULL && !(l->resumed &&
		    json_equal(l->token, l->resume)));
	return (l->moved || l->parts.filled > 0 ||
	    sync_cursor_step(&l->cu, l->st.first_ms, &p));
}

/* Whether the parts that are asked what changed leave nothing of the calls. */
static int
takes_all(const struct sync_leg * l)
{
	uint64_t calls = l->cu.fills ? l->before.calls : l->st.calls;

	return (l->by_part && l->nparts > 1 && (l->cu.fills ? !l->fill_moved :
	    calls < 2 * l->nparts));
}

/* It may ask no more often.  What to do depends on whether the next run ends. */
static void
judge_calls(struct sync_leg * l)
{
	struct sync_run * r = l->r;
	int on = goes_on(l);
	char what[160];

	if (takes_all(l))
		snprintf(what, sizeof(what), "each of its parts, of which there "
		    "are at least %zu, takes one in each run: raise "
		    "max_api_calls in OPTIONS", l->nparts);
	else if (on)
		snprintf(what, sizeof(what), "the next one goes on from there, "
		    "or raise max_api_calls in OPTIONS");
	else if (l->st.total > (int64_t)l->seen && l->seen > 0)
		snprintf(what, sizeof(what), "no run gets further with so few: "
		    "raise max_api_calls in OPTIONS to at least %lld",
		    (long long)((double)l->st.calls * (double)l->st.total /
		    (double)l->seen) + 2);
	else
		snprintf(what, sizeof(what), "no run gets further with so few: "
		    "raise max_api_calls in OPTIONS");
	sync_run_verdict(r, SYNC_PARTIAL, NULL, "cap: %s.%s: the run has used "
	    "its %lld API calls (max_api_calls); %s", r->c->name, l->ent->name,
	    (long long)r->c->opt.max_api_calls, what);
}

static void
judge_read(struct sync_leg * l)
{
	struct sync_run * r = l->r;
	struct err e = l->e;

	if (strcmp(e.code, "max_api_calls") == 0) {
		judge_calls(l);
		return;
	}
	if (is_cap(&e)) {
		sync_run_verdict(r, SYNC_PARTIAL, NULL, "cap: %s", e.msg);
		return;
	}
	sync_run_verdict(r, SYNC_FAILED, &e, "%s", e.msg);
	/* Who is refused once is refused for all; but what an entity was not
	 * told is its own. */
	if (e.cls == ERR_CONFIG && strcmp(e.code, "input") != 0)
		r->is_over = 1;
}

/* The service tells nothing any more of what happened then. */
static void
judge_gap(struct sync_leg * l)
{
	char from[RFC3339_LEN], to[RFC3339_LEN];

	rfc3339_format(l->win.gap_from, from);
	rfc3339_format(l->win.gap_to, to);
	sync_run_verdict(l->r, SYNC_PARTIAL, NULL, "what changed from %s to %s "
	    "is lost: the service keeps it for %lld days, and the last run "
	    "is longer ago", from, to,
	    (long long)(l->win.keeps / 86400000));
}

static void
judge_writer(struct sync_leg * l)
{
	struct sync_run * r = l->r;
	struct err e = l->writer_e;

	if (strcmp(e.code, "fenced") == 0) {
		e.cls = ERR_TRANSIENT;
		r->is_lost = 1;
		sync_run_fail(r, &e);
		return;
	}
	sync_run_verdict(r, SYNC_FAILED, &e, "%s", e.msg);
	/* Who is away is away for the other entities too. */
	if (e.cls != ERR_PERMANENT)
		r->is_over = 1;
}

static void
judge_rejected(struct sync_leg * l, const struct writer_stats * st)
{
	char table[300];

	if (sync_def_table(l->r->d, l->ent->name, table, sizeof(table)))
		table[0] = '\0'; /* it would not have begun */
	sync_run_verdict(l->r, SYNC_PARTIAL, NULL, "%llu row%s rejected "
	    "(%s-rejected has %s): %s", (unsigned long long)st->rejected,
	    st->rejected == 1 ? "" : "s", table,
	    st->rejected == 1 ? "it" : "them", st->reject_why);
}

int
sync_leg_judge(struct sync_leg * l)
{
	struct sync_run * r = l->r;
	struct writer_stats st;
	uint64_t passed = sync_leg_passed(l);
	/* What ran out at the service was not deleted there. */
	int whole = l->reads_all && !l->resumed && l->win.keeps == 0 &&
	    l->st.unchanged == 0;

	memset(&st, 0, sizeof(st));
	if (l->w != NULL)
		writer_stats(l->w, &st);
	if (l->writer_failed)
		judge_writer(l);
	else if (l->failed)
		judge_read(l);
	if (r->is_lost)
		return (0);
	if (l->win.has_gap && !l->failed)
		judge_gap(l);
	if (l->st.unchanged > 0 && !l->failed && l->nparts < 2)
		sync_run_verdict(r, SYNC_COMPLETE, NULL, "not modified");
	else if (l->st.unchanged > 0 && !l->failed)
		sync_run_verdict(r, SYNC_COMPLETE, NULL, "%llu of %zu parts "
		    "not modified", (unsigned long long)l->st.unchanged,
		    l->nparts);
	if (l->toks.lost > 0)
		sync_run_verdict(r, SYNC_COMPLETE, NULL, "the service no longer "
		    "knew where an earlier run ended in %zu part%s, read again "
		    "from the beginning", l->toks.lost,
		    l->toks.lost == 1 ? "" : "s");
	if (l->st.skipped > 0)
		sync_run_verdict(r, SYNC_PARTIAL, NULL, "%llu part%s left "
		    "out: %s", (unsigned long long)l->st.skipped,
		    l->st.skipped == 1 ? " was" : "s were", l->st.skipped_why);
	if (l->st.short_of > 0)
		sync_run_verdict(r, SYNC_PARTIAL, NULL, "the total differs: "
		    "%llu record%s than the service said there are",
		    (unsigned long long)l->st.short_of,
		    l->st.short_of == 1 ? " less" : "s less");
	if (st.rejected > 0)
		judge_rejected(l, &st);
	if (passed > 0)
		sync_run_verdict(r, SYNC_PARTIAL, NULL, "%llu row%s left as a "
		    "later run of another sync wrote %s: the next run looks "
		    "again", (unsigned long long)passed,
		    passed == 1 ? " was" : "s were",
		    passed == 1 ? "it" : "them");
	if (!whole || l->writer_failed || l->failed || l->st.short_of > 0 ||
	    st.rejected > 0)
		return (0);
	if (l->st.skipped == 0)
		return (1);
	if (r->d->deletes != SYNC_DELETES_IGNORE && !sync_leg_but(l))
		sync_run_verdict(r, SYNC_PARTIAL, NULL, "nothing was deleted, "
		    "as what is left of these parts cannot be told from what "
		    "is gone of others");
	return (sync_leg_but(l));
}
