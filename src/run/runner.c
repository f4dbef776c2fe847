#include "run/runner.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "conn/limits.h"
#include "run/runner_internal.h"

/* More than any one daemon is meant to hold; a bound all the same. */
#define MAX_CONNECTORS 200000

static void
on_status_timer(void * arg)
{
	struct runner * r = arg;

	runner_status_flush(r, 0);
	runner_save_rest(r);
	loop_timer_start(r->status_timer, 1000);
}

struct runner *
runner_new(const struct runner_opts * o, struct err * e)
{
	struct runner * r;

	if ((r = calloc(1, sizeof(*r))) == NULL) {
		err_nomem(e, "the runner");
		return (NULL);
	}
	r->loop = o->loop;
	r->state = o->state;
	r->types = o->types;
	r->secrets = o->secrets;
	r->secret_store = o->secret_store;
	r->targets = o->targets;
	r->conn_env = o->conn;
	r->tick_env.loop = o->loop;
	r->tick_env.state = o->state;
	r->tick_env.conn = o->conn;
	r->dirty_tail = &r->dirty_head;
	r->node = strdup(o->node);
	r->status_timer = loop_timer_new(o->loop, on_status_timer, r);
	if (r->node == NULL || r->status_timer == NULL) {
		err_nomem(e, "the runner");
		runner_free(r);
		return (NULL);
	}
	loop_timer_start(r->status_timer, 1000);
	return (r);
}

void
runner_free(struct runner * r)
{
	size_t i;

	if (r == NULL)
		return;
	HASH_CLEAR(by_name, r->by_name);
	HASH_CLEAR(by_id, r->by_id);
	HASH_CLEAR(by_fold, r->by_fold);
	for (i = 0; i < r->n; i++)
		job_free(r->sorted[i]);
	free(r->sorted);
	loop_timer_free(r->status_timer);
	loop_timer_free(r->poll_timer);
	free(r->mark);
	free(r->next_mark);
	loop_timer_free(r->slice_timer);
	json_decref(r->list);
	json_decref(r->names);
	json_decref(r->asked);
	loop_timer_free(r->load_timer);
	loop_timer_free(r->refit_timer);
	free(r->refit_after);
	loop_soon_cancel(r->loop, &r->stop_soon);
	free(r->node);
	free(r);
	scrape_cleanup();
}

void
runner_set_types(struct runner * r, struct types * types)
{
	r->types = types;
	runner_refit(r);
}

const struct types *
runner_types(const struct runner * r)
{
	return (r->types);
}

/* ${name} in small letters, as far as it fits. */
static void
fold(const char * name, char * out, size_t size)
{
	size_t i;

	for (i = 0; i + 1 < size && name[i] != '\0'; i++)
		out[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ?
		    name[i] - 'A' + 'a' : name[i]);
	out[i] = '\0';
}

struct job *
runner_find(const struct runner * r, const char * key)
{
	struct job * j;
	char low[sizeof(j->fold)];

	HASH_FIND(by_id, r->by_id, key, strlen(key), j);
	if (j == NULL)
		HASH_FIND(by_name, r->by_name, key, strlen(key), j);
	if (j == NULL) {
		fold(key, low, sizeof(low));
		HASH_FIND(by_fold, r->by_fold, low, strlen(low), j);
		if (j != NULL && strcasecmp(j->c->name, key) != 0)
			j = NULL;
	}
	return (j);
}

int
runner_enabled(const struct runner * r, const char * key)
{
	const struct job * j = runner_find(r, key);

	return (j != NULL && j->misfit == NULL && j->enabled);
}

