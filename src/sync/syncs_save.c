#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "sync/syncs_internal.h"

/*
 * What this daemon itself has to write of a definition: that it was disabled, and
 * all of it where the state forgot.  Again, until it is there.
 */
struct save {
	struct syncs * S;
	char id[];
};

static void
save_later(struct syncs_entry * en)
{
	en->S->unsaved += !en->unsaved;
	en->unsaved = 1;
}

static void
saved(struct save * w, const struct err * e)
{
	struct syncs * S = w->S;
	struct syncs_entry * en;

	HASH_FIND(hh, S->by_id, w->id, strlen(w->id), en);
	if (e != NULL) {
		log_event(LOG_WARN, "sync_not_saved", LOG_S("sync", w->id),
		    LOG_E(e));
		if (en != NULL && e->cls == ERR_TRANSIENT)
			save_later(en);
	}
	free(w);
	if (en != NULL)
		syncs_touch(en);
	S->ops--;
	syncs_maybe_stopped(S);
}

static void
on_saved(void * arg, json_t * v, const struct err * e)
{
	struct save * w = arg;
	struct syncs_entry * en;

	(void)v;
	HASH_FIND(hh, w->S->by_id, w->id, strlen(w->id), en);
	if (en != NULL && e == NULL)
		en->put_back = 0;
	saved(w, e);
}

/* Others may have changed it since we last looked: what they said stays. */
static void
on_current(void * arg, json_t * v, const struct err * e)
{
	struct save * w = arg;
	struct syncs * S = w->S;
	struct syncs_entry * en;
	json_t * rec;

	HASH_FIND(hh, S->by_id, w->id, strlen(w->id), en);
	if (e != NULL || v == NULL || en == NULL || en->busy || en->dropped) {
		if (e == NULL)
			syncs_poll(S, 0); /* it is gone, or being changed */
		saved(w, e);
		return;
	}
	if ((rec = json_deep_copy(v)) == NULL) {
		save_later(en);
		saved(w, NULL);
		return;
	}
	json_object_set_new(rec, "enabled", json_boolean(en->d->enabled));
	json_object_set_new(rec, "disabled_reason",
	    json_opt_string(en->d->disabled_reason));
	S->o.state->ops->put(S->o.state, "sync", w->id, rec, 0, on_saved, w);
	json_decref(rec);
}

void
syncs_save(struct syncs_entry * en)
{
	struct syncs * S = en->S;
	size_t n = strlen(en->d->id) + 1;
	struct save * w;
	json_t * rec = NULL;

	/* What is being written now must not be overtaken. */
	if (en->busy || (w = malloc(sizeof(*w) + n)) == NULL) {
		save_later(en);
		return;
	}
	if (en->put_back && (rec = sync_def_record(en->d)) == NULL) {
		free(w);
		save_later(en);
		return;
	}
	S->unsaved -= en->unsaved;
	en->unsaved = 0;
	w->S = S;
	memcpy(w->id, en->d->id, n);
	S->ops++;
	if (rec == NULL)
		S->o.state->ops->get(S->o.state, "sync", w->id, on_current, w);
	else
		S->o.state->ops->put(S->o.state, "sync", w->id, rec, 0,
		    on_saved, w);
	json_decref(rec);
}

void
syncs_touch(struct syncs_entry * en)
{
	en->touched = ++en->S->changes;
}

void
syncs_save_rest(struct syncs * S)
{
	size_t i;

	for (i = 0; i < S->n && S->unsaved > 0; i++)
		if (S->sorted[i]->unsaved && !S->sorted[i]->busy &&
		    !S->sorted[i]->dropped)
			syncs_save(S->sorted[i]);
}
