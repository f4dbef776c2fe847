#include "decode/decode_json.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash64.h"
#include "base/openmetrics_number.h"
#include "decode/decode_json_events.h"
#include "decode/decode_json_fault.h"
#include "decode/decode_json_front.h"
#include "decode/decode_json_internal.h"
#include "decode/decode_json_quick.h"
#include "decode/decode_json_rows.h"
#include "decode/decode_json_scan.h"
#include "decode/decode_json_shape.h"

#define BODY_MAX ((size_t)64 << 20)

#define HASH_KEY UINT64_C(0x6d6f6c746c657204)

/* Memory of an unusual page is not kept for the usual ones. */
#define KEEP ((size_t)4 << 20)

struct decode_json *
decode_json_new(void)
{
	struct decode_json * d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return (NULL);
	d->body.max = BODY_MAX;
	d->made.max = BODY_MAX;
	return (d);
}

/* Forget the last answer. */
static void
reset(struct decode_json * d)
{
	size_t i;

	page_unref(d->page);
	d->page = NULL;
	for (i = 0; i < BODY_FIELDS; i++) {
		json_decref(d->value[i]);
		d->value[i] = NULL;
		d->field[i].kind = TOKEN_NULL;
	}
	if (d->body.cap > KEEP)
		buf_free(&d->body);
	if (d->made.cap > KEEP)
		buf_free(&d->made);
	for (i = 0; i < 2; i++) {
		d->pieces[i].n = 0;
		if (d->pieces[i].cap * sizeof(*d->pieces[i].v) > KEEP) {
			free(d->pieces[i].v);
			d->pieces[i].v = NULL;
			d->pieces[i].cap = 0;
		}
	}
	buf_clear(&d->body);
	buf_clear(&d->made);
	d->failed = 0;
	d->fed = d->look = d->stall = 0;
	d->expect = EXPECT_VALUE;
	d->nframes = d->skip = 0;
	d->next = DECODE_DEAD;
	d->row = NULL;
	d->first = d->raw = d->cuts = 0;
	d->in_record = d->in_element = 0;
	d->drop_record = d->drop_element = 0;
	d->lack[0] = '\0';
	d->top_seen = d->piece_seen = d->list_seen = d->list_bad = 0;
}

void
decode_json_free(struct decode_json * d)
{
	if (d == NULL)
		return;
	reset(d);
	decode_plan_unref(d->plan);
	decode_json_front_free(d);
	buf_free(&d->body);
	buf_free(&d->made);
	free(d->pieces[0].v);
	free(d->pieces[1].v);
	free(d->seen);
	free(d->wanted);
	free(d->there);
	free(d->live);
	free(d->quick);
	free(d->parent);
	free(d->steps);
	free(d);
}

static int
grow(void * pp, size_t * cap, size_t want, size_t size)
{
	void ** p = pp, * mem;

	if (want <= *cap)
		return (0);
	if ((mem = realloc(*p, want * size)) == NULL)
		return (-1);
	*p = mem;
	*cap = want;
	return (0);
}

/* Have room for what ${d}'s plan needs. */
static int
make_room(struct decode_json * d)
{
	size_t ncols = d->plan->ent->ncolumns + 1, cap;

	d->words = (d->plan->max_keys + 63) / 64;
	if (grow(&d->seen, &d->seen_cap, d->words * DECODE_DEPTH + 1,
	    sizeof(*d->seen)))
		return (-1);
	/* Two arrays by state, and three by column, grow together. */
	cap = d->states_cap;
	if (grow(&d->live, &cap, d->plan->nstates, 1) ||
	    grow(&d->quick, &d->states_cap, d->plan->nstates,
	    sizeof(*d->quick)))
		return (-1);
	cap = d->cols_cap;
	if (grow(&d->wanted, &cap, ncols, 1))
		return (-1);
	cap = d->cols_cap;
	if (grow(&d->there, &cap, ncols, 1))
		return (-1);
	return (grow(&d->parent, &d->cols_cap, ncols, sizeof(*d->parent)));
}

