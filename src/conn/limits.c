#include "conn/limits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Without this uthash ends the process when memory is short. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/clock.h"
#include "base/rfc3339.h"
#include "base/tokenbucket.h"
#include "conn/template.h"

/* Scopes kept; beyond, those nobody used for longest are forgotten. */
#define SCOPES_MAX 20000
#define KEY_MAX 512
/* Longer than any budget lasts: what is beyond was read wrongly. */
#define BLOCK_MAX_MS ((int64_t)7 * 86400 * 1000)

struct limit_wait {
	struct scope * s;
	struct limit_wait * next, ** prevp; /* in the scope's queue */
	int64_t begun_us;
	int64_t until_us;  /* give up then; 0: never */
	void (*cb)(void *, int64_t, const struct err *);
	void * arg;
	struct soon soon;  /* of one that was refused */
	struct err e;
};

/* A question to the shared state; it outlives a scope that is gone. */
struct ask {
	struct scope * s;
};

/* Who shares a budget. */
struct scope {
	struct limits * l;
	struct tokenbucket tb;
	double rate, burst;    /* as last said; rate 0: no bound */
	int64_t blocked_us;    /* nobody asks until then; 0 */
	struct answer_budget budget;
	int is_known;          /* of the budget */
	struct limit_wait * head, ** tail;
	size_t nwaiting;
	size_t nrefused;       /* and not told yet */
	struct loop_timer * timer; /* made when first waited for */
	struct soon soon;
	struct ask * ask;      /* under way */
	UT_hash_handle hh;
	char shared_key[KEY_MAX]; /* "<host>:<connector or scope>" */
	char key[];
};

struct limits {
	struct loop * loop;
	const struct conn_shared * shared;
	struct scope * scopes;
};

struct limits *
limits_new(struct loop * L, const struct conn_shared * shared)
{
	struct limits * l = calloc(1, sizeof(*l));

	if (l != NULL) {
		l->loop = L;
		l->shared = shared;
	}
	return (l);
}

static void
scope_free(struct scope * s)
{
	HASH_DEL(s->l->scopes, s);
	if (s->ask != NULL)
		s->ask->s = NULL;
	loop_timer_free(s->timer);
	loop_soon_cancel(s->l->loop, &s->soon);
	free(s);
}

static int
is_idle(const struct scope * s)
{
	return (s->nwaiting == 0 && s->nrefused == 0 && s->ask == NULL);
}

void
limits_free(struct limits * l)
{
	struct scope * s;

	if (l == NULL)
		return;
	while ((s = l->scopes) != NULL) {
		while (s->head != NULL)
			limits_cancel(s->head);
		scope_free(s);
	}
	free(l);
}

/* It is kept with the connector; each call asks for it several times. */
static const json_t *
config_of(const struct connector * c)
{
	return (connector_config_parsed((struct connector *)(uintptr_t)c));
}

/* The key of who shares ${c}'s budget. */
static void
scope_key(const struct connector * c, char key[KEY_MAX])
{
	struct template_env env = { .schema = c->m->config };
	struct buf b = BUF_INIT(KEY_MAX);

	snprintf(key, KEY_MAX, "%s", c->id);
	if (c->m->limits.scope == NULL)
		return;
	env.config = config_of(c);
	if (env.config != NULL && buf_addf(&b, "%s:", c->m->type) == 0 &&
	    template_expand(c->m->limits.scope, &env, QUOTE_NONE, &b,
	    NULL) == 0)
		snprintf(key, KEY_MAX, "%s", b.p);
	buf_free(&b);
}

