#include "target/targets.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <uthash.h>

#include "base/log.h"
#include "target/targets_internal.h"

/* Each holds a connection, a helper thread and caches. */
#define MAX_DATABASES 64

struct database {
	char * name;
	struct sample_store * store;
};

/*
 * The tables there are, so that a query need not open every file to find one:
 * read when we start, added to when a source is opened.  Only this process
 * makes tables.
 */
struct table {
	char * key;      /* the name in lower case */
	char * name;
	char * database;
	enum targets_kind kind;
	struct table * next; /* of the same name, in another database */
	UT_hash_handle hh;
};

struct targets {
	struct loop * loop;
	char * dir;
	struct database dbs[MAX_DATABASES];
	size_t n;
	struct table * tables;
	struct rows_db * rows; /* their connections */
};

static int
name_ok(const char * s, const char * more, size_t max, int first_underscore)
{
	size_t n;

	if (!isalpha((unsigned char)s[0]) && !(first_underscore && *s == '_'))
		return (0);
	for (n = 0; s[n] != '\0'; n++)
		if (!isalnum((unsigned char)s[n]) && !strchr(more, s[n]))
			return (0);
	return (n <= max);
}

int
targets_database_ok(const char * s)
{
	return (name_ok(s, "_", 64, 0) && strcasecmp(s, "main") != 0 &&
	    strcasecmp(s, "temp") != 0);
}

int
targets_table_ok(const char * s)
{
	return (name_ok(s, "_-.", 128, 1) && strncasecmp(s, "sqlite_", 7) != 0);
}

static void
table_free(struct table * tb)
{
	free(tb->key);
	free(tb->name);
	free(tb->database);
	free(tb);
}

static void
lower(char * s)
{
	for (; *s != '\0'; s++)
		*s = (char)tolower((unsigned char)*s);
}

static struct table *
find(const struct targets * t, const char * name)
{
	char key[160];
	struct table * tb;

	if (strlen(name) >= sizeof(key))
		return (NULL);
	strcpy(key, name);
	lower(key);
	HASH_FIND_STR(t->tables, key, tb);
	return (tb);
}

/* Remember a table; 0, also if it is known, or -1. */
static int
note(struct targets * t, const char * database, const char * name,
    enum targets_kind kind, struct err * e)
{
	struct table * first = find(t, name), * tb;

	for (tb = first; tb != NULL; tb = tb->next)
		if (strcmp(tb->database, database) == 0 &&
		    strcasecmp(tb->name, name) == 0)
			return (0);
	if ((tb = calloc(1, sizeof(*tb))) == NULL)
		return (err_nomem(e, "a table"));
	tb->key = strdup(name);
	tb->name = strdup(name);
	tb->database = strdup(database);
	if (tb->key == NULL || tb->name == NULL || tb->database == NULL) {
		table_free(tb);
		return (err_nomem(e, "a table"));
	}
	tb->kind = kind;
	lower(tb->key);
	if (first != NULL) {
		tb->next = first->next;
		first->next = tb;
	} else {
		HASH_ADD_KEYPTR(hh, t->tables, tb->key, strlen(tb->key), tb);
	}
	return (0);
}

static int
path_of(const struct targets * t, const char * database, char * path,
    size_t cap)
{
	int n = snprintf(path, cap, "%s/%s.db", t->dir, database);

	return (n < 0 || (size_t)n >= cap ? -1 : 0);
}

/* Note the tables of one kind of a file.  A file need not have both kinds. */
static int
scan_kind(struct targets * t, const char * database, sqlite3 * db,
    enum targets_kind kind, struct err * e)
{
	const char * from = kind == TARGETS_ROWS ? TARGETS_ROWS_LIST :
	    "sample_tbl";
	sqlite3_stmt * st = NULL;
	const char * name;
	char sql[100];
	int rc = 0;

	if (sqlite3_table_column_metadata(db, "main", from, "name", NULL, NULL,
	    NULL, NULL, NULL) == SQLITE_ERROR)
		return (0);
	snprintf(sql, sizeof(sql), "SELECT name FROM %s ORDER BY name", from);
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		log_event(LOG_WARN, "database_not_read",
		    LOG_S("database", database),
		    LOG_S("error", sqlite3_errmsg(db)));
	while (rc == 0 && st != NULL && sqlite3_step(st) == SQLITE_ROW) {
		/* NULL in a file that somebody else made. */
		name = (const char *)sqlite3_column_text(st, 0);
		if (name != NULL)
			rc = note(t, database, name, kind, e);
	}
	sqlite3_finalize(st);
	return (rc);
}

