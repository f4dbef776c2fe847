#include "fake_http.h"

#include <stdlib.h>
#include <string.h>

#include "fake_loop.h"
#include "net/http_internal.h"

#define MAX_SCRIPTS 320


struct fake_call {
	struct fake_http * H;
	struct fake_call * next;
	const struct fake_answer * a;
	struct fake_answer own; /* served, not scripted */
	size_t at;           /* index of its request */
	char * url;
	int64_t timeout_ms;
	size_t piece, sent;
	int headed;
	int (*on_data)(void *, const char *, size_t);
	int (*on_head)(void *, const char *);
	http_cb * cb;
	void * arg;
	struct loop_timer * step;
	struct loop_timer * deadline;
	struct soon soon;
	struct http_hdrs hdrs;
	struct buf body;
	int failed;
	struct err err;
};

struct script {
	char * url;
	const struct fake_answer * a;
	size_t n, next;
};

struct fake_http {
	struct loop * L;
	struct script scripts[MAX_SCRIPTS];
	size_t nscripts;
	struct fake_request * reqs;
	size_t nreqs, cap;
	struct fake_call * calls;
	void (*serve)(void *, const char *, struct fake_answer *);
	void * serve_arg;
};

static const struct fake_answer nobody = { .err_code = "connect",
    .err_cls = ERR_TRANSIENT };

static struct fake_http *
fake_of(const struct http * H)
{
	return ((struct fake_http *)(uintptr_t)H);
}

static void *
must(void * p)
{
	if (p == NULL)
		abort();
	return (p);
}

struct http *
fake_http_new(struct loop * L)
{
	struct fake_http * F = must(calloc(1, sizeof(*F)));

	F->L = L;
	return ((struct http *)(void *)F);
}

void
fake_http_free(struct http * H)
{
	struct fake_http * F = fake_of(H);
	size_t i;

	if (F == NULL)
		return;
	if (F->calls != NULL)
		abort();
	for (i = 0; i < F->nreqs; i++) {
		free(F->reqs[i].url);
		free(F->reqs[i].headers);
	}
	for (i = 0; i < F->nscripts; i++)
		free(F->scripts[i].url);
	free(F->reqs);
	free(F);
}

static struct script *
script_of(struct fake_http * F, const char * url)
{
	size_t i;

	for (i = 0; i < F->nscripts; i++)
		if (strcmp(F->scripts[i].url, url) == 0)
			return (&F->scripts[i]);
	return (NULL);
}

void
fake_http_script(struct http * H, const char * url,
    const struct fake_answer * a, size_t n)
{
	struct fake_http * F = fake_of(H);
	struct script * s = script_of(F, url);

	if (s == NULL) {
		if (F->nscripts == MAX_SCRIPTS)
			abort();
		s = &F->scripts[F->nscripts++];
		s->url = must(strdup(url));
	}
	s->a = a;
	s->n = n;
	s->next = 0;
}

void
fake_http_serve(struct http * H, void (*serve)(void *, const char *,
    struct fake_answer *), void * arg)
{
	fake_of(H)->serve = serve;
	fake_of(H)->serve_arg = arg;
}

static const struct fake_answer *
answer_of(struct fake_http * F, const char * url)
{
	struct script * s = script_of(F, url);

	if (s == NULL)
		return (&nobody);
	return (&s->a[s->next < s->n - 1 ? s->next++ : s->next]);
}

static void
call_free(struct fake_call * c)
{
	struct fake_call ** p = &c->H->calls;

	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	loop_timer_free(c->step);
	loop_timer_free(c->deadline);
	loop_soon_cancel(c->H->L, &c->soon);
	buf_free(&c->hdrs.text);
	buf_free(&c->body);
	free((char *)(uintptr_t)c->own.body);
	free((char *)(uintptr_t)c->own.header);
	free(c->url);
	free(c);
}

static void
deliver(void * arg)
{
	struct fake_call * c = arg;
	struct http_res res;

	c->H->reqs[c->at].ended = 1;
	if (c->failed) {
		c->cb(c->arg, NULL, &c->err);
	} else {
		memset(&res, 0, sizeof(res));
		res.status = c->a->status ? c->a->status : 200;
		res.body = c->body.p ? c->body.p : "";
		res.body_len = c->body.len;
		res.bytes = c->sent;
		res.url = c->url;
		res.hdrs = &c->hdrs;
		c->cb(c->arg, &res, NULL);
	}
	call_free(c);
}

/* Never on the caller's stack, as with the real one. */
static void
end(struct fake_call * c)
{
	loop_timer_stop(c->step);
	loop_timer_stop(c->deadline);
	loop_soon(c->H->L, &c->soon, deliver, c);
}

static void
fail(struct fake_call * c, enum err_class cls, const char * code)
{
	c->failed = 1;
	err_set(&c->err, cls, code, "GET %s: %s", c->url, code);
	c->err.unsent = strcmp(code, "connect") == 0;
	end(c);
}

static void
add_header(struct fake_call * c, const char * name, const char * value)
{
	if (buf_adds(&c->hdrs.text, name) || buf_adds(&c->hdrs.text, value) ||
	    buf_addc(&c->hdrs.text, '\0'))
		abort();
}

