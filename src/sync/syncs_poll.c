#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "sync/syncs_internal.h"

/*
 * Taking over what other daemons changed: what the state can tell by name, or all
 * of it compared.  The runner notices that there is something.
 */
/* Thousands are looked at so many at a time: some 2 ms. */
#define SLICE 64
#define SLICE_MS 2
/* While others change much, reading it all takes no more than this part of the
 * time. */
#define REST 10
#define REST_MAX_US INT64_C(60000000)
/* Of syncs whose connector is not there, so many are asked for in one go. */
#define ASK_AT_ONCE 64

/* ---- comparing ---- */

/* The state forgot: what we know is written again, by whoever it is for. */
static void
put_back(struct syncs * S)
{
	struct syncs_entry * en;
	size_t i, n = 0;

	for (i = 0; i < S->n; i++) {
		en = S->sorted[i];
		if (en->seen || syncs_is_ahead(en))
			continue;
		en->seen = en->put_back = 1;
		syncs_save(en);
		n++;
	}
	log_event(LOG_ERROR, "syncs_put_back", LOG_I("syncs", n));
}

static void
poll_over(struct syncs * S)
{
	int64_t now = clock_mono_us(), rest = (now - S->poll_us) * REST;

	if (S->list != NULL)
		S->poll_after_us = now + (rest < REST_MAX_US ? rest :
		    REST_MAX_US);
	json_decref(S->list);
	S->list = NULL;
	S->polling = 0;
	S->ops--;
	if (S->stopping)
		syncs_maybe_stopped(S);
	else if (S->poll_again)
		syncs_poll(S, 0);
	syncs_look_pass(S);
}

static void
compare_end(struct syncs * S)
{
	struct syncs_entry * en;
	size_t i, asked = 0;

	if (S->lost)
		put_back(S);
	S->lost = 0;
	for (i = S->n; i-- > 0;) {
		en = S->sorted[i];
		if (en->seen ? syncs_is_ahead(en) || en->unsaved : syncs_is_skipped(en))
			continue;
		if (!en->seen)
			syncs_retire(en);
		else if (!runner_has(S->o.runner, en->d->connector)) {
			if (asked++ < ASK_AT_ONCE)
				syncs_ask_connector(en);
			else
				S->poll_missed = 1; /* in a second */
		}
	}
	if (S->changed > 0)
		log_event(LOG_INFO, "syncs_changed_elsewhere", LOG_I("syncs",
		    S->changed));
	S->changed = 0;
	/* What is asked next time begins here, or in a second once more. */
	if (S->skipped) {
		S->poll_missed = 1;
	} else {
		free(S->mark);
		S->mark = S->next_mark;
		S->next_mark = NULL;
	}
	/* Connectors were paused or resumed. */
	syncs_arm_all(S);
}

/* Whether some are not in the list. */
static int
is_missing(const struct syncs * S)
{
	size_t i;

	for (i = 0; i < S->n; i++)
		if (!S->sorted[i]->seen && !syncs_is_ahead(S->sorted[i]))
			return (1);
	return (0);
}

/* Whether what we know was forgotten there. */
static int
is_lost(const struct syncs * S, json_int_t gen)
{
	return (state_is_lost(gen, S->generation, S->n));
}

/* Dropped elsewhere, or forgotten while we were reading? */
static void
on_still_there(void * arg, json_t * v, const struct err * e)
{
	struct syncs * S = arg;

	if (e != NULL || is_lost(S, json_integer_value(v)))
		S->drops++;
	if (!S->stopping && S->list_drops == S->drops)
		compare_end(S);
	else
		S->poll_again = 1;
	poll_over(S);
}

/* What is left to look at are those that are gone. */
static void
compare_gone(struct syncs * S)
{
	if (is_missing(S) && !S->lost) {
		S->o.state->ops->generation(S->o.state, on_still_there, S);
		return;
	}
	compare_end(S);
	poll_over(S);
}

void
syncs_compare_more(struct syncs * S)
{
	size_t left = SLICE, n = json_array_size(S->list);

	/* It may still say what we dropped meanwhile. */
	if (S->stopping || S->list_drops != S->drops) {
		S->poll_again = 1;
		poll_over(S);
		return;
	}
	for (; S->list_next < n && left > 0; S->list_next++, left--) {
		syncs_compare(S, json_array_get(S->list, S->list_next));
		/* Freed as we go: that much at once takes its time too. */
		json_array_set_new(S->list, S->list_next, json_null());
	}
	if (S->list_next < n) {
		loop_timer_start(S->slice_timer, SLICE_MS);
		return;
	}
	compare_gone(S);
}