/* As people find it in the shared state: by the host that is asked. */
static void
shared_key(const struct connector * c, const char * key, char out[KEY_MAX])
{
	const struct manifest * m = c->m;
	const struct manifest_entity * ent = m->main ? m->main : m->entities;
	const char * t = m->base_url ? m->base_url :
	    ent->nlists > 0 ? ent->lists[0].url : "", * host;
	struct template_env env = { .schema = m->config };
	struct buf b = BUF_INIT(KEY_MAX);
	size_t n;

	env.config = config_of(c);
	if (env.config != NULL && m->base_url_or != NULL &&
	    !template_knows(t, &env))
		t = m->base_url_or;
	if (env.config == NULL || template_expand(t, &env, QUOTE_URL, &b, NULL))
		buf_clear(&b);
	host = b.p != NULL ? strstr(b.p, "://") : NULL;
	host = host != NULL ? host + 3 : "";
	if (strchr(host, '@') != NULL)
		host = strchr(host, '@') + 1;
	n = strcspn(host, "/?#");
	snprintf(out, KEY_MAX, "%.*s:%.250s", n < 250 ? (int)n : 250, host,
	    m->limits.scope != NULL ? key : c->name);
	buf_free(&b);
}

static struct scope *
scope_find(const struct limits * l, const struct connector * c)
{
	char key[KEY_MAX];
	struct scope * s;

	scope_key(c, key);
	HASH_FIND(hh, l->scopes, key, strlen(key), s);
	return (s);
}

static void
make_room(struct limits * l)
{
	struct scope * s, * tmp;

	HASH_ITER(hh, l->scopes, s, tmp) {
		if (HASH_COUNT(l->scopes) < SCOPES_MAX)
			return;
		if (is_idle(s))
			scope_free(s);
	}
}

static struct scope *
scope_get(struct limits * l, const struct connector * c)
{
	struct scope * s = scope_find(l, c);
	char key[KEY_MAX];
	size_t n;

	if (s != NULL)
		return (s);
	if (HASH_COUNT(l->scopes) >= SCOPES_MAX)
		make_room(l);
	scope_key(c, key);
	n = strlen(key);
	if ((s = calloc(1, sizeof(*s) + n + 1)) == NULL)
		return (NULL);
	s->l = l;
	s->tail = &s->head;
	memcpy(s->key, key, n);
	shared_key(c, key, s->shared_key);
	HASH_ADD_KEYPTR(hh, l->scopes, s->key, n, s);
	if (s->hh.tbl == NULL) {
		free(s);
		return (NULL);
	}
	return (s);
}

/* What is in the bucket at ${us}. */
static double
saved_up(const struct scope * s, int64_t us)
{
	double have = s->tb.have + (double)(us - s->tb.at_us) / 1e6 * s->rate;

	return (have < s->burst ? have : s->burst);
}

/* Who asked last says how fast; a bucket begins full, and keeps what is in it
 * when that changes: others of the scope may have it otherwise. */
static void
set_rate(struct scope * s, const struct connector * c)
{
	int64_t now = clock_mono_us();
	double had = s->rate > 0 ? saved_up(s, now) : -1;
	double rate = c->opt.rate_limit > 0 ? c->opt.rate_limit :
	    c->m->limits.rate;
	double burst = c->opt.rate_limit_burst > 0 ? c->opt.rate_limit_burst :
	    c->opt.rate_limit > 0 ? 0 : c->m->limits.burst;

	if (burst < 1)
		burst = rate > 1 ? rate : 1;
	if (rate <= 0)
		rate = 0;
	if (fabs(rate - s->rate) < 1e-9 && fabs(burst - s->burst) < 1e-9)
		return;
	s->rate = rate;
	s->burst = burst;
	if (rate > 0)
		tokenbucket_init(&s->tb, rate, burst, now);
	if (rate > 0 && had >= 0 && had < burst)
		s->tb.have = had;
}

static void
unlink_wait(struct limit_wait * w)
{
	struct scope * s = w->s;

	*w->prevp = w->next;
	if (w->next != NULL)
		w->next->prevp = w->prevp;
	else
		s->tail = w->prevp;
	s->nwaiting--;
	w->prevp = NULL;
}

static void
on_failed(void * arg)
{
	struct limit_wait * w = arg;

	w->s->nrefused--;
	w->cb(w->arg, (clock_mono_us() - w->begun_us) / 1000, &w->e);
	free(w);
}

