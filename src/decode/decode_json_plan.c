#include "decode/decode_json_plan.h"

#include <stdlib.h>

#include "decode/decode_json_track.h"

/* Paths that fan out into each other can ask for a product of states. */
#define STATES_MAX 16384

static int
by_event(const void * a, const void * b)
{
	const struct decode_accept * x = a, * y = b;

	return ((int)x->event - (int)y->event);
}

/* What makes one state of the tracks ${set} that have come ${depth} steps far. */
struct build {
	struct decode_plan * p;
	const struct decode_tracks * ts;
};

static int make_state(struct build * b, const uint32_t * set, size_t n,
    size_t depth, uint32_t * out);

static const struct path_step *
step_at(const struct build * b, uint32_t track, size_t depth)
{
	const struct decode_track * t = &b->ts->v[track];

	return (depth < t->n ? t->steps[depth] : NULL);
}

/* Whether ${s} goes on where ${want} stands (NULL: a key or index that no path
 * names; ${map}: which of both).  What meets conditions is a place of its own:
 * it is read for the paths that name them, and once more for all others. */
static int
goes_on(const struct path_step * s, const struct path_step * want, int map)
{
	if (s == NULL)
		return (0);
	if (want != NULL && want->kind == PATH_WHERE)
		return (json_path_same(s, want));
	if (map && s->kind == PATH_VALUES)
		return (1);
	if (!map && s->kind == PATH_EACH)
		return (1);
	return (want != NULL && json_path_same(s, want));
}

/* The state after ${want}; DECODE_DEAD if no path goes on there. */
static int
follow(struct build * b, const uint32_t * set, size_t n, size_t depth,
    const struct path_step * want, int map, uint32_t * out)
{
	uint32_t * sub;
	size_t i, k = 0;
	int rv = 0;

	*out = DECODE_DEAD;
	if ((sub = malloc(n * sizeof(*sub) + 1)) == NULL)
		return (-1);
	for (i = 0; i < n; i++)
		if (goes_on(step_at(b, set[i], depth), want, map))
			sub[k++] = set[i];
	if (k > 0)
		rv = make_state(b, sub, k, depth + 1, out);
	free(sub);
	return (rv);
}

/* Whether a path before ${set}[${i}] names the same key or index. */
static int
named_before(const struct build * b, const uint32_t * set, size_t i,
    size_t depth)
{
	const struct path_step * s = step_at(b, set[i], depth), * o;
	size_t j;

	for (j = 0; j < i; j++) {
		o = step_at(b, set[j], depth);
		if (o != NULL && o->kind == s->kind &&
		    goes_on(o, s, s->kind == PATH_KEY))
			return (1);
	}
	return (0);
}

/* ${st} goes on to ${next} with what meets the conditions of ${s}. */
static int
add_where(struct decode_state * st, const struct path_step * s, uint32_t next)
{
	struct decode_where * v;

	v = realloc(st->wheres, (st->nwheres + 1) * sizeof(*v));
	if (v == NULL)
		return (-1);
	st->wheres = v;
	v[st->nwheres].step = s;
	v[st->nwheres++].state = next;
	return (0);
}

static int
make_steps(struct build * b, struct decode_state * st, const uint32_t * set,
    size_t n, size_t depth)
{
	const struct path_step * s;
	struct decode_key * k;
	uint32_t next;
	unsigned h;
	size_t i;

	for (i = 0; i < n; i++) {
		s = step_at(b, set[i], depth);
		if (s == NULL || s->kind == PATH_EACH ||
		    s->kind == PATH_VALUES || named_before(b, set, i, depth))
			continue;
		if (follow(b, set, n, depth, s, s->kind == PATH_KEY, &next))
			return (-1);
		if (s->kind == PATH_WHERE) {
			if (add_where(st, s, next))
				return (-1);
			continue;
		}
		if (s->kind == PATH_INDEX) {
			st->places[st->nplaces].index = s->index;
			st->places[st->nplaces++].state = next;
			continue;
		}
		k = &st->keys[st->nkeys++];
		k->key = s->key;
		k->len = (uint32_t)s->len;
		k->state = next;
		h = decode_plan_hash(s->key, s->len);
		k->next = st->bucket[h];
		st->bucket[h] = (uint32_t)st->nkeys;
	}
	if (st->nkeys > b->p->max_keys)
		b->p->max_keys = st->nkeys;
	if (follow(b, set, n, depth, NULL, 1, &st->other_key))
		return (-1);
	return (follow(b, set, n, depth, NULL, 0, &st->other_place));
}

