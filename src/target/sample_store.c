#include "target/sample_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "target/sample_internal.h"

/* The stores open in this process, so that readers find their sources. */
static LIST_HEAD(, sample_store) stores = LIST_HEAD_INITIALIZER(stores);

struct sample_store *
sample_store_find(dev_t dev, ino_t ino)
{
	struct sample_store * S;

	LIST_FOREACH(S, &stores, stores)
		if (S->dev == dev && S->ino == ino)
			return (S);
	return (NULL);
}

int
sample_store_err(sqlite3 * db, const char * path, const char * what,
    struct err * e)
{
	int rc = sqlite3_errcode(db) & 0xff;
	const char * msg = sqlite3_errmsg(db);

	switch (rc) {
	case SQLITE_FULL:
		return (err_set(e, ERR_TRANSIENT, "disk_full",
		    "%s: no space left while %s: free some, or shorten the "
		    "retention", path, what));
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return (err_set(e, ERR_TRANSIENT, "busy",
		    "%s: another writer holds the file while %s", path, what));
	case SQLITE_NOMEM:
		return (err_nomem(e, path));
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return (err_set(e, ERR_CONFIG, rc == SQLITE_NOTADB ?
		    "not_a_database" : "corrupt", "%s: %s while %s: restore it "
		    "from a backup or move it away", path, msg, what));
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_AUTH:
		return (err_set(e, ERR_CONFIG, "open",
		    "%s: %s while %s: check the path and its permissions",
		    path, msg, what));
	default:
		return (err_set(e, ERR_TRANSIENT, "io", "%s: %s while %s",
		    path, msg, what));
	}
}

int
sample_store_exec(struct sample_store * S, const char * sql, struct err * e)
{
	if (sqlite3_exec(S->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return (sample_store_err(S->db, S->path, sql, e));
	return (0);
}

int
sample_store_bin_of(const struct sample_store * S, int64_t id)
{
	int k;

	for (k = 0; k < SAMPLE_BINS; k++)
		if (S->bins[k].lo != 0 && id >= S->bins[k].lo &&
		    id <= S->bins[k].hi)
			return (k);
	return (-1);
}

struct sample_store *
sample_store_open(struct loop * L, const char * path, struct err * e)
{
	struct sample_store * S;
	struct stat st;

	if ((S = calloc(1, sizeof(*S))) == NULL ||
	    (S->path = strdup(path)) == NULL ||
	    (S->codec = sample_codec_new()) == NULL) {
		if (S != NULL)
			free(S->path);
		free(S);
		err_nomem(e, "a sample store");
		return (NULL);
	}
	S->L = L;
	TAILQ_INIT(&S->texts);
	STAILQ_INIT(&S->lays_pending);
	LIST_INSERT_HEAD(&stores, S, stores);
	if (sample_load_open(S, e))
		goto fail;
	if (stat(path, &st)) {
		err_set(e, ERR_CONFIG, "open", "%s: %s", path, strerror(errno));
		goto fail;
	}
	S->dev = st.st_dev;
	S->ino = st.st_ino;
	if (sample_commit_init(S) || sample_compact_init(S)) {
		err_nomem(e, "a sample store");
		goto fail;
	}
	if (sample_helper_init(S, e))
		goto fail;
	sample_compact_kick(S);
	return (S);
fail:
	sample_store_close(S);
	return (NULL);
}

void
sample_store_close(struct sample_store * S)
{
	uint32_t i;
	int k;

	if (S == NULL)
		return;
	if (S->commit_timer != NULL)
		sample_commit_flush(S, 1);
	sample_helper_free(S);
	sample_compact_free(S);
	sample_commit_free(S);
	LIST_REMOVE(S, stores);
	sample_layout_forget(S);
	HASH_CLEAR(hh, S->by_name);
	for (i = 0; i < S->nsources; i++)
		sample_source_free(S->sources[i]);
	free(S->sources);
	for (i = 0; i < S->ntbls; i++)
		free(S->tbls[i].name);
	free(S->tbls);
	sample_lay_free_all(S);
	sqlite3_finalize(S->st_lay);
	for (k = 0; k < SAMPLE_BINS; k++) {
		sqlite3_finalize(S->st_tick[k]);
		sqlite3_finalize(S->st_read[k]);
	}
	/* The last connection of all checkpoints and removes the WAL. */
	if (S->db != NULL && sqlite3_close(S->db) != SQLITE_OK)
		log_event(LOG_ERROR, "sample_store_close",
		    LOG_S("path", S->path), LOG_S("error", sqlite3_errmsg(S->db)));
	sample_codec_free(S->codec);
	free(S->path);
	free(S);
}

int
sample_store_wal(struct sample_store * S, int pages)
{
	sample_helper_dirty(S);
	sample_helper_wal(S, pages);
	return (sample_helper_wants_lock(S));
}

void
sample_store_stats_get(const struct sample_store * S,
    struct sample_store_stats * st)
{
	*st = S->stats;
	st->layouts = HASH_COUNT(S->lays);
}

void
sample_store_sync(struct sample_store * S, sample_sync_cb * cb, void * arg)
{
	sample_helper_sync(S, cb, arg);
}