/* Note the tables of one file. */
static int
scan_file(struct targets * t, const char * database, struct err * e)
{
	sqlite3 * db = NULL;
	char path[1024];
	int rc = 0;

	if (path_of(t, database, path, sizeof(path)))
		return (0);
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) ==
	    SQLITE_OK && sqlite3_exec(db, "SELECT 1 FROM sqlite_schema LIMIT 0",
	    NULL, NULL, NULL) == SQLITE_OK) {
		rc = scan_kind(t, database, db, TARGETS_SAMPLES, e);
		if (rc == 0)
			rc = scan_kind(t, database, db, TARGETS_ROWS, e);
	} else {
		log_event(LOG_WARN, "database_not_read", LOG_S("path", path),
		    LOG_S("error", db ? sqlite3_errmsg(db) : "no memory"));
	}
	sqlite3_close(db);
	return (rc);
}

static int
scan(struct targets * t, struct err * e)
{
	struct dirent * de;
	char name[128];
	int rc = 0;
	size_t n;
	DIR * d;

	if ((d = opendir(t->dir)) == NULL)
		return (err_set(e, ERR_CONFIG, "data_dir",
		    "cannot read %s: %s", t->dir, strerror(errno)));
	while (rc == 0 && (de = readdir(d)) != NULL) {
		n = strlen(de->d_name);
		if (n < 4 || n - 3 >= sizeof(name) ||
		    strcmp(de->d_name + n - 3, ".db") != 0)
			continue;
		memcpy(name, de->d_name, n - 3);
		name[n - 3] = '\0';
		if (targets_database_ok(name))
			rc = scan_file(t, name, e);
	}
	closedir(d);
	return (rc);
}

struct targets *
targets_new(struct loop * L, const char * dir, struct err * e)
{
	struct targets * t;

	if (mkdir(dir, 0700) && errno != EEXIST) {
		err_set(e, ERR_CONFIG, "data_dir", "cannot make %s: %s", dir,
		    strerror(errno));
		return (NULL);
	}
	if ((t = calloc(1, sizeof(*t))) == NULL ||
	    (t->dir = strdup(dir)) == NULL) {
		free(t);
		err_nomem(e, "the targets");
		return (NULL);
	}
	t->loop = L;
	if (scan(t, e)) {
		targets_free(t);
		return (NULL);
	}
	return (t);
}

void
targets_free(struct targets * t)
{
	struct table * tb, * tmp, * next;
	size_t i;

	if (t == NULL)
		return;
	HASH_ITER(hh, t->tables, tb, tmp) {
		HASH_DEL(t->tables, tb);
		for (; tb != NULL; tb = next) {
			next = tb->next;
			table_free(tb);
		}
	}
	for (i = 0; i < t->n; i++) {
		sample_store_close(t->dbs[i].store);
		free(t->dbs[i].name);
	}
	free(t->dir);
	free(t);
}

/* The name of the file that is this database, in whatever case it was given:
 * SQL does not tell METRICS from metrics, so they must not be two files. */
static void
file_name(const struct targets * t, const char * database, char * name,
    size_t cap)
{
	struct dirent * de;
	DIR * d = opendir(t->dir);
	size_t n = strlen(database);

	snprintf(name, cap, "%s", database);
	while (d != NULL && n < cap && (de = readdir(d)) != NULL) {
		if (strncasecmp(de->d_name, database, n) != 0 ||
		    strcmp(de->d_name + n, ".db") != 0)
			continue;
		memcpy(name, de->d_name, n);
		if (strcmp(name, database) == 0)
			break;
	}
	if (d != NULL)
		closedir(d);
}

