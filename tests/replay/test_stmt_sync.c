/* SYNC and its kin over syncs whose answers are scripted. */
#include "world.h"

#include "base/buf.h"
#include "base/clock.h"
#include "fake_syncs.h"
#include "query/query.h"
#include "stmt/stmt.h"

static struct world * w;
static struct syncs * S;
static struct stmt_env env;

/* SELECT is none of this test's business; these stand before the library's. */
struct query *
query_start(struct loop * L, const char * sql, size_t len,
    const struct query_catalog * cat, const struct query_opts * opts,
    const struct query_sink * sink, struct err * e)
{
	(void)L;
	(void)sql;
	(void)len;
	(void)cat;
	(void)opts;
	(void)sink;
	err_set(e, ERR_PERMANENT, "none", "no queries here");
	return (NULL);
}

void
query_resume(struct query * q)
{
	(void)q;
}

void
query_cancel(struct query * q)
{
	(void)q;
}

/* A fiber wants it, and no test here runs long enough to mind. */
__attribute__((weak)) void
loop_timer_prio(struct loop_timer * t, enum loop_prio prio)
{
	(void)t;
	(void)prio;
}

void
targets_find(const struct targets * t, const char * table,
    void (*cb)(void * arg, const char * database, const char * path,
    const char * table), void * arg)
{
	(void)t;
	(void)table;
	(void)cb;
	(void)arg;
}

void
targets_each_table(const struct targets * t, int (*cb)(void * arg,
    const char * database, const char * table), void * arg)
{
	(void)t;
	(void)cb;
	(void)arg;
}

int
targets_is_rows(const struct targets * t, const char * database,
    const char * table)
{
	(void)t;
	(void)database;
	(void)table;
	return (0);
}

/* ---- one statement ---- */

struct said {
	struct stmt * s;
	struct buf out;   /* "name=value|name=value\n" a row */
	char names[40][40];
	int done, failed, rows, pause_every, waits;
	struct err e;
	struct query_stats st;
	char progress[500];
};
static struct said a;

static void
on_columns(void * arg, size_t n, const char * const * names,
    const char * const * types)
{
	struct said * s = arg;
	size_t i;

	assert_true(n <= 40);
	for (i = 0; i < n; i++) {
		assert_non_null(types[i]);
		snprintf(s->names[i], sizeof(s->names[i]), "%s", names[i]);
	}
}

static int
on_row(void * arg, size_t n, const struct query_value * v)
{
	struct said * s = arg;
	size_t i;

	for (i = 0; i < n; i++) {
		buf_addf(&s->out, "%s%s=", i ? "|" : "", s->names[i]);
		if (v[i].type == QUERY_INT)
			buf_addf(&s->out, "%jd", (intmax_t)v[i].i);
		else if (v[i].type == QUERY_NULL)
			buf_addc(&s->out, '-');
		else
			buf_add(&s->out, v[i].s, v[i].len);
	}
	buf_addc(&s->out, '\n');
	s->rows++;
	if (s->pause_every == 0 || s->rows % s->pause_every != 0)
		return (0);
	s->waits = 1;
	return (1);
}

static void
on_done(void * arg, const struct query_stats * st, const struct err * e)
{
	struct said * s = arg;

	s->s = NULL;
	s->done++;
	s->st = *st;
	s->failed = e != NULL;
	if (e != NULL)
		s->e = *e;
}

static void
on_progress(void * arg, const struct query_stats * st)
{
	struct said * s = arg;

	snprintf(s->progress, sizeof(s->progress), "%s %d/%d %d rows %d of %d",
	    st->sync.entity, (int)st->sync.legs_done, (int)st->sync.legs,
	    (int)st->sync.rows, (int)st->sync.written, (int)st->sync.total);
}

static void
begin(const char * sql)
{
	const struct query_sink sink = { on_columns, on_row, on_done, &a,
	    on_progress, NULL };
	int pause_every = a.pause_every;
	struct err e;

	buf_free(&a.out);
	memset(&a, 0, sizeof(a));
	a.pause_every = pause_every;
	a.out.max = 1 << 20;
	buf_adds(&a.out, "");
	S->log[0] = '\0';
	a.s = stmt_start(&env, sql, strlen(sql), NULL, &sink, &e);
	assert_non_null(a.s);
}

