#include "decode/decode_json_zip.h"

#include <stdlib.h>
#include <string.h>

#include "decode/decode_json_fault.h"
#include "decode/decode_json_walk.h"

#define TOO_MANY "the page has more rows than fit into memory"

void
decode_json_zip_take(struct decode_json * d, const struct json_token * t,
    struct value * cell)
{
	size_t quote = t->kind == TOKEN_STRING || t->kind == TOKEN_ESCAPED;

	(void)d;
	memset(cell, 0, sizeof(*cell));
	if (t->kind == TOKEN_NULL)
		return;
	/* An object has no elements. */
	cell->type = VALUE_TEXT;
	cell->i = (int64_t)(t->at - quote) * 2;
	cell->len = (uint32_t)(t->len + 2 * quote);
}

static void
begin(struct decode_walk * w, const struct decode_json * d, const struct value * cell)
{
	w->s = d->body.p;
	w->at = w->end = 0;
	if (cell->type != VALUE_TEXT)
		return;
	w->at = (size_t)(cell->i / 2);
	w->end = w->at + cell->len;
	if (w->s[w->at] == '{')
		w->at = w->end;
	else if (w->s[w->at] == '[')
		w->at++;
}

/* The rows of row ${r}, behind all others. */
static int
unzip(struct decode_json * d, size_t r, const size_t * zips, size_t nzips,
    struct decode_walk * walks)
{
	const struct manifest_entity * ent = d->plan->ent;
	struct value * row;
	struct json_token t;
	size_t i, any;

	for (i = 0; i < nzips; i++)
		begin(&walks[i], d, page_at(d->page, r) + zips[i]);
	for (;;) {
		if ((row = page_row(d->page)) == NULL)
			return (decode_json_fault_size(d, TOO_MANY));
		memcpy(row, page_at(d->page, r),
		    ent->ncolumns * sizeof(*row));
		for (i = any = 0; i < nzips; i++) {
			memset(&row[zips[i]], 0, sizeof(*row));
			if (!decode_json_walk(&walks[i], &t))
				continue;
			any = 1;
			if (d->wanted[zips[i]] && decode_value(
			    &ent->columns[zips[i]], &t, d->body.p, &d->made,
			    &row[zips[i]]))
				return (decode_json_fault_size(d, "the page's "
				    "texts are larger than 64 MiB"));
		}
		if (!any) {
			page_row_drop(d->page);
			return (0);
		}
	}
}

int
decode_json_zip(struct decode_json * d)
{
	const struct manifest_entity * ent = d->plan->ent;
	struct page * p = d->page;
	struct decode_walk * walks;
	size_t * zips, i, n = 0, was = p->nrows;
	int rv = 0;

	for (i = 0; i < ent->ncolumns; i++)
		n += ent->columns[i].zip != 0;
	if (n == 0 || was == 0)
		return (0);
	zips = calloc(n, sizeof(*zips));
	walks = calloc(n, sizeof(*walks));
	if (zips == NULL || walks == NULL)
		rv = decode_json_fault_size(d, TOO_MANY);
	for (i = n = 0; i < ent->ncolumns && rv == 0; i++)
		if (ent->columns[i].zip)
			zips[n++] = i;
	for (i = 0; i < was && rv == 0; i++)
		rv = unzip(d, i, zips, n, walks);
	free(zips);
	free(walks);
	if (rv != 0)
		return (-1);
	memmove(p->cells, p->cells + was * p->ncols,
	    (p->nrows - was) * p->ncols * sizeof(*p->cells));
	p->nrows -= was;
	return (0);
}
