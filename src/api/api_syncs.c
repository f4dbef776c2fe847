#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "base/json.h"
#include "stmt/any_sync.h"

/* /v1/syncs: what SYNC and its kin do, for programs. */

/* ---- POST /v1/syncs ---- */

static void
on_alone(void * arg, const struct sync_result * res, const struct err * e)
{
	(void)arg;
	(void)res;
	(void)e;
}

/* It is made; its first run begins, and is nobody's to wait for. */
static void
on_made(void * arg, json_t * v, const struct err * e)
{
	struct api_wait * w = arg;
	struct sync_wait * alone;
	json_t * o;

	if (e != NULL) {
		api_wait_done(w, NULL, e);
		return;
	}
	alone = syncs_run(w->a->o.stmt->syncs, json_str(v, "sync"), 0, NULL,
	    on_alone, NULL);
	if (alone != NULL)
		syncs_leave(alone, 0);
	o = json_pack("{s:O, s:O*, s:O*, s:O*, s:O*, s:O*, s:O*, s:O*}",
	    "id", json_object_get(v, "sync"),
	    "replaced", json_object_get(v, "replaced"),
	    "entities", json_object_get(v, "entities"),
	    "left_out", json_object_get(v, "left_out"),
	    "schedule", json_object_get(v, "schedule"),
	    "schedule_ms", json_object_get(v, "every_ms"),
	    "engine", json_object_get(v, "engine"),
	    "next_run_at", json_object_get(v, "next_run_at"));
	api_reply_json(w->q, w->status, o);
	free(w);
}

/* The text at ${key}; -1: it is none. */
static int
text(const json_t * body, const char * key, const char ** out, struct err * e)
{
	const json_t * v = json_object_get(body, key);

	*out = NULL;
	if (v == NULL || json_is_null(v))
		return (0);
	if (!json_is_string(v))
		return (err_set(e, ERR_CONFIG, "bad_request",
		    "%s must be a string", key));
	*out = json_string_value(v);
	return (0);
}

static int
read_spec(const json_t * body, struct sync_spec * s, struct err * e)
{
	const json_t * ms = json_object_get(body, "schedule_ms");
	const json_t * options = json_object_get(body, "options");

	memset(s, 0, sizeof(*s));
	if (!json_is_object(body))
		return (err_set(e, ERR_CONFIG, "bad_request",
		    "the body must be a JSON object"));
	if (json_check_keys(body, "", e, "connector", "entity", "target",
	    "target_database", "where", "incremental", "schedule",
	    "schedule_ms", "options", NULL) ||
	    text(body, "connector", &s->connector, e) ||
	    text(body, "entity", &s->entity, e) ||
	    text(body, "target", &s->target, e) ||
	    text(body, "target_database", &s->database, e) ||
	    text(body, "where", &s->where, e) ||
	    text(body, "incremental", &s->incremental, e) ||
	    text(body, "schedule", &s->schedule, e))
		return (-1);
	if (s->connector == NULL || s->target == NULL)
		return (err_set(e, ERR_CONFIG, "bad_request", "%s is missing",
		    s->connector == NULL ? "connector" : "target"));
	if (ms != NULL && !json_is_null(ms)) {
		if (!json_is_integer(ms) || json_integer_value(ms) < 1)
			return (err_set(e, ERR_CONFIG, "bad_schedule",
			    "schedule_ms must be a number of milliseconds from "
			    "100 to 86400000"));
		s->every_ms = json_integer_value(ms);
	}
	s->first_now = 1;
	if (options != NULL && !json_is_null(options))
		s->options = options;
	if (s->options != NULL && !json_is_object(options))
		return (err_set(e, ERR_CONFIG, "bad_options",
		    "options must be an object"));
	return (0);
}

static void
create(const struct api_call * c)
{
	json_t * body = api_body(c->q);
	struct sync_spec spec;
	struct api_wait * w;
	struct err e;

	if (body == NULL)
		return;
	if (read_spec(body, &spec, &e))
		api_reply_err(c->q, &e);
	else if ((w = api_wait_new(c, 201)) != NULL)
		syncs_put(c->a->o.stmt->syncs, &spec, on_made, w);
	json_decref(body);
}

/* ---- one, all ---- */

static void
list(const struct api_call * c)
{
	struct api_wait * w;
	int limit;

	if (api_limit(c->q, "limit", 100, 1000, &limit))
		return;
	if ((w = api_wait_new(c, 200)) != NULL)
		any_sync_list(c->a->o.stmt, httpd_req_query(c->q, "after"),
		    (size_t)limit, api_wait_done, w);
}

static void
show(const struct api_call * c)
{
	struct api_wait * w = api_wait_new(c, 200);

	if (w != NULL)
		any_sync_show(c->a->o.stmt, c->id, api_wait_done, w);
}

