#include "sync/sync_cursor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash64.h"
#include "base/rfc3339.h"

/* More than the rows of the page before a seam. */
#define SEAMS 4096
/* The clock that answers and the one that marks rows may be two. */
#define MARGIN_MS 30000

void
sync_cursor_init(struct sync_cursor * cu, const struct manifest_entity * ent,
    size_t col, size_t at)
{
	const json_t * own = json_object_get(ent->cursor, "column");

	memset(cu, 0, sizeof(*cu));
	cu->col = &ent->columns[col];
	cu->at = at;
	cu->order = SYNC_ANY;
	arc4random_buf(&cu->salt, sizeof(cu->salt));
	if (!json_is_string(own) || strcasecmp(json_string_value(own),
	    cu->col->name) != 0)
		return;
	cu->lag_ms = json_integer_value(json_object_get(ent->cursor,
	    "lag_s")) * 1000;
	cu->lookback = json_integer_value(json_object_get(ent->cursor,
	    "lookback_s"));
	if (cu->col->type == COLUMN_TIMESTAMP)
		cu->lookback *= 1000;
}

void
sync_cursor_free(struct sync_cursor * cu)
{
	free(cu->seams);
	cu->seams = NULL;
}

static int
by_value(const void * a, const void * b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return ((x > y) - (x < y));
}

static int
read_value(const struct manifest_column * col, const json_t * v, int64_t * out)
{
	if (col->type != COLUMN_TIMESTAMP) {
		*out = json_integer_value(v);
		return (json_is_integer(v) ? 0 : -1);
	}
	if (!json_is_string(v))
		return (-1);
	return (rfc3339_parse(json_string_value(v), json_string_length(v), out,
	    NULL));
}

void
sync_cursor_load(struct sync_cursor * cu, const json_t * rec, const char * of)
{
	const char * column = json_string_value(json_object_get(rec,
	    "column"));
	const char * was = json_string_value(json_object_get(rec, "of"));
	const json_t * ids = json_object_get(rec, "ids"), * id;
	const char * salt = json_string_value(json_object_get(rec, "salt"));
	struct sync_point * p = &cu->stored;
	size_t i;

	/* By tokens the value only says when. */
	if (json_object_get(rec, "gen") != NULL)
		return;
	if (column == NULL || strcasecmp(column, cu->col->name) != 0 ||
	    (was != NULL && strcmp(was, of) != 0))
		return;
	cu->skipped = json_integer_value(json_object_get(rec, "skipped"));
	cu->short_of = json_integer_value(json_object_get(rec, "short_of"));
	cu->has_ahead = json_is_integer(json_object_get(rec, "ahead"));
	cu->ahead = json_integer_value(json_object_get(rec, "ahead"));
	if (read_value(cu->col, json_object_get(rec, "value"), &p->v))
		return;
	p->has = 1;
	/* Without it (of an older version) they are rather written again. */
	if (salt != NULL)
		cu->salt = strtoull(salt, NULL, 16);
	else
		ids = NULL;
	json_array_foreach((json_t *)(uintptr_t)ids, i, id)
		if (json_is_string(id) && p->nids < SYNC_CURSOR_IDS)
			p->ids[p->nids++] = strtoull(json_string_value(id),
			    NULL, 16);
	qsort(p->ids, p->nids, sizeof(*p->ids), by_value);
	/* The cursor never goes back.  Its rows are looked for anew: one that
	 * changed and changed back must not pass for what was written last. */
	cu->seen.has = 1;
	cu->seen.v = p->v;
}

int
sync_cursor_from(const struct sync_cursor * cu, int64_t * v)
{
	if (!cu->stored.has || cu->all)
		return (0);
	if (__builtin_sub_overflow(cu->stored.v, cu->lookback, v))
		return (0);
	return (1);
}

int
sync_cursor_literal(const struct sync_cursor * cu, int64_t v, struct buf * b)
{
	char text[RFC3339_LEN];

	if (cu->col->type != COLUMN_TIMESTAMP)
		return (buf_addf(b, "%lld", (long long)v));
	rfc3339_format(v, text);
	return (buf_addf(b, "'%s'", text));
}

int
sync_cursor_seams(struct sync_cursor * cu)
{
	if (cu->seams == NULL)
		cu->seams = calloc(SEAMS, sizeof(*cu->seams));
	return (cu->seams == NULL ? -1 : 0);
}

static uint64_t
hash_cell(uint64_t h, const struct value * v)
{
	/* Each kind under a key of its own, or 1 would be 1.0. */
	switch ((enum value_type)v->type) {
	case VALUE_NULL:
		break;
	case VALUE_INT:
		return (hash64(h + 1, (const char *)&v->i, sizeof(v->i)));
	case VALUE_REAL:
		return (hash64(h + 2, (const char *)&v->d, sizeof(v->d)));
	case VALUE_TEXT:
		return (hash64(h + 3, v->s, v->len));
	}
	return (hash64(h + 4, "", 0));
}

