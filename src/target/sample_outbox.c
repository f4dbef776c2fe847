/* Blocks that wait, and the transaction that writes them all. */
#include "target/sample_compact_internal.h"

#include "base/clock.h"
#include "base/log.h"

#define OUTBOX_BYTES ((size_t)1 << 20)
#define OUTBOX_US 5000000
#define OUTBOX_FEW 64        /* so few sources write little whatever we do: */
#define OUTBOX_FEW_US 300000 /* no need to wait for more */

void
sample_outbox_add(struct sample_compact * c)
{
	const struct sample_source * src = c->job.src;

	if (c->nbox == 0) {
		c->box_since_us = clock_mono_us();
		c->is_backlog = 0;
	}
	/* Nor does it cost much to post what only goes. */
	c->is_backlog |= c->job.ticks == 0 || src->npend - c->job.taken >
	    src->run_len + SAMPLE_RUN;
	c->box[c->nbox++] = c->job;
	c->state = COMPACT_PICK;
}

static int
write_out(struct sample_compact * c, const struct sample_out * o,
    sqlite3_stmt * const st[3])
{
	int rc = SQLITE_DONE;

	if (o->replaces != 0) {
		sqlite3_bind_int64(st[0], 1, o->replaces);
		rc = sqlite3_step(st[0]);
		sqlite3_reset(st[0]);
	}
	if (rc == SQLITE_DONE && o->ticks > 0) {
		sqlite3_bind_int64(st[1], 1, o->src->id);
		sqlite3_bind_int64(st[1], 2, o->last_at);
		sqlite3_bind_int64(st[1], 3, o->lay->id);
		sqlite3_bind_int64(st[1], 4, o->first_at);
		sqlite3_bind_int64(st[1], 5, o->ticks);
		sqlite3_bind_blob64(st[1], 6, c->data.p + o->off, o->len,
		    SQLITE_STATIC);
		rc = sqlite3_step(st[1]);
		sqlite3_reset(st[1]);
	}
	if (rc != SQLITE_DONE)
		return (-1);
	sqlite3_bind_int64(st[2], 1, o->upto);
	sqlite3_bind_int64(st[2], 2, o->fence);
	sqlite3_bind_int64(st[2], 3, o->src->id);
	rc = sqlite3_step(st[2]);
	sqlite3_reset(st[2]);
	return (rc == SQLITE_DONE ? 0 : -1);
}

static int
write_box(struct sample_compact * c)
{
	static const char * const sql[3] = {
		"DELETE FROM sample_block WHERE id = ?",
		("INSERT INTO sample_block(source, last_at, layout, first_at, "
		"ticks, data) VALUES(?, ?, ?, ?, ?, ?)"),
		"UPDATE sample_source SET done = ?, fence = ? WHERE id = ?",
	};
	sqlite3_stmt * st[3] = { NULL, NULL, NULL };
	uint32_t i;
	int rc = 0, k;

	for (k = 0; k < 3 && rc == 0; k++)
		rc = sqlite3_prepare_v2(c->S->db, sql[k], -1, &st[k], NULL);
	for (i = 0; i < c->nbox && rc == 0; i++)
		rc = write_out(c, &c->box[i], st);
	for (k = 0; k < 3; k++)
		sqlite3_finalize(st[k]);
	return (rc);
}

static void
keep_out(struct sample_store * S, const struct sample_out * o)
{
	struct sample_source * src = o->src;
	int k;

	src->done = o->upto;
	src->npend -= o->taken;
	for (k = 0; k < SAMPLE_BINS; k++)
		S->bins[k].live -= o->from_bin[k];
	if (o->ticks > 0) {
		if (src->oldest_at == SAMPLE_NONE || o->last_at < src->oldest_at)
			src->oldest_at = o->last_at;
		if (o->replaces == 0)
			sample_lay_ref(o->lay);
	}
	sample_lay_unref(S, o->lay, o->taken);
	/* There may be another whole run. */
	src->is_queued = 0;
	if (src->npend > (src->run_len > 0 ? src->run_len : 0))
		sample_compact_want(src);
}

int
sample_outbox_post(struct sample_compact * c)
{
	struct sample_store * S = c->S;
	struct err e;
	uint32_t i;
	int rc;

	rc = sqlite3_exec(S->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) & 0xff;
	if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
		return (0);
	if (rc == SQLITE_OK && write_box(c) == 0 &&
	    sqlite3_exec(S->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK) {
		for (i = 0; i < c->nbox; i++)
			keep_out(S, &c->box[i]);
		sample_compact_clear(S);
		sample_helper_dirty(S);
	} else {
		/* The ticks are still there: a later run tries again. */
		sample_store_err(S->db, S->path, "writing blocks", &e);
		if (!sqlite3_get_autocommit(S->db))
			sqlite3_exec(S->db, "ROLLBACK", NULL, NULL, NULL);
		log_event(LOG_WARN, "sample_compact_failed",
		    LOG_S("path", S->path), LOG_E(&e));
		for (i = 0; i < c->nbox; i++)
			c->box[i].src->is_queued = 0;
	}
	c->nbox = 0;
	buf_clear(&c->data);
	return (1);
}

int
sample_outbox_is_due(const struct sample_compact * c)
{
	return (c->nbox == SAMPLE_OUTBOX || c->data.len >= OUTBOX_BYTES ||
	    (c->nbox > 0 && c->is_backlog && TAILQ_EMPTY(&c->queue) &&
	    c->state == COMPACT_PICK) || (c->nbox > 0 && clock_mono_us() - c->box_since_us >=
	    (c->S->nsources < OUTBOX_FEW ? OUTBOX_FEW_US : OUTBOX_US)));
}
