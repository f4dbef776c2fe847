#include "manifest/json_path.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
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

/* A new step at the end of ${p}, until the next; NULL: it has too many already. */
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
	/* Most have one or two, and there are thousands of paths. */
	if ((st = realloc(p->steps, (p->n + 1) * sizeof(*st))) == NULL) {
		err_nomem(in->e, "a path");
		return (NULL);
	}
	p->steps = st;
	st += p->n++;
	memset(st, 0, sizeof(*st));
	st->kind = kind;
	p->neach += kind == PATH_EACH || kind == PATH_VALUES;
	return (st);
}

/* Read the quoted text that stands here into ${out}, which has room for all that
 * follows; \" and \\ stand for themselves. */
static int
read_quoted(struct in * in, char * out, size_t * len)
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
		out[(*len)++] = c;
	}
	in->i++;
	out[*len] = '\0';
	return (0);
}

/* Read a text up to one of the bytes ${ends}, or a quoted one. */
static int
read_word(struct in * in, const char * ends, const char * want, char ** out,
    size_t * len)
{
	const char * from = in->s + in->i;
	size_t n;

	*len = 0;
	if ((*out = malloc(strlen(from) + 1)) == NULL)
		return (err_nomem(in->e, "a path"));
	if (*from == '"')
		return (read_quoted(in, *out, len));
	if ((n = strcspn(from, ends)) == 0)
		return (refuse(in, want));
	memcpy(*out, from, n);
	(*out)[n] = '\0';
	*len = n;
	in->i += n;
	return (0);
}

/* Read "key=value" or "key^=value". */
static int
read_cond(struct in * in, struct path_step * st)
{
	struct path_cond * c;

	if (st->nconds == PATH_CONDS_MAX)
		return (err_set(in->e, ERR_CONFIG, "path", "path '%.200s' has "
		    "more than %d conditions at one place", in->s,
		    PATH_CONDS_MAX));
	c = &st->conds[st->nconds++];
	if (read_word(in, ".[]\"*=^, \t\r\n", "an index, * or a condition's key",
	    &c->key, &c->key_len))
		return (-1);
	c->prefix = in->s[in->i] == '^';
	in->i += c->prefix ? 1 : 0;
	if (in->s[in->i] != '=')
		return (refuse(in, c->prefix ? "=" : "= or ^="));
	in->i++;
	return (read_word(in, "]\",", "a value", &c->value, &c->len));
}

/* Read what stands in brackets and is no index: conditions parted by commas. */
static int
read_conds(struct in * in, struct json_path * p)
{
	struct path_step * st = add_step(in, p, PATH_WHERE);

	if (st == NULL)
		return (-1);
	if ((st->conds = calloc(PATH_CONDS_MAX, sizeof(*st->conds))) == NULL)
		return (err_nomem(in->e, "a path"));
	for (;;) {
		if (read_cond(in, st))
			return (-1);
		if (in->s[in->i] != ',')
			return (0);
		in->i++;
	}
}

/* Read "[*]", "[7]" or "[key=value]". */
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
	} else if (in->s[in->i] < '0' || in->s[in->i] > '9') {
		if (read_conds(in, p))
			return (-1);
	} else {
		for (digits = 0; in->s[in->i] >= '0' && in->s[in->i] <= '9';
		    digits++, in->i++) {
			if (digits == 9)
				return (refuse(in, "an index below 10^9"));
			v = v * 10 + (size_t)(in->s[in->i] - '0');
		}
		if ((st = add_step(in, p, PATH_INDEX)) == NULL)
			return (-1);
		st->index = v;
	}
	if (in->s[in->i] != ']')
		return (refuse(in, "]"));
	in->i++;
	return (0);
}

/* Read a key or "*". */
static int
read_key(struct in * in, struct json_path * p)
{
	struct path_step * st;

	if (in->s[in->i] == '*') {
		in->i++;
		return (add_step(in, p, PATH_VALUES) == NULL ? -1 : 0);
	}
	if ((st = add_step(in, p, PATH_KEY)) == NULL)
		return (-1);
	return (read_word(in, ".[]\"* \t\r\n", "a key", &st->key, &st->len));
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

	if ((p = calloc(1, sizeof(*p))) == NULL) {
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
	size_t i, k;

	if (p == NULL)
		return;
	for (i = 0; i < p->n; i++) {
		for (k = 0; k < p->steps[i].nconds; k++) {
			free(p->steps[i].conds[k].key);
			free(p->steps[i].conds[k].value);
		}
		free(p->steps[i].conds);
		free(p->steps[i].key);
	}
	free(p->steps);
	free(p);
}

int
json_path_cond(const struct path_cond * c, const char * s, size_t n)
{
	return ((c->prefix ? n >= c->len : n == c->len) &&
	    memcmp(s, c->value, c->len) == 0);
}

static int
same_conds(const struct path_step * a, const struct path_step * b)
{
	const struct path_cond * x, * y;
	size_t i;

	for (i = 0; i < a->nconds; i++) {
		x = &a->conds[i];
		y = &b->conds[i];
		if (x->prefix != y->prefix || x->key_len != y->key_len ||
		    x->len != y->len ||
		    memcmp(x->key, y->key, x->key_len) != 0 ||
		    memcmp(x->value, y->value, x->len) != 0)
			return (0);
	}
	return (1);
}

int
json_path_same(const struct path_step * a, const struct path_step * b)
{
	if (a->kind != b->kind)
		return (0);
	switch (a->kind) {
	case PATH_KEY:
		return (a->len == b->len && memcmp(a->key, b->key, a->len) == 0);
	case PATH_INDEX:
		return (a->index == b->index);
	case PATH_WHERE:
		return (a->nconds == b->nconds && same_conds(a, b));
	case PATH_EACH:
	case PATH_VALUES:
		break;
	}
	return (1);
}

/* Whether the element ${v} of a list meets all conditions. */
static int
meets(const struct path_step * st, const json_t * v)
{
	const struct path_cond * c;
	const json_t * m;
	const char * s;
	char num[32];
	size_t i, n;

	for (i = 0; i < st->nconds; i++) {
		c = &st->conds[i];
		m = strlen(c->key) == c->key_len ? json_object_get(v, c->key) :
		    NULL;
		if (json_is_string(m)) {
			s = json_string_value(m);
			n = json_string_length(m);
		} else if (json_is_integer(m)) {
			snprintf(num, sizeof(num), "%" PRId64,
			    (int64_t)json_integer_value(m));
			s = num;
			n = strlen(num);
		} else if (json_is_boolean(m)) {
			s = json_is_true(m) ? "true" : "false";
			n = strlen(s);
		} else
			return (0);
		if (!json_path_cond(c, s, n))
			return (0);
	}
	return (1);
}

/* Called with each value that is there; not 0 ends the search. */
typedef int found_cb(void * arg, json_t * v);

static int
walk(const struct json_path * p, size_t at, const json_t * v,
    found_cb * found, void * arg)
{
	const struct path_step * st;
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
	st = p->steps + at;
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
	case PATH_WHERE:
		for (i = 0; i < json_array_size(v); i++)
			if (meets(st, json_array_get(v, i)))
				return (walk(p, at + 1, json_array_get(v, i),
				    found, arg));
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
