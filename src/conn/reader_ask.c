#include "conn/reader_ask.h"

#include <stdlib.h>
#include <string.h>

int
reader_ask_begin(struct reader_ask * a, size_t max, struct err * e)
{
	memset(a, 0, sizeof(*a));
	a->max = max;
	a->given = calloc(max + 1, sizeof(*a->given));
	a->values = calloc(max + 1, sizeof(*a->values));
	if (a->given != NULL && a->values != NULL)
		return (0);
	reader_ask_end(a);
	return (err_nomem(e, "a question"));
}

void
reader_ask_end(struct reader_ask * a)
{
	free(a->given);
	free(a->values);
	a->given = NULL;
	a->values = NULL;
}

/* One more value, of ${col}; NULL: it is none of those that were promised. */
static struct value *
add(struct reader_ask * a, size_t col, unsigned op)
{
	struct value * v;
	struct plan_given * g;

	if (a->n >= a->max || a->nvalues >= a->max)
		return (NULL);
	v = &a->values[a->nvalues++];
	g = &a->given[a->n++];
	g->column = col;
	g->op = op;
	g->values = v;
	g->nvalues = 1;
	return (v);
}

static void
put_text(struct value * v, const char * s, size_t n)
{
	v->type = VALUE_TEXT;
	v->s = s;
	v->len = (uint32_t)n;
}

void
reader_ask_input(struct reader_ask * a, size_t col, const json_t * in)
{
	struct value * v = add(a, col, OP_EQ);

	if (v == NULL)
		return;
	if (json_is_string(in)) {
		put_text(v, json_string_value(in), json_string_length(in));
	} else if (json_is_real(in)) {
		v->type = VALUE_REAL;
		v->d = json_real_value(in);
	} else {
		v->type = VALUE_INT;
		v->i = json_is_true(in) ? 1 : json_integer_value(in);
	}
}

void
reader_ask_pred(struct reader_ask * a, const struct plan_pred * d)
{
	struct plan_given * g;

	if (a->n >= a->max)
		return;
	g = &a->given[a->n++];
	g->column = d->column;
	g->op = d->op;
	g->values = d->values;
	g->nvalues = d->nvalues;
}

void
reader_ask_bound(struct reader_ask * a, const struct manifest_entity * ent,
    size_t col, unsigned op, int64_t at)
{
	struct value * v;
	char * text;

	if (a->ntexts == 2 || (v = add(a, col, op)) == NULL)
		return;
	if (ent->columns[col].type == COLUMN_TIMESTAMP) {
		text = a->text[a->ntexts++];
		rfc3339_format(at, text);
		put_text(v, text, strlen(text));
	} else {
		v->type = VALUE_INT;
		v->i = at;
	}
}