static int
is_done(void * arg)
{
	struct said * s = arg;

	if (s->waits) {
		s->waits = 0;
		stmt_resume(s->s);
	}
	return (s->done);
}

static const char *
run(const char * sql)
{
	begin(sql);
	if (fake_loop_until(w->L, is_done, &a, 60000))
		fail_msg("%s: no end", sql);
	assert_int_equal(a.done, 1);
	return (a.failed ? a.e.msg : a.out.p);
}

static int
setup(void ** state)
{
	json_t * body = json_pack("{s:s, s:s, s:{s:s, s:s, s:s}}", "name", "gh",
	    "type", "github", "config", "token", "$env:X", "org", "acme",
	    "api_url", "http://gh.test");

	(void)state;
	w = world_new(1, "sqlite");
	S = fake_syncs_new(w->L, w->node[0].runner);
	S->ends_ms = 5;
	env.loop = w->L;
	env.runner = w->node[0].runner;
	env.syncs = S;
	env.targets = w->node[0].targets;
	env.conn = &w->conn;
	world_create_body(w, 0, body);
	return (0);
}

static int
teardown(void ** state)
{
	(void)state;
	buf_free(&a.out);
	memset(&a, 0, sizeof(a));
	fake_syncs_free(S);
	world_free(w);
	return (0);
}

/* ---- SYNC ---- */

static void
test_sync(void ** state)
{
	(void)state;
	S->result.verdict = SYNC_COMPLETE;
	S->result.p.written = 250;
	S->result.p.rows = 251;
	S->result.p.pages = 3;
	S->result.p.calls = 4;
	S->result.took_ms = 5;
	assert_string_equal(run("SYNC CONNECTOR gh.issues TO github-*"),
	    "status=completed|connector=gh|entity=issues|target=github-*|"
	    "documents_synced=250|sync=gh.issues|rows_read=251|rejected=0|"
	    "deleted=0|pages=3|calls=4|duration_ms=5|verdict=complete|reason=-|"
	    "left_out=[]\n");
	assert_string_equal(S->log, "put gh.issues github-*; run gh.issues");
	assert_int_equal(a.st.api.calls, 4);
	assert_int_equal(a.st.rows, 1);
	/* All of it: no entity; partial says why. */
	S->result.verdict = SYNC_PARTIAL;
	snprintf(S->result.reason, sizeof(S->result.reason), "the cap");
	assert_has(run("SYNC CONNECTOR gh TO x-* OPTIONS {\"deletes\": 'mark'} "
	    "WHERE a = 'b' AND c"), "status=partial|connector=gh|entity=-|");
	assert_has(a.out.p, "|verdict=partial|reason=the cap|");
	assert_string_equal(S->where, " a = 'b' AND c");
	assert_string_equal(S->options, "{\"deletes\":\"mark\"}");
}

static void
test_ends(void ** state)
{
	(void)state;
	S->result.verdict = SYNC_FAILED;
	err_set(&S->result.e, ERR_PERMANENT, "http_403", "gh.issues: 403");
	assert_string_equal(run("SYNC CONNECTOR gh.issues TO t"),
	    "gh.issues: 403");
	assert_string_equal(a.e.code, "http_403");
	S->result.verdict = SYNC_IDLE;
	assert_has(run("SYNC CONNECTOR gh.issues TO t"), "another daemon");
	assert_string_equal(a.e.code, "busy");
	S->refused = 1;
	err_set(&S->e, ERR_CONFIG, "not_here", "held by node b");
	assert_string_equal(run("SYNC CONNECTOR gh.issues TO t"),
	    "held by node b");
	S->fails = 1;
	err_set(&S->e, ERR_CONFIG, "bad_target", "no such target");
	assert_string_equal(run("SYNC CONNECTOR gh.issues TO t"), "line 1, "
	    "column 29: no such target\n"
	    "  SYNC CONNECTOR gh.issues TO t\n                              ^");
	assert_string_equal(a.e.code, "bad_target");
	assert_string_equal(S->log, "put gh.issues t");
	/* What needs no asking has its place. */
	assert_string_equal(run("SYNC CONNECTOR gx.issues TO t"), "line 1, "
	    "column 16: there is no connector gx\n"
	    "  SYNC CONNECTOR gx.issues TO t\n                 ^");
	assert_has(run("SYNC CONNECTOR gh.isues TO t"), "line 1, column 19: gh "
	    "(type github) has no entity isues (did you mean issues?)");
	assert_string_equal(S->log, "");
}

