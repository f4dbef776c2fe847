#include "../nomem.h"
#include "reader_rig.h"

/* Every allocation of a read fails once: then it ends in an error or has all
 * its rows, and nothing is left behind. */

struct http_call * __real_http_start(struct http * H,
    const struct http_req * req, http_cb * cb, void * arg);
struct loop_timer * __real_loop_timer_new(struct loop * L, void (*cb)(void *),
    void * arg);

struct http_call * __wrap_http_start(struct http * H,
    const struct http_req * req, http_cb * cb, void * arg);
struct loop_timer * __wrap_loop_timer_new(struct loop * L, void (*cb)(void *),
    void * arg);

/* The fakes take no part in it but by giving nothing. */
struct http_call *
__wrap_http_start(struct http * H, const struct http_req * req, http_cb * cb,
    void * arg)
{
	struct http_call * c = NULL;
	int was;

	if (nomem_fails())
		return (NULL);
	was = nomem_rest();
	c = __real_http_start(H, req, cb, arg);
	nomem_armed = was;
	return (c);
}

struct loop_timer *
__wrap_loop_timer_new(struct loop * L, void (*cb)(void *), void * arg)
{
	struct loop_timer * t;
	int was;

	if (nomem_fails())
		return (NULL);
	was = nomem_rest();
	t = __real_loop_timer_new(L, cb, arg);
	nomem_armed = was;
	return (t);
}

static struct conn_shared plain;

static void
quiet_get(void * arg, const char * key, void (*cb)(void *, json_t *,
    const struct err *), void * cbarg)
{
	int was = nomem_rest();

	plain.cache_get(arg, key, cb, cbarg);
	nomem_armed = was;
}

static void
quiet_put(void * arg, const char * key, const json_t * v, int64_t ttl_ms)
{
	int was = nomem_rest();

	plain.cache_put(arg, key, v, ttl_ms);
	nomem_armed = was;
}

static char got[4096];
static int ended, failed;

static void
on_page(void * arg, struct page * p, const struct err * e)
{
	size_t i, at = strlen(got);

	(void)arg;
	ended = p == NULL;
	failed = e != NULL;
	if (failed && e->msg[0] == '\0')
		fail_msg("an error without words");
	for (i = 0; p != NULL && i < p->nrows; i++)
		at += (size_t)sprintf(got + at, "%lld ",
		    (long long)page_at(p, i)[0].i);
	page_unref(p);
}

/* Read for a sync that goes on by the second column. */
static int syncs;

static struct plan *
plan_of(struct rig * g, const char * entity)
{
	const struct plan_order by = { 1, 0 };
	struct plan * p;
	struct err e;

	if (!syncs)
		return (rig_plan(g, entity, ""));
	p = plan_new(g->c, manifest_entity(g->m, entity), NULL, 0, &by, 1, &e);
	assert_non_null(p);
	return (p);
}

/* One read; how many allocations it made. */
static unsigned
read_once(unsigned at, const char * top, const char * entities,
    const char * entity, const char * want, void (*script)(struct rig *))
{
	struct rig * g = rig_new(top, entities, "{\"rate_limit\":100}");
	struct plan * p = plan_of(g, entity);
	struct reader * r;
	struct err e;
	int turns;

	script(g);
	g->fake.delay_ms = 1;
	plain = g->shared;
	g->shared.cache_get = quiet_get;
	g->shared.cache_put = quiet_put;
	got[0] = '\0';
	ended = failed = 0;
	nomem_begin(at);
	nomem_armed = 1;
	r = reader_open(&g->env, p, &g->ctx, &e);
	if (r != NULL && syncs && reader_sync(r, 1, NULL, &e)) {
		reader_close(r);
		r = NULL;
	}
	if (r == NULL)
		assert_int_equal(e.cls, ERR_TRANSIENT);
	for (turns = 0; r != NULL && !ended; turns++) {
		assert_true(turns < 100);
		reader_next(r, on_page, NULL);
		fake_loop_advance(g->L, 10000);
	}
	nomem_armed = 0;
	reader_close(r);
	/* Never a part for the whole. */
	if (r != NULL && !failed)
		assert_string_equal(got, want);
	else
		assert_int_equal(strncmp(got, want, strlen(got)), 0);
	rig_free(g);
	return (nomem_count);
}

static void
sweep(const char * top, const char * entities, const char * entity,
    const char * want, void (*script)(struct rig *))
{
	unsigned n = read_once(0, top, entities, entity, want, script), i;

	assert_false(failed);
	assert_true(n > 10);
	for (i = 1; i <= n; i++)
		read_once(i, top, entities, entity, want, script);
}

