/*
 * The one thread of a store, with a connection of its own: what must wait for
 * the disk waits here and not in the loop.
 *  - Checkpoints: the bulk passively, beside the loop's commits; then the short
 *    rest with the writer's lock, because a log that is always written to is
 *    never restarted by passive ones.  The loop sees BUSY meanwhile and tries
 *    again in 2 ms.  The first frame of a fresh log is synced by SQLite inside
 *    the commit, so it is a commit of ours.
 *  - A sync of the log every 2 s: what a power failure may cost; and at once for
 *    who must not say that something is there before it is.
 *  - Emptying bins.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "target/sample_internal.h"

#define WAL_PAGES (((int)16 << 20) / SAMPLE_PAGE) /* time for a checkpoint */
#define WAL_PAGES_LONG (8 * WAL_PAGES)  /* something holds it up */
#define SYNC_S 2
#define LOCK_MS 20           /* how long we may hold the writer's lock waiting */

struct sample_helper {
	struct sample_store * S;
	pthread_t thread;
	pthread_mutex_t mx;
	pthread_cond_t cv;
	sqlite3 * db;
	int wal_fd;
	int lost_errno; /* of a sync: the system tells only once */
	int pipe[2];
	struct loop_io * io;
	int started;
	atomic_int wants_lock; /* to finish a checkpoint */
	/* Under the lock. */
	int stop, want_checkpoint, is_dirty, failed;
	unsigned want_clear, cleared;
	uint64_t want_sync, synced; /* numbers of wishes */
	int sync_errno;             /* of the last one that was fulfilled */
	/* The loop's. */
	uint64_t sync_no;
	sample_sync_cb * sync_cb;   /* NULL: nobody waits for ${sync_no} */
	void * sync_arg;
	int asked;
	int64_t next_warn_us;
};

static int
run(struct sample_helper * h, const char * sql)
{
	int rc = sqlite3_exec(h->db, sql, NULL, NULL, NULL);

	if (rc != SQLITE_OK && !sqlite3_get_autocommit(h->db))
		sqlite3_exec(h->db, "ROLLBACK", NULL, NULL, NULL);
	return (rc);
}

