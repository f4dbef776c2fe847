#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "state/state_redis_internal.h"

/*
 * A list: the names, then a pipelined HGETALL each, so many at a time that the
 * answers of one turn stay small.
 */
#define PIPELINE 512

struct slot {
	struct list * l;
	const char * name;
	size_t len;
	json_t * row; /* NULL: deleted meanwhile */
};

struct list {
	struct state_redis * S;
	struct state_done * d;
	char * kind;
	char * names; /* all bytes */
	struct slot * slots;
	size_t n, next, out;
	int newest_first; /* by name, the last one first */
	int failed;
	struct err e;
};

static void
list_free(void * arg)
{
	struct list * l = arg;
	size_t i;

	for (i = 0; i < l->n; i++)
		json_decref(l->slots[i].row);
	free(l->slots);
	free(l->names);
	free(l->kind);
	free(l);
}

static void
list_done(struct list * l)
{
	json_t * rows = l->failed ? NULL : json_array();
	size_t i;

	if (rows == NULL) {
		if (!l->failed)
			err_nomem(&l->e, "a list");
		state_done_now(l->d, NULL, 0, &l->e);
		return;
	}
	for (i = 0; i < l->n; i++) {
		if (l->slots[i].row != NULL)
			(void)json_array_append_new(rows, l->slots[i].row);
		l->slots[i].row = NULL;
	}
	state_done_now(l->d, rows, 0, NULL);
}

static void on_row(void * arg, const struct redis_reply * r,
    const struct err * e);

static void
list_more(struct list * l)
{
	struct state_redis * S = l->S;
	struct state_redis_args * A = &S->args;
	struct slot * s;

	while (!l->failed && l->next < l->n && l->out < PIPELINE) {
		s = &l->slots[l->next++];
		state_redis_args_begin(A);
		state_redis_args_adds(A, "HGETALL");
		state_redis_args_addf(A, "moltler:%s:%s", l->kind, s->name);
		if (state_redis_args_end(A, &l->e)) {
			l->failed = 1;
			break;
		}
		redis_cmd(S->redis, on_row, s, (int)A->n, A->v, A->len);
		l->out++;
	}
	if (l->out == 0)
		list_done(l);
}

/* One that cannot be read stands for itself, so that the others can be: whoever
 * takes it for a record finds that it does not fit, and not that it is gone. */
static json_t *
unreadable(const struct slot * s, const char * why)
{
	log_event(LOG_ERROR, "state_value", LOG_S("kind", s->l->kind),
	    LOG_S("name", s->name), LOG_S("error", why));
	return (json_pack("{s:s, s:s, s:i, s:s}", "id", s->name, "name",
	    s->name, "v", 0, STATE_UNREADABLE, why));
}

static void
on_row(void * arg, const struct redis_reply * r, const struct err * e)
{
	struct slot * s = arg;
	struct list * l = s->l;
	int bad = 0;

	l->out--;
	if (e == NULL) {
		s->row = state_redis_hash_get(r, &bad);
		if (bad)
			s->row = unreadable(s, "it is no record");
	} else if (e->cls == ERR_PERMANENT) {
		s->row = unreadable(s, e->msg);
	} else if (!l->failed) {
		l->failed = 1;
		l->e = *e;
	}
	/* Refill in large steps: one write for many commands. */
	if (l->out == 0 || (l->out == PIPELINE / 2 && l->next < l->n))
		list_more(l);
}

static int
by_name(const void * a, const void * b)
{
	const struct slot * x = a, * y = b;

	return (strcmp(x->name, y->name));
}

static int
by_name_down(const void * a, const void * b)
{
	return (by_name(b, a));
}

static int
list_names(struct list * l, const struct redis_reply * r)
{
	size_t i, bytes = 0;
	char * p;

	for (i = 0; i < r->n; i++)
		bytes += r->el[i]->len + 1;
	l->slots = calloc(r->n + 1, sizeof(*l->slots));
	p = l->names = malloc(bytes + 1);
	if (l->slots == NULL || p == NULL)
		return (-1);
	for (i = 0; i < r->n; i++) {
		if (r->el[i]->type != REDIS_STR)
			continue;
		memcpy(p, r->el[i]->s, r->el[i]->len + 1);
		l->slots[l->n].l = l;
		l->slots[l->n].name = p;
		l->slots[l->n++].len = r->el[i]->len;
		p += r->el[i]->len + 1;
	}
	qsort(l->slots, l->n, sizeof(*l->slots), l->newest_first ? by_name_down :
	    by_name);
	return (0);
}

static void
on_names(void * arg, const struct redis_reply * r, const struct err * e)
{
	struct state_done * d = arg;
	struct list * l = d->x;
	struct err nomem;

	if (e != NULL) {
		state_done_now(d, NULL, 0, e);
	} else if (r->type != REDIS_ARRAY) {
		state_redis_args_odd(d);
	} else if (list_names(l, r)) {
		err_nomem(&nomem, "a list");
		state_done_now(d, NULL, 0, &nomem);
	} else {
		list_more(l);
	}
}

/* A list of ${kind}; NULL: it was said that there is no memory. */
static struct list *
list_new(struct state * state, const char * kind, state_cb * cb, void * arg)
{
	struct state_redis * S = (struct state_redis *)(void *)state;
	struct state_done * d = state_done_new(&S->dones, cb, arg);
	struct list * l = calloc(1, sizeof(*l));
	struct err e;

	if (l != NULL) {
		l->S = S;
		l->d = d;
		d->x = l;
		d->x_free = list_free;
	}
	if (l == NULL || (l->kind = strdup(kind)) == NULL) {
		err_nomem(&e, "a list");
		state_done_soon(d, NULL, 0, &e);
		return (NULL);
	}
	return (l);
}

void
state_redis_list_records(struct state * state, const char * kind,
    state_cb * cb, void * arg)
{
	struct list * l = list_new(state, kind, cb, arg);

	if (l == NULL)
		return;
	state_redis_args_begin(&l->S->args);
	state_redis_args_adds(&l->S->args, "SMEMBERS");
	state_redis_args_addf(&l->S->args, "moltler:%ss", kind);
	state_redis_args_send(l->S, l->d, on_names);
}

void
state_redis_list_actions(struct state * state, const char * after, int limit,
    state_cb * cb, void * arg)
{
	struct list * l = list_new(state, "action", cb, arg);
	struct state_redis_args * A;

	if (l == NULL)
		return;
	l->newest_first = 1;
	A = &l->S->args;
	state_redis_args_begin(A);
	state_redis_args_adds(A, "ZREVRANGEBYLEX");
	state_redis_args_adds(A, "moltler:actions");
	state_redis_args_addf(A, "%s%s", after ? "(" : "+", after ? after : "");
	state_redis_args_adds(A, "-");
	state_redis_args_adds(A, "LIMIT");
	state_redis_args_adds(A, "0");
	state_redis_args_addf(A, "%d", limit);
	state_redis_args_send(l->S, l->d, on_names);
}
