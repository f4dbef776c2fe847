#include "decode/decode_json_rows.h"

#include <stdlib.h>
#include <string.h>

#include "decode/decode_json_fan.h"
#include "decode/decode_json_fault.h"
#include "decode/decode_json_note.h"
#include "decode/decode_json_zip.h"

static int
fits(const struct decode_accept * a, int is_array)
{
	return (a->cond == COND_ANY || (a->cond == COND_ARRAY) == is_array);
}

/* Take rows back until there are ${n}. */
static void
cut_rows(struct decode_json * d, size_t n)
{
	while (d->page->nrows > n)
		page_row_drop(d->page);
}

static int
new_row(struct decode_json * d)
{
	if ((d->row = page_row(d->page)) == NULL)
		return (decode_json_fault_size(d, "the page has more rows than fit into memory"));
	return (0);
}

/* The cells that columns of the record, or of the element, go to; NULL: none. */
static struct value *
cells_of(struct decode_json * d, int element)
{
	if (element)
		return (d->in_element ? d->row : NULL);
	if (!d->in_record)
		return (NULL);
	return (d->plan->ent->explode != NULL ? d->parent : d->row);
}

/* Whether rows need not say why they are kept. */
static uint8_t
keeps_all(const struct decode_json * d, int element)
{
	const struct json_path * p = d->plan->ent->keep_if;

	return (p == NULL || p->of_element != element);
}

static int
begin_record(struct decode_json * d)
{
	d->raw++;
	d->in_record = 1;
	d->in_element = 0;
	d->drop_record = 0;
	d->keep_record = keeps_all(d, 0);
	d->first = d->page->nrows;
	/* Of a record before it, which would lead back. */
	if (d->plan->list->paginate.is_of_record)
		d->field[BODY_CURSOR].kind = TOKEN_NULL;
	if (d->plan->fans)
		decode_json_fan_begin(d, 0);
	if (d->plan->ent->explode == NULL)
		return (new_row(d));
	memset(d->parent, 0, d->page->ncols * sizeof(*d->parent));
	return (0);
}

static int
end_record(struct decode_json * d)
{
	const struct manifest_entity * ent = d->plan->ent;
	struct value * row;
	size_t i, c;

	if (!d->in_record)
		return (0);
	if (d->plan->fans && decode_json_fan_end(d, 0, cells_of(d, 0)))
		return (-1);
	d->in_record = 0;
	if (d->drop_record || !d->keep_record) {
		cut_rows(d, d->first);
		return (0);
	}
	if (ent->explode == NULL)
		return (0);
	for (i = d->first; i < d->page->nrows; i++) {
		row = d->page->cells + i * ent->ncolumns;
		for (c = 0; c < ent->ncolumns; c++)
			if (ent->columns[c].path != NULL &&
			    !ent->columns[c].path->of_element)
				row[c] = d->parent[c];
	}
	return (0);
}

static int
begin_element(struct decode_json * d)
{
	if (!d->in_record)
		return (0);
	d->in_element = 1;
	d->drop_element = 0;
	d->keep_element = keeps_all(d, 1);
	if (d->plan->fans)
		decode_json_fan_begin(d, 1);
	return (new_row(d));
}

static int
end_element(struct decode_json * d)
{
	if (!d->in_element)
		return (0);
	if (d->plan->fans && decode_json_fan_end(d, 1, d->row))
		return (-1);
	d->in_element = 0;
	if (d->drop_element || !d->keep_element)
		page_row_drop(d->page);
	return (0);
}

/* A flag that is not set is no reason; where all is text it is one, too. */
static int
is_unset(const struct decode_json * d, const struct json_token * t)
{
	enum manifest_decode how = d->plan->ent->decode;

	if (t->kind == TOKEN_NULL || t->kind == TOKEN_FALSE)
		return (1);
	return ((how == DECODE_XML || how == DECODE_CSV) &&
	    t->kind == TOKEN_STRING && t->len == 5 &&
	    strncasecmp(d->body.p + t->at, "false", 5) == 0);
}

