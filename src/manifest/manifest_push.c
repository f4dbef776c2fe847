#include <regex.h>
#include <stdint.h>
#include <string.h>

#include "manifest/manifest_parts.h"
#include "manifest/template.h"

/* What the service can filter by. */

#define MAX_RULES 64

/* In the order of the bits of enum push_op. */
static const char * const op_words[] = { "=", "!=", "in", "<", "<=", ">",
    ">=", "like_prefix", "like_substring", "contains", "is_null",
    "is_not_null", NULL };
#define OPS_ORDER (OP_LT | OP_LE | OP_GT | OP_GE)
#define OPS_LIKE (OP_PREFIX | OP_SUBSTR)
#define OPS_NULL (OP_IS_NULL | OP_NOT_NULL)

static unsigned
read_op(struct mread * r, const char * s)
{
	size_t i;

	for (i = 0; op_words[i] != NULL; i++)
		if (strcmp(op_words[i], s) == 0)
			return (1U << i);
	mread_fault(r, NULL, "'%.32s' is no operator; known are: = != in < <= "
	    "> >= like_prefix like_substring contains is_null is_not_null", s);
	return (0);
}

static unsigned
read_ops(struct mread * r, const json_t * v)
{
	const json_t * op = json_object_get(v, "op"), * x;
	size_t at, sub, i;
	unsigned ops = 0;

	if (op == NULL)
		return (OP_EQ);
	at = mread_enter(r, "op");
	if (json_is_string(op)) {
		ops = read_op(r, json_string_value(op));
	} else if (!json_is_array(op) || json_array_size(op) == 0) {
		mread_fault(r, NULL, "must be an operator or an array of "
		    "them");
	} else {
		json_array_foreach((json_t *)(uintptr_t)op, i, x) {
			sub = mread_enter_index(r, i);
			if (json_is_string(x))
				ops |= read_op(r, json_string_value(x));
			else
				mread_fault(r, NULL, "must be an operator");
			mread_leave(r, sub);
		}
	}
	mread_leave(r, at);
	return (ops);
}

/* Whether the operators fit what the column holds. */
static void
check_ops(struct mread * r, const struct manifest_column * c, unsigned ops,
    int has_pattern)
{
	if (c->is_input && (ops & ~(unsigned)(OP_EQ | OP_IN)) != 0)
		mread_fault(r, "op", "an input is told by = (or in), nothing "
		    "else");
	else if ((ops & OP_PREFIX) != 0 && c->type == COLUMN_TIMESTAMP &&
	    !has_pattern)
		mread_fault(r, "pattern", "is missing: what a LIKE of the time "
		    "%s may be", c->name);
	else if ((ops & OPS_LIKE) != 0 && c->type != COLUMN_TEXT &&
	    (c->type != COLUMN_TIMESTAMP || (ops & OP_SUBSTR)))
		mread_fault(r, "op", "LIKE goes with text, and %s is %s",
		    c->name, c->type_name);
	else if ((ops & OP_CONTAINS) != 0 && c->type != COLUMN_LIST &&
	    c->type != COLUMN_TEXT && c->type != COLUMN_MAP)
		mread_fault(r, "op", "contains goes with a list or text, and "
		    "%s is %s", c->name, c->type_name);
	else if ((ops & OPS_ORDER) != 0 && (c->type == COLUMN_LIST ||
	    c->type == COLUMN_MAP || c->type == COLUMN_BOOLEAN))
		mread_fault(r, "op", "%s is %s: it has no order", c->name,
		    c->type_name);
	else if ((ops & (OP_EQ | OP_NE | OP_IN)) != 0 &&
	    (c->type == COLUMN_LIST || c->type == COLUMN_MAP))
		mread_fault(r, "op", "%s is %s: use contains", c->name,
		    c->type_name);
}

static void
read_where(struct mread * r, const struct manifest_list * list,
    struct manifest_push * p, const json_t * v)
{
	static const char * const keys[] = { "query", "header", "body",
	    "clause" };
	const char * s, * languages[MAX_RULES];
	size_t i, n = 0, k;

	for (i = 0; i < 4; i++) {
		if (json_object_get(v, keys[i]) == NULL)
			continue;
		n++;
		s = mread_str(r, v, keys[i], 0);
		p->name = s != NULL ? s : "";
		p->where = (enum param_where)i;
	}
	if (n != 1)
		mread_fault(r, NULL, "needs one of query, header, body and "
		    "clause: where it goes");
	if (n != 1 || p->where != IN_CLAUSE || *p->name == '\0')
		return;
	for (k = 0; k < list->nclauses; k++) {
		if (strcmp(list->clauses[k].language, p->name) == 0)
			break;
		if (k < MAX_RULES)
			languages[k] = list->clauses[k].language;
	}
	if (k == list->nclauses)
		mread_unknown(r, "clause", "language of this list's clauses",
		    p->name, languages, k < MAX_RULES ? k : MAX_RULES);
	if (json_object_get(v, "text") == NULL)
		mread_fault(r, "text", "is missing: what stands in the "
		    "clause");
}

