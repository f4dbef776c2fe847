#include "conn/probe.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rfc3339.h"
#include "conn/answer_body.h"
#include "conn/answer_rules.h"
#include "conn/limits.h"
#include "conn/request.h"
#include "conn/send.h"
#include "manifest/json_path.h"
#include "secret/secret_scrub.h"

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))
#define MAX_ANSWER ((size_t)8 << 20)

struct probe {
	const struct conn_env * env;
	struct connector * c;
	struct request * req;
	struct send * call;
	struct soon soon;
	struct err e;      /* why nothing was sent */
	int64_t begun_us;
	probe_cb * cb;
	void * arg;
};

static void
probe_free(struct probe * p)
{
	loop_soon_cancel(p->env->loop, &p->soon);
	request_free(p->req);
	connector_unref(p->c);
	free(p);
}

/* The end; ${p} is gone afterwards. */
static void
finish(struct probe * p, const struct answer_budget * b, const struct err * e)
{
	double ms = (double)(clock_mono_us() - p->begun_us) / 1000.0;
	json_t * answer, * limit = NULL;
	char when[RFC3339_LEN] = "";
	probe_cb * cb = p->cb;
	void * arg = p->arg;

	if (b != NULL && (b->limit >= 0 || b->remaining >= 0)) {
		if (b->reset_ms > 0)
			rfc3339_format(b->reset_ms / 1000 * 1000, when);
		limit = json_pack("{s:o, s:o, s:o}", "limit", b->limit >= 0 ?
		    json_integer(b->limit) : json_null(), "remaining",
		    b->remaining >= 0 ? json_integer(b->remaining) :
		    json_null(), "reset", when[0] != '\0' ? json_string(when) :
		    json_null());
	}
	if (e == NULL)
		answer = json_pack("{s:b, s:f, s:o*}", "ok", 1, "latency_ms",
		    ms, "rate_limit", limit);
	else
		answer = json_pack("{s:b, s:f, s:{s:s, s:s, s:s}, s:o*}", "ok",
		    0, "latency_ms", ms, "error", "class",
		    err_class_name(e->cls), "code", e->code, "message", e->msg,
		    "rate_limit", limit);
	probe_free(p);
	cb(arg, answer);
	json_decref(answer);
}

static int
expect(const struct manifest * m, const json_t * body, struct err * e)
{
	struct json_path * path;
	const char * k;
	const json_t * want, * has;

	json_object_foreach(MUTABLE(m->test_expect), k, want) {
		if ((path = json_path_parse(k, e)) == NULL)
			return (-1);
		has = body ? json_path_get(path, body) : NULL;
		json_path_free(path);
		if (has == NULL || !json_equal(want, has))
			return (err_set(e, ERR_CONFIG, "unexpected", "the test "
			    "call was answered, but without %s as it has to "
			    "be: check the URL and the credentials", k));
	}
	return (0);
}

/* Who asks an API is not answered with a page for people, nor with half an answer;
 * text that claims to be nothing else may be all that the service says. */
static int
is_answer(const struct http_res * res, const json_t * body, const char * url,
    struct err * e)
{
	const char * type = http_res_header(res, "Content-Type");

	if (body != NULL || res->body_len == 0 || type == NULL)
		return (0);
	if (strcasestr(type, "html") != NULL)
		return (err_set(e, ERR_CONFIG, "unexpected", "%.200s: the "
		    "answer is HTML: a proxy's or a sign-in page, or the URL "
		    "is none of an API", url));
	if (strcasestr(type, "json") != NULL || strcasestr(type, "xml") != NULL)
		return (err_set(e, ERR_PERMANENT, "unexpected", "%.200s: the "
		    "answer is no valid %s, as it says it is", url,
		    strcasestr(type, "json") != NULL ? "JSON" : "XML"));
	return (0);
}

int
probe_judge(const struct manifest * m, const struct http_res * res,
    const char * url, struct err * e)
{
	json_t * body = answer_body(m, res);
	int rc = -1;

	switch (answer_judge(m, res, body, url, clock_wall_ms(), e)) {
	case ANSWER_OK:
	case ANSWER_NOT_MODIFIED:
		rc = is_answer(res, body, url, e);
		if (rc == 0)
			rc = expect(m, body, e);
		break;
	case ANSWER_EMPTY:
	case ANSWER_SKIP:
		/* Nothing was asked but what is configured: that it is unknown
		 * there is no empty list. */
		if (res->status / 100 == 2)
			rc = expect(m, body, e);
		else
			answer_failed(m, res, url, e);
		break;
	case ANSWER_RATE_LIMITED:
	case ANSWER_ERROR_SKIP:
	case ANSWER_START_OVER:
	case ANSWER_SPLIT:
	case ANSWER_ERROR:
		break;
	}
	json_decref(body);
	return (rc);
}

static void
on_answer(void * arg, const struct http_res * res, const struct err * he)
{
	struct probe * p = arg;
	struct answer_budget b;
	struct err e;
	int bad;

	p->call = NULL;
	if (res == NULL) {
		finish(p, NULL, he);
		return;
	}
	answer_budget(&p->c->m->limits, res, clock_wall_ms(), &b);
	bad = probe_judge(p->c->m, res, p->req->url, &e) != 0;
	/* It is served again; if it says otherwise, that is newer. */
	if (!bad)
		limits_forgive(p->env->limits, p->c);
	if (p->env->limits != NULL)
		limits_answer(p->env->limits, p->c, &p->c->m->test_toll, res,
		    clock_wall_ms());
	if (bad)
		send_judged(p->env, p->req, &e);
	if (bad)
		secret_scrub(p->env->secrets, p->c->config, &e);
	finish(p, &b, bad ? &e : NULL);
}

static void
on_unsent(void * arg)
{
	struct probe * p = arg;
	struct err e = p->e;

	finish(p, NULL, &e);
}

struct probe *
probe_start(const struct conn_env * env, struct connector * c, probe_cb * cb,
    void * arg)
{
	struct probe * p = calloc(1, sizeof(*p));
	struct send_opts o;

	if (p == NULL)
		return (NULL);
	p->env = env;
	p->c = connector_ref(c);
	p->cb = cb;
	p->arg = arg;
	p->begun_us = clock_mono_us();
	if ((p->req = request_test(c, &p->e)) == NULL) {
		loop_soon(env->loop, &p->soon, on_unsent, p);
		return (p);
	}
	memset(&o, 0, sizeof(o));
	o.max_body = MAX_ANSWER;
	p->call = send_start(env, p->req, &o, on_answer, p);
	if (p->call == NULL) {
		probe_free(p);
		return (NULL);
	}
	return (p);
}

void
probe_cancel(struct probe * p)
{
	if (p == NULL)
		return;
	send_cancel(p->call);
	probe_free(p);
}
