#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "conn/send.h"
#include "conn/token.h"
#include "fake_http.h"
#include "fake_loop.h"
#include "fake_state.h"
#include "run/shared.h"

/*
 * Two daemons with one refresh token that serves once.  The service takes each
 * but one time, and looks at each API call whether what came with its token is
 * stored already.
 */
#define START INT64_C(1700000000000)
#define NODES 2

static const char manifest[] = "{\"format\": 1, \"type\": \"svc\", \"title\": "
    "\"t\", \"description\": \"d\", \"drive_model\": \"on_demand\", \"config\": {"
    "\"refresh\": {\"type\": \"secret\", \"required\": true, \"description\": "
    "\"r\"}}, \"auth\": {\"kind\": \"token\", \"request\": {\"url\": "
    "\"http://svc.test/token\", \"headers\": {\"X-Refresh\": "
    "\"{{config.refresh}}\"}}, \"token\": \"a\", \"expires_in\": \"e\", "
    "\"rotates\": {\"from\": \"r\", \"to\": \"refresh\"}}, \"entities\": {\"t\": {"
    "\"description\": \"d\", \"key\": [\"id\"], \"columns\": {\"id\": {\"type\": "
    "\"integer\"}}, \"lists\": [{\"url\": \"http://svc.test/t\", \"records\": "
    "\"$\"}]}}, \"test\": {\"url\": \"http://svc.test/me\"}}";

struct node {
	struct state * state;
	struct secrets * secrets;
	struct secret_store * store;
	struct shared * shared;
	struct conn_shared conn;
	struct conn_env env;
	struct connector * c;
};
static struct loop * L;
static struct http * H;
static struct fake_tables tables;
static struct manifest * m;
static struct node node[NODES];
static struct secret_key key = { .k = { 7 } };

/* The service. */
static unsigned current;  /* the one it takes */
static unsigned reused;   /* one that was used was shown again */
static unsigned early;    /* a token was used before all was stored */
static int64_t slow_ms;

/* ---- what daemons share, kept here ---- */

static json_t * cache;

struct got {
	struct soon soon;
	json_t * v;
	void (*cb)(void *, json_t *, const struct err *);
	void * arg;
};

static void
on_got(void * arg)
{
	struct got * g = arg;

	g->cb(g->arg, g->v, NULL);
	json_decref(g->v);
	free(g);
}

static void
cache_get(void * arg, const char * name, void (*cb)(void *, json_t *,
    const struct err *), void * cbarg)
{
	struct got * g = calloc(1, sizeof(*g));

	(void)arg;
	g->v = json_incref(json_object_get(cache, name));
	g->cb = cb;
	g->arg = cbarg;
	loop_soon(L, &g->soon, on_got, g);
}

static void
cache_put(void * arg, const char * name, const json_t * v, int64_t ttl_ms)
{
	char * text = json_dumps(v, 0);

	(void)arg;
	assert_true(ttl_ms > 0);
	assert_null(strstr(text, "access"));
	free(text);
	json_object_set(cache, name, (json_t *)(uintptr_t)v);
}

/* ---- the service ---- */

static int
is_stored(unsigned n)
{
	const json_t * rec = json_object_get(json_object_get(tables.records,
	    "secret"), "rt");
	struct buf b = BUF_INIT(1000);
	char want[32];
	struct err e;
	int same;

	snprintf(want, sizeof(want), "rt-%u", n);
	same = secret_box_open(&key, "rt", json_str(rec, "sealed"), &b, &e) ==
	    0 && strcmp(b.p, want) == 0;
	buf_wipe(&b);
	return (same);
}

static void
serve(void * arg, const char * url, struct fake_answer * a)
{
	const struct fake_request * q = fake_http_request(H, NULL,
	    fake_http_requests(H, NULL) - 1);
	const char * p;
	char text[200];
	unsigned n;

	(void)arg;
	a->delay_ms = slow_ms;
	a->ctype = "application/json";
	if (strcmp(url, "http://svc.test/token") != 0) {
		p = strstr(q->headers, "Bearer access-");
		assert_non_null(p);
		n = (unsigned)strtoul(p + 14, NULL, 10);
		early += !is_stored(n);
		a->status = n == current ? 200 : 401;
		a->body = strdup("{}");
		return;
	}
	p = strstr(q->headers, "X-Refresh: rt-");
	assert_non_null(p);
	if (strtoul(p + 14, NULL, 10) != current) {
		reused++;
		a->status = 400;
		a->body = strdup("{\"error\": \"invalid_grant\"}");
		return;
	}
	current++;
	snprintf(text, sizeof(text), "{\"a\": \"access-%u\", \"r\": "
	    "\"rt-%u\", \"e\": 3600}", current, current);
	a->body = strdup(text);
}