/* A place in WHERE is a place in the statement. */
static void
test_where(void ** state)
{
	(void)state;
	S->fails = 1;
	err_set(&S->e, ERR_PERMANENT, "sql", "line 1, column 14: found titel, "
	    "but no such column\n a = 'x' AND titel\n             ^");
	assert_string_equal(run("SYNC CONNECTOR gh.issues TO t WHERE a = 'x' "
	    "AND titel"), "line 1, column 49: found titel, but no such column\n"
	    "  SYNC CONNECTOR gh.issues TO t WHERE a = 'x' AND titel\n"
	    "                                                  ^");
	assert_string_equal(a.e.code, "sql");
	S->fails = 1;
	err_set(&S->e, ERR_PERMANENT, "sql", "line 2, column 3: found y");
	assert_string_equal(run("BEGIN SHOW TYPES; SYNC CONNECTOR gh.issues TO "
	    "t WHERE a =\n  y SCHEDULE '@daily'; END"), "line 2, column 3: found "
	    "y\n    y SCHEDULE '@daily'; END\n    ^");
	S->fails = 1;
	err_set(&S->e, ERR_PERMANENT, "sql", "line 1, column 3: found y");
	assert_has(run("EXPLAIN SYNC CONNECTOR gh.issues TO t WHERE  y"),
	    "line 1, column 46: found y");
	/* Nothing is not everything. */
	S->log[0] = '\0';
	assert_has(run("SYNC CONNECTOR gh.issues TO t WHERE SCHEDULE "
	    "'@daily'"), "line 1, column 36: a condition is missing after "
	    "WHERE\n");
	assert_has(run("SYNC CONNECTOR gh.issues TO t WHERE"), "missing");
	assert_string_equal(S->log, "");
}

static void
test_scheduled(void ** state)
{
	const char * row;

	(void)state;
	S->ends_ms = 100;
	assert_string_equal(run("SYNC CONNECTOR gh.issues TO t INCREMENTAL ON "
	    "updated_at SCHEDULE '*/5 * * * *'"), "status=scheduled|"
	    "sync=gh.issues|connector=gh|entity=issues|schedule=*/5 * * * *|"
	    "schedule_ms=0|next_run_at=2023-11-14T22:15:00Z|target=t|"
	    "entities=[\"issues\"]|left_out=[]\n");
	/* Its first run goes on although nobody waits. */
	world_pass(w, 200);
	assert_string_equal(S->log, "put gh.issues t; run gh.issues; leave "
	    "alone; ended alone");
	S->put = json_pack("{s:s, s:n, s:i}", "sync", "gh.issues", "schedule",
	    "every_ms", 300000);
	/* The clock of the connector is no SCHEDULE: it runs now all the same. */
	row = run("SYNC CONNECTOR gh.issues TO t");
	assert_has(row, "status=completed|connector=gh|entity=issues|");
	assert_has(row, "|schedule=-|schedule_ms=300000|");
}

static void
test_progress_and_cancel(void ** state)
{
	const struct sync_progress p = { .entity = "issues", .legs = 3,
	    .legs_done = 1, .rows = 70, .written = 60, .total = 400 };

	(void)state;
	S->ends_ms = -1;
	begin("SYNC CONNECTOR gh TO t-*");
	world_pass(w, 10);
	assert_int_equal(a.done, 0);
	fake_syncs_progress(S, &p);
	assert_string_equal(a.progress, "issues 1/3 70 rows 60 of 400");
	stmt_cancel(a.s);
	world_pass(w, 10);
	assert_int_equal(a.done, 1);
	assert_int_equal(a.e.cls, ERR_CANCELLED);
	assert_string_equal(S->log, "put gh.all t-*; run gh.all; leave cancel");
	assert_null(S->waits);
	/* Before it is defined, and before it began. */
	begin("SYNC CONNECTOR gh TO t-*");
	stmt_cancel(a.s);
	world_pass(w, 10);
	assert_int_equal(a.done, 1);
	assert_string_equal(S->log, "");
}

