#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "run/runner_internal.h"

/* All connectors, a few at a time, and what statements learn of them. */

int
runner_has(const struct runner * r, const char * key)
{
	return (runner_find(r, key) != NULL);
}

const char *
runner_misfit(const struct runner * r, const char * key)
{
	const struct job * j = runner_find(r, key);

	return (j == NULL || j->misfit == NULL ? NULL : j->disabled_reason);
}

static void
brief(const struct job * j, struct runner_brief * b)
{
	memset(b, 0, sizeof(*b));
	b->name = j->c->name;
	b->type = j->c->m != NULL ? j->c->m->type :
	    json_str(j->misfit, "type");
	if (b->type == NULL)
		b->type = "";
	b->status = job_status_shown(j);
	b->last_run_at = j->last_run_at;
	b->last_success_at = j->last_success_at;
	b->last_rows = j->last_rows;
	if (j->schedule_ms == 0 || j->sync == NULL)
		return;
	b->sync = j->sync;
	b->target_database = j->target_database;
	b->target_table = j->target_table;
	b->node = j->node;
	b->is_elsewhere = !j->mine && j->node != NULL;
	b->schedule_ms = j->schedule_ms;
}

size_t
runner_each(const struct runner * r, const char * after, size_t n,
    int (*cb)(void * arg, const struct runner_brief * b), void * arg,
    const char ** last)
{
	struct runner_brief b;
	size_t i = after == NULL ? 0 : runner_after(r, after), seen = 0;

	for (*last = NULL; i < r->n && seen < n; i++) {
		brief(r->sorted[i], &b);
		*last = b.name;
		seen++;
		if (cb(arg, &b))
			break;
	}
	return (seen);
}

void
runner_not_yet(struct runner * r, const struct err * why)
{
	r->is_unread = why != NULL;
	if (why != NULL)
		err_set(&r->unread, ERR_TRANSIENT, "not_yet",
		    "connectors, syncs and secrets are not known yet: %s", why->msg);
}

const struct err *
runner_unread(const struct runner * r)
{
	return (r->is_unread ? &r->unread : NULL);
}

void
runner_note(struct runner * r, const char * name, const struct err * e)
{
	struct job * j = runner_find(r, name);
	int changed;

	if (j == NULL || j->misfit != NULL || j->schedule_ms > 0)
		return;
	if (e == NULL)
		changed = j->last_success_at == 0 || j->last_error != NULL;
	else
		changed = j->last_error == NULL ||
		    strcmp(j->error_code, e->code) != 0;
	job_set_error(j, e);
	j->last_run_at = clock_wall_ms();
	if (e == NULL)
		j->last_success_at = j->last_run_at;
	if (changed)
		runner_event(j, e == NULL ? "connected" : "error",
		    j->last_error);
	runner_dirty(j, changed);
}
