/*
 * Layouts in the store.  All are known by id and digest; the text of few is at
 * hand, because it is needed only where a new layout is made from an old one.
 * A page's layout carries our id as a mark, so that sources that share it find
 * it without a look at the text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/sample_internal.h"

/* Texts kept at hand, in bytes. */
#define TEXTS_MAX ((size_t)16 << 20)

struct sample_lay *
sample_lay_find(struct sample_store * S, int64_t id)
{
	struct sample_lay * l;

	HASH_FIND(hh, S->lays, &id, sizeof(id), l);
	return (l);
}

struct sample_lay *
sample_lay_new(struct sample_store * S, int64_t id, const uint8_t * digest,
    uint32_t n, struct sample_lay * base)
{
	struct sample_lay * l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return (NULL);
	l->id = id;
	memcpy(l->digest, digest, SAMPLE_DIGEST);
	l->n = n;
	l->base = base;
	if (base != NULL) {
		l->depth = base->depth + 1;
		sample_lay_ref(base);
	}
	HASH_ADD(hh, S->lays, id, sizeof(l->id), l);
	HASH_ADD(hd, S->lays_digest, digest, SAMPLE_DIGEST, l);
	if (id >= S->next_lay)
		S->next_lay = id + 1;
	return (l);
}

static void
text_drop(struct sample_store * S, struct sample_lay * l)
{
	if (l->text == NULL)
		return;
	TAILQ_REMOVE(&S->texts, l, texts);
	S->texts_bytes -= l->text->text.len;
	sample_series_unref(l->text);
	l->text = NULL;
}

static void
text_keep(struct sample_store * S, struct sample_lay * l,
    struct sample_series * s)
{
	struct sample_lay * old, * next;

	if (l->text != NULL) {
		sample_series_unref(s);
		return;
	}
	l->text = s;
	TAILQ_INSERT_TAIL(&S->texts, l, texts);
	S->texts_bytes += s->text.len;
	/* One that is not on disk yet cannot be read again. */
	for (old = TAILQ_FIRST(&S->texts); old != l &&
	    S->texts_bytes > TEXTS_MAX; old = next) {
		next = TAILQ_NEXT(old, texts);
		if (!old->is_pending)
			text_drop(S, old);
	}
}

static struct sample_series *
text_of(struct sample_store * S, struct sample_lay * l)
{
	struct sample_series * s;

	if (l->text == NULL) {
		if ((s = sample_lay_load(S->db, &S->st_lay, l->id)) == NULL)
			return (NULL);
		if (s->n != l->n) {
			sample_series_unref(s);
			return (NULL);
		}
		text_keep(S, l, s);
	}
	return (l->text);
}

struct sample_series *
sample_lay_load(sqlite3 * db, sqlite3_stmt ** st, int64_t id)
{
	struct buf blobs[SAMPLE_BASE_DEPTH + 1];
	uint32_t n[SAMPLE_BASE_DEPTH + 1];
	struct sample_series * s = NULL, * next;
	int depth = 0, i, ok = 0;

	memset(blobs, 0, sizeof(blobs));
	if (*st == NULL && sqlite3_prepare_v3(db, "SELECT base, n, diff "
	    "FROM sample_layout WHERE id = ?", -1, SQLITE_PREPARE_PERSISTENT,
	    st, NULL) != SQLITE_OK)
		return (NULL);
	while (id != 0 && depth <= SAMPLE_BASE_DEPTH) {
		sqlite3_bind_int64(*st, 1, id);
		if (sqlite3_step(*st) != SQLITE_ROW)
			break;
		id = sqlite3_column_int64(*st, 0);
		n[depth] = (uint32_t)sqlite3_column_int64(*st, 1);
		if (buf_add(&blobs[depth], sqlite3_column_blob(*st, 2),
		    (size_t)sqlite3_column_bytes(*st, 2)))
			break;
		depth++;
		sqlite3_reset(*st);
		ok = id == 0;
	}
	sqlite3_reset(*st);
	for (i = depth - 1; ok && i >= 0; i--) {
		next = sample_series_unpack(s, blobs[i].p, blobs[i].len, n[i]);
		sample_series_unref(s);
		s = next;
		ok = s != NULL;
	}
	for (i = 0; i < depth; i++)
		buf_free(&blobs[i]);
	return (s);
}

void
sample_lay_ref(struct sample_lay * l)
{
	l->refs++;
}

void
sample_lay_unref(struct sample_store * S, struct sample_lay * l, int64_t n)
{
	l->refs -= n;
	if (l->refs == 0)
		S->has_orphans = 1;
}

static void
lay_free(struct sample_store * S, struct sample_lay * l)
{
	text_drop(S, l);
	if (l->base != NULL)
		sample_lay_unref(S, l->base, 1);
	HASH_DELETE(hh, S->lays, l);
	HASH_DELETE(hd, S->lays_digest, l);
	buf_free(&l->blob);
	free(l);
}

/* How much of the page is new: little of it is worth a difference. */
static int
is_small(const struct sample_diff * d, uint32_t n)
{
	uint32_t i, fresh = 0;

	for (i = 0; i < d->n; i++)
		fresh += d->ops[i].keep_n == 0;
	return (fresh <= n / 2 && d->n <= n / 2 + 8);
}

