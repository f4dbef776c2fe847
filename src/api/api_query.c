#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/api_internal.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/utf8.h"
#include "query/format.h"
#include "stmt/stmt.h"

/*
 * POST /v1/query: rows streamed as the client takes them.  What fits one
 * buffer is answered whole, so that an error found early is an error status.
 */
#define FLUSH_BYTES ((size_t)64 << 10)
#define FLUSH_MS 2
/* One row may be far larger than a buffer's worth, but not without bound. */
#define MAX_BUFFER ((size_t)64 << 20)
#define MAX_QUERIES 200
/* How far it is is told this often, to who can be told. */
#define PROGRESS_MS 500

struct api_query {
	struct api * a;
	struct httpd_req * q;
	struct stmt * stmt;
	struct query_format * f;
	struct buf out;
	struct loop_timer * delay; /* when what has gathered goes anyway */
	int streaming;
	int writing;  /* a piece is on its way to the client */
	int over;     /* the query has ended: op ends with the last piece */
	int64_t told_us; /* when it began, or progress was told */
	int broken;   /* in a way the client must notice by the connection */
	struct api_query * next;
	struct api_query ** prevp;
};

static const struct {
	const char * name;
	const char * mime;
	enum query_format_kind kind;
} formats[] = {
	{ "json", "application/json", QUERY_FORMAT_JSON },
	{ "ndjson", "application/x-ndjson", QUERY_FORMAT_NDJSON },
	{ "csv", "text/csv", QUERY_FORMAT_CSV },
	{ "rows", "application/x-moltler-rows", QUERY_FORMAT_ROWS },
};
#define NFORMATS (sizeof(formats) / sizeof(formats[0]))

/* The format asked for: by the body, else the first that Accept names, else
 * JSON.  -1 after having answered 400. */
static int
choose_format(struct httpd_req * q, const char * name)
{
	const char * accept = httpd_req_header(q, "Accept"), * at, * best = NULL;
	int i, found = 0;

	for (i = 0; name != NULL && i < (int)NFORMATS; i++)
		if (strcmp(formats[i].name, name) == 0)
			return (i);
	if (name != NULL) {
		httpd_error(q, 400, "bad_request", "format '%.32s' is none of "
		    "json, ndjson, csv, rows", name);
		return (-1);
	}
	for (i = 0; accept != NULL && i < (int)NFORMATS; i++) {
		at = strcasestr(accept, formats[i].mime);
		if (at != NULL && (best == NULL || at < best)) {
			best = at;
			found = i;
		}
	}
	return (found);
}

static void
op_free(struct api_query * op)
{
	*op->prevp = op->next;
	if (op->next != NULL)
		op->next->prevp = op->prevp;
	op->a->nqueries--;
	op->a->queries_done++;
	query_format_free(op->f);
	loop_timer_free(op->delay);
	buf_free(&op->out);
	free(op);
}

static void on_drained(void *);

/* Send what has gathered. */
static void
flush(struct api_query * op)
{
	if (!op->streaming) {
		op->streaming = 1;
		httpd_stream_start(op->q, 200, query_format_mime(op->f));
	}
	op->writing = 1;
	httpd_stream_write(op->q, op->out.p, op->out.len, on_drained, op);
	buf_clear(&op->out);
}

static void
finish(struct api_query * op)
{
	if (op->out.len > 0 && !op->broken) {
		flush(op);
		return;
	}
	httpd_stream_end(op->q, op->broken);
	op_free(op);
}

static void
on_drained(void * arg)
{
	struct api_query * op = arg;

	op->writing = 0;
	if (op->over)
		finish(op);
	else if (httpd_stream_gone(op->q))
		stmt_cancel(op->stmt);
	else
		stmt_resume(op->stmt);
}

static void
on_columns(void * arg, size_t n, const char * const * names,
    const char * const * types)
{
	struct api_query * op = arg;

	query_format_columns(op->f, n, names, types);
}

static int
on_row(void * arg, size_t n, const struct query_value * v)
{
	struct api_query * op = arg;

	query_format_row(op->f, n, v);
	if (op->out.failed) {
		stmt_cancel(op->stmt);
		return (0);
	}
	if (op->out.len < FLUSH_BYTES)
		return (0);
	/* While one piece is on its way the next one gathers. */
	if (op->writing)
		return (1);
	flush(op);
	return (0);
}

static void
on_delay(void * arg)
{
	struct api_query * op = arg;

	if (op->out.len > 0 && !op->writing && !op->over && !op->out.failed)
		flush(op);
}

/*
 * The next page takes its time: the rows of the last are for reading now.  The
 * first ones at once; later ones unless it comes soon, as pages from nearby do:
 * then a write a page, and the client's waking up, would cost as much as they do.
 * Who understands it is told now and then how far things are.
 */
static void
on_progress(void * arg, const struct query_stats * st)
{
	struct api_query * op = arg;
	int64_t now = clock_mono_us();

	if (op->writing || op->over || op->out.failed)
		return;
	if (now - op->told_us >= PROGRESS_MS * 1000) {
		op->told_us = now;
		if (query_format_progress(op->f, st)) {
			on_delay(op);
			return;
		}
	}
	if (st->rows == 0 || op->out.len == 0)
		return;
	if (!op->streaming)
		on_delay(op);
	else if (!loop_timer_pending(op->delay))
		loop_timer_start(op->delay, FLUSH_MS);
}