static struct database *
database_of(struct targets * t, const char * database, struct err * e)
{
	struct database * d;
	char path[1024], name[128];
	size_t i;

	for (i = 0; i < t->n; i++)
		if (strcasecmp(t->dbs[i].name, database) == 0)
			return (&t->dbs[i]);
	if (t->n == MAX_DATABASES) {
		err_set(e, ERR_CONFIG, "too_many", "%d databases are open, the "
		    "most there can be; use tables of one of them",
		    MAX_DATABASES);
		return (NULL);
	}
	file_name(t, database, name, sizeof(name));
	if (!targets_database_ok(database) ||
	    path_of(t, name, path, sizeof(path))) {
		err_set(e, ERR_CONFIG, "bad_target", "'%.64s' cannot be a "
		    "database's name", database);
		return (NULL);
	}
	d = &t->dbs[t->n];
	if ((d->name = strdup(name)) == NULL) {
		err_nomem(e, "a database");
		return (NULL);
	}
	if ((d->store = sample_store_open(t->loop, path, e)) == NULL) {
		free(d->name);
		return (NULL);
	}
	t->n++;
	/* It may have been damaged when we started, and mended since. */
	return (scan_file(t, d->name, e) ? NULL : d);
}

static const struct table *
known(const struct targets * t, const char * database, const char * table)
{
	const struct table * tb;

	for (tb = find(t, table); tb != NULL; tb = tb->next)
		if (strcasecmp(tb->database, database) == 0)
			return (tb);
	return (NULL);
}

enum targets_kind
targets_kind(const struct targets * t, const char * database,
    const char * table, const char ** spelled)
{
	const struct table * tb = known(t, database, table);

	if (tb != NULL && spelled != NULL)
		*spelled = tb->name;
	return (tb == NULL ? TARGETS_NONE : tb->kind);
}

int
targets_is_rows(const struct targets * t, const char * database,
    const char * table)
{
	return (targets_kind(t, database, table, NULL) == TARGETS_ROWS);
}

struct sample_store *
targets_store(struct targets * t, const char * database, const char ** name,
    char * path, size_t cap, struct err * e)
{
	struct database * d = database_of(t, database, e);

	if (d == NULL)
		return (NULL);
	*name = d->name;
	if (path_of(t, d->name, path, cap)) {
		err_set(e, ERR_CONFIG, "bad_target", "the path of %.64s is too "
		    "long", database);
		return (NULL);
	}
	return (d->store);
}

int
targets_note_rows(struct targets * t, const char * database,
    const char * table, struct err * e)
{
	return (note(t, database, table, TARGETS_ROWS, e));
}

struct rows_db **
targets_rows(struct targets * t)
{
	return (&t->rows);
}

struct sample_source *
targets_source(struct targets * t, const char * database, const char * table,
    const char * name, struct err * e)
{
	struct database * d = database_of(t, database, e);
	struct sample_source * src;

	if (d != NULL && targets_kind(t, d->name, table, &table) ==
	    TARGETS_ROWS) {
		err_set(e, ERR_CONFIG, "bad_target", "%s.%s holds the rows of a "
		    "sync: samples need a table of their own, name another",
		    d->name, table);
		return (NULL);
	}
	if (d == NULL ||
	    (src = sample_source_open(d->store, table, name, e)) == NULL) {
		err_prefix(e, "target %s.%s", database, table);
		return (NULL);
	}
	if (note(t, d->name, table, TARGETS_SAMPLES, e)) {
		sample_source_close(src);
		return (NULL);
	}
	return (src);
}

void
targets_find(const struct targets * t, const char * table, void (*cb)(void *,
    const char *, const char *, const char *), void * arg)
{
	const struct table * tb;
	char path[1024];

	for (tb = find(t, table); tb != NULL; tb = tb->next)
		if (path_of(t, tb->database, path, sizeof(path)) == 0)
			cb(arg, tb->database, path, tb->name);
}

void
targets_each_table(const struct targets * t, int (*cb)(void *, const char *,
    const char *), void * arg)
{
	const struct table * tb, * first, * tmp;

	HASH_ITER(hh, t->tables, first, tmp)
		for (tb = first; tb != NULL; tb = tb->next)
			if (cb(arg, tb->database, tb->name))
				return;
}

void
targets_each_store(struct targets * t, void (*cb)(void *, const char *,
    const struct sample_store_stats *), void * arg)
{
	struct sample_store_stats st;
	size_t i;

	for (i = 0; i < t->n; i++) {
		sample_store_stats_get(t->dbs[i].store, &st);
		cb(arg, t->dbs[i].name, &st);
	}
}
