#include "reader_rig.h"

#include "base/clock.h"
#include "base/rfc3339.h"

/* One answer of the shared state that is on its way. */
struct pending {
	struct rig_shared * f;
	struct loop_timer * t;
	void (*on_wait)(void *, int64_t, const struct err *);
	void (*on_value)(void *, json_t *, const struct err *);
	void * arg;
	int64_t wait_ms;
	json_t * v;
};

static void
on_pending(void * arg)
{
	struct pending * p = arg;
	struct err e, * why = NULL;

	if (p->f->is_away) {
		err_set(&e, ERR_TRANSIENT, "redis_away", "away");
		why = &e;
	}
	p->f->waiting--;
	if (p->on_wait != NULL)
		p->on_wait(p->arg, p->wait_ms, why);
	else
		p->on_value(p->arg, why ? NULL : p->v, why);
	json_decref(p->v);
	loop_timer_free(p->t);
	free(p);
}

static struct pending *
pend(struct rig_shared * f, void * arg)
{
	struct pending * p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->f = f;
	p->arg = arg;
	p->t = loop_timer_new(f->L, on_pending, p);
	loop_timer_start(p->t, f->delay_ms);
	f->waiting++;
	return (p);
}

static void
limit_take(void * arg, const char * key, double rate, double burst, double n,
    void (*cb)(void *, int64_t, const struct err *), void * cbarg)
{
	struct rig_shared * f = arg;
	struct pending * p = pend(f, cbarg);

	assert_true(key[0] != '\0' && rate > 0 && burst >= 1);
	f->takes++;
	f->taken += n;
	snprintf(f->key, sizeof(f->key), "%s", key);
	p->on_wait = cb;
	if (f->waits > 0) {
		f->waits--;
		p->wait_ms = f->wait_ms;
	}
}

static void
cache_get(void * arg, const char * key,
    void (*cb)(void *, json_t *, const struct err *), void * cbarg)
{
	struct rig_shared * f = arg;
	struct pending * p = pend(f, cbarg);

	f->gets++;
	p->on_value = cb;
	p->v = json_deep_copy(json_object_get(f->kept, key));
}

static void
cache_put(void * arg, const char * key, const json_t * v, int64_t ttl_ms)
{
	struct rig_shared * f = arg;

	assert_true(ttl_ms > 0);
	f->puts++;
	json_object_set_new(f->kept, key, json_deep_copy(v));
}

struct rig *
rig_new(const char * top, const char * entities, const char * options)
{
	struct rig * g = calloc(1, sizeof(*g));
	json_t * o = json_loads(options, 0, NULL);
	static char text[16384];
	struct err e;

	assert_non_null(g);
	assert_non_null(o);
	fake_loop_quiet();
	snprintf(text, sizeof(text), "{\"format\":1,\"type\":\"svc\","
	    "\"title\":\"Svc\",\"drive_model\":\"on_demand\",\"config\":{},"
	    "\"base_url\":\"" BASE "\",%s\"test\":{\"url\":\"/\"},"
	    "\"entities\":{%s}}", top, entities);
	g->m = manifest_parse(text, strlen(text), "test", &e);
	if (g->m == NULL)
		fail_msg("%s", e.msg);
	g->c = connector_new(g->m, "id-1", "it", NULL, o, &e);
	if (g->c == NULL)
		fail_msg("%s", e.msg);
	json_decref(o);
	g->L = fake_loop_new(RIG_START);
	g->http = fake_http_new(g->L);
	g->secrets = secrets_new(NULL, &e);
	assert_non_null(g->secrets);
	g->fake.L = g->L;
	g->fake.kept = json_object();
	g->shared.limit_take = limit_take;
	g->shared.cache_get = cache_get;
	g->shared.cache_put = cache_put;
	g->shared.is_shared = 0;
	g->shared.arg = &g->fake;
	g->env.loop = g->L;
	g->env.http = g->http;
	g->env.secrets = g->secrets;
	g->env.limits = limits_new(g->L, &g->shared);
	g->env.cache = result_cache_new(0);
	g->env.shared = &g->shared;
	return (g);
}