static uint64_t
hash_row(uint64_t salt, const struct manifest_column * const * cols,
    const struct value * row, size_t n, uint64_t * key)
{
	uint64_t h = salt;
	size_t i;

	*key = salt;
	for (i = 0; i < n; i++) {
		h = hash_cell(h, &row[i]);
		if (cols[i]->is_key)
			*key = hash_cell(*key, &row[i]);
	}
	return (h);
}

static int
point_has(const struct sync_point * p, uint64_t id)
{
	return (bsearch(&id, p->ids, p->nids, sizeof(id), by_value) != NULL);
}

/* One more row with the value of ${p}.  What does not fit is read again. */
static void
point_add(struct sync_point * p, uint64_t id)
{
	size_t lo = 0, hi = p->nids, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (p->ids[mid] < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	if ((lo < p->nids && p->ids[lo] == id) || p->nids == SYNC_CURSOR_IDS)
		return;
	memmove(&p->ids[lo + 1], &p->ids[lo],
	    (p->nids - lo) * sizeof(*p->ids));
	p->ids[lo] = id;
	p->nids++;
}

static void
point_del(struct sync_point * p, uint64_t id)
{
	uint64_t * at = bsearch(&id, p->ids, p->nids, sizeof(id), by_value);

	if (at == NULL)
		return;
	p->nids--;
	memmove(at, at + 1, (size_t)(&p->ids[p->nids] - at) * sizeof(*at));
}

/* The very row that was last given of this key: a seam. */
static int
came_before(struct sync_cursor * cu, uint64_t key, uint64_t row)
{
	struct sync_seam * s;

	if (cu->seams == NULL)
		return (0);
	s = &cu->seams[key % SEAMS];
	if (s->key == key && s->row == row)
		return (1);
	/* What the target has of it is overwritten now. */
	if (s->key == key)
		point_del(&cu->seen, s->row);
	s->key = key;
	s->row = row;
	return (0);
}

static int
row_value(const struct sync_cursor * cu, const struct value * v, int64_t * out)
{
	if (v->type == VALUE_INT && cu->col->type != COLUMN_TIMESTAMP) {
		*out = v->i;
		return (0);
	}
	if (v->type != VALUE_TEXT || cu->col->type != COLUMN_TIMESTAMP)
		return (-1);
	return (rfc3339_parse(v->s, v->len, out, NULL));
}

static void
note(struct sync_cursor * cu, int64_t v, uint64_t row)
{
	struct sync_point * p = &cu->seen;

	/* Newest first: what is newer than the first row changed meanwhile, and
	 * so may others have that are behind us. */
	if (cu->order == SYNC_DESC && v > cu->first)
		return;
	/* The others were read before this part is filled up, and may have rows
	 * as new that nobody saw. */
	if (cu->fills && p->has && v > p->v)
		return;
	if (!p->has || v > p->v) {
		p->has = 1;
		p->v = v;
		p->nids = 0;
	}
	if (v == p->v)
		point_add(p, row);
}

enum sync_row
sync_cursor_row(struct sync_cursor * cu,
    const struct manifest_column * const * cols, const struct value * row,
    size_t n)
{
	uint64_t id = 0, key = 0;
	int64_t v, from;
	int null = row_value(cu, &row[cu->at], &v) != 0;

	if (!null && !cu->has_first) {
		cu->has_first = 1;
		cu->first = v;
	}
	if (!null && !cu->fills && sync_cursor_from(cu, &from) && v < from)
		return (cu->order == SYNC_DESC ? SYNC_ROW_STOP : SYNC_ROW_SKIP);
	if (cu->seams != NULL || (!null && (!cu->seen.has ||
	    v >= cu->seen.v || (cu->stored.has && v == cu->stored.v))))
		id = hash_row(cu->salt, cols, row, n, &key);
	if (came_before(cu, key, id))
		return (SYNC_ROW_SKIP);
	if (null)
		return (SYNC_ROW_WRITE);
	if (cu->order == SYNC_ASC && cu->seen.has && v < cu->seen.v &&
	    !(cu->stored.has && v <= cu->stored.v))
		cu->disordered = 1;
	/* The row itself may have been written under another value before: only
	 * what the stored cursor knows is left out. */
	note(cu, v, id);
	return (!cu->all && cu->stored.has && v == cu->stored.v &&
	    point_has(&cu->stored, id) ? SYNC_ROW_SKIP : SYNC_ROW_WRITE);
}

/* ${out} is not later than ${limit}; what was read beyond is read again. */
static void
bound(struct sync_point * out, int64_t limit)
{
	if (out->v <= limit)
		return;
	out->v = limit;
	out->nids = 0;
}

/* Whether ${p} says more than what is stored.  Of the same value only once all
 * its rows were seen (${all}). */
static int
is_further(const struct sync_cursor * cu, const struct sync_point * p, int all)
{
	const struct sync_point * was = &cu->stored;

	if (!p->has || !was->has)
		return (p->has);
	return (p->v > was->v || (all && p->v == was->v &&
	    (p->nids != was->nids || memcmp(p->ids, was->ids,
	    p->nids * sizeof(*p->ids)) != 0)));
}

int
sync_cursor_step(const struct sync_cursor * cu, int64_t first_ms,
    struct sync_point * out)
{
	if (!cu->steps || cu->disordered)
		return (0);
	*out = cu->seen;
	if (cu->lag_ms > 0 && cu->col->type == COLUMN_TIMESTAMP) {
		if (first_ms <= 0)
			return (0);
		bound(out, first_ms - cu->lag_ms);
	}
	return (is_further(cu, out, 0));
}

/* A counter that several parts share, read one after another: the first may have
 * got a smaller number since than the last one shows.  What a run before saw was
 * given before this one began.  Whether ${out} says anything. */
static int
bound_count(struct sync_cursor * cu, struct sync_point * out)
{
	if (cu->col->type == COLUMN_TIMESTAMP || cu->order != SYNC_ANY ||
	    !cu->many)
		return (1);
	cu->keeps_ahead = cu->seen.has;
	if (!cu->has_ahead)
		return (0);
	bound(out, cu->ahead);
	return (1);
}

int
sync_cursor_end(struct sync_cursor * cu, const struct read_stats * st,
    int complete, struct sync_point * out)
{
	int64_t skipped = (int64_t)st->skipped, lacks = (int64_t)st->short_of;
	int is_new_lack = lacks > 0 && lacks != cu->short_of, asks_clock;
	int64_t limit, from;

	if (st->unordered > 0)
		cu->disordered = 1;
	if (!complete)
		return (sync_cursor_step(cu, st->first_ms, out));
	/* A part that was left out is there again: what it had meanwhile is
	 * behind the cursor. */
	cu->forget = cu->skipped > 0 && skipped != cu->skipped &&
	    sync_cursor_from(cu, &from);
	cu->skipped = skipped;
	cu->short_of = lacks;
	*out = cu->seen;
	if (!bound_count(cu, out) || cu->forget || is_new_lack)
		return (0);
	/* Of a list that is newest first the first row tells the time. */
	asks_clock = cu->order != SYNC_DESC && (!cu->steps || cu->disordered);
	limit = st->first_ms - cu->lag_ms - (asks_clock ? MARGIN_MS : 0);
	if (cu->col->type == COLUMN_TIMESTAMP && (cu->lag_ms > 0 || asks_clock))
		bound(out, limit);
	return (is_further(cu, out, 1));
}

static int
put_point(const struct sync_cursor * cu, const struct sync_point * p,
    json_t * rec)
{
	json_t * ids = json_array();
	char text[RFC3339_LEN];
	size_t i;
	int rc;

	if (cu->col->type == COLUMN_TIMESTAMP) {
		rfc3339_format(p->v, text);
		rc = json_object_set_new(rec, "value", json_string(text));
	} else
		rc = json_object_set_new(rec, "value",
		    json_integer((json_int_t)p->v));
	for (i = 0; i < p->nids; i++) {
		snprintf(text, sizeof(text), "%016llx",
		    (unsigned long long)p->ids[i]);
		rc |= json_array_append_new(ids, json_string(text));
	}
	return (json_object_set_new(rec, "ids", ids) | rc);
}

int
sync_cursor_put(const struct sync_cursor * cu, const struct sync_point * p,
    const char * of, json_t * rec)
{
	int rc = json_object_set_new(rec, "column",
	    json_string(cu->col->name));
	char salt[20];

	rc |= json_object_set_new(rec, "of", json_string(of));
	json_object_del(rec, "value");
	json_object_del(rec, "ids");
	json_object_del(rec, "salt");
	json_object_del(rec, "skipped");
	json_object_del(rec, "short_of");
	json_object_del(rec, "ahead");
	/* It went by tokens until now. */
	json_object_del(rec, "gen");
	json_object_del(rec, "tokens");
	json_object_del(rec, "oldest");
	json_object_del(rec, "resume");
	if (cu->keeps_ahead)
		rc |= json_object_set_new(rec, "ahead",
		    json_integer(cu->seen.v));
	if (p == NULL)
		p = &cu->stored;
	if (p->has && !cu->forget)
		rc |= put_point(cu, p, rec);
	if (p->has && p->nids > 0 && !cu->forget) {
		snprintf(salt, sizeof(salt), "%016llx",
		    (unsigned long long)cu->salt);
		rc |= json_object_set_new(rec, "salt", json_string(salt));
	}
	if (cu->skipped > 0)
		rc |= json_object_set_new(rec, "skipped",
		    json_integer(cu->skipped));
	if (cu->short_of > 0)
		rc |= json_object_set_new(rec, "short_of",
		    json_integer(cu->short_of));
	return (rc ? -1 : 0);
}
