#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uuid.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "conn/connector_check.h"
#include "run/literals.h"
#include "run/runner_op.h"

/* Connectors made and changed. */

/* ---- create ---- */

static int
check_body_keys(const json_t * body, struct err * e)
{
	if (!json_is_object(body))
		return (err_set(e, ERR_CONFIG, "bad_request",
		    "the body must be a JSON object"));
	if (json_check_keys(body, "", e, "name", "type",
	    "target_database", "target_table", "schedule_ms", "config",
	    "options", "enabled", NULL))
		return (-1);
	return (literals_check(json_object_get(body, "config"), e));
}

/* What only who writes it is told: of what ${body} speaks of. */
static int
check_written(const struct job * j, const json_t * body, struct err * e)
{
	if (json_object_get(body, "config") != NULL &&
	    connector_check_config(j->c, e))
		return (-1);
	return (json_object_get(body, "options") != NULL ?
	    connector_check_options(j->c, e) : 0);
}

/* ---- literals ---- */

static void put_created(struct op * op);
static void put_patched(struct op * op);

/* They are durable; now what refers to them. */
static void
on_moved(void * arg, const struct err * e)
{
	struct op * op = arg;
	struct job * j = NULL;
	int is_patch = op->job != NULL;

	if (e != NULL)
		op->e = *e;
	else if (op->rec == NULL)
		err_nomem(&op->e, "a connector");
	else
		j = job_from_record(op->r, op->rec, &op->e);
	if (is_patch)
		op->job->busy = 0;
	if (j == NULL) {
		literals_undo(op->literals);
		runner_op_finish(op, &op->e);
		return;
	}
	if (is_patch) {
		op->next = j;
		put_patched(op);
	} else {
		op->job = j;
		put_created(op);
	}
}

/* Move the literals of what ${rec} says of ${j}: 1 while that goes on, 0 if
 * there are none, -1 with op->e. */
static int
move_literals(struct op * op, const struct job * j, json_t * rec)
{
	json_t * config = json_deep_copy(json_object_get(rec, "config"));
	int rc;

	if (config == NULL)
		return (0);
	rc = literals_move(op->r->secret_store, j->c->m->config, config,
	    j->c->id, &op->literals, on_moved, op, &op->e);
	if (rc > 0) {
		json_object_set(rec, "config", config);
		/* Whoever asked wipes what is shared with the body. */
		op->rec = json_deep_copy(rec);
	} else {
		literals_wipe(config);
	}
	json_decref(config);
	return (rc);
}

/* The record a create's body asks for; owned by the caller. */
static json_t *
new_record(struct runner * r, const json_t * body)
{
	json_t * rec = json_copy((json_t *)(uintptr_t)body);
	char id[UUID_STR_LEN];
	uuid_t u;

	if (rec == NULL)
		return (NULL);
	uuid_generate_random(u);
	uuid_unparse_lower(u, id);
	json_object_set_new(rec, "id", json_string(id));
	json_object_set_new(rec, "node", json_string(r->node));
	json_object_set_new(rec, "created_at", json_integer(clock_wall_ms()));
	if (json_is_false(json_object_get(rec, "enabled")))
		json_object_set_new(rec, "disabled_reason",
		    json_string("manual"));
	return (rec);
}

void
runner_put_sync(struct job * j)
{
	json_t * rec;

	if (j->schedule_ms == 0 || (rec = job_sync_record(j)) == NULL)
		return;
	j->runner->state->ops->put(j->runner->state, "sync", j->sync, rec, 0,
	    NULL, NULL);
	json_decref(rec);
}

/* Where nobody knows whether the record was written, what it refers to stays;
 * the next start looks for what nothing refers to. */
static void
undo_literals(struct op * op, const struct err * e)
{
	if (e != NULL && e->cls != ERR_TRANSIENT)
		literals_undo(op->literals);
}

