#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "conn/answer_body.h"
#include "conn/reader_internal.h"

/*
 * Decoders hold scratch space of a page's size and compiled paths cost about
 * what a page does, so both are kept for the next reader: a decoder is taken
 * when an answer's first bytes come and given back when it is decoded.
 */
#define MAX_SPARE 8
#define MAX_PLANS 32
/* A copy for error rules: answers that are errors are small. */
#define COPY_MAX ((size_t)1 << 20)
/* All headers of an answer are less. */
#define LINKS_MAX ((size_t)1 << 20)
/* Parts that are refused one after another before anything else is heard. */
#define REFUSED_MAX 100

static struct decode_json * spare[MAX_SPARE];
static size_t nspare;

/* The manifest is held, so that no other one takes its address. */
static struct known_plan {
	struct manifest * m;
	const struct manifest_list * list;
	struct decode_plan * plan;
} known[MAX_PLANS];
static size_t next_known;

struct decode_plan *
reader_page_plan(const struct plan * p, struct err * e)
{
	struct known_plan * k;
	struct decode_plan * d;
	size_t i;

	for (i = 0; i < MAX_PLANS; i++)
		if (known[i].m == p->c->m && known[i].list == p->list)
			return (decode_plan_ref(known[i].plan));
	if ((d = decode_plan_new(p->ent, p->list, e)) == NULL)
		return (NULL);
	k = &known[next_known++ % MAX_PLANS];
	manifest_unref(k->m);
	decode_plan_unref(k->plan);
	k->m = manifest_ref(p->c->m);
	k->list = p->list;
	k->plan = decode_plan_ref(d);
	return (d);
}

void
reader_page_cleanup(void)
{
	size_t i;

	while (nspare > 0)
		decode_json_free(spare[--nspare]);
	for (i = 0; i < MAX_PLANS; i++) {
		manifest_unref(known[i].m);
		decode_plan_unref(known[i].plan);
	}
	memset(known, 0, sizeof(known));
}

void
reader_page_forget(struct reader_call * c)
{
	if (c->decoder == NULL)
		return;
	if (nspare < MAX_SPARE)
		spare[nspare++] = c->decoder;
	else
		decode_json_free(c->decoder);
	c->decoder = NULL;
}

static int
begin(struct reader_call * c, struct err * e)
{
	const struct reader * r = c->part->r;

	buf_clear(&c->body);
	c->bad_page = 0;
	c->decoder = nspare > 0 ? spare[--nspare] : decode_json_new();
	if (c->decoder == NULL || decode_json_begin(c->decoder, r->decode,
	    r->plan->wanted))
		return (err_nomem(e, "a decoder"));
	return (0);
}

static int
feed(struct reader_call * c, const char * p, size_t n)
{
	if (c->copy)
		(void)buf_add(&c->body, p, n);
	if (decode_json_feed(c->decoder, p, n) == 0)
		return (0);
	c->bad_page = 1;
	return (-1);
}

static int
on_data(void * arg, const char * p, size_t n)
{
	struct reader_call * c = arg;

	if (c->decoder == NULL && begin(c, &c->e)) {
		c->has_failed = 1;
		return (-1);
	}
	return (feed(c, p, n));
}

/* What was kept is what the service would send. */
static int
feed_kept(struct reader_call * c, struct err * e)
{
	const json_t * body = json_object_get(c->kept.v, "body");

	if (!json_is_string(body))
		return (err_set(e, ERR_PERMANENT, "http_304", "the service "
		    "answered 304 though it was not asked whether anything "
		    "changed"));
	reader_page_forget(c);
	c->copy = 0;
	if (begin(c, e))
		return (-1);
	(void)feed(c, json_string_value(body), json_string_length(body));
	return (0);
}

static const char *
kept_or(const struct reader_call * c, const char * key, const char * has,
    int is_kept)
{
	if (has == NULL && is_kept && c->kept.v != NULL)
		return (json_string_value(json_object_get(c->kept.v, key)));
	return (has);
}

static void
decoded(struct reader_call * c, const struct http_res * res, int is_kept)
{
	struct reader_part * p = c->part;
	struct read_stats * st = &p->r->ctx->st;
	const char * head = p->r->plan->list->paginate.cursor_header;
	struct reader_answer a;
	struct decode_body body;
	struct buf link = BUF_INIT(LINKS_MAX);
	struct page * page = NULL;
	struct err e;

	memset(&body, 0, sizeof(body));
	/* A list that seems to end would be taken for whole. */
	if (p->r->plan->list->paginate.kind == PAGE_LINK &&
	    http_hdrs_all(res, "Link", &link) > 0 && link.failed) {
		buf_free(&link);
		err_nomem(&e, "a Link header");
		reader_call_failed(c, &e);
		return;
	}
	if ((c->decoder == NULL && begin(c, &e)) ||
	    decode_json_end(c->decoder, &page, &body, &e) ||
	    reader_parts_fill(p, page)) {
		if (page != NULL)
			err_nomem(&e, "a page");
		buf_free(&link);
		page_unref(page);
		reader_call_failed(c, &e);
		return;
	}
	page->at_ms = clock_wall_ms();
	st->pages++;
	st->rows += page->nrows;
	memset(&a, 0, sizeof(a));
	a.page = page;
	a.body = &body;
	a.url = c->req->url;
	a.hash = body.hash;
	a.link = link.p;
	a.cursor = head ? http_res_header(res, head) : NULL;
	reader_etag_came(c, kept_or(c, "etag", http_res_header(res, "ETag"),
	    is_kept), kept_or(c, "last_modified", http_res_header(res,
	    "Last-Modified"), is_kept));
	if (is_kept) {
		a.link = kept_or(c, "link", a.link, 1);
		a.cursor = kept_or(c, "cursor", a.cursor, 1);
	} else {
		reader_kept_put(c, res, link.p);
	}
	log_event(LOG_DEBUG, "page", LOG_S("connector", p->r->plan->c->name),
	    LOG_S("entity", p->r->plan->ent->name),
	    LOG_I("page", p->number + 1), LOG_I("rows", page->nrows),
	    LOG_I("bytes", res->bytes), LOG_I("kept", is_kept));
	reader_call_done(c, &a);
	buf_free(&link);
}

