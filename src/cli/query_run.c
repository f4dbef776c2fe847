#include "cli/query_run.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "cli/answer.h"
#include "cli/pager.h"

/* Rows of a table are held for its widths until one of these is reached. */
#define HOLD_ROWS 10000
#define HOLD_BYTES ((size_t)32 << 20)
#define HOLD_US 2000000
/* Output goes out in pieces of about this size. */
#define PIECE ((size_t)64 << 10)
#define PROGRESS_US 1000000
#define REDRAW_US 200000

/* One statement that runs. */
struct run {
	struct screen * scr;
	const struct query_run_opts * o;
	enum table_shape shape;
	struct answer answer;
	struct table * table;
	struct output output;
	int output_open;
	struct buf out;
	struct buf cell;
	int64_t start_us;
	int64_t first_row_us;
	int64_t progress_us; /* when the progress line was drawn last */
};

/* Of a plan, a test, a sync's and an action's answer no word is too many: what does not
 * fit is shown as blocks. */
static enum table_shape
shape_of(const struct query_run_opts * o, const struct split_stmt * s)
{
	static const char * const words[] = { "connector_exec", "exec",
	    "explain", "sync", "test" };
	static const char show[] = "show sync ";
	size_t i = 0, k, n;

	while (i < s->len && strchr(" \t\r\n", s->p[i]) != NULL)
		i++;
	if (o->shape == TABLE_CUT && s->len - i > sizeof(show) &&
	    strncasecmp(s->p + i, show, sizeof(show) - 1) == 0)
		return (TABLE_WHOLE);
	for (n = i; n < s->len && (isalpha((unsigned char)s->p[n]) ||
	    s->p[n] == '_'); n++)
		continue;
	n -= i;
	for (k = 0; k < sizeof(words) / sizeof(words[0]); k++)
		if (o->shape == TABLE_CUT && n == strlen(words[k]) &&
		    strncasecmp(s->p + i, words[k], n) == 0)
			return (TABLE_WHOLE);
	return (o->shape);
}

static int
table_columns(struct run * r, const struct answer_column * cols, size_t n,
    struct err * e)
{
	const struct table_opts o = { .width = r->scr->width,
	    .utf8 = r->scr->utf8, .color = r->scr->color,
	    .shape = r->shape };
	size_t i;

	if ((r->table = table_new(&o, n)) == NULL)
		return (err_nomem(e, "the table"));
	for (i = 0; i < n; i++)
		if (table_head(r->table, i, cols[i].name, cols[i].len,
		    cols[i].is_number))
			return (err_nomem(e, "the table"));
	return (0);
}

static int
on_columns(void * arg, const struct answer_column * cols, size_t n,
    struct err * e)
{
	struct run * r = arg;

	if (r->o->format == OUTPUT_TABLE)
		return (table_columns(r, cols, n, e));
	r->output_open = 1;
	if (output_begin(&r->output, r->o->format, cols, n, &r->out))
		return (err_nomem(e, "the columns"));
	return (0);
}

static int
table_row(struct run * r, const struct jsonrow_cell * cells, size_t n)
{
	enum table_kind kind;
	size_t i;

	for (i = 0; i < n; i++) {
		kind = cells[i].kind == JSONROW_NULL ? TABLE_NULL :
		    cells[i].kind == JSONROW_NUMBER ? TABLE_NUMBER : TABLE_TEXT;
		buf_clear(&r->cell);
		if (kind != TABLE_NULL && jsonrow_text(&cells[i], &r->cell))
			return (-1);
		if (table_cell(r->table, kind, r->cell.p, r->cell.len))
			return (-1);
	}
	return (0);
}

static int
draw(struct run * r, struct err * e)
{
	if (table_draw(r->table, &r->out))
		return (err_nomem(e, "the table"));
	return (screen_write(r->scr, &r->out, e));
}

static int
on_row(void * arg, const struct jsonrow_cell * cells, size_t n,
    struct err * e)
{
	struct run * r = arg;

	if (r->o->format == OUTPUT_TABLE) {
		if (r->answer.rows == 1)
			r->first_row_us = clock_mono_us();
		if (table_row(r, cells, n))
			return (err_nomem(e, "a row"));
		if (table_held(r->table) >= HOLD_ROWS ||
		    table_bytes(r->table) >= HOLD_BYTES)
			return (draw(r, e));
		return (0);
	}
	if (output_row(&r->output, cells, &r->out))
		return (err_nomem(e, "a row"));
	return (r->out.len < PIECE ? 0 : screen_write(r->scr, &r->out, e));
}