/* It would have to wait until ${us}, which is too long. */
static void
refuse(struct limit_wait * w, int64_t us)
{
	int64_t ms = (us - clock_mono_us() + 999) / 1000;
	char when[RFC3339_LEN];

	if (ms < 1)
		ms = 1;
	rfc3339_format((clock_wall_ms() + ms + 999) / 1000 * 1000, when);
	err_set(&w->e, ERR_TRANSIENT, "rate_limit", "the rate limit%s lets no "
	    "call through before %s, and the statement may not wait so long; "
	    "ask again then%s", w->s->blocked_us > clock_mono_us() ?
	    " of the service" : "", when,
	    w->s->blocked_us > clock_mono_us() ? " or ask for less" :
	    ", ask for less or raise rate_limit in OPTIONS");
	w->e.retry_after_ms = ms;
	unlink_wait(w);
	w->s->nrefused++;
	loop_soon(w->s->l->loop, &w->soon, on_failed, w);
}

/* When ${w}, the ${at}-th in the queue, could have its turn. */
static int64_t
turn_of(const struct scope * s, size_t at, int64_t now)
{
	int64_t from = s->blocked_us > now ? s->blocked_us : now;
	double lack;

	if (s->rate <= 0)
		return (from);
	lack = (double)(at + 1) - saved_up(s, from);
	return (lack <= 1e-6 ? from : from + (int64_t)(lack / s->rate * 1e6));
}

static void
refuse_late(struct scope * s, int64_t us)
{
	struct limit_wait * w, * next;

	for (w = s->head; w != NULL; w = next) {
		next = w->next;
		if (w->until_us != 0 && w->until_us < us)
			refuse(w, us);
	}
}

static void scope_turn(void *);

/* Come again at ${us}; false if there is no memory for it. */
static int
wait_until(struct scope * s, int64_t us)
{
	int64_t now = clock_mono_us();

	if (s->timer == NULL && (s->timer = loop_timer_new(s->l->loop,
	    scope_turn, s)) == NULL)
		return (0);
	loop_timer_start_us(s->timer, us > now ? us - now : 0);
	return (1);
}

static void
grant(struct scope * s)
{
	struct limit_wait * w = s->head;

	unlink_wait(w);
	w->cb(w->arg, (clock_mono_us() - w->begun_us) / 1000, NULL);
	free(w);
}

/* The head must wait so long for a token. */
static void
hold(struct scope * s, int64_t wait_us)
{
	int64_t us = clock_mono_us() + wait_us;

	if (s->head->until_us != 0 && s->head->until_us < us) {
		refuse(s->head, us);
		loop_soon(s->l->loop, &s->soon, scope_turn, s);
	} else if (!wait_until(s, us)) {
		/* Without a timer a token too early is the lesser evil. */
		grant(s);
	}
}

static void
on_shared(void * arg, int64_t wait_ms, const struct err * e)
{
	struct ask * a = arg;
	struct scope * s = a->s;
	int64_t us;

	free(a);
	if (s == NULL)
		return;
	s->ask = NULL;
	if (s->head == NULL)
		return;
	/* The state is away: this process alone keeps to the rate. */
	us = e != NULL ? tokenbucket_take(&s->tb, 1, clock_mono_us()) :
	    wait_ms * 1000;
	/* For the next in the queue; before this one is told, who may be the
	 * end of us. */
	if (s->head->next != NULL || us != 0)
		loop_soon(s->l->loop, &s->soon, scope_turn, s);
	if (us == 0) {
		grant(s);
		return;
	}
	loop_soon_cancel(s->l->loop, &s->soon);
	hold(s, us);
}

static int
ask_shared(struct scope * s)
{
	const struct conn_shared * sh = s->l->shared;

	if (sh == NULL || !sh->is_shared || sh->limit_take == NULL ||
	    (s->ask = malloc(sizeof(*s->ask))) == NULL)
		return (0);
	s->ask->s = s;
	sh->limit_take(sh->arg, s->shared_key, s->rate, s->burst, 1, on_shared,
	    s->ask);
	return (1);
}

