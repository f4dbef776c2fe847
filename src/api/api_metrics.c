#include "config.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "api/api_internal.h"
#include "base/buf.h"
#include "base/clock.h"
#include "conn/limits.h"
#include "secret/vault.h"

/*
 * /metrics: our own, in the text format 0.0.4.  One gauge a connector is kept
 * to what alerts need; the rest is summed.
 */
#define MAX_METRICS ((size_t)64 << 20)
/* Series of cursors at most. */
#define MAX_CURSORS 10000

static void
head(struct buf * b, const char * name, const char * type, const char * help)
{
	buf_addf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
one(struct buf * b, const char * name, const char * type, const char * help,
    double v)
{
	head(b, name, type, help);
	buf_addf(b, "%s %.17g\n", name, v);
}

static void
add_runs(struct buf * b, const struct runner_stats * st)
{
	static const char * const names[RUNNER_RESULTS] = { "ok", "transient",
	    "permanent", "config" };
	uint64_t sum = 0;
	int i;

	head(b, "moltler_ticks_total", "counter", "Runs by result.");
	for (i = 0; i < RUNNER_RESULTS; i++)
		buf_addf(b, "moltler_ticks_total{result=\"%s\"} %" PRIu64 "\n",
		    names[i], st->ticks[i]);
	one(b, "moltler_ticks_idle_total", "counter",
	    "Runs that another daemon had claimed.", (double)st->idle);
	one(b, "moltler_ticks_skipped_total", "counter",
	    "Runs missed because the one before took too long.",
	    (double)st->skipped);
	one(b, "moltler_rows_total", "counter", "Rows written, by scrapes and by syncs.",
	    (double)st->rows);
	head(b, "moltler_tick_duration_seconds", "histogram",
	    "How long runs took.");
	for (i = 0; i < RUNNER_DURATION_BUCKETS; i++) {
		sum += st->duration[i];
		buf_addf(b, "moltler_tick_duration_seconds_bucket{le=\"%g\"} %"
		    PRIu64 "\n", runner_duration_le[i], sum);
	}
	sum += st->duration[i];
	buf_addf(b, "moltler_tick_duration_seconds_bucket{le=\"+Inf\"} %" PRIu64
	    "\nmoltler_tick_duration_seconds_sum %.9g\n"
	    "moltler_tick_duration_seconds_count %" PRIu64 "\n", sum,
	    st->duration_sum_s, sum);
}

static void
add_success(void * arg, const char * name, int64_t at_ms)
{
	buf_addf(arg, "moltler_last_success_timestamp_seconds{connector=\"%s\"}"
	    " %.3f\n", name, (double)at_ms / 1000);
}

static void
add_request(void * arg, const char * type, const char * code, uint64_t n)
{
	buf_addf(arg, "moltler_http_requests_total{type=\"%s\",code=\"%s\"} %"
	    PRIu64 "\n", type, code, n);
}

static void
add_connectors(struct buf * b, const struct api * a,
    const struct runner_stats * st)
{
	head(b, "moltler_connectors", "gauge", "Connectors by status.");
	buf_addf(b, "moltler_connectors{status=\"connected\"} %zu\n"
	    "moltler_connectors{status=\"error\"} %zu\n"
	    "moltler_connectors{status=\"disabled\"} %zu\n"
	    "moltler_connectors{status=\"pending\"} %zu\n", st->connected,
	    st->error, st->disabled, st->pending);
	head(b, "moltler_last_success_timestamp_seconds", "gauge",
	    "When a connector's last good run ended.");
	runner_each_success(a->o.runner, add_success, b);
	head(b, "moltler_http_requests_total", "counter",
	    "Requests sent, by type and status code (or the error's code).");
	runner_each_request(a->o.runner, add_request, b);
}

/* So many budgets that are waited for are told apart. */
#define WAITING_MAX 100

static void
add_waiting(void * arg, const char * key, size_t n)
{
	buf_adds(arg, "moltler_limit_waiting{budget=\"");
	/* A scope may hold anything. */
	for (; *key != '\0'; key++)
		buf_addc(arg, *key == '"' || *key == '\\' ||
		    (unsigned char)*key < 0x20 ? '_' : *key);
	buf_addf(arg, "\"} %zu\n", n);
}

static void
add_limits(struct buf * b, const struct api * a)
{
	const struct conn_env * conn = a->o.stmt != NULL ? a->o.stmt->conn :
	    NULL;

	if (conn == NULL || conn->limits == NULL)
		return;
	head(b, "moltler_limit_waiting", "gauge",
	    "Calls that wait for a budget.");
	limits_each_waiting(conn->limits, WAITING_MAX, add_waiting, b);
}

static void
add_action(void * arg, const char * type, const char * outcome, uint64_t n)
{
	buf_addf(arg, "moltler_actions_total{type=\"%s\",outcome=\"%s\"} %"
	    PRIu64 "\n", type, outcome, n);
}

static void
add_actions(struct buf * b, const struct api * a)
{
	head(b, "moltler_actions_total", "counter",
	    "What was done to services, by type and outcome.");
	acts_each(a->o.stmt->acts, add_action, b);
}

/* ---- syncs ---- */

struct ages {
	struct buf * b;
	size_t left;
};

static void
add_age(void * arg, const char * id, double age_s)
{
	struct ages * a = arg;

	if (a->left == 0)
		return;
	a->left--;
	buf_addf(a->b, "moltler_cursor_age_seconds{sync=\"%s\"} %.3f\n", id,
	    age_s);
}

static void
add_syncs(struct buf * b, const struct syncs * S, size_t ticks)
{
	static const char * const verdicts[] = { "complete", "partial",
	    "failed" };
	struct ages ages = { b, MAX_CURSORS };
	struct syncs_stats st;
	int i;

	syncs_stats_get(S, &st);
	head(b, "moltler_sync_runs_total", "counter",
	    "Runs of syncs by verdict.");
	for (i = 0; i < 3; i++)
		buf_addf(b, "moltler_sync_runs_total{verdict=\"%s\"} %" PRIu64
		    "\n", verdicts[i], st.runs[i]);
	one(b, "moltler_sync_idle_total", "counter",
	    "Runs of syncs that another daemon had claimed.", (double)st.idle);
	one(b, "moltler_sync_rows_total", "counter",
	    "Rows of syncs that targets acknowledged.", (double)st.rows);
	one(b, "moltler_sync_rejected_total", "counter",
	    "Rows of syncs that targets refused and that were put aside.",
	    (double)st.rejected);
	one(b, "moltler_sync_deleted_total", "counter",
	    "Rows of syncs marked or removed in targets.", (double)st.deleted);
	head(b, "moltler_syncs", "gauge", "Syncs by status: scheduled and "
	    "paused of all there are, the rest of those that this daemon runs.");
	buf_addf(b, "moltler_syncs{status=\"running\"} %zu\n"
	    "moltler_syncs{status=\"scheduled\"} %zu\n"
	    "moltler_syncs{status=\"paused\"} %zu\n"
	    "moltler_syncs{status=\"partial\"} %zu\n"
	    "moltler_syncs{status=\"failed\"} %zu\n", st.running, st.scheduled,
	    st.paused, st.partial, st.failed);
	one(b, "moltler_syncs_mine", "gauge",
	    "Syncs that are this daemon's to run now.", (double)st.mine);
	one(b, "moltler_nodes", "gauge",
	    "Daemons that share the work, this one included.",
	    (double)st.nodes);
	one(b, "moltler_leases_held", "gauge",
	    "Runs that this daemon holds a claim of now.",
	    (double)(st.running + ticks));
	head(b, "moltler_cursor_age_seconds", "gauge", "How old the newest row "
	    "is that an incremental sync has brought.");
	syncs_each_cursor(S, add_age, &ages);
}

static void
add_store(void * arg, const char * database,
    const struct sample_store_stats * st)
{
	buf_addf(arg, "moltler_target_samples_total{database=\"%s\"} %" PRIu64
	    "\n", database, st->samples);
}

static void
add_loop(struct buf * b, const struct api * a)
{
	struct httpd_stats hs;
	struct http_stats cs;
	struct loop_lag lag;

	loop_lag_get(a->o.loop, &lag);
	head(b, "moltler_loop_lag_seconds", "gauge", "How late the loop comes "
	    "to what is due, since the start.");
	buf_addf(b, "moltler_loop_lag_seconds{quantile=\"0.5\"} %.6f\n"
	    "moltler_loop_lag_seconds{quantile=\"0.99\"} %.6f\n"
	    "moltler_loop_lag_seconds{quantile=\"1\"} %.6f\n",
	    (double)lag.p50_us / 1e6, (double)lag.p99_us / 1e6,
	    (double)lag.max_us / 1e6);
	http_stats_get(a->o.http, &cs);
	one(b, "moltler_http_active", "gauge", "Requests being sent.",
	    cs.active);
	one(b, "moltler_http_queued", "gauge", "Requests waiting for a place.",
	    cs.queued);
	httpd_stats_get(a->httpd, &hs);
	one(b, "moltler_api_connections", "gauge", "Open API connections.",
	    hs.conns);
	one(b, "moltler_api_requests_total", "counter", "API requests.",
	    (double)hs.requests);
	one(b, "moltler_api_refused_total", "counter",
	    "API connections refused.", (double)hs.refused);
	one(b, "moltler_queries_running", "gauge", "Queries running.",
	    (double)a->nqueries);
	one(b, "moltler_queries_total", "counter", "Queries ended.",
	    (double)a->queries_done);
	one(b, "moltler_state_up", "gauge", "Whether the state is reachable.",
	    a->o.state->ops->is_up(a->o.state));
}

static void
add_vault(struct buf * b, const struct vault * v)
{
	struct vault_stats st;

	if (v == NULL)
		return;
	vault_stats_get(v, &st);
	one(b, "moltler_vault_up", "gauge", "Whether Vault answered and let us "
	    "in when it was last asked.", st.up);
	one(b, "moltler_vault_requests_total", "counter", "Requests to Vault.",
	    (double)st.requests);
	one(b, "moltler_vault_errors_total", "counter", "Of these without a "
	    "usable answer, or by whom we were not let in.",
	    (double)st.errors);
}

/* The entries of /proc/self/fd, but for ".", ".." and that of looking. */
static int
count_fds(void)
{
	DIR * d = opendir("/proc/self/fd");
	int n = -3;

	if (d == NULL)
		return (-1);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return (n);
}

static void
add_process(struct buf * b, const struct api * a)
{
	long pages = 0, rss = 0;
	int fds = count_fds();
	struct rusage ru;
	struct rlimit max;
	FILE * f;

	getrusage(RUSAGE_SELF, &ru);
	one(b, "process_cpu_seconds_total", "counter",
	    "CPU time spent in user and system mode.",
	    (double)ru.ru_utime.tv_sec + (double)ru.ru_stime.tv_sec +
	    (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6);
	one(b, "process_start_time_seconds", "gauge",
	    "When the process started.", (double)a->started_ms / 1000);
	if ((f = fopen("/proc/self/statm", "re")) != NULL) {
		if (fscanf(f, "%ld %ld", &pages, &rss) == 2)
			one(b, "process_resident_memory_bytes", "gauge",
			    "Resident memory.", (double)rss *
			    (double)sysconf(_SC_PAGESIZE));
		fclose(f);
	}
	if (fds >= 0)
		one(b, "process_open_fds", "gauge", "Open descriptors.", fds);
	if (getrlimit(RLIMIT_NOFILE, &max) == 0)
		one(b, "process_max_fds", "gauge",
		    "The most descriptors there can be.", (double)max.rlim_cur);
	head(b, "moltler_build_info", "gauge", "What this is.");
	buf_addf(b, "moltler_build_info{version=\"%s\"} 1\n", PACKAGE_VERSION);
}

static void
metrics(const struct api_call * c)
{
	struct buf b = BUF_INIT(MAX_METRICS);
	struct runner_stats st;
	struct syncs_stats ss = { 0 };

	runner_stats_get(c->a->o.runner, &st);
	if (c->a->o.stmt != NULL && c->a->o.stmt->syncs != NULL)
		syncs_stats_get(c->a->o.stmt->syncs, &ss);
	st.rows += ss.rows;
	add_runs(&b, &st);
	add_connectors(&b, c->a, &st);
	add_limits(&b, c->a);
	add_actions(&b, c->a);
	if (c->a->o.stmt != NULL && c->a->o.stmt->syncs != NULL)
		add_syncs(&b, c->a->o.stmt->syncs, st.running);
	head(&b, "moltler_target_samples_total", "counter",
	    "Samples written to a database.");
	targets_each_store(c->a->o.targets, add_store, &b);
	add_loop(&b, c->a);
	add_vault(&b, c->a->o.vault);
	add_process(&b, c->a);
	if (b.failed)
		httpd_error(c->q, 503, "nomem", "the metrics do not fit");
	else
		httpd_reply(c->q, 200, "text/plain; version=0.0.4; "
		    "charset=utf-8", b.p, b.len);
	buf_free(&b);
}

const struct api_route api_metrics_routes[] = {
	{ HTTPD_GET, "/metrics", metrics },
	{ HTTPD_OTHER, NULL, NULL },
};
