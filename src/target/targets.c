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

/* Each holds a connection, a helper thread and caches. */
#define MAX_DATABASES 64

struct database {
	char * name;
	struct sample_store * store;
};

struct targets {
	struct loop * loop;
	char * dir;
	struct database dbs[MAX_DATABASES];
	size_t n;
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
	return (t);
}

void
targets_free(struct targets * t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < t->n; i++) {
		sample_store_close(t->dbs[i].store);
		free(t->dbs[i].name);
	}
	free(t->dir);
	free(t);
}

static int
path_of(const struct targets * t, const char * database, char * path,
    size_t cap)
{
	int n = snprintf(path, cap, "%s/%s.db", t->dir, database);

	return (n < 0 || (size_t)n >= cap ? -1 : 0);
}

struct sample_store *
targets_samples(struct targets * t, const char * database, struct err * e)
{
	struct database * d;
	char path[1024];
	size_t i;

	for (i = 0; i < t->n; i++)
		if (strcmp(t->dbs[i].name, database) == 0)
			return (t->dbs[i].store);
	if (t->n == MAX_DATABASES) {
		err_set(e, ERR_CONFIG, "too_many", "%d databases are open, the "
		    "most there can be; use tables of one of them",
		    MAX_DATABASES);
		return (NULL);
	}
	if (!targets_database_ok(database) ||
	    path_of(t, database, path, sizeof(path))) {
		err_set(e, ERR_CONFIG, "bad_target", "'%.64s' cannot be a "
		    "database's name", database);
		return (NULL);
	}
	d = &t->dbs[t->n];
	if ((d->name = strdup(database)) == NULL) {
		err_nomem(e, "a database");
		return (NULL);
	}
	if ((d->store = sample_store_open(t->loop, path, e)) == NULL) {
		free(d->name);
		return (NULL);
	}
	t->n++;
	return (d->store);
}

/* The tables of one file; non-zero when the callback says to stop. */
static int
each_of_file(const char * database, const char * path,
    int (*cb)(void *, const char *, const char *, const char *), void * arg)
{
	sqlite3_stmt * st = NULL;
	sqlite3 * db = NULL;
	int stop = 0;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) ==
	    SQLITE_OK && sqlite3_prepare_v2(db, "SELECT name FROM tbl ORDER BY "
	    "name", -1, &st, NULL) == SQLITE_OK)
		while (!stop && sqlite3_step(st) == SQLITE_ROW)
			stop = cb(arg, database, path,
			    (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	sqlite3_close(db);
	return (stop);
}

void
targets_each_table(struct targets * t, int (*cb)(void *, const char *,
    const char *, const char *), void * arg)
{
	char path[1024], name[128];
	struct dirent * de;
	int stop = 0;
	size_t n;
	DIR * d;

	if ((d = opendir(t->dir)) == NULL)
		return;
	while (!stop && (de = readdir(d)) != NULL) {
		n = strlen(de->d_name);
		if (n < 4 || n - 3 >= sizeof(name) ||
		    strcmp(de->d_name + n - 3, ".db") != 0)
			continue;
		memcpy(name, de->d_name, n - 3);
		name[n - 3] = '\0';
		if (targets_database_ok(name) &&
		    path_of(t, name, path, sizeof(path)) == 0)
			stop = each_of_file(name, path, cb, arg);
	}
	closedir(d);
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