/* Show what is ready: rows come as they are known. */
static int
show(struct run * r, struct err * e)
{
	if (r->o->format != OUTPUT_TABLE)
		return (screen_write(r->scr, &r->out, e));
	if (r->table != NULL && table_held(r->table) > 0 &&
	    (table_is_drawn(r->table) ||
	    clock_mono_us() - r->first_row_us >= HOLD_US))
		return (draw(r, e));
	return (0);
}

static int
on_data(void * arg, const char * p, size_t n, struct err * e)
{
	struct run * r = arg;

	if (answer_feed(&r->answer, p, n, e))
		return (-1);
	return (show(r, e));
}

static void
add_count(struct buf * out, uint64_t n, const char * one, const char * many)
{
	if (n > 0)
		buf_addf(out, ", %ju %s", (uintmax_t)n, n == 1 ? one : many);
}

#define BAR 24

/* How far a sync is: with a bar where it is known how much there is. */
static void
add_sync(struct buf * line, const struct answer_stats * st)
{
	int64_t total = st->sync.total, done = (int64_t)st->sync.written;
	int i, filled;

	buf_adds(line, st->sync.entity);
	if (st->sync.entities > 1)
		buf_addf(line, " (%ju of %ju)",
		    (uintmax_t)st->sync.entities_done + 1,
		    (uintmax_t)st->sync.entities);
	/* What a service says there is may be less than what comes. */
	if (total > 0 && done <= total) {
		filled = (int)(done * BAR / total);
		buf_adds(line, " [");
		for (i = 0; i < BAR; i++)
			buf_addc(line, i < filled ? '#' : i == filled ? '>' :
			    '.');
		buf_addf(line, "] %d%%, %jd of %jd rows",
		    (int)(done * 100 / total), (intmax_t)done,
		    (intmax_t)total);
	} else {
		buf_addf(line, ": %jd row%s", (intmax_t)done, done == 1 ? "" :
		    "s");
	}
	add_count(line, st->pages, "page", "pages");
	buf_addf(line, ", %.0f rows/s", st->sync.rate);
}

/* "3 pages" and so on go between the rows and their rate. */
static void
progress(struct run * r, int64_t us)
{
	const struct answer_stats * st = &r->answer.stats;
	struct buf line = BUF_INIT(400);
	uint64_t rows = r->answer.rows;

	if (st->sync.there) {
		add_sync(&line, st);
	} else {
		buf_addf(&line, "%ju row%s", (uintmax_t)rows,
		    rows == 1 ? "" : "s");
		add_count(&line, st->pages, "page", "pages");
		add_count(&line, st->calls, "call", "calls");
		buf_addf(&line, ", %.0f rows/s", (double)rows * 1e6 /
		    (double)us);
	}
	buf_addf(&line, ", %.1f s", (double)us / 1e6);
	if (!line.failed)
		screen_progress(r->scr, "%s", line.p);
	buf_free(&line);
}

static int
on_tick(void * arg, struct err * e)
{
	struct run * r = arg;
	int64_t now = clock_mono_us(), us = now - r->start_us;

	if (show(r, e))
		return (-1);
	if (us < PROGRESS_US || now - r->progress_us < REDRAW_US)
		return (0);
	/* Rows that run over the terminal are progress enough. */
	if (r->scr->out_tty && r->scr->written_us > r->start_us &&
	    now - r->scr->written_us < PROGRESS_US)
		return (0);
	r->progress_us = now;
	progress(r, us);
	return (0);
}

static void
footer(struct run * r)
{
	const struct answer_stats * st = &r->answer.stats;

	buf_addf(&r->out, "(%ju row%s, %jd ms", (uintmax_t)st->rows,
	    st->rows == 1 ? "" : "s", (intmax_t)st->ms);
	add_count(&r->out, st->calls, "call", "calls");
	add_count(&r->out, st->pages, "page", "pages");
	add_count(&r->out, st->not_modified, "not modified", "not modified");
	add_count(&r->out, st->cache_hits, "cache hit", "cache hits");
	if (st->cache_age_ms > 0)
		buf_addf(&r->out, " up to %jd s old",
		    (intmax_t)((st->cache_age_ms + 999) / 1000));
	buf_adds(&r->out, ")\n");
}

