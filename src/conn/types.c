#include "conn/types.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define MAX_MANIFEST ((size_t)4 << 20)
#define MAX_TYPES 10000

struct types {
	struct manifest ** v;
	size_t n;
};

static int
by_name(const void * a, const void * b)
{
	const struct manifest * const * x = a, * const * y = b;

	return (strcmp((*x)->type, (*y)->type));
}

static int
read_file(const char * path, struct buf * b, struct err * e)
{
	char chunk[16384];
	size_t n;
	FILE * f;

	if ((f = fopen(path, "re")) == NULL)
		return (err_set(e, ERR_CONFIG, "manifest",
		    "cannot read %s: %s", path, strerror(errno)));
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(b, chunk, n);
	if (ferror(f) || b->failed) {
		fclose(f);
		return (err_set(e, ERR_CONFIG, "manifest",
		    "cannot read %s: %s", path, b->failed ?
		    "larger than 4 MiB" : strerror(errno)));
	}
	fclose(f);
	return (0);
}

static int
add(struct types * t, struct manifest * m, struct err * e)
{
	struct manifest ** v;
	size_t i;

	for (i = 0; i < t->n; i++) {
		if (strcmp(t->v[i]->type, m->type) == 0) {
			manifest_unref(t->v[i]);
			t->v[i] = m;
			return (0);
		}
	}
	if (t->n >= MAX_TYPES ||
	    (v = realloc(t->v, (t->n + 1) * sizeof(*v))) == NULL) {
		manifest_unref(m);
		return (err_nomem(e, "the types"));
	}
	t->v = v;
	t->v[t->n++] = m;
	return (0);
}

static int
load_one(struct types * t, const char * dir, const char * name, struct err * e)
{
	struct buf b = BUF_INIT(MAX_MANIFEST);
	struct manifest * m;
	char path[4096];
	FILE * probe;
	int rc;

	snprintf(path, sizeof(path), "%s/%s/manifest.json", dir, name);
	/* A folder without a manifest is somebody's notes, not a type. */
	if ((probe = fopen(path, "re")) == NULL && errno == ENOENT)
		return (0);
	if (probe != NULL)
		fclose(probe);
	if (read_file(path, &b, e)) {
		buf_free(&b);
		return (-1);
	}
	m = manifest_parse(b.p ? b.p : "", b.len, path, e);
	buf_free(&b);
	if (m == NULL)
		return (-1);
	if (strcmp(m->type, name) != 0) {
		rc = err_set(e, ERR_CONFIG, "manifest", "%s: type is '%s' but "
		    "its folder is '%s'; name both alike", path, m->type,
		    name);
		manifest_unref(m);
		return (rc);
	}
	return (add(t, m, e));
}

static int
load_dir(struct types * t, const char * dir, struct err * e)
{
	struct dirent * de;
	int rc = 0;
	DIR * d;

	if ((d = opendir(dir)) == NULL)
		return (err_set(e, ERR_CONFIG, "manifest",
		    "cannot open the types directory %s: %s", dir,
		    strerror(errno)));
	while (rc == 0 && (de = readdir(d)) != NULL)
		if (de->d_name[0] != '.' && de->d_type != DT_REG)
			rc = load_one(t, dir, de->d_name, e);
	closedir(d);
	return (rc);
}

struct types *
types_load(const char * const * dirs, size_t ndirs, struct err * e)
{
	struct types * t;
	size_t i;

	if ((t = calloc(1, sizeof(*t))) == NULL) {
		err_nomem(e, "the types");
		return (NULL);
	}
	for (i = 0; i < ndirs; i++) {
		if (load_dir(t, dirs[i], e)) {
			types_free(t);
			return (NULL);
		}
	}
	if (t->n > 0)
		qsort(t->v, t->n, sizeof(*t->v), by_name);
	return (t);
}

void
types_free(struct types * t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < t->n; i++)
		manifest_unref(t->v[i]);
	free(t->v);
	free(t);
}

struct manifest *
types_get(const struct types * t, const char * name)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (strcmp(t->v[i]->type, name) == 0)
			return (t->v[i]);
	return (NULL);
}

size_t
types_count(const struct types * t)
{
	return (t->n);
}

struct manifest *
types_at(const struct types * t, size_t i)
{
	return (t->v[i]);
}