static int
checkpoint(struct sample_helper * h)
{
	int rc, rest;

	rc = sqlite3_wal_checkpoint_v2(h->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
	    NULL, NULL);
	if (rc != SQLITE_OK)
		return (rc);
	sqlite3_busy_timeout(h->db, LOCK_MS);
	atomic_store(&h->wants_lock, 1);
	rest = sqlite3_wal_checkpoint_v2(h->db, NULL,
	    SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	atomic_store(&h->wants_lock, 0);
	sqlite3_busy_timeout(h->db, 1000);
	/* Busy: a reader still looks at the log; the next time will do. */
	if (rest == SQLITE_OK)
		run(h, "UPDATE sample_meta SET v = v + 1 WHERE k = 'wal'");
	return (SQLITE_OK);
}

static void
wake_loop(struct sample_helper * h)
{
	ssize_t n = write(h->pipe[1], "x", 1);

	(void)n; /* a full pipe wakes as well */
}

static void
open_log(struct sample_helper * h)
{
	char wal[4096];

	/* No lock lives on the log, so closing this one drops none. */
	if (snprintf(wal, sizeof(wal), "%s-wal", h->S->path) < (int)sizeof(wal))
		h->wal_fd = open(wal, O_RDWR | O_CLOEXEC);
	else
		errno = ENAMETOOLONG;
}

/* 0, or why it may not be on the disk. */
static int
sync_log(struct sample_helper * h)
{
	if (h->wal_fd == -1)
		open_log(h);
	if (h->wal_fd == -1)
		return (errno);
	while (fdatasync(h->wal_fd) != 0)
		if (errno != EINTR)
			return (errno);
	return (0);
}

static void
do_work(struct sample_helper * h, int want_checkpoint, unsigned clear,
    int is_dirty, uint64_t sync)
{
	unsigned done = 0;
	char sql[64];
	int k, failed = 0, why = 0;

	/* First: somebody waits. */
	if (sync > h->synced || (is_dirty && !want_checkpoint)) {
		why = sync_log(h);
		failed = why != 0;
		if (failed)
			h->lost_errno = why;
	}
	if (sync > h->synced) {
		pthread_mutex_lock(&h->mx);
		h->synced = sync;
		h->sync_errno = h->lost_errno;
		h->lost_errno = 0;
		pthread_mutex_unlock(&h->mx);
		wake_loop(h);
	}
	for (k = 0; k < SAMPLE_BINS; k++) {
		if (!(clear & 1u << k))
			continue;
		/* Without WHERE: the table's pages are freed, not written. */
		snprintf(sql, sizeof(sql), "DELETE FROM sample_tick%d", k);
		if (run(h, sql) == SQLITE_OK)
			done |= 1u << k;
	}
	if (want_checkpoint)
		failed |= checkpoint(h) != SQLITE_OK;
	pthread_mutex_lock(&h->mx);
	h->want_clear &= ~clear;
	h->cleared |= done;
	/* What was not cleared is asked for again by the loop's upkeep. */
	h->cleared |= (clear & ~done) << SAMPLE_BINS;
	h->failed |= failed;
	if (want_checkpoint)
		h->want_checkpoint = 0;
	pthread_mutex_unlock(&h->mx);
	if (want_checkpoint || clear)
		wake_loop(h);
}

static void *
helper_main(void * arg)
{
	struct sample_helper * h = arg;
	struct timespec until;
	int want, dirty;
	unsigned clear;
	uint64_t sync;

	pthread_mutex_lock(&h->mx);
	while (!h->stop) {
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += SYNC_S;
		while (!h->stop && !h->want_checkpoint && !h->want_clear &&
		    h->want_sync == h->synced) {
			if (pthread_cond_timedwait(&h->cv, &h->mx, &until) ==
			    ETIMEDOUT)
				break;
		}
		want = h->want_checkpoint;
		clear = h->want_clear;
		dirty = h->is_dirty;
		sync = h->want_sync;
		h->is_dirty = 0;
		pthread_mutex_unlock(&h->mx);
		if (want || clear || dirty || sync > h->synced)
			do_work(h, want, clear, dirty, sync);
		pthread_mutex_lock(&h->mx);
	}
	pthread_mutex_unlock(&h->mx);
	return (NULL);
}

/* Last of all that its caller does: it may ask again, or close. */
static void
tell_synced(struct sample_helper * h, uint64_t synced, int why)
{
	sample_sync_cb * cb = h->sync_cb;

	if (cb == NULL || synced < h->sync_no)
		return;
	h->sync_cb = NULL;
	cb(h->sync_arg, why);
}

static void
on_done(void * arg, int fd, int events)
{
	struct sample_helper * h = arg;
	struct sample_store * S = h->S;
	char tmp[64];
	unsigned cleared;
	uint64_t synced;
	int k, failed, why;

	(void)events;
	while (read(fd, tmp, sizeof(tmp)) > 0)
		continue;
	pthread_mutex_lock(&h->mx);
	cleared = h->cleared;
	failed = h->failed;
	synced = h->synced;
	why = h->sync_errno;
	h->cleared = 0;
	h->failed = 0;
	h->asked = h->want_checkpoint;
	pthread_mutex_unlock(&h->mx);
	for (k = 0; k < SAMPLE_BINS; k++) {
		if (cleared & 1u << k)
			memset(&S->bins[k], 0, sizeof(S->bins[k]));
		if (cleared & 1u << (k + SAMPLE_BINS))
			S->bins[k].is_clearing = 0;
	}
	if (failed)
		log_event(LOG_WARN, "sample_checkpoint_failed",
		    LOG_S("path", S->path));
	tell_synced(h, synced, why);
}

static void
ask_checkpoint(struct sample_store * S)
{
	struct sample_helper * h = S->helper;

	h->asked = 1;
	pthread_mutex_lock(&h->mx);
	h->want_checkpoint = 1;
	pthread_cond_signal(&h->cv);
	pthread_mutex_unlock(&h->mx);
}

void
sample_helper_wal(struct sample_store * S, int pages)
{
	struct sample_helper * h = S->helper;
	int64_t now;

	S->wal_pages = pages;
	if (pages < WAL_PAGES || h == NULL)
		return;
	if (!h->asked)
		ask_checkpoint(S);
	if (pages >= WAL_PAGES_LONG &&
	    (now = clock_mono_us()) >= h->next_warn_us) {
		h->next_warn_us = now + 60000000;
		log_event(LOG_WARN, "sample_wal_long", LOG_S("path", S->path),
		    LOG_I("bytes", (int64_t)pages * SAMPLE_PAGE), LOG_S("hint",
		    "a long SELECT or a slow disk holds up the checkpoint"));
	}
}

int
sample_helper_wants_lock(const struct sample_store * S)
{
	return (S->helper != NULL && atomic_load(&S->helper->wants_lock));
}

/* After each commit of the loop's: how long the log is now. */
static int
on_wal(void * arg, sqlite3 * db, const char * name, int pages)
{
	(void)db;
	(void)name;
	sample_helper_wal(arg, pages);
	return (SQLITE_OK);
}

static int
start_thread(struct sample_helper * h)
{
	sigset_t all, old;
	int rc;

	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&h->thread, NULL, helper_main, h);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	h->started = rc == 0;
	return (rc == 0 ? 0 : -1);
}