/* Whether all of it is here and is taller than the screen. */
static int
wants_pager(const struct run * r)
{
	const char * p = r->out.p, * end;
	size_t lines = 0;

	if (r->o->pager == NULL || !r->scr->out_tty || r->out.len == 0 ||
	    r->out.failed || r->scr->written_us > r->start_us)
		return (0);
	for (end = p + r->out.len; lines < r->scr->height; lines++, p++)
		if ((p = memchr(p, '\n', (size_t)(end - p))) == NULL)
			return (0);
	return (1);
}

/* What is left of a result, whole (rc 0) or not. */
static int
finish(struct run * r, int rc, struct err * e)
{
	struct err ignored;

	if (r->o->format == OUTPUT_TABLE) {
		/* The rows that came are shown; the error says they are not
		 * all. */
		if (r->table != NULL && (rc == 0 || r->answer.rows > 0) &&
		    table_end(r->table, &r->out))
			rc = rc ? rc : err_nomem(e, "the table");
		if (rc == 0)
			footer(r);
	} else if (r->output_open) {
		if (rc != 0)
			output_abort(&r->output, &r->out);
		else if (output_end(&r->output, &r->out))
			rc = err_nomem(e, "the output");
	}
	if (rc == 0 && wants_pager(r))
		return (pager_show(r->o->pager, r->scr, &r->out, e));
	if (rc == 0)
		return (screen_write(r->scr, &r->out, e));
	/* Not after Ctrl-C or when the output itself is what failed. */
	if (strcmp(e->code, CLIENT_HTTP_INTERRUPTED) != 0 &&
	    strcmp(e->code, SCREEN_FAILED) != 0)
		(void)!screen_write(r->scr, &r->out, &ignored);
	return (rc);
}

/* Rows that are not there because a service would not give them. */
static void
tell_skipped(struct run * r)
{
	const struct answer_stats * st = &r->answer.stats;

	if (st->skipped > 0)
		screen_complain(r->scr, "%ju part%s left out: %s%s",
		    (uintmax_t)st->skipped, st->skipped == 1 ? " was" :
		    "s were", st->skipped_why, st->skipped > 1 ? ", ..." : "");
}

/* Bytes that JSON cannot carry would have to be replaced, and the statement
 * would ask for something else. */
static int
check_text(const struct split_stmt * s, struct err * e)
{
	const char * nul = memchr(s->p, '\0', s->len), * p;
	size_t at = utf8_check(s->p, s->len);
	unsigned line = s->line;

	if (nul != NULL && (size_t)(nul - s->p) < at)
		at = (size_t)(nul - s->p);
	if (at == s->len)
		return (0);
	for (p = s->p; p < s->p + at; p++)
		line += *p == '\n';
	return (err_set(e, ERR_CONFIG, "not_utf8", "byte 0x%02x in line %u is "
	    "no UTF-8 text: convert it, as with iconv -f latin1 -t utf-8",
	    (unsigned char)s->p[at], line));
}

int
query_run(struct client_http * c, struct screen * scr,
    const struct query_run_opts * o, const struct split_stmt * s,
    struct err * e)
{
	struct run r = { .scr = scr, .o = o, .shape = shape_of(o, s) };
	const struct answer_sink as = { on_columns, on_row, &r };
	const struct client_http_sink hs = { on_data, on_tick, &r };
	struct buf body = BUF_INIT(0);
	int rc;

	if (check_text(s, e))
		return (-1);
	answer_init(&r.answer, &as);
	r.out.max = (size_t)1 << 30;
	r.cell.max = (size_t)256 << 20;
	r.start_us = clock_mono_us();
	buf_adds(&body, "{\"sql\":");
	buf_add_json_str(&body, s->p, s->len);
	buf_adds(&body, ",\"format\":\"rows\"}");
	if (body.failed)
		rc = err_nomem(e, "the statement");
	else
		rc = client_http_post(c, "/v1/query",
		    "application/x-moltler-rows", body.p, body.len, &hs, e);
	/* Complete is what says so, however the connection ended. */
	if (rc == 0 || strcmp(e->code, CLIENT_HTTP_CUT) == 0)
		rc = answer_finish(&r.answer, e);
	screen_clear_progress(scr);
	rc = finish(&r, rc, e);
	if (rc == 0)
		tell_skipped(&r);
	if (rc == 0 && r.answer.stats.not_ok)
		rc = err_set(e, ERR_PERMANENT, "not_ok", "it does not work: "
		    "error_message says why");
	table_free(r.table);
	if (r.output_open)
		output_free(&r.output);
	answer_free(&r.answer);
	buf_free(&r.out);
	buf_free(&r.cell);
	buf_free(&body);
	return (rc);
}