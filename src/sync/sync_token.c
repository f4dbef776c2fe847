#include "sync/sync_token.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rfc3339.h"

#define PART_LEN 17
#define KEY_LEN 160
/* Parts side by side in one listing; more are not kept. */
#define PARTS_MAX 100000

struct sync_token_wait {
	char part[PART_LEN];
	json_t * row;
	uint64_t rows;
};

static int
row_key(const struct sync_tokens * t, const char * part, char key[KEY_LEN])
{
	return (snprintf(key, KEY_LEN, "%.140s/%s", t->key, part));
}

static void
change(struct sync_tokens * t, const char * key, json_t * row)
{
	t->failed |= json_object_set_new(t->changes, key, row) != 0;
}

/* Whether it says where to go on, and not only that it came short. */
static int
leads(const json_t * row)
{
	return (json_object_get(row, "t") != NULL ||
	    json_object_get(row, "column") != NULL);
}

/* Whether all that came before it was read. */
static int
is_whole(const json_t * row)
{
	return (leads(row) && json_object_get(row, "fill") == NULL);
}

/* ${row} is of the generation ${gen}.  Of a part that is not read whole it says so
 * besides: an older version, which would go on by it, takes it for another one's. */
static int
is_of(const json_t * row, const char * gen)
{
	const char * g = json_string_value(json_object_get(row, "g"));
	size_t n = strlen(gen);

	return (g != NULL && strncmp(g, gen, n) == 0 && (g[n] == '\0' ||
	    strcmp(g + n, "~") == 0));
}

int
sync_tokens_load(struct sync_tokens * t, const char * key,
    const json_t * rows, const char * gen, int64_t fence)
{
	size_t n = strlen(key);
	const char * name;
	json_t * row;

	memset(t, 0, sizeof(*t));
	t->key = key;
	t->uses = 1;
	t->rows = rows;
	if (gen != NULL)
		snprintf(t->gen, sizeof(t->gen), "%s", gen);
	else
		snprintf(t->gen, sizeof(t->gen), "%" PRIx64, (uint64_t)fence);
	t->now = json_object();
	t->seen = json_object();
	t->old = json_object();
	t->begun = json_object();
	t->held = json_object();
	t->read = json_object();
	t->fresh = json_array();
	t->changes = json_object();
	if (t->now == NULL || t->seen == NULL || t->old == NULL ||
	    t->begun == NULL || t->held == NULL || t->read == NULL || t->fresh == NULL ||
	    t->changes == NULL)
		return (-1);
	json_object_foreach((json_t *)(uintptr_t)rows, name, row) {
		if (strncmp(name, key, n) != 0 || name[n] != '/' ||
		    strchr(name + n + 1, '/') != NULL)
			continue;
		if (gen != NULL && is_of(row, gen))
			t->failed |= json_object_set(t->now, name + n + 1,
			    row) != 0;
		else
			change(t, name, json_null());
	}
	return (t->failed ? -1 : 0);
}

void
sync_tokens_free(struct sync_tokens * t)
{
	size_t i;

	json_decref(t->now);
	json_decref(t->seen);
	json_decref(t->old);
	json_decref(t->begun);
	json_decref(t->held);
	json_decref(t->read);
	json_decref(t->fresh);
	json_decref(t->changes);
	for (i = t->wait_at; i < t->nwait; i++)
		json_decref(t->wait[i].row);
	free(t->wait);
	memset(t, 0, sizeof(*t));
}

/* A part that has to be read whole. */
static void
add_fresh(struct sync_tokens * t, const char * name, const json_t * in)
{
	json_t * one;

	t->nfresh++;
	/* From here on not all are in the list, however many are left out. */
	t->too_many |= t->nfresh > SYNC_TOKEN_FRESH;
	if (!t->changes_only || t->too_many)
		return;
	one = json_pack("[s, o]", name, json_deep_copy(in));
	t->failed |= one == NULL || json_array_append_new(t->fresh, one) != 0;
}

const json_t *
sync_tokens_row(const struct sync_tokens * t, uint64_t part)
{
	char name[PART_LEN];

	snprintf(name, sizeof(name), "%016" PRIx64, part);
	return (json_object_get(t->uses && json_object_get(t->seen, name) !=
	    NULL ? t->old : t->now, name));
}

/* All of it is to be read, before what is told of it counts. */
static void
fill_up(struct sync_tokens * t, const char * name, const json_t * in)
{
	if (t->changes_only)
		t->failed |= json_object_set_new(t->held, name,
		    json_null()) != 0;
	add_fresh(t, name, in);
}