/* Body bytes as http_easy.c hands them over; -1 if the owner wants no more. */
static int
hand_over(struct fake_call * c, const char * p, size_t n)
{
	const struct http_res head = { .hdrs = &c->hdrs };
	int status = c->a->status ? c->a->status : 200;

	c->sent += n;
	if (c->on_data == NULL || status < 200 || status > 299) {
		if (n > HTTP_ERRBODY_MAX - c->body.len)
			n = HTTP_ERRBODY_MAX - c->body.len;
		if (buf_add(&c->body, p, n))
			abort();
		return (0);
	}
	if (!c->headed && c->on_head != NULL) {
		c->headed = 1;
		if (c->on_head(c->arg, http_res_header(&head, "Content-Type")))
			return (-1);
	}
	return (c->on_data(c->arg, p, n));
}

static void
on_step(void * arg)
{
	struct fake_call * c = arg;
	const struct fake_answer * a = c->a;
	size_t len = a->body ? strlen(a->body) : 0, to;
	size_t pieces = a->pieces ? a->pieces : 1;

	if (a->err_code != NULL) {
		fail(c, a->err_cls, a->err_code);
		return;
	}
	c->piece++;
	to = c->piece >= pieces ? len : len * c->piece / pieces;
	if (to > c->sent && hand_over(c, a->body + c->sent, to - c->sent)) {
		fail(c, ERR_CANCELLED, "aborted");
		return;
	}
	if (c->piece >= pieces)
		end(c);
	else
		loop_timer_start(c->step, a->piece_ms);
}

static void
on_deadline(void * arg)
{
	fail(arg, ERR_TRANSIENT, "timeout");
}

static void
record(struct fake_http * F, const struct http_req * req)
{
	struct buf b = BUF_INIT(1 << 16);
	struct fake_request * q;
	size_t i;

	if (F->nreqs == F->cap) {
		F->cap = F->cap ? 2 * F->cap : 64;
		F->reqs = must(realloc(F->reqs, F->cap * sizeof(*F->reqs)));
	}
	q = &F->reqs[F->nreqs++];
	memset(q, 0, sizeof(*q));
	q->at_ms = fake_loop_ms(F->L);
	q->url = must(strdup(req->url));
	for (i = 0; req->headers != NULL && req->headers[i] != NULL; i++)
		if (buf_adds(&b, req->headers[i]) || buf_addc(&b, '\n'))
			abort();
	q->headers = must(strdup(b.p ? b.p : ""));
	buf_free(&b);
}

struct http_call *
http_start(struct http * H, const struct http_req * req, http_cb * cb,
    void * arg)
{
	struct fake_http * F = fake_of(H);
	struct fake_call * c = must(calloc(1, sizeof(*c)));
	const char * line, * end;

	c->H = F;
	c->at = F->nreqs;
	record(F, req);
	c->a = answer_of(F, req->url);
	if (c->a == &nobody && F->serve != NULL) {
		F->serve(F->serve_arg, req->url, &c->own);
		c->a = &c->own;
	}
	c->url = must(strdup(req->url));
	c->timeout_ms = req->timeout_ms ? req->timeout_ms : 30000;
	c->on_data = req->on_data;
	c->on_head = req->on_head;
	c->cb = cb;
	c->arg = arg;
	c->hdrs.text.max = HTTP_HDRS_MAX;
	c->body.max = HTTP_ERRBODY_MAX + 1;
	c->step = must(loop_timer_new(F->L, on_step, c));
	c->deadline = must(loop_timer_new(F->L, on_deadline, c));
	add_header(c, "Content-Type: ", c->a->ctype ? c->a->ctype :
	    "text/plain; version=0.0.4");
	for (line = c->a->header; line != NULL; line = end ? end + 1 : NULL) {
		end = strchr(line, '\n');
		if (buf_add(&c->hdrs.text, line, end ? (size_t)(end - line) :
		    strlen(line)) || buf_addc(&c->hdrs.text, '\0'))
			abort();
	}
	c->next = F->calls;
	F->calls = c;
	if (!c->a->never)
		loop_timer_start(c->step, c->a->delay_ms);
	loop_timer_start(c->deadline, c->timeout_ms);
	return ((struct http_call *)(void *)c);
}

void
http_cancel(struct http_call * call)
{
	struct fake_call * c = (struct fake_call *)(void *)call;

	if (c == NULL)
		return;
	c->H->reqs[c->at].cancelled = 1;
	call_free(c);
}

const char *
http_res_header(const struct http_res * res, const char * name)
{
	const struct buf * b = &res->hdrs->text;
	const char * found = NULL, * p;
	size_t n = strlen(name), at;

	for (at = 0; at < b->len; at += strlen(p) + 1) {
		p = b->p + at;
		if (strncasecmp(p, name, n) == 0 && p[n] == ':')
			found = p + n + 1 + strspn(p + n + 1, " \t");
	}
	return (found);
}

static int
is_to(const struct fake_request * q, const char * url)
{
	return (url == NULL || strcmp(q->url, url) == 0);
}

size_t
fake_http_requests(const struct http * H, const char * url)
{
	const struct fake_http * F = fake_of(H);
	size_t i, n = 0;

	for (i = 0; i < F->nreqs; i++)
		n += (size_t)is_to(&F->reqs[i], url);
	return (n);
}

const struct fake_request *
fake_http_request(const struct http * H, const char * url, size_t i)
{
	const struct fake_http * F = fake_of(H);
	size_t at;

	for (at = 0; at < F->nreqs; at++)
		if (is_to(&F->reqs[at], url) && i-- == 0)
			return (&F->reqs[at]);
	abort();
}

size_t
fake_http_running(const struct http * H)
{
	const struct fake_call * c;
	size_t n = 0;

	for (c = fake_of(H)->calls; c != NULL; c = c->next)
		n++;
	return (n);
}