/* A value for a column, a field of the body, or a reason to drop. */
static int
take(struct decode_json * d, const struct decode_accept * a,
    const struct json_token * t)
{
	size_t quote = t->kind == TOKEN_STRING || t->kind == TOKEN_ESCAPED;
	struct value * cells;

	switch (a->event) {
	case ON_DROP:
		if (is_unset(d, t))
			break;
		if (a->element)
			d->drop_element = 1;
		else
			d->drop_record = 1;
		break;
	case ON_KEEP:
		if (a->element)
			d->keep_element |= decode_json_note_kept(d, t);
		else
			d->keep_record |= decode_json_note_kept(d, t);
		break;
	case ON_LACK:
		decode_json_note_lack(d, &d->plan->list->lacks[a->index], t);
		break;
	case ON_BODY:
		d->field[a->index] = *t;
		break;
	case ON_COLUMN:
		cells = cells_of(d, a->element);
		if (cells == NULL)
			break;
		if (d->plan->ent->columns[a->index].zip) {
			decode_json_zip_take(d, t, &cells[a->index]);
			break;
		}
		if (!d->wanted[a->index])
			break;
		if (a->fan)
			return (decode_json_fan_add(d, a, t->at - quote,
			    t->at + t->len + quote));
		if (decode_value(&d->plan->ent->columns[a->index], t, d->body.p,
		    &d->made, &cells[a->index]))
			return (decode_json_fault_size(d, "the page's texts are larger than 64 MiB"));
		break;
	default:
		break;
	}
	return (0);
}

int
decode_json_rows_open(struct decode_json * d, const struct decode_state * st,
    const struct decode_frame * f)
{
	const struct decode_accept * a;
	size_t i;
	int rv = 0;

	for (i = 0; i < st->naccepts && rv == 0; i++) {
		a = &st->accepts[i];
		if (a->event == ON_PIECE)
			d->piece_seen = 1;
		if (!fits(a, f->is_array))
			continue;
		if (a->event == ON_TOP)
			d->top_seen = 1;
		else if (a->event == ON_LIST)
			d->list_seen = 1;
		else if (a->event == ON_RECORD)
			rv = begin_record(d);
		else if (a->event == ON_ELEMENT)
			rv = begin_element(d);
		else if (a->event == ON_FAN)
			d->there[a->index] = cells_of(d, a->element) != NULL &&
			    d->wanted[a->index];
	}
	return (rv);
}

int
decode_json_rows_close(struct decode_json * d, const struct decode_state * st,
    const struct decode_frame * f, size_t end)
{
	struct json_token t = { TOKEN_TREE, f->start, end - f->start };
	const struct decode_accept * a;
	size_t i;
	int rv = 0;

	/* Backwards: a record ends after what it consists of. */
	for (i = st->naccepts; i-- > 0 && rv == 0;) {
		a = &st->accepts[i];
		if (!fits(a, f->is_array))
			continue;
		if (a->event == ON_RECORD)
			rv = end_record(d);
		else if (a->event == ON_ELEMENT)
			rv = end_element(d);
		else
			rv = take(d, a, &t);
	}
	return (rv);
}

/* What a scalar says of the record path. */
static void
note_scalar(struct decode_json * d, const struct decode_accept * a, int is_null)
{
	if (a->event == ON_PIECE)
		d->piece_seen = 1;
	else if (a->event == ON_TOP)
		/* Many services write null for a list without elements. */
		d->top_seen = (uint8_t)is_null;
	else if (a->event == ON_LIST) {
		d->list_seen = 1;
		d->list_bad |= !is_null && !a->fan;
	}
}

/* Whether a column shows what is a record, or an element, itself. */
static int
shows_whole(const struct decode_state * st)
{
	size_t i;

	for (i = 0; i < st->naccepts; i++)
		if (st->accepts[i].event == ON_COLUMN)
			return (1);
	return (0);
}

int
decode_json_rows_scalar(struct decode_json * d, const struct decode_state * st,
    const struct json_token * t)
{
	const struct decode_accept * a;
	int is_null = t->kind == TOKEN_NULL, record = 0, element = 0, rv = 0;
	size_t i;

	for (i = 0; i < st->naccepts && rv == 0; i++) {
		a = &st->accepts[i];
		if (a->event <= ON_LIST)
			note_scalar(d, a, is_null);
		else if (a->cond != COND_ANY)
			continue;
		else if (a->event == ON_RECORD) {
			/* A null in a list is no record. */
			d->raw += is_null != 0;
			record = !is_null;
			/* Of it there would be a row of NULLs. */
			d->list_bad |= record && !shows_whole(st);
			rv = is_null ? 0 : begin_record(d);
		} else if (a->event == ON_ELEMENT) {
			element = !is_null;
			rv = is_null ? 0 : begin_element(d);
		} else
			rv = take(d, a, t);
	}
	if (rv == 0 && element)
		rv = end_element(d);
	if (rv == 0 && record)
		rv = end_record(d);
	return (rv);
}