/* The first place in the sorted array whose name is not before ${name}. */
static size_t
lower_bound(const struct runner * r, const char * name)
{
	size_t lo = 0, hi = r->n, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (strcmp(r->sorted[mid]->c->name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo);
}

size_t
runner_after(const struct runner * r, const char * name)
{
	size_t i = lower_bound(r, name);

	return (i < r->n && strcmp(r->sorted[i]->c->name, name) == 0 ? i + 1 :
	    i);
}

struct connector *
runner_connector(const struct runner * r, const char * key)
{
	const struct job * j = runner_find(r, key);

	return (j == NULL || j->misfit != NULL ? NULL : j->c);
}

int
runner_insert(struct runner * r, struct job * j, struct err * e)
{
	struct job ** v;
	size_t cap, at;

	if (r->n >= MAX_CONNECTORS)
		return (err_set(e, ERR_CONFIG, "too_many",
		    "there are %d connectors already, the most there can be",
		    MAX_CONNECTORS));
	if (r->n == r->cap) {
		cap = r->cap ? r->cap * 2 : 64;
		if ((v = realloc(r->sorted, cap * sizeof(*v))) == NULL)
			return (err_nomem(e, "a connector"));
		r->sorted = v;
		r->cap = cap;
	}
	at = lower_bound(r, j->c->name);
	memmove(&r->sorted[at + 1], &r->sorted[at],
	    (r->n - at) * sizeof(*r->sorted));
	r->sorted[at] = j;
	r->n++;
	HASH_ADD_KEYPTR(by_name, r->by_name, j->c->name, strlen(j->c->name), j);
	HASH_ADD_KEYPTR(by_id, r->by_id, j->c->id, strlen(j->c->id), j);
	fold(j->c->name, j->fold, sizeof(j->fold));
	HASH_ADD_KEYPTR(by_fold, r->by_fold, j->fold, strlen(j->fold), j);
	return (0);
}

void
runner_remove(struct runner * r, struct job * j)
{
	size_t at = lower_bound(r, j->c->name);

	memmove(&r->sorted[at], &r->sorted[at + 1],
	    (r->n - at - 1) * sizeof(*r->sorted));
	r->n--;
	HASH_DELETE(by_name, r->by_name, j);
	HASH_DELETE(by_id, r->by_id, j);
	HASH_DELETE(by_fold, r->by_fold, j);
}

int
runner_replace(struct runner * r, struct job * old, struct job * j)
{
	struct err e;

	runner_remove(r, old);
	if (j == NULL)
		return (0);
	if (runner_insert(r, j, &e)) {
		log_event(LOG_ERROR, "connector_lost", LOG_S("connector",
		    j->c->name), LOG_E(&e));
		return (-1);
	}
	job_take_over(j, old);
	/* It may be another account by now, or a person knows better. */
	limits_forgive(r->conn_env->limits, j->c);
	/* One run at a time, of one connector too whose config changed; and
	 * nobody may drop it while we still hold it. */
	j->waiting = j->busy = 1;
	return (0);
}

void
runner_replaced(struct job * j, struct job * old)
{
	job_take_over(j, old); /* its last run may have ended well */
	job_free(old);
	j->waiting = j->busy = 0;
	runner_go_on(j);
}

json_t *
runner_show(const struct runner * r, const char * key)
{
	const struct job * j = runner_find(r, key);

	return (j == NULL ? NULL : job_show(j));
}

json_t *
runner_list(const struct runner * r, const char * after, size_t limit,
    const char ** next)
{
	size_t i = 0, end;
	json_t * a;

	*next = NULL;
	if (after != NULL)
		i = runner_after(r, after);
	end = r->n - i > limit ? i + limit : r->n;
	if ((a = json_array()) == NULL)
		return (NULL);
	if (end < r->n && end > 0)
		*next = r->sorted[end - 1]->c->name;
	for (; i < end; i++)
		json_array_append_new(a, job_show(r->sorted[i]));
	return (a);
}

const char *
runner_elsewhere(const struct runner * r, const char * database,
    const char * table)
{
	const struct job * j;
	size_t i;

	for (i = 0; i < r->n; i++) {
		j = r->sorted[i];
		if (!j->mine && j->target_table != NULL &&
		    strcasecmp(j->target_table, table) == 0 &&
		    (database == NULL ||
		    strcasecmp(j->target_database, database) == 0))
			return (j->node);
	}
	return (NULL);
}

void
runner_stats_get(const struct runner * r, struct runner_stats * st)
{
	char where[RUNNER_WHERE];
	const struct job * j;
	size_t i;

	*st = r->stats;
	st->running = r->active;
	for (i = 0; i < r->n; i++) {
		j = r->sorted[i];
		if (!j->enabled)
			st->disabled++;
		else if (j->last_error != NULL || job_is_away(j, where))
			st->error++;
		else if (j->last_success_at == 0)
			st->pending++;
		else
			st->connected++;
	}
}

void
runner_each_success(const struct runner * r,
    void (*cb)(void *, const char *, int64_t), void * arg)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->sorted[i]->last_success_at != 0)
			cb(arg, r->sorted[i]->c->name,
			    r->sorted[i]->last_success_at);
}

void
runner_each_request(const struct runner * r, void (*cb)(void *, const char *,
    const char *, uint64_t), void * arg)
{
	const struct call_counts * cc = r->conn_env->counts;
	size_t i;

	for (i = 0; cc != NULL && i < cc->n; i++)
		cb(arg, cc->v[i].type, cc->v[i].code, cc->v[i].n);
}

static void
on_stopped(void * arg)
{
	struct runner * r = arg;

	r->stop_cb(r->stop_arg, NULL, NULL);
}

static void
on_flushed(void * arg, json_t * v, const struct err * e)
{
	struct runner * r = arg;

	(void)v;
	if (e != NULL)
		log_event(LOG_WARN, "status_not_written", LOG_E(e));
	on_stopped(r);
}

void
runner_maybe_stopped(struct runner * r)
{
	if (!r->stopping || r->active > 0 || r->ops > 0 || r->load_left > 0 ||
	    r->stopping == 2)
		return;
	r->stopping = 2;
	runner_status_flush(r, 1);
	r->state->ops->flush(r->state, on_flushed, r);
}

static void
begin_stop(void * arg)
{
	runner_maybe_stopped(arg);
}

void
runner_stop(struct runner * r, runner_cb * cb, void * arg)
{
	size_t i;

	r->stopping = 1;
	r->stop_cb = cb;
	r->stop_arg = arg;
	loop_timer_stop(r->status_timer);
	if (r->poll_timer != NULL)
		loop_timer_stop(r->poll_timer);
	for (i = 0; i < r->n; i++) {
		if (r->sorted[i]->timer != NULL)
			loop_timer_stop(r->sorted[i]->timer);
		/* What is being written ends well; the rest gives its claim
		 * back, and whoever comes next does it. */
		if (r->sorted[i]->tick != NULL)
			tick_cancel(r->sorted[i]->tick);
	}
	runner_cancel_tests(r);
	loop_soon(r->loop, &r->stop_soon, begin_stop, r);
}
