#include "sync_world.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "conn/reader.h"

static const char manifest[] =
"{'format': 1, 'type': 'svc', 'title': 'S', 'description': 'd',"
" 'drive_model': 'on_demand',"
" 'config': {'site': {'type': 'string', 'default': 'svc.test'}},"
" 'base_url': 'http://{{config.site}}/', 'entities': {"
" 'items': {'description': 'd', 'main': true, 'key': ['id'], 'columns': {"
"   'id': {'type': 'integer'}, 'updated': {'type': 'timestamp',"
"   'not_null': true}, 'size': {'type': 'integer'},"
"   'state': {'type': 'text'}},"
"  'lists': [{'name': 'all', 'url': '/items', 'records': '$'}]},"
" 'people': {'description': 'd', 'key': ['id'], 'columns': {"
"   'id': {'type': 'integer'}, 'name': {'type': 'text'}},"
"  'lists': [{'name': 'all', 'url': '/people', 'records': '$'}]},"
" 'parts': {'description': 'd', 'key': ['id'], 'columns': {"
"   'id': {'type': 'integer'}, 'item': {'type': 'text', 'input': true},"
"   'updated': {'type': 'timestamp', 'not_null': true}},"
"  'lists': [{'name': 'all', 'needs': ['item'],"
"   'url': '/items/{{in.item}}/parts', 'records': '$'}]}"
"}}";

int64_t sw_lease_ms;

static const char * const ids[SW_NODES] = { "node-a", "node-b", "node-c",
    "node-d" };

