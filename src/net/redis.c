#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/redis_internal.h"

/* What may wait: replies, and bytes the server has not taken. */
#define MAX_WAITING 200000
#define MAX_UNSENT ((size_t)64 << 20)
#define MAX_SPARE 1024

static struct redis_command *
command_new(struct redis * R, redis_cb * cb, void * arg)
{
	struct redis_command * c = R->spare;

	if (c != NULL) {
		R->spare = c->next;
		R->nspare--;
	} else if ((c = malloc(sizeof(*c))) == NULL) {
		/* There is no way to tell the caller, and one that waits for
		 * ever is worse than a restart. */
		log_event(LOG_ERROR, "out_of_memory",
		    LOG_S("for", "a Redis command"));
		abort();
	}
	c->R = R;
	memset(&c->soon, 0, sizeof(c->soon));
	c->cb = cb;
	c->arg = arg;
	c->why = NULL;
	c->reply = NULL;
	c->eval = NULL;
	c->noscript = 0;
	c->next = NULL;
	c->prevp = R->cmds_tail;
	*R->cmds_tail = c;
	R->cmds_tail = &c->next;
	return (c);
}

static void
command_unlink(struct redis_command * c)
{
	*c->prevp = c->next;
	if (c->next != NULL)
		c->next->prevp = c->prevp;
	else
		c->R->cmds_tail = c->prevp;
}

static void
command_clear(struct redis_command * c)
{
	redis_cause_unref(c->why);
	if ((char *)c->reply != c->room.bytes)
		free(c->reply);
	free(c->eval);
	c->why = NULL;
	c->reply = NULL;
	c->eval = NULL;
}

static void
command_recycle(struct redis * R, struct redis_command * c)
{
	if (R->nspare >= MAX_SPARE) {
		free(c);
		return;
	}
	c->next = R->spare;
	R->spare = c;
	R->nspare++;
}

static int command_submit(struct redis_command * c, int argc,
    const char * const * argv, const size_t * lens);

/* A restarted server has forgotten its scripts: send the text.  1 if sent. */
static int
command_again(struct redis_command * c)
{
	struct redis_eval * v = c->eval;
	int rc;

	if (v == NULL || !c->noscript || c->R->state != REDIS_UP)
		return (0);
	redis_cause_unref(c->why);
	c->why = NULL;
	c->noscript = 0;
	c->eval = NULL;
	redis_eval_text(v);
	rc = command_submit(c, v->argc, v->argv, v->lens);
	free(v);
	return (rc == 0);
}

/* The soon queue: tell the caller, who may free the client while we do. */
static void
command_done(void * arg)
{
	struct redis_command * c = arg;
	struct redis * R = c->R;
	int dead = 0, * outer = R->dead;

	if (command_again(c))
		return;
	command_unlink(c);
	R->dead = &dead;
	if (c->cb != NULL)
		c->cb(c->arg, c->why != NULL ? NULL : c->reply,
		    c->why != NULL ? &c->why->e : NULL);
	command_clear(c);
	if (dead) {
		free(c);
		if (outer != NULL)
			*outer = 1;
		return;
	}
	R->dead = outer;
	command_recycle(R, c);
}

/* hiredis' stack: copy, and let the soon queue tell.  No reply: lost. */
static void
on_reply(redisAsyncContext * ac, void * r, void * arg)
{
	struct redis_command * c = arg;
	struct redis * R = c->R;

	if (R->freeing)
		return;
	R->waiting--;
	if (r != NULL) {
		R->progress_us = clock_mono_us();
		redis_reply_copy(c, r);
	} else {
		if (R->lost == NULL) {
			R->lost = redis_cause_new();
			if (R->why != NULL)
				R->lost->e = *R->why;
			else
				err_set(&R->lost->e, ERR_TRANSIENT,
				    "redis_lost", "the connection to Redis at "
				    "%s was lost: %s", R->url.where,
				    R->reply_too_big ?
				    "a reply larger than 64 MiB" : ac->errstr);
		}
		c->why = redis_cause_ref(R->lost);
	}
	loop_soon(R->loop, &c->soon, command_done, c);
}

