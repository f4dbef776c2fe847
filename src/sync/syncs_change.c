#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "conn/limits.h"
#include "sync/syncs_internal.h"

/* What is done to syncs there are.  Each change is written to the state first and
 * takes effect when that is done; a sync has one under way at a time. */

struct change {
	struct syncs_call * c;
	struct syncs_entry * en;
	struct sync_def * d;  /* what it becomes */
	json_t * patch;       /* of its record, */
	json_t * body;        /* or what it is to be made of */
	const char * event;
};

static void
change_end(struct change * ch, json_t * v, const struct err * e)
{
	json_decref(ch->patch);
	json_decref(ch->body);
	syncs_call_end(ch->c, v, e);
	free(ch);
}

/* ---- drop ---- */

static void
on_dropped(void * arg, json_t * v, const struct err * e)
{
	struct change * ch = arg;
	struct syncs_entry * en = ch->en;
	struct syncs_call * c = ch->c;
	json_t * answer = NULL;

	(void)v;
	free(ch);
	en->busy = 0;
	if (e != NULL) {
		en->dropped = 0;
		syncs_arm(en);
	} else {
		log_event(LOG_INFO, "sync_dropped", LOG_S("sync", en->d->id),
		    LOG_S("connector", en->d->connector));
		answer = json_pack("{s:s, s:s}", "sync", en->d->id, "status",
		    "deleted");
		syncs_remove(en);
	}
	syncs_call_end(c, answer, e);
}

static void
on_over(void * arg)
{
	struct change * ch = arg;
	struct state * st = ch->c->S->o.state;

	st->ops->del(st, "sync", ch->en->d->id, on_dropped, ch);
}

static struct change *
change_new(struct syncs * S, const char * id, syncs_cb * cb, void * arg)
{
	struct syncs_call * c = syncs_call_new(S, cb, arg);
	struct syncs_entry * en;
	struct change * ch;
	struct err e;

	if (c == NULL || (en = syncs_call_entry(c, id)) == NULL)
		return (NULL);
	if ((ch = calloc(1, sizeof(*ch))) == NULL) {
		err_nomem(&e, "a change");
		syncs_call_end(c, NULL, &e);
		return (NULL);
	}
	ch->c = c;
	ch->en = en;
	return (ch);
}

void
syncs_drop(struct syncs * S, const char * id, syncs_cb * cb, void * arg)
{
	struct change * ch = change_new(S, id, cb, arg);

	if (ch == NULL)
		return;
	/* What its run still writes would come after the deletion. */
	ch->en->busy = ch->en->dropped = 1;
	syncs_end(ch->en, "the sync was dropped", on_over, ch);
}

/* ---- changing the definition ---- */

/* It could not be changed. */
static void
refuse(struct change * ch, const struct err * e)
{
	ch->en->busy = 0;
	syncs_arm(ch->en);
	change_end(ch, NULL, e);
}

static void
on_written(void * arg, json_t * v, const struct err * e)
{
	struct change * ch = arg;
	struct syncs_entry * en = ch->en;
	struct syncs_call * c = ch->c;

	(void)v;
	en->busy = 0;
	if (e != NULL) {
		sync_def_unref(ch->d);
		refuse(ch, e);
		return;
	}
	syncs_touch(en);
	c->S->unsaved -= en->unsaved;
	en->unsaved = 0;
	if (ch->d->enabled && !en->d->enabled) {
		en->known = SYNCS_UNKNOWN;
		en->failures = 0;
		en->retry_at = 0;
	}
	syncs_set_def(en, ch->d);
	if (strcmp(ch->event, "resumed") == 0) {
		limits_forgive(c->S->o.conn->limits, runner_connector(
		    c->S->o.runner, en->d->connector));
		syncs_try_now(en);
	}
	if (!en->d->enabled && en->run != NULL && en->run->r != NULL)
		sync_run_cancel(en->run->r, "the sync was paused");
	syncs_note_event(en, ch->event, en->d->disabled_reason);
	log_event(LOG_INFO, "sync_changed", LOG_S("sync", en->d->id),
	    LOG_S("connector", en->d->connector), LOG_S("what", ch->event));
	syncs_arm(en);
	change_end(ch, json_pack("{s:s}", "sync", en->d->id), NULL);
}