static void
forget_one(struct decode_json * d, const struct decode_accept * a,
    const struct decode_frame * f)
{
	struct value * cells;

	switch (a->event) {
	case ON_TOP:
		d->top_seen = 0;
		break;
	case ON_PIECE:
		d->piece_seen = 0;
		break;
	case ON_LIST:
		d->list_seen = d->list_bad = 0;
		break;
	case ON_RECORD:
		cut_rows(d, f->rows);
		d->raw = f->raw;
		break;
	case ON_ELEMENT:
		cut_rows(d, f->rows > d->first ? f->rows : d->first);
		break;
	case ON_FAN:
		d->there[a->index] = 0;
		break;
	case ON_DROP:
		if (a->element)
			d->drop_element = 0;
		else
			d->drop_record = 0;
		break;
	case ON_KEEP:
		if (a->element)
			d->keep_element = 0;
		else
			d->keep_record = 0;
		break;
	case ON_BODY:
		d->field[a->index].kind = TOKEN_NULL;
		break;
	case ON_COLUMN:
		cells = cells_of(d, a->element);
		if (a->fan)
			decode_json_fan_cut(d, a, f);
		else if (cells != NULL)
			memset(&cells[a->index], 0, sizeof(*cells));
		break;
	default:
		break;
	}
}

void
decode_json_rows_forget(struct decode_json * d, uint32_t state,
    const struct decode_frame * f)
{
	const struct decode_state * st;
	size_t i;

	if (state == DECODE_DEAD)
		return;
	st = &d->plan->states[state];
	for (i = 0; i < st->naccepts; i++)
		forget_one(d, &st->accepts[i], f);
	for (i = 0; i < st->nkeys; i++)
		decode_json_rows_forget(d, st->keys[i].state, f);
	for (i = 0; i < st->nplaces; i++)
		decode_json_rows_forget(d, st->places[i].state, f);
	for (i = 0; i < st->nwheres; i++)
		decode_json_rows_forget(d, st->wheres[i].state, f);
	decode_json_rows_forget(d, st->other_key, f);
	decode_json_rows_forget(d, st->other_place, f);
}

/* Bytes of the body that cells point into. */
static size_t
body_used(const struct page * p)
{
	size_t i, n = 0, cells = p->nrows * p->ncols;

	for (i = 0; i < cells; i++)
		if (p->cells[i].type == VALUE_TEXT &&
		    !(p->cells[i].i & DECODE_MADE))
			n += p->cells[i].len;
	return (n);
}

/*
 * Turn offsets into pointers.  ${body}: where the body will live as long as the
 * page; NULL: copy what is used of it to ${copy}.
 */
static void
point(struct page * p, const char * body, const char * from, const char * made,
    char * copy)
{
	size_t at, i, cells = p->nrows * p->ncols;
	struct value * v;

	for (i = 0; i < cells; i++) {
		v = &p->cells[i];
		if (v->type != VALUE_TEXT)
			continue;
		at = (size_t)(v->i / 2);
		if (v->i & DECODE_MADE)
			v->s = made + at;
		else if (body != NULL)
			v->s = body + at;
		else {
			memcpy(copy, from + at, v->len);
			v->s = copy;
			copy += v->len;
		}
	}
}

int
decode_json_rows_finish(struct decode_json * d, struct page ** page)
{
	struct page * p = d->page;
	size_t used;
	char * mem, * body = NULL;

	if (decode_json_zip(d))
		return (-1);
	page_fit(p);
	p->raw = d->raw;
	used = body_used(p);
	/* A page may be kept: it holds what its cells say, and the rest of the
	 * body only where that is the smaller part. */
	if (used > d->body.len / 2) {
		if ((body = realloc(d->body.p, d->body.len + 1)) == NULL)
			body = d->body.p;
		d->body.p = body;
		if (page_adopt(p, body, d->body.len + 1))
			goto nomem;
		d->body = (struct buf)BUF_INIT(d->body.max);
		used = 0;
	}
	if ((mem = malloc(used + d->made.len + 1)) == NULL)
		goto nomem;
	if (page_adopt(p, mem, used + d->made.len + 1)) {
		free(mem);
		goto nomem;
	}
	if (d->made.len > 0)
		memcpy(mem, d->made.p, d->made.len);
	point(p, body, d->body.p, mem, mem + d->made.len);
	d->page = NULL;
	*page = p;
	return (0);

nomem:
	d->failed = 1;
	return (err_nomem(&d->err, "a page"));
}