static int
make_pipe(struct sample_helper * h)
{
	int i;

	if (pipe(h->pipe))
		return (-1);
	for (i = 0; i < 2; i++)
		if (fcntl(h->pipe[i], F_SETFD, FD_CLOEXEC) == -1 ||
		    fcntl(h->pipe[i], F_SETFL, O_NONBLOCK) == -1)
			return (-1);
	return (0);
}

int
sample_helper_init(struct sample_store * S, struct err * e)
{
	struct sample_helper * h;
	pthread_condattr_t attr;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return (err_nomem(e, "a store's helper"));
	S->helper = h;
	h->S = S;
	h->wal_fd = h->pipe[0] = h->pipe[1] = -1;
	pthread_mutex_init(&h->mx, NULL);
	/* A clock that is set back must not put the next sync off. */
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&h->cv, &attr);
	pthread_condattr_destroy(&attr);
	if (sqlite3_open_v2(S->path, &h->db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK || sqlite3_exec(h->db,
	    "PRAGMA synchronous=NORMAL;PRAGMA wal_autocheckpoint=0;"
	    "PRAGMA cache_size=-512", NULL, NULL, NULL) != SQLITE_OK)
		return (sample_store_err(h->db, S->path, "opening it again",
		    e));
	sqlite3_busy_timeout(h->db, 1000);
	open_log(h);
	if (make_pipe(h) || (h->io = loop_io_new(S->L, h->pipe[0],
	    LOOP_PRIO_NORMAL, on_done, h)) == NULL || loop_io_set(h->io, LOOP_READ) || start_thread(h))
		return (err_set(e, ERR_TRANSIENT, "thread", "%s: cannot start "
		    "the helper thread: %s", S->path, strerror(errno)));
	sqlite3_wal_hook(S->db, on_wal, S);
	return (0);
}

void
sample_helper_clear(struct sample_store * S, int bin)
{
	struct sample_helper * h = S->helper;

	S->bins[bin].is_clearing = 1;
	pthread_mutex_lock(&h->mx);
	h->want_clear |= 1u << bin;
	pthread_cond_signal(&h->cv);
	pthread_mutex_unlock(&h->mx);
}

void
sample_helper_dirty(struct sample_store * S)
{
	struct sample_helper * h = S->helper;

	pthread_mutex_lock(&h->mx);
	h->is_dirty = 1;
	pthread_mutex_unlock(&h->mx);
}

void
sample_helper_sync(struct sample_store * S, sample_sync_cb * cb, void * arg)
{
	struct sample_helper * h = S->helper;

	h->sync_cb = cb;
	h->sync_arg = arg;
	if (cb == NULL)
		return;
	pthread_mutex_lock(&h->mx);
	h->sync_no = ++h->want_sync;
	pthread_cond_signal(&h->cv);
	pthread_mutex_unlock(&h->mx);
}

void
sample_helper_free(struct sample_store * S)
{
	struct sample_helper * h = S->helper;

	if (h == NULL)
		return;
	if (h->started) {
		pthread_mutex_lock(&h->mx);
		h->stop = 1;
		pthread_cond_signal(&h->cv);
		pthread_mutex_unlock(&h->mx);
		pthread_join(h->thread, NULL);
	}
	loop_io_free(h->io);
	if (h->pipe[0] != -1) {
		close(h->pipe[0]);
		close(h->pipe[1]);
	}
	if (h->wal_fd != -1)
		close(h->wal_fd);
	sqlite3_close(h->db);
	pthread_mutex_destroy(&h->mx);
	pthread_cond_destroy(&h->cv);
	free(h);
	S->helper = NULL;
}
