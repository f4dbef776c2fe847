/*
 * The statements that read whole what a list of changes alone does not tell.  They may
 * be long: what they have read is kept, each part once it ends and within it where the
 * list stands, so that a run that ends before they do leaves less to the next one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash64.h"
#include "base/json.h"
#include "base/log.h"
#include "sync/sync_run_internal.h"

/* What an earlier run left is good for so long: of a sync once a day, or a week. */
#define KEEP_MS (INT64_C(8) * 86400000)
/* Parts that were left out and are kept as such; with more the place stays. */
#define LEFT_MAX 1000

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

	if (t->is_end && t->lacks > 0)
		sync_leg_fill_left(l, t->part);
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

void
sync_leg_fill_left(struct sync_leg * l, uint64_t part)
{
	char name[20];

	if (!l->toks_whole)
		return;
	snprintf(name, sizeof(name), "%016" PRIx64, part);
	if (l->fill_left == NULL)
		l->fill_left = json_object();
	l->toks.failed |= json_object_set_new(l->fill_left, name,
	    json_true()) != 0;
}

void
sync_leg_fill_forget(struct sync_leg * l)
{
	json_decref(l->fill_at);
	l->fill_at = NULL;
}

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

	sync_leg_fill_forget(l);
	if (of != NULL && strcmp(of, l->of) == 0 && age <= KEEP_MS &&
	    age >= -KEEP_MS && (l->r->flags & SYNC_RUN_FULL) == 0)
		l->fill_at = json_incref(v);
}

void
sync_leg_fill_begin(struct sync_leg * l)
{
	const char * name;
	json_t * v;
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
	json_decref(l->fill_left);
	l->fill_left = NULL;
	if (!l->fill_resumes)
		return;
	/* These lie before the place, and nobody has them yet. */
	json_object_foreach(json_object_get(l->fill_at, "left"), name, v) {
		sync_leg_fill_left(l, strtoull(name, NULL, 16));
		sync_tokens_left(&l->toks, strtoull(name, NULL, 16));
	}
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

	if (!l->cu.fills || l->token == NULL || l->acked < l->token_rows ||
	    json_object_size(l->fill_left) > LEFT_MAX)
		return;
	statement(l, is);
	v = json_pack("{s:O, s:s, s:s, s:I, s:o*}", "token", l->token, "of",
	    l->of, "sql", is, "at", (json_int_t)clock_wall_ms(), "left",
	    json_deep_copy(l->fill_left));
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
	sync_leg_fill_forget(l);
}

int
sync_leg_fill_lost(struct sync_leg * l, const struct err * e)
{
	if (!l->cu.fills || !l->by_part || !l->fill_resumes ||
	    l->cancelled || strcmp(e->code, "resume") != 0)
		return (0);
	sync_leg_fill_forget(l);
	json_decref(l->token);
	l->token = NULL;
	return (1);
}
