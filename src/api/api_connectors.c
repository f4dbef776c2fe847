#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "base/json.h"

/* /v1/connectors: what there is and what is done with it. */

/* The request and the status a good answer has. */
struct wait {
	struct httpd_req * q;
	int status;
};

static void
on_done(void * arg, json_t * v, const struct err * e)
{
	struct wait * w = arg;

	if (e != NULL)
		api_reply_err(w->q, e);
	else if (w->status == 204)
		httpd_reply(w->q, 204, NULL, "", 0);
	else
		api_reply_json(w->q, w->status, v ? json_incref(v) :
		    json_object());
	free(w);
}

static struct wait *
wait_new(struct httpd_req * q, int status)
{
	struct wait * w = malloc(sizeof(*w));

	if (w == NULL) {
		httpd_error(q, 503, "nomem", "out of memory");
		return (NULL);
	}
	w->q = q;
	w->status = status;
	return (w);
}

static void
create(const struct api_call * c)
{
	json_t * body = api_body(c->q);
	struct wait * w;

	if (body != NULL && (w = wait_new(c->q, 201)) != NULL)
		syncs_connector_create(c->a->o.stmt->syncs, body, on_done, w);
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
	struct wait * w;

	if (body != NULL && (w = wait_new(c->q, 204)) != NULL)
		syncs_connector_patch(c->a->o.stmt->syncs, c->id, body, on_done, w);
	json_decref(body);
}

/* Those that need the name alone. */
static void
act(const struct api_call * c, int status, void (*what)(struct syncs *,
    const char *, runner_cb *, void *))
{
	struct wait * w = wait_new(c->q, status);

	if (w != NULL)
		what(c->a->o.stmt->syncs, c->id, on_done, w);
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
	struct wait * w = wait_new(c->q, 200);

	if (w != NULL)
		runner_test(c->a->o.runner, c->id, on_done, w);
}

static void
on_events(void * arg, json_t * v, const struct err * e)
{
	struct wait * w = arg;

	if (e != NULL)
		api_reply_err(w->q, e);
	else
		api_reply_json(w->q, 200, json_pack("{s:O}", "items", v));
	free(w);
}

static void
events(const struct api_call * c)
{
	struct wait * w;
	int limit;

	if (api_limit(c->q, "limit", 100, 100, &limit))
		return;
	if ((w = wait_new(c->q, 200)) != NULL)
		runner_events(c->a->o.runner, c->id, limit, on_events, w);
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
