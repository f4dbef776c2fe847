#include "base/json.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "base/rfc3339.h"

#define MAX_WORD 64

/* Where jansson's text begins to cite what it read. */
static const char *
near(const char * text)
{
	const char * p = strstr(text, " near ");

	return (p != NULL ? p : text + strlen(text));
}

static int
line_of(const char * s, const char * at)
{
	int line = 1;

	for (; s < at; s++)
		line += *s == '\n';
	return (line);
}

json_t *
json_parse(const char * s, size_t n, const char * what, struct err * e)
{
	const char * nul = n > 0 ? memchr(s, '\0', n) : NULL;
	json_error_t je;
	const char * why;
	json_t * v;

	/* jansson takes a NUL after a number for the end. */
	if (nul != NULL) {
		err_set(e, ERR_PERMANENT, "json",
		    "%s is not valid JSON: a NUL byte in line %d at byte %zu",
		    what, line_of(s, nul), (size_t)(nul - s));
		return (NULL);
	}
	v = json_loadb(s, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &je);
	if (v == NULL) {
		/* Its advice is for programmers. */
		why = strstr(je.text, "JSON_ALLOW_NUL") != NULL ?
		    "a text with the NUL character \\u0000" : je.text;
		/* Without jansson's "near '...'": what stands there may be a
		 * secret. */
		err_set(e, ERR_PERMANENT, "json",
		    "%s is not valid JSON at line %d, column %d (byte %d): %.*s",
		    what, je.line, je.column, je.position,
		    (int)(near(why) - why), why);
	}
	return (v);
}

static int
lower(char c)
{
	return (c >= 'A' && c <= 'Z' ? c + 32 : c);
}

/* Optimal string alignment distance over at most MAX_WORD letters. */
static size_t
distance(const char * a, size_t na, const char * b, size_t nb)
{
	size_t d[3][MAX_WORD + 1], i, j, c, v, *t, *p2, *p1;

	for (j = 0; j <= nb; j++)
		d[1][j] = j;
	for (i = 1; i <= na; i++) {
		t = d[(i + 1) % 3];
		p1 = d[i % 3];
		p2 = d[(i + 2) % 3];
		t[0] = i;
		for (j = 1; j <= nb; j++) {
			c = lower(a[i - 1]) != lower(b[j - 1]);
			v = p1[j - 1] + c;
			if (p1[j] + 1 < v)
				v = p1[j] + 1;
			if (t[j - 1] + 1 < v)
				v = t[j - 1] + 1;
			if (i > 1 && j > 1 &&
			    lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]) &&
			    p2[j - 2] + 1 < v)
				v = p2[j - 2] + 1;
			t[j] = v;
		}
	}
	return (d[(na + 1) % 3][nb]);
}

const char *
json_nearest(const char * word, const char * const * candidates, size_t n)
{
	const char * best = NULL;
	size_t i, nw = strlen(word), nc, d, best_d = MAX_WORD;

	if (nw == 0 || nw > MAX_WORD)
		return (NULL);
	for (i = 0; i < n; i++) {
		nc = strlen(candidates[i]);
		if (nc > MAX_WORD)
			continue;
		d = distance(word, nw, candidates[i], nc);
		if (d < best_d && d * 3 <= nc) {
			best = candidates[i];
			best_d = d;
		}
	}
	return (best);
}

const char *
json_nearest_key(const char * word, const char * const * keys, size_t n)
{
	const char * near = json_nearest(word, keys, n), * at;
	size_t i, len = strlen(word);

	for (i = 0; i < n && near == NULL && len >= 3; i++)
		for (at = keys[i]; at != NULL && near == NULL;
		    at = strchr(at, '_') == NULL ? NULL : strchr(at, '_') + 1)
			if (strncmp(at, word, len) == 0 &&
			    (at[len] == '\0' || at[len] == '_'))
				near = keys[i];
	return (near);
}

/* How many known keys "did you mean" looks at. */
#define MAX_KEYS 64

/* Whether ${k} is one of the listed keys, which ends with NULL. */
static int
is_listed(const char * k, va_list keys)
{
	const char * known;

	while ((known = va_arg(keys, const char *)) != NULL)
		if (strcmp(k, known) == 0)
			return (1);
	return (0);
}

int
json_check_keys(const json_t * o, const char * path, struct err * e, ...)
{
	json_t * obj = (json_t *)(uintptr_t)o;
	const char * known[MAX_KEYS], * k = "", * guess;
	size_t n = 0, i, at = 0;
	char all[300] = "";
	va_list ap;
	void * it;
	int ok = 1;

	for (it = json_object_iter(obj); it != NULL && ok;
	    it = json_object_iter_next(obj, it)) {
		k = json_object_iter_key(it);
		va_start(ap, e);
		ok = is_listed(k, ap);
		va_end(ap);
	}
	if (ok)
		return (0);
	va_start(ap, e);
	while (n < MAX_KEYS && (known[n] = va_arg(ap, const char *)) != NULL)
		n++;
	va_end(ap);
	for (i = 0; i < n && at < sizeof(all); i++)
		at += (size_t)snprintf(all + at, sizeof(all) - at, "%s%s",
		    i == 0 ? "; known are: " : ", ", known[i]);
	guess = json_nearest_key(k, known, n);
	return (err_set(e, ERR_CONFIG, "unknown_key",
	    "unknown key %s%s%s%s%s%s%s", path, *path ? "." : "", k,
	    guess ? " (did you mean " : "", guess ? guess : "",
	    guess ? "?)" : "", all));
}

const char *
json_str(const json_t * o, const char * key)
{
	return (json_string_value(json_object_get(o, key)));
}

json_int_t
json_int(const json_t * o, const char * key, json_int_t dflt)
{
	const json_t * v = json_object_get(o, key);

	return (json_is_integer(v) ? json_integer_value(v) : dflt);
}

int64_t
json_time(const json_t * o, const char * key)
{
	const char * s = json_str(o, key);
	int64_t ms;

	if (s == NULL || rfc3339_parse(s, strlen(s), &ms, NULL))
		return (0);
	return (ms);
}

json_t *
json_opt_string(const char * s)
{
	return (s == NULL ? json_null() : json_string(s));
}

json_t *
json_opt_time(int64_t ms)
{
	char ts[RFC3339_LEN];

	if (ms == 0)
		return (json_null());
	rfc3339_format(ms, ts);
	return (json_string(ts));
}
