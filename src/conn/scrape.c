#include "conn/scrape.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "conn/send.h"
#include "decode/decode_openmetrics.h"
#include "secret/secret_scrub.h"

/*
 * Decoders hold scratch space of a page's size, so a few serve all readers: one
 * is taken when an answer's first bytes come and given back when it is decoded.
 */
#define MAX_SPARE 8
static struct openmetrics * spare[MAX_SPARE];
static size_t nspare;

struct scrape {
	const struct conn_env * env;
	struct request * req;
	struct sample_layout * expect;
	struct openmetrics * decoder; /* since the first bytes */
	struct send * call;
	struct soon soon;
	struct err failed; /* why nothing was sent or nothing can be read */
	int has_failed;
	int bad_page;      /* the decoder will tell why */
	scrape_cb * cb;
	void * arg;
};

static struct openmetrics *
decoder_take(void)
{
	return (nspare > 0 ? spare[--nspare] : openmetrics_new());
}

static void
decoder_give(struct openmetrics * d)
{
	if (d == NULL)
		return;
	if (nspare < MAX_SPARE)
		spare[nspare++] = d;
	else
		openmetrics_free(d);
}

void
scrape_cleanup(void)
{
	while (nspare > 0)
		openmetrics_free(spare[--nspare]);
}

static void
scrape_free(struct scrape * r)
{
	decoder_give(r->decoder);
	sample_layout_unref(r->expect);
	free(r);
}

/* Begin decoding, now that the answer says what it is. */
static int
begin(struct scrape * r, const char * ctype, struct err * e)
{
	char url[200];

	if (!openmetrics_acceptable(ctype))
		return (err_set(e, ERR_PERMANENT, "content_type",
		    "%s answered %.60s, which is no metrics page; check the "
		    "endpoint", http_url_safe(url, sizeof(url), r->req->url),
		    ctype));
	if ((r->decoder = decoder_take()) == NULL)
		return (err_nomem(e, "a decoder"));
	openmetrics_begin(r->decoder, openmetrics_format_of(ctype), r->expect);
	return (0);
}

static int
on_head(void * arg, const char * ctype)
{
	struct scrape * r = arg;

	if (begin(r, ctype, &r->failed) == 0)
		return (0);
	r->has_failed = 1;
	return (-1);
}

static int
on_data(void * arg, const char * p, size_t n)
{
	struct scrape * r = arg;

	if (openmetrics_feed(r->decoder, p, n) == 0)
		return (0);
	r->bad_page = 1;
	return (-1);
}

/* Decide what the answer was; 0 with ${page} or -1 with ${e}. */
static int
judge(struct scrape * r, const struct http_res * res, const struct err * he,
    struct sample_page * page, struct err * e)
{
	char url[200];

	if (r->has_failed)
		*e = r->failed;
	else if (res == NULL && !r->bad_page)
		*e = *he;
	else if (res != NULL && res->status != 200) {
		err_from_http(e, res, http_url_safe(url, sizeof(url),
		    r->req->url));
		/* A page that refuses today may not tomorrow: an exporter's 401
		 * is an error to be seen, not a reason to stop asking. */
		if (res->status / 100 == 4 && res->status != 429)
			e->cls = ERR_PERMANENT;
	} else if (r->decoder != NULL || begin(r,
	    http_res_header(res, "Content-Type"), e) == 0)
		return (openmetrics_end(r->decoder, page, e));
	return (-1);
}

static void
on_answer(void * arg, const struct http_res * res, const struct err * he)
{
	struct scrape * r = arg;
	struct sample_page page = { NULL, NULL, NULL, 0 };
	struct err e;

	r->call = NULL;
	if (judge(r, res, he, &page, &e)) {
		secret_scrub(r->env->secrets, r->req->c->config, &e);
		r->cb(r->arg, NULL, &e);
	} else
		r->cb(r->arg, &page, NULL);
	sample_layout_unref(page.layout);
	sample_diff_free(page.diff);
	scrape_free(r);
}

static void
on_unsent(void * arg)
{
	struct scrape * r = arg;

	r->cb(r->arg, NULL, &r->failed);
	scrape_free(r);
}

struct scrape *
scrape_start(const struct conn_env * env, struct request * req,
    struct sample_layout * expect, int64_t timeout_ms, scrape_cb * cb,
    void * arg)
{
	struct send_opts o;
	struct scrape * r;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (NULL);
	r->env = env;
	r->req = req;
	r->expect = expect ? sample_layout_ref(expect) : NULL;
	r->cb = cb;
	r->arg = arg;
	memset(&o, 0, sizeof(o));
	o.timeout_ms = timeout_ms;
	o.queue_timeout_ms = timeout_ms;
	o.on_head = on_head;
	o.on_data = on_data;
	/* The run counts. */
	o.uncounted = 1;
	r->call = send_start(env, req, &o, on_answer, r);
	if (r->call == NULL) {
		err_nomem(&r->failed, "a request");
		loop_soon(env->loop, &r->soon, on_unsent, r);
	}
	return (r);
}

void
scrape_cancel(struct scrape * r)
{
	if (r == NULL)
		return;
	send_cancel(r->call);
	loop_soon_cancel(r->env->loop, &r->soon);
	scrape_free(r);
}