void
rig_free(struct rig * g)
{
	reader_close(g->r);
	fake_loop_settle(g->L);
	/* What was asked of the shared state comes, and finds nobody. */
	fake_loop_advance(g->L, 3600000);
	assert_int_equal(g->fake.waiting, 0);
	assert_int_equal(fake_http_running(g->http), 0);
	limits_free(g->env.limits);
	result_cache_free(g->env.cache);
	reader_cleanup();
	assert_int_equal(fake_loop_made(g->L), 0);
	fake_http_free(g->http);
	secrets_free(g->secrets);
	connector_unref(g->c);
	manifest_unref(g->m);
	json_decref(g->fake.kept);
	loop_free(g->L);
	free(g);
}

static size_t
parse_values(char * s, struct value * v)
{
	char * save = NULL, * p, * end;
	size_t n = 0;

	if (strncmp(s, "in:", 3) == 0)
		s += 3;
	for (p = strtok_r(s, ",", &save); p != NULL;
	    p = strtok_r(NULL, ",", &save)) {
		v[n].type = VALUE_INT;
		v[n].i = strtoll(p, &end, 10);
		if (*end != '\0') {
			v[n].type = VALUE_TEXT;
			v[n].s = p;
			v[n].len = (uint32_t)strlen(p);
		}
		n++;
	}
	return (n);
}

struct plan *
rig_plan(struct rig * g, const char * entity, const char * where)
{
	const struct manifest_entity * ent = manifest_entity(g->m, entity);
	static struct value v[8][1100];
	struct plan_given given[8];
	char * text = strdup(where), * save = NULL, * p, * eq;
	struct plan * plan;
	struct err e;
	size_t n = 0;
	int at;

	assert_non_null(ent);
	assert_non_null(text);
	for (p = strtok_r(text, " ", &save); p != NULL;
	    p = strtok_r(NULL, " ", &save)) {
		eq = strchr(p, '=');
		*eq++ = '\0';
		at = manifest_column(ent, p);
		assert_true(at >= 0);
		memset(v[n], 0, sizeof(v[n]));
		given[n].column = (size_t)at;
		given[n].op = strncmp(eq, "in:", 3) == 0 ? OP_IN : OP_EQ;
		given[n].values = v[n];
		given[n].nvalues = parse_values(eq, v[n]);
		n++;
	}
	plan = plan_new(g->c, ent, given, n, NULL, 0, &e);
	if (plan == NULL)
		fail_msg("%s", e.msg);
	free(text);
	return (plan);
}

void
rig_open_plan(struct rig * g, struct plan * p)
{
	struct err e;

	reader_close(g->r);
	g->calls = g->is_end = g->has_failed = 0;
	g->rows[0] = '\0';
	if ((g->r = reader_open(&g->env, p, &g->ctx, &e)) == NULL)
		fail_msg("%s", e.msg);
}

void
rig_open(struct rig * g, const char * entity, const char * where)
{
	rig_open_plan(g, rig_plan(g, entity, where));
}

static void
add_page(struct rig * g, const struct page * p)
{
	size_t at = strlen(g->rows), row, col;
	const struct value * v;

	if (at > 0)
		at += (size_t)sprintf(g->rows + at, "|");
	for (row = 0; row < p->nrows; row++) {
		assert_true(at < sizeof(g->rows) - 512);
		if (row > 0)
			at += (size_t)sprintf(g->rows + at, " ");
		for (col = 0; col < p->ncols; col++) {
			v = &page_at(p, row)[col];
			if (v->type == VALUE_NULL)
				continue;
			at += (size_t)sprintf(g->rows + at, "%s",
			    col > 0 ? "/" : "");
			if (v->type == VALUE_INT)
				at += (size_t)sprintf(g->rows + at, "%lld",
				    (long long)v->i);
			else if (v->type == VALUE_REAL)
				at += (size_t)sprintf(g->rows + at, "%g",
				    v->d);
			else
				at += (size_t)sprintf(g->rows + at, "%.*s",
				    (int)v->len, v->s);
		}
	}
}