/* Let through who may go. */
static void
scope_turn(void * arg)
{
	struct scope * s = arg;
	int64_t now = clock_mono_us(), us;

	if (s->head == NULL || s->ask != NULL)
		return;
	if (s->blocked_us > now) {
		refuse_late(s, s->blocked_us);
		if (s->head != NULL)
			(void)wait_until(s, s->blocked_us);
		return;
	}
	if (s->rate > 0) {
		if (ask_shared(s))
			return;
		if ((us = tokenbucket_take(&s->tb, 1, now)) != 0) {
			hold(s, us);
			return;
		}
	}
	if (s->head->next != NULL)
		loop_soon(s->l->loop, &s->soon, scope_turn, s);
	grant(s);
}

struct limit_wait *
limits_take(struct limits * l, const struct connector * c,
    int64_t max_wait_ms, void (*cb)(void * arg, int64_t waited_ms,
    const struct err * e), void * arg)
{
	struct scope * s = scope_get(l, c);
	int64_t now = clock_mono_us(), us;
	struct limit_wait * w;

	if (s == NULL || (w = calloc(1, sizeof(*w))) == NULL)
		return (NULL);
	set_rate(s, c);
	w->s = s;
	w->begun_us = now;
	w->until_us = max_wait_ms > 0 ? now + max_wait_ms * 1000 : 0;
	w->cb = cb;
	w->arg = arg;
	us = turn_of(s, s->nwaiting, now);
	w->prevp = s->tail;
	*s->tail = w;
	s->tail = &w->next;
	s->nwaiting++;
	if (w->until_us != 0 && w->until_us < us)
		refuse(w, us);
	else if (s->head == w || s->timer == NULL ||
	    !loop_timer_pending(s->timer))
		loop_soon(l->loop, &s->soon, scope_turn, s);
	return (w);
}

void
limits_cancel(struct limit_wait * w)
{
	if (w == NULL)
		return;
	if (w->prevp != NULL)
		unlink_wait(w);
	else
		w->s->nrefused--;
	loop_soon_cancel(w->s->l->loop, &w->soon);
	/* The next one may come: its turn was set for this one. */
	if (w->s->head != NULL)
		loop_soon(w->s->l->loop, &w->s->soon, scope_turn, w->s);
	free(w);
}

static void
block(struct scope * s, int64_t ms)
{
	int64_t us;

	if (ms <= 0)
		return;
	us = clock_mono_us() + (ms > BLOCK_MAX_MS ? BLOCK_MAX_MS : ms) * 1000;
	if (us > s->blocked_us)
		s->blocked_us = us;
	/* Who waits already is told now rather than at his turn. */
	if (s->head != NULL)
		loop_soon(s->l->loop, &s->soon, scope_turn, s);
}

void
limits_learn(struct limits * l, const struct connector * c,
    const struct answer_budget * b)
{
	struct scope * s;

	if ((b->limit < 0 && b->remaining < 0) ||
	    (s = scope_get(l, c)) == NULL)
		return;
	s->budget = *b;
	s->is_known = 1;
	if (b->remaining >= 0 && b->remaining <= c->m->limits.reserve &&
	    b->reset_ms > 0)
		block(s, b->reset_ms - clock_wall_ms());
}

void
limits_block(struct limits * l, const struct connector * c, int64_t ms)
{
	struct scope * s = scope_get(l, c);

	if (s != NULL)
		block(s, ms);
}

int
limits_known(const struct limits * l, const struct connector * c,
    struct answer_budget * b)
{
	const struct scope * s = scope_find(l, c);

	if (s == NULL || !s->is_known)
		return (-1);
	*b = s->budget;
	if (b->reset_ms > 0 && b->reset_ms <= clock_wall_ms()) {
		/* Full again; nobody asked since. */
		b->remaining = b->limit;
		b->reset_ms = -1;
	}
	return (0);
}
