#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/utf8.h"
#include "conn/reader_internal.h"
#include "conn/request_build.h"

/*
 * Lists that go on where an earlier run ended: by a token that the service put into
 * its last page, or by what led on from any page.  Each part has its own.  A token
 * is told once whoever reads has all rows that came before it: pages with rows tell
 * theirs when they are given, those without at once; and all are passed on when the
 * next page is asked for, for then the rows given are used.
 */

#define TOKEN_MAX 8192

struct told {
	uint64_t part;
	char * token;
	int is_end;
	uint64_t lacks;
};

struct reader_tokens {
	const struct reader_cursors * cursors;
	struct told * told;
	size_t n, cap;
};

void
reader_token_free(struct reader_tokens * t)
{
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < t->n; i++)
		free(t->told[i].token);
	free(t->told);
	free(t);
}

int
reader_sync_cursors(struct reader * r, const struct reader_cursors * cursors,
    struct err * e)
{
	struct reader_tokens * t = calloc(1, sizeof(*t));

	if (t == NULL)
		return (err_nomem(e, "a reader"));
	t->cursors = cursors;
	reader_token_free(r->sync->tokens);
	r->sync->tokens = t;
	return (0);
}

static struct reader_tokens *
tokens_of(const struct reader_part * p)
{
	const struct reader * r = p->r;

	return (r->sync != NULL && r->plan->list->by_token ?
	    r->sync->tokens : NULL);
}

/* The same where each part goes by a value of its own. */
static struct reader_tokens *
values_of(const struct reader_part * p)
{
	const struct reader * r = p->r;

	return (r->sync != NULL && r->sync->tokens != NULL &&
	    !r->plan->list->by_token && r->sync->tokens->cursors->from != NULL ?
	    r->sync->tokens : NULL);
}

/* ${token} (taken) of part ${p} is good once the rows given are used. */
static int
push(struct reader_part * p, char * token, int is_end)
{
	struct reader_tokens * t = p->r->sync->tokens;
	size_t cap = t->cap == 0 ? 8 : 2 * t->cap;
	struct told * more;

	if (t->n == t->cap) {
		if ((more = realloc(t->told, cap * sizeof(*more))) == NULL) {
			free(token);
			return (-1);
		}
		t->told = more;
		t->cap = cap;
	}
	t->told[t->n++] = (struct told){ p->in_hash, token, is_end,
	    p->lacked };
	return (0);
}

static int
begin_value(struct reader_part * p, const struct reader_cursors * c,
    struct err * e)
{
	const struct value * v = c->from(c->arg, p->in_hash, p->in);
	size_t len = v != NULL && v->type == VALUE_TEXT ? v->len : 0;

	if (v == NULL)
		return (0);
	if ((p->from = malloc(sizeof(*v) + len)) == NULL)
		return (err_nomem(e, "a part's cursor"));
	*p->from = *v;
	if (len > 0) {
		memcpy(p->from + 1, v->s, len);
		p->from->s = (const char *)(p->from + 1);
	}
	return (0);
}

int
reader_token_skips(const struct reader_part * p)
{
	const struct reader_tokens * t = p->r->sync->tokens;

	return (t != NULL && t->cursors->skip != NULL &&
	    t->cursors->skip(t->cursors->arg, p->in_hash));
}

int
reader_token_begin(struct reader_part * p, struct err * e)
{
	struct reader_tokens * t = tokens_of(p);
	const char * s;
	char * copy;

	if (values_of(p) != NULL)
		return (begin_value(p, values_of(p)->cursors, e));
	if (t == NULL || (s = t->cursors->token(t->cursors->arg, p->in_hash,
	    p->in)) == NULL)
		return (0);
	if ((copy = strdup(s)) == NULL)
		return (err_nomem(e, "a token"));
	if (p->r->plan->list->paginate.kind == PAGE_CURSOR)
		p->cursor = copy;
	else
		p->next_url = copy;
	p->by_token = 1;
	return (0);
}

/* What is signed goes to nobody else: not in the next run either. */
static int
check_host(const struct reader_part * p, struct err * e)
{
	struct buf url = BUF_INIT(0);
	int rc = 0;

	if (p->token != NULL && p->call != NULL && p->call->req != NULL &&
	    p->r->plan->list->paginate.kind == PAGE_NEXT_URL)
		rc = request_url_resolve(p->call->req->url, p->token, &url, e);
	buf_free(&url);
	return (rc);
}

