#include "api/api_internal.h"
#include "base/json.h"

/* /v1/connectors: what there is and what is done with it. */

static void
create(const struct api_call * c)
{
	json_t * body = api_body(c->q);
	struct api_wait * w;

	if (body != NULL && (w = api_wait_new(c, 201)) != NULL)
		syncs_connector_create(c->a->o.stmt->syncs, body, api_wait_done, w);
	json_decref(body);
}

static void
list(const struct api_call * c)
{
	const char * next;
	json_t * items, * item, * v;
	size_t i;
	int limit;

	if (api_limit(c->q, "limit", 100, 1000, &limit))
		return;
	items = runner_list(c->a->o.runner, httpd_req_query(c->q, "after"),
	    (size_t)limit, &next);
	json_array_foreach(items, i, item)
		syncs_connector_show(c->a->o.stmt->syncs, item);
	v = json_pack("{s:o, s:o}", "items", items, "next",
	    json_opt_string(next));
	api_reply_json(c->q, 200, v);
}

static void
show(const struct api_call * c)
{
	json_t * v = runner_show(c->a->o.runner, c->id);

	if (v == NULL)
		httpd_error(c->q, 404, "not_found",
		    "there is no connector '%.140s'", c->id);
	else {
		syncs_connector_show(c->a->o.stmt->syncs, v);
		api_reply_json(c->q, 200, v);
	}
}

static void
patch(const struct api_call * c)
{
	json_t * body = api_body(c->q);
	struct api_wait * w;

	if (body != NULL && (w = api_wait_new(c, 204)) != NULL)
		syncs_connector_patch(c->a->o.stmt->syncs, c->id, body, api_wait_done, w);
	json_decref(body);
}

/* Those that need the name alone. */
static void
act(const struct api_call * c, int status, void (*what)(struct syncs *,
    const char *, runner_cb *, void *))
{
	struct api_wait * w = api_wait_new(c, status);

	if (w != NULL)
		what(c->a->o.stmt->syncs, c->id, api_wait_done, w);
}

static void
del(const struct api_call * c)
{
	act(c, 204, syncs_connector_delete);
}

static void
pause_it(const struct api_call * c)
{
	act(c, 204, syncs_connector_pause);
}

static void
resume(const struct api_call * c)
{
	act(c, 204, syncs_connector_resume);
}

static void
trigger(const struct api_call * c)
{
	act(c, 202, syncs_connector_trigger);
}

static void
test(const struct api_call * c)
{
	struct api_wait * w = api_wait_new(c, 200);

	if (w != NULL)
		runner_test(c->a->o.runner, c->id, api_wait_done, w);
}

static void
events(const struct api_call * c)
{
	struct api_wait * w;
	int limit;

	if (api_limit(c->q, "limit", 100, 100, &limit))
		return;
	if ((w = api_wait_new(c, 200)) == NULL)
		return;
	w->as_items = 1;
	runner_events(c->a->o.runner, c->id, limit, api_wait_done, w);
}

const struct api_route api_connector_routes[] = {
	{ HTTPD_POST, "/v1/connectors", create },
	{ HTTPD_GET, "/v1/connectors", list },
	{ HTTPD_GET, "/v1/connectors/:id", show },
	{ HTTPD_PATCH, "/v1/connectors/:id", patch },
	{ HTTPD_DELETE, "/v1/connectors/:id", del },
	{ HTTPD_POST, "/v1/connectors/:id/pause", pause_it },
	{ HTTPD_POST, "/v1/connectors/:id/resume", resume },
	{ HTTPD_POST, "/v1/connectors/:id/trigger", trigger },
	{ HTTPD_POST, "/v1/connectors/:id/test", test },
	{ HTTPD_GET, "/v1/connectors/:id/events", events },
	{ HTTPD_OTHER, NULL, NULL },
};