static void
write_type(struct sync_world * w)
{
	const char * dirs[1] = { w->dir };
	char path[256], * p;
	char * text = strdup(manifest);
	struct err e;
	FILE * f;

	assert_non_null(text);
	snprintf(w->dir, sizeof(w->dir), "/tmp/sync-world-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(path, sizeof(path), "%s/svc", w->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/svc/manifest.json", w->dir);
	f = fopen(path, "w");
	assert_non_null(f);
	for (p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	fputs(text, f);
	fclose(f);
	free(text);
	w->types = types_load(dirs, 1, &e);
	if (w->types == NULL || types_get(w->types, "svc") == NULL)
		fail_msg("%s", e.msg);
}

void
sw_on(void * arg, json_t * v, const struct err * e)
{
	struct sw_answer * a = arg;

	a->calls++;
	a->failed = e != NULL;
	if (e != NULL)
		a->e = *e;
	json_decref(a->v);
	a->v = v ? json_incref(v) : NULL;
}

void
sw_ran(void * arg, const struct sync_result * r, const struct err * e)
{
	struct sw_answer * a = arg;

	sw_on(a, NULL, e);
	a->has_r = r != NULL;
	if (r != NULL)
		a->r = *r;
}

static int
is_filled(void * arg)
{
	return (((struct sw_answer *)arg)->calls > 0);
}

void
sw_wait(struct sync_world * w, struct sw_answer * a)
{
	if (fake_loop_until(w->L, is_filled, a, 60000))
		fail_msg("a call never called back");
	assert_int_equal(a->calls, 1);
}

void
sw_clear(struct sw_answer * a)
{
	json_decref(a->v);
	memset(a, 0, sizeof(*a));
}

void
sw_pass(struct sync_world * w, int64_t ms)
{
	fake_loop_advance(w->L, ms);
}

static void
on_beat(void * arg)
{
	struct sw_node * d = arg;
	json_t * v = json_pack("{s:o}", "syncs", syncs_running(d->syncs));

	d->state->ops->node_beat(d->state, v, syncs_gone_ms(d->syncs));
	json_decref(v);
	loop_timer_start(d->beat, syncs_beat_ms(d->syncs));
}

void
sw_up(struct sync_world * w, size_t i)
{
	struct sw_node * d = &w->node[i];
	struct sw_answer a = { 0 };
	struct runner_opts ro;
	struct syncs_opts so;
	struct err e;

	memset(&ro, 0, sizeof(ro));
	ro.loop = w->L;
	ro.state = d->state;
	ro.types = w->types;
	ro.conn = &w->conn;
	ro.secrets = w->secrets;
	ro.targets = d->targets;
	ro.node = d->id;
	d->runner = runner_new(&ro, &e);
	assert_non_null(d->runner);
	memset(&so, 0, sizeof(so));
	so.loop = w->L;
	so.state = d->state;
	so.runner = d->runner;
	so.targets = d->targets;
	so.elastic = d->has_elastic ? (struct elastic *)(void *)w : NULL;
	so.conn = &w->conn;
	so.node = d->id;
	so.lease_ms = sw_lease_ms;
	d->syncs = syncs_new(&so, &e);
	assert_non_null(d->syncs);
	d->beat = loop_timer_new(w->L, on_beat, d);
	on_beat(d);
	runner_load(d->runner, sw_on, &a);
	sw_wait(w, &a);
	assert_false(a.failed);
	sw_clear(&a);
	syncs_load(d->syncs, sw_on, &a);
	sw_wait(w, &a);
	assert_false(a.failed);
	sw_clear(&a);
}

void
sw_down(struct sync_world * w, size_t i)
{
	struct sw_node * d = &w->node[i];
	struct sw_answer a = { 0 };

	loop_timer_free(d->beat);
	syncs_stop(d->syncs, sw_on, &a);
	sw_wait(w, &a);
	sw_clear(&a);
	runner_stop(d->runner, sw_on, &a);
	sw_wait(w, &a);
	sw_pass(w, 1000);
	assert_int_equal(a.calls, 1);
	sw_clear(&a);
	syncs_free(d->syncs);
	runner_free(d->runner);
	d->runner = NULL;
}

struct sync_world *
sw_new(size_t n, const char * backend, int elastic)
{
	struct sync_world * w = calloc(1, sizeof(*w));
	struct sw_node * d;
	char path[128];
	struct err e;
	size_t i;

	assert_non_null(w);
	fake_loop_quiet();
	fake_runs_reset();
	w->n = n;
	w->L = fake_loop_new(SW_START);
	w->http = fake_http_new(w->L);
	fake_tables_init(&w->tables);
	w->secrets = secrets_new(NULL, &e);
	write_type(w);
	w->conn.loop = w->L;
	w->conn.http = w->http;
	w->conn.secrets = w->secrets;
	for (i = 0; i < n; i++) {
		d = &w->node[i];
		d->id = ids[i];
		d->has_elastic = elastic;
		d->state = fake_state_new(w->L, &w->tables, ids[i], backend);
		snprintf(path, sizeof(path), "%s/%s", w->dir, ids[i]);
		d->targets = targets_new(w->L, path, &e);
		assert_non_null(d->targets);
		sw_up(w, i);
	}
	return (w);
}

void
sw_free(struct sync_world * w)
{
	char cmd[128];
	size_t i;

	fake_runs.dead = NULL;
	for (i = 0; i < w->n; i++) {
		fake_state_freeze(w->node[i].state, 0);
		fake_state_away(w->node[i].state, 0);
		if (w->node[i].runner != NULL)
			sw_down(w, i);
		assert_int_equal(fake_state_waiting(w->node[i].state), 0);
		w->node[i].state->ops->free(w->node[i].state);
		targets_free(w->node[i].targets);
	}
	assert_int_equal(fake_runs.running, 0);
	fake_http_free(w->http);
	fake_tables_free(&w->tables);
	secrets_free(w->secrets);
	types_free(w->types);
	assert_int_equal(fake_loop_made(w->L), 0);
	loop_free(w->L);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", w->dir);
	assert_int_equal(system(cmd), 0);
	free(w);
}

void
sw_connector(struct sync_world * w, size_t i, const char * name)
{
	struct sw_answer a = { 0 };
	json_t * body = json_pack("{s:s, s:s, s:{}}", "name", name, "type",
	    "svc", "config");

	syncs_connector_create(w->node[i].syncs, body, sw_on, &a);
	sw_wait(w, &a);
	if (a.failed)
		fail_msg("%s", a.e.msg);
	json_decref(body);
	sw_clear(&a);
}

void
sw_put(struct sync_world * w, size_t i, const struct sync_spec * s,
    struct sw_answer * a)
{
	sw_clear(a);
	syncs_put(w->node[i].syncs, s, sw_on, a);
	assert_int_equal(a->calls, 0);
	sw_wait(w, a);
}

void
sw_sync(struct sync_world * w, size_t i, const char * connector,
    const char * target, int64_t every_ms)
{
	struct sync_spec s = { .connector = connector, .entity = "items",
	    .target = target, .every_ms = every_ms };
	struct sw_answer a = { 0 };

	sw_put(w, i, &s, &a);
	if (a.failed)
		fail_msg("%s", a.e.msg);
	sw_clear(&a);
}

int
sw_do(struct sync_world * w, size_t i, void (*what)(struct syncs *,
    const char *, syncs_cb *, void *), const char * id, struct err * e)
{
	struct sw_answer a = { 0 };
	int failed;

	what(w->node[i].syncs, id, sw_on, &a);
	sw_wait(w, &a);
	if (a.failed && e != NULL)
		*e = a.e;
	failed = a.failed;
	sw_clear(&a);
	return (failed ? -1 : 0);
}

json_t *
sw_show(struct sync_world * w, size_t i, const char * id)
{
	struct sw_answer a = { 0 };

	syncs_show(w->node[i].syncs, id, sw_on, &a);
	sw_wait(w, &a);
	if (a.failed)
		fail_msg("%s", a.e.msg);
	return (a.v);
}

void
sw_cut(struct sync_world * w, size_t i, int on)
{
	fake_state_away(w->node[i].state, on);
}
