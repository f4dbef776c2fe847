#include "decode/decode_json_track.h"

#include <stdlib.h>

static struct path_step each_step = { .kind = PATH_EACH };
static const struct json_path each_path = { .n = 1, .steps = &each_step };

static int
extend(struct decode_track * t, const struct json_path * p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (t->n == DECODE_TRACK_MAX)
			return (-1);
		t->steps[t->n++] = &p->steps[i];
	}
	return (0);
}

static int
add_track(struct decode_tracks * ts, const struct decode_track * t)
{
	struct decode_track * v;
	size_t cap;

	if (ts->n == ts->cap) {
		cap = ts->cap ? 2 * ts->cap : 64;
		if ((v = realloc(ts->v, cap * sizeof(*v))) == NULL)
			return (-1);
		ts->v = v;
		ts->cap = cap;
	}
	ts->v[ts->n++] = *t;
	return (0);
}

/* Where ${p} first fans out: that many steps are before it. */
static size_t
before_fan(const struct json_path * p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (p->steps[i].kind == PATH_EACH ||
		    p->steps[i].kind == PATH_VALUES)
			break;
	return (i);
}

static int
ends_in_fan(const struct json_path * p)
{
	return (p->n > 0 && (p->steps[p->n - 1].kind == PATH_EACH ||
	    p->steps[p->n - 1].kind == PATH_VALUES));
}

/* Whether ${p} leads nowhere but into a list. */
static int
begins_in_list(const struct json_path * p)
{
	return (p->n > 0 && (p->steps[0].kind == PATH_INDEX ||
	    p->steps[0].kind == PATH_EACH || p->steps[0].kind == PATH_WHERE));
}

/*
 * The tracks of what ${p} below ${base} leads to; return how many.  Where the path
 * ends by fanning out, each thing is a record (or element) whatever it is; else
 * an object is one, and an array's elements are.
 */
static size_t
both(const struct decode_track * base, const struct json_path * p,
    struct decode_track out[2])
{
	/* Nothing is both a list and what it is within. */
	if (base->accept.cond != COND_ANY && begins_in_list(p))
		return (0);
	out[0] = *base;
	if (extend(&out[0], p, p->n))
		return (0);
	out[0].accept.cond = COND_ANY;
	if (ends_in_fan(p))
		return (1);
	out[1] = out[0];
	out[0].accept.cond = COND_OBJECT;
	if (extend(&out[1], &each_path, 1))
		return (1);
	return (2);
}

/*
 * Add what is to be done with ${p} below ${base}.  A base that is one thing and
 * no list has no elements, so that a path into it may not begin with an index.
 */
static int
add_path(struct decode_tracks * ts, const struct decode_track * base,
    const struct json_path * p, size_t n, struct decode_accept accept)
{
	struct decode_track t = *base;

	if (base->accept.cond != COND_ANY && begins_in_list(p))
		return (0);
	if (n == 0 && accept.cond == COND_ANY)
		accept.cond = base->accept.cond;
	t.accept = accept;
	return (extend(&t, p, n) || add_track(ts, &t) ? -1 : 0);
}

/* A column below ${base}. */
static int
add_column(struct decode_tracks * ts, const struct decode_track * base,
    const struct manifest_column * c, uint32_t index)
{
	struct decode_accept a = { .event = ON_COLUMN, .index = index,
	    .element = (uint8_t)(c->path->of_element != 0),
	    .fan = (uint8_t)(c->path->neach > 0) };
	struct decode_accept fan = a;
	size_t n = before_fan(c->path);

	if (add_path(ts, base, c->path, c->path->n, a))
		return (-1);
	if (!a.fan)
		return (0);
	fan.event = ON_FAN;
	fan.cond = c->path->steps[n].kind == PATH_EACH ? COND_ARRAY :
	    COND_OBJECT;
	return (add_path(ts, base, c->path, n, fan));
}

