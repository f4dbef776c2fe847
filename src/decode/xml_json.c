#include "decode/xml_json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "decode/xml_states.h"

/* What is written is given on in pieces. */
#define PIECE ((size_t)64 << 10)

struct writer {
	struct xml_states st; /* with the sets of what is being written */
	struct buf out;
	xml_json_sink * sink;
	void * arg;
};

/* What was written goes on, once there is some; ${all}: whatever there is. */
static void
drain(struct writer * w, int all)
{
	if (w->out.failed)
		w->st.failed = 1;
	if (w->st.failed || w->out.len == 0 || (!all && w->out.len < PIECE))
		return;
	if (w->sink(w->arg, w->out.p, w->out.len))
		w->st.failed = 1;
	buf_clear(&w->out);
}

static void
write_text(struct writer * w, const struct xml_node * v)
{
	if (v->len == 0 && !v->is_attribute)
		buf_adds(&w->out, "null");
	else
		buf_add_json_str(&w->out, xml_tree_text(w->st.t, v), v->len);
	drain(w, 0);
}

static void write_value(struct writer * w, const struct xml_node * v,
    struct xml_set s);

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
write_member(struct writer * w, const struct xml_node * v, struct xml_set in,
    const char * name, size_t n, int * any)
{
	struct xml_set s = xml_states_member(&w->st, in, name, n), el;
	size_t k;

	write_key(w, name, n, any);
	if (v->same == 0 && !xml_states_is_list(&w->st, s)) {
		write_value(w, v, s);
		w->st.n = s.from;
		return;
	}
	buf_addc(&w->out, '[');
	for (k = 0; !w->st.failed; k++) {
		el = xml_states_element(&w->st, s, v, k);
		write_value(w, v, el);
		w->st.n = el.from;
		if (v->same == 0)
			break;
		buf_addc(&w->out, ',');
		v = xml_tree_node(w->st.t, v->same);
	}
	buf_addc(&w->out, ']');
	w->st.n = s.from;
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
		c = xml_tree_node(w->st.t, i);
		s = c->follows ? NULL : xml_tree_name(w->st.t, c->name, &len);
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
	const char * s = xml_tree_name(w->st.t, xml_tree_root(w->st.t)->name,
	    &n);

	return ((n >= 5 && memcmp(s + n - 5, "Error", 5) == 0) ||
	    (n >= 13 && memcmp(s + n - 13, "ErrorResponse", 13) == 0));
}

/* Lists that paths want in ${v} and that it has nothing of. */
static void
write_empty(struct writer * w, const struct xml_node * v, struct xml_set in,
    int * any)
{
	const struct decode_key * k;
	struct xml_set s;
	size_t i, j;

	if (v == xml_tree_root(w->st.t) && is_fault(w))
		return;
	for (i = in.from; i < in.to; i++)
		for (j = 0; j < xml_states_at(&w->st, i)->nkeys &&
		    !w->st.failed; j++) {
			k = &xml_states_at(&w->st, i)->keys[j];
			s = xml_states_member(&w->st, in, k->key, k->len);
			if (xml_states_is_list(&w->st, s) &&
			    !has_child(w, v, k->key, k->len)) {
				write_key(w, k->key, k->len, any);
				buf_adds(&w->out, "[]");
			}
			w->st.n = s.from;
		}
}

static void
write_object(struct writer * w, const struct xml_node * v, struct xml_set in)
{
	const struct xml_node * c;
	const char * name;
	int any = 0;
	uint32_t i;
	size_t n;

	buf_addc(&w->out, '{');
	for (i = v->first; i != 0 && !w->st.failed; i = c->next) {
		c = xml_tree_node(w->st.t, i);
		name = xml_tree_name(w->st.t, c->name, &n);
		if (c->follows || (c->is_attribute &&
		    !xml_states_asks_for(&w->st, in, name, n)))
			continue;
		write_member(w, c, in, name, n, &any);
	}
	if (v->len > 0 && !xml_tree_is_blank(xml_tree_text(w->st.t, v), v->len)) {
		write_key(w, "#text", 5, &any);
		buf_add_json_str(&w->out, xml_tree_text(w->st.t, v), v->len);
	}
	write_empty(w, v, in, &any);
	buf_addc(&w->out, '}');
	drain(w, 0);
}

/* Whether ${v} is more than its text: has elements, or attributes that are asked
 * for. */
static int
has_members(const struct writer * w, const struct xml_node * v,
    struct xml_set in)
{
	const struct xml_node * c;
	const char * name;
	uint32_t i;
	size_t n;

	for (i = v->first; i != 0; i = c->next) {
		c = xml_tree_node(w->st.t, i);
		name = xml_tree_name(w->st.t, c->name, &n);
		if (!c->is_attribute || xml_states_asks_for(&w->st, in, name,
		    n))
			return (1);
	}
	return (0);
}

static void
write_value(struct writer * w, const struct xml_node * v, struct xml_set s)
{
	if (w->st.failed)
		return;
	if (has_members(w, v, s) || (xml_states_wants_members(&w->st, s) &&
	    xml_tree_is_blank(xml_tree_text(w->st.t, v), v->len)))
		write_object(w, v, s);
	else
		write_text(w, v);
}

int
xml_json_write(const struct xml_tree * t, const struct decode_plan * plan,
    xml_json_sink * sink, void * arg)
{
	struct writer w = { .st = { .t = t, .plan = plan }, .sink = sink,
	    .arg = arg };
	struct xml_set s = { .from = 0, .to = 1 };

	xml_states_push(&w.st, 0);
	write_value(&w, xml_tree_root(t), s);
	drain(&w, 1);
	buf_free(&w.out);
	free(w.st.states);
	return (w.st.failed ? -1 : 0);
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