/* Mark the states from which something wanted can be met; the others' values are
 * skipped. */
static void
mark_live(struct decode_json * d)
{
	const struct decode_state * st;
	const struct decode_accept * a;
	size_t i = d->plan->nstates, k;
	uint8_t live;

	while (i-- > 0) {
		st = &d->plan->states[i];
		live = decode_json_live(d, st->other_key) != DECODE_DEAD ||
		    decode_json_live(d, st->other_place) != DECODE_DEAD;
		for (k = 0; k < st->naccepts && !live; k++) {
			a = &st->accepts[k];
			live = (a->event != ON_COLUMN && a->event != ON_FAN) ||
			    d->wanted[a->index] ||
			    d->plan->ent->columns[a->index].zip;
		}
		for (k = 0; k < st->nkeys && !live; k++)
			live = d->live[st->keys[k].state];
		for (k = 0; k < st->nplaces && !live; k++)
			live = d->live[st->places[k].state];
		for (k = 0; k < st->nwheres && !live; k++)
			live = d->live[st->wheres[k].state];
		d->live[i] = live;
	}
}

int
decode_json_begin(struct decode_json * d, struct decode_plan * plan,
    const uint8_t * wanted)
{
	size_t n = plan->ent->ncolumns;
	int same = d->plan == plan;

	reset(d);
	decode_plan_ref(plan);
	decode_plan_unref(d->plan);
	d->plan = plan;
	d->page = page_new(plan->ent->ncolumns);
	if (d->page == NULL || make_room(d)) {
		/* What was learned is another plan's. */
		decode_json_shape_begin(d, 0);
		d->failed = 1;
		return (err_nomem(&d->err, "a page"));
	}
	memset(d->there, 0, n);
	same &= wanted != NULL ? memcmp(d->wanted, wanted, n) == 0 :
	    n == 0 || memchr(d->wanted, 0, n) == NULL;
	if (wanted != NULL)
		memcpy(d->wanted, wanted, n);
	else
		memset(d->wanted, 1, n);
	mark_live(d);
	decode_json_quick_mark(d);
	decode_json_shape_begin(d, same);
	if (decode_json_front_has(d) && decode_json_front_begin(d)) {
		d->failed = 1;
		return (err_nomem(&d->err, "a page"));
	}
	return (0);
}

/* Read all that is there; ${last}: nothing will follow. */
static int
check(struct decode_json * d, int last)
{
	static const char bom[] = "\xef\xbb\xbf";
	size_t n = d->body.len, tags;

	/* For a byte order mark, and to see what a page of tags is. */
	tags = d->nframes == 0 ? decode_json_fault_tags(d) : 0;
	if (!last && ((d->fed == 0 && n < 3) || (tags > 0 && tags < 5)))
		return (0);
	if (d->fed == 0 && n >= 3 && memcmp(d->body.p, bom, 3) == 0)
		d->fed = 3;
	return (decode_json_scan(d, last));
}

int
decode_json_take(struct decode_json * d, const char * p, size_t n)
{
	/* A failure is buf_add's, too. */
	if (d->body.cap == 0 && d->last_len > n)
		(void)buf_reserve(&d->body, d->last_len);
	if (buf_add(&d->body, p, n)) {
		if (d->body.len + n > BODY_MAX)
			return (decode_json_fault_size(d,
			    "the page is larger than 64 MiB"));
		d->failed = 1;
		return (err_nomem(&d->err, "a page"));
	}
	if (d->body.len - d->fed < d->stall)
		return (0);
	return (check(d, 0));
}

int
decode_json_feed(struct decode_json * d, const char * p, size_t n)
{
	if (d->failed)
		return (-1);
	return (decode_json_front_has(d) ? decode_json_front_feed(d, p, n) :
	    decode_json_take(d, p, n));
}

const char *
decode_json_text(const struct decode_json * d, size_t * n)
{
	*n = d->body.len;
	switch (d->plan->ent->decode) {
	case DECODE_JSON:
	case DECODE_NDJSON:
		return (d->body.p);
	case DECODE_XML:
	case DECODE_CSV:
	case DECODE_OPENMETRICS:
		break;
	}
	return (NULL);
}

