#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/redis_internal.h"

/*
 * The connection.  hiredis 0.14 has no timeouts, frees a context itself when
 * connecting fails or the peer goes, and must not be freed from within its own
 * callbacks; so those only note what happened, and everything that frees runs
 * from timers and from the soon queue.
 */
#define CONNECT_MS 5000
#define REPLY_MS 5000
#define LATE_MS 100 /* for what has come and is not read yet */
#define RETRY_MIN_MS 100
#define RETRY_MAX_MS 5000

static void conn_start(void * arg);

static void
change_tell(void * arg)
{
	struct redis * R = arg;
	int up = R->state == REDIS_UP;

	if (R->change_cb == NULL || up == R->change_told)
		return;
	R->change_told = up;
	R->change_cb(R->change_arg, up);
}

static void
state_set(struct redis * R, enum redis_state state)
{
	static const char * const names[] = { "wait", "connect", "hello",
	    "up" };

	if (state == R->state)
		return;
	log_event(LOG_DEBUG, "redis_state", LOG_S("redis", R->url.where),
	    LOG_S("from", names[R->state]), LOG_S("to", names[state]));
	if ((state == REDIS_UP) != (R->state == REDIS_UP))
		loop_soon(R->loop, &R->change_soon, change_tell, R);
	R->state = state;
}

/* The connection is gone or never was: wait, then try again. */
static void
conn_wait(struct redis * R, const struct err * e)
{
	/* One line when it goes, and one for each new reason. */
	if (!R->told_down || strcmp(e->msg, R->last.msg) != 0)
		log_event(LOG_WARN, "redis_down",
		    LOG_S("redis", R->url.where), LOG_E(e));
	R->told_down = 1;
	if (e != &R->last)
		R->last = *e;
	redis_cause_unref(R->lost);
	R->lost = NULL;
	R->waiting = 0;
	loop_timer_stop(R->watch);
	state_set(R, REDIS_WAIT);
	R->rnd = R->rnd * UINT64_C(6364136223846793005) + 1442695040888963407u;
	loop_timer_start(R->retry, backoff_ms(R->attempt, RETRY_MIN_MS,
	    RETRY_MAX_MS, (uint32_t)(R->rnd >> 32)));
	if (R->attempt < 30)
		R->attempt++;
}

/* Drop the connection because of ${e}, connect again later.  Never from hiredis'
 * stack: drop_soon() there. */
static void
drop(struct redis * R, const struct err * e)
{
	redisAsyncContext * ac = R->ac;
	struct err why = *e;

	loop_soon_cancel(R->loop, &R->drop_soon);
	if (ac != NULL) {
		R->ac = NULL;
		R->why = &why;
		redisAsyncFree(ac);
		R->why = NULL;
	}
	conn_wait(R, &why);
}

static void
drop_now(void * arg)
{
	struct redis * R = arg;

	drop(R, &R->drop_err);
}

static void
drop_soon(struct redis * R, const struct err * e)
{
	if (loop_soon_pending(&R->drop_soon))
		return;
	R->drop_err = *e;
	loop_soon(R->loop, &R->drop_soon, drop_now, R);
}

void
redis_conn_sent(struct redis * R)
{
	if (!loop_timer_pending(R->watch))
		loop_timer_start(R->watch, REPLY_MS);
}

/* Nobody answered for a while: to connect, or to what waits. */
static void
watch_fire(void * arg)
{
	struct redis * R = arg;
	struct pollfd p = { .events = POLLIN };
	struct err e;
	int64_t idle_ms;

	/* Whoever was away himself has not read yet what came meanwhile. */
	p.fd = R->ac != NULL ? R->ac->c.fd : -1;
	if (poll(&p, 1, 0) > 0) {
		loop_timer_start(R->watch, LATE_MS);
		return;
	}
	if (R->state == REDIS_UP) {
		if (R->waiting == 0)
			return;
		idle_ms = (clock_mono_us() - R->progress_us) / 1000;
		if (idle_ms < REPLY_MS) {
			loop_timer_start(R->watch, REPLY_MS - idle_ms);
			return;
		}
		err_set(&e, ERR_TRANSIENT, "redis_timeout",
		    "Redis at %s has not answered for %d s: %zu commands "
		    "waited", R->url.where, REPLY_MS / 1000, R->waiting);
	} else {
		err_set(&e, ERR_TRANSIENT, "redis_timeout",
		    "Redis at %s did not let us in within %d s",
		    R->url.where, CONNECT_MS / 1000);
	}
	drop(R, &e);
}

