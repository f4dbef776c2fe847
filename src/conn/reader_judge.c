#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "conn/reader_internal.h"

/* What an answer that came whole means for its part. */

/* Parts that are refused one after another before anything else is heard. */
#define REFUSED_MAX 100

/*
 * The service knows one of the values asked for not at all.  Where the others
 * may have rows this part's list is asked again without them, and all is looked
 * at here.
 */
static int
ask_wider(struct reader_part * p)
{
	struct plan * plan = p->r->plan;

	if (p->number > 0 || p->is_wide || !plan_widen(plan, 1))
		return (0);
	(void)plan_widen(plan, 0);
	p->is_wide = 1;
	p->size = 0;
	plan->exact = 0;
	return (1);
}

/* Whether ${text} speaks of the string ${v}, or one in the list. */
static int
cites(const char * text, const json_t * v)
{
	const json_t * one;
	size_t i;

	if (json_string_length(v) > 0)
		return (strcasestr(text, json_string_value(v)) != NULL);
	json_array_foreach(v, i, one)
		if (cites(text, one))
			return (1);
	return (0);
}

/* Whether the value that the service does not know is one of the configuration:
 * then no rows would hide that. */
static int
is_configured(const struct plan * p, const struct http_res * res)
{
	const char * text = res->body ? res->body : "", * key;
	json_t * v;
	size_t i;
	int asked = p->list->partition != NULL;

	for (i = 0; i < p->npreds; i++) {
		asked |= p->preds[i].sent != NULL;
		if (cites(text, p->preds[i].sent))
			return (0);
	}
	json_object_foreach(p->config, key, v)
		if (cites(text, v))
			return (1);
	return (!asked);
}

/* When the service says it is; what its clock cannot say ours does. */
static int64_t
first_ms(const struct http_res * res, int64_t now)
{
	int64_t ms = http_res_date(res);

	return (ms > 0 ? ms : now);
}

/* A part gives no rows, and that is not because it has none. */
static void
skipped(struct reader_call * c, const struct http_res * res)
{
	struct result_skips s = { .n = 1 };
	char url[160];

	snprintf(s.why, sizeof(s.why), "%s answered %d", http_url_safe(url,
	    sizeof(url), c->req->url), res->status);
	log_event(LOG_INFO, "part_left_out",
	    LOG_S("connector", c->part->r->plan->c->name),
	    LOG_S("entity", c->part->r->plan->ent->name), LOG_S("why", s.why));
	reader_sync_left(c->part);
	reader_skipped(c->part->r, &s);
}

/* Whether there is anything beside this part: where all are refused, or it is the only
 * one, that is no answer with a part left out.  So many in a row are taken for all. */
static int
is_one_of_many(const struct reader_part * p)
{
	const struct reader * r = p->r;
	const struct reader_part * q;

	if (r->is_window || r->good > 0)
		return (1);
	if (!reader_parts_ended(r))
		return (r->refused < REFUSED_MAX);
	/* Those that were left out stay in the list for a while. */
	for (q = r->head; q != NULL; q = q->next)
		if (q != p && !q->is_left && q->state != PART_FAILED)
			return (1);
	return (0);
}

/* What an earlier run left off at may be gone; then the service says so in its own
 * way. */
static int
is_lost(const struct reader_call * c, enum answer_kind kind,
    const struct err * e)
{
	if (!c->part->resumes)
		return (0);
	return (kind == ANSWER_EMPTY || kind == ANSWER_SKIP ||
	    (kind == ANSWER_ERROR_SKIP && e->cls != ERR_TRANSIENT) ||
	    (kind == ANSWER_ERROR && e->cls == ERR_PERMANENT));
}

/* A token of an earlier run is one that the service says is gone, without a rule. */
static enum answer_kind
token_kind(const struct reader_call * c, const struct http_res * res,
    enum answer_kind kind, struct err * e)
{
	const struct plan * p = c->part->r->plan;
	const json_t * lost = p->list->token_lost, * v;
	int is = lost == NULL && res->status == 410;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)lost, i, v)
		is |= json_integer_value(v) == res->status;
	if (!is || !c->part->by_token || (kind != ANSWER_ERROR &&
	    kind != ANSWER_ERROR_SKIP && kind != ANSWER_EMPTY))
		return (kind);
	if (kind == ANSWER_EMPTY)
		answer_failed(p->c->m, res, c->req->url, e);
	return (ANSWER_START_OVER);
}

