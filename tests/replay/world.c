#include "world.h"

#include <unistd.h>
#include <uuid.h>

#include "base/hash64.h"

const struct fake_answer world_good = { .delay_ms = 3,
    .body = "up 1\nrequests_total{code=\"200\"} 42\n" };
const struct fake_answer world_never = { .never = 1 };

/* Stands before the library's. */
void
uuid_generate_random(uuid_t out)
{
	static uint64_t n;
	const char * seed = getenv("REPLAY_SEED");
	uint64_t v[2], i;

	for (i = 0; i < 2; i++) {
		n++;
		v[i] = hash64(seed ? (uint64_t)atoll(seed) : 0,
		    (const char *)&n, sizeof(n));
	}
	memcpy(out, v, sizeof(v));
}

static const char * const ids[] = { "node-a", "node-b" };

void
world_on(void * arg, json_t * v, const struct err * e)
{
	struct outcome * o = arg;

	o->calls++;
	o->failed = e != NULL;
	if (e != NULL)
		o->e = *e;
	json_decref(o->v);
	o->v = v ? json_incref(v) : NULL;
}

static int
is_filled(void * arg)
{
	return (((struct outcome *)arg)->calls > 0);
}

void
world_wait(struct world * w, struct outcome * o)
{
	if (fake_loop_until(w->L, is_filled, o, 60000))
		fail_msg("a call never called back");
	assert_int_equal(o->calls, 1);
}

void
outcome_free(struct outcome * o)
{
	json_decref(o->v);
	memset(o, 0, sizeof(*o));
}

void
world_begin(struct world * w, size_t i)
{
	struct node * d = &w->node[i];
	struct runner_opts ro;
	struct err e;

	memset(&ro, 0, sizeof(ro));
	ro.loop = w->L;
	ro.state = d->state;
	ro.types = w->types;
	w->conn.loop = w->L;
	w->conn.http = w->http;
	w->conn.secrets = w->secrets;
	w->conn.counts = &w->counts;
	ro.conn = &w->conn;
	ro.secrets = w->secrets;
	ro.targets = d->targets;
	ro.node = d->id;
	if ((d->runner = runner_new(&ro, &e)) == NULL)
		fail_msg("%s", e.msg);
}

void
world_up(struct world * w, size_t i)
{
	struct outcome o = { 0 };

	world_begin(w, i);
	runner_load(w->node[i].runner, world_on, &o);
	world_wait(w, &o);
	assert_false(o.failed);
	outcome_free(&o);
}

void
world_down(struct world * w, size_t i)
{
	struct outcome o = { 0 };

	runner_stop(w->node[i].runner, world_on, &o);
	world_wait(w, &o);
	/* Once means once. */
	world_pass(w, 1000);
	assert_int_equal(o.calls, 1);
	runner_free(w->node[i].runner);
	w->node[i].runner = NULL;
	outcome_free(&o);
}

/* The types that connectors here are of: there are hundreds of worlds, and
 * reading all types takes longer than what a world goes through. */
static struct types *
few_types(void)
{
	static const char * const names[] = { "prometheus", "github" };
	char dir[] = "/tmp/moltler-world-XXXXXX", at[2][64], rel[1024], * path;
	const char * src = getenv("srcdir"), * dirs[1] = { dir };
	struct types * t;
	struct err e;
	size_t i;

	assert_non_null(mkdtemp(dir));
	for (i = 0; i < 2; i++) {
		snprintf(rel, sizeof(rel), "%s/connectors/%s", src ? src : ".",
		    names[i]);
		if ((path = realpath(rel, NULL)) == NULL)
			fail_msg("no %s", rel);
		snprintf(at[i], sizeof(at[i]), "%s/%s", dir, names[i]);
		assert_int_equal(symlink(path, at[i]), 0);
		free(path);
	}
	if ((t = types_load(dirs, 1, &e)) == NULL)
		fail_msg("%s", e.msg);
	for (i = 0; i < 2; i++)
		unlink(at[i]);
	rmdir(dir);
	return (t);
}

struct world *
world_new(size_t n, const char * backend)
{
	struct world * w = calloc(1, sizeof(*w));
	struct err e;
	size_t i;

	assert_non_null(w);
	fake_loop_quiet();
	w->L = fake_loop_new(WORLD_START);
	w->http = fake_http_new(w->L);
	fake_http_script(w->http, URL, &world_good, 1);
	fake_tables_init(&w->tables);
	w->secrets = secrets_new(NULL, &e);
	w->types = few_types();
	if (w->secrets == NULL)
		fail_msg("%s", e.msg);
	w->n = n;
	for (i = 0; i < n; i++) {
		w->node[i].id = ids[i];
		w->node[i].state = fake_state_new(w->L, &w->tables, ids[i],
		    backend);
		w->node[i].targets = fake_targets_new(w->L);
		world_up(w, i);
	}
	return (w);
}

