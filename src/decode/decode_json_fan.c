#include "decode/decode_json_fan.h"

#include <stdlib.h>
#include <string.h>

#include "base/rfc3339.h"
#include "decode/decode_json_fault.h"
#include "decode/decode_plain.h"

/* Pieces of one record: more would make a cell that no one can use. */
#define PIECES_MAX ((size_t)4 << 20)

/* Pieces that a page's keys may void by coming again; else a page could be made
 * that takes hours. */
#define CUTS_MAX ((size_t)64 << 20)

void
decode_json_fan_begin(struct decode_json * d, int element)
{
	const struct manifest_entity * ent = d->plan->ent;
	size_t i;

	d->pieces[element].n = 0;
	/* A record is within no element. */
	if (!element)
		memset(d->there, 0, ent->ncolumns);
	for (i = 0; element && i < ent->ncolumns; i++)
		if (ent->columns[i].path != NULL &&
		    ent->columns[i].path->of_element == element)
			d->there[i] = 0;
}

int
decode_json_fan_add(struct decode_json * d, const struct decode_accept * a, size_t at,
    size_t end)
{
	struct decode_pieces * p = &d->pieces[a->element];
	struct decode_piece * v;
	size_t cap;

	if (p->n == p->cap) {
		cap = p->cap ? 2 * p->cap : 256;
		if (cap > PIECES_MAX ||
		    (v = realloc(p->v, cap * sizeof(*v))) == NULL)
			return (decode_json_fault_size(d, "a record's list has more elements than "
			    "fit into a cell"));
		p->v = v;
		p->cap = cap;
	}
	v = p->v + p->n++;
	v->column = a->index;
	v->at = (uint32_t)at;
	v->end = (uint32_t)end;
	return (0);
}

/* The token that a piece is. */
static struct json_token
piece_token(const struct decode_json * d, const struct decode_piece * p)
{
	struct json_token t = { TOKEN_NUMBER, p->at, p->end - p->at };
	const char * s = d->body.p + p->at;

	switch (*s) {
	case '"':
		t.at++;
		t.len -= 2;
		t.kind = memchr(s, '\\', t.len + 1) != NULL ? TOKEN_ESCAPED :
		    TOKEN_STRING;
		break;
	case '{':
	case '[':
		t.kind = TOKEN_TREE;
		break;
	case 'n':
		t.kind = TOKEN_NULL;
		break;
	case 't':
		t.kind = TOKEN_TRUE;
		break;
	case 'f':
		t.kind = TOKEN_FALSE;
		break;
	default:
		break;
	}
	return (t);
}

static const char *
text_at(const struct decode_json * d, const struct value * v)
{
	return (((v->i & DECODE_MADE) != 0 ? d->made.p : d->body.p) + v->i / 2);
}

/* <0, 0, >0: of two values of one column, times in their order. */
static int
compare(const struct decode_json * d, const struct value * a,
    const struct value * b)
{
	double x, y;

	if (a->type == VALUE_TEXT && b->type == VALUE_TEXT)
		return (rfc3339_compare(text_at(d, a), a->len, text_at(d, b),
		    b->len));
	if (a->type == VALUE_INT && b->type == VALUE_INT)
		return ((a->i > b->i) - (a->i < b->i));
	x = a->type == VALUE_INT ? (double)a->i : a->d;
	y = b->type == VALUE_INT ? (double)b->i : b->d;
	return (a->type == VALUE_TEXT || b->type == VALUE_TEXT ?
	    a->type - b->type : (x > y) - (x < y));
}

/* One value of pieces: of those that are not null the first, or the one that the
 * column picks. */
static int
one_piece(struct decode_json * d, const struct decode_pieces * p,
    uint32_t column, struct value * v)
{
	const struct manifest_column * c = &d->plan->ent->columns[column];
	struct value next;
	struct json_token t;
	size_t i;
	int cmp;

	for (i = 0; i < p->n; i++) {
		if (p->v[i].column != column)
			continue;
		t = piece_token(d, &p->v[i]);
		if (t.kind == TOKEN_NULL)
			continue;
		memset(&next, 0, sizeof(next));
		if (decode_value(c, &t, d->body.p, &d->made, &next))
			return (-1);
		cmp = v->type == VALUE_NULL ? 0 : compare(d, &next, v);
		if (v->type == VALUE_NULL || (c->pick == PICK_MAX && cmp > 0) ||
		    (c->pick == PICK_MIN && cmp < 0))
			*v = next;
		if (c->pick == PICK_FIRST)
			return (0);
	}
	return (0);
}

/* All pieces as a JSON array. */
static int
join_pieces(struct decode_json * d, const struct decode_pieces * p,
    uint32_t column, struct value * v)
{
	size_t at = d->made.len, i;
	const struct decode_piece * x;

	buf_addc(&d->made, '[');
	for (i = 0; i < p->n; i++) {
		x = &p->v[i];
		if (x->column != column)
			continue;
		if (d->made.len > at + 1)
			buf_addc(&d->made, ',');
		if (decode_plain(d->body.p + x->at, x->end - x->at, &d->made))
			return (-1);
	}
	if (buf_addc(&d->made, ']'))
		return (-1);
	v->type = VALUE_TEXT;
	v->is_json = 1;
	v->len = (uint32_t)(d->made.len - at);
	v->i = (int64_t)at * 2 + DECODE_MADE;
	return (0);
}

int
decode_json_fan_end(struct decode_json * d, int element, struct value * cells)
{
	const struct manifest_entity * ent = d->plan->ent;
	const uint8_t * at = d->there, * end = at + ent->ncolumns;
	const struct manifest_column * c;
	uint32_t i;
	int bad;

	for (; (at = memchr(at, 1, (size_t)(end - at))) != NULL; at++) {
		i = (uint32_t)(at - d->there);
		c = &ent->columns[i];
		if (c->path == NULL || c->path->of_element != element)
			continue;
		if (c->type == COLUMN_LIST || c->type == COLUMN_MAP ||
		    c->type == COLUMN_TEXT)
			bad = join_pieces(d, &d->pieces[element], i, &cells[i]);
		else
			bad = one_piece(d, &d->pieces[element], i, &cells[i]);
		if (bad)
			return (decode_json_fault_size(d, "the page's texts are larger than 64 MiB"));
	}
	return (0);
}

void
decode_json_fan_cut(struct decode_json * d, const struct decode_accept * a,
    const struct decode_frame * f)
{
	struct decode_pieces * p = &d->pieces[a->element];
	size_t i, k = 0;

	if ((d->cuts += p->n) > CUTS_MAX) {
		decode_json_fault_size(d, "the page's objects have the same keys "
		    "too often");
		return;
	}
	for (i = 0; i < p->n; i++)
		if (p->v[i].column != a->index || p->v[i].at < f->start)
			p->v[k++] = p->v[i];
	p->n = k;
}
