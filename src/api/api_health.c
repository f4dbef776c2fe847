#include "api/api_internal.h"

/* /healthz: the loop turns.  /readyz: ready for work. */

static void
healthz(const struct api_call * c)
{
	api_reply_json(c->q, 200, json_pack("{s:s}", "status", "ok"));
}

static void
readyz(const struct api_call * c)
{
	struct state * s = c->a->o.state;

	/* First: it is also why connectors are not loaded yet. */
	if (!s->ops->is_up(s))
		httpd_error(c->q, 503, "state_away", "the %s state cannot be "
		    "reached; queries go on, runs wait", s->ops->name);
	else if (!c->a->ready)
		httpd_error(c->q, 503, "starting",
		    "connectors are still being loaded");
	else
		api_reply_json(c->q, 200, json_pack("{s:s}", "status",
		    "ready"));
}

const struct api_route api_health_routes[] = {
	{ HTTPD_GET, "/healthz", healthz },
	{ HTTPD_GET, "/readyz", readyz },
	{ HTTPD_OTHER, NULL, NULL },
};
