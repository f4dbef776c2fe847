#include <string.h>

#include "base/rfc3339.h"
#include "sync/sync_run_internal.h"

/* What came of one entity of a run. */

static int
is_cap(const struct err * e)
{
	return (strcmp(e->code, "max_rows") == 0 ||
	    strcmp(e->code, "page_cap") == 0 ||
	    strcmp(e->code, "max_pages") == 0 ||
	    strcmp(e->code, "max_api_calls") == 0);
}

static void
judge_read(struct sync_leg * l)
{
	struct sync_run * r = l->r;
	struct err e = l->e;

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
	return (whole && !l->writer_failed && !l->failed &&
	    l->st.skipped == 0 && l->st.short_of == 0 && st.rejected == 0);
}