/* The place in the list is there no more. */
static void
forgotten(struct reader_call * c, const struct err * e)
{
	reader_page_forget(c);
	if (reader_sync_over(c->part)) {
		reader_call_again(c);
		return;
	}
	/* Asking once more for it is of no use. */
	c->tries = UINT_MAX;
	reader_call_failed(c, e);
}

/* There is no such thing, or nothing in it. */
static void
empty(struct reader_call * c, const struct http_res * res, struct err * e)
{
	if (ask_wider(c->part)) {
		reader_call_again(c);
		return;
	}
	if (res->status / 100 != 2 && is_configured(c->part->r->plan, res)) {
		answer_failed(c->part->r->plan->c->m, res, c->req->url, e);
		reader_page_forget(c);
		reader_call_failed(c, e);
		return;
	}
	/* A value that it does not know (400, 422) has no rows. */
	if (res->status == 403 || res->status == 404 || res->status == 410)
		skipped(c, res);
	reader_call_done(c, NULL);
}

/* It may be another time; else this part is left out. */
static void
fail_or_skip(struct reader_call * c, const struct http_res * res,
    const struct err * e)
{
	struct reader * r = c->part->r;

	reader_page_forget(c);
	/* Where a run went on it is tried again by the next one. */
	if (c->part->resumes || !is_one_of_many(c->part)) {
		reader_call_failed(c, e);
	} else if (e->cls != ERR_TRANSIENT || !reader_call_retry(c, e)) {
		if (r->refused++ == 0) {
			r->refused_e = *e;
			reader_call_name(c, &r->refused_e);
		}
		skipped(c, res);
		reader_call_done(c, NULL);
	}
}

void
reader_judge(struct reader_call * c, const struct http_res * res)
{
	struct reader * r = c->part->r;
	int64_t now = clock_wall_ms();
	enum answer_kind kind;
	json_t * body;
	struct err e;
	int apart;

	r->ctx->st.bytes += res->bytes;
	if (r->ctx->st.first_ms == 0)
		r->ctx->st.first_ms = first_ms(res, now);
	if (r->env->limits != NULL)
		limits_answer(r->env->limits, r->plan->c, &r->plan->list->toll,
		    res, now);
	body = reader_page_body(c, res);
	kind = answer_judge(r->plan->c->m, res, body, c->req->url, now, &e);
	json_decref(body);
	if (is_lost(c, kind, &e)) {
		reader_sync_lost(r, &e);
		reader_page_forget(c);
		reader_call_failed(c, &e);
		return;
	}
	kind = token_kind(c, res, kind, &e);
	if (kind == ANSWER_EMPTY || kind == ANSWER_SKIP ||
	    (kind == ANSWER_ERROR_SKIP && e.cls != ERR_TRANSIENT)) {
		if ((apart = reader_parts_halve(c->part)) < 0) {
			err_nomem(&e, "a partition");
			reader_call_failed(c, &e);
		} else if (apart > 0) {
			c->part->is_left = 1;
			reader_call_done(c, NULL);
		}
		if (apart != 0)
			return;
	}
	switch (kind) {
	case ANSWER_OK:
		/* CSV has its header at least: nothing is none of it. */
		if (res->status == 204 && r->plan->ent->decode != DECODE_CSV)
			reader_call_done(c, NULL);
		else
			reader_page_decoded(c, res, 0);
		break;
	case ANSWER_NOT_MODIFIED:
		if (c->asks_change) {
			reader_page_forget(c);
			reader_etag_same(c);
			break;
		}
		if (reader_page_kept(c, &e)) {
			reader_call_failed(c, &e);
			break;
		}
		r->ctx->st.not_modified++;
		reader_page_decoded(c, res, 1);
		break;
	case ANSWER_RATE_LIMITED:
		reader_page_forget(c);
		reader_call_limited(c, &e);
		break;
	case ANSWER_EMPTY:
		empty(c, res, &e);
		break;
	case ANSWER_SKIP:
		skipped(c, res);
		reader_call_done(c, NULL);
		break;
	case ANSWER_ERROR_SKIP:
		fail_or_skip(c, res, &e);
		break;
	case ANSWER_START_OVER:
		forgotten(c, &e);
		break;
	case ANSWER_SPLIT:
		reader_page_forget(c);
		if (reader_split_late(c->part))
			reader_call_again(c);
		else
			reader_call_failed(c, &e);
		break;
	case ANSWER_ERROR:
		send_judged(r->env, c->req, &e);
		reader_page_forget(c);
		reader_call_failed(c, &e);
		break;
	}
}
