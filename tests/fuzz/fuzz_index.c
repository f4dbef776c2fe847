/*
 * What a cluster says of its indexes and their rows: a line with the answer to
 * _mapping, then the answer to a search.  Any mapping makes a table or an error;
 * cells hold what their columns say; and every search is JSON.
 */
#include <jansson.h>
#include <string.h>

#include "base/rfc3339.h"
#include "decode/decode_json.h"
#include "target/elastic_cells.h"
#include "target/elastic_columns.h"
#include "target/elastic_search.h"
#include "fuzz.h"

static void
check_cell(const struct manifest_column * c, const struct value * v)
{
	int64_t ms;

	if (v->type == VALUE_NULL)
		return;
	switch (c->type) {
	case COLUMN_TEXT:
	case COLUMN_MAP:
		return;
	case COLUMN_LIST:
		CHECK(v->type == VALUE_TEXT && v->len > 1 && v->s[0] == '[');
		return;
	case COLUMN_INTEGER:
		CHECK(v->type != VALUE_TEXT);
		return;
	case COLUMN_BOOLEAN:
		CHECK(v->type == VALUE_INT);
		return;
	case COLUMN_REAL:
		CHECK(v->type == VALUE_REAL);
		return;
	case COLUMN_TIMESTAMP:
		CHECK(v->type == VALUE_TEXT);
		/* Of years with more digits there is no such form. */
		CHECK(v->len > 24 || rfc3339_loose(v->s, v->len, &ms) == 0);
		return;
	}
}

static void
read_rows(const struct manifest_entity * hits, const char * p, size_t n)
{
	struct decode_json * d = decode_json_new();
	struct decode_plan * paths;
	struct decode_body body;
	struct page * page;
	struct err e;
	size_t r, c;

	paths = decode_plan_new(hits, &hits->lists[0], &e);
	if (d != NULL && paths != NULL &&
	    decode_json_begin(d, paths, NULL) == 0) {
		(void)decode_json_feed(d, p, n);
		if (decode_json_end(d, &page, &body, &e) == 0) {
			CHECK(elastic_cells_fix(page, hits, &e) == 0);
			for (r = 0; r < page->nrows; r++)
				for (c = 0; c < hits->ncolumns; c++)
					check_cell(&hits->columns[c],
					    &page_at(page, r)[c]);
			page_unref(page);
		}
	}
	decode_json_free(d);
	decode_plan_unref(paths);
}

/* Ask for each column what is in the input. */
static void
ask(struct connector * c, const struct manifest_entity * ent, const char * s,
    size_t n)
{
	static const unsigned ops[] = { OP_EQ, OP_GT, OP_LE, OP_CONTAINS,
	    OP_NOT_NULL };
	struct plan_given g;
	struct value v;
	struct plan * p;
	struct err e;
	size_t i;

	memset(&v, 0, sizeof(v));
	for (i = 0; i < ent->ncolumns && i < 40; i++) {
		struct elastic_search q = { .size = 10, .pit = "p",
		    .keep_ms = 1 };
		struct buf b = BUF_INIT(1 << 20);
		json_t * o;

		g.column = i;
		g.op = ops[(n + i) % 5];
		g.values = &v;
		g.nvalues = g.op != OP_NOT_NULL;
		switch (ent->columns[i].type) {
		case COLUMN_INTEGER:
		case COLUMN_BOOLEAN:
			v.type = VALUE_INT;
			v.i = (int64_t)n - 3;
			break;
		case COLUMN_REAL:
			v.type = VALUE_REAL;
			v.d = (double)n / 7 - 3;
			break;
		case COLUMN_TIMESTAMP:
			v.type = VALUE_TEXT;
			v.s = "2026-01-05T00:00:00Z";
			v.len = 20;
			break;
		case COLUMN_TEXT:
		case COLUMN_LIST:
		case COLUMN_MAP:
			v.type = VALUE_TEXT;
			v.s = s;
			v.len = (uint32_t)(n < 100 ? n : 100);
			break;
		}
		if ((p = plan_new(c, ent, &g, 1, NULL, 0, &e)) == NULL)
			continue;
		q.plan = p;
		CHECK(elastic_search_body(&q, &b) == 0);
		CHECK((o = json_loadb(b.p, b.len, 0, NULL)) != NULL);
		json_decref(o);
		buf_free(&b);
		plan_free(p);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t * data, size_t len)
{
	const char * p = (const char *)data, * nl;
	struct connector * c;
	struct err e;
	json_t * v;

	if (len == 0 || (nl = memchr(p, '\n', len)) == NULL)
		return (0);
	v = json_loadb(p, (size_t)(nl - p), JSON_REJECT_DUPLICATES, NULL);
	if (v == NULL)
		return (0);
	c = elastic_columns_table("logs-*", v, &e);
	json_decref(v);
	if (c == NULL)
		return (0);
	nl++;
	read_rows(&c->m->entities[ELASTIC_HITS], nl, len - (size_t)(nl - p));
	ask(c, &c->m->entities[ELASTIC_TABLE], nl, len - (size_t)(nl - p));
	connector_unref(c);
	return (0);
}
