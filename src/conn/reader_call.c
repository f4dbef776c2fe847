#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/log.h"
#include "conn/reader_internal.h"
#include "secret/secret_scrub.h"

#define RETRY_BASE_MS 500
#define RETRY_MAX_MS 60000
/* Answers "later" in a row after which we take it for "never". */
#define LIMITED_MAX 6
#define LIMITED_MIN_MS INT64_C(100)

static const char * const state_names[] = { "new", "kept", "permit", "sent",
    "backoff", "done" };

/* The one place where the state changes. */
static void
call_enter(struct reader_call * c, enum call_state s)
{
	log_event(LOG_DEBUG, "call_state",
	    LOG_S("connector", c->part->r->plan->c->name),
	    LOG_S("entity", c->part->r->plan->ent->name),
	    LOG_I("page", c->part->number + 1),
	    LOG_S("from", state_names[c->state]), LOG_S("to", state_names[s]));
	c->state = s;
}

void
reader_call_answered(struct reader_call * c)
{
	limits_cancel(c->permit);
	c->permit = NULL;
}

static void
call_free(struct reader_call * c)
{
	reader_page_forget(c);
	reader_call_answered(c);
	reader_kept_free(&c->kept);
	request_free(c->req);
	loop_timer_free(c->timer);
	loop_soon_cancel(c->part->r->env->loop, &c->soon);
	buf_free(&c->body);
	free(c);
}

void
reader_call_cancel(struct reader_call * c)
{
	if (c == NULL)
		return;
	send_cancel(c->sent);
	scrape_cancel(c->scrape);
	call_free(c);
}

void
reader_call_name(const struct reader_call * c, struct err * e)
{
	const struct plan * p = c->part->r->plan;
	long long page = (long long)c->part->number + 1;
	char url[160], own[300];
	size_t n;

	/* Services cite what they were sent. */
	secret_scrub(c->part->r->env->secrets, p->c->config, e);
	/* A request that could not be made says whose it is. */
	n = (size_t)snprintf(own, sizeof(own), "%s.%s: ", p->c->name,
	    p->ent->name);
	if (n < sizeof(own) && strncmp(e->msg, own, n) == 0)
		memmove(e->msg, e->msg + n, strlen(e->msg + n) + 1);
	if (c->req != NULL && strstr(e->msg, http_url_safe(url, sizeof(url),
	    c->req->url)) == NULL)
		err_prefix(e, "%s.%s, page %lld of %s", p->c->name,
		    p->ent->name, page, url);
	else
		err_prefix(e, "%s.%s, page %lld", p->c->name, p->ent->name,
		    page);
}

static void
on_end(void * arg)
{
	struct reader_call * c = arg;
	struct reader_part * p = c->part;

	p->call = NULL;
	p->e = c->e;
	p->state = PART_FAILED;
	reader_soon(p->r);
	call_free(c);
}

/* It failed for good. */
static void
end(struct reader_call * c, const struct err * e)
{
	c->e = *e;
	reader_call_name(c, &c->e);
	/* Here is known how less is asked for. */
	if (strcmp(e->code, "too_big") == 0 && c->scrape == NULL &&
	    strstr(e->msg, "the answer has more") != NULL &&
	    c->part->r->plan->list->paginate.size_param != NULL)
		err_set(&c->e, c->e.cls, c->e.code, "%s: set batch_size in "
		    "OPTIONS to have fewer records a page", c->e.msg);
	call_enter(c, CALL_DONE);
	reader_call_answered(c);
	loop_soon(c->part->r->env->loop, &c->soon, on_end, c);
}

void
reader_call_done(struct reader_call * c, struct reader_answer * a)
{
	struct reader_part * p = c->part;
	struct err e;

	if (reader_sync_take(p, a, &e)) {
		p->e = e;
		reader_call_name(c, &p->e);
		p->state = PART_FAILED;
	}
	call_enter(c, CALL_DONE);
	p->call = NULL;
	reader_told(p->r);
	reader_soon(p->r);
	call_free(c);
}

void
reader_call_again(struct reader_call * c)
{
	struct reader_part * p = c->part;

	call_enter(c, CALL_DONE);
	p->state = PART_READY;
	p->call = NULL;
	reader_soon(p->r);
	call_free(c);
}

/* Whether the statement may ask once more at all. */
static int
may_ask(const struct reader_call * c, struct err * e)
{
	const struct reader * r = c->part->r;
	const struct read_ctx * ctx = r->ctx;
	char cols[300];

	if (reader_left_ms(r) == 0)
		return (err_set(e, ERR_TRANSIENT, "deadline", "the statement's "
		    "time is over; ask for less or give it more time"));
	if (ctx->max_calls == 0 || ctx->st.calls < ctx->max_calls)
		return (0);
	reader_filters(r, cols, sizeof(cols));
	return (err_set(e, ERR_PERMANENT, "max_api_calls", "the statement has "
	    "used its %llu API calls (max_api_calls); %s%s%sset a LIMIT, or "
	    "raise max_api_calls in OPTIONS",
	    (unsigned long long)ctx->max_calls, cols[0] ? "filter by " : "",
	    cols, cols[0] ? ", " : ""));
}

