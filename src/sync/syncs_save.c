#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sync/syncs_internal.h"

/* Records that are written by and by: the state may be away, or a change of one be
 * under way. */

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
on_saved(void * arg, json_t * v, const struct err * e)
{
	struct save * w = arg;
	struct syncs * S = w->S;
	struct syncs_entry * en;

	(void)v;
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

void
syncs_save(struct syncs_entry * en)
{
	struct syncs * S = en->S;
	size_t n = strlen(en->d->id) + 1;
	struct save * w;
	json_t * rec;

	/* What is being written now must not be overtaken. */
	if (en->busy || (w = malloc(sizeof(*w) + n)) == NULL) {
		save_later(en);
		return;
	}
	if ((rec = sync_def_record(en->d)) == NULL) {
		free(w);
		save_later(en);
		return;
	}
	S->unsaved -= en->unsaved;
	en->unsaved = 0;
	w->S = S;
	memcpy(w->id, en->d->id, n);
	S->ops++;
	S->o.state->ops->put(S->o.state, "sync", w->id, rec, 0, on_saved, w);
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
