#include "conn/xml_json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

/* What is written is given on in pieces. */
#define PIECE ((size_t)64 << 10)

/* More states in which paths may be at one place are more than any manifest has. */
#define SETS_MAX ((size_t)1 << 20)

/*
 * What paths with conditions lead to is met by others, too, so at one place paths
 * may be in several states: these in ${states} from ${from} to ${to}.  An element of
 * a list is what the states ${list_from} to ${list_to} lead to.
 */
struct set {
	size_t from, to;
	size_t list_from, list_to;
};

struct writer {
	const struct xml_tree * t;
	const struct decode_plan * plan;
	uint32_t * states; /* a stack: the sets of what is being written */
	size_t n, cap;
	struct buf out;
	xml_json_sink * sink;
	void * arg;
	int failed;
};

static void
push(struct writer * w, uint32_t state)
{
	uint32_t * v;
	size_t cap;

	if (state == DECODE_DEAD || w->failed)
		return;
	if (w->n == w->cap) {
		cap = w->cap ? 2 * w->cap : 64;
		if (cap > SETS_MAX || (v = realloc(w->states,
		    cap * sizeof(*v))) == NULL) {
			w->failed = 1;
			return;
		}
		w->states = v;
		w->cap = cap;
	}
	w->states[w->n++] = state;
}

static const struct decode_state *
at(const struct writer * w, size_t i)
{
	return (&w->plan->states[w->states[i]]);
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

/* The states of the member ${s} of what is in the states ${in}. */
static struct set
member(struct writer * w, struct set in, const char * s, size_t n)
{
	struct set out = { .from = w->n };
	size_t i;

	for (i = in.from; i < in.to; i++)
		push(w, key_state(at(w, i), s, n));
	out.to = w->n;
	return (out);
}

/* Whether the member that ${c} speaks of is what it says in the element ${v}. */
static int
meets_one(const struct writer * w, const struct xml_node * v,
    const struct path_cond * c)
{
	const struct xml_node * m;
	const char * name;
	uint32_t i;
	size_t n;

	for (i = v->first; i != 0; i = m->next) {
		m = xml_tree_node(w->t, i);
		name = xml_tree_name(w->t, m->name, &n);
		if (n == c->key_len && memcmp(name, c->key, n) == 0)
			return (m->same == 0 && json_path_cond(c,
			    xml_tree_text(w->t, m), m->len));
	}
	return (0);
}

static int
meets(const struct writer * w, const struct xml_node * v,
    const struct path_step * step)
{
	size_t i;

	for (i = 0; i < step->nconds; i++)
		if (!meets_one(w, v, &step->conds[i]))
			return (0);
	return (1);
}

/* The states of ${v}, the ${k}th element of a list that is in the states ${in}. */
static struct set
element(struct writer * w, struct set in, const struct xml_node * v, size_t k)
{
	const struct decode_state * st;
	struct set out = { .from = w->n, .list_from = in.from,
	    .list_to = in.to };
	uint32_t state;
	size_t i, p;

	for (i = in.from; i < in.to; i++) {
		st = at(w, i);
		state = st->other_place;
		for (p = 0; p < st->nplaces; p++)
			if (st->places[p].index == k)
				state = st->places[p].state;
		push(w, state);
		for (p = 0; p < at(w, i)->nwheres; p++)
			if (meets(w, v, at(w, i)->wheres[p].step))
				push(w, at(w, i)->wheres[p].state);
	}
	out.to = w->n;
	return (out);
}

/* Whether some path takes what is in the state ${st} for a list. */
static int
is_list_state(const struct writer * w, const struct decode_state * st)
{
	const struct manifest_column * c;
	size_t i;

	if (st->nplaces > 0 || st->nwheres > 0 || st->other_place != DECODE_DEAD)
		return (1);
	for (i = 0; i < st->naccepts; i++) {
		if (st->accepts[i].event != ON_COLUMN || w->plan->ent == NULL)
			continue;
		c = &w->plan->ent->columns[st->accepts[i].index];
		if (c->zip || (c->type == COLUMN_LIST && !st->accepts[i].fan))
			return (1);
	}
	return (0);
}

static int
is_list(const struct writer * w, struct set s)
{
	size_t i;

	for (i = s.from; i < s.to; i++)
		if (is_list_state(w, at(w, i)))
			return (1);
	return (0);
}

/* Whether paths go on into what is in these states by keys. */
static int
wants_members(const struct writer * w, struct set s)
{
	size_t i;

	for (i = s.from; i < s.to; i++)
		if (at(w, i)->nkeys > 0 || at(w, i)->other_key != DECODE_DEAD)
			return (1);
	return (0);
}

/* Whether a condition of the list's is about the member ${name}. */
static int
is_condition(const struct writer * w, struct set s, const char * name, size_t n)
{
	const struct path_step * step;
	size_t i, j, k;

	for (i = s.list_from; i < s.list_to; i++)
		for (j = 0; j < at(w, i)->nwheres; j++) {
			step = at(w, i)->wheres[j].step;
			for (k = 0; k < step->nconds; k++)
				if (step->conds[k].key_len == n &&
				    memcmp(step->conds[k].key, name, n) == 0)
					return (1);
		}
	return (0);
}

static int
asks_for(const struct writer * w, struct set s, const char * name, size_t n)
{
	const struct decode_key * k;
	size_t i, j;

	for (i = s.from; i < s.to; i++)
		for (j = 0; j < at(w, i)->nkeys; j++) {
			k = &at(w, i)->keys[j];
			if (k->len == n && memcmp(k->key, name, n) == 0)
				return (1);
		}
	return (is_condition(w, s, name, n));
}

/* What was written goes on, once there is some; ${all}: whatever there is. */
static void
drain(struct writer * w, int all)
{
	if (w->out.failed)
		w->failed = 1;
	if (w->failed || w->out.len == 0 || (!all && w->out.len < PIECE))
		return;
	if (w->sink(w->arg, w->out.p, w->out.len))
		w->failed = 1;
	buf_clear(&w->out);
}

static void
write_text(struct writer * w, const struct xml_node * v)
{
	if (v->len == 0 && !v->is_attribute)
		buf_adds(&w->out, "null");
	else
		buf_add_json_str(&w->out, xml_tree_text(w->t, v), v->len);
	drain(w, 0);
}

static int
is_blank(const char * s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strchr(" \t\r\n", s[i]) == NULL)
			return (0);
	return (1);
}

