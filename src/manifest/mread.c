#include "manifest/mread.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define NEAREST_MAX 128

static int
is_plain(const char * key)
{
	const char * p;

	for (p = key; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && *p != '_' && *p != '$')
			return (0);
	return (p > key);
}

/* Put ${n} bytes behind the path; what does not fit is cut.  Each step down does
 * so, hence no printf. */
static void
append(struct mread * r, const char * s, size_t n)
{
	size_t room = sizeof(r->path) - 1 - r->len;

	if (n > room)
		n = room;
	memcpy(r->path + r->len, s, n);
	r->len += n;
	r->path[r->len] = '\0';
}

size_t
mread_enter(struct mread * r, const char * key)
{
	int plain = is_plain(key);
	size_t at = r->len;

	append(r, plain ? "." : "[\"", plain ? 1 : 2);
	append(r, key, strnlen(key, 80));
	if (!plain)
		append(r, "\"]", 2);
	return (at);
}

size_t
mread_enter_index(struct mread * r, size_t i)
{
	char s[32];
	size_t at = r->len;

	append(r, s, (size_t)snprintf(s, sizeof(s), "[%zu]", i));
	return (at);
}

void
mread_leave(struct mread * r, size_t at)
{
	r->len = at;
	r->path[at] = '\0';
}

static void tell(struct mread *, int, const char *, const char *, va_list)
    __attribute__((format(printf, 4, 0)));

static void
tell(struct mread * r, int is_warning, const char * key, const char * fmt,
    va_list ap)
{
	size_t at = key != NULL ? mread_enter(r, key) : r->len;
	struct err mine, * e;
	char msg[360];

	vsnprintf(msg, sizeof(msg), fmt, ap);
	/* Through err_set, which cuts at a whole character. */
	e = !is_warning && r->nfaults == 0 && r->e != NULL ? r->e : &mine;
	err_set(e, ERR_CONFIG, "manifest", "%.110s: %s", r->path, msg);
	if (!is_warning)
		r->nfaults++;
	if (r->fault != NULL) {
		err_set(&mine, ERR_CONFIG, "manifest", "%s", msg);
		r->fault(r->arg, is_warning, r->path, mine.msg);
	}
	mread_leave(r, at);
}

void
mread_fault(struct mread * r, const char * key, const char * fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(r, 0, key, fmt, ap);
	va_end(ap);
}

void
mread_warn(struct mread * r, const char * key, const char * fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(r, 1, key, fmt, ap);
	va_end(ap);
}

void *
mread_alloc(struct mread * r, size_t n, size_t size)
{
	void * p;

	if (n == 0)
		return (NULL);
	if ((p = calloc(n, size)) == NULL)
		mread_fault(r, NULL, "out of memory");
	return (p);
}

void
mread_unknown(struct mread * r, const char * key, const char * what,
    const char * word, const char * const * candidates, size_t n)
{
	const char * near = json_nearest(word, candidates,
	    n < NEAREST_MAX ? n : NEAREST_MAX);

	mread_fault(r, key, "'%.64s' is no %s%s%s%s", word, what,
	    near ? " (did you mean '" : "", near ? near : "",
	    near ? "'?)" : "");
}

int
mread_is_object(struct mread * r, const json_t * v, enum mread_kind kind)
{
	const char * const * keys = mread_keys_of(kind, NULL), * key, * near;
	const json_t * ignored;
	size_t i, n = 0;

	if (!json_is_object(v)) {
		mread_fault(r, NULL, "must be an object");
		return (0);
	}
	while (keys[n] != NULL)
		n++;
	json_object_foreach((json_t *)(uintptr_t)v, key, ignored) {
		if (strcmp(key, MREAD_COMMENT) == 0) {
			if (!json_is_string(ignored))
				mread_fault(r, key, "must be a string");
			continue;
		}
		for (i = 0; i < n && strcmp(keys[i], key) != 0; i++)
			;
		if (i < n)
			continue;
		near = json_nearest(key, keys, n);
		mread_fault(r, key, "is not known%s%s%s",
		    near ? " (did you mean " : "", near ? near : "",
		    near ? "?)" : "");
	}
	return (1);
}