/* ---- the rig ---- */

static void
node_start(size_t i)
{
	static const char * const names[NODES] = { "a", "b" };
	struct secret_store_opts o;
	struct node * n = &node[i];
	json_t * cfg = json_loads("{\"refresh\": \"{{secrets.rt}}\"}", 0, NULL);
	struct err e;

	n->state = fake_state_new(L, &tables, names[i], "redis");
	n->secrets = secrets_new(NULL, &e);
	memset(&o, 0, sizeof(o));
	o.loop = L;
	o.state = n->state;
	o.secrets = n->secrets;
	o.key = &key;
	o.key_file = "/nowhere/key";
	n->store = secret_store_new(&o, &e);
	assert_non_null(n->store);
	n->shared = shared_new(n->state);
	shared_secrets(n->shared, n->store);
	n->conn = *shared_conn(n->shared);
	n->conn.cache_get = cache_get;
	n->conn.cache_put = cache_put;
	memset(&n->env, 0, sizeof(n->env));
	n->env.loop = L;
	n->env.http = H;
	n->env.secrets = n->secrets;
	n->env.shared = &n->conn;
	n->env.tokens = tokens_new(&n->env, &e);
	n->c = connector_new(m, "id-1", "it", cfg, NULL, &e);
	assert_non_null(n->c);
	json_decref(cfg);
	secret_store_load(n->store, NULL, NULL);
	fake_loop_advance(L, 1000);
}

static void
node_stop(size_t i)
{
	struct node * n = &node[i];

	tokens_free(n->env.tokens);
	connector_unref(n->c);
	shared_free(n->shared);
	n->state->ops->free(n->state);
	secret_store_free(n->store);
	secrets_free(n->secrets);
	memset(n, 0, sizeof(*n));
}

static int
setup(void ** state)
{
	struct err e;
	size_t i;

	(void)state;
	L = fake_loop_new(START);
	H = fake_http_new(L);
	fake_http_serve(H, serve, NULL);
	fake_tables_init(&tables);
	cache = json_object();
	current = reused = early = 0;
	slow_ms = 200;
	m = manifest_parse(manifest, strlen(manifest), "svc", &e);
	if (m == NULL)
		fail_msg("%s", e.msg);
	for (i = 0; i < NODES; i++)
		node_start(i);
	secret_store_set(node[0].store, "rt", "rt-0", 4, NULL, NULL);
	fake_loop_advance(L, 1000);
	secret_store_load(node[1].store, NULL, NULL);
	fake_loop_advance(L, 1000);
	return (0);
}

static int
teardown(void ** state)
{
	size_t i;

	(void)state;
	for (i = 0; i < NODES; i++)
		if (node[i].state != NULL)
			node_stop(i);
	fake_loop_advance(L, 60000);
	json_decref(cache);
	manifest_unref(m);
	fake_tables_free(&tables);
	fake_http_free(H);
	loop_free(L);
	return (0);
}

/* ---- asking ---- */

struct asking {
	struct request * r;
	struct send * s;
	int calls, status;
	struct err e;
};

static void
on_answer(void * arg, const struct http_res * res, const struct err * e)
{
	struct asking * q = arg;

	q->calls++;
	q->s = NULL;
	q->status = res ? res->status : 0;
	if (e != NULL) {
		q->e = *e;
		print_message("%s\n", e->msg);
	}
}

static void
ask(struct asking * q, size_t i)
{
	static const struct send_opts none;
	struct err e;

	request_free(q->r);
	memset(q, 0, sizeof(*q));
	assert_non_null(q->r = request_test(node[i].c, &e));
	q->s = send_start(&node[i].env, q->r, &none, on_answer, q);
	assert_non_null(q->s);
}

static int
is_over(void * arg)
{
	return (((struct asking *)arg)->calls > 0);
}