/* 0, or -1 with c->why. */
static int
command_submit(struct redis_command * c, int argc, const char * const * argv,
    const size_t * lens)
{
	struct redis * R = c->R;

	if (argc < 1 || R->ac == NULL || R->waiting >= MAX_WAITING ||
	    sdslen(R->ac->c.obuf) >= MAX_UNSENT) {
		c->why = redis_cause_new();
		if (argc < 1)
			err_nomem(&c->why->e, "a Redis script call");
		else if (R->ac == NULL)
			err_set(&c->why->e, ERR_TRANSIENT, "redis_away",
			    "Redis at %s is not connected", R->url.where);
		else
			err_set(&c->why->e, ERR_TRANSIENT, "redis_busy",
			    "Redis at %s is too slow: %zu commands wait",
			    R->url.where, R->waiting);
		return (-1);
	}
	/* hiredis wants the outer pointers non-const and changes nothing. */
	if (redisAsyncCommandArgv(R->ac, on_reply, c, argc,
	    (const char **)(uintptr_t)argv, lens) != REDIS_OK) {
		c->why = redis_cause_new();
		return (err_set(&c->why->e, ERR_TRANSIENT, "redis_away",
		    "Redis at %s is being disconnected", R->url.where));
	}
	R->sent++;
	if (R->waiting++ == 0)
		R->progress_us = clock_mono_us();
	redis_conn_sent(R);
	return (0);
}

void
redis_send(struct redis * R, redis_cb * cb, void * arg, int argc,
    const char * const * argv, const size_t * lens, struct redis_eval * eval)
{
	struct redis_command * c = command_new(R, cb, arg);

	c->eval = eval;
	if (command_submit(c, argc, argv, lens))
		loop_soon(R->loop, &c->soon, command_done, c);
}

void
redis_cmd(struct redis * R, redis_cb * cb, void * arg, int argc,
    const char * const * argv, const size_t * lens)
{
	struct redis_command * c;

	if (R->state == REDIS_UP) {
		redis_send(R, cb, arg, argc, argv, lens, NULL);
		return;
	}
	c = command_new(R, cb, arg);
	c->why = redis_cause_new();
	err_set(&c->why->e, ERR_TRANSIENT, "redis_away",
	    "Redis at %s is not connected%s%s", R->url.where,
	    R->last.msg[0] != '\0' ? ": " : "", R->last.msg);
	loop_soon(R->loop, &c->soon, command_done, c);
}

struct redis *
redis_new(struct loop * L, const char * url, struct err * e)
{
	struct redis * R;

	if ((R = calloc(1, sizeof(*R))) == NULL) {
		err_nomem(e, "a Redis client");
		return (NULL);
	}
	R->loop = L;
	R->cmds_tail = &R->cmds;
	if (redis_url_parse(&R->url, url, e) || redis_conn_init(R, e)) {
		redis_free(R);
		return (NULL);
	}
	return (R);
}

void
redis_free(struct redis * R)
{
	struct redis_command * c;

	if (R == NULL)
		return;
	R->freeing = 1;
	if (R->dead != NULL)
		*R->dead = 1;
	redis_conn_fini(R);
	while ((c = R->cmds) != NULL) {
		loop_soon_cancel(R->loop, &c->soon);
		command_unlink(c);
		command_clear(c);
		free(c);
	}
	while ((c = R->spare) != NULL) {
		R->spare = c->next;
		free(c);
	}
	redis_url_clear(&R->url);
	free(R);
}

int
redis_is_up(const struct redis * R)
{
	return (R->state == REDIS_UP);
}

void
redis_on_change(struct redis * R, void (*cb)(void *, int), void * arg)
{
	R->change_cb = cb;
	R->change_arg = arg;
}

uint64_t
redis_commands(const struct redis * R)
{
	return (R->sent);
}
