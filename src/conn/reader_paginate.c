#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash64.h"
#include "conn/reader_internal.h"
#include "conn/request.h"

/*
 * Where a list goes after a page.  Every end is one that the service tells; what
 * it does not tell (a cap, a page that comes again) is an error, so that a
 * part is never taken for the whole.
 */

void
reader_paginate_begin(struct reader_part * p)
{
	const struct plan * plan = p->r->plan;
	const struct manifest_paginate * pg = &plan->list->paginate;
	int64_t most = pg->size_max ? pg->size_max : pg->size, want = 0;

	if (pg->size_param == NULL)
		return;
	if (plan->c->opt.batch_size > 0)
		want = plan->c->opt.batch_size;
	if (plan->exact && plan->limit >= 0)
		want = plan->limit > 0 ? plan->limit : 1;
	if (most > 0 && want > most)
		want = most;
	if (want > 0 && want < pg->size_min)
		want = pg->size_min;
	p->size = want > INT32_MAX ? INT32_MAX : (int)want;
}

int64_t
reader_paginate_full(const struct reader_part * p)
{
	return (p->size ? p->size : p->r->plan->list->paginate.size);
}

/* What the page at ${offset} is asked for; 0: as the manifest says. */
static int
asked_size(const struct reader_part * p, int64_t offset)
{
	const struct manifest_paginate * pg = &p->r->plan->list->paginate;
	int64_t left = pg->offset_cap - offset;

	/* The last page before the cap is smaller. */
	if (pg->offset_cap > 0 && pg->kind == PAGE_OFFSET && left > 0 &&
	    pg->size_param != NULL && left < reader_paginate_full(p))
		return ((int)left);
	return (p->size);
}

void
reader_paginate_pos(const struct reader_part * p, struct page_pos * pos)
{
	const struct reader_place * last = &p->last;

	memset(pos, 0, sizeof(*pos));
	if (p->check != CHECK_NOT) {
		pos->cursor = last->cursor;
		pos->next_url = last->next_url;
		pos->offset = last->offset;
		pos->number = last->number;
	} else {
		pos->cursor = p->cursor;
		pos->next_url = p->next_url;
		pos->offset = p->offset;
		pos->number = p->number;
	}
	pos->size = asked_size(p, pos->offset);
}

void
reader_paginate_rewind(struct reader_part * p)
{
	reader_paginate_end(p);
	p->offset = p->number = p->place_at = 0;
	p->hash = p->place = p->lacks = p->lacked = 0;
	p->is_last = p->has_failed = 0;
}

void
reader_paginate_hold(struct reader_part * p, struct page * page)
{
	p->r->ctx->st.short_of += p->lacks;
	p->r->lacks += p->lacks;
	p->lacked += p->lacks;
	p->lacks = 0;
	if (page != NULL && page->nrows > 0) {
		p->page = page;
		p->state = PART_HELD;
		return;
	}
	page_unref(page);
	p->state = p->has_failed ? PART_FAILED : p->is_last ? PART_DONE :
	    PART_READY;
}

void
reader_paginate_end(struct reader_part * p)
{
	free(p->cursor);
	free(p->next_url);
	p->cursor = p->next_url = NULL;
}

static int
is_true(const json_t * v)
{
	if (json_is_string(v))
		return (json_string_length(v) > 0 &&
		    strcasecmp(json_string_value(v), "false") != 0);
	if (json_is_number(v))
		return (json_number_value(v) > 0 || json_number_value(v) < 0);
	return (json_is_true(v));
}

/* What leads to the next page; owned until it is the part's. */
struct next {
	char * cursor, * url;
	int no_memory; /* so that it is not taken for an end */
	int no_place;  /* the last record does not have what leads on */
};

