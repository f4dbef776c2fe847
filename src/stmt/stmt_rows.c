#include <stdlib.h>
#include <string.h>

#include "stmt/stmt_internal.h"

/* The way of a statement's rows into its sink. */

static void
nomem(struct stmt_run * r)
{
	struct err e;

	err_nomem(&e, "a statement");
	stmt_fail(r, &e);
}

static void
free_texts(struct stmt_run * r)
{
	size_t i;

	for (i = 0; i < r->ncells; i++) {
		free(r->texts[i]);
		r->texts[i] = NULL;
	}
}

void
stmt_rows_free(struct stmt_run * r)
{
	if (r->texts != NULL)
		free_texts(r);
	free(r->texts);
	free(r->cells);
	free(r->cols);
	json_decref(r->rows);
	json_decref(r->keep);
}

static void
fill_cell(struct stmt_run * r, size_t i, const json_t * v)
{
	struct query_value * c = &r->cells[i];

	memset(c, 0, sizeof(*c));
	c->s = "";
	switch (v == NULL ? JSON_NULL : json_typeof(v)) {
	case JSON_STRING:
		c->type = QUERY_TEXT;
		c->s = json_string_value(v);
		c->len = json_string_length(v);
		break;
	case JSON_INTEGER:
		c->type = QUERY_INT;
		c->i = json_integer_value(v);
		break;
	case JSON_REAL:
		c->type = QUERY_REAL;
		c->d = json_real_value(v);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		c->type = QUERY_INT;
		c->i = json_is_true(v);
		break;
	case JSON_OBJECT:
	case JSON_ARRAY:
		r->texts[i] = json_dumps(v, JSON_COMPACT);
		c->type = r->texts[i] == NULL ? QUERY_NULL : QUERY_TEXT;
		c->s = r->texts[i] == NULL ? "" : r->texts[i];
		c->len = strlen(c->s);
		break;
	case JSON_NULL:
		c->type = QUERY_NULL;
		break;
	}
}

/* Nonzero: the sink wants no more for now. */
static int
send_row(struct stmt_run * r, const json_t * row)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < r->ncols; i++)
		fill_cell(r, i, json_array_get(row, i));
	r->st.rows++;
	if (r->sink.row != NULL)
		rc = r->sink.row(r->sink.arg, r->ncols, r->cells);
	free_texts(r);
	return (rc);
}

void
stmt_rows_go(struct stmt_run * r)
{
	struct err e;
	int rc;

	if (!r->columns_out) {
		r->columns_out = 1;
		if (r->sink.columns != NULL)
			r->sink.columns(r->sink.arg, r->ncols, r->cols,
			    r->cols + r->ncols);
	}
	for (;;) {
		while (r->next < json_array_size(r->rows) && !r->cancelled)
			if (send_row(r, json_array_get(r->rows, r->next++))) {
				r->paused = 1;
				return;
			}
		if (r->cancelled || r->more == NULL)
			break;
		r->next = 0;
		json_array_clear(r->rows);
		if ((rc = r->more(r)) == 0)
			break;
		if (rc < 0) {
			r->paused = 1;
			return;
		}
	}
	if (r->cancelled) {
		err_set(&e, ERR_CANCELLED, "cancelled",
		    "the statement was cancelled");
		stmt_fail(r, &e);
	} else {
		stmt_done(r);
	}
}

void
stmt_rows(struct stmt_run * r, size_t n, const char * const * cols,
    json_t * rows, json_t * keep)
{
	r->rows = rows;
	r->keep = keep;
	r->ncols = r->ncells = n;
	r->cols = calloc(n * 2 + 1, sizeof(*r->cols));
	r->cells = calloc(n + 1, sizeof(*r->cells));
	r->texts = calloc(n + 1, sizeof(*r->texts));
	if (rows == NULL || r->cols == NULL || r->cells == NULL ||
	    r->texts == NULL) {
		r->ncells = r->texts == NULL ? 0 : n;
		nomem(r);
		return;
	}
	memcpy(r->cols, cols, n * 2 * sizeof(*cols));
	stmt_rows_go(r);
}

void
stmt_more(struct stmt_run * r)
{
	r->paused = 0;
	stmt_rows_go(r);
}

static const char *
type_of(const json_t * v)
{
	switch (json_typeof(v)) {
	case JSON_OBJECT:
	case JSON_ARRAY:
		return ("JSON");
	case JSON_TRUE:
	case JSON_FALSE:
		return ("BOOLEAN");
	case JSON_INTEGER:
		return ("INTEGER");
	case JSON_REAL:
		return ("REAL");
	case JSON_STRING:
		return ("TEXT");
	case JSON_NULL:
		break;
	}
	return ("");
}

void
stmt_answer(struct stmt_run * r, json_t * o)
{
	size_t n = json_object_size(o), i = 0;
	const char ** cols = calloc(n * 2 + 1, sizeof(*cols)), * key;
	json_t * rows = json_pack("[[]]"), * row = json_array_get(rows, 0), * v;

	if (o == NULL || cols == NULL || row == NULL) {
		free(cols);
		json_decref(rows);
		json_decref(o);
		nomem(r);
		return;
	}
	json_object_foreach(o, key, v) {
		cols[i] = key;
		cols[n + i++] = type_of(v);
		json_array_append(row, v);
	}
	stmt_rows(r, n, cols, rows, o);
	free(cols);
}
