#include "sync/backup.h"

#include <stdlib.h>
#include <string.h>
#include <uuid.h>

#include "base/clock.h"
#include "base/log.h"
#include "sync/backup_internal.h"

#define UPLOAD_IDLE_US INT64_C(60000000)

static const char * const step_names[] = { "begin", "generation", "connectors",
    "syncs", "secrets", "cursors", "check", "write", "parse", "look", "nodes",
    "key", "put", "take_over", "done" };

void
backup_step(struct backup_wait * w, enum backup_step step)
{
	log_event(LOG_DEBUG, w->is_restore ? "restore" : "backup",
	    LOG_S("from", step_names[w->step]), LOG_S("to", step_names[step]));
	w->step = step;
	w->at = 0;
}

static void
wait_free(struct backup_wait * w)
{
	int i;

	*w->prevp = w->next;
	if (w->next != NULL)
		w->next->prevp = w->prevp;
	if (w->is_restore)
		w->B->restoring--;
	else
		w->B->reads--;
	loop_timer_free(w->turn);
	buf_free(&w->text);
	for (i = 0; i < BACKUP_KINDS; i++) {
		json_decref(w->lists[i]);
		json_decref(w->have[i]);
	}
	backup_text_drop(w->out);
	backup_text_free(w->in);
	json_decref(w->nodes);
	json_decref(w->answer);
	free(w->names);
	free(w);
}

void
backup_end(struct backup_wait * w, const struct err * e)
{
	int left = w->left;

	w->left = 1;
	if (w->step != STEP_DONE)
		backup_step(w, STEP_DONE);
	loop_timer_stop(w->turn);
	if (!left && w->is_restore)
		w->cb(w->arg, e != NULL ? NULL : w->answer, e);
	else if (!left)
		w->text_cb(w->arg, e != NULL ? NULL : &w->text, e);
	else if (e != NULL && w->is_restore)
		log_event(LOG_ERROR, "restore_failed", LOG_E(e));
	if (w->waiting == 0)
		wait_free(w);
}

int
backup_answered(struct backup_wait * w, const struct err * e)
{
	w->waiting--;
	if (w->step == STEP_DONE) {
		if (w->waiting == 0)
			wait_free(w);
		return (-1);
	}
	if (e != NULL && w->e.code[0] == '\0')
		w->e = *e;
	if (w->e.code[0] == '\0' && (!w->left || w->is_restore))
		return (0);
	/* What is under way comes to its end first: it says how far we got. */
	if (w->waiting == 0)
		backup_turn(w);
	return (-1);
}

static void
on_turn(void * arg)
{
	struct backup_wait * w = arg;

	if (w->left && !w->is_restore) {
		backup_end(w, NULL);
		return;
	}
	if (w->e.code[0] != '\0') {
		if (w->written > 0)
			err_prefix(&w->e, "%zu records were restored before "
			    "this, the rest was not; do it again with force",
			    w->written);
		backup_end(w, &w->e);
	} else if (w->is_restore) {
		backup_restore_advance(w);
	} else {
		backup_make_advance(w);
	}
}

void
backup_turn(struct backup_wait * w)
{
	loop_timer_start(w->turn, 0);
}

static struct backup_wait *
wait_new(struct backup * B, int is_restore, void * arg)
{
	struct backup_wait * w = calloc(1, sizeof(*w));

	if (w == NULL || (w->turn = loop_timer_new(B->o.loop, on_turn, w)) ==
	    NULL) {
		/* Nobody could be told, as with the state's own calls. */
		log_event(LOG_ERROR, "out_of_memory", LOG_S("for", "a backup"));
		abort();
	}
	loop_timer_prio(w->turn, LOOP_PRIO_NORMAL);
	w->B = B;
	w->arg = arg;
	w->is_restore = is_restore;
	w->text.max = BACKUP_MAX;
	w->next = B->waits;
	w->prevp = &B->waits;
	if (w->next != NULL)
		w->next->prevp = &w->next;
	B->waits = w;
	if (is_restore)
		B->restoring++;
	else
		B->reads++;
	return (w);
}

