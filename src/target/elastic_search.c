/*
 * Plan to query DSL.  Each clause lets through at least what its predicate
 * selects, since every row is looked at again: times with a millisecond on both
 * sides (an index may know them finer than rows show them), reals with their
 * bounds, and nothing for texts that an index may hold otherwise than a row shows
 * them.  A clause that cannot be said so is left out.
 */
#include "target/elastic_search.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rfc3339.h"
#include "target/elastic_columns.h"

#define MIN_MS INT64_C(-62135596800000) /* years 1 to 9999 */
#define MAX_MS INT64_C(253402300799999)
#define MIN_NANOS_MS INT64_C(0) /* what 63 bits of nanoseconds hold */
#define MAX_NANOS_MS INT64_C(9223372036854)

/* What there is besides "filter". */
struct clauses {
	json_t * filter, * must_not;
};

/* A bound that the type cannot be compared with is left out: without both, all that
 * have a time come. */
static json_t *
time_range(const struct elastic_field * f, int64_t from, int64_t to)
{
	char a[RFC3339_LEN], b[RFC3339_LEN];
	json_t * r = json_object();
	int bad = r == NULL, nanos = strcmp(f->type, "date_nanos") == 0;
	int64_t min = nanos ? MIN_NANOS_MS : MIN_MS;
	int64_t max = nanos ? MAX_NANOS_MS : MAX_MS;

	if (from > min && from - 1 <= max) {
		rfc3339_format(from - 1, a);
		bad = bad || json_object_set_new(r, "gte", json_string(a));
	}
	if (to < max && to + 1 >= min) {
		rfc3339_format(to + 1, b);
		bad = bad || json_object_set_new(r, "lte", json_string(b));
	}
	bad = bad || json_object_set_new(r, "format",
	    json_string("strict_date_optional_time"));
	if (bad) {
		json_decref(r);
		return (NULL);
	}
	return (json_pack("{s:{s:o}}", "range", f->name, r));
}

/* Whether a field of that type can be compared with the number at all. */
static int
in_range(const char * type, const json_t * v)
{
	double d = json_number_value(v), max = 0;

	if (strcmp(type, "integer") == 0)
		max = 2147483647.0;
	else if (strcmp(type, "short") == 0)
		max = 32767.0;
	else if (strcmp(type, "byte") == 0)
		max = 127.0;
	else if (strcmp(type, "float") == 0)
		max = (double)FLT_MAX;
	return (max <= 0 || (d >= -max && d <= max));
}

/* Whether a row that shows this text has it in the index as one term. */
static int
is_term(const struct elastic_field * f, enum column_type type,
    const json_t * v)
{
	const char * s = json_string_value(v);
	size_t n = json_string_length(v);

	if (s == NULL)
		return (json_is_integer(v) && type == COLUMN_LIST);
	if (n > f->above || n > 8191)
		return (0);
	/* No row has an empty one, and engines do not want to be asked. */
	if (n == 0 && strcmp(f->name, "_id") == 0)
		return (0);
	/* A list's members stand in rows as JSON, as lists and objects do. */
	if (n > 0 && (s[0] == '[' || s[0] == '{'))
		return (0);
	if (type == COLUMN_LIST)
		return (strcmp(s, "null") != 0 && n > 0 && s[0] != '"');
	return (1);
}

static json_t *
times_clause(const struct elastic_field * f, const json_t * values)
{
	json_t * should = json_array(), * v;
	size_t i;

	json_array_foreach(values, i, v)
		if (!json_is_integer(v) || json_array_append_new(should,
		    time_range(f, json_integer_value(v),
		    json_integer_value(v)))) {
			json_decref(should);
			return (NULL);
		}
	return (json_pack("{s:{s:o, s:i}}", "bool", "should", should,
	    "minimum_should_match", 1));
}

/* Any of ${values}; *skip: it cannot be said. */
static json_t *
terms_clause(const struct elastic_field * f, enum column_type type,
    const json_t * values, int * skip)
{
	json_t * list, * v;
	size_t i;
	int bad;

	if (type == COLUMN_TIMESTAMP)
		return (times_clause(f, values));
	if ((list = json_array()) == NULL)
		return (NULL);
	json_array_foreach(values, i, v) {
		if (json_is_string(v) || type == COLUMN_LIST ||
		    type == COLUMN_TEXT)
			*skip |= !is_term(f, type, v);
		else if (json_is_number(v))
			*skip |= !in_range(f->type, v);
		else
			*skip |= !json_is_boolean(v);
		bad = json_array_append(list, v);
		/* Terms tell the two zeros apart. */
		if (type == COLUMN_REAL && !(json_number_value(v) > 0) &&
		    !(json_number_value(v) < 0))
			bad = bad || json_array_append_new(list,
			    json_real(-0.0));
		if (bad) {
			json_decref(list);
			return (NULL);
		}
	}
	if (strcmp(f->name, "_id") == 0)
		return (json_pack("{s:{s:o}}", "ids", "values", list));
	return (json_pack("{s:{s:o}}", "terms", f->name, list));
}

