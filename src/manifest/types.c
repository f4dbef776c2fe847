#include "manifest/types.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hash64.h"
#include "base/log.h"

#define MAX_MANIFEST ((size_t)4 << 20)
#define MAX_TYPES 10000

struct type {
	struct manifest * m;
	size_t dir;          /* which directory it came from */
	uint64_t sum;        /* of its text, ... */
	size_t len;
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

/* The one of that name, or NULL. */
static struct type *
find(const struct types * t, const char * name)
{
	size_t i;

	for (i = 0; t != NULL && i < t->n; i++)
		if (strcmp(t->v[i].m->type, name) == 0)
			return (&t->v[i]);
	return (NULL);
}

/* Takes the reference of ${type}. */
static int
add(struct types * t, const struct type * type, struct err * e)
{
	struct type * v = find(t, type->m->type);

	if (v != NULL) {
		manifest_unref(v->m);
		*v = *type;
		return (0);
	}
	if (t->n >= MAX_TYPES ||
	    (v = realloc(t->v, (t->n + 1) * sizeof(*v))) == NULL) {
		manifest_unref(type->m);
		return (err_nomem(e, "the types"));
	}
	t->v = v;
	t->v[t->n++] = *type;
	return (0);
}

/* The manifest of a text: the one that was, if that was read from the same; then
 * its connectors need not be looked at. */
static int
read_text(const struct loading * l, const struct buf * b, const char * path,
    const char * name, struct type * out, struct err * e)
{
	const struct type * was = find(l->old, name);

	/* No secret key: who may write here needs no collision. */
	out->len = b->len;
	out->sum = hash64(1, b->p ? b->p : "", b->len);
	if (was != NULL && was->len == out->len && was->sum == out->sum) {
		out->m = manifest_ref(was->m);
		return (0);
	}
	if ((out->m = manifest_parse(b->p ? b->p : "", b->len, path, e)) ==
	    NULL)
		return (-1);
	if (strcmp(out->m->type, name) == 0)
		return (0);
	err_set(e, ERR_CONFIG, "manifest", "%s: type is '%s' but its folder "
	    "is '%s'; name both alike", path, out->m->type, name);
	manifest_unref(out->m);
	return (-1);
}

static int
read_manifest(const struct loading * l, const char * path, const char * name,
    struct type * out, struct err * e)
{
	struct buf b = BUF_INIT(MAX_MANIFEST);
	int rc = read_file(path, &b, e);

	if (rc == 0)
		rc = read_text(l, &b, path, name, out, e);
	buf_free(&b);
	return (rc);
}

/* A user's manifest is bad: go on with what there was of it. */
static int
leave_out(struct loading * l, const char * name, const struct err * why,
    struct err * e)
{
	const struct type * was = find(l->old, name);

	if (was != NULL && was->dir == 0)
		was = NULL;
	log_event(LOG_ERROR, "bad_type", LOG_S("type", name),
	    LOG_S("instead", was != NULL ? "as it was before" :
	    find(l->t, name) != NULL ? "the one that comes with moltler" :
	    "none"), LOG_E(why));
	if (was == NULL)
		return (0);
	manifest_ref(was->m);
	return (add(l->t, was, e));
}

static int
load_one(struct loading * l, const char * dir, const char * name,
    struct err * e)
{
	struct type type = { .dir = l->dir };
	char path[4096];
	struct err why;

	snprintf(path, sizeof(path), "%s/%s/manifest.json", dir, name);
	/* A folder without a manifest is somebody's notes, not a type. */
	if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR))
		return (0);
	if (read_manifest(l, path, name, &type, &why) == 0)
		return (add(l->t, &type, e));
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
	const struct type * type = find(t, name);

	return (type != NULL ? type->m : NULL);
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
