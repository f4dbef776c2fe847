#include <string.h>

#include "query/query_internal.h"

/*
 * Sorting and large intermediate results go to temporary files, in small parts,
 * which SQLite then merges: that is what gives the loop its turns during an
 * ORDER BY, for a sort in one piece of memory has no point to pause at.  These
 * files are chunks of the query's own memory, under its cap; no statement's
 * connection can open a real file at all.
 */
#define CHUNK ((sqlite3_int64)64 << 10)

struct file {
	sqlite3_file base;
	sqlite3_int64 size;
	char ** chunks;
	sqlite3_int64 cap; /* of chunks */
	struct query * q;
};

static sqlite3_vfs vfs;

/* Every access may pause: the sorter's long merges are made of these. */
static int
breathe(struct file * f)
{
	return (f->q != NULL && query_breathe(f->q) ? SQLITE_INTERRUPT :
	    SQLITE_OK);
}

static int
file_truncate(sqlite3_file * file, sqlite3_int64 size)
{
	struct file * f = (struct file *)file;
	sqlite3_int64 i;

	for (i = (size + CHUNK - 1) / CHUNK; i < f->cap; i++) {
		sqlite3_free(f->chunks[i]);
		f->chunks[i] = NULL;
	}
	if (size < f->size)
		f->size = size;
	return (SQLITE_OK);
}

static int
file_close(sqlite3_file * file)
{
	struct file * f = (struct file *)file;

	file_truncate(file, 0);
	sqlite3_free(f->chunks);
	f->chunks = NULL;
	f->cap = 0;
	return (SQLITE_OK);
}

static int
file_read(sqlite3_file * file, void * p, int n, sqlite3_int64 off)
{
	struct file * f = (struct file *)file;
	sqlite3_int64 left = n, at = off, part;
	char * out = p;
	int rc;

	if ((rc = breathe(f)) != SQLITE_OK)
		return (rc);
	for (; left > 0 && at < f->size; left -= part, at += part, out += part) {
		part = CHUNK - at % CHUNK;
		if (part > left)
			part = left;
		if (part > f->size - at)
			part = f->size - at;
		if (f->chunks[at / CHUNK] == NULL)
			memset(out, 0, (size_t)part);
		else
			memcpy(out, f->chunks[at / CHUNK] + at % CHUNK,
			    (size_t)part);
	}
	if (left <= 0)
		return (SQLITE_OK);
	memset(out, 0, (size_t)left);
	return (SQLITE_IOERR_SHORT_READ);
}

static int
file_grow(struct file * f, sqlite3_int64 want)
{
	sqlite3_int64 cap = f->cap ? f->cap : 16;
	char ** chunks;

	if (want <= f->cap)
		return (SQLITE_OK);
	while (cap < want)
		cap *= 2;
	chunks = sqlite3_realloc64(f->chunks,
	    (sqlite3_uint64)cap * sizeof(*chunks));
	if (chunks == NULL)
		return (SQLITE_IOERR_NOMEM);
	memset(chunks + f->cap, 0, (size_t)(cap - f->cap) * sizeof(*chunks));
	f->chunks = chunks;
	f->cap = cap;
	return (SQLITE_OK);
}

static int
file_write(sqlite3_file * file, const void * p, int n, sqlite3_int64 off)
{
	struct file * f = (struct file *)file;
	sqlite3_int64 left = n, at = off, part;
	const char * in = p;
	char ** chunk;
	int rc;

	if ((rc = breathe(f)) != SQLITE_OK ||
	    (rc = file_grow(f, (off + n) / CHUNK + 1)) != SQLITE_OK)
		return (rc);
	for (; left > 0; left -= part, at += part, in += part) {
		part = CHUNK - at % CHUNK;
		if (part > left)
			part = left;
		chunk = &f->chunks[at / CHUNK];
		if (*chunk == NULL) {
			if ((*chunk = sqlite3_malloc64(CHUNK)) == NULL)
				return (SQLITE_IOERR_NOMEM);
			memset(*chunk, 0, (size_t)CHUNK);
		}
		memcpy(*chunk + at % CHUNK, in, (size_t)part);
	}
	if (off + n > f->size)
		f->size = off + n;
	return (SQLITE_OK);
}

static int
file_sync(sqlite3_file * file, int flags)
{
	(void)file;
	(void)flags;
	return (SQLITE_OK);
}

static int
file_size(sqlite3_file * file, sqlite3_int64 * size)
{
	*size = ((struct file *)file)->size;
	return (SQLITE_OK);
}

static int
file_lock(sqlite3_file * file, int level)
{
	(void)file;
	(void)level;
	return (SQLITE_OK);
}

static int
file_reserved(sqlite3_file * file, int * out)
{
	(void)file;
	*out = 0;
	return (SQLITE_OK);
}

static int
file_control(sqlite3_file * file, int op, void * arg)
{
	(void)file;
	(void)op;
	(void)arg;
	return (SQLITE_NOTFOUND);
}

static int
file_sector(sqlite3_file * file)
{
	(void)file;
	return (0);
}

/* Version 1: without xFetch, so that the sorter reads instead of mapping. */
static const sqlite3_io_methods methods = {
	1, file_close, file_read, file_write, file_truncate, file_sync,
	file_size, file_lock, file_lock, file_reserved, file_control,
	file_sector, file_sector, NULL, NULL, NULL, NULL, NULL, NULL
};

static int
vfs_open(sqlite3_vfs * v, const char * name, sqlite3_file * file, int flags,
    int * out)
{
	struct file * f = (struct file *)file;

	(void)v;
	memset(f, 0, sizeof(*f));
	if (name != NULL)
		return (SQLITE_CANTOPEN);
	f->base.pMethods = &methods;
	f->q = fiber_local(&query_key);
	if (out != NULL)
		*out = flags;
	return (SQLITE_OK);
}

static int
vfs_delete(sqlite3_vfs * v, const char * name, int sync)
{
	(void)v;
	(void)name;
	(void)sync;
	return (SQLITE_OK);
}

static int
vfs_access(sqlite3_vfs * v, const char * name, int flags, int * out)
{
	(void)v;
	(void)name;
	(void)flags;
	*out = 0;
	return (SQLITE_OK);
}

static int
vfs_path(sqlite3_vfs * v, const char * name, int n, char * out)
{
	(void)v;
	sqlite3_snprintf(n, out, "%s", name);
	return (SQLITE_OK);
}

/* Time and randomness are the default VFS's. */
const char *
query_vfs_name(void)
{
	sqlite3_vfs * dflt;

	if (vfs.zName != NULL)
		return (vfs.zName);
	if ((dflt = sqlite3_vfs_find(NULL)) == NULL)
		return (NULL);
	vfs = *dflt;
	vfs.pNext = NULL;
	vfs.zName = "moltler-query";
	vfs.szOsFile = sizeof(struct file);
	vfs.xOpen = vfs_open;
	vfs.xDelete = vfs_delete;
	vfs.xAccess = vfs_access;
	vfs.xFullPathname = vfs_path;
	if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK) {
		vfs.zName = NULL;
		return (NULL);
	}
	return (vfs.zName);
}