static void
on_created(void * arg, json_t * v, const struct err * e)
{
	struct op * op = arg;
	struct job * j = op->job, * noticed;
	struct err why;

	(void)v;
	op->r->changes++;
	HASH_FIND(by_name, op->r->by_name, j->c->name, strlen(j->c->name),
	    noticed);
	if (e == NULL && noticed != NULL) {
		/* The poll was faster: it runs already. */
		op->answer = json_pack("{s:s}", "id", j->c->id);
		job_free(j);
		runner_op_finish(op, NULL);
		return;
	}
	if (e != NULL || runner_insert(op->r, j, &why)) {
		why = e != NULL ? *e : why;
		undo_literals(op, e);
		if (strcmp(why.code, "exists") == 0)
			err_set(&why, ERR_CONFIG, "exists",
			    "there is a connector '%s' already", j->c->name);
		job_free(j);
		runner_op_finish(op, &why);
		return;
	}
	runner_put_sync(j);
	runner_event(j, "created", NULL);
	runner_dirty(j, 1);
	log_event(LOG_INFO, "connector_created", LOG_S("connector", j->c->name),
	    LOG_S("type", j->c->m->type));
	op->answer = json_pack("{s:s}", "id", j->c->id);
	/* The first run at once: whoever made it wants to see it work. */
	if (j->enabled && j->schedule_ms > 0)
		runner_fire_first(j);
	runner_schedule(j);
	runner_op_finish(op, NULL);
}

/* Write the record of op->job. */
static void
put_created(struct op * op)
{
	json_t * full = job_record(op->job);
	struct runner * r = op->r;

	if (full == NULL) {
		job_free(op->job);
		literals_undo(op->literals);
		err_nomem(&op->e, "a connector");
		runner_op_soon(op);
		return;
	}
	op->job->mine = 1;
	r->state->ops->put(r->state, "connector", op->job->c->name, full, 1,
	    on_created, op);
	json_decref(full);
}

/* Make the job that a create's body asks for; 1 if its literals come first. */
static int
make_created(struct op * op, const json_t * body)
{
	struct runner * r = op->r;
	json_t * rec = new_record(r, body);
	struct job * taken;
	int rc = -1;

	if (rec == NULL)
		return (err_nomem(&op->e, "a connector"));
	if ((op->job = job_from_record(r, rec, &op->e)) != NULL) {
		if ((taken = runner_find(r, op->job->c->name)) != NULL)
			err_set(&op->e, ERR_CONFIG, "exists", "there is a "
			    "connector '%s' already", taken->c->name);
		else if (strcasecmp(op->job->c->name, "main") == 0)
			err_set(&op->e, ERR_CONFIG, "bad_name", "'%s' is what "
			    "SQL calls its own tables; choose another name",
			    op->job->c->name);
		else if (check_written(op->job, body, &op->e) == 0)
			rc = move_literals(op, op->job, rec);
	}
	if (rc != 0) {
		job_free(op->job);
		op->job = NULL;
	}
	json_decref(rec);
	return (rc);
}

void
runner_create(struct runner * r, const json_t * body, runner_cb * cb,
    void * arg)
{
	struct op * op = runner_op_new(r, cb, arg);
	int rc = -1;

	if (op == NULL)
		return;
	if (r->stopping)
		err_set(&op->e, ERR_TRANSIENT, "stopping",
		    "this daemon is shutting down");
	else if (check_body_keys(body, &op->e) == 0)
		rc = make_created(op, body);
	if (rc < 0)
		runner_op_soon(op);
	else if (rc == 0)
		put_created(op);
}

/* ---- patch ---- */

/* RFC 7396 for one level: null removes a key, the rest replaces it. */
static int
merge(json_t * rec, const char * key, const json_t * with, struct err * e)
{
	json_t * o = json_object_get(rec, key);
	const json_t * v;
	const char * k;

	if (!json_is_object(o)) { /* of a record that does not fit */
		json_object_set_new(rec, key, json_object());
		o = json_object_get(rec, key);
	}

	if (!json_is_object(with))
		return (err_set(e, ERR_CONFIG, "bad_request",
		    "%s must be an object", key));
	json_object_foreach((json_t *)(uintptr_t)with, k, v) {
		if (json_is_null(v))
			json_object_del(o, k);
		else
			json_object_set(o, k, (json_t *)(uintptr_t)v);
	}
	return (0);
}

