/*
 * Numbers of rows.  Where OR is answered by a scan for each side, SQLite tells by
 * its rowid whether a row came before.  A service's rows have no number, so it is
 * made of what they hold; and of how many such came before in the same scan, as
 * equal rows come alike in each.
 */
#include <string.h>

#include "base/hash64.h"
#include "query/query_live.h"

#define MAX_ROWS ((size_t)4 << 20)

static uint64_t
hash_row(const struct value * v, size_t n)
{
	uint64_t h = hash64_secret();
	char flat[9];
	size_t i;

	for (i = 0; i < n; i++) {
		flat[0] = (char)v[i].type;
		memset(flat + 1, 0, 8);
		if (v[i].type == VALUE_INT || v[i].type == VALUE_REAL)
			memcpy(flat + 1, &v[i].i, 8);
		h = hash64(h + i, flat, sizeof(flat));
		if (v[i].type == VALUE_TEXT)
			h = hash64(h, v[i].s, v[i].len);
	}
	return (h);
}

static size_t
slot(const struct query_rowids * r, uint64_t hash)
{
	size_t i = hash & (r->cap - 1);

	while (r->seen[i].times > 0 && r->seen[i].hash != hash)
		i = (i + 1) & (r->cap - 1);
	return (i);
}

static int
grow(struct query_rowids * r)
{
	struct query_rowids more = { NULL, 0, r->cap ? r->cap * 2 : 256 };
	size_t i;

	/* SQLite's, so that it counts as the statement's. */
	if (r->n >= MAX_ROWS || (more.seen = sqlite3_malloc64(more.cap *
	    sizeof(*more.seen))) == NULL)
		return (-1);
	memset(more.seen, 0, more.cap * sizeof(*more.seen));
	more.n = r->n;
	for (i = 0; i < r->cap; i++)
		if (r->seen[i].times > 0)
			more.seen[slot(&more, r->seen[i].hash)] = r->seen[i];
	sqlite3_free(r->seen);
	*r = more;
	return (0);
}

int
query_rowid(struct query_rowids * r, const struct value * v, size_t n,
    int64_t * out)
{
	uint64_t hash = hash_row(v, n);
	size_t i;

	if (r->n * 2 >= r->cap && grow(r))
		return (-1);
	i = slot(r, hash);
	if (r->seen[i].times == 0) {
		r->seen[i].hash = hash;
		r->n++;
	}
	hash += UINT64_C(0x9e3779b97f4a7c15) * r->seen[i].times++;
	memcpy(out, &hash, sizeof(*out));
	return (0);
}

void
query_rowid_clear(struct query_rowids * r)
{
	sqlite3_free(r->seen);
	memset(r, 0, sizeof(*r));
}
