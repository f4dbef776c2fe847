#include "run/job.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "manifest/manifest_schema.h"
#include "manifest/template.h"
#include "manifest/types.h"
#include "run/literals.h"
#include "run/runner_internal.h"
#include "run/schedule.h"
#include "target/targets.h"

#define BAD(e, code, ...) err_set((e), ERR_CONFIG, (code), __VA_ARGS__)

/* The bounds of the contract. */
#define SCHEDULE_MIN_MS 100
#define SCHEDULE_MAX_MS 86400000

static int
take_string(const json_t * rec, const char * key, char ** out, struct err * e)
{
	const json_t * v = json_object_get(rec, key);

	if (v == NULL || json_is_null(v))
		return (0);
	if (!json_is_string(v))
		return (BAD(e, "bad_request", "%s must be a string", key));
	if (json_string_length(v) == 0)
		return (0);
	if ((*out = strdup(json_string_value(v))) == NULL)
		return (err_nomem(e, "a connector"));
	return (0);
}

static int
check_schedule(struct job * j, const json_t * rec, struct err * e)
{
	const json_t * v = json_object_get(rec, "schedule_ms");

	if (v != NULL && !json_is_null(v)) {
		if (!json_is_integer(v) ||
		    json_integer_value(v) < SCHEDULE_MIN_MS ||
		    json_integer_value(v) > SCHEDULE_MAX_MS)
			return (BAD(e, "bad_schedule_ms", "schedule_ms must be "
			    "an integer from %d to %d", SCHEDULE_MIN_MS,
			    SCHEDULE_MAX_MS));
		j->schedule_ms = json_integer_value(v);
	} else if (j->c->opt.sync_interval_ms != 0 &&
	    (j->target_table != NULL || j->target_database != NULL)) {
		j->schedule_ms = j->c->opt.sync_interval_ms;
		if (j->schedule_ms < SCHEDULE_MIN_MS ||
		    j->schedule_ms > SCHEDULE_MAX_MS)
			return (BAD(e, "bad_schedule_ms", "options.sync_interval "
			    "must be from 100ms to 24h"));
	}
	return (0);
}

static int
check_target(struct job * j, struct err * e)
{
	if (j->target_table == NULL && j->target_database == NULL) {
		if (j->schedule_ms != 0)
			return (BAD(e, "bad_target", "schedule_ms needs a "
			    "target: give target_table too"));
		return (0);
	}
	if (j->schedule_ms == 0)
		return (BAD(e, "bad_schedule_ms", "target_table needs "
		    "schedule_ms: how often to run, in ms"));
	if (j->target_table == NULL)
		return (BAD(e, "bad_target", "target_database needs "
		    "target_table"));
	if (j->target_database == NULL &&
	    (j->target_database = strdup(TARGETS_DEFAULT)) == NULL)
		return (err_nomem(e, "a connector"));
	if (!targets_database_ok(j->target_database))
		return (BAD(e, "bad_target", "target_database '%.64s' must "
		    "hold letters, digits and _, at most 64, begin with a "
		    "letter, and be neither main nor temp",
		    j->target_database));
	if (!targets_table_ok(j->target_table))
		return (BAD(e, "bad_target", "target_table '%.64s' must hold "
		    "letters, digits, _, - and ., at most 128, begin with a "
		    "letter or _, and not with sqlite_", j->target_table));
	if (j->ent == NULL && j->c->m->main != NULL)
		return (BAD(e, "bad_target", "connectors of type %s run on a "
		    "schedule by %s, which needs %s: set that, or leave the "
		    "target away and ask with SELECT", j->c->m->type,
		    j->c->m->main->name, j->c->m->main->lists[0].url));
	if (j->ent == NULL)
		return (BAD(e, "bad_target", "type %s has no main entity to "
		    "sync", j->c->m->type));
	if (j->ent->decode != DECODE_OPENMETRICS)
		return (BAD(e, "bad_target", "rows of type %s are kept by a "
		    "sync, which has its target and schedule in a record of "
		    "its own", j->c->m->type));
	return (0);
}

/* The entity that a schedule reads: none if its request needs what the config
 * does not give. */
static const struct manifest_entity *
scheduled(const struct connector * c)
{
	const struct manifest_entity * ent = c->m->main;
	struct template_env env = { .schema = c->m->config };
	json_t * config;
	int knows;

	if (ent == NULL || ent->decode != DECODE_OPENMETRICS ||
	    ent->nlists == 0)
		return (ent);
	config = connector_config(c);
	env.config = config;
	knows = config != NULL && template_knows(ent->lists[0].url, &env);
	json_decref(config);
	return (knows ? ent : NULL);
}