static int
patch_record(json_t * rec, const json_t * body, struct err * e)
{
	const json_t * v;
	const char * k;

	json_object_foreach((json_t *)(uintptr_t)body, k, v) {
		if (strcmp(k, "config") == 0 || strcmp(k, "options") == 0) {
			if (merge(rec, k, v, e))
				return (-1);
		} else if (strcmp(k, "name") == 0 || strcmp(k, "type") == 0) {
			if (!json_equal(json_object_get(rec, k),
			    (json_t *)(uintptr_t)v))
				return (err_set(e, ERR_CONFIG, "bad_request",
				    "%s cannot be changed; make another "
				    "connector", k));
		} else {
			json_object_set(rec, k, (json_t *)(uintptr_t)v);
		}
	}
	v = json_object_get(body, "enabled");
	if (json_is_true(v))
		json_object_set_new(rec, "disabled_reason", json_null());
	else if (json_is_false(v))
		json_object_set_new(rec, "disabled_reason",
		    json_string("manual"));
	return (0);
}

static void
on_replaced(void * arg)
{
	struct op * op = arg;
	struct job * j = op->next;
	int was = op->job->enabled;

	literals_sweep(op->r->secret_store, op->job->c->config, j->c->config);
	runner_replaced(j, op->job);
	if (*op->changed != '\0')
		runner_event(j, "changed", op->changed);
	if (j->enabled != was)
		runner_event(j, was ? "paused" : "resumed",
		    was ? j->disabled_reason : NULL);
	runner_dirty(j, 1);
	runner_op_finish(op, NULL);
}

static void
on_patched(void * arg, json_t * v, const struct err * e)
{
	struct op * op = arg;
	struct runner * r = op->r;
	struct job * old = op->job, * j = op->next;

	(void)v;
	old->busy = 0;
	if (e != NULL) {
		undo_literals(op, e);
		job_free(j);
		runner_op_finish(op, e);
		return;
	}
	r->changes++;
	if (runner_replace(r, old, j)) {
		job_free(j);
		err_nomem(&op->e, "a connector");
		runner_end_job(old, runner_op_ended, op);
		return;
	}
	if (j->schedule_ms > 0)
		runner_put_sync(j);
	else if (old->schedule_ms > 0)
		r->state->ops->del(r->state, "sync", old->sync, NULL, NULL);
	runner_end_job(old, on_replaced, op);
}

static void
note_changed(struct op * op, const json_t * body)
{
	const json_t * v;
	const char * k;
	size_t n;

	json_object_foreach((json_t *)(uintptr_t)body, k, v) {
		n = strlen(op->changed);
		if (strcmp(k, "enabled") != 0)
			snprintf(op->changed + n, sizeof(op->changed) - n,
			    "%s%s", n > 0 ? ", " : "", k);
	}
}

/* Write the record of op->next. */
static void
put_patched(struct op * op)
{
	struct runner * r = op->r;
	json_t * full = job_record(op->next);

	if (full == NULL) {
		job_free(op->next);
		literals_undo(op->literals);
		err_nomem(&op->e, "a connector");
		runner_op_soon(op);
		return;
	}
	op->next->mine = op->job->mine;
	op->job->busy = 1;
	r->state->ops->put(r->state, "connector", op->job->c->name, full, 0,
	    on_patched, op);
	json_decref(full);
}

void
runner_patch_job(struct op * op, const json_t * body)
{
	json_t * rec = NULL;
	int rc = -1;

	if (check_body_keys(body, &op->e) == 0) {
		if ((rec = job_record(op->job)) == NULL)
			err_nomem(&op->e, "a connector");
		else if (patch_record(rec, body, &op->e) == 0 && (op->next =
		    job_from_record(op->r, rec, &op->e)) != NULL &&
		    check_written(op->next, body, &op->e) == 0)
			rc = move_literals(op, op->next, rec);
	}
	json_decref(rec);
	if (rc != 0) {
		job_free(op->next);
		op->next = NULL;
	}
	if (rc < 0) {
		runner_op_soon(op);
		return;
	}
	note_changed(op, body);
	if (rc == 0)
		put_patched(op);
	else
		op->job->busy = 1;
}

void
runner_patch(struct runner * r, const char * key, const json_t * body,
    runner_cb * cb, void * arg)
{
	struct op * op = runner_op_on(r, key, 1, cb, arg);

	if (op != NULL)
		runner_patch_job(op, body);
}