static void write_value(struct writer * w, const struct xml_node * v,
    struct set s);

static void
write_key(struct writer * w, const char * s, size_t n, int * any)
{
	if (*any)
		buf_addc(&w->out, ',');
	*any = 1;
	buf_add_json_str(&w->out, s, n);
	buf_addc(&w->out, ':');
}

/* All children that have the name of ${v}, the first of them. */
static void
write_member(struct writer * w, const struct xml_node * v, struct set in,
    const char * name, size_t n, int * any)
{
	struct set s = member(w, in, name, n), el;
	size_t k;

	write_key(w, name, n, any);
	if (v->same == 0 && !is_list(w, s)) {
		write_value(w, v, s);
		w->n = s.from;
		return;
	}
	buf_addc(&w->out, '[');
	for (k = 0; !w->failed; k++) {
		el = element(w, s, v, k);
		write_value(w, v, el);
		w->n = el.from;
		if (v->same == 0)
			break;
		buf_addc(&w->out, ',');
		v = xml_tree_node(w->t, v->same);
	}
	buf_addc(&w->out, ']');
	w->n = s.from;
}

/* Whether ${v} has a child of this name. */
static int
has_child(const struct writer * w, const struct xml_node * v, const char * name,
    size_t n)
{
	const struct xml_node * c;
	const char * s;
	size_t len;
	uint32_t i;

	for (i = v->first; i != 0; i = c->next) {
		c = xml_tree_node(w->t, i);
		s = c->follows ? NULL : xml_tree_name(w->t, c->name, &len);
		if (s != NULL && len == n && memcmp(s, name, n) == 0)
			return (1);
	}
	return (0);
}

/* An answer that says what went wrong, in the place of a list: it has none, which
 * is another thing than an empty one. */
static int
is_fault(const struct writer * w)
{
	size_t n;
	const char * s = xml_tree_name(w->t, xml_tree_root(w->t)->name, &n);

	return ((n >= 5 && memcmp(s + n - 5, "Error", 5) == 0) ||
	    (n >= 13 && memcmp(s + n - 13, "ErrorResponse", 13) == 0));
}