void
world_free(struct world * w)
{
	size_t i;

	for (i = 0; i < w->n; i++) {
		if (w->node[i].runner != NULL)
			world_down(w, i);
		assert_int_equal(fake_state_waiting(w->node[i].state), 0);
		w->node[i].state->ops->free(w->node[i].state);
		fake_targets_free(w->node[i].targets);
	}
	assert_int_equal(fake_http_running(w->http), 0);
	fake_http_free(w->http);
	fake_tables_free(&w->tables);
	secrets_free(w->secrets);
	types_free(w->types);
	assert_int_equal(fake_loop_made(w->L), 0);
	loop_free(w->L);
	free(w);
}

void
world_pass(struct world * w, int64_t ms)
{
	fake_loop_advance(w->L, ms);
}

void
world_rest(struct world * w)
{
	size_t i, running;

	do {
		world_pass(w, 1);
		for (running = i = 0; i < w->n; i++)
			running += world_stats(w, i).running;
	} while (running > 0);
}

json_t *
world_body(const char * name, int64_t schedule_ms)
{
	json_t * v = json_pack("{s:s, s:s, s:s, s:I, s:{s:s}}", "name", name,
	    "type", "prometheus", "target_table", "samples", "schedule_ms",
	    (json_int_t)schedule_ms, "config", "endpoint", URL);

	assert_non_null(v);
	return (v);
}

void
world_create_body(struct world * w, size_t i, json_t * body)
{
	struct outcome o = { 0 };

	runner_create(w->node[i].runner, body, world_on, &o);
	json_decref(body);
	world_wait(w, &o);
	if (o.failed)
		fail_msg("create: %s", o.e.msg);
	assert_non_null(json_object_get(o.v, "id"));
	outcome_free(&o);
}

void
world_create(struct world * w, size_t i, const char * name,
    int64_t schedule_ms)
{
	world_create_body(w, i, world_body(name, schedule_ms));
}

static int
settle(struct world * w, struct outcome * o, struct err * e)
{
	int failed;

	world_wait(w, o);
	failed = o->failed;
	if (failed && e != NULL)
		*e = o->e;
	outcome_free(o);
	return (failed ? -1 : 0);
}

int
world_do(struct world * w, size_t i, void (*what)(struct runner *,
    const char *, runner_cb *, void *), const char * name, struct err * e)
{
	struct outcome o = { 0 };

	what(w->node[i].runner, name, world_on, &o);
	return (settle(w, &o, e));
}

int
world_patch(struct world * w, size_t i, const char * name,
    const char * json, struct err * e)
{
	json_t * body = json_loads(json, 0, NULL);
	struct outcome o = { 0 };

	assert_non_null(body);
	runner_patch(w->node[i].runner, name, body, world_on, &o);
	json_decref(body);
	return (settle(w, &o, e));
}

const char *
world_show(struct world * w, size_t i, const char * name, const char * key)
{
	static char text[1024];
	json_t * v = runner_show(w->node[i].runner, name), * f;
	char * s;

	if (v == NULL)
		fail_msg("there is no connector %s", name);
	f = json_object_get(v, key);
	text[0] = '\0';
	if (json_is_string(f)) {
		snprintf(text, sizeof(text), "%s", json_string_value(f));
	} else if (f != NULL && !json_is_null(f)) {
		s = json_dumps(f, JSON_ENCODE_ANY | JSON_COMPACT);
		snprintf(text, sizeof(text), "%s", s);
		free(s);
	}
	json_decref(v);
	return (text);
}

struct runner_stats
world_stats(struct world * w, size_t i)
{
	struct runner_stats st;

	runner_stats_get(w->node[i].runner, &st);
	return (st);
}

size_t
world_ticks(struct world * w, size_t i, const char * name)
{
	size_t n;

	fake_targets_ticks(w->node[i].targets, name, &n);
	return (n);
}

const struct fake_tick *
world_tick(struct world * w, size_t i, const char * name, size_t at)
{
	const struct fake_tick * t;
	size_t n;

	t = fake_targets_ticks(w->node[i].targets, name, &n);
	assert_true(at < n);
	return (&t[at]);
}

size_t
world_sent(struct world * w)
{
	return (fake_http_requests(w->http, NULL));
}

int64_t
world_sent_at(struct world * w, size_t i)
{
	return (fake_http_request(w->http, NULL, i)->at_ms);
}

void
world_check_buckets(struct world * w, size_t i, const char * name,
    int64_t every)
{
	const struct fake_tick * t;
	size_t n, a, b;

	t = fake_targets_ticks(w->node[i].targets, name, &n);
	for (a = 0; a < n; a++) {
		assert_int_equal(t[a].at % every, 0);
		for (b = a + 1; b < n && b < a + 100; b++)
			assert_int_not_equal(t[a].at, t[b].at);
	}
}