static int
make_state(struct build * b, const uint32_t * set, size_t n, size_t depth,
    uint32_t * out)
{
	struct decode_plan * p = b->p;
	struct decode_state st = { .keys = NULL };
	size_t i;
	int rv;

	if (p->nstates == STATES_MAX)
		return (-1);
	*out = (uint32_t)p->nstates++;
	st.keys = calloc(n, sizeof(*st.keys));
	st.places = calloc(n, sizeof(*st.places));
	st.accepts = calloc(n, sizeof(*st.accepts));
	/* It has its place first: successors have higher numbers. */
	p->states[*out] = st;
	if (st.keys == NULL || st.places == NULL || st.accepts == NULL)
		return (-1);
	for (i = 0; i < n; i++)
		if (b->ts->v[set[i]].n == depth)
			st.accepts[st.naccepts++] = b->ts->v[set[i]].accept;
	qsort(st.accepts, st.naccepts, sizeof(*st.accepts), by_event);
	rv = make_steps(b, &st, set, n, depth);
	p->states[*out] = st;
	return (rv);
}

static int
compile(struct decode_plan * p, const struct decode_tracks * ts)
{
	struct build b = { p, ts };
	struct decode_state * shrunk;
	uint32_t * all, root, i;
	int rv;

	p->states = calloc(STATES_MAX, sizeof(*p->states));
	all = calloc(ts->n, sizeof(*all));
	if (p->states == NULL || all == NULL) {
		free(all);
		return (-1);
	}
	for (i = 0; i < ts->n; i++)
		all[i] = i;
	rv = make_state(&b, all, ts->n, 0, &root);
	free(all);
	shrunk = realloc(p->states, p->nstates * sizeof(*p->states));
	if (shrunk != NULL)
		p->states = shrunk;
	return (rv);
}

static int
check(const struct manifest_entity * ent, struct err * e)
{
	size_t i;

	if (ent->explode != NULL)
		return (0);
	if (ent->drop_if != NULL && ent->drop_if->of_element)
		return (err_set(e, ERR_CONFIG, "path", "entity %s: drop_if "
		    "begins with @, but nothing is exploded: set \"explode\"",
		    ent->name));
	if (ent->keep_if != NULL && ent->keep_if->of_element)
		return (err_set(e, ERR_CONFIG, "path", "entity %s: the path of "
		    "keep_if begins with @, but nothing is exploded: set "
		    "\"explode\"", ent->name));
	for (i = 0; i < ent->ncolumns; i++)
		if (ent->columns[i].path != NULL &&
		    ent->columns[i].path->of_element)
			return (err_set(e, ERR_CONFIG, "path", "entity %s: the "
			    "path of column %s begins with @, but nothing is "
			    "exploded: set \"explode\"", ent->name,
			    ent->columns[i].name));
	return (0);
}

struct decode_plan *
decode_plan_new(const struct manifest_entity * ent,
    const struct manifest_list * list, struct err * e)
{
	struct decode_tracks ts = { .v = NULL };
	struct decode_plan * p;
	size_t i;
	int bad;

	if (check(ent, e))
		return (NULL);
	if ((p = calloc(1, sizeof(*p))) == NULL) {
		err_nomem(e, "an entity's paths");
		return (NULL);
	}
	p->refs = 1;
	p->ent = ent;
	p->list = list;
	p->records = list->records != NULL ? list->records : &p->root;
	for (i = 0; i < ent->ncolumns; i++)
		p->fans |= ent->columns[i].path != NULL &&
		    ent->columns[i].path->neach > 0;
	bad = decode_track_entity(&ts, p) || compile(p, &ts);
	free(ts.v);
	if (bad) {
		if (p->nstates == STATES_MAX)
			err_set(e, ERR_CONFIG, "path", "entity %s: its paths "
			    "fan out into each other too often", ent->name);
		else
			err_nomem(e, "an entity's paths");
		decode_plan_unref(p);
		return (NULL);
	}
	return (p);
}

struct decode_plan *
decode_plan_paths(const struct json_path * const * paths, size_t n,
    struct err * e)
{
	struct decode_accept a = { .event = ON_BODY };
	struct decode_tracks ts = { .v = NULL };
	struct json_path root = { .n = 0 };
	struct decode_plan * p;
	size_t i;
	int bad;

	if ((p = calloc(1, sizeof(*p))) == NULL) {
		err_nomem(e, "paths");
		return (NULL);
	}
	p->refs = 1;
	bad = decode_track_path(&ts, &root, a);
	for (i = 0; i < n && !bad; i++)
		bad = decode_track_path(&ts, paths[i], a);
	if (bad || compile(p, &ts)) {
		if (p->nstates == STATES_MAX)
			err_set(e, ERR_CONFIG, "path", "the paths fan out into "
			    "each other too often");
		else
			err_nomem(e, "paths");
		decode_plan_unref(p);
		p = NULL;
	}
	free(ts.v);
	return (p);
}

struct decode_plan *
decode_plan_ref(struct decode_plan * p)
{
	p->refs++;
	return (p);
}

void
decode_plan_unref(struct decode_plan * p)
{
	size_t i;

	if (p == NULL || --p->refs > 0)
		return;
	for (i = 0; i < p->nstates; i++) {
		free(p->states[i].keys);
		free(p->states[i].places);
		free(p->states[i].wheres);
		free(p->states[i].accepts);
	}
	free(p->states);
	free(p);
}