static void
on_done(void * arg, const struct query_stats * st, const struct err * e)
{
	struct api_query * op = arg;
	struct err big;

	op->stmt = NULL;
	op->over = 1;
	if (op->out.failed) {
		/* What is in the buffer is not whole. */
		buf_clear(&op->out);
		err_set(&big, ERR_PERMANENT, "too_big", "a row does not fit "
		    "into %zu MiB; ask for less of it", MAX_BUFFER >> 20);
		e = &big;
		op->broken = op->streaming;
	}
	if (e != NULL)
		log_event(LOG_INFO, "query_failed", LOG_S("request_id",
		    httpd_req_id(op->q)), LOG_I("duration_ms", st->ms),
		    LOG_E(e));
	if (e != NULL && !op->streaming) {
		api_reply_err(op->q, e);
		op_free(op);
		return;
	}
	query_format_end(op->f, st, e);
	/* CSV has no place for an error: the connection breaks instead. */
	if (e != NULL && query_format_breaks(op->f))
		op->broken = 1;
	if (!op->streaming) {
		httpd_reply(op->q, 200, query_format_mime(op->f),
		    op->out.p ? op->out.p : "", op->out.len);
		op_free(op);
	} else if (!op->writing) {
		finish(op);
	}
}

static void
on_leave(void * arg)
{
	struct api_query * op = arg;

	if (op->stmt != NULL)
		stmt_cancel(op->stmt);
}

/* ---- the request ---- */

/* Who asks, as the client says: for people, and nothing is allowed by it. */
static const char *
user_of(const struct httpd_req * q, char buf[64])
{
	const char * s = httpd_req_header(q, "X-Moltler-User");
	size_t n = s != NULL ? strlen(s) : 0, i;

	if (n == 0 || n > 63 || utf8_check(s, n) != n)
		return (NULL);
	for (i = 0; i < n; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return (NULL);
	memcpy(buf, s, n + 1);
	return (buf);
}

static void
start(const struct api_call * c, const char * sql, size_t len, int format,
    uint64_t max_calls)
{
	char peer[64], user[64];
	struct stmt_opts so = { .request_id = httpd_req_id(c->q),
	    .max_api_calls = max_calls, .user = user_of(c->q, user),
	    .peer = httpd_req_peer(c->q, peer, sizeof(peer)) };
	struct query_sink sink = { on_columns, on_row, on_done, NULL,
	    on_progress, NULL };
	struct api_query * op;
	struct err e;

	if ((op = calloc(1, sizeof(*op))) == NULL) {
		httpd_error(c->q, 503, "nomem", "out of memory");
		return;
	}
	op->a = c->a;
	op->told_us = clock_mono_us();
	op->q = c->q;
	op->out.max = MAX_BUFFER;
	op->next = c->a->queries;
	op->prevp = &c->a->queries;
	if (op->next != NULL)
		op->next->prevp = &op->next;
	c->a->queries = op;
	c->a->nqueries++;
	sink.arg = op;
	op->delay = loop_timer_new(c->a->o.loop, on_delay, op);
	op->f = query_format_new(formats[format].kind, &op->out);
	if (op->f == NULL || op->delay == NULL)
		err_nomem(&e, "a query");
	else
		op->stmt = stmt_start(c->a->o.stmt, sql, len, &so, &sink, &e);
	if (op->stmt == NULL) {
		api_reply_err(c->q, &e);
		op_free(op);
		return;
	}
	httpd_on_leave(c->q, on_leave, op);
}

static void
query(const struct api_call * c)
{
	json_t * body = api_body(c->q), * sql;
	struct err e;
	int format;

	if (body == NULL)
		return;
	sql = json_object_get(body, "sql");
	if (!json_is_object(body))
		httpd_error(c->q, 400, "bad_request",
		    "the body must be a JSON object");
	else if (json_check_keys(body, "", &e, "sql", "format",
	    "max_api_calls", NULL))
		httpd_error(c->q, 400, e.code, "%s", e.msg);
	else if (!json_is_string(sql))
		httpd_error(c->q, 400, "bad_request",
		    "sql is missing or no string");
	else if (json_object_get(body, "format") != NULL &&
	    json_str(body, "format") == NULL)
		httpd_error(c->q, 400, "bad_request",
		    "format must be a string");
	else if (json_object_get(body, "max_api_calls") != NULL &&
	    json_int(body, "max_api_calls", 0) < 1)
		httpd_error(c->q, 400, "bad_request",
		    "max_api_calls must be an integer from 1");
	else if (c->a->nqueries >= MAX_QUERIES)
		httpd_error(c->q, 503, "busy", "%d queries run already; try "
		    "again", MAX_QUERIES);
	else if ((format = choose_format(c->q, json_str(body, "format"))) >= 0)
		start(c, json_string_value(sql), json_string_length(sql),
		    format, (uint64_t)json_int(body, "max_api_calls", 0));
	json_decref(body);
}

void
api_query_cancel_all(struct api * a)
{
	struct api_query * op;

	for (op = a->queries; op != NULL; op = op->next)
		if (op->stmt != NULL)
			stmt_cancel(op->stmt);
}

const struct api_route api_query_routes[] = {
	{ HTTPD_POST, "/v1/query", query },
	{ HTTPD_OTHER, NULL, NULL },
};
