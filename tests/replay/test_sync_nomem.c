#include "sync_rig.h"

#include "query/query.h"

/* Everything that a run asks of memory fails once: then it ends in an error or well,
 * nothing is left behind, and the next run finds what is missing.  The library here
 * is one whose allocations are these. */

void * nomem_calloc(size_t n, size_t m);
json_t * nomem_json_object(void);
json_t * nomem_json_deep_copy(const json_t * v);
struct loop_timer * nomem_loop_timer_new(struct loop * L, void (*cb)(void *),
    void * arg);
struct query * nomem_query_start(struct loop * L, const char * sql, size_t len,
    const struct query_catalog * cat, const struct query_opts * opts,
    const struct query_sink * sink, struct err * e);
int nomem_json_object_set_new(json_t * o, const char * key, json_t * v);

static unsigned count, fail_at;

static int
fails(void)
{
	return (++count == fail_at);
}

void *
nomem_calloc(size_t n, size_t m)
{
	return (fails() ? NULL : calloc(n, m));
}

json_t *
nomem_json_object(void)
{
	return (fails() ? NULL : json_object());
}

json_t *
nomem_json_deep_copy(const json_t * v)
{
	return (v == NULL || fails() ? NULL : json_deep_copy(v));
}

int
nomem_json_object_set_new(json_t * o, const char * key, json_t * v)
{
	if (!fails())
		return (json_object_set_new(o, key, v));
	json_decref(v);
	return (-1);
}

struct loop_timer *
nomem_loop_timer_new(struct loop * L, void (*cb)(void *), void * arg)
{
	return (fails() ? NULL : loop_timer_new(L, cb, arg));
}

struct query *
nomem_query_start(struct loop * L, const char * sql, size_t len,
    const struct query_catalog * cat, const struct query_opts * opts,
    const struct query_sink * sink, struct err * e)
{
	if (!fails())
		return (query_start(L, sql, len, cat, opts, sink, e));
	err_nomem(e, "a query");
	return (NULL);
}

static void
each(const char * entity, const char * more)
{
	struct rig * g;
	struct sync_def * d;
	char table[32];
	unsigned n, i;
	int ended = 0;

	snprintf(table, sizeof(table), "t-%s", entity);
	for (n = 1; !ended; n++) {
		fail_at = 0;
		g = rig_new("{}");
		d = rig_def(entity, more);
		for (i = 0; i < 60; i++)
			rig_add(g);
		fake_loop_advance(g->L, 60000);
		g->delay_ms = 1500;
		count = 0;
		fail_at = n;
		g->is_done = 0;
		g->run = sync_run_start(&g->env, d, g->c, ++g->bucket, 0, NULL,
		    rig_done, g);
		if (g->run != NULL)
			rig_wait(g);
		ended = count < n;
		if (g->is_done && g->res.verdict != SYNC_COMPLETE) {
			rig_is(g, SYNC_FAILED);
			assert_int_equal(g->res.e.cls, ERR_TRANSIENT);
			assert_non_null(strstr(g->res.reason, "memory"));
		}
		fail_at = 0;
		fake_loop_advance(g->L, RIG_LEASE);
		for (i = 0; i < 2; i++)
			rig_run(g, d, 0);
		rig_is(g, SYNC_COMPLETE);
		if (!rig_same(g, table))
			fail_msg("%s, allocation %u", entity, n);
		sync_def_unref(d);
		rig_free(g);
	}
	assert_true(n > 10);
}

static void
test_each(void ** state)
{
	(void)state;
	each("byvalue", ",\"incremental\":\"updated\"");
	each("any", ",\"incremental\":\"updated\",\"where\":\"rev > 0\"");
	each("bare", "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each),
	};

	return (cmocka_run_group_tests_name("sync nomem", tests, NULL, NULL));
}
