#include <string.h>

#include "base/clock.h"
#include "net/http_internal.h"

/* Bytes a time: small, so that who reads them meets cuts everywhere. */
#define PIECE 509

static int
fail_nomem(struct http_call * c)
{
	c->failed = 1;
	return (err_nomem(&c->err, "a played answer"));
}

/* Keep the player's answer: it may be gone when the call's turn comes. */
static int
keep(struct http_call * c, const struct http_played * a)
{
	size_t i;

	for (i = 0; a->headers != NULL && a->headers[i] != NULL; i++)
		if (buf_add(&c->hdrs.text, a->headers[i],
		    strlen(a->headers[i]) + 1))
			return (fail_nomem(c));
	c->status = a->status;
	c->bytes = a->body_len;
	if (a->body_len > c->req.max_body) {
		c->failed = 1;
		return (err_set(&c->err, ERR_PERMANENT, "too_big",
		    "the played answer has more than %zu bytes",
		    c->req.max_body));
	}
	c->body.max = a->body_len + 1;
	if (buf_add(&c->body, a->body_len > 0 ? a->body : "", a->body_len))
		return (fail_nomem(c));
	return (0);
}

/* Hand the body of a good answer to who wants it as it comes. */
static int
feed(struct http_call * c)
{
	const struct http_res head = { .hdrs = &c->hdrs };
	const char * ctype = http_res_header(&head, "Content-Type");
	size_t at, n;

	if (c->body.len > 0 && c->req.on_head != NULL) {
		c->headed = 1;
		if (c->req.on_head(c->arg, ctype))
			return (-1);
	}
	for (at = 0; at < c->body.len; at += n) {
		n = c->body.len - at < PIECE ? c->body.len - at : PIECE;
		if (c->req.on_data(c->arg, c->body.p + at, n))
			return (-1);
	}
	buf_clear(&c->body);
	return (0);
}

static void
on_turn(void * arg)
{
	struct http_call * c = arg;

	if (!c->failed && c->req.on_data != NULL && c->status >= 200 &&
	    c->status <= 299 && feed(c)) {
		c->failed = 1;
		err_set(&c->err, ERR_CANCELLED, "aborted",
		    "whoever asked wanted no more of the answer");
	}
	http_call_deliver(c);
}

void
http_play(struct http_call * c, const struct http_req * req)
{
	struct http_opts * o = &c->H->o;
	struct http_played a;

	memset(&a, 0, sizeof(a));
	c->start_us = c->end_us = clock_mono_us();
	if (o->play(o->play_arg, req, &a, &c->err))
		c->failed = 1;
	else if (keep(c, &a))
		c->failed = 1;
	/* Done as far as the network goes: so it can be cancelled. */
	http_call_enter(c, CALL_DONE);
	loop_soon(c->H->L, &c->soon, on_turn, c);
}