const json_t *
sync_tokens_begin(struct sync_tokens * t, uint64_t part, const json_t * in)
{
	char name[PART_LEN];
	json_t * row;

	snprintf(name, sizeof(name), "%016" PRIx64, part);
	/* The same once more, for other rows of it. */
	if (json_object_get(t->seen, name) != NULL)
		return (json_object_get(t->old, name));
	if (json_object_size(t->seen) < PARTS_MAX)
		t->failed |= json_object_set_new(t->seen, name,
		    t->changes_only ? json_deep_copy(in) : json_null()) != 0;
	if ((row = json_object_get(t->now, name)) != NULL)
		t->failed |= json_object_set(t->begun, name, row) != 0;
	if (t->uses && leads(row)) {
		t->failed |= json_object_set(t->old, name, row) != 0;
		if (t->changes_only && json_object_get(row, "fill") != NULL)
			fill_up(t, name, in);
		return (row);
	}
	fill_up(t, name, in);
	return (NULL);
}

/* The service does not know it any more: whatever comes, nobody sends it again. */
static void
forget(struct sync_tokens * t, const char * name)
{
	const json_t * in = json_object_get(t->seen, name);
	char key[KEY_LEN];
	size_t i;

	/* What was told meanwhile may be of no more use. */
	for (i = t->wait_at; i < t->nwait; i++)
		if (strcmp(t->wait[i].part, name) == 0) {
			json_decref(t->wait[i].row);
			t->wait[i].row = NULL;
		}
	t->lost += json_object_del(t->begun, name) == 0;
	if (json_is_object(json_object_get(t->held, name)))
		t->failed |= json_object_set_new(t->held, name,
		    json_null()) != 0;
	if (json_object_get(t->now, name) == NULL)
		return;
	json_object_del(t->now, name);
	row_key(t, name, key);
	change(t, key, json_null());
	/* Only from now on it is read whole; others were from the first. */
	if (json_object_del(t->old, name))
		return;
	if (json_object_get(t->held, name) == NULL)
		fill_up(t, name, in);
}

/* Takes ${row}. */
static int
add_wait(struct sync_tokens * t, const char * name, json_t * row, uint64_t rows)
{
	size_t cap = t->wait_cap == 0 ? 16 : 2 * t->wait_cap;
	struct sync_token_wait * w = NULL;

	if (t->nwait == t->wait_cap && t->wait_at > t->nwait / 2) {
		t->nwait -= t->wait_at;
		memmove(t->wait, t->wait + t->wait_at,
		    t->nwait * sizeof(*t->wait));
		t->wait_at = 0;
	}
	/* Of the same part and place only the last one counts. */
	if (t->nwait > t->wait_at)
		w = &t->wait[t->nwait - 1];
	if (w == NULL || w->rows != rows || strcmp(w->part, name) != 0) {
		if (t->nwait == t->wait_cap) {
			if ((w = realloc(t->wait, cap * sizeof(*w))) == NULL) {
				json_decref(row);
				return (-1);
			}
			t->wait = w;
			t->wait_cap = cap;
		}
		w = &t->wait[t->nwait++];
		memset(w, 0, sizeof(*w));
		memcpy(w->part, name, PART_LEN);
		w->rows = rows;
	}
	json_decref(w->row);
	w->row = row;
	return (0);
}

/* Whether it was read whole by an earlier run.  Where all is read once more that holds
 * until this one ends: only then what was deleted since is known without it. */
static int
was_whole(const struct sync_tokens * t, const char * name)
{
	const json_t * row = json_object_get(t->begun, name);

	return (row != NULL && is_whole(row));
}

/* Of a part that is still to be read whole: it is kept, with that.  Takes ${row}. */
static void
hold(struct sync_tokens * t, const char * name, json_t * row, uint64_t rows)
{
	json_t * copy = json_copy(row);

	t->failed |= json_object_set_new(t->held, name, row) != 0;
	if (was_whole(t, name)) {
		json_decref(copy);
		return;
	}
	if (copy == NULL || json_object_set_new(copy, "fill", json_true())) {
		json_decref(copy);
		t->failed = 1;
		return;
	}
	t->failed |= add_wait(t, name, copy, rows) != 0;
}