/* What ${body} says, as fields of the record; owned by the caller. */
static json_t *
read_patch(const struct sync_def * d, const json_t * body, struct err * e)
{
	const json_t * schedule = json_object_get(body, "schedule"),
	    * every = json_object_get(body, "every_ms"),
	    * enabled = json_object_get(body, "enabled");
	const char * cron = schedule == NULL ? d->schedule :
	    json_string_value(schedule);
	int64_t ms = every == NULL ? d->every_ms : json_integer_value(every);
	json_t * options = json_object(), * patch = json_object();
	static const char * const keys[] = { "deletes", "delete_ratio" };
	static const char * const defaults[] = { "\"ignore\"", "0.5" };
	const json_t * v;
	size_t i;

	/* One takes the other's place. */
	if (json_is_string(schedule) && every == NULL)
		ms = 0;
	if (json_is_integer(every) && schedule == NULL)
		cron = NULL;
	if (options == NULL || patch == NULL)
		err_nomem(e, "a change");
	else if (json_check_keys(body, "", e, "schedule", "every_ms",
	    "enabled", "deletes", "delete_ratio", NULL) == 0) {
		for (i = 0; i < 2; i++) {
			v = json_object_get(body, keys[i]);
			if (json_is_null(v))
				json_object_set_new(patch, keys[i],
				    json_loads(defaults[i], JSON_DECODE_ANY,
				    NULL));
			else if (v != NULL)
				json_object_set(options, keys[i],
				    (json_t *)(uintptr_t)v);
		}
		if ((schedule != NULL && !json_is_null(schedule) &&
		    !json_is_string(schedule)) || (every != NULL &&
		    !json_is_null(every) && (!json_is_integer(every) ||
		    ms == 0)) || (enabled != NULL &&
		    !json_is_boolean(enabled)))
			err_set(e, ERR_CONFIG, "bad_schedule", "schedule must "
			    "be a string, schedule_ms an integer from 100, and "
			    "enabled true or false");
		else if (syncs_check_times(cron, ms, e) == 0 &&
		    syncs_check_options(options, patch, e) == 0) {
			json_object_set_new(patch, "schedule",
			    json_opt_string(cron));
			json_object_set_new(patch, "every_ms",
			    json_integer(ms));
			if (enabled != NULL) {
				json_object_set_new(patch, "enabled",
				    json_boolean(json_is_true(enabled)));
				json_object_set_new(patch, "disabled_reason",
				    json_is_true(enabled) ? json_null() :
				    json_string("manual"));
			}
			json_decref(options);
			return (patch);
		}
	}
	json_decref(options);
	json_decref(patch);
	return (NULL);
}

/* What the state holds is changed: others may have been at it since we looked, and
 * other versions may say more than we know of. */
static void
on_current(void * arg, json_t * v, const struct err * e)
{
	struct change * ch = arg;
	struct syncs * S = ch->c->S;
	struct sync_def * d = NULL;
	json_t * rec = NULL;
	struct err why;

	if (e != NULL) {
		refuse(ch, e);
		return;
	}
	if (v == NULL) {
		err_set(&why, ERR_CONFIG, "not_found", "sync %.128s was "
		    "dropped", ch->en->d->id);
		refuse(ch, &why);
		syncs_poll(S, 0);
		return;
	}
	if ((d = sync_def_from_record(v, &why)) != NULL && ch->body != NULL)
		ch->patch = read_patch(d, ch->body, &why);
	if (d != NULL && ch->patch != NULL) {
		rec = json_deep_copy(v);
		if (rec == NULL || json_object_update(rec, ch->patch))
			err_nomem(&why, "a sync");
		else
			ch->d = sync_def_from_record(rec, &why);
	}
	sync_def_unref(d);
	if (ch->d == NULL)
		refuse(ch, &why);
	else
		S->o.state->ops->put(S->o.state, "sync", ch->en->d->id, rec, 0,
		    on_written, ch);
	json_decref(rec);
}

/* ch->patch or ch->body says what. */
static void
change_to(struct change * ch, const char * event)
{
	struct state * st = ch->c->S->o.state;
	struct err e;

	ch->event = event;
	if (ch->patch == NULL && ch->body == NULL) {
		err_nomem(&e, "a sync");
		change_end(ch, NULL, &e);
		return;
	}
	ch->en->busy = 1;
	syncs_disarm(ch->en);
	syncs_unready(ch->en);
	st->ops->get(st, "sync", ch->en->d->id, on_current, ch);
}

void
syncs_pause(struct syncs * S, const char * id, syncs_cb * cb, void * arg)
{
	struct change * ch = change_new(S, id, cb, arg);

	if (ch == NULL)
		return;
	ch->patch = json_pack("{s:b, s:s}", "enabled", 0, "disabled_reason",
	    "manual");
	change_to(ch, "paused");
}

void
syncs_resume(struct syncs * S, const char * id, syncs_cb * cb, void * arg)
{
	struct change * ch = change_new(S, id, cb, arg);

	if (ch == NULL)
		return;
	ch->patch = json_pack("{s:b, s:n}", "enabled", 1, "disabled_reason");
	change_to(ch, "resumed");
}

void
syncs_patch(struct syncs * S, const char * id, const json_t * body,
    syncs_cb * cb, void * arg)
{
	struct change * ch = change_new(S, id, cb, arg);
	json_t * patch;
	struct err e;

	if (ch == NULL)
		return;
	/* What is wrong whatever the state says is told at once. */
	if ((patch = read_patch(ch->en->d, body, &e)) == NULL) {
		change_end(ch, NULL, &e);
		return;
	}
	json_decref(patch);
	ch->body = json_deep_copy(body);
	change_to(ch, "changed");
}
