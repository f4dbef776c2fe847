#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "sync/syncs_op.h"

static const char * const sync_keys[] = { "target_database", "target_table",
    "schedule_ms" };

void
syncs_op_end(struct syncs_op * op, const struct err * e)
{
	struct err copy;

	/* ${e} may be the op's. */
	if (e != NULL)
		copy = *e;
	syncs_call_end(op->c, e == NULL ? json_incref(op->answer) : NULL,
	    e == NULL ? NULL : &copy);
	free(op->name);
	json_decref(op->answer);
	json_decref(op->want);
	json_decref(op->rest);
	free(op);
}

struct syncs_op *
syncs_op_new(struct syncs * S, const char * name, runner_cb * cb, void * arg)
{
	struct syncs_call * c = syncs_call_new(S, cb, arg);
	struct syncs_op * op;
	struct err e;

	if (c == NULL)
		return (NULL);
	if ((op = calloc(1, sizeof(*op))) == NULL ||
	    (op->name = strdup(name)) == NULL) {
		free(op);
		err_nomem(&e, "a request");
		syncs_call_end(c, NULL, &e);
		return (NULL);
	}
	op->c = c;
	return (op);
}

/* Move the sync's keys of ${body} into ${*want} (NULL: there are none); the rest
 * is returned.  Both owned by the caller. */
json_t *
syncs_op_split(const json_t * body, json_t ** want)
{
	json_t * rest = json_copy((json_t *)(uintptr_t)body), * v;
	size_t i;

	*want = NULL;
	for (i = 0; rest != NULL && i < 3; i++) {
		if ((v = json_object_get(rest, sync_keys[i])) == NULL)
			continue;
		if (*want == NULL)
			*want = json_object();
		json_object_set(*want, sync_keys[i], v);
		json_object_del(rest, sync_keys[i]);
	}
	return (rest);
}

/* What the keys mean; texts are borrowed.  1: there is to be no sync. */
int
syncs_op_read(const json_t * want, int64_t interval, struct sync_spec * s,
    struct err * e)
{
	const json_t * v;
	size_t i;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < 2; i++) {
		v = json_object_get(want, sync_keys[i]);
		if (v != NULL && !json_is_null(v) && !json_is_string(v))
			return (err_set(e, ERR_CONFIG, "bad_request",
			    "%s must be a string", sync_keys[i]));
	}
	s->database = json_str(want, "target_database");
	s->target = json_str(want, "target_table");
	v = json_object_get(want, "schedule_ms");
	if (v != NULL && !json_is_null(v)) {
		s->every_ms = json_integer_value(v);
		if (!json_is_integer(v) || s->every_ms < SYNCS_EVERY_MIN ||
		    s->every_ms > SYNCS_EVERY_MAX)
			return (err_set(e, ERR_CONFIG, "bad_schedule_ms",
			    "schedule_ms must be an integer from %d to %d",
			    SYNCS_EVERY_MIN, SYNCS_EVERY_MAX));
	}
	if (s->target == NULL && s->database == NULL && s->every_ms == 0)
		return (1);
	if (s->target == NULL)
		return (err_set(e, ERR_CONFIG, "bad_target", "%s needs a "
		    "target: give target_table too", s->database ?
		    "target_database" : "schedule_ms"));
	if (s->every_ms == 0 && interval == 0)
		return (err_set(e, ERR_CONFIG, "bad_schedule_ms",
		    "target_table needs schedule_ms: how often to run, in ms"));
	s->is_main = 1;
	return (0);
}

void
syncs_op_heard(void * arg, const struct sync_result * r, const struct err * e)
{
	(void)arg;
	(void)r;
	(void)e; /* its status tells */
}

/* Whoever made it wants to see it work. */
static void
first_run(struct syncs * S, const json_t * v)
{
	if (json_str(v, "sync") != NULL &&
	    !json_is_true(json_object_get(v, "replaced")))
		(void)syncs_run(S, json_str(v, "sync"), 0, NULL, syncs_op_heard,
		    NULL);
}

static void
on_undone(void * arg, json_t * v, const struct err * e)
{
	struct syncs_op * op = arg;

	(void)v;
	if (e != NULL)
		log_event(LOG_WARN, "connector_not_undone",
		    LOG_S("connector", op->name), LOG_E(e));
	syncs_op_end(op, &op->e);
}

static void
on_main_put(void * arg, json_t * v, const struct err * e)
{
	struct syncs_op * op = arg;
	struct syncs * S = op->c->S;

	if (e == NULL) {
		first_run(S, v);
		syncs_op_end(op, NULL);
	} else if (op->undo) {
		op->e = *e;
		runner_delete(S->o.runner, op->name, on_undone, op);
	} else {
		syncs_op_end(op, e);
	}
}

void
syncs_op_ended(void * arg, json_t * v, const struct err * e)
{
	(void)v;
	syncs_op_end(arg, e);
}

/* Make the main sync what op->want says. */
void
syncs_op_put_main(struct syncs_op * op)
{
	struct syncs * S = op->c->S;
	struct connector * c = runner_connector(S->o.runner, op->name);
	struct syncs_entry * main = syncs_main(S, op->name);
	struct sync_spec s;
	struct err e;
	int rc;

	if (c == NULL)
		rc = err_set(&e, ERR_CONFIG, "not_found",
		    "there is no connector '%.140s'", op->name);
	else
		rc = syncs_op_read(op->want, c->opt.sync_interval_ms, &s, &e);
	if (rc == 0) {
		s.connector = op->name;
		s.entity = c->m->main->name;
		syncs_put(S, &s, on_main_put, op);
	} else if (rc < 0) {
		on_main_put(op, NULL, &e);
	} else if (main != NULL) {
		syncs_drop(S, main->d->id, syncs_op_ended, op);
	} else {
		syncs_op_end(op, NULL);
	}
}
