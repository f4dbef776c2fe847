#include "decode/decode_json_quick.h"

/* As many digits never overflow. */
#define DIGITS_MAX 18

static enum decode_quick_how
how_of(const struct decode_json * d, const struct decode_state * st)
{
	const struct manifest_entity * ent = d->plan->ent;
	const struct decode_accept * a = st->accepts;
	const struct manifest_column * c;

	if (st->naccepts != 1 || a->event != ON_COLUMN || a->cond != COND_ANY ||
	    a->element || a->fan || ent->explode != NULL || !d->wanted[a->index])
		return (QUICK_NOT);
	c = &ent->columns[a->index];
	if (c->zip || c->none != NULL || c->segment != 0 || c->pairs)
		return (QUICK_NOT);
	switch (c->type) {
	case COLUMN_TEXT:
		return (QUICK_TEXT);
	case COLUMN_TIMESTAMP:
		/* What looks like ours may be of another zone. */
		return (c->time == TIME_STRFTIME ? QUICK_NOT : QUICK_TIME);
	case COLUMN_INTEGER:
		return (QUICK_INTEGER);
	case COLUMN_REAL:
	case COLUMN_BOOLEAN:
	case COLUMN_LIST:
	case COLUMN_MAP:
		break;
	}
	return (QUICK_NOT);
}

void
decode_json_quick_mark(struct decode_json * d)
{
	const struct decode_state * st;
	size_t i;

	for (i = 0; i < d->plan->nstates; i++) {
		st = &d->plan->states[i];
		d->quick[i].how = how_of(d, st);
		if (d->quick[i].how != QUICK_NOT)
			d->quick[i].column = st->accepts[0].index;
	}
}

static int
set_digits(struct value * v, const char * s, size_t n)
{
	int64_t x = 0;
	unsigned digit;
	size_t i;

	if (n > DIGITS_MAX)
		return (0);
	for (i = 0; i < n; i++) {
		digit = (unsigned)(unsigned char)s[i] - '0';
		if (digit > 9)
			return (0);
		x = x * 10 + (int64_t)digit;
	}
	v->type = VALUE_INT;
	v->len = 0;
	v->i = x;
	return (1);
}

int
decode_json_quick_set(struct decode_json * d, const struct decode_quick * q,
    const struct json_token * t)
{
	struct value * v = &d->row[q->column];
	const char * s = d->body.p + t->at;

	switch (t->kind) {
	case TOKEN_STRING:
		if (q->how != QUICK_TEXT && (q->how != QUICK_TIME ||
		    !decode_value_is_usual(s, t->len)))
			return (0);
		v->type = VALUE_TEXT;
		v->len = (uint32_t)t->len;
		v->i = (int64_t)t->at * 2;
		return (1);
	case TOKEN_NUMBER:
		return (q->how == QUICK_INTEGER && set_digits(v, s, t->len));
	case TOKEN_NULL:
		v->type = VALUE_NULL;
		v->len = 0;
		v->i = 0;
		return (1);
	case TOKEN_FALSE:
	case TOKEN_TRUE:
	case TOKEN_ESCAPED:
	case TOKEN_TREE:
		break;
	}
	return (0);
}