/* All that is looked for within records, or within elements. */
static int
add_columns(struct decode_tracks * ts, const struct decode_track * base,
    const struct manifest_entity * ent, int of_element)
{
	struct decode_track t = *base;
	struct decode_accept drop = { .event = ON_DROP,
	    .element = (uint8_t)of_element }, keep = drop;
	size_t i;

	keep.event = ON_KEEP;
	t.accept.event = of_element ? ON_ELEMENT : ON_RECORD;
	if (add_track(ts, &t))
		return (-1);
	for (i = 0; i < ent->ncolumns; i++)
		if (ent->columns[i].path != NULL &&
		    !ent->columns[i].path->of_element == !of_element &&
		    add_column(ts, base, &ent->columns[i], (uint32_t)i))
			return (-1);
	if (ent->keep_if != NULL && !ent->keep_if->of_element == !of_element &&
	    add_path(ts, base, ent->keep_if, ent->keep_if->n, keep))
		return (-1);
	if (ent->drop_if == NULL || !ent->drop_if->of_element != !of_element)
		return (0);
	return (add_path(ts, base, ent->drop_if, ent->drop_if->n, drop));
}

/* A page that is the list itself, and one of several: an object in its place is no
 * record but whatever a service says instead of one, with 200. */
static int
is_bare_list(const struct decode_plan * p)
{
	enum page_kind kind = p->list->paginate.kind;

	return (p->records->n == 0 && (kind == PAGE_LINK ||
	    kind == PAGE_OFFSET || kind == PAGE_NUMBER));
}

static int
add_records(struct decode_tracks * ts, const struct decode_plan * p)
{
	struct decode_track none = { .n = 0 }, rec[2], el[2];
	struct decode_accept a = { .event = ON_LIST,
	    .fan = (uint8_t)ends_in_fan(p->records) };
	size_t i, j, nel, n = before_fan(p->records);
	size_t first = is_bare_list(p) ? 1 : 0;

	if (first == 1)
		a.cond = COND_ARRAY;
	if (add_path(ts, &none, p->records, p->records->n, a))
		return (-1);
	if (p->records->neach > 0) {
		a.event = ON_PIECE;
		if (add_path(ts, &none, p->records, n + 1, a))
			return (-1);
		a.event = ON_TOP;
		a.cond = p->records->steps[n].kind == PATH_EACH ? COND_ARRAY :
		    COND_OBJECT;
		if (add_path(ts, &none, p->records, n, a))
			return (-1);
	}
	for (i = both(&none, p->records, rec); i-- > first;) {
		if (add_columns(ts, &rec[i], p->ent, 0))
			return (-1);
		nel = p->ent->explode == NULL ? 0 :
		    both(&rec[i], p->ent->explode, el);
		for (j = 0; j < nel; j++)
			if (add_columns(ts, &el[j], p->ent, 1))
				return (-1);
	}
	return (0);
}

/* Paths from the root must not be met as if they were of a record. */
static int
add_body(struct decode_tracks * ts, const struct manifest_list * list)
{
	struct decode_track none = { .n = 0 };
	struct decode_accept a = { .event = ON_BODY };
	size_t i;

	for (i = 0; i < BODY_FIELDS; i++) {
		a.index = (uint32_t)i;
		if (list->paginate.field[i] != NULL &&
		    add_path(ts, &none, list->paginate.field[i],
		    list->paginate.field[i]->n, a))
			return (-1);
	}
	a.event = ON_LACK;
	for (i = 0; i < list->nlacks; i++) {
		a.index = (uint32_t)i;
		if (add_path(ts, &none, list->lacks[i].path,
		    list->lacks[i].path->n, a))
			return (-1);
	}
	return (0);
}

int
decode_track_entity(struct decode_tracks * ts, const struct decode_plan * p)
{
	return (add_records(ts, p) || add_body(ts, p->list) ? -1 : 0);
}

int
decode_track_path(struct decode_tracks * ts, const struct json_path * path,
    struct decode_accept accept)
{
	const struct decode_track none = { .n = 0 };

	return (add_path(ts, &none, path, path->n, accept));
}
