#include "cli/fixture_diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"

#define PATH_MAX_BYTES 512
#define MAX_PARAMS 256

static void
add_json(struct buf * b, const json_t * v)
{
	char * s = v == NULL ? NULL : json_dumps(v, JSON_ENCODE_ANY |
	    JSON_SORT_KEYS);

	buf_adds(b, s != NULL ? s : "nothing");
	free(s);
}

static int
differ(const char * path, const json_t * got, const json_t * want,
    struct buf * why)
{
	buf_addf(why, "%s: got ", path);
	add_json(why, got);
	buf_adds(why, ", want ");
	add_json(why, want);
	return (-1);
}

static int
same_scalar(const json_t * a, const json_t * b)
{
	double x, y;

	if (json_equal(a, b))
		return (1);
	if (!json_is_number(a) || !json_is_number(b))
		return (0);
	x = json_number_value(a);
	y = json_number_value(b);
	return (x >= y && x <= y);
}

static int diff_at(char * path, size_t len, const json_t * got,
    const json_t * want, struct buf * why);

static int
diff_objects(char * path, size_t len, json_t * got, json_t * want,
    struct buf * why)
{
	const char * key;
	json_t * v;
	size_t room = PATH_MAX_BYTES - len;

	json_object_foreach(want, key, v) {
		snprintf(path + len, room, ".%s", key);
		if (diff_at(path, strlen(path), json_object_get(got, key), v,
		    why))
			return (-1);
	}
	json_object_foreach(got, key, v) {
		snprintf(path + len, room, ".%s", key);
		if (json_object_get(want, key) == NULL)
			return (differ(path, v, NULL, why));
	}
	return (0);
}

static int
diff_at(char * path, size_t len, const json_t * got, const json_t * want,
    struct buf * why)
{
	size_t i, n;

	if (json_is_object(got) && json_is_object(want))
		return (diff_objects(path, len, (json_t *)(uintptr_t)got,
		    (json_t *)(uintptr_t)want, why));
	if (!json_is_array(got) || !json_is_array(want))
		return (got != NULL && want != NULL && same_scalar(got, want) ?
		    0 : differ(path, got, want, why));
	n = json_array_size(want);
	for (i = 0; i < n || i < json_array_size(got); i++) {
		snprintf(path + len, PATH_MAX_BYTES - len, "[%zu]", i);
		if (diff_at(path, strlen(path), json_array_get(got, i),
		    json_array_get(want, i), why))
			return (-1);
	}
	return (0);
}

int
fixture_diff_json(const char * what, const json_t * got, const json_t * want,
    struct buf * why)
{
	char path[PATH_MAX_BYTES];

	snprintf(path, sizeof(path), "%s", what);
	return (diff_at(path, strlen(path), got, want, why));
}

/* "a=b" of ${n} bytes with its escapes undone; NULL: no memory. */
static char *
decoded(const char * s, size_t n)
{
	char * out = malloc(n + 1), * o = out;
	size_t i;

	for (i = 0; out != NULL && i < n; i++) {
		if (s[i] == '%' && i + 2 < n &&
		    hex_digit(s[i + 1]) >= 0 && hex_digit(s[i + 2]) >= 0) {
			*o++ = (char)(hex_digit(s[i + 1]) * 16 +
			    hex_digit(s[i + 2]));
			i += 2;
		} else {
			*o++ = s[i] == '+' ? ' ' : s[i];
		}
	}
	if (out != NULL)
		*o = '\0';
	return (out);
}

static int
by_text(const void * a, const void * b)
{
	return (strcmp(*(char * const *)a, *(char * const *)b));
}

/* The parameters of ${url}, sorted; how many. */
static size_t
params(const char * url, char ** out)
{
	const char * p = strchr(url, '?'), * end;
	size_t n = 0;

	for (; p != NULL && n < MAX_PARAMS; p = *end == '&' ? end : NULL) {
		p++;
		end = p + strcspn(p, "&#");
		if ((out[n] = decoded(p, (size_t)(end - p))) == NULL)
			break;
		if (end > p)
			n++;
		else
			free(out[n]);
	}
	qsort(out, n, sizeof(*out), by_text);
	return (n);
}

int
fixture_diff_url(const char * got, const char * want, struct buf * why)
{
	char * a[MAX_PARAMS], * b[MAX_PARAMS];
	size_t na, nb, i = 0, j = 0, path = strcspn(got, "?");
	int rc = 0, cmp;

	if (path != strcspn(want, "?") || strncmp(got, want, path) != 0) {
		buf_addf(why, "url: got %s, want %s", got, want);
		return (-1);
	}
	na = params(got, a);
	nb = params(want, b);
	while (i < na || j < nb) {
		cmp = i == na ? 1 : j == nb ? -1 : strcmp(a[i], b[j]);
		if (cmp != 0) {
			buf_addf(why, "%surl: parameter %s %s", rc ? "; " : "",
			    cmp < 0 ? a[i] : b[j], cmp < 0 ?
			    "was sent but is not expected" : "was not sent");
			rc = -1;
		}
		i += cmp <= 0;
		j += cmp >= 0;
	}
	for (i = 0; i < na; i++)
		free(a[i]);
	for (j = 0; j < nb; j++)
		free(b[j]);
	return (rc);
}
