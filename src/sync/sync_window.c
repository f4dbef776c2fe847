#include "sync/sync_window.h"

#include <string.h>
#include <strings.h>

#include "base/rfc3339.h"

/* Two clocks: the service's may be behind ours. */
#define MARGIN_MS 30000

static int64_t
seconds(const json_t * o, const char * key)
{
	return (json_integer_value(json_object_get(o, key)) * 1000);
}

void
sync_window_init(struct sync_window * w, const struct manifest_entity * ent,
    size_t col)
{
	const json_t * o = ent->cursor, * from = json_object_get(o, "from");
	const char * own = json_string_value(json_object_get(o, "column"));

	memset(w, 0, sizeof(*w));
	if (own == NULL || strcasecmp(own, ent->columns[col].name) != 0)
		return;
	w->end = INT64_MAX;
	if (ent->columns[col].type == COLUMN_TIMESTAMP) {
		w->step = seconds(o, "step_s");
		w->keeps = seconds(o, "keeps_s");
		if (json_is_string(from) && rfc3339_parse(
		    json_string_value(from), json_string_length(from),
		    &w->from, NULL))
			w->from = 0;
	} else {
		w->step = json_integer_value(json_object_get(o, "step"));
		w->from = json_integer_value(from);
	}
	w->on = w->step > 0;
}

/* When the last run was through, if that was later than what it saw. */
static int64_t
last_ms(const struct sync_cursor * cu, const json_t * rec)
{
	int64_t at = json_integer_value(json_object_get(rec, "at"));

	return (at > cu->stored.v ? at : cu->stored.v);
}

static void
find_gap(struct sync_window * w, struct sync_cursor * cu, const json_t * rec,
    int64_t oldest)
{
	const json_t * gap = json_object_get(rec, "gap");
	int64_t last = last_ms(cu, rec);

	if (!cu->stored.has)
		return;
	/* A run that did not end could not say so. */
	w->has_gap = json_is_array(gap);
	w->gap_from = json_integer_value(json_array_get(gap, 0));
	w->gap_to = json_integer_value(json_array_get(gap, 1));
	if (cu->all || last >= oldest)
		return;
	if (!w->has_gap)
		w->gap_from = last;
	w->has_gap = 1;
	w->gap_to = oldest;
	/* It is said once: the next run begins behind it. */
	if (cu->seen.v < oldest) {
		cu->seen.has = 1;
		cu->seen.v = oldest;
		cu->seen.nids = 0;
	}
}

static void
bound(struct sync_window * w)
{
	if (__builtin_add_overflow(w->lo, w->step, &w->hi) ||
	    w->hi >= w->end)
		w->open = 1;
}

void
sync_window_begin(struct sync_window * w, struct sync_cursor * cu,
    const json_t * rec, int64_t now_ms)
{
	int is_time = cu->col->type == COLUMN_TIMESTAMP;
	int64_t oldest = w->keeps > 0 ? now_ms - w->keeps : INT64_MIN;

	if (w->keeps > 0 && is_time)
		find_gap(w, cu, rec, oldest);
	if (!w->on)
		return;
	w->open = 0;
	w->count = w->seen = 0;
	if (!sync_cursor_from(cu, &w->lo))
		w->lo = w->from;
	if (w->lo < oldest)
		w->lo = oldest;
	if (is_time)
		w->end = now_ms - cu->lag_ms - MARGIN_MS;
	bound(w);
}

int
sync_window_next(struct sync_window * w, struct sync_cursor * cu, uint64_t rows,
    int64_t first_ms)
{
	int was_empty = rows == w->seen;
	int is_time = cu->col->type == COLUMN_TIMESTAMP;
	int64_t now = first_ms - cu->lag_ms - MARGIN_MS;

	if (!w->on || w->open)
		return (0);
	w->count++;
	w->seen = rows;
	/* By the service's clock, now that it is known: where that has not been
	 * yet there will be rows. */
	if (is_time && first_ms > 0 && now < w->end)
		w->end = now;
	w->lo = w->hi;
	if (w->hi > w->end)
		w->hi = w->end;
	if (!cu->seen.has || cu->seen.v < w->hi) {
		cu->seen.has = 1;
		cu->seen.v = w->hi;
		cu->seen.nids = 0;
	}
	bound(w);
	/* Numbers end nowhere: behind an empty window may be a gap, so the rest
	 * is asked for at once. */
	w->open |= !is_time && was_empty;
	return (1);
}
