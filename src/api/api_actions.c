#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "base/json.h"

/* /v1/actions: what was done to services. */

static void
on_done(void * arg, json_t * v, const struct err * e)
{
	struct httpd_req * q = arg;

	if (e != NULL)
		api_reply_err(q, e);
	else if (v == NULL)
		httpd_error(q, 404, "not_found", "there is no such action, or "
		    "it is no longer kept");
	else
		api_reply_json(q, 200, json_incref(v));
}

static void
list(const struct api_call * c)
{
	const char * connector = httpd_req_query(c->q, "connector");
	const char * after = httpd_req_query(c->q, "after");
	int limit;

	if (api_limit(c->q, "limit", 100, 1000, &limit))
		return;
	if (after != NULL && strlen(after) > 64) {
		httpd_error(c->q, 400, "bad_request", "after must be an "
		    "action's id");
		return;
	}
	acts_list(c->a->o.stmt->acts, connector, after, (size_t)limit, on_done,
	    c->q);
}

static void
show(const struct api_call * c)
{
	acts_get(c->a->o.stmt->acts, c->id, on_done, c->q);
}

const struct api_route api_action_routes[] = {
	{ HTTPD_GET, "/v1/actions", list },
	{ HTTPD_GET, "/v1/actions/:id", show },
	{ HTTPD_OTHER, NULL, NULL },
};