/* ---- what there is ---- */

static void
test_show(void ** state)
{
	(void)state;
	world_create(w, 0, "prom", 60000);
	fake_syncs_add(S, "gh.issues", "{\"connector\": \"gh\", \"entity\": "
	    "\"issues\", \"target\": \"t\", \"schedule\": null, \"schedule_ms\": "
	    "300000, \"status\": \"complete\", \"verdict\": \"complete\", "
	    "\"last_run_at\": \"2023-11-14T22:13:20Z\", \"last_rows\": 250, "
	    "\"node\": \"n1\", \"held_by\": null}");
	fake_syncs_add(S, "zz.all", "{\"connector\": \"zz\", \"entity\": null, "
	    "\"target\": \"t-*\", \"schedule\": \"@daily\", \"status\": "
	    "\"running\", \"held_by\": \"n2\"}");
	assert_has(run("SHOW SYNCS"), "sync=gh.issues|connector=gh|"
	    "entity=issues|target=t|schedule=every 5m|status=complete|"
	    "verdict=complete|last_run=2023-11-14T22:13:20Z|rows=250|next_run=-|"
	    "node=n1\nsync=prom.metrics|connector=prom|entity=metrics|"
	    "target=samples|schedule=every 1m|status=");
	assert_has(a.out.p, "\nsync=zz.all|connector=zz|entity=-|target=t-*|"
	    "schedule=@daily|status=running|verdict=-|last_run=-|rows=0|"
	    "next_run=-|node=n2\n");
	assert_int_equal(a.rows, 3);
	assert_has(run("SHOW SYNC gh.issues"), "sync=gh.issues|connector=gh|");
	assert_has(a.out.p, "|schedule_ms=300000|");
	assert_has(run("SHOW SYNC prom.metrics"), "sync=prom.metrics|");
	assert_has(run("SHOW SYNC gh.isues"), "column 11: there is no sync "
	    "gh.isues (did you mean gh.issues?); SHOW SYNCS lists them");
	assert_has(run("SHOW SYNC prom.metric"), "did you mean prom.metrics?");
}

/* Many of both kinds, some at a time, to a client that is slow. */
static void
test_show_many(void ** state)
{
	char name[32], sql[64];
	int i;

	(void)state;
	for (i = 0; i < 1300; i++) {
		snprintf(name, sizeof(name), "c%04d.all", i * 2);
		fake_syncs_add(S, name, "{}");
	}
	for (i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "c%04d", i * 60 + 1);
		world_create(w, 0, name, 60000);
	}
	a.pause_every = 7;
	(void)run("SHOW SYNCS");
	assert_false(a.failed);
	assert_int_equal(a.rows, 1340);
	assert_has(S->log, "list -; list c0");
	/* In order: each before the next. */
	{
		char * line, * save = NULL, before[64] = "";

		for (line = strtok_r(a.out.p, "\n", &save); line != NULL;
		    line = strtok_r(NULL, "\n", &save)) {
			line[strcspn(line, "|")] = '\0';
			assert_true(strcmp(before, line) < 0);
			snprintf(before, sizeof(before), "%s", line);
		}
	}
	/* One that leaves in the middle. */
	a.pause_every = 600;
	begin("SHOW SYNCS");
	world_pass(w, 10);
	assert_int_equal(a.rows, 600);
	stmt_cancel(a.s);
	world_pass(w, 10);
	assert_int_equal(a.done, 1);
	assert_int_equal(a.e.cls, ERR_CANCELLED);
	a.pause_every = 0;
	S->fails = 1;
	err_set(&S->e, ERR_TRANSIENT, "state", "the state is away");
	assert_string_equal(run("SHOW SYNCS"), "the state is away");
	for (i = 0; i < 40; i++) {
		snprintf(sql, sizeof(sql), "DROP CONNECTOR c%04d", i * 60 + 1);
		(void)run(sql);
		assert_false(a.failed);
	}
}