/* A scalar as text, allocated; NULL: there is none. */
static char *
text_of(const json_t * v, struct next * n)
{
	char * s = NULL;

	if (json_is_string(v)) {
		if (json_string_length(v) == 0)
			return (NULL);
		s = strdup(json_string_value(v));
	} else if (json_is_integer(v)) {
		if (asprintf(&s, "%lld", (long long)json_integer_value(v)) < 0)
			s = NULL;
	} else if (json_is_real(v)) {
		if (asprintf(&s, "%.17g", json_real_value(v)) < 0)
			s = NULL;
	} else {
		return (NULL);
	}
	n->no_memory |= s == NULL;
	return (s);
}

/* A number of things; -1: there is none, or none that can be read. */
static int64_t
count_of(const json_t * v)
{
	const char * s = json_string_value(v);
	long long n;
	double d;
	char * end;

	if (s != NULL) {
		n = strtoll(s, &end, 10);
		return (end == s || *end != '\0' ? -1 : n);
	}
	if (json_is_integer(v))
		return (json_integer_value(v));
	d = json_number_value(v);
	return (json_is_real(v) && d >= 0 && d < 9e18 ? (int64_t)d : -1);
}

static const json_t *
field(const struct reader_part * p, const struct reader_answer * a,
    enum body_field f)
{
	return (a->body != NULL && p->r->plan->list->paginate.field[f] != NULL ?
	    a->body->field[f] : NULL);
}

int64_t
reader_paginate_total(const struct reader_part * p,
    const struct reader_answer * a)
{
	return (count_of(field(p, a, BODY_TOTAL)));
}

/* Whether the service says that there is more; sets what leads there. */
static int
has_more(struct reader_part * p, const struct reader_answer * a,
    struct next * next)
{
	const struct manifest_paginate * pg = &p->r->plan->list->paginate;
	int64_t raw = (int64_t)a->page->raw, total, full;

	if (pg->kind == PAGE_NONE || a->is_end)
		return (0);
	if (pg->field[BODY_MORE] != NULL && !is_true(field(p, a, BODY_MORE)))
		return (0);
	if (is_true(field(p, a, BODY_LAST)))
		return (0);
	total = reader_paginate_total(p, a);
	/* What it tells only where it is asked to, it tells once. */
	if (pg->kind == PAGE_OFFSET && p->r->plan->list->split_query != NULL) {
		if (total >= 0 && p->number == 1)
			p->told = total;
		else if (total < 0)
			total = p->told;
	}
	if (total >= 0 && p->offset >= total)
		return (0);
	full = asked_size(p, p->offset - raw);
	if (pg->short_page_ends && raw < (full > 0 ? full : reader_paginate_full(p)))
		return (0);
	switch (pg->kind) {
	case PAGE_NONE:
		break;
	case PAGE_LINK:
		next->url = a->link ? reader_link_whole(a->url,
		    reader_link(a->link, pg->rel ? pg->rel : "next",
		    &next->no_memory), &next->no_memory) : NULL;
		return (next->url != NULL);
	case PAGE_CURSOR:
		if (pg->cursor_header == NULL) {
			next->cursor = text_of(field(p, a, BODY_CURSOR), next);
		} else if (a->cursor != NULL && a->cursor[0] != '\0') {
			next->cursor = strdup(a->cursor);
			next->no_memory |= next->cursor == NULL;
		}
		if (next->cursor != NULL && pg->cursor_end != NULL &&
		    strcmp(next->cursor, pg->cursor_end) == 0) {
			free(next->cursor);
			next->cursor = NULL;
		} else {
			next->no_place = pg->is_of_record && raw > 0 &&
			    next->cursor == NULL;
		}
		return (next->cursor != NULL);
	case PAGE_OFFSET:
	case PAGE_NUMBER:
		return (raw > 0);
	case PAGE_NEXT_URL:
		next->url = reader_link_whole(a->url, reader_link_under(p,
		    text_of(field(p, a, BODY_NEXT_URL), next),
		    &next->no_memory), &next->no_memory);
		return (next->url != NULL);
	}
	return (0);
}