struct backup_wait *
backup_make(struct backup * B, backup_text_cb * cb, void * arg)
{
	struct backup_wait * w = wait_new(B, 0, arg);

	w->text_cb = cb;
	if (B->reads > BACKUP_READS)
		err_set(&w->e, ERR_TRANSIENT, "busy", "%d backups are being "
		    "made; try again when one is done", BACKUP_READS);
	backup_turn(w);
	return (w);
}

struct backup_wait *
backup_restore(struct backup * B, struct buf * text, unsigned flags,
    backup_cb * cb, void * arg)
{
	struct backup_wait * w = wait_new(B, 1, arg);

	w->cb = cb;
	w->flags = flags;
	w->text = *text;
	memset(text, 0, sizeof(*text));
	if (B->restoring > 1)
		err_set(&w->e, ERR_TRANSIENT, "busy", "a backup is being "
		    "restored; try again when that is done");
	backup_turn(w);
	return (w);
}

void
backup_leave(struct backup_wait * w)
{
	if (w != NULL)
		w->left = 1;
}

struct backup *
backup_new(const struct backup_opts * o, struct err * e)
{
	struct backup * B = calloc(1, sizeof(*B));

	if (B == NULL) {
		err_nomem(e, "backups");
		return (NULL);
	}
	B->o = *o;
	return (B);
}

void
backup_free(struct backup * B)
{
	if (B == NULL)
		return;
	while (B->waits != NULL)
		wait_free(B->waits);
	buf_free(&B->upload);
	free(B);
}

/* ---- a text in pieces ---- */

int
backup_upload_begin(struct backup * B, size_t n, char id[BACKUP_ID_LEN],
    struct err * e)
{
	uuid_t u;

	if (n > BACKUP_MAX)
		return (err_set(e, ERR_CONFIG, "too_large", "a backup has at "
		    "most %zu MiB", BACKUP_MAX >> 20));
	if (B->upload_id[0] != '\0' &&
	    clock_mono_us() - B->upload_at < UPLOAD_IDLE_US)
		return (err_set(e, ERR_TRANSIENT, "busy", "another backup is "
		    "being sent; try again in a minute"));
	buf_free(&B->upload);
	B->upload.max = n;
	B->upload_want = n;
	B->upload_at = clock_mono_us();
	uuid_generate_random(u);
	uuid_unparse_lower(u, B->upload_id);
	memcpy(id, B->upload_id, BACKUP_ID_LEN);
	return (0);
}

static int
is_upload(const struct backup * B, const char * id, struct err * e)
{
	if (B->upload_id[0] != '\0' && strcmp(B->upload_id, id) == 0)
		return (0);
	return (err_set(e, ERR_CONFIG, "not_found", "no backup is being sent "
	    "as '%.60s'; begin with POST /v1/restore", id));
}

int
backup_upload_add(struct backup * B, const char * id, size_t at, const char * p,
    size_t n, struct err * e)
{
	if (is_upload(B, id, e))
		return (-1);
	if (at != B->upload.len || n > B->upload_want - B->upload.len)
		return (err_set(e, ERR_CONFIG, "bad_request", "%zu bytes of %zu "
		    "are there; what comes next begins at %zu",
		    B->upload.len, B->upload_want, B->upload.len));
	B->upload_at = clock_mono_us();
	if (buf_add(&B->upload, p, n))
		return (err_nomem(e, "a backup"));
	return (0);
}

int
backup_upload_take(struct backup * B, const char * id, struct buf * text,
    struct err * e)
{
	if (is_upload(B, id, e))
		return (-1);
	if (B->upload.len != B->upload_want)
		return (err_set(e, ERR_CONFIG, "bad_request", "%zu bytes of %zu "
		    "are there", B->upload.len, B->upload_want));
	*text = B->upload;
	memset(&B->upload, 0, sizeof(B->upload));
	B->upload_id[0] = '\0';
	return (0);
}
