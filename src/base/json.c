#include "base/json.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define MAX_WORD 64

json_t *
json_parse(const char * s, size_t n, const char * what, struct err * e)
{
	json_error_t je;
	json_t * v;

	v = json_loadb(s, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &je);
	if (v == NULL)
		err_set(e, ERR_PERMANENT, "json",
		    "%s is not valid JSON at line %d, column %d (byte %d): %s",
		    what, je.line, je.column, je.position, je.text);
	return (v);
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
			c = strncasecmp(&a[i - 1], &b[j - 1], 1) != 0;
			v = p1[j - 1] + c;
			if (p1[j] + 1 < v)
				v = p1[j] + 1;
			if (t[j - 1] + 1 < v)
				v = t[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && p2[j - 2] + 1 < v)
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
		if (d < best_d && d <= (nc + 2) / 3) {
			best = candidates[i];
			best_d = d;
		}
	}
	return (best);
}

#define MAX_KEYS 64

int
json_check_keys(const json_t * o, const char * path, struct err * e, ...)
{
	const char * known[MAX_KEYS], * k, * near;
	size_t n = 0, i;
	va_list ap;
	void * it;

	va_start(ap, e);
	while ((k = va_arg(ap, const char *)) != NULL && n < MAX_KEYS)
		known[n++] = k;
	va_end(ap);
	for (it = json_object_iter((json_t *)(uintptr_t)o); it != NULL;
	    it = json_object_iter_next((json_t *)(uintptr_t)o, it)) {
		k = json_object_iter_key(it);
		for (i = 0; i < n && strcmp(k, known[i]) != 0; i++)
			continue;
		if (i < n)
			continue;
		near = json_nearest(k, known, n);
		return (err_set(e, ERR_CONFIG, "unknown_key",
		    "unknown key %s%s%s%s%s%s", path, *path ? "." : "", k,
		    near ? " (did you mean " : "", near ? near : "",
		    near ? "?)" : ""));
	}
	return (0);
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
