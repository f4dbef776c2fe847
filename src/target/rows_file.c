/* The files that a statement reads: a read-only connection each. */
#include "target/rows_vtab_internal.h"

#include <string.h>

#include "base/rfc3339.h"
#include "loop/fiber.h"

#define STEPS 1000 /* of SQLite's machine between two breaths */

static int
instant_order(void * arg, int na, const void * a, int nb, const void * b)
{
	(void)arg;
	return (rfc3339_order(a, (size_t)na, b, (size_t)nb));
}

int
rows_file_collate(sqlite3 * db)
{
	return (sqlite3_create_collation_v2(db, ROWS_INSTANT, SQLITE_UTF8, NULL,
	    instant_order, NULL));
}

static int
on_progress(void * arg)
{
	(void)arg;
	return (fiber_breathe());
}

void
rows_file_put(struct rows_file ** all, struct rows_file * f)
{
	if (f == NULL || --f->refs > 0)
		return;
	while (*all != f)
		all = &(*all)->next;
	*all = f->next;
	sqlite3_close(f->db);
	sqlite3_free(f->path);
	sqlite3_free(f);
}

static int
file_open(struct rows_file * f)
{
	int rc;

	if ((rc = sqlite3_open_v2(f->path, &f->db, SQLITE_OPEN_READONLY |
	    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL)) != SQLITE_OK ||
	    (rc = sqlite3_exec(f->db, "PRAGMA cache_size=-1024;"
	    "PRAGMA trusted_schema=0", NULL, NULL, NULL)) != SQLITE_OK ||
	    /* A column that somebody took away meanwhile is no text. */
	    (rc = sqlite3_db_config(f->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL)) !=
	    SQLITE_OK)
		return (rc);
	sqlite3_progress_handler(f->db, STEPS, on_progress, NULL);
	return (rows_file_collate(f->db));
}

int
rows_file_get(struct rows_file ** all, const char * path,
    struct rows_file ** out, char ** msg)
{
	struct rows_file * f;
	int rc = SQLITE_NOMEM;

	for (f = *all; f != NULL; f = f->next)
		if (strcmp(f->path, path) == 0) {
			f->refs++;
			*out = f;
			return (SQLITE_OK);
		}
	if ((f = sqlite3_malloc(sizeof(*f))) == NULL)
		return (SQLITE_NOMEM);
	memset(f, 0, sizeof(*f));
	f->refs = 1;
	f->next = *all;
	*all = f;
	if ((f->path = sqlite3_mprintf("%s", path)) != NULL)
		rc = file_open(f);
	if (rc != SQLITE_OK) {
		*msg = sqlite3_mprintf("%s: %s", path, f->db ?
		    sqlite3_errmsg(f->db) : "out of memory");
		rows_file_put(all, f);
		return (rc);
	}
	*out = f;
	return (SQLITE_OK);
}
