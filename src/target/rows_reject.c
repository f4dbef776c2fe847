/*
 * Rows that cannot be kept go beside the table, with the reason and as JSON.
 * The same row rejected again takes the place of the first, whatever else of it
 * changed, so that a sync that comes every minute does not fill the disk with it.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash64.h"
#include "base/rfc3339.h"
#include "target/rows_internal.h"

static int
is_json(const struct writer_column * c, const struct value * v)
{
	return ((c->type == COLUMN_LIST || c->type == COLUMN_MAP) &&
	    v->len > 1);
}

static void
add_value(struct buf * b, const struct writer_column * c,
    const struct value * v, const char * text, int whole)
{
	switch (v->type) {
	case VALUE_INT:
		if (c->type == COLUMN_BOOLEAN && (v->i == 0 || v->i == 1))
			buf_adds(b, v->i ? "true" : "false");
		else
			buf_addf(b, "%lld", (long long)v->i);
		return;
	case VALUE_REAL:
		if (isfinite(v->d))
			buf_addf(b, "%.17g", v->d);
		else
			buf_adds(b, "null");
		return;
	case VALUE_TEXT:
		if (whole && is_json(c, v))
			buf_add(b, text + v->i, v->len);
		else
			buf_add_json_str(b, text + v->i, v->len);
		return;
	default:
		buf_adds(b, "null");
		return;
	}
}

static int
as_json(struct rows_writer * w, const struct rows_head * h,
    const struct value * v)
{
	struct buf * b = &w->scratch;
	size_t i;

	buf_clear(b);
	buf_addc(b, '{');
	for (i = 0; i < w->ncols; i++) {
		if (i > 0)
			buf_addc(b, ',');
		buf_add_json_str(b, w->cols[i].name,
		    strlen(w->cols[i].name));
		buf_addc(b, ':');
		add_value(b, &w->cols[i], &v[i], (const char *)v,
		    h->reason != ROWS_TOO_LARGE);
	}
	buf_addc(b, '}');
	return (b->failed ? -1 : 0);
}

static int
prepare(struct rows_writer * w, struct err * e)
{
	char * sql;
	int rc;

	if (!w->has_rejected && rows_db_run(w->db, "making a table for "
	    "rejected rows", sqlite3_mprintf("CREATE TABLE IF NOT EXISTS \"%w\""
	    "(" ROWS_OURS "hash INTEGER PRIMARY KEY, sync TEXT, reason TEXT, "
	    "at TIMESTAMP TEXT, \"row\" JSON); INSERT OR IGNORE INTO "
	    TARGETS_ROWS_LIST " VALUES(%Q)", w->rejected, w->rejected), e))
		return (-1);
	w->has_rejected = 1;
	if (w->reject != NULL)
		return (0);
	sql = sqlite3_mprintf("INSERT OR REPLACE INTO \"%w\"(" ROWS_OURS "hash, "
	    "sync, reason, at, \"row\") VALUES(?, ?, ?, ?, ?)", w->rejected);
	if (sql == NULL)
		return (err_nomem(e, "a rejected row"));
	rc = sqlite3_prepare_v3(w->db->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
	    &w->reject, NULL);
	sqlite3_free(sql);
	return (rc == SQLITE_OK ? 0 : rows_db_err(w->db,
	    "preparing to reject a row", e));
}

static uint64_t
hash_cell(uint64_t id, const struct value * v, const char * text)
{
	switch ((enum value_type)v->type) {
	case VALUE_INT:
		return (hash64(id + 1, (const char *)&v->i, sizeof(v->i)));
	case VALUE_REAL:
		return (hash64(id + 2, (const char *)&v->d, sizeof(v->d)));
	case VALUE_TEXT:
		return (hash64(id + 3, text + v->i, v->len));
	case VALUE_NULL:
		break;
	}
	return (id);
}

/* Which row it is: its key says; all of it where that is not there, or cut. */
static uint64_t
row_id(const struct rows_writer * w, const struct rows_head * h,
    const struct value * v)
{
	uint64_t all = hash64(0, w->sync, strlen(w->sync)), id = all + 1;
	size_t i;
	int is_whole = h->reason != ROWS_NO_KEY;

	for (i = 0; i < w->ncols && is_whole; i++) {
		if (!w->cols[i].is_key)
			continue;
		if (h->reason == ROWS_TOO_LARGE && (v[i].type == VALUE_NULL ||
		    (v[i].type == VALUE_TEXT && v[i].len > ROWS_CUT / 2)))
			is_whole = 0;
		id = hash_cell(id, &v[i], (const char *)v);
	}
	return (is_whole ? id : hash64(all, w->scratch.p, w->scratch.len));
}

int
rows_reject(struct rows_writer * w, const struct rows_head * h,
    const struct value * v, const char * why, struct err * e)
{
	sqlite3_stmt * st;
	char at[RFC3339_LEN];
	uint64_t id;
	int rc;

	if (prepare(w, e))
		return (-1);
	if (as_json(w, h, v))
		return (err_nomem(e, "a rejected row"));
	rfc3339_format(clock_wall_ms(), at);
	st = w->reject;
	id = row_id(w, h, v);
	sqlite3_bind_int64(st, 1, (int64_t)(id >> 1));
	sqlite3_bind_text(st, 2, w->sync, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 3, why, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 4, at, -1, SQLITE_STATIC);
	sqlite3_bind_text64(st, 5, w->scratch.p, w->scratch.len, SQLITE_STATIC,
	    SQLITE_UTF8);
	rc = sqlite3_step(st);
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	if (rc != SQLITE_DONE)
		return (rows_db_err(w->db, "putting a row aside", e));
	if (w->st.reject_why[0] == '\0')
		sqlite3_snprintf(sizeof(w->st.reject_why), w->st.reject_why,
		    "%s", why);
	w->st.rejected++;
	return (0);
}
