#include <stdlib.h>
#include <string.h>

#include "conn/plan.h"

#define MAX_SHOWN 5 /* values of a list */

static const struct {
	unsigned op;
	const char * word;
} words[] = {
	{ OP_EQ, "=" }, { OP_NE, "!=" }, { OP_IN, "IN" }, { OP_LT, "<" },
	{ OP_LE, "<=" }, { OP_GT, ">" }, { OP_GE, ">=" }, { OP_PREFIX, "LIKE" },
	{ OP_SUBSTR, "LIKE" }, { OP_CONTAINS, "CONTAINS" },
	{ OP_IS_NULL, "IS NULL" }, { OP_NOT_NULL, "IS NOT NULL" }
};

/* As SQL writes it. */
static void
add_sql(struct buf * out, const struct value * v)
{
	size_t i;

	switch ((enum value_type)v->type) {
	case VALUE_NULL:
		buf_adds(out, "NULL");
		break;
	case VALUE_INT:
		buf_addf(out, "%lld", (long long)v->i);
		break;
	case VALUE_REAL:
		buf_addf(out, "%.15g", v->d);
		break;
	case VALUE_TEXT:
		buf_addc(out, '\'');
		for (i = 0; i < v->len; i++) {
			if (v->s[i] == '\'')
				buf_addc(out, '\'');
			buf_addc(out, v->s[i]);
		}
		buf_addc(out, '\'');
		break;
	}
}

static void
add_name(struct buf * out, const struct plan * p, const struct plan_pred * d)
{
	size_t i;

	buf_adds(out, p->ent->columns[d->column].name);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].op == d->op)
			buf_addf(out, " %s", words[i].word);
}

static void
add_pred(struct buf * out, const struct plan * p, const struct plan_pred * d)
{
	size_t i;

	add_name(out, p, d);
	if (d->nvalues == 0)
		return;
	buf_adds(out, d->op == OP_IN ? " (" : " ");
	for (i = 0; i < d->nvalues && i < MAX_SHOWN; i++) {
		if (i > 0)
			buf_adds(out, ", ");
		add_sql(out, &d->values[i]);
	}
	if (i < d->nvalues)
		buf_addf(out, ", ... %zu more", d->nvalues - i);
	if (d->op == OP_IN)
		buf_addc(out, ')');
}

static void
add_sent(struct buf * out, const json_t * v)
{
	char * s;
	json_t * one;
	size_t i;

	if (json_is_array(v)) {
		json_array_foreach(v, i, one) {
			if (i > 0)
				buf_addc(out, ',');
			if (i == MAX_SHOWN) {
				buf_adds(out, "...");
				break;
			}
			add_sent(out, one);
		}
	} else if (json_is_string(v)) {
		buf_add(out, json_string_value(v), json_string_length(v));
	} else if (v != NULL && !json_is_null(v)) {
		s = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
		buf_adds(out, s ? s : "");
		free(s);
	}
}

static void
add_how(struct buf * out, const struct plan_pred * d)
{
	const struct manifest_push * r = d->push;

	if (r == NULL) {
		buf_adds(out, " as input");
		return;
	}
	switch (r->where) {
	case IN_QUERY:
	case IN_BODY:
		buf_addf(out, " as %s=", r->name);
		break;
	case IN_HEADER:
		buf_addf(out, " as header %s: ", r->name);
		break;
	case IN_CLAUSE:
		buf_addf(out, " in %s", r->name);
		return;
	}
	if (r->text == NULL || strcmp(r->text, "{{value}}") == 0)
		add_sent(out, d->sent);
	else
		buf_adds(out, "...");
}

void
plan_describe(const struct plan * p, struct buf * out, struct buf * rest)
{
	const char * sep = "";
	size_t i;

	for (i = 0; i < p->npreds; i++) {
		if (p->preds[i].sent == NULL) {
			if (rest->len > 0)
				buf_adds(rest, ", ");
			add_name(rest, p, &p->preds[i]);
			continue;
		}
		buf_adds(out, sep);
		add_pred(out, p, &p->preds[i]);
		add_how(out, &p->preds[i]);
		sep = ", ";
	}
	for (i = 0; i < p->norders; i++) {
		buf_addf(out, "%s%s%s %s", sep, i == 0 ? "ORDER BY " : "",
		    p->ent->columns[p->orders[i].column].name,
		    p->orders[i].desc ? "DESC" : "ASC");
		sep = ", ";
	}
}