static void
test_change(void ** state)
{
	(void)state;
	fake_syncs_add(S, "gh.issues", "{}");
	assert_string_equal(run("PAUSE SYNC gh.issues"),
	    "status=paused|sync=gh.issues\n");
	assert_string_equal(S->log, "pause gh.issues");
	assert_string_equal(run("RESUME SYNC 'gh.issues'"),
	    "status=resumed|sync=gh.issues\n");
	assert_string_equal(run("DROP SYNC gh.issues"),
	    "status=deleted|sync=gh.issues\n");
	assert_string_equal(S->log, "drop gh.issues");
	/* A run is begun, not waited for. */
	S->ends_ms = 5000;
	assert_string_equal(run("RUN SYNC gh.issues FULL"),
	    "status=started|sync=gh.issues\n");
	world_pass(w, 6000);
	assert_string_equal(S->log, "run gh.issues full; leave alone; ended "
	    "alone");
	S->refused = 1;
	err_set(&S->e, ERR_CONFIG, "not_here", "held by node b");
	assert_string_equal(run("RUN SYNC gh.issues"), "held by node b");
	S->fails = 1;
	assert_string_equal(run("PAUSE SYNC gh.issues"), "held by node b");
	assert_has(run("DROP SYNC gh.issue"), "did you mean gh.issues?");
}

static void
test_scrapes(void ** state)
{
	(void)state;
	world_create(w, 0, "prom", 60000);
	assert_string_equal(run("PAUSE SYNC prom.metrics"),
	    "status=paused|sync=prom.metrics\n");
	assert_string_equal(world_show(w, 0, "prom", "disabled_reason"),
	    "manual");
	(void)run("RESUME SYNC prom.metrics");
	assert_string_equal(world_show(w, 0, "prom", "disabled_reason"), "");
	assert_string_equal(run("RUN SYNC prom.metrics"),
	    "status=started|sync=prom.metrics\n");
	assert_string_equal(run("DROP SYNC prom.metrics"),
	    "status=deleted|sync=prom.metrics\n");
	assert_string_equal(world_show(w, 0, "prom", "target_table"), "");
	assert_has(run("SHOW SYNC prom.metrics"), "there is no sync");
	world_rest(w);
}

static void
test_explain(void ** state)
{
	(void)state;
	assert_string_equal(run("EXPLAIN SYNC CONNECTOR gh.issues TO t"),
	    "entity=issues|target=t|engine=-|statement=SELECT *|"
	    "calls=[{\"url\":\"GET /\"}]|key=[\"id\"]|columns=-|cursor=-|"
	    "commit=-|deletes=-|note=-\n");
	assert_string_equal(S->log, "explain gh");
	assert_has(run("EXPLAIN SYNC gh.issues"), "there is no sync gh.issues");
	fake_syncs_add(S, "gh.issues", "{}");
	assert_has(run("EXPLAIN SYNC gh.issues"), "entity=issues");
	assert_string_equal(S->log, "explain gh.issues");
}

/* What changes connectors goes by the syncs that hang on them. */
static void
test_connectors(void ** state)
{
	(void)state;
	(void)run("CREATE CONNECTOR x TYPE 'github' CONFIG {token: '$env:X', "
	    "org: 'a'}");
	assert_string_equal(S->log, "create x");
	(void)run("ALTER CONNECTOR x DISABLE");
	(void)run("ALTER CONNECTOR x SET OPTIONS {cache_ttl: 0}");
	assert_string_equal(S->log, "change x");
	assert_has(run("SHOW CONNECTOR x"), "property=shown|value=true\n");
	S->last = clock_wall_ms() - 5 * 60000;
	assert_has(run("SHOW CONNECTORS"), "Name=x|Type=github|Status=disabled|"
	    "Last Sync=5 minutes ago\n");
	(void)run("DROP CONNECTOR x");
	assert_string_equal(S->log, "delete x");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		T(test_sync), T(test_ends), T(test_where), T(test_scheduled),
		T(test_progress_and_cancel), T(test_show), T(test_show_many),
		T(test_change), T(test_scrapes), T(test_explain),
		T(test_connectors),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
