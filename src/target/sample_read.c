#include "target/sample_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "loop/fiber.h"

struct sample_reader *
sample_read_open(const char * path, const char * table, struct err * e)
{
	struct sample_reader * r;

	if ((r = calloc(1, sizeof(*r))) == NULL ||
	    (r->path = strdup(path)) == NULL ||
	    (r->table = strdup(table)) == NULL ||
	    (r->codec = sample_codec_new()) == NULL) {
		sample_read_close(r);
		err_nomem(e, "reading samples");
		return (NULL);
	}
	if (sqlite3_open_v2(path, &r->db, SQLITE_OPEN_READONLY |
	    SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK || sqlite3_exec(r->db,
	    "SELECT v FROM sample_meta LIMIT 0", NULL, NULL, NULL) !=
	    SQLITE_OK) {
		if (r->db == NULL)
			err_nomem(e, "reading samples");
		else
			sample_store_err(r->db, path, "reading samples", e);
		sample_read_close(r);
		return (NULL);
	}
	return (r);
}

static void
sources_free(struct sample_reader * r)
{
	uint32_t i;

	for (i = 0; i < r->nsrc; i++)
		free(r->src[i].name);
	free(r->src);
	r->src = NULL;
	r->nsrc = 0;
}

void
sample_read_close(struct sample_reader * r)
{
	int k;

	if (r == NULL)
		return;
	for (k = 0; k < SAMPLE_BINS; k++)
		sqlite3_finalize(r->st[k]);
	sqlite3_finalize(r->st_lay);
	sqlite3_finalize(r->st_next);
	sqlite3_finalize(r->st_prev);
	sqlite3_finalize(r->st_seek);
	for (k = 0; k < SAMPLE_READ_TEXTS; k++)
		sample_series_unref(r->texts[k].s);
	sqlite3_close(r->db);
	sources_free(r);
	sample_codec_free(r->codec);
	free(r->path);
	free(r->table);
	free(r);
}

static int
load_sources(struct sample_reader * r)
{
	struct sample_rsource * v;
	sqlite3_stmt * st;
	const char * name;
	uint32_t cap = 0;
	int rc;

	if (sqlite3_prepare_v2(r->db, "SELECT s.id, s.name, s.done, "
	    "s.unordered FROM sample_tbl t JOIN sample_source s "
	    "ON s.tbl = t.id WHERE t.name = ? ORDER BY s.id", -1, &st,
	    NULL) != SQLITE_OK)
		return (-1);
	sqlite3_bind_text(st, 1, r->table, -1, SQLITE_STATIC);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (r->nsrc == cap) {
			cap = cap ? cap * 2 : 16;
			if ((v = realloc(r->src, cap * sizeof(*v))) == NULL)
				break;
			r->src = v;
		}
		v = &r->src[r->nsrc];
		name = (const char *)sqlite3_column_text(st, 1);
		if ((v->name = strdup(name != NULL ? name : "")) == NULL)
			break;
		v->id = (uint32_t)sqlite3_column_int64(st, 0);
		v->done = sqlite3_column_int64(st, 2);
		v->is_unordered = sqlite3_column_int(st, 3);
		v->newest = 0;
		r->nsrc++;
	}
	sqlite3_finalize(st);
	return (rc == SQLITE_DONE ? 0 : -1);
}

static int
load_bins(struct sample_reader * r)
{
	sqlite3_stmt * st;
	char sql[128];
	int k;

	for (k = 0; k < SAMPLE_BINS; k++) {
		r->bins[k].lo = r->bins[k].hi = 0;
		snprintf(sql, sizeof(sql), "SELECT (SELECT min(id) FROM "
		    "sample_tick%d), (SELECT max(id) FROM sample_tick%d)", k, k);
		if (sqlite3_prepare_v2(r->db, sql, -1, &st, NULL) != SQLITE_OK)
			return (-1);
		if (sqlite3_step(st) == SQLITE_ROW) {
			r->bins[k].lo = sqlite3_column_int64(st, 0);
			r->bins[k].hi = sqlite3_column_int64(st, 1);
		}
		if (sqlite3_finalize(st) != SQLITE_OK)
			return (-1);
	}
	return (0);
}

static int
by_id(const void * a, const void * b)
{
	const struct sample_rsource * x = a, * y = b;

	return (x->id < y->id ? -1 : x->id > y->id);
}

/* No store has the file open here: look at every tick for the newest ones. */
static int
scan_newest(struct sample_reader * r)
{
	struct sample_rsource key, * v;
	sqlite3_stmt * st;
	char sql[80];
	unsigned n = 0;
	int k, rc;

	for (k = 0; k < SAMPLE_BINS; k++) {
		snprintf(sql, sizeof(sql), "SELECT id, source FROM "
		    "sample_tick%d", k);
		if (sqlite3_prepare_v2(r->db, sql, -1, &st, NULL) != SQLITE_OK)
			return (-1);
		while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
			if (++n % 1024 == 0 && fiber_breathe())
				break;
			key.id = (uint32_t)sqlite3_column_int64(st, 1);
			v = r->nsrc == 0 ? NULL : bsearch(&key, r->src, r->nsrc,
			    sizeof(key), by_id);
			if (v != NULL &&
			    sqlite3_column_int64(st, 0) > v->newest)
				v->newest = sqlite3_column_int64(st, 0);
		}
		sqlite3_finalize(st);
		if (rc != SQLITE_DONE)
			return (-1);
	}
	return (0);
}

static int
find_newest(struct sample_reader * r)
{
	struct sample_store * S;
	struct stat st;
	uint32_t i;

	if (stat(r->path, &st) != 0 ||
	    (S = sample_store_find(st.st_dev, st.st_ino)) == NULL)
		return (scan_newest(r));
	/* The snapshot was taken just now and the store commits on this very
	 * thread, so what it knows is what the snapshot holds. */
	for (i = 0; i < r->nsrc; i++)
		if (r->src[i].id < S->nsources &&
		    S->sources[r->src[i].id] != NULL)
			r->src[i].newest = S->sources[r->src[i].id]->stored_id;
	return (0);
}

int
sample_read_begin(struct sample_reader * r, struct err * e)
{
	if (r->snapshots > 0) {
		r->snapshots++;
		return (0);
	}
	sources_free(r);
	if (sqlite3_exec(r->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK ||
	    load_sources(r) || load_bins(r) || find_newest(r)) {
		sample_store_err(r->db, r->path, "reading samples", e);
		sqlite3_exec(r->db, "ROLLBACK", NULL, NULL, NULL);
		return (-1);
	}
	r->snapshots = 1;
	return (0);
}

void
sample_read_end(struct sample_reader * r)
{
	if (--r->snapshots == 0)
		sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
}

struct sample_series *
sample_read_text(struct sample_reader * r, int64_t lay)
{
	struct sample_series * s;
	uint32_t i;

	/* Layouts are never changed, and their ids never used again. */
	for (i = 0; i < SAMPLE_READ_TEXTS; i++)
		if (r->texts[i].s != NULL && r->texts[i].lay == lay)
			return (r->texts[i].s);
	if ((s = sample_lay_load(r->db, &r->st_lay, lay)) == NULL)
		return (NULL);
	i = r->text_at++ % SAMPLE_READ_TEXTS;
	sample_series_unref(r->texts[i].s);
	r->texts[i].lay = lay;
	r->texts[i].s = s;
	return (s);
}