static void
link_script(struct rig * g)
{
	rig_script(g, "/i", { .body = "[{\"id\":1,\"t\":\"a\\nb\"}]",
	    .header = "Link: <j>; rel=next\nETag: \"x\"", .pieces = 3 });
	rig_script(g, "/j", { .status = 503, .header = "Retry-After: 1" },
	    { .body = "[{\"id\":2}]", .header = "Link: </k>; rel=next" });
	rig_script(g, "/k", { .body = "[{\"id\":3}]" });
}

static void
test_link(void ** state)
{
	(void)state;
	sweep("", "\"items\":{\"columns\":{\"id\":{\"type\":\"integer\"},"
	    "\"t\":{\"type\":\"text\"}},\"lists\":[{\"url\":\"/i\","
	    "\"revalidate\":true,\"paginate\":{\"kind\":\"link\"}}]}", "items",
	    "1 2 3 ", link_script);
}

static void
parts_script(struct rig * g)
{
	rig_script(g, "/p", { .body = "[{\"n\":\"a\"},{\"n\":\"b\"}]" });
	rig_script(g, "/c?p=a", { .body = "{\"d\":[{\"id\":1}],\"x\":\"q\"}" });
	rig_script(g, "/c?p=a&c=q", { .body = "{\"d\":[{\"id\":2}]}" });
	rig_script(g, "/c?p=b", { .body = "{\"d\":[{\"id\":3}]}" });
}

static void
test_parts(void ** state)
{
	(void)state;
	sweep("\"error_text\":[\"e\"],", "\"p\":{\"columns\":{\"n\":{\"type\":"
	    "\"text\"}},\"lists\":[{\"url\":\"/p\"}]},\"c\":{\"columns\":{"
	    "\"id\":{\"type\":\"integer\"},\"p\":{\"type\":\"text\","
	    "\"input\":true}},\"lists\":[{\"url\":\"/c\",\"records\":\"d\","
	    "\"query\":{\"p\":\"{{in.p}}\"},\"needs\":[\"p\"],\"paginate\":{"
	    "\"kind\":\"cursor\",\"query\":\"c\",\"from\":\"x\"},"
	    "\"partition\":{\"over\":\"p\",\"bind\":{\"p\":\"n\"}}}]}", "c",
	    "1 2 3 ", parts_script);
}

static void
metrics_script(struct rig * g)
{
	rig_script(g, "/m", { .body = "up 1\ndown{a=\"b\"} 2\n" });
}

static void
test_metrics(void ** state)
{
	(void)state;
	sweep("", "\"m\":{\"decode\":\"openmetrics\",\"columns\":{\"value\":{"
	    "\"type\":\"real\"},\"name\":{\"type\":\"text\"},\"labels\":{"
	    "\"type\":\"map\"}},\"lists\":[{\"url\":\"/m\"}]}", "m",
	    "4607182418800017408 4611686018427387904 ", metrics_script);
}

#define R(id, s) "{\"id\":" #id ",\"at\":\"2020-01-01T00:00:0" #s "Z\"}"

static void
sync_script(struct rig * g)
{
	rig_script(g, "/i?sort=at", { .body = "[" R(1, 1) "," R(2, 2) "]",
	    .header = "Link: </x>; rel=next" });
	rig_script(g, "/i?since=2020-01-01T00:00:02Z&sort=at", { .body =
	    "[" R(2, 2) "," R(3, 2) "]", .header = "Link: </i2>; rel=next" });
	rig_script(g, "/i2", { .body = "[" R(4, 2) "," R(5, 3) "]",
	    .header = "Link: </x>; rel=next" });
	rig_script(g, "/i?since=2020-01-01T00:00:03Z&sort=at", { .body =
	    "[" R(5, 3) "]" });
}

static void
test_sync(void ** state)
{
	static const char items[] = "\"items\":{\"key\":[\"id\"],\"columns\":{"
	    "\"id\":{\"type\":\"integer\"},\"at\":{\"type\":\"timestamp\","
	    "\"not_null\":true}},\"lists\":[{\"url\":\"/i\",\"paginate\":{"
	    "\"kind\":\"link\"},\"push\":{\"at\":{\"op\":\">=\",\"query\":"
	    "\"since\"}},\"order\":{\"columns\":{\"at\":\"at\"},\"query\":{"
	    "\"sort\":\"at\"}}}]}";

	(void)state;
	syncs = 1;
	sweep("", items, "items", "1 2 2 3 4 5 5 ", sync_script);
	syncs = 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_link), cmocka_unit_test(test_parts),
		cmocka_unit_test(test_metrics), cmocka_unit_test(test_sync),
	};

	return (cmocka_run_group_tests_name("reader without memory", tests,
	    NULL, NULL));
}