static json_t *
bound_clause(const struct elastic_field * f, enum column_type type,
    unsigned op, const json_t * v, int * skip)
{
	int lower = (op & (OP_GT | OP_GE)) != 0;
	const char * word = lower ? "gte" : "lte";

	if (type == COLUMN_TIMESTAMP) {
		*skip |= !json_is_integer(v);
		return (time_range(f, lower ? json_integer_value(v) :
		    INT64_MIN, lower ? INT64_MAX : json_integer_value(v)));
	}
	*skip |= !json_is_number(v) || !in_range(f->type, v);
	if (type == COLUMN_INTEGER && (op & (OP_GT | OP_LT)))
		word = lower ? "gt" : "lt";
	if (type == COLUMN_REAL && lower && !(json_number_value(v) > 0) &&
	    !(json_number_value(v) < 0))
		return (json_pack("{s:{s:{s:f}}}", "range", f->name, word,
		    -0.0));
	return (json_pack("{s:{s:{s:O}}}", "range", f->name, word, v));
}

static int
add_pred(struct clauses * c, const struct plan * p, const struct plan_pred * d)
{
	const struct manifest_column * col = &p->ent->columns[d->column];
	struct elastic_field f;
	json_t * values = NULL, * clause = NULL;
	int skip = 0;

	if (d->push == NULL || d->sent == NULL ||
	    elastic_columns_field(p->c->m, col->name, &f))
		return (0);
	if (d->op == OP_IS_NULL || d->op == OP_NOT_NULL) {
		clause = json_pack("{s:{s:s}}", "exists", "field", f.name);
	} else if (d->op & (OP_EQ | OP_IN | OP_CONTAINS)) {
		values = json_is_array(d->sent) ? json_incref(d->sent) :
		    json_pack("[O]", d->sent);
		if (values != NULL)
			clause = terms_clause(&f, col->type, values, &skip);
		json_decref(values);
	} else
		clause = bound_clause(&f, col->type, d->op, d->sent, &skip);
	if (clause == NULL)
		return (-1);
	if (skip) {
		json_decref(clause);
		return (0);
	}
	return (json_array_append_new(d->op == OP_IS_NULL ? c->must_not :
	    c->filter, clause));
}

/* The "query", or NULL: all; *bad: no memory. */
static json_t *
make_query(const struct plan * p, int * bad)
{
	struct clauses c = { json_array(), json_array() };
	json_t * q = NULL;
	size_t i;

	*bad = c.filter == NULL || c.must_not == NULL;
	for (i = 0; i < p->npreds && !*bad; i++)
		*bad = add_pred(&c, p, &p->preds[i]);
	if (!*bad && (json_array_size(c.filter) > 0 ||
	    json_array_size(c.must_not) > 0)) {
		q = json_pack("{s:{}}", "bool");
		*bad = q == NULL || (json_array_size(c.filter) > 0 &&
		    json_object_set(json_object_get(q, "bool"), "filter",
		    c.filter)) || (json_array_size(c.must_not) > 0 &&
		    json_object_set(json_object_get(q, "bool"), "must_not",
		    c.must_not));
	}
	json_decref(c.filter);
	json_decref(c.must_not);
	return (q);
}

/* Of _source only what is wanted. */
static json_t *
make_source(const struct plan * p)
{
	json_t * list = json_array();
	const char * s;
	size_t i;

	for (i = 0; i < p->ent->ncolumns && list != NULL; i++)
		if (p->wanted[i] && (s = elastic_columns_source(p->c->m,
		    p->ent->columns[i].name)) != NULL &&
		    json_array_append_new(list, json_string(s))) {
			json_decref(list);
			return (NULL);
		}
	if (list != NULL && json_array_size(list) == 0) {
		json_decref(list);
		return (json_false());
	}
	return (list);
}

size_t
elastic_search_size(const struct plan * p)
{
	if (p->exact && p->limit > 0 && p->limit < ELASTIC_PAGE_ROWS)
		return ((size_t)p->limit);
	return (ELASTIC_PAGE_ROWS);
}

static int
add_json(struct buf * out, const char * key, json_t * v)
{
	char * s = v == NULL ? NULL : json_dumps(v, JSON_COMPACT |
	    JSON_ENCODE_ANY);
	int rc = -1;

	json_decref(v);
	if (s != NULL)
		rc = buf_addf(out, ",\"%s\":", key) || buf_adds(out, s) ? -1 : 0;
	free(s);
	return (rc);
}

int
elastic_search_body(const struct elastic_search * s, struct buf * out)
{
	json_t * query;
	int bad;

	query = make_query(s->plan, &bad);
	if (bad) {
		json_decref(query);
		return (-1);
	}
	buf_addf(out, "{\"size\":%zu,\"track_total_hits\":false", s->size);
	if (s->pit != NULL && add_json(out, "pit", json_pack("{s:s, s:o}", "id",
	    s->pit, "keep_alive", json_sprintf("%llds",
	    (long long)((s->keep_ms + 999) / 1000))))) {
		json_decref(query);
		return (-1);
	}
	if ((query != NULL && add_json(out, "query", query)) ||
	    add_json(out, "_source", make_source(s->plan)))
		return (-1);
	buf_addf(out, ",\"sort\":[{\"%s\":\"asc\"}]", s->by_doc ? "_doc" :
	    "_shard_doc");
	if (s->after != NULL) {
		buf_adds(out, ",\"search_after\":");
		buf_add(out, s->after, s->after_len);
	}
	buf_addc(out, '}');
	return (out->failed ? -1 : 0);
}

int
elastic_search_show(const struct plan * p, struct buf * out)
{
	struct elastic_search s = { .plan = p, .size = elastic_search_size(p) };

	if (buf_addf(out, "POST /%s/_search ", p->ent->name))
		return (-1);
	return (elastic_search_body(&s, out));
}
