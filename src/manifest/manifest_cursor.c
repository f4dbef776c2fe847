#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/rfc3339.h"
#include "manifest/manifest_parts.h"

/* In which windows a sync asks for what is new, and how far back the service tells. */

/* More calls than that before the first row comes deserve a word. */
#define MANY_WINDOWS 2000

static void
read_time(struct mread * r, const json_t * cur, int64_t step)
{
	const json_t * from = json_object_get(cur, "from");
	int64_t keeps = mread_int(r, cur, "keeps_s", 0, 1, 3153600000), at;
	int64_t now = clock_wall_ms(), begin = now - keeps * 1000;

	if (json_object_get(cur, "step") != NULL)
		mread_fault(r, "step", "goes with an integer: of a time it is "
		    "step_s");
	if (from != NULL) {
		if (!json_is_string(from) || rfc3339_parse(
		    json_string_value(from), json_string_length(from), &at,
		    NULL) != 0) {
			mread_fault(r, "from", "must be a time, as "
			    "2009-01-01T00:00:00Z");
			return;
		}
		if (keeps == 0 || at > begin)
			begin = at;
	}
	if (step > 0 && from == NULL && keeps == 0)
		mread_fault(r, "step_s", "needs from or keeps_s: where the "
		    "first window begins");
	else if (step > 0 && (now - begin) / 1000 / step > MANY_WINDOWS)
		mread_warn(r, "step_s", "makes %lld windows of what is there "
		    "since from: the first run asks for each of them",
		    (long long)((now - begin) / 1000 / step));
}

static int
has_ends(const struct manifest_list * list, size_t col)
{
	unsigned ops = 0;
	size_t i;

	for (i = 0; i < list->npushes; i++)
		if (list->pushes[i].column == col)
			ops |= list->pushes[i].ops;
	return ((ops & OP_GE) != 0 && (ops & OP_LT) != 0);
}

void
manifest_cursor_read(struct mread * r, const struct manifest_entity * ent)
{
	const json_t * cur = ent->cursor;
	const char * name = json_string_value(json_object_get(cur, "column"));
	int c = name != NULL ? manifest_column(ent, name) : -1, both = 0;
	const char * key = "step_s";
	int64_t step;
	size_t at, i;

	if (c < 0)
		return;
	at = mread_enter(r, "cursor");
	step = mread_int(r, cur, key, 0, 1, 315360000);
	if (ent->columns[c].type == COLUMN_TIMESTAMP) {
		read_time(r, cur, step);
	} else {
		if (step > 0 || json_object_get(cur, "keeps_s") != NULL)
			mread_fault(r, step > 0 ? key : "keeps_s", "goes with "
			    "a timestamp");
		key = "step";
		step = mread_int(r, cur, key, 0, 1, INT64_C(1) << 53);
		if (json_object_get(cur, "from") != NULL &&
		    !json_is_integer(json_object_get(cur, "from")))
			mread_fault(r, "from", "must be an integer");
	}
	if (step == 0 && json_object_get(cur, "from") != NULL)
		mread_fault(r, "from", "goes with %s", key);
	if (step > 0 && (ent->cursor_token || ent->cursor_per_part))
		mread_fault(r, key, "goes neither with tokens nor with a "
		    "cursor of each partition");
	for (i = 0; i < ent->nlists; i++)
		both |= has_ends(&ent->lists[i], (size_t)c);
	if (step > 0 && !both)
		mread_fault(r, key, "needs a list with pushes of >= and < of "
		    "%s: a window has two ends", name);
	mread_leave(r, at);
}
