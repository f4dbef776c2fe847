#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "conn/limits.h"
#include "sync/syncs_internal.h"

/* What a connector's listing says of its syncs. */

/* Of one that has no sync of its own: what the last run of any brought. */
static void
show_last(const struct syncs * S, const char * name, json_t * v)
{
	const struct syncs_entry * last = NULL, * en;
	char key[132];
	size_t i, n;

	n = (size_t)snprintf(key, sizeof(key), "%s.", name);
	for (i = n < sizeof(key) ? syncs_after(S, key) : S->n; i < S->n &&
	    strncmp(S->sorted[i]->d->id, key, n) == 0; i++) {
		en = S->sorted[i];
		if (en->last_run_at != 0 && en->run == NULL &&
		    (last == NULL || en->last_run_at > last->last_run_at))
			last = en;
	}
	if (last != NULL)
		json_object_set_new(v, "last_rows_ingested",
		    json_integer(last->rows));
}

/* What the service told it to wait for. */
static void
show_wait(const struct syncs * S, const char * name, json_t * v)
{
	const struct connector * c = name != NULL ?
	    runner_connector(S->o.runner, name) : NULL;
	const char * why;
	int64_t until = c == NULL || S->o.conn == NULL ? 0 :
	    limits_until(S->o.conn->limits, c, &why);

	if (until == 0)
		return;
	json_object_set_new(v, "waits_until", json_opt_time(until));
	json_object_set_new(v, "waits_why", json_string(why));
}

void
syncs_connector_show(const struct syncs * S, json_t * v)
{
	const char * name = json_str(v, "name");
	struct syncs_entry * en = name ? syncs_main(S, name) : NULL;
	const char * status = json_str(v, "status");

	show_wait(S, name, v);
	if (en == NULL) {
		if (name != NULL)
			show_last(S, name, v);
		return;
	}
	/* What another node runs: as it was when we last asked. */
	if (!en->mine && en->asks == 0 && !S->stopping)
		syncs_ask(en);
	json_object_set_new(v, "target_database",
	    json_opt_string(en->d->database));
	json_object_set_new(v, "target_table", json_string(en->d->target));
	json_object_set_new(v, "schedule_ms", en->d->every_ms ?
	    json_integer(en->d->every_ms) : json_null());
	json_object_set_new(v, "last_run_at",
	    json_opt_time(en->last_run_at));
	json_object_set_new(v, "last_success_at",
	    json_opt_time(en->last_success_at));
	json_object_set_new(v, "last_error", json_opt_string(en->error));
	json_object_set_new(v, "last_rows_ingested", json_integer(en->rows));
	json_object_set_new(v, "sync", json_string(en->d->id));
	if (!en->d->enabled && json_is_null(json_object_get(v,
	    "disabled_reason")))
		json_object_set_new(v, "disabled_reason",
		    json_opt_string(en->d->disabled_reason));
	if (status == NULL || strcmp(status, "disabled") == 0)
		return;
	if (en->error != NULL)
		json_object_set_new(v, "status", json_string("error"));
	else if (en->last_success_at != 0)
		json_object_set_new(v, "status", json_string("connected"));
}
