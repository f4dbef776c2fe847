#include "config.h"

#include "api/api_internal.h"
#include "base/clock.h"

/* /v1/status: this daemon in one object, for "moltler status". */

static void
status(const struct api_call * c)
{
	struct api * a = c->a;
	struct runner_stats st;
	struct loop_lag lag;
	struct httpd_stats hs;

	runner_stats_get(a->o.runner, &st);
	loop_lag_get(a->o.loop, &lag);
	httpd_stats_get(a->httpd, &hs);
	api_reply_json(c->q, 200, json_pack(
	    "{s:s, s:s, s:I, s:{s:s, s:b}, s:{s:f, s:f, s:f}, "
	    "s:{s:I, s:I, s:I, s:I}, s:I, s:I, s:I, s:I}",
	    "node", a->o.node, "version", PACKAGE_VERSION,
	    "uptime_s", (json_int_t)((clock_wall_ms() - a->started_ms) / 1000),
	    "state", "backend", a->o.state->ops->name,
	    "up", a->o.state->ops->is_up(a->o.state),
	    "loop_lag_ms", "p50", (double)lag.p50_us / 1000,
	    "p99", (double)lag.p99_us / 1000, "max", (double)lag.max_us / 1000,
	    "connectors", "connected", (json_int_t)st.connected,
	    "error", (json_int_t)st.error,
	    "disabled", (json_int_t)st.disabled,
	    "pending", (json_int_t)st.pending,
	    "rows_total", (json_int_t)st.rows,
	    "running", (json_int_t)st.running,
	    "queries", (json_int_t)a->nqueries,
	    "connections", (json_int_t)hs.conns));
}

const struct api_route api_status_routes[] = {
	{ HTTPD_GET, "/v1/status", status },
	{ HTTPD_OTHER, NULL, NULL },
};