static void
on_page(void * arg, struct page * p, const struct err * e)
{
	struct rig * g = arg;

	g->calls++;
	assert_true(p == NULL || e == NULL);
	g->is_end = p == NULL;
	g->has_failed = e != NULL;
	if (e != NULL)
		g->e = *e;
	if (p != NULL)
		add_page(g, p);
	page_unref(p);
	if (g->close_within) {
		reader_close(g->r);
		g->r = NULL;
	} else if (p != NULL && g->ahead) {
		reader_ahead(g->r);
	}
}

void
rig_begin(struct rig * g)
{
	int before = g->calls;

	reader_next(g->r, on_page, g);
	assert_int_equal(g->calls, before);
}

static int
is_called(void * arg)
{
	struct rig * g = arg;

	return (g->calls > 0);
}

void
rig_next(struct rig * g)
{
	g->calls = 0;
	rig_begin(g);
	if (fake_loop_until(g->L, is_called, g, 3600000))
		fail_msg("no page ever came");
	assert_int_equal(g->calls, 1);
}

void
rig_all(struct rig * g)
{
	do {
		rig_next(g);
	} while (!g->is_end);
	/* The end stays the end. */
	if (!g->has_failed && g->r != NULL) {
		rig_next(g);
		assert_true(g->is_end && !g->has_failed);
	}
	reader_close(g->r);
	g->r = NULL;
}

size_t
rig_read(struct rig * g, const char * entity, const char * where)
{
	size_t before = fake_http_requests(g->http, NULL);

	rig_open(g, entity, where);
	rig_all(g);
	return (fake_http_requests(g->http, NULL) - before);
}

int64_t
rig_param(const char * url, const char * key, int64_t dflt)
{
	const char * p = strstr(url, key);
	char text[64], * o = text;
	int64_t ms;

	if (p == NULL)
		return (dflt);
	for (p += strlen(key); *p != '\0' && *p != '&'; p++) {
		assert_true(o < text + sizeof(text) - 16);
		if (strncmp(p, "%3A", 3) == 0) {
			*o++ = ':';
			p += 2;
		} else {
			*o++ = *p;
		}
	}
	*o = '\0';
	if (strchr(text, '-') == NULL || text[0] == '-')
		return (strtoll(text, NULL, 10));
	if (strchr(text, 'T') == NULL)
		strcat(text, "T00:00:00Z");
	assert_int_equal(rfc3339_parse(text, strlen(text), &ms, NULL), 0);
	return (ms / 1000);
}

unsigned
rig_roll(unsigned * seed, unsigned n)
{
	*seed = *seed * 1103515245 + 12345;
	return ((*seed >> 16) % n);
}

void
rig_came(const struct rig * g, const int64_t * at, size_t n, int64_t from,
    int64_t to, int sort)
{
	int64_t last = sort < 0 ? INT64_MAX : 0;
	int * seen = calloc(n + 1, sizeof(*seen));
	const char * p = g->rows;
	size_t i, id;
	int got;

	assert_non_null(seen);
	if (g->has_failed)
		fail_msg("%s: %s", g->e.code, g->e.msg);
	while (sscanf(p, "%zu/%*[^ |]%n", &id, &got) == 1) {
		assert_true(id < n);
		seen[id]++;
		if (sort != 0 && (sort > 0 ? at[id] < last : at[id] > last))
			fail_msg("%zu is out of order", id);
		last = at[id];
		p += got;
		p += *p == ' ' || *p == '|';
	}
	assert_int_equal(*p, '\0');
	for (i = 0; i < n; i++)
		if (seen[i] > 1 || (seen[i] == 0 && (from < 0 ||
		    at[i] >= from) && (to < 0 || at[i] < to)))
			fail_msg("%zu came %d times", i, seen[i]);
	free(seen);
}
