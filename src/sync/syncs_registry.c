#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "run/schedule.h"
#include "sync/syncs_internal.h"

/* All syncs that there are, in the order of their ids. */

/* More than any one cluster is meant to hold; a bound all the same. */
#define MAX_SYNCS 200000
#define RUNNING_TOLD 100

void
syncs_entry_free(struct syncs_entry * en)
{
	sync_def_unref(en->d);
	free(en->reason);
	free(en->error);
	free(en);
}

/* The first place in the sorted array whose id is not before ${id}. */
static size_t
lower_bound(const struct syncs * S, const char * id)
{
	size_t lo = 0, hi = S->n, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (strcmp(S->sorted[mid]->d->id, id) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo);
}

size_t
syncs_after(const struct syncs * S, const char * id)
{
	size_t i = lower_bound(S, id);

	return (i < S->n && strcmp(S->sorted[i]->d->id, id) == 0 ? i + 1 : i);
}

struct syncs_entry *
syncs_find(const struct syncs * S, const char * id)
{
	struct syncs_entry * en;
	size_t i;

	HASH_FIND(hh, S->by_id, id, strlen(id), en);
	/* A person's typing: in any case. */
	for (i = 0; en == NULL && i < S->n; i++)
		if (strcasecmp(S->sorted[i]->d->id, id) == 0)
			en = S->sorted[i];
	return (en);
}

static int
grow(struct syncs * S, struct err * e)
{
	struct syncs_entry ** v;
	size_t cap;

	if (S->n >= MAX_SYNCS)
		return (err_set(e, ERR_CONFIG, "too_many", "there are %d syncs "
		    "already, the most there can be", MAX_SYNCS));
	if (S->n < S->cap)
		return (0);
	cap = S->cap ? S->cap * 2 : 64;
	if ((v = realloc(S->sorted, cap * sizeof(*v))) == NULL)
		return (err_nomem(e, "a sync"));
	S->sorted = v;
	/* The heap has room for all: arming cannot fail. */
	if ((v = realloc(S->heap, (cap + 1) * sizeof(*v))) == NULL)
		return (err_nomem(e, "a sync"));
	S->heap = v;
	S->cap = cap;
	return (0);
}

struct syncs_entry *
syncs_insert(struct syncs * S, struct sync_def * d, struct err * e)
{
	struct syncs_entry * en = NULL;
	size_t at;

	if (grow(S, e) || (en = calloc(1, sizeof(*en))) == NULL) {
		if (S->n < S->cap)
			err_nomem(e, "a sync");
		sync_def_unref(d);
		return (NULL);
	}
	en->S = S;
	en->bucket = INT64_MIN;
	en->verdict = -1;
	en->d = d;
	at = lower_bound(S, d->id);
	memmove(&S->sorted[at + 1], &S->sorted[at],
	    (S->n - at) * sizeof(*S->sorted));
	S->sorted[at] = en;
	S->n++;
	HASH_ADD_KEYPTR(hh, S->by_id, d->id, strlen(d->id), en);
	if (d->every_ms > 0)
		en->offset_ms = schedule_offset(d->id, d->every_ms);
	en->mine = syncs_nodes_mine(S, d) != 0;
	return (en);
}

void
syncs_remove(struct syncs_entry * en)
{
	struct syncs * S = en->S;
	size_t at = lower_bound(S, en->d->id);
	struct sync_wait * w = en->waits;
	struct err e;

	syncs_disarm(en);
	syncs_unready(en);
	S->drops++;
	S->unsaved -= en->unsaved;
	memmove(&S->sorted[at], &S->sorted[at + 1],
	    (S->n - at - 1) * sizeof(*S->sorted));
	S->n--;
	HASH_DELETE(hh, S->by_id, en);
	en->waits = NULL;
	err_set(&e, ERR_CONFIG, "not_found", "sync %.128s was dropped",
	    en->d->id);
	syncs_wait_done(w, NULL, &e);
	/* Answers of the state on their way find it by its id. */
	syncs_entry_free(en);
}

void
syncs_set_def(struct syncs_entry * en, struct sync_def * d)
{
	struct syncs * S = en->S;

	/* The id's bytes are the definition's. */
	HASH_DELETE(hh, S->by_id, en);
	sync_def_unref(en->d);
	en->d = d;
	en->unfit = 0;
	HASH_ADD_KEYPTR(hh, S->by_id, d->id, strlen(d->id), en);
	en->offset_ms = d->every_ms > 0 ?
	    schedule_offset(d->id, d->every_ms) : 0;
	en->mine = syncs_nodes_mine(S, d) != 0;
}

struct sync_def *
syncs_def_with(const struct sync_def * d, json_t * patch, struct err * e)
{
	json_t * rec = sync_def_record(d);
	struct sync_def * made = NULL;

	if (rec == NULL || patch == NULL || json_object_update(rec, patch))
		err_nomem(e, "a sync");
	else
		made = sync_def_from_record(rec, e);
	json_decref(rec);
	json_decref(patch);
	return (made);
}