/* Whether the page is an object: what is none says nothing of records. */
static int
is_object(const struct decode_json * d)
{
	size_t i = 0;

	if (d->body.len >= 3 && (unsigned char)d->body.p[0] == 0xef)
		i = 3;
	while (i < d->body.len && strchr(" \t\r\n", d->body.p[i]) != NULL)
		i++;
	return (i < d->body.len && d->body.p[i] == '{');
}

/* Whether records were found, or it was said that there are none. */
static int
found_records(const struct decode_json * d)
{
	if (d->list_bad)
		return (0);
	if (d->plan->list->records_optional && (is_object(d) ||
	    (d->plan->records->neach > 0 && d->top_seen)))
		return (1);
	if (d->plan->records->neach == 0)
		return (d->list_seen);
	return (d->top_seen && (!d->piece_seen || d->list_seen));
}

static json_t *
field_value(struct decode_json * d, const struct json_token * t)
{
	const char * s = d->body.p + t->at;
	size_t at = d->made.len;
	json_t * v = NULL;
	int64_t i;
	double r;

	switch (t->kind) {
	case TOKEN_TRUE:
	case TOKEN_FALSE:
		return (json_boolean(t->kind == TOKEN_TRUE));
	case TOKEN_NUMBER:
		if (decode_value_integer(s, t->len, 0, &i) == 0)
			return (json_integer(i));
		if (memchr(s, '.', t->len) != NULL &&
		    openmetrics_number_real(s, s + t->len, &r) ==
		    OPENMETRICS_NUMBER_OK)
			return (json_real(r));
		/* Past 64 bits: a cursor must go back as it came. */
		return (json_stringn_nocheck(s, t->len));
	case TOKEN_STRING:
		return (json_stringn_nocheck(s, t->len));
	case TOKEN_ESCAPED:
		if (decode_value_unescape(s, t->len, &d->made) == 0)
			v = json_stringn_nocheck(d->made.p + at,
			    d->made.len - at);
		d->made.len = at;
		return (v);
	default:
		return (NULL);
	}
}

/* What the body said besides its records. */
static int
take_fields(struct decode_json * d, struct decode_body * body)
{
	size_t i;

	for (i = 0; i < BODY_FIELDS; i++) {
		body->field[i] = NULL;
		if (d->field[i].kind == TOKEN_NULL ||
		    d->field[i].kind == TOKEN_TREE)
			continue;
		if ((d->value[i] = field_value(d, &d->field[i])) == NULL) {
			d->failed = 1;
			return (err_nomem(&d->err, "a page"));
		}
		body->field[i] = d->value[i];
	}
	return (0);
}

static int
finish(struct decode_json * d, struct page ** page, struct decode_body * body)
{
	if (d->failed || (decode_json_front_has(d) &&
	    decode_json_front_end(d)) || check(d, 1))
		return (-1);
	/* All that was there is good as far as it goes. */
	if (d->expect != EXPECT_NOTHING)
		return (decode_json_fault_syntax(d, d->body.len,
		    "the page is cut off: more was to come"));
	if (!found_records(d))
		return (decode_json_fault_records(d));
	if (take_fields(d, body))
		return (-1);
	memcpy(body->lack, d->lack, sizeof(body->lack));
	body->hash = hash64_long(HASH_KEY, d->body.p, d->body.len);
	return (decode_json_rows_finish(d, page));
}

int
decode_json_end(struct decode_json * d, struct page ** page,
    struct decode_body * body, struct err * e)
{
	size_t len = d->body.len;
	int rv = finish(d, page, body);

	if (rv) {
		*e = d->err;
		*page = NULL;
	}
	/* The answer is over, whatever is fed now. */
	if (!d->failed)
		err_set(&d->err, ERR_PERMANENT, "json", "the page is over");
	d->failed = 1;
	page_unref(d->page);
	d->page = NULL;
	d->last_len = len < KEEP ? len : 0;
	return (rv);
}
