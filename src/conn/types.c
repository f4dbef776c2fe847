#include "conn/types.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"

#define MAX_MANIFEST ((size_t)4 << 20)
#define MAX_TYPES 10000

struct type {
	struct manifest * m;
	size_t dir;          /* which directory it came from */
};

struct types {
	struct type * v;
	size_t n;
};

/* What is being read, and what becomes of a bad manifest. */
struct loading {
	struct types * t;
	const struct types * old;
	size_t dir;
	int lenient;         /* bad ones are left out */
};

static int
by_name(const void * a, const void * b)
{
	const struct type * x = a, * y = b;

	return (strcmp(x->m->type, y->m->type));
}

static int
read_file(const char * path, struct buf * b, struct err * e)
{
	char chunk[16384];
	struct stat st;
	size_t n;
	FILE * f;

	/* A pipe would hold the loop until somebody writes to it. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return (err_set(e, ERR_CONFIG, "manifest",
		    "cannot read %s: it is no file", path));
	if ((f = fopen(path, "re")) == NULL)
		return (err_set(e, ERR_CONFIG, "manifest",
		    "cannot read %s: %s", path, strerror(errno)));
	while (!b->failed && (n = fread(chunk, 1, sizeof(chunk), f)) > 0)
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
add(struct types * t, struct manifest * m, size_t dir, struct err * e)
{
	struct type * v;
	size_t i;

	for (i = 0; i < t->n; i++) {
		if (strcmp(t->v[i].m->type, m->type) == 0) {
			manifest_unref(t->v[i].m);
			t->v[i].m = m;
			t->v[i].dir = dir;
			return (0);
		}
	}
	if (t->n >= MAX_TYPES ||
	    (v = realloc(t->v, (t->n + 1) * sizeof(*v))) == NULL) {
		manifest_unref(m);
		return (err_nomem(e, "the types"));
	}
	t->v = v;
	t->v[t->n].dir = dir;
	t->v[t->n++].m = m;
	return (0);
}

static struct manifest *
read_manifest(const char * path, const char * name, struct err * e)
{
	struct buf b = BUF_INIT(MAX_MANIFEST);
	struct manifest * m = NULL;

	if (read_file(path, &b, e) == 0)
		m = manifest_parse(b.p ? b.p : "", b.len, path, e);
	buf_free(&b);
	if (m == NULL || strcmp(m->type, name) == 0)
		return (m);
	err_set(e, ERR_CONFIG, "manifest", "%s: type is '%s' but its folder "
	    "is '%s'; name both alike", path, m->type, name);
	manifest_unref(m);
	return (NULL);
}

/* A user's manifest is bad: go on with what there was of it. */
static int
leave_out(struct loading * l, const char * name, const struct err * why,
    struct err * e)
{
	const struct types * old = l->old;
	size_t i;

	for (i = 0; old != NULL && i < old->n; i++)
		if (old->v[i].dir > 0 &&
		    strcmp(old->v[i].m->type, name) == 0)
			break;
	log_event(LOG_ERROR, "bad_type", LOG_S("type", name),
	    LOG_S("instead", old != NULL && i < old->n ?
	    "as it was before" : types_get(l->t, name) != NULL ?
	    "the one that comes with moltler" : "none"), LOG_E(why));
	if (old == NULL || i == old->n)
		return (0);
	return (add(l->t, manifest_ref(old->v[i].m), l->dir, e));
}

/* Whether both were read from the same text; order counts, it is that of columns. */
static int
is_same(const struct manifest * a, const struct manifest * b)
{
	char * x = json_dumps(a->doc, JSON_COMPACT);
	char * y = json_dumps(b->doc, JSON_COMPACT);
	int same = x != NULL && y != NULL && strcmp(x, y) == 0;

	free(x);
	free(y);
	return (same);
}

/* ${m}, or the one that was, if it is the same: then its connectors need not be
 * looked at. */
static struct manifest *
as_it_was(const struct loading * l, struct manifest * m)
{
	struct manifest * was = l->old ? types_get(l->old, m->type) : NULL;

	if (was == NULL || !is_same(was, m))
		return (m);
	manifest_unref(m);
	return (manifest_ref(was));
}

static int
load_one(struct loading * l, const char * dir, const char * name,
    struct err * e)
{
	struct manifest * m;
	char path[4096];
	struct err why;

	snprintf(path, sizeof(path), "%s/%s/manifest.json", dir, name);
	/* A folder without a manifest is somebody's notes, not a type. */
	if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
		return (0);
	if ((m = read_manifest(path, name, &why)) != NULL)
		return (add(l->t, as_it_was(l, m), l->dir, e));
	if (l->lenient)
		return (leave_out(l, name, &why, e));
	*e = why;
	return (-1);
}

static int
load_dir(struct loading * l, const char * dir, struct err * e)
{
	struct dirent * de;
	int rc = 0;
	DIR * d;

	if ((d = opendir(dir)) == NULL)
		return (err_set(e, ERR_CONFIG, "manifest",
		    "cannot open the types directory %s: %s; the setting %s "
		    "says where it is", dir, strerror(errno), l->dir == 0 ?
		    "types_dir" : "connectors"));
	while (rc == 0 && (de = readdir(d)) != NULL)
		if (de->d_name[0] != '.' && de->d_type != DT_REG)
			rc = load_one(l, dir, de->d_name, e);
	closedir(d);
	return (rc);
}

static struct types *
load_all(const char * const * dirs, size_t ndirs, int lenient,
    const struct types * old, struct err * e)
{
	struct loading l = { .old = old };

	if ((l.t = calloc(1, sizeof(*l.t))) == NULL) {
		err_nomem(e, "the types");
		return (NULL);
	}
	for (l.dir = 0; l.dir < ndirs; l.dir++) {
		l.lenient = lenient && l.dir > 0;
		if (load_dir(&l, dirs[l.dir], e)) {
			types_free(l.t);
			return (NULL);
		}
	}
	if (l.t->n > 0)
		qsort(l.t->v, l.t->n, sizeof(*l.t->v), by_name);
	return (l.t);
}

struct types *
types_load(const char * const * dirs, size_t ndirs, struct err * e)
{
	return (load_all(dirs, ndirs, 0, NULL, e));
}

struct types *
types_reload(const char * const * dirs, size_t ndirs,
    const struct types * old, struct err * e)
{
	return (load_all(dirs, ndirs, 1, old, e));
}

void
types_free(struct types * t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < t->n; i++)
		manifest_unref(t->v[i].m);
	free(t->v);
	free(t);
}

struct manifest *
types_get(const struct types * t, const char * name)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (strcmp(t->v[i].m->type, name) == 0)
			return (t->v[i].m);
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
	return (t->v[i].m);
}
