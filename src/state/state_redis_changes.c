#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/state_redis_internal.h"

/*
 * What changed: a counter, which is cheap to look at, and the last changes by
 * name.  An entry that was seen is there again only in the same history, for each
 * bears a token of its own; and where nothing is missing between it and the
 * counter nothing else changed.  A daemon that only counts, or a person, leaves a
 * gap, and so does a server that lost things.
 */
static const char changes_script[] =
    "return {redis.call('GET', KEYS[1]) or '0',"
    " redis.call('LRANGE', KEYS[2], 0, -1)}";

static json_int_t
number_of(const struct redis_reply * r, size_t * len)
{
	json_int_t v = 0;
	size_t i;

	for (i = 0; r->type == REDIS_STR && i < r->len && i < 18 &&
	    r->s[i] >= '0' && r->s[i] <= '9'; i++)
		v = v * 10 + (r->s[i] - '0');
	*len = i;
	return (v);
}

static void
on_generation(void * arg, const struct redis_reply * r, const struct err * e)
{
	struct state_done * d = arg;
	size_t len;

	if (e != NULL)
		state_done_now(d, NULL, 0, e);
	else
		state_done_now(d, json_integer(number_of(r, &len)), 0, NULL);
}

void
state_redis_changes_generation(struct state * state, state_cb * cb,
    void * arg)
{
	struct state_redis * S = (struct state_redis *)(void *)state;

	state_redis_args_begin(&S->args);
	state_redis_args_adds(&S->args, "GET");
	state_redis_args_adds(&S->args, "moltler:generation");
	state_redis_args_send(S, state_done_new(&S->dones, cb, arg),
	    on_generation);
}

/* "<generation> <token> <kind> <name>" as [kind, name]; NULL: it is none. */
static json_t *
entry_of(const struct redis_reply * r)
{
	const char * p = r->s, * end;
	size_t len;

	(void)number_of(r, &len);
	if (len == 0 || strlen(p) != r->len || p[len] != ' ' ||
	    (p = strchr(p + len + 1, ' ')) == NULL ||
	    (end = strchr(++p, ' ')) == NULL)
		return (NULL);
	return (json_pack("[s%, s]", p, (size_t)(end - p), end + 1));
}

/* Those behind ${mark}, or NULL: it cannot be told. */
static json_t *
changed(const struct redis_reply * l, json_int_t gen, const char * mark)
{
	json_t * out = json_array(), * one;
	size_t i = l->n, len;

	for (; i > 0 && out != NULL; i--, gen--) {
		if (l->el[i - 1]->type != REDIS_STR ||
		    number_of(l->el[i - 1], &len) != gen)
			break;
		if (strcmp(l->el[i - 1]->s, mark) == 0)
			return (out);
		if ((one = entry_of(l->el[i - 1])) == NULL ||
		    json_array_append_new(out, one))
			break;
	}
	json_decref(out);
	return (NULL);
}

static void
on_changes(void * arg, const struct redis_reply * r, const struct err * e)
{
	struct state_done * d = arg;
	const char * mark = d->x, * last = "";
	const struct redis_reply * l;
	json_int_t gen;
	json_t * v;
	size_t len;

	if (e != NULL) {
		state_done_now(d, NULL, 0, e);
		return;
	}
	if (r->type != REDIS_ARRAY || r->n != 2 ||
	    r->el[1]->type != REDIS_ARRAY) {
		state_redis_args_odd(d);
		return;
	}
	gen = number_of(r->el[0], &len);
	l = r->el[1];
	if (l->n > 0 && l->el[l->n - 1]->type == REDIS_STR &&
	    number_of(l->el[l->n - 1], &len) == gen)
		last = l->el[l->n - 1]->s;
	v = json_pack("{s:I, s:s, s:o*}", "generation", gen, "mark", last,
	    "changed", mark != NULL ? changed(l, gen, mark) : NULL);
	if (v == NULL) /* no UTF-8: nobody of ours wrote it */
		v = json_pack("{s:I, s:s}", "generation", gen, "mark", "");
	state_done_now(d, v, 0, NULL);
}

void
state_redis_changes_since(struct state * state, const char * mark,
    state_cb * cb, void * arg)
{
	struct state_redis * S = (struct state_redis *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);

	/* Without memory for it all is read, which is right, too. */
	if (mark != NULL && *mark != '\0') {
		d->x = strdup(mark);
		d->x_free = free;
	}
	state_redis_args_begin(&S->args);
	state_redis_args_adds(&S->args, "moltler:generation");
	state_redis_args_adds(&S->args, "moltler:changes");
	state_redis_args_script(S, d, on_changes, changes_script, 2);
}
