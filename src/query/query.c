#include "query/query.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "query/query_internal.h"
#include "query/query_live.h"

#define DEADLINE_MS 60000
#define MAX_MEMORY ((size_t)64 << 20)
#define MAX_SQL ((size_t)1 << 20)
/* Some ten microseconds' worth. */
#define ROWS_A_LOOK 8
#define BYTES_A_LOOK 32768

const char query_key = 0;

static const char * const state_names[] = {
	"queued", "prepare", "run", "paused", "ended"
};

static void
query_enter(struct query * q, enum query_state state)
{
	log_event(LOG_DEBUG, "query", LOG_I("query", (intptr_t)q),
	    LOG_S("old", state_names[q->state]),
	    LOG_S("new", state_names[state]));
	q->state = state;
}

int
query_breathe(struct query * q)
{
	(void)fiber_breathe();
	return (q->cancelled || q->expired);
}

int
query_stopped(const struct query * q, struct err * e)
{
	if (q->cancelled)
		return (err_set(e, ERR_CANCELLED, "cancelled",
		    "the query was cancelled"));
	if (q->expired)
		return (err_set(e, ERR_TRANSIENT, "deadline",
		    "the query took longer than %lld ms: narrow it by WHERE, "
		    "or give it more time (query_deadline)", (long long)q->opts.deadline_ms));
	return (0);
}

/*
 * Texts are taken as blobs: sqlite3_column_text() would end each with a NUL, for
 * which its register grows.  (A value as such, and not by its column's number, may
 * be read where nobody else uses the connection.)
 */
static void
fill_value(sqlite3_stmt * st, int i, struct query_value * v)
{
	sqlite3_value * from = sqlite3_column_value(st, i);

	v->s = "";
	v->len = 0;
	v->i = 0;
	v->is_json = 0;
	switch (sqlite3_value_type(from)) {
	case SQLITE_INTEGER:
		v->type = QUERY_INT;
		v->i = sqlite3_value_int64(from);
		return;
	case SQLITE_FLOAT:
		v->type = QUERY_REAL;
		v->d = sqlite3_value_double(from);
		return;
	case SQLITE_TEXT:
		v->type = QUERY_TEXT;
		break;
	case SQLITE_BLOB:
		v->type = QUERY_BLOB;
		break;
	default:
		v->type = QUERY_NULL;
		return;
	}
	v->s = sqlite3_value_blob(from);
	v->len = (size_t)sqlite3_value_bytes(from);
	if (v->s == NULL)
		v->s = "";
}

/* The row that SQLite stands at. */
static int
fill_row(struct query * q, size_t n, struct err * e)
{
	size_t i;

	if (q->live == NULL || !q->live->straight.on) {
		for (i = 0; i < n; i++)
			fill_value(q->stmt, (int)i, &q->row[i]);
		return (0);
	}
	if (query_straight_row(&q->live->straight, n, q->row))
		return (err_set(e, ERR_PERMANENT, "internal",
		    "a row without its cells"));
	return (0);
}

/* Sleep until the sink can take more, or there is a reason not to wait. */
void
query_pause(struct query * q)
{
	query_enter(q, QUERY_PAUSED);
	while (!q->resumed && !q->cancelled && !q->expired)
		fiber_wait();
	q->resumed = 0;
	query_enter(q, QUERY_RUN);
}

/* What the columns are called and hold; ${own} has the names that are ours. */
static int
name_columns(struct query * q, size_t n, const char ** names, char ** own,
    struct err * e)
{
	const char * type;
	size_t i;

	for (i = 0; i < n; i++) {
		names[i] = sqlite3_column_name(q->stmt, (int)i);
		type = sqlite3_column_decltype(q->stmt, (int)i);
		/* Only SQLite need know that a time is a text. */
		names[n + i] = type == NULL ? "" :
		    strcmp(type, "TIMESTAMP TEXT") == 0 ? "TIMESTAMP" : type;
		if (names[i] == NULL)
			return (query_error(q, SQLITE_NOMEM, e));
		if (query_times_name(names[i], &own[i]))
			return (err_nomem(e, "a column's name"));
		if (own[i] != NULL)
			names[i] = own[i];
	}
	return (0);
}

static int
send_columns(struct query * q, size_t n, struct err * e)
{
	const char ** names = calloc(n * 2 + 1, sizeof(*names));
	char ** own = calloc(n + 1, sizeof(*own));
	size_t i;
	int rc;

	q->row = calloc(n + 1, sizeof(*q->row));
	q->ncols = n;
	rc = names == NULL || own == NULL || q->row == NULL ?
	    err_nomem(e, "a row") : name_columns(q, n, names, own, e);
	if (rc == 0 && q->sink.columns != NULL)
		q->sink.columns(q->sink.arg, n, names, names + n);
	for (i = 0; own != NULL && i < n; i++)
		free(own[i]);
	free(own);
	free(names);
	return (rc);
}

/* A row of ${bytes} is out: look at the clock after some rows, or a large one. */
static int
row_breathe(struct query * q, size_t bytes)
{
	if (q->st.rows % ROWS_A_LOOK == 0 || bytes >= BYTES_A_LOOK)
		return (query_breathe(q));
	return (q->cancelled || q->expired);
}