int
reader_token_after(struct reader_part * p, const struct reader_answer * a,
    struct err * e)
{
	const struct plan * plan = p->r->plan;
	const char * on = p->cursor != NULL ? p->cursor : p->next_url;
	int bad = 0;

	p->by_token = 0;
	if (tokens_of(p) == NULL)
		return (0);
	free(p->token);
	p->token = reader_paginate_token(p, a, &bad);
	if (p->token == NULL && !bad && !p->is_last && on != NULL &&
	    strlen(on) <= TOKEN_MAX)
		bad = (p->token = strdup(on)) == NULL;
	if (bad)
		return (err_nomem(e, "a token"));
	if (p->token != NULL && strlen(p->token) > TOKEN_MAX)
		return (err_set(e, ERR_PERMANENT, "token", "what the service "
		    "wants to be sent next time is %zu bytes long, and at most "
		    "%d are kept", strlen(p->token), TOKEN_MAX));
	/* It is kept as JSON.  What stands in a body is text in any case. */
	if (p->token != NULL && utf8_check(p->token, strlen(p->token)) <
	    strlen(p->token))
		return (err_set(e, ERR_PERMANENT, "token", "the header %s "
		    "leads on by what is no UTF-8, which cannot be kept for the "
		    "next run", log_or_empty(plan->list->paginate.
		    cursor_header)));
	if (check_host(p, e))
		return (-1);
	if (p->token == NULL && p->is_last && !p->has_failed)
		log_event(LOG_WARN, "no_token",
		    LOG_S("connector", plan->c->name),
		    LOG_S("entity", plan->ent->name), LOG_S("why", "the last "
		    "page says not where to go on"));
	return (0);
}

static void
tell_end(struct reader_part * p)
{
	/* What was left out has no end. */
	if (p->is_last && !p->has_failed && !p->is_left && !p->is_told)
		p->is_told = push(p, NULL, 1) == 0;
}

void
reader_token_held(struct reader_part * p)
{
	if (p->page != NULL)
		return;
	if (values_of(p) != NULL)
		tell_end(p);
	else if (tokens_of(p) != NULL)
		reader_token_given(p);
}

int
reader_token_enough(struct reader_part * p)
{
	struct reader_tokens * t = values_of(p);

	if (t == NULL || p->number == 0 || p->split != NULL ||
	    !t->cursors->enough(t->cursors->arg, p->in_hash))
		return (0);
	p->is_last = 1;
	tell_end(p);
	return (1);
}

int
reader_token_waits(const struct reader_part * p)
{
	return (p->number > 0 && p->from != NULL);
}

int
reader_token_bind(const struct reader_part * p)
{
	const struct reader_tokens * t = values_of(p);

	return (t != NULL && p->from != NULL && plan_bind(p->r->plan,
	    t->cursors->column, p->from));
}

void
reader_token_given(struct reader_part * p)
{
	struct reader_tokens * t = values_of(p);

	if (t != NULL) {
		t->cursors->given(t->cursors->arg, p->in_hash);
		tell_end(p);
		return;
	}
	if (p->token == NULL)
		return;
	/* Without memory the next run reads this page again. */
	(void)push(p, p->token, p->is_last && !p->has_failed);
	p->token = NULL;
}

int
reader_token_lost(struct reader_part * p)
{
	int was = p->by_token || p->number > 0;

	if (tokens_of(p) == NULL)
		return (1);
	free(p->token);
	p->token = NULL;
	p->by_token = 0;
	return (was && push(p, NULL, 0) == 0);
}

void
reader_token_tell(struct reader * r)
{
	struct reader_tokens * t = r->sync != NULL ? r->sync->tokens : NULL;
	struct reader_told told;
	size_t i;

	if (t == NULL)
		return;
	for (i = 0; i < t->n; i++) {
		told.part = t->told[i].part;
		told.token = t->told[i].token;
		told.is_end = t->told[i].is_end;
		told.lacks = t->told[i].lacks;
		t->cursors->told(t->cursors->arg, &told);
		free(t->told[i].token);
	}
	t->n = 0;
}
