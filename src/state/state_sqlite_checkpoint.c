#include <signal.h>
#include <stdlib.h>

#include "base/log.h"
#include "state/state_sqlite_internal.h"

/*
 * SQLite would move its log into the file within some commit, syncing the disk
 * twice while the loop stands still.  So a thread with a connection of its own
 * does it; nothing else is shared with it but the request.
 */
#define WANT_PAGES 1000
/* A log that grows in spite of that (64 MiB): then we do it ourselves. */
#define FORCE_PAGES 16384

struct state_sqlite_checkpoint {
	sqlite3 * db;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int want, stop;
};

static void *
checkpoint_main(void * arg)
{
	struct state_sqlite_checkpoint * C = arg;

	pthread_mutex_lock(&C->lock);
	for (;;) {
		while (!C->want && !C->stop)
			pthread_cond_wait(&C->cond, &C->lock);
		if (C->stop)
			break;
		C->want = 0;
		pthread_mutex_unlock(&C->lock);
		/* What it cannot move now it will move the next time. */
		(void)sqlite3_wal_checkpoint_v2(C->db, NULL,
		    SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
		pthread_mutex_lock(&C->lock);
	}
	pthread_mutex_unlock(&C->lock);
	return (NULL);
}

static int
on_commit(void * arg, sqlite3 * db, const char * name, int pages)
{
	struct state_sqlite_checkpoint * C = arg;

	if (pages < WANT_PAGES)
		return (SQLITE_OK);
	if (pages >= FORCE_PAGES && pages % 1024 == 0) {
		log_event(LOG_WARN, "state_log_large", LOG_I("pages", pages));
		(void)sqlite3_wal_checkpoint_v2(db, name,
		    SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
		return (SQLITE_OK);
	}
	pthread_mutex_lock(&C->lock);
	C->want = 1;
	pthread_cond_signal(&C->cond);
	pthread_mutex_unlock(&C->lock);
	return (SQLITE_OK);
}

int
state_sqlite_checkpoint_start(struct state_sqlite * S, struct err * e)
{
	struct state_sqlite_checkpoint * C;
	sigset_t all, old;
	int rc;

	if ((C = calloc(1, sizeof(*C))) == NULL)
		return (err_nomem(e, "the state"));
	/* A connection that has read nothing yet does not know that there is a
	 * log, and would move none of it. */
	if (sqlite3_open_v2(S->path, &C->db, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_FULLMUTEX, NULL) != SQLITE_OK ||
	    sqlite3_exec(C->db, "SELECT count(*) FROM sqlite_schema", NULL,
	    NULL, NULL) != SQLITE_OK) {
		err_set(e, ERR_TRANSIENT, "state_io", "cannot open the state "
		    "file %s once more: %s", S->path, sqlite3_errmsg(C->db));
		sqlite3_close(C->db);
		free(C);
		return (-1);
	}
	pthread_mutex_init(&C->lock, NULL);
	pthread_cond_init(&C->cond, NULL);
	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&C->thread, NULL, checkpoint_main, C);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0) {
		sqlite3_close(C->db);
		free(C);
		return (err_set(e, ERR_TRANSIENT, "thread",
		    "cannot start a thread for the state file %s", S->path));
	}
	S->checkpoint = C;
	sqlite3_wal_hook(S->db, on_commit, C);
	return (0);
}

void
state_sqlite_checkpoint_stop(struct state_sqlite * S)
{
	struct state_sqlite_checkpoint * C = S->checkpoint;

	if (C == NULL)
		return;
	sqlite3_wal_hook(S->db, NULL, NULL);
	pthread_mutex_lock(&C->lock);
	C->stop = 1;
	pthread_cond_signal(&C->cond);
	pthread_mutex_unlock(&C->lock);
	pthread_join(C->thread, NULL);
	pthread_cond_destroy(&C->cond);
	pthread_mutex_destroy(&C->lock);
	sqlite3_close(C->db);
	free(C);
	S->checkpoint = NULL;
}