/* Make the layout that has this text, which no stored one has. */
static struct sample_lay *
lay_add(struct sample_store * S, struct sample_lay * base,
    const struct sample_page * page, struct sample_series * s,
    const uint8_t * digest, struct err * e)
{
	struct sample_lay * l;
	int rc;

	if (base != NULL && (base->depth + 1 >= SAMPLE_BASE_DEPTH ||
	    !is_small(page->diff, page->n)))
		base = NULL;
	l = sample_lay_new(S, S->next_lay, digest, page->n, base);
	if (l == NULL) {
		err_nomem(e, "a layout of samples");
		return (NULL);
	}
	l->blob.max = (size_t)1 << 30;
	rc = base != NULL ? sample_series_pack(page->diff, &l->blob) :
	    sample_series_pack_all(s, &l->blob);
	if (rc) {
		lay_free(S, l);
		err_nomem(e, "a layout of samples");
		return (NULL);
	}
	l->is_pending = 1;
	STAILQ_INSERT_HEAD(&S->lays_pending, l, pending);
	text_keep(S, l, sample_series_ref(s));
	return (l);
}

struct sample_lay *
sample_lay_resolve(struct sample_source * src, const struct sample_page * page,
    struct err * e)
{
	struct sample_store * S = src->S;
	struct sample_lay * l, * base = src->lay;
	struct sample_series * s, * old = NULL;
	uint8_t digest[SAMPLE_DIGEST];

	/* A mark may outlive its layout: ids are never used twice. */
	l = sample_lay_find(S, sample_layout_marked(page->layout, S));
	if (l != NULL && l->n == page->n) {
		sample_lay_ref(l);
		return (l);
	}
	if (page->diff == NULL) {
		err_set(e, ERR_PERMANENT, "layout", "a page of %s says its "
		    "series did not change, but they are not known", src->name);
		return (NULL);
	}
	if (base != NULL && (old = text_of(S, base)) == NULL) {
		err_set(e, ERR_TRANSIENT, "layout", "%s: cannot read layout "
		    "%lld of %s", S->path, (long long)base->id, src->name);
		return (NULL);
	}
	if ((s = sample_series_apply(old, page->diff, page->n, e)) == NULL)
		return (NULL);
	if (sample_series_digest(s, digest)) {
		sample_series_unref(s);
		err_nomem(e, "a layout of samples");
		return (NULL);
	}
	HASH_FIND(hd, S->lays_digest, digest, SAMPLE_DIGEST, l);
	if (l == NULL)
		l = lay_add(S, base, page, s, digest, e);
	sample_series_unref(s);
	if (l == NULL)
		return (NULL);
	sample_lay_ref(l);
	/* Without the mark the next source only takes the longer way. */
	(void)sample_layout_mark(page->layout, S, l->id);
	return (l);
}

int
sample_lay_write_pending(struct sample_store * S)
{
	struct sample_lay * l;
	sqlite3_stmt * st;
	int rc = SQLITE_DONE;

	if (STAILQ_EMPTY(&S->lays_pending))
		return (0);
	if (sqlite3_prepare_v2(S->db, "INSERT INTO sample_layout"
	    "(id, digest, base, n, diff) VALUES(?, ?, ?, ?, ?)", -1, &st,
	    NULL) != SQLITE_OK)
		return (-1);
	STAILQ_FOREACH(l, &S->lays_pending, pending) {
		sqlite3_bind_int64(st, 1, l->id);
		sqlite3_bind_blob(st, 2, l->digest, SAMPLE_DIGEST,
		    SQLITE_STATIC);
		sqlite3_bind_int64(st, 3, l->base != NULL ? l->base->id : 0);
		sqlite3_bind_int64(st, 4, l->n);
		sqlite3_bind_blob64(st, 5, l->blob.p, l->blob.len,
		    SQLITE_STATIC);
		if ((rc = sqlite3_step(st)) != SQLITE_DONE)
			break;
		sqlite3_reset(st);
	}
	sqlite3_finalize(st);
	return (rc == SQLITE_DONE ? 0 : -1);
}

void
sample_lay_settle(struct sample_store * S, int committed)
{
	struct sample_lay * l;

	/* The newest is first, and may be made from a later one. */
	while ((l = STAILQ_FIRST(&S->lays_pending)) != NULL) {
		STAILQ_REMOVE_HEAD(&S->lays_pending, pending);
		l->is_pending = 0;
		if (committed)
			buf_free(&l->blob);
		else
			lay_free(S, l);
	}
}

int
sample_lay_sweep(struct sample_store * S, int most)
{
	struct sample_lay * l, * tmp;
	char sql[80];
	int n = 0;

	if (!S->has_orphans)
		return (0);
	S->has_orphans = 0;
	HASH_ITER(hh, S->lays, l, tmp) {
		if (l->refs > 0 || l->is_pending)
			continue;
		if (n++ == most) {
			S->has_orphans = 1;
			break;
		}
		snprintf(sql, sizeof(sql), "DELETE FROM sample_layout "
		    "WHERE id = %lld", (long long)l->id);
		if (sqlite3_exec(S->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
			S->has_orphans = 1;
			break;
		}
		lay_free(S, l);
	}
	return (n);
}

void
sample_lay_free_all(struct sample_store * S)
{
	struct sample_lay * l, * tmp;

	HASH_CLEAR(hd, S->lays_digest);
	HASH_ITER(hh, S->lays, l, tmp) {
		HASH_DELETE(hh, S->lays, l);
		sample_series_unref(l->text);
		buf_free(&l->blob);
		free(l);
	}
}