static void
read_text(struct mread * r, struct manifest_push * p, const json_t * v,
    const struct mread_scope * outer)
{
	struct mread_scope s = *outer;

	s.roots |= ROOT_VALUE;
	p->text = mread_template(r, v, "text", 0, &s);
	if ((p->ops & OPS_NULL) == 0)
		return;
	if ((p->ops & ~(unsigned)OPS_NULL) != 0)
		mread_fault(r, "op", "is_null and is_not_null have no value: "
		    "give them a rule of their own");
	else if (json_object_get(v, "text") == NULL && p->add == NULL)
		mread_fault(r, "text", "is missing: is_null has no value to "
		    "send");
	else if (p->text != NULL && strstr(p->text, "value") != NULL &&
	    strstr(p->text, "{{") != NULL)
		mread_fault(r, "text", "speaks of {{value}}, which is_null "
		    "has not");
}

/* What is put at the end of a list in the body. */
static void
read_add(struct mread * r, struct manifest_push * p, const json_t * v,
    const struct mread_scope * outer)
{
	struct mread_scope s = *outer;

	if (json_object_get(v, "add") == NULL)
		return;
	s.roots |= ROOT_VALUE;
	p->add = mread_body(r, v, "add", &s);
	if (p->where != IN_BODY)
		mread_fault(r, "add", "goes with body: the list that it is "
		    "added to");
	if (json_object_get(v, "text") != NULL)
		mread_fault(r, "text", "has no meaning beside add");
	if ((p->ops & OPS_NULL) != 0 && template_uses(p->add, "value"))
		mread_fault(r, "add", "speaks of {{value}}, which is_null "
		    "has not");
}

static void
read_pattern(struct mread * r, struct manifest_push * p,
    const struct manifest_column * c, const json_t * v)
{
	regex_t re;

	if ((p->pattern = mread_str(r, v, "pattern", 0)) == NULL)
		return;
	if (c->type != COLUMN_TEXT && c->type != COLUMN_LIST &&
	    c->type != COLUMN_TIMESTAMP && p->ops != OP_PREFIX)
		mread_fault(r, "pattern", "goes with text, and %s is %s",
		    c->name, c->type_name);
	if (regcomp(&re, p->pattern, REG_EXTENDED | REG_NOSUB) != 0)
		mread_fault(r, "pattern", "is no POSIX extended regular "
		    "expression");
	else
		regfree(&re);
}

static void
read_values(struct mread * r, struct manifest_push * p, const json_t * v)
{
	const json_t * vals = json_object_get(v, "values"), * x;
	const char * key;
	size_t at, i;

	if (vals == NULL)
		return;
	at = mread_enter(r, "values");
	if (json_is_array(vals)) {
		json_array_foreach((json_t *)(uintptr_t)vals, i, x)
			if (json_is_object(x) || json_is_array(x) ||
			    json_is_null(x))
				mread_fault(r, NULL, "holds what is no "
				    "value");
	} else if (json_is_object(vals)) {
		json_object_foreach((json_t *)(uintptr_t)vals, key, x)
			if (json_is_object(x) || json_is_array(x) ||
			    json_is_null(x))
				mread_fault(r, key, "must be a value");
	} else {
		mread_fault(r, NULL, "must be an array of values or an object "
		    "from values to the service's");
	}
	p->values = vals;
	mread_leave(r, at);
}

static void
read_time(struct mread * r, const struct manifest_column * c,
    struct manifest_push * p, const json_t * v)
{
	static const char * const words[] = { "iso8601", "epoch_s",
	    "epoch_ms", "epoch_us", NULL };
	static const char * const only_times[] = { "time", "widen_s",
	    "round_s", "within_s", "span_s" };
	const json_t * t = json_object_get(v, "time");
	size_t i;

	p->time = c->time;
	p->widen_ms = (int64_t)(1000 * mread_num(r, v, "widen_s", 0, 0,
	    31536000));
	p->round_ms = (int64_t)(1000 * mread_num(r, v, "round_s", 0, 0.001,
	    31536000));
	p->within_ms = (int64_t)(1000 * mread_num(r, v, "within_s", 0, 1,
	    3153600000.0));
	p->span_ms = (int64_t)(1000 * mread_num(r, v, "span_s", 0, 1,
	    3153600000.0));
	if (p->span_ms > 0 && (p->ops & ~(unsigned)(OP_GE | OP_GT | OP_LE |
	    OP_LT)) != 0)
		mread_fault(r, "span_s", "goes with bounds: >, >=, < and <=");
	if (c->type != COLUMN_TIMESTAMP)
		for (i = 0; i < 5; i++)
			if (json_object_get(v, only_times[i]) != NULL)
				mread_fault(r, only_times[i], "goes with a "
				    "timestamp");
	p->own = c->own;
	if (json_is_object(t)) {
		p->time = TIME_STRFTIME;
		manifest_time_read(r, t, KEYS_STRFTIME, &p->own);
	} else if (t != NULL)
		p->time = (enum time_format)mread_word(r, v, "time", words,
		    -1);
}