/* hiredis' hooks: what to wait for. */
static void
io_want(struct redis * R, int on, int off)
{
	struct err e;

	R->io_events = (R->io_events | on) & ~off;
	if (R->io == NULL || loop_io_set(R->io, R->io_events) == 0)
		return;
	err_set(&e, ERR_TRANSIENT, "redis_lost",
	    "cannot watch the socket of Redis at %s", R->url.where);
	drop_soon(R, &e);
}

static void
add_read(void * arg)
{
	io_want(arg, LOOP_READ, 0);
}

static void
del_read(void * arg)
{
	io_want(arg, 0, LOOP_READ);
}

static void
add_write(void * arg)
{
	io_want(arg, LOOP_WRITE, 0);
}

static void
del_write(void * arg)
{
	io_want(arg, 0, LOOP_WRITE);
}

static void
cleanup(void * arg)
{
	struct redis * R = arg;

	loop_io_free(R->io); /* the fd is still open here */
	R->io = NULL;
	R->io_events = 0;
}

static void
io_ready(void * arg, int fd, int events)
{
	struct redis * R = arg;
	struct err e;

	(void)fd;
	if (events & LOOP_READ)
		redisAsyncHandleRead(R->ac);
	/* It may be gone by now. */
	if (R->ac != NULL && (events & LOOP_WRITE))
		redisAsyncHandleWrite(R->ac);
	if (R->ac == NULL || R->ac->c.reader->len <= REDIS_REPLY_MAX)
		return;
	err_set(&e, ERR_TRANSIENT, "redis_lost", "Redis at %s sends a reply "
	    "larger than 64 MiB", R->url.where);
	drop(R, &e);
}

/*
 * A guard before hiredis' makers of replies: it ends the connection (by saying
 * "no memory") at a reply nobody asked for, on which hiredis itself would
 * abort the process, and at one that grows too large.
 */
static int
guard(const redisReadTask * t, size_t bytes)
{
	struct redis * R = t->privdata;

	if (t->parent == NULL) {
		/* An unasked error ("max clients reached") hiredis can take. */
		if (R->waiting == 0 && t->type != REDIS_REPLY_ERROR)
			return (-1);
		R->reply_bytes = 0;
	}
	R->reply_bytes += sizeof(redisReply) + sizeof(void *);
	if (bytes > REDIS_REPLY_MAX ||
	    (R->reply_bytes += bytes) > REDIS_REPLY_MAX) {
		R->reply_too_big = 1;
		return (-1);
	}
	return (0);
}

static void *
make_string(const redisReadTask * t, char * s, size_t n)
{
	const struct redis * R = t->privdata;

	return (guard(t, n) ? NULL : R->orig_fn->createString(t, s, n));
}

static void *
make_array(const redisReadTask * t, int n)
{
	const struct redis * R = t->privdata;

	return (n < 0 || guard(t, (size_t)n * sizeof(void *)) ? NULL :
	    R->orig_fn->createArray(t, n));
}

static void *
make_integer(const redisReadTask * t, long long v)
{
	const struct redis * R = t->privdata;

	return (guard(t, 0) ? NULL : R->orig_fn->createInteger(t, v));
}

static void *
make_nil(const redisReadTask * t)
{
	const struct redis * R = t->privdata;

	return (guard(t, 0) ? NULL : R->orig_fn->createNil(t));
}

/* The last word of the greeting came back: the server serves us. */
static void
on_hello(void * arg, const struct redis_reply * r, const struct err * e)
{
	struct redis * R = arg;

	(void)r;
	if (R->state != REDIS_HELLO)
		return; /* the loss was told already */
	if (e != NULL) {
		drop(R, e);
		return;
	}
	R->attempt = 0;
	R->told_down = 0;
	R->last.msg[0] = '\0';
	loop_timer_stop(R->watch);
	log_event(LOG_INFO, "redis_up", LOG_S("redis", R->url.where));
	state_set(R, REDIS_UP);
}

/* AUTH and SELECT: their errors count, their success does not. */
static void
on_greeting(void * arg, const struct redis_reply * r, const struct err * e)
{
	if (e != NULL)
		on_hello(arg, r, e);
}

