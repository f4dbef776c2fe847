#include "config.h"

#include <string.h>

#include "api/api_internal.h"
#include "base/clock.h"
#include "base/json.h"

/* /v1/status: this daemon in one object, for "moltler status". */

/* Who is there and what each runs; alone it is this daemon. */
static json_t *
nodes(const struct api * a)
{
	const struct syncs * S = a->o.stmt->syncs;
	json_t * all = json_array(), * info, * running;
	const char * id;

	if (syncs_nodes(S) == NULL || json_object_size(syncs_nodes(S)) == 0) {
		json_array_append_new(all, json_pack("{s:s, s:s, s:b, s:o}",
		    "node", a->o.node, "version", PACKAGE_VERSION, "here", 1,
		    "syncs", syncs_running(S)));
		return (all);
	}
	json_object_foreach((json_t *)(uintptr_t)syncs_nodes(S), id, info) {
		running = strcmp(id, a->o.node) == 0 ? syncs_running(S) :
		    json_incref(json_object_get(info, "syncs"));
		json_array_append_new(all, json_pack("{s:s, s:s?, s:s?, s:b, "
		    "s:o}", "node", id, "version", json_str(info, "version"),
		    "listen", json_str(info, "listen"), "here",
		    strcmp(id, a->o.node) == 0, "syncs", running != NULL ?
		    running : json_array()));
	}
	return (all);
}

static json_t *
syncs(const struct api * a)
{
	struct syncs_stats st;

	syncs_stats_get(a->o.stmt->syncs, &st);
	return (json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:{s:I, s:I, "
	    "s:I}, s:I, s:I, s:I}", "total", (json_int_t)st.total,
	    "running", (json_int_t)st.running,
	    "scheduled", (json_int_t)st.scheduled,
	    "paused", (json_int_t)st.paused, "failed", (json_int_t)st.failed,
	    "partial", (json_int_t)st.partial, "mine", (json_int_t)st.mine,
	    "runs", "complete", (json_int_t)st.runs[0],
	    "partial", (json_int_t)st.runs[1],
	    "failed", (json_int_t)st.runs[2],
	    "rows_total", (json_int_t)st.rows,
	    "rejected_total", (json_int_t)st.rejected,
	    "deleted_total", (json_int_t)st.deleted));
}

static void
status(const struct api_call * c)
{
	struct api * a = c->a;
	struct runner_stats st;
	struct loop_lag lag;
	struct httpd_stats hs;
	struct syncs_stats ss;

	syncs_stats_get(a->o.stmt->syncs, &ss);
	runner_stats_get(a->o.runner, &st);
	loop_lag_get(a->o.loop, &lag);
	httpd_stats_get(a->httpd, &hs);
	api_reply_json(c->q, 200, json_pack(
	    "{s:s, s:s, s:I, s:{s:s, s:b}, s:{s:f, s:f, s:f}, "
	    "s:{s:I, s:I, s:I, s:I}, s:I, s:I, s:I, s:I, s:o, s:o}",
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
	    "rows_total", (json_int_t)(st.rows + ss.rows),
	    "running", (json_int_t)st.running,
	    "queries", (json_int_t)a->nqueries,
	    "connections", (json_int_t)hs.conns, "syncs", syncs(a),
	    "nodes", nodes(a)));
}

const struct api_route api_status_routes[] = {
	{ HTTPD_GET, "/v1/status", status },
	{ HTTPD_OTHER, NULL, NULL },
};
