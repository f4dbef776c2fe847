#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rfc3339.h"
#include "conn/limits.h"
#include "stmt/stmt_internal.h"

/* SHOW CONNECTORS: by name, some at a time, as there may be very many. */
#define AT_ONCE 500

static void
ago(int64_t at_ms, char * out, size_t cap)
{
	static const struct {
		const char * unit;
		int64_t s;
	} units[] = {
		{ "day", 86400 }, { "hour", 3600 }, { "minute", 60 },
		{ "second", 1 },
	};
	int64_t s = (clock_wall_ms() - at_ms) / 1000, n;
	size_t i;

	if (at_ms == 0 || s < 1) {
		snprintf(out, cap, at_ms == 0 ? "never" : "just now");
		return;
	}
	for (i = 0; units[i].s > s; i++)
		continue;
	n = s / units[i].s;
	snprintf(out, cap, "%" PRId64 " %s%s ago", n, units[i].unit,
	    n == 1 ? "" : "s");
}

static int
on_one(void * arg, const struct runner_brief * b)
{
	struct stmt_run * r = arg;
	int64_t last = syncs_connector_last(r->env->syncs, b->name);
	const struct conn_env * conn = r->env->conn;
	struct connector * c = runner_connector(r->env->runner, b->name);
	int64_t until = 0;
	const char * why = "";
	char when[40], text[160], at[RFC3339_LEN];

	if (b->sync != NULL && b->last_success_at > last)
		last = b->last_success_at;
	ago(last, when, sizeof(when));
	if (c != NULL && conn != NULL)
		until = limits_until(conn->limits, c, &why);
	rfc3339_format(until, at);
	snprintf(text, sizeof(text), "%s%s%s%s%s", when, until ?
	    ", waits until " : "", until ? at : "", until ? ": " : "", why);
	json_array_append_new(r->rows, json_pack("[s, s, s, s]", b->name,
	    b->type, b->status, text));
	return (0);
}

static int
more(struct stmt_run * r)
{
	const char * last;
	size_t n;

	n = runner_each(r->env->runner, r->own, AT_ONCE, on_one, r, &last);
	/* The name may be gone by the next time; its place is not. */
	free(r->own);
	r->own = last == NULL ? NULL : strdup(last);
	return (n > 0 && r->own != NULL);
}

static void
start(struct stmt_run * r)
{
	static const char * const cols[] = { "Name", "Type", "Status",
	    "Last Sync", "TEXT", "TEXT", "TEXT", "TEXT" };

	r->more = more;
	stmt_rows(r, 4, cols, json_array(), NULL);
}

static void
end(struct stmt_run * r)
{
	free(r->own);
}

const struct stmt_entry stmt_show_connectors_entry = {
	AST_SHOW_CONNECTORS, "show_connectors", 0, start, NULL, NULL, end
};