void
sync_tokens_told(struct sync_tokens * t, uint64_t part, json_t * row,
    uint64_t rows)
{
	char name[PART_LEN];

	snprintf(name, sizeof(name), "%016" PRIx64, part);
	if (row == NULL)
		forget(t, name);
	else if (json_is_false(json_object_get(t->held, name)))
		json_decref(row);
	else if (json_object_get(t->held, name) != NULL)
		hold(t, name, row, rows);
	else
		t->failed |= add_wait(t, name, row, rows) != 0;
}

/* As _short. */
static json_t *
shorten(struct sync_tokens * t, const char * name, json_t * row, uint64_t lacks)
{
	const json_t * was = json_object_get(t->begun, name);
	json_t * to = json_object_get(was, "t");

	/* What is new is read whole behind its first token, whatever that lacks; and
	 * without it nobody would tell what changes until then. */
	if (lacks == 0 || (to == NULL && t->changes_only))
		return (row);
	/* Once: one that never tells it would hold us up for ever. */
	if (json_object_get(was, "short_of") != NULL)
		to = json_object_get(row, "t");
	to = json_pack("{s:I, s:O*}", "short_of", (json_int_t)lacks, "t", to);
	t->failed |= to == NULL;
	json_decref(row);
	return (to);
}

json_t *
sync_tokens_short(struct sync_tokens * t, uint64_t part, json_t * row,
    uint64_t lacks)
{
	char name[PART_LEN];

	snprintf(name, sizeof(name), "%016" PRIx64, part);
	return (shorten(t, name, row, lacks));
}

static const char *
fresh_name(const struct sync_tokens * t, size_t i)
{
	return (json_string_value(json_array_get(json_array_get(t->fresh, i),
	    0)));
}

void
sync_tokens_left(struct sync_tokens * t, uint64_t part)
{
	const char * is;
	char name[PART_LEN];
	size_t i;

	snprintf(name, sizeof(name), "%016" PRIx64, part);
	/* What is read by itself is the last one that was given out. */
	if (t->fresh_at > 0 && (is = fresh_name(t, t->fresh_at - 1)) != NULL)
		snprintf(name, sizeof(name), "%s", is);
	if (json_object_get(t->held, name) == NULL ||
	    json_is_false(json_object_get(t->held, name)))
		return;
	/* Whatever is told of it leads on behind rows that nobody has. */
	t->failed |= json_object_set_new(t->held, name, json_false()) != 0;
	t->nfresh--;
	for (i = t->fresh_at; i < json_array_size(t->fresh); i++)
		if (strcmp(fresh_name(t, i), name) == 0) {
			json_array_remove(t->fresh, i);
			break;
		}
}

int
sync_tokens_fill(const struct sync_tokens * t)
{
	if (!t->changes_only || t->nfresh == 0)
		return (0);
	return (json_object_size(t->old) == 0 || t->too_many ? 1 : 2);
}

const json_t *
sync_tokens_next(struct sync_tokens * t)
{
	if (t->fresh_at == json_array_size(t->fresh))
		return (NULL);
	return (json_array_get(json_array_get(t->fresh, t->fresh_at++), 1));
}

void
sync_tokens_all(struct sync_tokens * t, uint64_t part)
{
	char name[PART_LEN];

	snprintf(name, sizeof(name), "%016" PRIx64, part);
	if (json_object_get(t->held, name) != NULL)
		t->failed |= json_object_set_new(t->read, name, json_true()) !=
		    0;
}

int
sync_tokens_has(const struct sync_tokens * t, uint64_t part)
{
	char name[PART_LEN];
	const json_t * row;

	snprintf(name, sizeof(name), "%016" PRIx64, part);
	row = json_object_get(t->old, name);
	return (row != NULL && json_object_get(row, "fill") == NULL);
}

/* ${row} (taken) of a part that was read whole, but for so many records: these are
 * asked for once more. */
static json_t *
refill(struct sync_tokens * t, const char * name, json_t * row, uint64_t lacks)
{
	const json_t * was = json_object_get(t->begun, name);

	if (lacks == 0)
		return (row);
	t->failed |= json_object_set_new(row, "short_of",
	    json_integer((json_int_t)lacks)) != 0;
	if (json_object_get(was, "short_of") == NULL)
		t->failed |= json_object_set_new(row, "fill", json_true()) != 0;
	return (row);
}