/* Lists that paths want in ${v} and that it has nothing of. */
static void
write_empty(struct writer * w, const struct xml_node * v, struct set in, int * any)
{
	const struct decode_key * k;
	struct set s;
	size_t i, j;

	if (v == xml_tree_root(w->t) && is_fault(w))
		return;
	for (i = in.from; i < in.to; i++)
		for (j = 0; j < at(w, i)->nkeys && !w->failed; j++) {
			k = &at(w, i)->keys[j];
			s = member(w, in, k->key, k->len);
			if (is_list(w, s) && !has_child(w, v, k->key, k->len)) {
				write_key(w, k->key, k->len, any);
				buf_adds(&w->out, "[]");
			}
			w->n = s.from;
		}
}

static void
write_object(struct writer * w, const struct xml_node * v, struct set in)
{
	const struct xml_node * c;
	const char * name;
	int any = 0;
	uint32_t i;
	size_t n;

	buf_addc(&w->out, '{');
	for (i = v->first; i != 0 && !w->failed; i = c->next) {
		c = xml_tree_node(w->t, i);
		name = xml_tree_name(w->t, c->name, &n);
		if (c->follows || (c->is_attribute && !asks_for(w, in, name,
		    n)))
			continue;
		write_member(w, c, in, name, n, &any);
	}
	if (v->len > 0 && !is_blank(xml_tree_text(w->t, v), v->len)) {
		write_key(w, "#text", 5, &any);
		buf_add_json_str(&w->out, xml_tree_text(w->t, v), v->len);
	}
	write_empty(w, v, in, &any);
	buf_addc(&w->out, '}');
	drain(w, 0);
}

/* Whether ${v} is more than its text: has elements, or attributes that are asked
 * for. */
static int
has_members(const struct writer * w, const struct xml_node * v, struct set in)
{
	const struct xml_node * c;
	const char * name;
	uint32_t i;
	size_t n;

	for (i = v->first; i != 0; i = c->next) {
		c = xml_tree_node(w->t, i);
		name = xml_tree_name(w->t, c->name, &n);
		if (!c->is_attribute || asks_for(w, in, name, n))
			return (1);
	}
	return (0);
}

static void
write_value(struct writer * w, const struct xml_node * v, struct set s)
{
	if (w->failed)
		return;
	if (has_members(w, v, s) || (wants_members(w, s) &&
	    is_blank(xml_tree_text(w->t, v), v->len)))
		write_object(w, v, s);
	else
		write_text(w, v);
}

int
xml_json_write(const struct xml_tree * t, const struct decode_plan * plan,
    xml_json_sink * sink, void * arg)
{
	struct writer w = { .t = t, .plan = plan, .sink = sink, .arg = arg };
	struct set s = { .from = 0, .to = 1 };

	push(&w, 0);
	write_value(&w, xml_tree_root(t), s);
	drain(&w, 1);
	buf_free(&w.out);
	free(w.states);
	return (w.failed ? -1 : 0);
}

static int
to_buf(void * arg, const char * p, size_t n)
{
	return (buf_add(arg, p, n));
}

json_t *
xml_json_read(const char * p, size_t n, const struct json_path * const * paths,
    size_t npaths, struct err * e)
{
	struct xml_tree * t = xml_tree_new();
	struct decode_plan * plan = decode_plan_paths(paths, npaths, e);
	struct buf b = BUF_INIT(0);
	json_t * v = NULL;

	if (plan == NULL)
		goto out;
	if (t == NULL || xml_tree_begin(t)) {
		err_nomem(e, "an XML answer");
		goto out;
	}
	(void)xml_tree_feed(t, p, n);
	if (xml_tree_end(t, e) == 0) {
		if (xml_json_write(t, plan, to_buf, &b) == 0)
			v = json_loadb(b.p, b.len, JSON_DECODE_ANY, NULL);
		if (v == NULL)
			err_nomem(e, "an XML answer");
	}
out:
	decode_plan_unref(plan);
	xml_tree_free(t);
	buf_free(&b);
	return (v);
}