char *
reader_paginate_token(const struct reader_part * p,
    const struct reader_answer * a, int * bad)
{
	struct next next = { NULL, NULL, 0, 0 };
	char * s = text_of(field(p, a, BODY_TOKEN), &next);

	if (s != NULL &&
	    p->r->plan->list->paginate.kind == PAGE_NEXT_URL) {
		s = reader_link_whole(a->url, reader_link_under(p, s,
		    &next.no_memory), &next.no_memory);
		if (s != NULL && p->call != NULL && p->call->req != NULL)
			request_hide(p->call->req, s);
	}
	*bad = next.no_memory;
	return (s);
}

static int
is_same(const char * a, const char * b)
{
	return (a == NULL || b == NULL ? a == b : strcmp(a, b) == 0);
}

/*
 * Whether the list came here before: the same page that leads to the same place.
 * One place is kept, and a later one after 1, 2, 4, 8 ... pages, so that a circle
 * of any length is seen before it is gone round three times.
 */
static int
goes_round(struct reader_part * p, const struct next * next, uint64_t hash)
{
	const char * to = next->url ? next->url : next->cursor;
	uint64_t place;

	if (to == NULL)
		return (0);
	place = hash64(hash, to, strlen(to));
	if (p->place_at > 0 && place == p->place)
		return (1);
	if (p->number >= 2 * p->place_at) {
		p->place = place;
		p->place_at = p->number;
	}
	return (0);
}

/* The answer says itself that something is not in it. */
static void
tell_lack(struct reader_part * p, const struct reader_answer * a)
{
	struct result_skips s = { .n = 1 };
	char url[72];

	if (a->body == NULL || a->body->lack[0] == '\0')
		return;
	snprintf(s.why, sizeof(s.why), "%s: %s", http_url_safe(url,
	    sizeof(url), a->url), a->body->lack);
	p->lacked++;
	p->r->lacks++;
	reader_skipped(p->r, &s);
}

int
reader_paginate_after(struct reader_part * p, const struct reader_answer * a,
    struct err * e)
{
	const struct manifest_paginate * pg = &p->r->plan->list->paginate;
	struct next next = { NULL, NULL, 0, 0 };
	int more, again;

	p->offset += (int64_t)a->page->raw;
	if (p->number++ == 0)
		p->told = -1;
	more = has_more(p, a, &next);
	/* It is kept, and shown where it fails. */
	if (next.url != NULL && p->call != NULL && p->call->req != NULL)
		request_hide(p->call->req, next.url);
	/* An empty page may come again while a service looks for more, but not
	 * if it leads to itself. */
	again = p->number > 1 && p->hash == a->hash && (a->page->raw > 0 ||
	    (more && is_same(next.cursor, p->cursor) &&
	    is_same(next.url, p->next_url)));
	again |= more && goes_round(p, &next, a->hash);
	p->hash = a->hash;
	reader_paginate_end(p);
	p->cursor = next.cursor;
	p->next_url = next.url;
	if (next.no_memory || next.no_place || again)
		p->number--; /* for the message: it is this page's */
	if (next.no_memory)
		return (err_nomem(e, "the next page"));
	if (next.no_place)
		return (err_set(e, ERR_PERMANENT, "page_cursor", "the last "
		    "record does not have what the next page goes on from: "
		    "mend from_record in the manifest"));
	if (again)
		return (err_set(e, ERR_PERMANENT, "page_repeats", "the service "
		    "sent a page once more; its paging would not end: "
		    "mend paginate in the manifest or narrow the query"));
	p->is_last = !more;
	/* Its windows say themselves what they lack. */
	if (reader_caps_split(p, a)) {
		p->is_last = 0;
		return (0);
	}
	tell_lack(p, a);
	reader_caps_check(p, a, more);
	/* The rest of it, if that may be asked for in windows. */
	if (p->has_failed && pg->kind != PAGE_NONE &&
	    strcmp(p->e.code, "max_pages") != 0)
		(void)reader_split_late(p);
	reader_caps_total(p, a);
	return (0);
}
