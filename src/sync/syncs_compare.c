#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "conn/limits.h"
#include "sync/syncs_internal.h"

/* One sync as the state has it, beside what we know of it. */

/* A record that this version cannot read: another one's, or somebody's hand was in
 * it.  What was known of it is not run on, nor is anything deleted. */
static void
set_unfit(struct syncs_entry * en, const char * id, const struct err * e)
{
	log_event(LOG_ERROR, "sync_does_not_fit", LOG_S("sync", id), LOG_E(e));
	if (en == NULL || en->unfit)
		return;
	en->unfit = 1;
	if (en->run != NULL && en->run->r != NULL)
		sync_run_cancel(en->run->r, "its record cannot be read");
	syncs_unready(en);
	syncs_arm(en);
}

struct syncs_question *
syncs_question(struct syncs * S, const char * id)
{
	size_t n = strlen(id) + 1;
	struct syncs_question * w = malloc(sizeof(*w) + n);

	if (w == NULL)
		return (NULL);
	w->S = S;
	memcpy(w->id, id, n);
	return (w);
}

/* ---- the connector is gone ---- */

/* Dropped here, whose run is over; and in the state, should whoever dropped the
 * connector not have come to it. */
static void
on_gone(void * arg)
{
	struct syncs_entry * en = arg;
	struct syncs * S = en->S;

	S->o.state->ops->del(S->o.state, "sync", en->d->id, NULL, NULL);
	S->changes++;
	syncs_remove(en);
}

static void
drop_gone(struct syncs_entry * en, const char * why)
{
	log_event(LOG_WARN, "sync_gone", LOG_S("sync", en->d->id),
	    LOG_S("connector", en->d->connector), LOG_S("why", why));
	en->dropped = 1;
	syncs_end(en, why, on_gone, en);
}

static void
on_connector(void * arg, json_t * v, const struct err * e)
{
	struct syncs_question * w = arg;
	struct syncs * S = w->S;
	struct syncs_entry * en;

	HASH_FIND(hh, S->by_id, w->id, strlen(w->id), en);
	free(w);
	if (e == NULL && v == NULL && en != NULL && !en->busy &&
	    !en->dropped && !runner_has(S->o.runner, en->d->connector))
		drop_gone(en, "its connector was dropped");
	S->ops--;
	syncs_maybe_stopped(S);
}

/* Its connector is not among ours.  It may just be younger than our list of
 * them: the state is asked before anything is deleted. */
void
syncs_ask_connector(struct syncs_entry * en)
{
	struct syncs * S = en->S;
	struct syncs_question * w = syncs_question(S, en->d->id);

	if (w == NULL)
		return; /* seen again at the next change */
	S->ops++;
	S->o.state->ops->get(S->o.state, "connector", en->d->connector,
	    on_connector, w);
}

/* ---- comparing ---- */

/* What our run still wrote of it goes too, unless somebody made one of the same name
 * meanwhile. */
static void
on_remains(void * arg, json_t * v, const struct err * e)
{
	struct syncs_question * w = arg;
	struct syncs * S = w->S;

	if (e == NULL && v == NULL)
		S->o.state->ops->del(S->o.state, "sync", w->id, NULL, NULL);
	else if (e == NULL)
		syncs_poll(S, 0);
	free(w);
	S->ops--;
	syncs_maybe_stopped(S);
}

static void
on_retired(void * arg)
{
	struct syncs_entry * en = arg;
	struct syncs * S = en->S;
	struct syncs_question * w = syncs_question(S, en->d->id);

	syncs_remove(en);
	if (w == NULL)
		return; /* a cursor without a sync stays: no harm */
	S->ops++;
	S->o.state->ops->get(S->o.state, "sync", w->id, on_remains, w);
}

void
syncs_retire(struct syncs_entry * en)
{
	en->S->changed++;
	log_event(LOG_DEBUG, "sync_gone_elsewhere", LOG_S("sync", en->d->id),
	    LOG_S("connector", en->d->connector));
	en->dropped = 1;
	if (en->run == NULL)
		syncs_remove(en);
	else
		syncs_end(en, "the sync was dropped", on_retired, en);
}

static int
differs(const struct syncs_entry * en, const struct sync_def * d)
{
	json_t * a = sync_def_record(en->d), * b = sync_def_record(d);
	int is = a == NULL || b == NULL || !json_equal(a, b);

	json_decref(a);
	json_decref(b);
	return (is);
}

static void
change(struct syncs_entry * en, struct sync_def * d)
{
	int same = sync_def_same_rows(en->d, d), was = en->d->enabled;

	/* Thousands of lines at once would keep us from everything else. */
	en->S->changed++;
	log_event(LOG_DEBUG, "sync_changed_elsewhere", LOG_S("sync", d->id),
	    LOG_S("connector", d->connector));
	if (en->run != NULL && en->run->r != NULL && (!same || !d->enabled))
		sync_run_cancel(en->run->r, d->enabled ?
		    "the sync was redefined" : "the sync was paused");
	if (!same || (d->enabled && !was)) {
		en->known = en->asks > 0 ? SYNCS_ASKING : SYNCS_UNKNOWN;
		en->retry_at = 0;
		en->failures = 0;
	}
	/* A person asked, if not us. */
	if (d->enabled && !was)
		limits_forgive(en->S->o.conn->limits,
		    runner_connector(en->S->o.runner, d->connector));
	syncs_set_def(en, d);
	syncs_arm(en);
}

int
syncs_is_ahead(const struct syncs_entry * en)
{
	return (en->busy || en->dropped || en->touched > en->S->list_changes);
}

int
syncs_is_skipped(const struct syncs_entry * en)
{
	en->S->skipped |= en->busy || en->unsaved;
	return (en->unsaved || syncs_is_ahead(en));
}

void
syncs_compare(struct syncs * S, const json_t * rec)
{
	struct syncs_entry * en;
	const char * id = json_str(rec, "id");
	struct sync_def * d;
	struct err e;

	if (id == NULL)
		return;
	HASH_FIND(hh, S->by_id, id, strlen(id), en);
	if (en != NULL)
		en->seen = 1;
	else if (json_object_get(rec, "v") == NULL)
		return; /* a scrape's */
	if (en != NULL && syncs_is_skipped(en))
		return;
	if ((d = sync_def_from_record(rec, &e)) == NULL) {
		set_unfit(en, id, &e);
		return;
	}
	if (en != NULL && en->unfit) {
		en->unfit = 0;
		syncs_arm(en);
	}
	if (en == NULL) {
		if ((en = syncs_insert(S, d, &e)) == NULL) {
			log_event(LOG_ERROR, "sync_not_loaded", LOG_S("sync",
			    id), LOG_E(&e));
			return;
		}
		en->seen = 1;
		syncs_arm(en);
	} else if (differs(en, d)) {
		change(en, d);
	} else {
		sync_def_unref(d);
	}
}
