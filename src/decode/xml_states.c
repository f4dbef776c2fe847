/* Where in the shape that paths ask for an element of XML is. */
#include "decode/xml_states.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* More states in which paths may be at one place are more than any manifest has. */
#define SETS_MAX ((size_t)1 << 20)

void
xml_states_push(struct xml_states * x, uint32_t state)
{
	uint32_t * v;
	size_t cap;

	if (state == DECODE_DEAD || x->failed)
		return;
	if (x->n == x->cap) {
		cap = x->cap ? 2 * x->cap : 64;
		if (cap > SETS_MAX || (v = realloc(x->states,
		    cap * sizeof(*v))) == NULL) {
			x->failed = 1;
			return;
		}
		x->states = v;
		x->cap = cap;
	}
	x->states[x->n++] = state;
}

const struct decode_state *
xml_states_at(const struct xml_states * x, size_t i)
{
	return (&x->plan->states[x->states[i]]);
}

/* Where ${st} goes with the key ${s}. */
static uint32_t
key_state(const struct decode_state * st, const char * s, size_t n)
{
	const struct decode_key * k;
	uint32_t i;

	for (i = st->bucket[decode_plan_hash(s, n)]; i != 0; i = k->next) {
		k = &st->keys[i - 1];
		if (k->len == n && memcmp(k->key, s, n) == 0)
			return (k->state);
	}
	return (st->other_key);
}

struct xml_set
xml_states_member(struct xml_states * x, struct xml_set in, const char * s,
    size_t n)
{
	struct xml_set out = { .from = x->n };
	size_t i;

	for (i = in.from; i < in.to; i++)
		xml_states_push(x, key_state(xml_states_at(x, i), s, n));
	out.to = x->n;
	return (out);
}

/* Whether the member that ${c} speaks of is what it says in the element ${v}. */
static int
meets_one(const struct xml_states * x, const struct xml_node * v,
    const struct path_cond * c)
{
	const struct xml_node * m;
	const char * name;
	uint32_t i;
	size_t n;

	for (i = v->first; i != 0; i = m->next) {
		m = xml_tree_node(x->t, i);
		name = xml_tree_name(x->t, m->name, &n);
		if (n == c->key_len && memcmp(name, c->key, n) == 0)
			return (m->same == 0 && json_path_cond(c,
			    xml_tree_text(x->t, m), m->len));
	}
	return (0);
}

static int
meets(const struct xml_states * x, const struct xml_node * v,
    const struct path_step * step)
{
	size_t i;

	for (i = 0; i < step->nconds; i++)
		if (!meets_one(x, v, &step->conds[i]))
			return (0);
	return (1);
}

struct xml_set
xml_states_element(struct xml_states * x, struct xml_set in,
    const struct xml_node * v, size_t k)
{
	const struct decode_state * st;
	struct xml_set out = { .from = x->n, .list_from = in.from,
	    .list_to = in.to };
	uint32_t state;
	size_t i, p;

	for (i = in.from; i < in.to; i++) {
		st = xml_states_at(x, i);
		state = st->other_place;
		for (p = 0; p < st->nplaces; p++)
			if (st->places[p].index == k)
				state = st->places[p].state;
		xml_states_push(x, state);
		for (p = 0; p < xml_states_at(x, i)->nwheres; p++)
			if (meets(x, v, xml_states_at(x, i)->wheres[p].step))
				xml_states_push(x, xml_states_at(x,
				    i)->wheres[p].state);
	}
	out.to = x->n;
	return (out);
}

/* Whether some path takes what is in the state ${st} for a list. */
static int
is_list_state(const struct xml_states * x, const struct decode_state * st)
{
	const struct manifest_column * c;
	size_t i;

	if (st->nplaces > 0 || st->nwheres > 0 || st->other_place != DECODE_DEAD)
		return (1);
	for (i = 0; i < st->naccepts; i++) {
		if (st->accepts[i].event != ON_COLUMN || x->plan->ent == NULL)
			continue;
		c = &x->plan->ent->columns[st->accepts[i].index];
		if (c->zip || (c->type == COLUMN_LIST && !st->accepts[i].fan))
			return (1);
	}
	return (0);
}

int
xml_states_is_list(const struct xml_states * x, struct xml_set s)
{
	size_t i;

	for (i = s.from; i < s.to; i++)
		if (is_list_state(x, xml_states_at(x, i)))
			return (1);
	return (0);
}

int
xml_states_wants_members(const struct xml_states * x, struct xml_set s)
{
	size_t i;

	for (i = s.from; i < s.to; i++)
		if (xml_states_at(x, i)->nkeys > 0 ||
		    xml_states_at(x, i)->other_key != DECODE_DEAD)
			return (1);
	return (0);
}

/* Whether a condition of the list's is about the member ${name}. */
static int
is_condition(const struct xml_states * x, struct xml_set s, const char * name,
    size_t n)
{
	const struct path_step * step;
	size_t i, j, k;

	for (i = s.list_from; i < s.list_to; i++)
		for (j = 0; j < xml_states_at(x, i)->nwheres; j++) {
			step = xml_states_at(x, i)->wheres[j].step;
			for (k = 0; k < step->nconds; k++)
				if (step->conds[k].key_len == n &&
				    memcmp(step->conds[k].key, name, n) == 0)
					return (1);
		}
	return (0);
}

int
xml_states_asks_for(const struct xml_states * x, struct xml_set s,
    const char * name, size_t n)
{
	const struct decode_key * k;
	size_t i, j;

	for (i = s.from; i < s.to; i++)
		for (j = 0; j < xml_states_at(x, i)->nkeys; j++) {
			k = &xml_states_at(x, i)->keys[j];
			if (k->len == n && memcmp(k->key, name, n) == 0)
				return (1);
		}
	return (is_condition(x, s, name, n));
}