int
query_row(struct query * q)
{
	size_t i, bytes = 0;

	for (i = 0; i < q->ncols; i++)
		bytes += q->row[i].len;
	q->st.rows++;
	q->resumed = 0;
	if (q->sink.row != NULL &&
	    q->sink.row(q->sink.arg, q->ncols, q->row))
		query_pause(q);
	return (row_breathe(q, bytes));
}

static int
run_rows(struct query * q, struct err * e)
{
	size_t n = (size_t)sqlite3_column_count(q->stmt);
	int rc;

	if (q->opts.explain)
		return (query_explain(q, e));
	if (q->live != NULL)
		query_ops_start(q->live);
	if (query_stopped(q, e) || send_columns(q, n, e))
		return (-1);
	query_enter(q, QUERY_RUN);
	while ((rc = sqlite3_step(q->stmt)) == SQLITE_ROW) {
		if (fill_row(q, n, e))
			return (-1);
		if (query_row(q))
			return (query_stopped(q, e));
	}
	return (rc == SQLITE_DONE ? 0 : query_error(q, rc, e));
}

static int
prepare(struct query * q, struct err * e)
{
	int rc;

	query_auth_set(q);
	q->compiling = 1;
	if (q->opts.max_memory > QUERY_PREPARE_MEMORY)
		query_mem_limit(q->mem, QUERY_PREPARE_MEMORY);
	rc = sqlite3_prepare_v3(q->db, q->rw.sql.p, (int)q->rw.sql.len + 1, 0,
	    &q->stmt, NULL);
	if (rc != SQLITE_OK)
		return (query_error(q, rc, e));
	q->compiling = 0;
	query_mem_limit(q->mem, q->opts.max_memory);
	if (q->stmt == NULL || !sqlite3_stmt_readonly(q->stmt))
		return (err_set(e, ERR_PERMANENT, "denied",
		    "a query only reads"));
	return (0);
}

static void
query_main(void * arg)
{
	struct query * q = arg;

	fiber_set_local(&query_key, q);
	query_enter(q, QUERY_PREPARE);
	if (query_stopped(q, &q->e) || query_check(q, &q->e) ||
	    query_breathe(q) != 0 || query_db_open(q, &q->e) ||
	    query_db_attach(q, &q->e) || query_literals(q, &q->e) ||
	    query_times(q, &q->e) || prepare(q, &q->e) ||
	    query_breathe(q) != 0 || run_rows(q, &q->e))
		q->failed = 1;
	/* Where only the breath told us to stop. */
	if (q->failed)
		query_stopped(q, &q->e);
	query_db_close(q);
}

static void
query_free(struct query * q)
{
	loop_timer_free(q->deadline);
	query_mem_close(q->mem);
	sql_rewrite_free(&q->rw);
	sql_names_free(&q->names);
	token_list_free(&q->list);
	free(q->row);
	free(q->sql);
	free(q);
}

/* On the loop's own stack; the fiber is gone after this. */
static void
query_done(void * arg)
{
	struct query * q = arg;

	query_enter(q, QUERY_ENDED);
	loop_timer_stop(q->deadline);
	q->st.ms = (clock_mono_us() - q->t0_us) / 1000;
	q->sink.done(q->sink.arg, &q->st, q->failed ? &q->e : NULL);
	query_free(q);
}

static void
query_expire(void * arg)
{
	struct query * q = arg;

	q->expired = 1;
	fiber_stop(q->fiber);
}

struct query *
query_start(struct loop * L, const char * sql, size_t len,
    const struct query_catalog * cat, const struct query_opts * opts,
    const struct query_sink * sink, struct err * e)
{
	size_t max_sql = opts && opts->max_sql ? opts->max_sql : MAX_SQL;
	struct query * q;

	/* What is too long is not copied; query_check tells. */
	if ((q = calloc(1, sizeof(*q))) == NULL ||
	    (q->sql = malloc((len > max_sql ? 0 : len) + 1)) == NULL)
		goto err1;
	if (len > 0 && len <= max_sql)
		memcpy(q->sql, sql, len);
	q->len = len > max_sql ? 0 : len;
	q->sql[q->len] = '\0';
	q->too_long = len > max_sql ? len : 0;
	q->loop = L;
	q->cat = cat;
	q->sink = *sink;
	if (opts != NULL)
		q->opts = *opts;
	if (q->opts.deadline_ms <= 0)
		q->opts.deadline_ms = DEADLINE_MS;
	q->opts.max_sql = max_sql;
	if (q->opts.max_memory == 0)
		q->opts.max_memory = MAX_MEMORY;
	q->t0_us = clock_mono_us();
	q->st.api.total = -1;
	if ((q->mem = query_mem_new(q->opts.max_memory)) == NULL ||
	    (q->deadline = loop_timer_new(L, query_expire, q)) == NULL)
		goto err1;
	q->fiber = fiber_start(L, query_main, q, QUERY_STACK, query_done, e);
	if (q->fiber == NULL)
		goto err0;
	loop_timer_start(q->deadline, q->opts.deadline_ms);
	return (q);

err1:
	err_nomem(e, "a query");
err0:
	if (q != NULL)
		query_free(q);
	return (NULL);
}

void
query_resume(struct query * q)
{
	if (q == NULL)
		return;
	q->resumed = 1;
	if (q->state == QUERY_PAUSED)
		fiber_wake(q->fiber);
}

void
query_cancel(struct query * q)
{
	if (q == NULL)
		return;
	q->cancelled = 1;
	fiber_stop(q->fiber);
}