static int
fill(struct job * j, const json_t * rec, struct err * e)
{
	const json_t * en = json_object_get(rec, "enabled");
	size_t n;

	if (take_string(rec, "target_database", &j->target_database, e) ||
	    take_string(rec, "target_table", &j->target_table, e) ||
	    take_string(rec, "disabled_reason", &j->disabled_reason, e) ||
	    take_string(rec, "node", &j->node, e) ||
	    check_schedule(j, rec, e) || check_target(j, e))
		return (-1);
	if (en != NULL && !json_is_boolean(en))
		return (BAD(e, "bad_request", "enabled must be true or false"));
	j->enabled = en == NULL || json_is_true(en);
	j->created_at = json_int(rec, "created_at", 0);
	j->last_bucket = INT64_MIN;
	if (j->ent == NULL || j->ent->decode != DECODE_OPENMETRICS)
		return (0);
	n = strlen(j->c->name) + strlen(j->ent->name) + 2;
	if ((j->sync = malloc(n)) == NULL)
		return (err_nomem(e, "a connector"));
	snprintf(j->sync, n, "%s.%s", j->c->name, j->ent->name);
	if (j->schedule_ms > 0)
		j->offset_ms = schedule_offset(j->c->id, j->schedule_ms);
	if ((j->req = request_prepare(j->c, j->ent, e)) == NULL)
		return (-1);
	return (0);
}

struct job *
job_from_record(struct runner * r, const json_t * rec, struct err * e)
{
	const char * type = json_str(rec, "type"), * name = json_str(rec, "name");
	struct manifest * m;
	struct job * j;

	if (name == NULL) {
		BAD(e, "bad_name", "name is missing or no string");
		return (NULL);
	}
	if (type == NULL) {
		BAD(e, "unknown_type", "type is missing or no string");
		return (NULL);
	}
	if ((m = types_get(r->types, type)) == NULL) {
		BAD(e, "unknown_type", "there is no type '%.64s'; "
		    "GET /v1/types lists them", type);
		return (NULL);
	}
	if ((j = calloc(1, sizeof(*j))) == NULL) {
		err_nomem(e, "a connector");
		return (NULL);
	}
	j->runner = r;
	j->c = connector_new(m, json_str(rec, "id") ? json_str(rec, "id") : "",
	    name, json_object_get(rec, "config"),
	    json_object_get(rec, "options"), e);
	if (j->c != NULL)
		j->ent = scheduled(j->c);
	if (j->c == NULL || fill(j, rec, e)) {
		job_free(j);
		return (NULL);
	}
	return (j);
}

void
job_free(struct job * j)
{
	if (j == NULL)
		return;
	sample_source_close(j->source);
	loop_timer_free(j->timer);
	request_free(j->req);
	connector_unref(j->c);
	free(j->sync);
	free(j->target_database);
	free(j->target_table);
	free(j->node);
	free(j->disabled_reason);
	free(j->last_error);
	json_decref(j->misfit);
	free(j);
}

json_t *
job_record(const struct job * j)
{
	if (j->misfit != NULL)
		return (json_deep_copy(j->misfit));
	return (json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:o, "
	    "s:o, s:I}",
	    "id", j->c->id, "name", j->c->name, "type", j->c->m->type,
	    "config", json_loads(j->c->config, 0, NULL),
	    "options", json_loads(j->c->options, 0, NULL),
	    "target_database", json_opt_string(j->target_database),
	    "target_table", json_opt_string(j->target_table),
	    "schedule_ms", j->schedule_ms ?
	    json_integer(j->schedule_ms) : json_null(),
	    "enabled", j->enabled,
	    "disabled_reason", json_opt_string(j->disabled_reason),
	    "node", json_opt_string(j->node),
	    "created_at", (json_int_t)j->created_at));
}

json_t *
job_sync_record(const struct job * j)
{
	return (json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:o}",
	    "id", j->sync, "connector", j->c->name, "entity", j->ent->name,
	    "target_database", j->target_database,
	    "target_table", j->target_table,
	    "schedule_ms", (json_int_t)j->schedule_ms,
	    "node", json_opt_string(j->node)));
}

static const char *
status_name(const struct job * j)
{
	if (!j->enabled)
		return ("disabled");
	if (j->last_error != NULL)
		return ("error");
	return (j->last_success_at == 0 ? "pending" : "connected");
}

