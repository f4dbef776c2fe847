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

int
reader_page_kept(struct reader_call * c, struct err * e)
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

void
reader_page_decoded(struct reader_call * c, const struct http_res * res, int is_kept)
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

/* A good answer's body that is too large to be copied: a tree is made of it only where
 * a rule may match, as of a large copy. */
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

json_t *
reader_page_body(const struct reader_call * c, const struct http_res * res)
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
		reader_judge(c, res);
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