/* What the sync's own clock and options are called in sync/. */
static json_t *
patch_of(const json_t * body, struct err * e)
{
	const json_t * options = json_object_get(body, "options");
	json_t * o;

	if (!json_is_object(body)) {
		err_set(e, ERR_CONFIG, "bad_request",
		    "the body must be a JSON object");
		return (NULL);
	}
	if (json_check_keys(body, "", e, "schedule", "schedule_ms", "enabled",
	    "options", NULL))
		return (NULL);
	if (options != NULL && !json_is_object(options)) {
		err_set(e, ERR_CONFIG, "bad_options",
		    "options must be an object");
		return (NULL);
	}
	if (options != NULL && json_check_keys(options, "options", e,
	    "deletes", "delete_ratio", NULL))
		return (NULL);
	o = json_pack("{s:O*, s:O*, s:O*, s:O*, s:O*}",
	    "schedule", json_object_get(body, "schedule"),
	    "every_ms", json_object_get(body, "schedule_ms"),
	    "enabled", json_object_get(body, "enabled"),
	    "deletes", json_object_get(options, "deletes"),
	    "delete_ratio", json_object_get(options, "delete_ratio"));
	if (o == NULL)
		err_nomem(e, "a sync");
	return (o);
}

/* Whether it is one of rows; if not, that was answered. */
static int
is_rows(const struct api_call * c)
{
	char name[ANY_SYNC_NAME];
	struct err e;

	switch (any_sync_kind(c->a->o.stmt, c->id, name)) {
	case ANY_SYNC_ROWS:
		return (1);
	case ANY_SYNC_NONE:
		any_sync_none(c->a->o.stmt, c->id, &e);
		break;
	case ANY_SYNC_SCRAPE:
		err_set(&e, ERR_CONFIG, "scrape", "%.128s is the schedule of "
		    "the scrape %.128s: /v1/connectors/%.128s shows and "
		    "changes it", c->id, name, name);
		break;
	}
	api_reply_err(c->q, &e);
	return (0);
}

static void
patch(const struct api_call * c)
{
	json_t * body = api_body(c->q), * o;
	struct api_wait * w;
	struct err e;

	if (body == NULL)
		return;
	if ((o = patch_of(body, &e)) == NULL)
		api_reply_err(c->q, &e);
	else if (is_rows(c) && (w = api_wait_new(c, 204)) != NULL)
		syncs_patch(c->a->o.stmt->syncs, c->id, o, api_wait_done, w);
	json_decref(o);
	json_decref(body);
}

static void
act(const struct api_call * c, void (*what)(const struct stmt_env *,
    const char *, syncs_cb *, void *))
{
	struct api_wait * w = api_wait_new(c, 204);

	if (w != NULL)
		what(c->a->o.stmt, c->id, api_wait_done, w);
}

static void
del(const struct api_call * c)
{
	act(c, any_sync_drop);
}

static void
pause_it(const struct api_call * c)
{
	act(c, any_sync_pause);
}

static void
resume(const struct api_call * c)
{
	act(c, any_sync_resume);
}

/* ?full=1 reads all although it is incremental. */
static void
run(const struct api_call * c)
{
	const char * full = httpd_req_query(c->q, "full");
	struct api_wait * w;

	if (full != NULL && strcmp(full, "0") != 0 && strcmp(full, "1") != 0)
		httpd_error(c->q, 400, "bad_request", "full must be 0 or 1");
	else if ((w = api_wait_new(c, 202)) != NULL)
		any_sync_run(c->a->o.stmt, c->id, full != NULL &&
		    *full == '1', api_wait_done, w);
}

static void
events(const struct api_call * c)
{
	struct state * s = c->a->o.state;
	struct api_wait * w;
	int limit;

	if (api_limit(c->q, "limit", 100, 100, &limit) || !is_rows(c) ||
	    (w = api_wait_new(c, 200)) == NULL)
		return;
	w->as_items = 1;
	s->ops->event_list(s, c->id, limit, api_wait_done, w);
}

static void
explain(const struct api_call * c)
{
	struct api_wait * w;

	if (!is_rows(c) || (w = api_wait_new(c, 200)) == NULL)
		return;
	w->as_items = 1;
	syncs_explain(c->a->o.stmt->syncs, NULL, c->id, api_wait_done, w);
}

const struct api_route api_sync_routes[] = {
	{ HTTPD_POST, "/v1/syncs", create },
	{ HTTPD_GET, "/v1/syncs", list },
	{ HTTPD_GET, "/v1/syncs/:id", show },
	{ HTTPD_PATCH, "/v1/syncs/:id", patch },
	{ HTTPD_DELETE, "/v1/syncs/:id", del },
	{ HTTPD_POST, "/v1/syncs/:id/run", run },
	{ HTTPD_POST, "/v1/syncs/:id/pause", pause_it },
	{ HTTPD_POST, "/v1/syncs/:id/resume", resume },
	{ HTTPD_GET, "/v1/syncs/:id/events", events },
	{ HTTPD_GET, "/v1/syncs/:id/explain", explain },
	{ HTTPD_OTHER, NULL, NULL },
};