static void
on_connect(const redisAsyncContext * ac, int status)
{
	struct redis * R = ac->data;
	const char * auth[3] = { "AUTH" }, * sel[2] = { "SELECT" };
	const char * ping[1] = { "PING" };
	char db[16];
	struct err e;
	int n = 1;

	if (status != REDIS_OK) {
		/* hiredis frees the context after this: forget it. */
		err_set(&e, ERR_TRANSIENT, "redis_away",
		    "cannot connect to Redis at %s: %s", R->url.where,
		    ac->errstr);
		R->ac = NULL;
		conn_wait(R, &e);
		return;
	}
	state_set(R, REDIS_HELLO);
	redis_script_forget(R);
	if (R->url.pass != NULL) {
		if (R->url.user != NULL)
			auth[n++] = R->url.user;
		auth[n++] = R->url.pass;
		redis_send(R, on_greeting, R, n, auth, NULL, NULL);
	}
	if (R->url.db != 0) {
		snprintf(db, sizeof(db), "%d", R->url.db);
		sel[1] = db;
		redis_send(R, on_greeting, R, 2, sel, NULL, NULL);
	}
	redis_send(R, on_hello, R, 1, ping, NULL, NULL);
}

static void
on_disconnect(const redisAsyncContext * ac, int status)
{
	struct redis * R = ac->data;
	struct err e;

	(void)status;
	if (R->ac == NULL)
		return; /* we do it ourselves */
	R->ac = NULL;
	err_set(&e, ERR_TRANSIENT, "redis_lost",
	    "the connection to Redis at %s was lost: %s", R->url.where,
	    R->reply_too_big ? "a reply larger than 64 MiB" :
	    R->waiting == 0 && ac->err == REDIS_ERR_OOM ?
	    "it sent what nobody asked for" : ac->errstr);
	conn_wait(R, &e);
}

/* Connected or connecting: hook the context into the loop. */
static int
conn_adopt(struct redis * R, redisAsyncContext * ac)
{
	R->io = loop_io_new(R->loop, ac->c.fd, LOOP_PRIO_NORMAL, io_ready, R);
	if (R->io == NULL)
		return (-1);
	(void)fcntl(ac->c.fd, F_SETFD, FD_CLOEXEC);
	R->io_events = 0;
	R->reply_too_big = 0;
	R->orig_fn = ac->c.reader->fn;
	R->fn = *R->orig_fn;
	R->fn.createString = make_string;
	R->fn.createArray = make_array;
	R->fn.createInteger = make_integer;
	R->fn.createNil = make_nil;
	ac->c.reader->fn = &R->fn;
	ac->c.reader->privdata = R;
	ac->data = R;
	ac->ev.data = R;
	ac->ev.addRead = add_read;
	ac->ev.delRead = del_read;
	ac->ev.addWrite = add_write;
	ac->ev.delWrite = del_write;
	ac->ev.cleanup = cleanup;
	R->ac = ac;
	redisAsyncSetDisconnectCallback(ac, on_disconnect);
	redisAsyncSetConnectCallback(ac, on_connect);
	return (0);
}

static void
conn_start(void * arg)
{
	struct redis * R = arg;
	redisAsyncContext * ac;
	struct err e;

	ac = R->url.path != NULL ? redisAsyncConnectUnix(R->url.path) :
	    redisAsyncConnect(R->url.host, R->url.port);
	if (ac == NULL || ac->err != 0 || conn_adopt(R, ac)) {
		err_set(&e, ERR_TRANSIENT, "redis_away",
		    "cannot connect to Redis at %s: %s", R->url.where,
		    ac != NULL && ac->err != 0 ? ac->errstr : "out of memory");
		/* Not within a callback: freeing it is ours. */
		if (ac != NULL)
			redisAsyncFree(ac);
		conn_wait(R, &e);
		return;
	}
	state_set(R, REDIS_CONNECT);
	loop_timer_start(R->watch, CONNECT_MS);
}

int
redis_conn_init(struct redis * R, struct err * e)
{
	R->retry = loop_timer_new(R->loop, conn_start, R);
	R->watch = loop_timer_new(R->loop, watch_fire, R);
	if (R->retry == NULL || R->watch == NULL)
		return (err_nomem(e, "a Redis client"));
	if (getrandom(&R->rnd, sizeof(R->rnd), GRND_NONBLOCK) < 0)
		R->rnd = (uint64_t)clock_mono_us();
	conn_start(R);
	return (0);
}

void
redis_conn_fini(struct redis * R)
{
	redisAsyncContext * ac = R->ac;

	loop_soon_cancel(R->loop, &R->drop_soon);
	loop_soon_cancel(R->loop, &R->change_soon);
	R->ac = NULL;
	if (ac != NULL)
		redisAsyncFree(ac);
	redis_cause_unref(R->lost);
	loop_timer_free(R->retry);
	loop_timer_free(R->watch);
}
