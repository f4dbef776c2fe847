/*
 * One run of a sync after the other, without a daemon around it:
 *   bench_sync URL TYPES-DIR sqlite|http://CLUSTER [RUNS]
 * reads the type "bench" of TYPES-DIR at URL, its entity "items", and prints rows a
 * second of CPU, and the RSS at its highest.
 */
#include <sys/resource.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "conn/limits.h"
#include "conn/result_cache.h"
#include "manifest/types.h"
#include "sync/sync_run.h"
#include "target/elastic.h"
#include "target/rows.h"
#include "target/targets.h"

static struct loop * L;
static struct targets * targets;
static struct elastic * elastic;
static struct sync_result result;
static int done;

static void
die(const struct err * e)
{
	fprintf(stderr, "%s\n", e->msg);
	exit(1);
}

static struct writer *
on_open(void * arg, const struct sync_def * d, const struct writer_spec * spec,
    const struct writer_events * ev, struct err * e)
{
	(void)arg;
	return (d->engine == SYNC_SQLITE ?
	    rows_writer_open(L, targets, spec, ev, e) :
	    elastic_writer_open(elastic, spec, ev, e));
}

static void
on_done(void * arg, const struct sync_result * r)
{
	(void)arg;
	result = *r;
	done = 1;
}

static double
cpu(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return ((double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	    (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6);
}

static void
run(const struct sync_run_env * env, struct sync_def * d, struct connector * c,
    int n)
{
	struct rusage ru;
	double t = cpu();

	done = 0;
	if (sync_run_start(env, d, c, n, SYNC_RUN_MANUAL, NULL, on_done,
	    NULL) == NULL)
		exit(1);
	while (!done)
		if (loop_turn(L, 1))
			exit(1);
	t = cpu() - t;
	getrusage(RUSAGE_SELF, &ru);
	printf("%s%s%s: %llu rows, %llu written, %.3f s of CPU, %.0f rows a "
	    "CPU second, %lld ms, RSS at most %.1f MiB\n",
	    sync_verdict_name(result.verdict), result.reason[0] ? " " : "",
	    result.verdict == SYNC_FAILED ? result.e.msg : result.reason,
	    (unsigned long long)result.p.rows,
	    (unsigned long long)result.p.written, t,
	    (double)result.p.written / t, (long long)result.took_ms,
	    (double)ru.ru_maxrss / 1024);
	fflush(stdout);
}

int
main(int argc, char ** argv)
{
	struct sync_run_env env;
	struct conn_env conn;
	struct call_counts counts;
	struct http_opts ho;
	struct elastic_opts eo;
	struct connector * c;
	struct sync_def * d;
	struct types * types;
	char dir[] = "/tmp/moltler-bench-sync-XXXXXX", path[128], cmd[160];
	const char * dirs[1];
	json_t * v;
	struct err e;
	int i, sqlite, runs = argc > 4 ? atoi(argv[4]) : 1;

	if (argc < 4 || mkdtemp(dir) == NULL)
		return (2);
	signal(SIGPIPE, SIG_IGN);
	log_setup(LOG_WARN, LOG_TEXT);
	sqlite = strcmp(argv[3], "sqlite") == 0;
	memset(&env, 0, sizeof(env));
	memset(&conn, 0, sizeof(conn));
	memset(&counts, 0, sizeof(counts));
	memset(&ho, 0, sizeof(ho));
	memset(&eo, 0, sizeof(eo));
	dirs[0] = argv[2];
	snprintf(path, sizeof(path), "%s/state.db", dir);
	if ((L = loop_new(&e)) == NULL ||
	    (conn.http = http_new(L, &ho, &e)) == NULL ||
	    (conn.secrets = secrets_new(NULL, &e)) == NULL ||
	    (types = types_load(dirs, 1, &e)) == NULL ||
	    (env.state = state_sqlite_open(L, path, "node", &e)) == NULL ||
	    (targets = targets_new(L, dir, &e)) == NULL)
		die(&e);
	conn.loop = L;
	conn.limits = limits_new(L, NULL);
	conn.cache = result_cache_new(0);
	conn.counts = &counts;
	env.loop = L;
	env.conn = &conn;
	env.lease_ms = 30000;
	env.open = on_open;
	eo.loop = L;
	eo.http = conn.http;
	eo.secrets = conn.secrets;
	eo.url = argv[3];
	if (!sqlite && (elastic = elastic_new(&eo, &e)) == NULL)
		die(&e);
	v = json_pack("{s:s}", "url", argv[1]);
	if (types_get(types, "bench") == NULL)
		return (2);
	c = connector_new(types_get(types, "bench"), "id", "fast", v,
	    json_object(), &e);
	if (c == NULL)
		die(&e);
	json_decref(v);
	v = json_pack("{s:i, s:s, s:s, s:[s], s:b, s:s, s:s, s:b}", "v", 1,
	    "id", "fast.items", "connector", "fast", "entities", "items",
	    "whole", 0, "engine", sqlite ? "sqlite" : "elastic", "target",
	    "bench-items", "enabled", 1);
	if ((d = sync_def_from_record(v, &e)) == NULL)
		die(&e);
	for (i = 0; i < runs; i++)
		run(&env, d, c, i);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return (system(cmd) != 0);
}
