/*
 * The statements that read whole what a list of changes alone does not tell.  They may
 * be long: what they have read is kept, each part once it ends and within it where the
 * list stands, so that a run that ends before they do leaves less to the next one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash64.h"
#include "base/json.h"
#include "base/log.h"
#include "sync/sync_run_internal.h"

/* What an earlier run left is good for so long: of a sync once a day, or a week. */
#define KEEP_MS (INT64_C(8) * 86400000)

/* ---- what the reader asks and tells ---- */

static const struct value *
on_from(void * arg, uint64_t part, const json_t * in)
{
	(void)arg;
	(void)part;
	(void)in;
	return (NULL);
}

static void
on_given(void * arg, uint64_t part)
{
	(void)arg;
	(void)part;
}

static int
on_enough(void * arg, uint64_t part)
{
	(void)arg;
	(void)part;
	return (0);
}

/* Of a condition several listings of a part may come, each with other rows. */
static void
on_told(void * arg, const struct reader_told * t)
{
	struct sync_leg * l = arg;

	if (t->is_end && l->toks_whole && l->r->d->where == NULL &&
	    !sync_leg_token_cut(l))
		sync_tokens_part(&l->toks, t->part, l->given, t->lacks);
}

static int
on_skip(void * arg, uint64_t part)
{
	const struct sync_leg * l = arg;

	return (l->toks_whole && sync_tokens_has(&l->toks, part));
}

/* ---- where the statement stands ---- */

static void
statement(const struct sync_leg * l, char out[20])
{
	snprintf(out, 20, "%016" PRIx64, hash64(1, l->sql.p, l->sql.len));
}

void
sync_leg_fill_load(struct sync_leg * l, const json_t * rec)
{
	json_t * v = json_object_get(rec, "resume");
	const char * of = json_str(v, "of");
	int64_t age = clock_wall_ms() - json_int(v, "at", 0);

	json_decref(l->fill_at);
	l->fill_at = NULL;
	if (of != NULL && strcmp(of, l->of) == 0 && age <= KEEP_MS &&
	    age >= -KEEP_MS && (l->r->flags & SYNC_RUN_FULL) == 0)
		l->fill_at = json_incref(v);
}

void
sync_leg_fill_begin(struct sync_leg * l)
{
	char is[20];

	l->fill.from = on_from;
	l->fill.given = on_given;
	l->fill.enough = on_enough;
	l->fill.told = on_told;
	l->fill.skip = on_skip;
	l->fill.arg = l;
	l->sync.cursors = &l->fill;
	statement(l, is);
	l->fill_resumes = l->fill_at != NULL && strcmp(log_or_empty(
	    json_str(l->fill_at, "sql")), is) == 0;
	if (!l->fill_resumes)
		return;
	l->sync.resume = json_object_get(l->fill_at, "token");
	/* What came before is not seen in this run. */
	l->reads_all = 0;
}

void
sync_leg_fill_mark(struct sync_leg * l, const json_t * token)
{
	json_decref(l->token);
	l->token = json_deep_copy(token);
	l->token_rows = l->given;
}

void
sync_leg_fill_acked(struct sync_leg * l)
{
	char is[20];
	json_t * v;

	if (!l->cu.fills || l->token == NULL || l->acked < l->token_rows)
		return;
	statement(l, is);
	v = json_pack("{s:O, s:s, s:s, s:I}", "token", l->token, "of", l->of,
	    "sql", is, "at", (json_int_t)clock_wall_ms());
	l->toks.failed |= v == NULL;
	l->fill_moved |= !json_equal(l->token, json_object_get(l->fill_at,
	    "token"));
	json_decref(l->fill_at);
	l->fill_at = v;
}

void
sync_leg_fill_ended(struct sync_leg * l)
{
	char is[20];

	json_decref(l->token);
	l->token = NULL;
	l->fill_moved = 1;
	statement(l, is);
	if (strcmp(log_or_empty(json_str(l->fill_at, "sql")), is) != 0)
		return;
	json_decref(l->fill_at);
	l->fill_at = NULL;
}

int
sync_leg_fill_lost(struct sync_leg * l, const struct err * e)
{
	if (!l->cu.fills || !l->by_part || !l->fill_resumes ||
	    l->cancelled || strcmp(e->code, "resume") != 0)
		return (0);
	json_decref(l->fill_at);
	l->fill_at = NULL;
	json_decref(l->token);
	l->token = NULL;
	return (1);
}