static void
on_list(void * arg, json_t * v, const struct err * e)
{
	struct syncs * S = arg;
	size_t i;

	/* A list of our own, of the same records: the state's is borrowed. */
	if (e != NULL || S->stopping || (S->list = json_copy(v)) == NULL) {
		/* The state is away: in a second again. */
		S->poll_missed = 1;
		S->poll_again = 0;
		poll_over(S);
		return;
	}
	for (i = 0; i < S->n; i++)
		S->sorted[i]->seen = 0;
	S->list_next = 0;
	syncs_compare_more(S);
}

/* ---- some, by name ---- */

static void
asked_end(struct syncs * S)
{
	if (--S->asked_left > 0)
		return;
	if (S->stopping || S->list_drops != S->drops || S->asked_failed) {
		S->poll_missed |= S->asked_failed;
		S->poll_again = !S->asked_failed;
		poll_over(S);
		return;
	}
	compare_gone(S);
}

static void
on_one(void * arg, json_t * v, const struct err * e)
{
	struct syncs_question * w = arg;
	struct syncs * S = w->S;
	struct syncs_entry * en;

	HASH_FIND(hh, S->by_id, w->id, strlen(w->id), en);
	S->asked_failed |= e != NULL;
	/* Dropped by us meanwhile: the answer is older. */
	if (v != NULL && !S->stopping &&
	    (en != NULL || S->list_drops == S->drops))
		syncs_compare(S, v);
	free(w);
	asked_end(S);
}

static void
ask_one(struct syncs * S, const char * id)
{
	struct syncs_entry * en;
	struct syncs_question * w = syncs_question(S, id);

	if (w == NULL) {
		S->asked_failed = 1;
		return;
	}
	HASH_FIND(hh, S->by_id, id, strlen(id), en);
	if (en != NULL)
		en->seen = 0;
	S->asked_left++;
	S->o.state->ops->get(S->o.state, "sync", id, on_one, w);
}

static void
ask_some(struct syncs * S, const json_t * changed)
{
	json_t * ids = json_object(), * v;
	const char * kind, * id;
	size_t i;

	for (i = 0; i < S->n; i++)
		S->sorted[i]->seen = 1;
	S->asked_failed = ids == NULL;
	S->asked_left = 1; /* until all are asked */
	json_array_foreach(changed, i, v) {
		kind = json_string_value(json_array_get(v, 0));
		id = json_string_value(json_array_get(v, 1));
		if (kind != NULL && id != NULL && strcmp(kind, "sync") == 0)
			json_object_set_new(ids, id, json_true());
	}
	json_object_foreach(ids, id, v)
		ask_one(S, id);
	json_decref(ids);
	asked_end(S);
}

static void
on_changes(void * arg, json_t * v, const struct err * e)
{
	struct syncs * S = arg;
	const json_t * changed = json_object_get(v, "changed");
	const char * mark = json_str(v, "mark");
	json_int_t gen = json_integer_value(json_object_get(v, "generation"));

	if (e != NULL || S->stopping) {
		on_list(S, NULL, e);
		return;
	}
	S->lost |= is_lost(S, gen);
	if (changed == NULL && !S->lost && S->poll_us < S->poll_after_us) {
		S->poll_again = 0;
		poll_over(S);
		S->poll_again = 1;
		loop_timer_start(S->slice_timer,
		    (S->poll_after_us - S->poll_us) / 1000 + 1);
		return;
	}
	S->generation = gen;
	S->list_changes = S->changes;
	S->list_drops = S->drops;
	free(S->next_mark);
	S->next_mark = mark != NULL ? strdup(mark) : NULL;
	if (changed != NULL && !S->lost)
		ask_some(S, changed);
	else
		S->o.state->ops->list(S->o.state, "sync", on_list, S);
}

void
syncs_poll(struct syncs * S, int lost)
{
	if (S->stopping || !S->loaded)
		return;
	S->lost |= lost;
	if (S->polling) {
		/* What is being read may be half forgotten. */
		S->drops += lost != 0;
		S->poll_again = 1;
		return;
	}
	S->polling = 1;
	S->poll_again = S->poll_missed = 0;
	S->skipped = 0;
	S->poll_us = clock_mono_us();
	S->ops++;
	S->o.state->ops->changes(S->o.state, S->mark, on_changes, S);
}
