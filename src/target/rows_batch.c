/*
 * Rows wait in chunks, copied once as they are; a transaction writes a chunk, or
 * as much of one as its time allows.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rfc3339.h"
#include "target/rows_internal.h"

#define LOOK_ROWS 32 /* between two looks at the clock */
#define KEEP_BYTES ((size_t)1 << 20) /* of a chunk that is not used */

static struct rows_chunk *
chunk_new(struct rows_writer * w)
{
	struct rows_chunk * c = w->spare;

	w->spare = NULL;
	if (c == NULL && (c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	TAILQ_INSERT_TAIL(&w->chunks, c, list);
	return (c);
}

static void
chunk_free(struct rows_chunk * c)
{
	if (c != NULL)
		free(c->p);
	free(c);
}

static void
chunk_done(struct rows_writer * w, struct rows_chunk * c)
{
	TAILQ_REMOVE(&w->chunks, c, list);
	w->nfull -= c->full != 0;
	c->len = c->at = c->rows = 0;
	c->full = 0;
	if (w->spare == NULL && c->cap <= KEEP_BYTES)
		w->spare = c;
	else
		chunk_free(c);
}

static void
chunk_full(struct rows_writer * w, struct rows_chunk * c)
{
	if (!c->full)
		w->nfull++;
	c->full = 1;
}

static int
reserve(struct rows_chunk * c, size_t n)
{
	size_t cap = c->cap ? c->cap : (size_t)64 << 10;
	char * p;

	if (c->len + n <= c->cap)
		return (0);
	while (cap < c->len + n)
		cap *= 2;
	if ((p = realloc(c->p, cap)) == NULL)
		return (-1);
	c->p = p;
	c->cap = cap;
	return (0);
}

/* Where a long text is cut: not within a letter. */
static uint32_t
cut(const struct value * v)
{
	uint32_t n = ROWS_CUT;

	if (v->len <= n)
		return (v->len);
	while (n > 0 && ((unsigned char)v->s[n] & 0xc0) == 0x80)
		n--;
	return (n);
}

static size_t
align(size_t n)
{
	return ((n + 7) & ~(size_t)7);
}

/* What is wrong with the row, and how large it is. */
static enum rows_reason
judge(const struct rows_writer * w, const struct value * v, size_t * bytes)
{
	enum rows_reason r = ROWS_FINE;
	size_t i, n = 0;

	for (i = 0; i < w->ncols; i++) {
		n += v[i].type == VALUE_TEXT ? v[i].len : 8;
		if (v[i].type == VALUE_NULL && w->cols[i].is_key)
			r = ROWS_NO_KEY;
	}
	*bytes = n;
	return (n > ROWS_MAX_ROW ? ROWS_TOO_LARGE : r);
}

int
rows_batch_add(struct rows_writer * w, const struct value * v)
{
	struct rows_chunk * c = TAILQ_LAST(&w->chunks, rows_chunks);
	size_t i, bytes, size, at = w->ncols * sizeof(*v);
	struct rows_head * h;
	struct value * out;
	enum rows_reason why = judge(w, v, &bytes);
	char * text;

	size = align(sizeof(*h) + at + (why != ROWS_TOO_LARGE ? bytes :
	    w->ncols * ROWS_CUT));
	if (c != NULL && !c->full && c->rows > 0 &&
	    c->len + size > ROWS_BATCH_BYTES)
		chunk_full(w, c);
	if ((c == NULL || c->full) && (c = chunk_new(w)) == NULL)
		return (-1);
	if (reserve(c, size))
		return (-1);
	h = (struct rows_head *)(void *)(c->p + c->len);
	out = (struct value *)(void *)(h + 1);
	text = (char *)out;
	for (i = 0; i < w->ncols; i++) {
		out[i] = v[i];
		if (v[i].type != VALUE_TEXT)
			continue;
		if (why == ROWS_TOO_LARGE)
			out[i].len = cut(&v[i]);
		memcpy(text + at, v[i].s, out[i].len);
		out[i].i = (int64_t)at;
		at += out[i].len;
	}
	h->size = (uint32_t)align(sizeof(*h) + at);
	h->reason = why;
	h->bytes = bytes;
	c->len += h->size;
	c->rows++;
	if (c->rows >= ROWS_BATCH_ROWS || c->len >= ROWS_BATCH_BYTES)
		chunk_full(w, c);
	return (0);
}

static void
bind(struct rows_writer * w, sqlite3_stmt * st, const struct value * v,
    int keys_only)
{
	const char * text = (const char *)v;
	size_t i;
	int k = 3;

	for (i = 0; i < w->ncols; i++, k++) {
		if (keys_only && !w->cols[i].is_key)
			continue;
		switch (v[i].type) {
		case VALUE_INT:
			sqlite3_bind_int64(st, k, v[i].i);
			break;
		case VALUE_REAL:
			sqlite3_bind_double(st, k, v[i].d);
			break;
		case VALUE_TEXT:
			sqlite3_bind_text64(st, k, text + v[i].i, v[i].len,
			    SQLITE_STATIC, SQLITE_UTF8);
			break;
		default:
			sqlite3_bind_null(st, k);
			break;
		}
	}
}

static int
is_gone(const struct rows_writer * w, const struct value * v)
{
	const struct value * g = &v[w->gone - 1];

	return (writer_is_gone(w->gone_is, g, (const char *)v + (g->type ==
	    VALUE_TEXT ? g->i : 0)));
}

/* When a row that the service has deleted was; NULL: it is there. */
static void
bind_mark(struct rows_writer * w, const struct value * v)
{
	const struct value * g = w->gone > 0 ? &v[w->gone - 1] : NULL;
	char now[RFC3339_LEN];
	int k = (int)w->ncols + 3;

	if (g == NULL || w->gone_remove || !is_gone(w, v)) {
		sqlite3_bind_null(w->upsert, k);
	} else if (g->type == VALUE_TEXT && w->gone_is == NULL) {
		sqlite3_bind_text64(w->upsert, k, (const char *)v + g->i,
		    g->len, SQLITE_STATIC, SQLITE_UTF8);
	} else {
		rfc3339_format(clock_wall_ms(), now);
		sqlite3_bind_text(w->upsert, k, now, -1, SQLITE_TRANSIENT);
	}
}

/* What was just written, and so is ours to remove. */
static int
remove_row(struct rows_writer * w, const struct value * v, struct err * e)
{
	if (!w->gone_remove || !is_gone(w, v))
		return (0);
	sqlite3_bind_int64(w->removal, 1, w->sync_id);
	sqlite3_bind_int64(w->removal, 2, w->fence);
	bind(w, w->removal, v, 1);
	(void)sqlite3_step(w->removal);
	if (sqlite3_reset(w->removal) != SQLITE_OK)
		return (rows_db_err(w->db, "removing a row", e));
	sqlite3_clear_bindings(w->removal);
	return (0);
}

/* Only a table whose key is one integer minds of what type a value is. */
static const char *
number_key(const struct rows_writer * w)
{
	size_t i;

	for (i = 0; i < w->ncols; i++)
		if (w->cols[i].is_key)
			return (w->cols[i].name);
	return ("its key");
}

static int
write_row(struct rows_writer * w, const struct rows_head * h, struct err * e)
{
	const struct value * v = (const struct value *)(const void *)(h + 1);
	char why[160];
	int rc;

	if (h->reason == ROWS_NO_KEY)
		return (rows_reject(w, h, v, "a column of its key is NULL", e));
	if (h->reason == ROWS_TOO_LARGE) {
		sqlite3_snprintf(sizeof(why), why, "it has %llu bytes, and a "
		    "row may have %llu; its texts are cut here",
		    (unsigned long long)h->bytes,
		    (unsigned long long)ROWS_MAX_ROW);
		return (rows_reject(w, h, v, why, e));
	}
	bind(w, w->upsert, v, 0);
	if (w->t.has_deleted)
		bind_mark(w, v);
	rc = sqlite3_step(w->upsert);
	if (rc == SQLITE_DONE) {
		sqlite3_reset(w->upsert);
		w->st.gone += w->gone > 0 && is_gone(w, v);
		return (remove_row(w, v, e));
	}
	rc = sqlite3_reset(w->upsert);
	switch (rc & 0xff) {
	case SQLITE_MISMATCH:
		sqlite3_snprintf(sizeof(why), why, "%s is a number, which this "
		    "is not", number_key(w));
		return (rows_reject(w, h, v, why, e));
	case SQLITE_TOOBIG:
	case SQLITE_CONSTRAINT:
		sqlite3_snprintf(sizeof(why), why, "%s",
		    sqlite3_errmsg(w->db->db));
		return (rows_reject(w, h, v, why, e));
	default:
		return (rows_db_err(w->db, "writing rows", e));
	}
}

/* As many rows of the chunk as time allows; 0 or -1. */
static int
write_some(struct rows_writer * w, const struct rows_chunk * c, size_t * at,
    size_t * rows, uint64_t * bytes, struct err * e)
{
	int64_t until = clock_mono_us() + ROWS_BATCH_US;
	const struct rows_head * h;

	sqlite3_bind_int64(w->upsert, 1, w->sync_id);
	sqlite3_bind_int64(w->upsert, 2, w->fence);
	for (*at = c->at; *at < c->len; *at += h->size) {
		h = (const struct rows_head *)(const void *)(c->p + *at);
		if (*rows % LOOK_ROWS == LOOK_ROWS - 1 &&
		    clock_mono_us() >= until)
			break;
		if (write_row(w, h, e))
			return (-1);
		*bytes += h->bytes;
		(*rows)++;
	}
	return (0);
}

int
rows_batch_write(struct rows_writer * w, struct err * e)
{
	struct rows_chunk * c = TAILQ_FIRST(&w->chunks);
	uint64_t bytes = 0, rejected = w->st.rejected, gone = w->st.gone;
	size_t at = 0, rows = 0;
	int had = w->has_rejected, rc;

	if (rows_table_prepare(w, e) || rows_db_begin(w, e))
		return (-1);
	rc = write_some(w, c, &at, &rows, &bytes, e);
	/* It points into the chunk. */
	sqlite3_clear_bindings(w->upsert);
	if (rc != 0)
		rows_db_rollback(w->db);
	else
		rc = rows_db_commit(w->db, e);
	if (rc != 0) {
		w->st.rejected = rejected;
		w->st.gone = gone;
		w->has_rejected = had;
		return (-1);
	}
	if (!had && w->has_rejected && targets_note_rows(w->targets,
	    w->db->name, w->rejected, e))
		w->has_rejected = 0; /* told at the next one */
	c->at = at;
	c->rows -= rows;
	w->written += rows;
	w->st.bytes += bytes;
	w->st.batches++;
	if (c->rows == 0)
		chunk_done(w, c);
	return (0);
}

void
rows_batch_free(struct rows_writer * w)
{
	struct rows_chunk * c;

	while ((c = TAILQ_FIRST(&w->chunks)) != NULL) {
		TAILQ_REMOVE(&w->chunks, c, list);
		chunk_free(c);
	}
	chunk_free(w->spare);
	w->spare = NULL;
}