static void
filled(struct sync_tokens * t, const char * name, uint64_t rows, uint64_t lacks)
{
	json_t * row = json_object_get(t->held, name);

	if (!json_is_object(row))
		return;
	t->failed |= add_wait(t, name, refill(t, name, json_incref(row),
	    lacks), rows) != 0;
	json_object_del(t->held, name);
}

void
sync_tokens_part(struct sync_tokens * t, uint64_t part, uint64_t rows,
    uint64_t lacks)
{
	char name[PART_LEN];

	snprintf(name, sizeof(name), "%016" PRIx64, part);
	if (!was_whole(t, name))
		filled(t, name, rows, lacks);
}

void
sync_tokens_filled(struct sync_tokens * t, uint64_t rows, uint64_t lacks)
{
	const json_t * last = t->fresh_at > 0 ? json_array_get(t->fresh,
	    t->fresh_at - 1) : NULL;
	const char * name = json_string_value(json_array_get(last, 0));

	if (name != NULL)
		filled(t, name, rows, lacks);
}

/* Whether they say the same, but for when. */
static int
is_same(const json_t * was, const json_t * row)
{
	const char * name;
	json_t * v;

	if (json_object_size(was) != json_object_size(row) + 2)
		return (0);
	json_object_foreach((json_t *)(uintptr_t)row, name, v)
		if (!json_equal(v, json_object_get(was, name)))
			return (0);
	return (1);
}

/* Takes ${row}. */
static void
keep(struct sync_tokens * t, const char * name, json_t * row, int64_t now_ms)
{
	char key[KEY_LEN];

	if (is_same(json_object_get(t->now, name), row)) {
		json_decref(row);
		return;
	}
	t->failed |= json_object_set_new(row, "g", json_sprintf("%s%s", t->gen,
	    is_whole(row) ? "" : "~")) ||
	    json_object_set_new(row, "at", json_integer(now_ms)) ||
	    json_object_set(t->now, name, row);
	row_key(t, name, key);
	change(t, key, row);
	t->kept++;
}

void
sync_tokens_acked(struct sync_tokens * t, uint64_t rows, int64_t now_ms)
{
	struct sync_token_wait * w;

	for (; t->wait_at < t->nwait && t->wait[t->wait_at].rows <= rows;
	    t->wait_at++) {
		w = &t->wait[t->wait_at];
		if (w->row != NULL)
			keep(t, w->part, w->row, now_ms);
		w->row = NULL;
	}
}

void
sync_tokens_end(struct sync_tokens * t, const struct sync_tokens_how * how,
    int64_t now_ms)
{
	/* A list that knows none of the parts as such has them all in one. */
	int in_one = how->all && json_object_size(t->read) == 0;
	const char * name;
	char key[KEY_LEN];
	json_t * v;
	void * tmp;

	sync_tokens_acked(t, UINT64_MAX, now_ms);
	json_object_foreach(t->held, name, v)
		if (json_is_object(v) && (in_one ||
		    json_object_get(t->read, name) != NULL))
			keep(t, name, refill(t, name, json_incref(v),
			    how->lacks), now_ms);
	json_object_clear(t->held);
	if (!how->whole || json_object_size(t->seen) >= PARTS_MAX)
		return;
	json_object_foreach_safe(t->now, tmp, name, v) {
		if (json_object_get(t->seen, name) != NULL)
			continue;
		row_key(t, name, key);
		change(t, key, json_null());
		json_object_del(t->now, name);
	}
}

int
sync_tokens_put(const struct sync_tokens * t, json_t * rec)
{
	int64_t at, n = 0, oldest = INT64_MAX;
	char text[RFC3339_LEN];
	const char * name;
	json_t * row;
	int rc;

	json_object_foreach(t->now, name, row) {
		if (!is_whole(row))
			continue;
		at = json_integer_value(json_object_get(row, "at"));
		oldest = at < oldest ? at : oldest;
		n++;
	}
	rc = json_object_set_new(rec, "gen", json_string(t->gen));
	rc |= json_object_set_new(rec, "tokens", json_integer((json_int_t)n));
	json_object_del(rec, "oldest");
	if (n == 0)
		return (rc ? -1 : 0);
	rfc3339_format(oldest, text);
	rc |= json_object_set_new(rec, "oldest", json_string(text));
	return (rc ? -1 : 0);
}

int
sync_tokens_move(struct sync_tokens * t, json_t * to)
{
	if (json_object_size(t->changes) == 0)
		return (0);
	t->failed |= json_object_update(to, t->changes) != 0;
	json_object_clear(t->changes);
	return (1);
}
