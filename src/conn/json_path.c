#include "conn/json_path.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A path that is being read: what it is, and where the reading stands. */
struct in {
	const char * s;
	size_t i;
	struct err * e;
};

static int
refuse(const struct in * in, const char * want)
{
	return (err_set(in->e, ERR_CONFIG, "path",
	    "path '%.200s': %s expected at byte %zu", in->s, want, in->i));
}

/* A new step at the end of ${p}, or NULL: it has too many already. */
static struct path_step *
add_step(struct in * in, struct json_path * p, enum path_step_kind kind)
{
	struct path_step * st;

	if (p->n == JSON_PATH_MAX) {
		err_set(in->e, ERR_CONFIG, "path",
		    "path '%.200s' has more than %d steps", in->s,
		    JSON_PATH_MAX);
		return (NULL);
	}
	st = p->steps + p->n++;
	st->kind = kind;
	p->neach += kind == PATH_EACH || kind == PATH_VALUES;
	return (st);
}

/* Read "[*]" or "[7]". */
static int
read_bracket(struct in * in, struct json_path * p)
{
	struct path_step * st;
	size_t v = 0, digits;

	in->i++;
	if (in->s[in->i] == '*') {
		in->i++;
		if (add_step(in, p, PATH_EACH) == NULL)
			return (-1);
	} else {
		for (digits = 0; in->s[in->i] >= '0' && in->s[in->i] <= '9';
		    digits++, in->i++) {
			if (digits == 9)
				return (refuse(in, "an index below 10^9"));
			v = v * 10 + (size_t)(in->s[in->i] - '0');
		}
		if (digits == 0)
			return (refuse(in, "an index or *"));
		if ((st = add_step(in, p, PATH_INDEX)) == NULL)
			return (-1);
		st->index = v;
	}
	if (in->s[in->i] != ']')
		return (refuse(in, "]"));
	in->i++;
	return (0);
}

/* Read a key between quotes; \" and \\ stand for themselves. */
static int
read_quoted(struct in * in, struct path_step * st)
{
	char c;

	for (in->i++; (c = in->s[in->i]) != '"'; in->i++) {
		if (c == '\\') {
			c = in->s[++in->i];
			if (c != '"' && c != '\\')
				return (refuse(in, "\\\" or \\\\"));
		}
		if (c == '\0')
			return (refuse(in, "a closing quote"));
		st->key[st->len++] = c;
	}
	in->i++;
	return (0);
}

/* Read a key or "*". */
static int
read_key(struct in * in, struct json_path * p)
{
	const char * from = in->s + in->i;
	struct path_step * st;
	size_t n;

	if (*from == '*') {
		in->i++;
		return (add_step(in, p, PATH_VALUES) == NULL ? -1 : 0);
	}
	if ((st = add_step(in, p, PATH_KEY)) == NULL)
		return (-1);
	if ((st->key = malloc(strlen(from) + 1)) == NULL)
		return (err_nomem(in->e, "a path"));
	if (*from == '"') {
		if (read_quoted(in, st))
			return (-1);
	} else {
		n = strcspn(from, ".[]\"* \t\r\n");
		if (n == 0)
			return (refuse(in, "a key"));
		memcpy(st->key, from, n);
		st->len = n;
		in->i += n;
	}
	st->key[st->len] = '\0';
	return (0);
}

static int
read_path(struct in * in, struct json_path * p)
{
	char c = in->s[0];
	int dot = 1; /* a key may come without a dot before it */

	if (c == '$' || c == '@') {
		p->of_element = c == '@';
		in->i++;
		dot = 0;
		if (strchr(".[", in->s[1]) == NULL)
			return (refuse(in, c == '@' ?
			    "the end, . or [ after @ (a key that begins with @ "
			    "is written \"@key\")" : "the end, . or ["));
	} else if (c == '\0')
		return (refuse(in, "a path ($ is the whole value)"));
	for (; (c = in->s[in->i]) != '\0'; dot = 0) {
		if (c == '[') {
			if (read_bracket(in, p))
				return (-1);
			continue;
		}
		if (c == '.')
			in->i++;
		else if (!dot)
			return (refuse(in, "the end, . or ["));
		if ((c == '.' && dot) || read_key(in, p))
			return (c == '.' && dot ? refuse(in, "a key") : -1);
	}
	return (0);
}

struct json_path *
json_path_parse(const char * s, struct err * e)
{
	struct in in = { s, 0, e };
	struct json_path * p;

	if ((p = calloc(1, sizeof(*p))) == NULL ||
	    (p->steps = calloc(JSON_PATH_MAX, sizeof(*p->steps))) == NULL) {
		free(p);
		err_nomem(e, "a path");
		return (NULL);
	}
	if (read_path(&in, p)) {
		json_path_free(p);
		return (NULL);
	}
	return (p);
}

void
json_path_free(struct json_path * p)
{
	size_t i;

	if (p == NULL)
		return;
	for (i = 0; i < p->n; i++)
		free(p->steps[i].key);
	free(p->steps);
	free(p);
}

/* Called with each value that is there; not 0 ends the search. */
typedef int found_cb(void * arg, json_t * v);

static int
walk(const struct json_path * p, size_t at, const json_t * v,
    found_cb * found, void * arg)
{
	const struct path_step * st = p->steps + at;
	json_t * sub;
	size_t i;
	void * it;

	if (v == NULL)
		return (0);
	if (at == p->n) {
		/* Borrowed: whoever asks may not change it, but jansson counts
		 * references in it. */
		return (found(arg, (json_t *)(uintptr_t)v));
	}
	switch (st->kind) {
	case PATH_KEY:
		/* Until jansson 2.14 a key is a C string. */
		sub = strlen(st->key) == st->len ?
		    json_object_get(v, st->key) : NULL;
		return (walk(p, at + 1, sub, found, arg));
	case PATH_INDEX:
		return (walk(p, at + 1, json_array_get(v, st->index), found,
		    arg));
	case PATH_EACH:
		for (i = 0; i < json_array_size(v); i++)
			if (walk(p, at + 1, json_array_get(v, i), found, arg))
				return (1);
		return (0);
	case PATH_VALUES:
		sub = (json_t *)(uintptr_t)v;
		for (it = json_object_iter(sub); it != NULL;
		    it = json_object_iter_next(sub, it))
			if (walk(p, at + 1, json_object_iter_value(it), found,
			    arg))
				return (1);
		return (0);
	}
	return (0);
}

static int
take_first(void * arg, json_t * v)
{
	*(json_t **)arg = v;
	return (1);
}

static int
take_all(void * arg, json_t * v)
{
	return (json_array_append((json_t *)arg, v));
}

json_t *
json_path_get(const struct json_path * p, const json_t * v)
{
	json_t * found = NULL;

	walk(p, 0, v, take_first, &found);
	return (found);
}

json_t *
json_path_all(const struct json_path * p, const json_t * v)
{
	json_t * all = json_array();

	if (all != NULL && walk(p, 0, v, take_all, all)) {
		json_decref(all);
		return (NULL);
	}
	return (all);
}