static void
until(struct asking * q)
{
	assert_int_equal(fake_loop_until(L, is_over, q, 120000), 0);
	assert_int_equal(q->calls, 1);
}

static void
test_race(void ** state)
{
	struct asking a = { .r = NULL }, b = { .r = NULL };
	int i;

	(void)state;
	for (i = 1; i <= 20; i++) {
		ask(&a, 0);
		fake_loop_advance(L, i * 7 % 40);
		ask(&b, 1);
		until(&a);
		until(&b);
		assert_int_equal(a.status, 200);
		assert_int_equal(b.status, 200);
		assert_int_equal(current, i);
		fake_loop_advance(L, 3600000);
	}
	assert_int_equal(reused, 0);
	assert_int_equal(early, 0);
	request_free(a.r);
	request_free(b.r);
}

/* Also where nothing else is shared but the state. */
static void
test_race_without_cache(void ** state)
{
	struct asking a = { .r = NULL }, b = { .r = NULL };

	(void)state;
	node[0].conn.is_shared = node[1].conn.is_shared = 0;
	ask(&a, 0);
	ask(&b, 1);
	until(&a);
	until(&b);
	assert_int_equal(reused, 0);
	assert_int_equal(early, 0);
	assert_int_equal(current, 2);
	/* The first one's is void by now, which it learns and mends. */
	assert_int_equal(b.status, 200);
	ask(&a, 0);
	until(&a);
	assert_int_equal(a.status, 200);
	assert_int_equal(reused, 0);
	request_free(a.r);
	request_free(b.r);
}

/* The state goes away between the answer and the storing. */
static void
test_not_stored(void ** state)
{
	struct asking a = { .r = NULL };

	(void)state;
	slow_ms = 1000;
	ask(&a, 0);
	fake_loop_advance(L, 500);
	assert_int_equal(current, 1);
	fake_state_away(node[0].state, 1);
	until(&a);
	assert_int_equal(a.e.cls, ERR_TRANSIENT);
	assert_non_null(strstr(a.e.msg, "could not be stored"));
	assert_non_null(strstr(a.e.msg, "may be void"));
	assert_int_equal(fake_http_requests(H, "http://svc.test/me"), 0);
	/* It is back: what was got is stored and used, and nothing asked. */
	fake_state_away(node[0].state, 0);
	fake_loop_advance(L, 130000);
	ask(&a, 0);
	until(&a);
	assert_int_equal(a.status, 200);
	assert_int_equal(fake_http_requests(H, "http://svc.test/token"), 1);
	assert_int_equal(early, 0);
	request_free(a.r);
}

/* Without the lease nobody uses it. */
static void
test_state_away(void ** state)
{
	struct asking a = { .r = NULL };

	(void)state;
	fake_state_away(node[0].state, 1);
	ask(&a, 0);
	until(&a);
	assert_int_equal(a.e.cls, ERR_TRANSIENT);
	assert_string_equal(a.e.code, "token");
	assert_int_equal(current, 0);
	request_free(a.r);
}

/* A daemon dies with the new one in its hands: the other says what it means. */
static void
test_crash(void ** state)
{
	struct asking a = { .r = NULL }, b = { .r = NULL };

	(void)state;
	slow_ms = 1000;
	ask(&a, 0);
	fake_loop_advance(L, 500);
	assert_int_equal(current, 1);
	send_cancel(a.s);
	node_stop(0);
	request_free(a.r);
	ask(&b, 1);
	/* Nobody gets by the lease before it ends. */
	until(&b);
	assert_int_equal(b.e.cls, ERR_TRANSIENT);
	assert_int_equal(reused, 0);
	fake_loop_advance(L, 130000);
	ask(&b, 1);
	until(&b);
	assert_int_equal(b.e.cls, ERR_CONFIG);
	assert_non_null(strstr(b.e.msg, "authorise again"));
	assert_int_equal(reused, 1);
	/* Somebody does. */
	current = 7;
	secret_store_set(node[1].store, "rt", "rt-7", 4, NULL, NULL);
	fake_loop_advance(L, 1000);
	ask(&b, 1);
	until(&b);
	assert_int_equal(b.status, 200);
	request_free(b.r);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	static const struct CMUnitTest tests[] = {
		T(test_race), T(test_race_without_cache), T(test_not_stored),
		T(test_state_away), T(test_crash),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
