#include "stmt/stmt_hold.h"

#include <stdlib.h>
#include <string.h>

/* Room for a row or two beyond the bound. */
#define HOLD_HARD (STMT_HOLD_MAX + ((size_t)64 << 20))

void
stmt_hold_init(struct stmt_hold * h, struct stmt_hold * up,
    const struct query_sink * sink)
{
	memset(h, 0, sizeof(*h));
	h->up = up;
	h->sink = sink;
	h->streaming = up == NULL;
	h->rows.max = HOLD_HARD;
	h->columns.max = (size_t)1 << 20;
}

void
stmt_hold_free(struct stmt_hold * h)
{
	buf_free(&h->columns);
	buf_free(&h->rows);
	free(h->cells);
	h->cells = NULL;
}

static void
columns_up(struct stmt_hold * h, size_t n, const char * const * names,
    const char * const * types)
{
	h->columns_up = 1;
	if (h->up != NULL)
		stmt_hold_columns(h->up, n, names, types);
	else if (h->sink->columns != NULL)
		h->sink->columns(h->sink->arg, n, names, types);
}

static int
row_up(struct stmt_hold * h, size_t n, const struct query_value * v)
{
	if (h->up != NULL)
		return (stmt_hold_row(h->up, n, v));
	return (h->sink->row == NULL ? 0 : h->sink->row(h->sink->arg, n, v));
}

void
stmt_hold_columns(struct stmt_hold * h, size_t n, const char * const * names,
    const char * const * types)
{
	size_t i;

	if (h->streaming) {
		columns_up(h, n, names, types);
		return;
	}
	for (i = 0; i < n; i++)
		buf_add(&h->columns, names[i], strlen(names[i]) + 1);
	for (i = 0; i < n; i++)
		buf_add(&h->columns, types[i], strlen(types[i]) + 1);
	h->ncolumns = n;
	h->cells = calloc(n + 1, sizeof(*h->cells));
	h->nomem |= h->columns.failed || h->cells == NULL;
}

int
stmt_hold_row(struct stmt_hold * h, size_t n, const struct query_value * v)
{
	size_t i;

	if (h->streaming)
		return (row_up(h, n, v));
	for (i = 0; i < n; i++) {
		buf_add(&h->rows, &v[i], sizeof(v[i]));
		if (v[i].type == QUERY_TEXT || v[i].type == QUERY_BLOB) {
			buf_add(&h->rows, v[i].s, v[i].len);
			buf_addc(&h->rows, '\0');
		}
	}
	h->nomem |= h->rows.failed;
	h->full |= h->rows.len > STMT_HOLD_MAX;
	return (h->full || h->nomem);
}

static void
send_columns(struct stmt_hold * h)
{
	const char ** names = calloc(2 * h->ncolumns + 1, sizeof(*names));
	const char * p = h->columns.p;
	size_t i;

	if (names == NULL) {
		h->nomem = 1;
		return;
	}
	for (i = 0; i < 2 * h->ncolumns; i++) {
		names[i] = p;
		p += strlen(p) + 1;
	}
	columns_up(h, h->ncolumns, names, names + h->ncolumns);
	free(names);
}

/* The next row held, its texts in place. */
static void
take_row(struct stmt_hold * h)
{
	size_t i;

	for (i = 0; i < h->ncolumns; i++) {
		memcpy(&h->cells[i], h->rows.p + h->at, sizeof(h->cells[i]));
		h->at += sizeof(h->cells[i]);
		if (h->cells[i].type == QUERY_TEXT ||
		    h->cells[i].type == QUERY_BLOB) {
			h->cells[i].s = h->rows.p + h->at;
			h->at += h->cells[i].len + 1;
		} else {
			h->cells[i].s = "";
		}
	}
}

int
stmt_hold_is_full(const struct stmt_hold * h)
{
	for (; h != NULL; h = h->up)
		if (h->full && !h->streaming)
			return (1);
	return (0);
}

int
stmt_hold_is_lost(const struct stmt_hold * h)
{
	for (; h != NULL; h = h->up)
		if (h->nomem)
			return (1);
	return (0);
}

/* Let go those from ${h} up that are full, the last first; 1: wait. */
static int
let_go_full(struct stmt_hold * h)
{
	if (h == NULL)
		return (0);
	if (let_go_full(h->up))
		return (1);
	return (h->full && !h->streaming ? stmt_hold_let_go(h) : 0);
}

int
stmt_hold_let_go(struct stmt_hold * h)
{
	if (let_go_full(h->up))
		return (1);
	if (h->streaming)
		return (0);
	if (h->ncolumns > 0 && !h->columns_up && !h->nomem)
		send_columns(h);
	while (h->at < h->rows.len && !h->nomem) {
		take_row(h);
		if (row_up(h, h->ncolumns, h->cells) &&
		    (!stmt_hold_is_full(h->up) || let_go_full(h->up)))
			return (1);
	}
	h->streaming = 1;
	h->full = 0;
	buf_free(&h->rows);
	return (0);
}