int
syncs_not_found(const struct syncs * S, const char * id, struct err * e)
{
	const char ** names = calloc(S->n + 1, sizeof(*names)), * near = NULL;
	size_t i;

	for (i = 0; names != NULL && i < S->n; i++)
		names[i] = S->sorted[i]->d->id;
	if (names != NULL)
		near = json_nearest(id, names, S->n);
	free(names);
	return (err_set(e, ERR_CONFIG, "not_found", "there is no sync '%.140s'"
	    "%s%.140s%s; SHOW SYNCS lists them", id, near ? " (did you mean " :
	    "", near ? near : "", near ? "?)" : ""));
}

struct syncs_entry *
syncs_main(const struct syncs * S, const char * connector)
{
	size_t i;

	/* Their ids begin with the connector's name. */
	for (i = lower_bound(S, connector); i < S->n && strncmp(
	    S->sorted[i]->d->id, connector, strlen(connector)) == 0; i++)
		if (S->sorted[i]->d->is_main && strcmp(
		    S->sorted[i]->d->connector, connector) == 0)
			return (S->sorted[i]);
	return (NULL);
}

int
syncs_has(const struct syncs * S, const char * id)
{
	return (syncs_find(S, id) != NULL);
}

void
syncs_each_target(const struct syncs * S, int (*cb)(void * arg,
    const char * id, const char * engine, const char * database,
    const char * table, const char * node), void * arg)
{
	const struct sync_def * d;
	char name[300];
	size_t i, k;
	int there;

	for (i = 0; i < S->n; i++) {
		d = S->sorted[i]->d;
		there = d->engine == SYNC_SQLITE && d->node != NULL &&
		    strcmp(d->node, S->node) != 0;
		for (k = 0; k < d->nentities; k++)
			if (sync_def_table(d, d->entities[k], name,
			    sizeof(name)) == 0 && cb(arg, d->id,
			    d->engine == SYNC_SQLITE ? "sqlite" : "elastic",
			    d->engine == SYNC_SQLITE ? d->database : "", name,
			    there ? d->node : NULL))
				return;
	}
}

const char *
syncs_elsewhere(const struct syncs * S, const char * database,
    const char * table)
{
	const struct sync_def * d;
	char name[300];
	size_t i, k;

	for (i = 0; i < S->n; i++) {
		d = S->sorted[i]->d;
		if (d->engine != SYNC_SQLITE || d->node == NULL ||
		    strcmp(d->node, S->node) == 0 || (database != NULL &&
		    strcasecmp(database, d->database) != 0))
			continue;
		for (k = 0; k < d->nentities; k++)
			if (sync_def_table(d, d->entities[k], name,
			    sizeof(name)) == 0 &&
			    fnmatch(table, name, FNM_CASEFOLD) == 0)
				return (d->node);
	}
	return (NULL);
}

size_t
syncs_count(const struct syncs * S)
{
	return (S->n);
}

void
syncs_each_name(const struct syncs * S, int (*cb)(void *, const char *),
    void * arg)
{
	size_t i;

	for (i = 0; i < S->n; i++)
		if (cb(arg, S->sorted[i]->d->id))
			return;
}

void
syncs_stats_get(const struct syncs * S, struct syncs_stats * st)
{
	const struct syncs_entry * en;
	size_t i;

	*st = S->stats;
	st->total = S->n;
	st->running = S->nrunning;
	st->nodes = S->nodes != NULL ? S->nnodes : 1;
	for (i = 0; i < S->n; i++) {
		en = S->sorted[i];
		st->scheduled += en->d->enabled &&
		    (en->d->schedule != NULL || en->d->every_ms > 0);
		st->paused += !en->d->enabled;
		st->mine += en->mine;
		st->failed += en->mine && en->verdict == SYNC_FAILED;
		st->partial += en->mine && en->verdict == SYNC_PARTIAL;
	}
}

void
syncs_each_cursor(const struct syncs * S, void (*cb)(void *, const char *,
    double), void * arg)
{
	int64_t now = clock_wall_ms();
	size_t i;

	for (i = 0; i < S->n; i++)
		if (S->sorted[i]->mine && S->sorted[i]->cursor_ms != 0)
			cb(arg, S->sorted[i]->d->id, (double)(now -
			    S->sorted[i]->cursor_ms) / 1000.0);
}

json_t *
syncs_running(const struct syncs * S)
{
	const struct syncs_run * run;
	json_t * a = json_array();

	for (run = S->running; a != NULL && run != NULL &&
	    json_array_size(a) < RUNNING_TOLD; run = run->next)
		json_array_append_new(a, json_string(run->d->id));
	return (a);
}