json_t *
job_status(const struct job * j)
{
	return (json_pack("{s:s, s:o, s:o, s:o, s:I, s:o}",
	    "status", status_name(j),
	    "last_run_at", json_opt_time(j->last_run_at),
	    "last_success_at", json_opt_time(j->last_success_at),
	    "last_error", json_opt_string(j->last_error),
	    "last_rows", (json_int_t)j->last_rows,
	    "disabled_reason", json_opt_string(j->disabled_reason)));
}

int64_t
job_status_time(const json_t * status)
{
	return (status == NULL ? 0 : json_time(status, "last_run_at"));
}

void
job_status_apply(struct job * j, const json_t * status)
{
	const char * le = json_str(status, "last_error");

	if (status == NULL)
		return;
	j->last_run_at = json_time(status, "last_run_at");
	j->last_success_at = json_time(status, "last_success_at");
	j->last_rows = json_int(status, "last_rows", 0);
	free(j->last_error);
	j->last_error = le ? strdup(le) : NULL;
}

void
job_take_over(struct job * j, const struct job * old)
{
	j->last_run_at = old->last_run_at;
	j->last_success_at = old->last_success_at;
	j->last_rows = old->last_rows;
	if (j->schedule_ms == old->schedule_ms)
		j->last_bucket = old->last_bucket;
	j->triggered |= old->triggered;
	free(j->last_error);
	j->last_error = old->last_error ? strdup(old->last_error) : NULL;
	memcpy(j->error_code, old->error_code, sizeof(j->error_code));
}

int
job_is_away(const struct job * j, char where[RUNNER_WHERE])
{
	const struct runner * r = j->runner;

	return (j->enabled && !j->mine && j->schedule_ms > 0 &&
	    j->node != NULL && r->where != NULL &&
	    r->where(r->where_arg, j->node, where));
}

const char *
job_status_shown(const struct job * j)
{
	char where[RUNNER_WHERE];

	return (job_is_away(j, where) ? "error" : status_name(j));
}

/* What it cannot run for comes before how its last run ended. */
static json_t *
error_shown(const struct job * j)
{
	char where[RUNNER_WHERE];

	if (!job_is_away(j, where))
		return (json_opt_string(j->last_error));
	return (json_sprintf("transient: it runs on node %s, which holds its "
	    "target", where));
}

json_t *
job_show(const struct job * j)
{
	const struct manifest * m = j->c->m;
	json_t * config = connector_config(j->c), * hidden = NULL, * v;

	if (config != NULL && m != NULL)
		hidden = manifest_config_hide(m->config, config);
	if (hidden != NULL)
		literals_hide(hidden);
	json_decref(config);
	v = json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:b, s:o, "
	    "s:o, s:o, s:o, s:I, s:o, s:o, s:o}",
	    "id", j->c->id, "name", j->c->name, "type", m ? m->type : "",
	    "status", job_status_shown(j),
	    "target_database", json_opt_string(j->target_database),
	    "target_table", json_opt_string(j->target_table),
	    "schedule_ms", j->schedule_ms ?
	    json_integer(j->schedule_ms) : json_null(),
	    "drive_model", json_opt_string(m ? m->drive_model : NULL),
	    "enabled", j->enabled,
	    "disabled_reason", json_opt_string(j->disabled_reason),
	    "last_run_at", json_opt_time(j->last_run_at),
	    "last_success_at", json_opt_time(j->last_success_at),
	    "last_error", error_shown(j),
	    "last_rows_ingested", (json_int_t)j->last_rows,
	    "node", json_opt_string(j->node),
	    "config", hidden ? hidden : json_null(),
	    "options", json_loads(j->c->options, 0, NULL));
	if (v != NULL && j->misfit != NULL)
		job_misfit_show(j, v);
	return (v);
}

void
job_set_error(struct job * j, const struct err * e)
{
	size_t n;

	free(j->last_error);
	j->last_error = NULL;
	j->error_code[0] = '\0';
	if (e == NULL)
		return;
	snprintf(j->error_code, sizeof(j->error_code), "%s", e->code);
	/* The class first: what a person can do depends on it. */
	n = strlen(e->msg) + 16;
	if ((j->last_error = malloc(n)) != NULL)
		snprintf(j->last_error, n, "%s: %s", err_class_name(e->cls),
		    e->msg);
}

void
job_set_disabled(struct job * j, const char * reason)
{
	char * copy = reason ? strdup(reason) : NULL;

	free(j->disabled_reason);
	j->disabled_reason = copy;
	j->enabled = reason == NULL;
}