static void
call_send(struct reader_call * c)
{
	struct reader * r = c->part->r;
	struct err e;

	/* Parts side by side may have used what was left meanwhile. */
	if (may_ask(c, &e)) {
		end(c, &e);
		return;
	}
	call_enter(c, CALL_SENT);
	if (r->plan->ent->decode == DECODE_OPENMETRICS ?
	    reader_metrics_send(c, &e) : reader_page_send(c, &e)) {
		end(c, &e);
		return;
	}
	r->ctx->st.calls++;
	reader_told(r);
}

static void
on_permit(void * arg, int64_t waited_ms, const struct err * e)
{
	struct reader_call * c = arg;

	if (e != NULL)
		c->permit = NULL;
	c->part->r->ctx->st.waited_ms += (uint64_t)waited_ms;
	if (e != NULL)
		end(c, e);
	else
		call_send(c);
}

static void
permit(struct reader_call * c)
{
	const struct reader * r = c->part->r;
	int64_t left = reader_left_ms(r);
	struct err e;

	if (may_ask(c, &e)) {
		end(c, &e);
		return;
	}
	if (r->env->limits == NULL) {
		call_send(c);
		return;
	}
	call_enter(c, CALL_PERMIT);
	c->permit = limits_take(r->env->limits, r->plan->c, &r->plan->list->toll,
	    left < 0 ? 0 : left, on_permit, c);
	if (c->permit == NULL) {
		err_nomem(&e, "a permit");
		end(c, &e);
	}
}

static void
on_backoff(void * arg)
{
	permit(arg);
}

/* Try again in ${ms}; -1 if there is no time for that. */
static int
again_in(struct reader_call * c, int64_t ms)
{
	struct reader * r = c->part->r;
	int64_t left = reader_left_ms(r);

	if (left >= 0 && ms >= left)
		return (-1);
	if (c->timer == NULL && (c->timer = loop_timer_new(r->env->loop,
	    on_backoff, c)) == NULL)
		return (-1);
	call_enter(c, CALL_BACKOFF);
	r->ctx->st.retries++;
	loop_timer_start(c->timer, ms);
	return (0);
}

static unsigned
retries(const struct plan * p)
{
	return (p->c->opt.retry_count >= 0 ? (unsigned)p->c->opt.retry_count :
	    p->ent->retry_count);
}

int
reader_call_retry(struct reader_call * c, const struct err * e)
{
	if (c->tries >= retries(c->part->r->plan))
		return (0);
	reader_call_failed(c, e);
	return (1);
}

void
reader_call_failed(struct reader_call * c, const struct err * e)
{
	const struct plan * p = c->part->r->plan;
	int64_t wait;

	if (e->cls == ERR_TRANSIENT && c->tries < retries(p)) {
		wait = backoff_ms(c->tries, p->ent->retry_base_ms > 0 ?
		    p->ent->retry_base_ms : RETRY_BASE_MS, RETRY_MAX_MS,
		    arc4random());
		if (e->retry_after_ms > wait)
			wait = e->retry_after_ms;
		c->tries++;
		if (again_in(c, wait) == 0)
			return;
	}
	end(c, e);
}

void
reader_call_limited(struct reader_call * c, const struct err * e)
{
	struct reader * r = c->part->r;
	/* "At once" is tried, and each time a little later. */
	int64_t least = LIMITED_MIN_MS << (c->limited < 9 ? c->limited : 9);
	int64_t wait = e->retry_after_ms > least ? e->retry_after_ms : least;
	int64_t left = reader_left_ms(r);

	if (r->env->limits != NULL)
		limits_block(r->env->limits, r->plan->c,
		    &r->plan->list->toll, wait);
	if (++c->limited > LIMITED_MAX || (left >= 0 && wait >= left)) {
		end(c, e);
	} else if (r->env->limits == NULL) {
		if (again_in(c, wait))
			end(c, e);
		else
			r->ctx->st.waited_ms += (uint64_t)wait;
	} else {
		/* In the queue, from where a person may call it earlier. */
		r->ctx->st.retries++;
		permit(c);
	}
}

void
reader_call_kept(struct reader_call * c)
{
	permit(c);
}

struct reader_call *
reader_call_start(struct reader_part * p)
{
	struct reader_call * c = calloc(1, sizeof(*c));
	struct page_pos pos;
	struct err e;
	int bound;

	if (c == NULL)
		return (NULL);
	c->part = p;
	if (reader_sync_place(p)) {
		err_nomem(&e, "a call");
		end(c, &e);
		return (c);
	}
	reader_paginate_pos(p, &pos);
	if (p->is_wide)
		(void)plan_widen(p->r->plan, 1);
	bound = reader_token_bind(p);
	c->req = request_page(p->r->plan, p->in, &pos, &e);
	if (bound)
		plan_unbind(p->r->plan);
	(void)plan_widen(p->r->plan, 0);
	if (c->req == NULL) {
		if (p->resumes && e.cls == ERR_PERMANENT)
			reader_sync_lost(p->r, &e);
		end(c, &e);
		return (c);
	}
	if (reader_kept_ask(c))
		call_enter(c, CALL_KEPT);
	else
		permit(c);
	return (c);
}