/* The value at ${key}; a fault if it is required and missing. */
static const json_t *
get(struct mread * r, const json_t * o, const char * key, int required)
{
	const json_t * v = json_object_get(o, key);

	if (v == NULL && required)
		mread_fault(r, key, "is missing");
	return (v);
}

const char *
mread_str(struct mread * r, const json_t * o, const char * key, int required)
{
	const json_t * v = get(r, o, key, required);

	if (v == NULL)
		return (NULL);
	if (json_is_string(v) && json_string_length(v) > 0)
		return (json_string_value(v));
	mread_fault(r, key, "must be a string that is not empty");
	return (NULL);
}

const json_t *
mread_map(struct mread * r, const json_t * o, const char * key, int required)
{
	const json_t * v = get(r, o, key, required);

	if (v == NULL || json_is_object(v))
		return (v);
	mread_fault(r, key, "must be an object");
	return (NULL);
}

const json_t *
mread_list(struct mread * r, const json_t * o, const char * key, int required)
{
	const json_t * v = get(r, o, key, required);

	if (v == NULL || json_is_array(v))
		return (v);
	mread_fault(r, key, "must be an array");
	return (NULL);
}

int
mread_bool(struct mread * r, const json_t * o, const char * key)
{
	const json_t * v = json_object_get(o, key);

	if (v != NULL && !json_is_boolean(v))
		mread_fault(r, key, "must be true or false");
	return (json_is_true(v));
}

int64_t
mread_int(struct mread * r, const json_t * o, const char * key, int64_t dflt,
    int64_t min, int64_t max)
{
	const json_t * v = json_object_get(o, key);

	if (v == NULL)
		return (dflt);
	if (json_is_integer(v) && json_integer_value(v) >= min &&
	    json_integer_value(v) <= max)
		return (json_integer_value(v));
	mread_fault(r, key, "must be an integer from %lld to %lld",
	    (long long)min, (long long)max);
	return (dflt);
}

double
mread_num(struct mread * r, const json_t * o, const char * key, double dflt,
    double min, double max)
{
	const json_t * v = json_object_get(o, key);

	if (v == NULL)
		return (dflt);
	if (json_is_number(v) && json_number_value(v) >= min &&
	    json_number_value(v) <= max)
		return (json_number_value(v));
	mread_fault(r, key, "must be a number from %g to %g", min, max);
	return (dflt);
}

struct json_path *
mread_path(struct mread * r, const json_t * o, const char * key, int required)
{
	const char * s = mread_str(r, o, key, required);
	struct json_path * p;
	struct err e;

	if (s == NULL)
		return (NULL);
	if ((p = json_path_parse(s, &e)) == NULL)
		mread_fault(r, key, "%s", e.msg);
	return (p);
}

/* All of ${words}, for a message. */
static void
join(char * out, size_t size, const char * const * words)
{
	size_t i, len = 0;
	int n;

	out[0] = '\0';
	for (i = 0; words[i] != NULL && len < size; i++) {
		n = snprintf(out + len, size - len, "%s%s", i ? ", " : "",
		    words[i]);
		len += n > 0 ? (size_t)n : 0;
	}
}

int
mread_word(struct mread * r, const json_t * o, const char * key,
    const char * const * words, int dflt)
{
	const char * s = mread_str(r, o, key, dflt < 0), * near;
	char known[200];
	size_t i;

	if (s == NULL)
		return (dflt);
	for (i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], s) == 0)
			return ((int)i);
	near = json_nearest(s, words, i);
	join(known, sizeof(known), words);
	if (near != NULL)
		mread_fault(r, key, "'%.64s' is not known (did you mean "
		    "'%s'?)", s, near);
	else
		mread_fault(r, key, "'%.64s' is not known; known are: %s", s,
		    known);
	return (dflt);
}

const char *
mread_method(struct mread * r, const json_t * o,
    const char * const * methods, const char * dflt)
{
	int i;

	if (json_object_get(o, "method") == NULL)
		return (dflt);
	i = mread_word(r, o, "method", methods, -1);
	return (i < 0 ? dflt : methods[i]);
}
