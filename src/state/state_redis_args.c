#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/state_redis_internal.h"

/* Of one command. */
#define MAX_ARGS 100000

void
state_redis_args_begin(struct state_redis_args * A)
{
	A->b.max = STATE_VALUE_MAX + 65536;
	buf_clear(&A->b);
	A->n = 0;
	A->failed = 0;
}

/* Begin an argument: where it starts. */
static int
open_arg(struct state_redis_args * A)
{
	size_t cap = A->cap ? A->cap * 2 : 32;
	size_t * off, * len;
	const char ** v;

	if (A->n == A->cap) {
		if (cap > MAX_ARGS)
			goto bad;
		if ((off = realloc(A->off, cap * sizeof(*off))) == NULL)
			goto bad;
		A->off = off;
		if ((len = realloc(A->len, cap * sizeof(*len))) == NULL)
			goto bad;
		A->len = len;
		if ((v = realloc(A->v, cap * sizeof(*v))) == NULL)
			goto bad;
		A->v = v;
		A->cap = cap;
	}
	A->off[A->n++] = A->b.len;
	return (0);
bad:
	A->failed = 1;
	return (-1);
}

void
state_redis_args_add(struct state_redis_args * A, const char * p, size_t n)
{
	if (open_arg(A) == 0)
		buf_add(&A->b, p, n);
}

void
state_redis_args_adds(struct state_redis_args * A, const char * s)
{
	state_redis_args_add(A, s, strlen(s));
}

void
state_redis_args_addf(struct state_redis_args * A, const char * fmt, ...)
{
	va_list ap;
	int n;

	if (open_arg(A))
		return;
	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || buf_reserve(&A->b, (size_t)n)) {
		A->failed = 1;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(A->b.p + A->b.len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	A->b.len += (size_t)n;
}

void
state_redis_args_ttl(struct state_redis_args * A, int64_t ms)
{
	/* Redis refuses what overflows when the clock is added. */
	if (ms < 1)
		ms = 1;
	if (ms > INT64_C(1) << 48)
		ms = INT64_C(1) << 48;
	state_redis_args_addf(A, "%lld", (long long)ms);
}

void
state_redis_args_json(struct state_redis_args * A, const json_t * v)
{
	size_t len;
	char * s = state_json_dump(v, &len, "a value", NULL);

	if (s == NULL)
		A->failed = 1;
	else
		state_redis_args_add(A, s, len);
	free(s);
}

void
state_redis_args_free(struct state_redis_args * A)
{
	buf_free(&A->b);
	free(A->off);
	free(A->len);
	free(A->v);
}

int
state_redis_args_end(struct state_redis_args * A, struct err * e)
{
	size_t i, end;

	if (A->failed || A->b.failed || A->b.p == NULL)
		return (err_set(e, ERR_PERMANENT, "too_large", "a value for "
		    "Redis is larger than %zu bytes or %d fields",
		    STATE_VALUE_MAX, MAX_ARGS / 2));
	for (i = 0; i < A->n; i++) {
		end = i + 1 < A->n ? A->off[i + 1] : A->b.len;
		A->v[i] = A->b.p + A->off[i];
		A->len[i] = end - A->off[i];
	}
	return (0);
}

void
state_redis_args_send(struct state_redis * S, struct state_done * d,
    redis_cb * cb)
{
	struct state_redis_args * A = &S->args;
	struct err e;

	if (state_redis_args_end(A, &e))
		state_done_soon(d, NULL, 0, &e);
	else
		redis_cmd(S->redis, cb, d, (int)A->n, A->v, A->len);
}

void
state_redis_args_script(struct state_redis * S, struct state_done * d,
    redis_cb * cb, const char * script, int nkeys)
{
	struct state_redis_args * A = &S->args;
	struct err e;

	if (state_redis_args_end(A, &e))
		state_done_soon(d, NULL, 0, &e);
	else
		redis_script(S->redis, script, cb, d, nkeys, (int)A->n, A->v,
		    A->len);
}

void
state_redis_args_odd(struct state_done * d)
{
	struct err e;

	err_set(&e, ERR_PERMANENT, "redis_value",
	    "Redis holds or answers what this program did not write");
	state_done_now(d, NULL, 0, &e);
}

void
state_redis_args_ok(void * d, const struct redis_reply * r,
    const struct err * e)
{
	(void)r;
	state_done_now(d, NULL, 0, e);
}