/* The same of one that is too large to be copied: a tree is made of it only where a
 * rule may match, as of a large copy. */
static json_t *
large_body(const struct reader_call * c)
{
	const struct plan * p = c->part->r->plan;
	struct buf b = BUF_INIT(0);
	json_t * v = NULL;
	const char * s;
	size_t n;

	if (c->decoder == NULL || (s = decode_json_text(c->decoder, &n)) ==
	    NULL || !answer_may_match(p->c->m, p->ent->decode, s, n))
		return (NULL);
	if (p->ent->decode != DECODE_NDJSON)
		return (json_loadb(s, n, JSON_DECODE_ANY, NULL));
	buf_add(&b, s, n);
	if (buf_addc(&b, ']') == 0)
		v = json_loadb(b.p, b.len, 0, NULL);
	buf_free(&b);
	return (v);
}

/* A good answer's body, where a rule looks into it. */
static json_t *
ruled_body(const struct reader_call * c, const struct http_res * res)
{
	const struct plan * p = c->part->r->plan;

	if (!c->part->r->has_body_rules || res->status / 100 != 2)
		return (NULL);
	if (c->body.failed)
		return (large_body(c));
	if (c->body.len == 0 || (c->body.len > COPY_MAX &&
	    !answer_may_match(p->c->m, p->ent->decode, c->body.p,
	    c->body.len)))
		return (NULL);
	return (answer_body_read(p->c->m, NULL, p->ent->decode, c->body.p,
	    c->body.len));
}

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

static void
judged(struct reader_call * c, const struct http_res * res)
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
	body = ruled_body(c, res);
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
			decoded(c, res, 0);
		break;
	case ANSWER_NOT_MODIFIED:
		if (c->asks_change) {
			reader_page_forget(c);
			reader_etag_same(c);
			break;
		}
		if (feed_kept(c, &e)) {
			reader_call_failed(c, &e);
			break;
		}
		r->ctx->st.not_modified++;
		decoded(c, res, 1);
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

static void
on_answer(void * arg, const struct http_res * res, const struct err * he)
{
	struct reader_call * c = arg;
	struct decode_body body;
	struct page * page = NULL;
	struct err e;

	c->sent = NULL;
	reader_call_answered(c);
	if (c->has_failed) {
		e = c->e;
		reader_page_forget(c);
		reader_call_failed(c, &e);
	} else if (c->bad_page) {
		if (decode_json_end(c->decoder, &page, &body, &e) == 0) {
			page_unref(page);
			err_set(&e, ERR_PERMANENT, "json",
			    "the page cannot be read");
		}
		reader_page_forget(c);
		reader_call_failed(c, &e);
	} else if (res == NULL) {
		e = *he;
		reader_page_forget(c);
		reader_call_failed(c, &e);
	} else {
		judged(c, res);
	}
}

/* How much of it is copied: of what the decoder holds as JSON no more than an error
 * has.  Of the rest nothing else has the text. */
static size_t
copy_max(const struct reader * r)
{
	enum manifest_decode how = r->plan->ent->decode;

	return (r->has_body_rules && (how == DECODE_XML || how == DECODE_CSV) ?
	    0 : COPY_MAX);
}

int
reader_page_send(struct reader_call * c, struct err * e)
{
	int64_t left = reader_left_ms(c->part->r);
	struct buf lines[2] = { BUF_INIT(16384), BUF_INIT(16384) };
	const char * more[3] = { NULL, NULL, NULL };
	struct send_opts o;
	size_t n;

	memset(&o, 0, sizeof(o));
	/* If-None-Match and its kin. */
	n = reader_kept_headers(&c->kept, lines);
	while (n > 0) {
		n--;
		more[n] = lines[n].p;
	}
	o.headers = more;
	if (left >= 0)
		o.timeout_ms = left > 0 ? left : 1;
	o.queue_timeout_ms = left > 0 ? left : 0;
	o.on_data = on_data;
	c->has_failed = 0;
	c->bad_page = 0;
	c->copy = c->part->r->has_body_rules || c->kept.key[0] != '\0';
	c->body.max = copy_max(c->part->r);
	buf_clear(&c->body);
	c->sent = send_start(c->part->r->env, c->req, &o, on_answer, c);
	buf_free(&lines[0]);
	buf_free(&lines[1]);
	return (c->sent == NULL ? err_nomem(e, "a request") : 0);
}