/* Parameters that go along; null takes a default of the list away. */
static void
read_with(struct mread * r, struct manifest_push * p, const json_t * v,
    const struct mread_scope * outer)
{
	const json_t * with = mread_map(r, v, "with", 0), * x;
	struct mread_scope s = *outer;
	const char * key;
	size_t at;

	if (with == NULL)
		return;
	s.roots |= ROOT_VALUE;
	at = mread_enter(r, "with");
	json_object_foreach((json_t *)(uintptr_t)with, key, x) {
		if (json_is_string(x))
			mread_text_ok(r, key, json_string_value(x), &s);
		else if (!json_is_null(x))
			mread_fault(r, key, "must be a string (a template) or "
			    "null");
	}
	p->with = with;
	mread_leave(r, at);
}

static const json_t *
read_except(struct mread * r, const json_t * v)
{
	const json_t * list = mread_list(r, v, "except", 0), * x;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)list, i, x)
		if (!json_is_string(x))
			mread_fault(r, "except", "number %zu is no text",
			    i + 1);
	return (list);
}

static void
read_rule(struct mread * r, const struct manifest_entity * ent,
    struct manifest_list * list, size_t column, const json_t * v,
    const struct mread_scope * s)
{
	static const char * const many_words[] = { "csv", "repeat", NULL };
	struct manifest_push * p = &list->pushes[list->npushes++];
	const struct manifest_column * c = &ent->columns[column];
	int many;

	p->column = column;
	p->name = "";
	if (!mread_is_object(r, v, KEYS_PUSH))
		return;
	p->ops = read_ops(r, v);
	check_ops(r, c, p->ops, json_object_get(v, "pattern") != NULL);
	read_where(r, list, p, v);
	read_add(r, p, v, s);
	read_text(r, p, v, s);
	read_pattern(r, p, c, v);
	read_values(r, p, v);
	p->except = read_except(r, v);
	many = mread_word(r, v, "many", many_words, 2);
	p->many = many == 0 ? MANY_CSV : many == 1 ? MANY_REPEAT : MANY_ONE;
	if (p->many != MANY_ONE && (p->ops & (OP_IN | OP_CONTAINS)) == 0)
		mread_fault(r, "many", "goes with in or contains");
	p->most = (size_t)mread_int(r, v, "most", 0, 1, 1000);
	if (p->most > 0 && (p->ops & OP_IN) == 0)
		mread_fault(r, "most", "goes with in");
	read_time(r, c, p, v);
	read_with(r, p, v, s);
	if ((p->range = mread_str(r, v, "range", 0)) != NULL &&
	    (p->where == IN_CLAUSE || c->type != COLUMN_TIMESTAMP ||
	    (p->time != TIME_ISO8601 && p->time != TIME_STRFTIME) || (p->ops & (OP_GE | OP_GT)) == 0 ||
	    (p->ops & (OP_LE | OP_LT)) == 0))
		mread_fault(r, "range", "goes with bounds of both sides, of a "
		    "time that is a text, in a parameter");
	p->loose = mread_bool(r, v, "loose");
	p->caps = mread_bool(r, v, "caps");
	if (p->caps && list->max_rows == 0)
		mread_fault(r, "caps", "means nothing: the list has no "
		    "max_rows");
}

/* How many rules there are in all. */
static size_t
count(const json_t * push)
{
	const char * key;
	const json_t * x;
	size_t n = 0;

	json_object_foreach((json_t *)(uintptr_t)push, key, x)
		n += json_is_array(x) ? json_array_size(x) : 1;
	return (n);
}

static void
read_column(struct mread * r, const struct manifest_entity * ent,
    struct manifest_list * list, int c, const json_t * v,
    const struct mread_scope * s)
{
	const json_t * x;
	size_t i, at;

	if (!json_is_array(v)) {
		read_rule(r, ent, list, (size_t)c, v, s);
		return;
	}
	json_array_foreach((json_t *)(uintptr_t)v, i, x) {
		at = mread_enter_index(r, i);
		read_rule(r, ent, list, (size_t)c, x, s);
		mread_leave(r, at);
	}
}

void
manifest_push_read(struct mread * r, const struct manifest_entity * ent,
    struct manifest_list * list, const json_t * v,
    const struct mread_scope * s)
{
	const json_t * push = mread_map(r, v, "push", 0), * x;
	const char * key;
	size_t at, sub;
	int c;

	if (push == NULL)
		return;
	at = mread_enter(r, "push");
	list->pushes = mread_alloc(r, count(push), sizeof(*list->pushes));
	json_object_foreach((json_t *)(uintptr_t)push, key, x) {
		if (list->pushes == NULL)
			break;
		sub = mread_enter(r, key);
		if ((c = manifest_column_of(r, NULL, ent, key)) >= 0)
			read_column(r, ent, list, c, x, s);
		mread_leave(r, sub);
	}
	mread_leave(r, at);
}
