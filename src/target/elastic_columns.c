/*
 * Mappings to manifest.  A column that several indexes map alike can be asked for;
 * one that they map differently is text that is looked at here.
 */
#include "target/elastic_columns.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "target/elastic_manifest.h"

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))

#define MAX_FIELDS 1900 /* as of a manifest's entity */
#define MAX_NAME 127    /* bytes */

#define OPS_EQUAL (OP_EQ | OP_IN)
#define OPS_LOWER (OP_GT | OP_GE)
#define OPS_UPPER (OP_LT | OP_LE)

/* What is known of one column while indexes are gone through; kept as json_t:
 * {"type", "field", "above", "column", "source", "ops", "seen"}. */

static const struct {
	const char * type;
	enum column_type column;
	unsigned ops;
} types[] = {
	{ "keyword", COLUMN_TEXT, OPS_EQUAL },
	{ "constant_keyword", COLUMN_TEXT, 0 },
	{ "wildcard", COLUMN_TEXT, OPS_EQUAL },
	{ "text", COLUMN_TEXT, 0 },
	{ "long", COLUMN_INTEGER, OPS_EQUAL | OPS_LOWER | OPS_UPPER | OP_NOT_NULL },
	{ "integer", COLUMN_INTEGER, OPS_EQUAL | OPS_LOWER | OPS_UPPER | OP_NOT_NULL },
	{ "short", COLUMN_INTEGER, OPS_EQUAL | OPS_LOWER | OPS_UPPER | OP_NOT_NULL },
	{ "byte", COLUMN_INTEGER, OPS_EQUAL | OPS_LOWER | OPS_UPPER | OP_NOT_NULL },
	{ "unsigned_long", COLUMN_INTEGER, 0 },
	{ "double", COLUMN_REAL, OPS_EQUAL | OPS_LOWER | OPS_UPPER | OP_NOT_NULL },
	{ "float", COLUMN_REAL, OPS_EQUAL | OPS_LOWER | OPS_UPPER | OP_NOT_NULL },
	/* Bounds are rounded otherwise than values are. */
	{ "half_float", COLUMN_REAL, OP_NOT_NULL },
	{ "scaled_float", COLUMN_REAL, OP_NOT_NULL },
	{ "boolean", COLUMN_BOOLEAN, OPS_EQUAL | OP_NOT_NULL },
	{ "date", COLUMN_TIMESTAMP, OPS_EQUAL | OPS_LOWER | OPS_UPPER | OP_NOT_NULL },
	{ "date_nanos", COLUMN_TIMESTAMP, OPS_EQUAL | OPS_LOWER | OPS_UPPER |
	    OP_NOT_NULL },
	{ "object", COLUMN_MAP, 0 },
	{ "nested", COLUMN_MAP, 0 },
	{ "flattened", COLUMN_MAP, 0 },
	{ "flat_object", COLUMN_MAP, 0 }
};

static int
is_false(const json_t * v)
{
	return (json_is_false(v) || (json_is_string(v) &&
	    strcmp(json_string_value(v), "false") == 0));
}

static int
is_true(const json_t * v)
{
	return (json_is_true(v) || (json_is_string(v) &&
	    strcmp(json_string_value(v), "true") == 0));
}

/* The formats of dates whose texts elastic_cells.c can read. */
static int
is_plain_date(const char * format)
{
	static const char * const known[] = { "strict_date_optional_time",
	    "date_optional_time", "strict_date_optional_time_nanos",
	    "epoch_millis", "strict_date_time", "date_time",
	    "strict_date_time_no_millis", "date_time_no_millis", "strict_date",
	    "date", "yyyy-MM-dd", "iso8601" };
	size_t n, i;

	if (format == NULL)
		return (1);
	for (; *format != '\0'; format += n + (format[n] != '\0')) {
		n = strcspn(format, "|");
		for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
			if (strlen(known[i]) == n &&
			    strncmp(known[i], format, n) == 0)
				break;
		if (n > 0 && i == sizeof(known) / sizeof(known[0]))
			return (0);
	}
	return (1);
}

/* The sub-field of a text that holds it whole, or NULL. */
static const json_t *
keyword_of(const json_t * map, const char ** name)
{
	const json_t * f;
	const char * k;

	json_object_foreach(json_object_get(map, "fields"), k, f)
		if (json_is_string(json_object_get(f, "type")) &&
		    strcmp(json_string_value(json_object_get(f, "type")),
		    "keyword") == 0) {
			*name = k;
			return (f);
		}
	return (NULL);
}

/* A template says of its lists that they are some. */
static int
is_list(const json_t * mappings, const char * name, const json_t * map)
{
	const json_t * meta = json_object_get(json_object_get(json_object_get(
	    mappings, "_meta"), "moltler"), "columns");
	const char * s = json_string_value(json_object_get(meta, name));

	if (s == NULL)
		s = json_string_value(json_object_get(json_object_get(map,
		    "meta"), "moltler"));
	return (s != NULL && strcmp(s, "list") == 0);
}

/* Column ${name} as this mapping has it; NULL: it is none; *bad: no memory. */
static json_t *
column_of(const json_t * mappings, const char * name, const char * path,
    const json_t * map, int * bad)
{
	const char * type = json_string_value(json_object_get(map, "type"));
	const char * sub = NULL;
	const json_t * key = map;
	enum column_type col = COLUMN_TEXT;
	unsigned ops = 0;
	json_t * out;
	size_t i;

	if (type == NULL)
		type = "object";
	if (strcmp(type, "alias") == 0)
		return (NULL);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].type, type) == 0) {
			col = types[i].column;
			ops = types[i].ops;
		}
	if (strcmp(type, "text") == 0 && (key = keyword_of(map, &sub)) != NULL)
		ops = OPS_EQUAL;
	if (col == COLUMN_TIMESTAMP && !is_plain_date(json_string_value(
	    json_object_get(map, "format")))) {
		col = COLUMN_TEXT;
		ops = 0;
	}
	if (col == COLUMN_TEXT && is_list(mappings, name, map)) {
		col = COLUMN_LIST;
		ops = ops != 0 ? OP_CONTAINS : 0;
	}
	if (is_false(json_object_get(key, "index")))
		ops = 0;
	if (is_false(json_object_get(key, "doc_values")))
		ops &= ~(unsigned)OP_NOT_NULL;
	out = json_pack("{s:s, s:i, s:i, s:s, s:I, s:i}", "type", sub != NULL ?
	    "keyword" : type, "column", (int)col, "ops", (int)ops, "source",
	    path, "above", (json_int_t)(json_is_integer(json_object_get(key,
	    "ignore_above")) ? json_integer_value(json_object_get(key,
	    "ignore_above")) : INT32_MAX), "seen", 1);
	if (out == NULL || json_object_set_new(out, "field", sub != NULL ?
	    json_sprintf("%s.%s", path, sub) : json_string(path))) {
		json_decref(out);
		out = NULL;
		*bad = 1;
	}
	return (out);
}

/* Two indexes have it: what holds for both. */
static int
merge(json_t * have, const json_t * other)
{
	json_int_t a = json_integer_value(json_object_get(have, "above")),
	    b = json_integer_value(json_object_get(other, "above")),
	    seen = json_integer_value(json_object_get(have, "seen"));
	const char * type = json_string_value(json_object_get(have, "type"));
	int same;

	if (json_object_set_new(have, "seen", json_integer(seen + 1)) ||
	    json_object_set_new(have, "above", json_integer(a < b ? a : b)))
		return (-1);
	same = json_equal(json_object_get(have, "column"),
	    json_object_get(other, "column"));
	if (same && json_equal(json_object_get(have, "field"),
	    json_object_get(other, "field")) && strcmp(type, json_string_value(
	    json_object_get(other, "type"))) == 0)
		return (0);
	if (json_object_set_new(have, "ops", json_integer(0)))
		return (-1);
	return (same ? 0 : json_object_set_new(have, "column",
	    json_integer(COLUMN_TEXT)));
}

/* The name as SQL compares it. */
static void
fold(const char * name, char out[MAX_NAME + 1])
{
	size_t i;

	for (i = 0; name[i] != '\0' && i < MAX_NAME; i++)
		out[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ?
		    name[i] | 0x20 : name[i]);
	out[i] = '\0';
}

/* Put in what one index says of ${name}.  ${folded} holds the names there are:
 * mappings may have very many, and be of very many indexes. */
static int
add_column(json_t * columns, json_t * folded, const json_t * mappings,
    const char * name, const char * path, const json_t * map)
{
	json_t * have = json_object_get(columns, name), * col;
	char key[MAX_NAME + 1];
	int bad = 0, rc = 0;

	if (strlen(name) > MAX_NAME || *name == '\0')
		return (0);
	fold(name, key);
	/* SQL has no two columns that differ in case alone. */
	if (have == NULL && (json_object_get(folded, key) != NULL ||
	    json_object_size(columns) >= MAX_FIELDS))
		return (0);
	if ((col = column_of(mappings, name, path, map, &bad)) == NULL)
		return (bad ? -1 : 0);
	if (have == NULL)
		rc = json_object_set(columns, name, col) ||
		    json_object_set_new(folded, key, json_true()) ? -1 : 0;
	else
		rc = merge(have, col);
	json_decref(col);
	return (rc);
}

/* What is ours in a row, beside the row. */
static int
is_ours(const char * name, const json_t * map)
{
	const json_t * p = json_object_get(map, "properties");

	return (strcmp(name, "moltler") == 0 &&
	    (json_object_get(p, "fence") != NULL ||
	    json_object_get(p, "sync") != NULL ||
	    json_object_get(p, "deleted_at") != NULL));
}

static int
add_index(json_t * columns, json_t * folded, const json_t * mappings)
{
	const json_t * map, * at;
	const char * name;

	json_object_foreach(json_object_get(mappings, "properties"), name, map) {
		if (!is_ours(name, map)) {
			if (add_column(columns, folded, mappings, name, name,
			    map))
				return (-1);
			continue;
		}
		at = json_object_get(json_object_get(map, "properties"),
		    "deleted_at");
		if (at != NULL && add_column(columns, folded, mappings,
		    "_deleted_at", "moltler.deleted_at", at))
			return (-1);
	}
	return (0);
}

/* Where an index does not look at fields that it does not know, rows may hold what
 * no query finds. */
static int
forget_unseen(json_t * columns, size_t indexes, int blind)
{
	const char * name;
	json_t * col;

	json_object_foreach(columns, name, col)
		if (blind && (size_t)json_integer_value(json_object_get(col,
		    "seen")) < indexes && strcmp(name, "_deleted_at") != 0 &&
		    json_object_set_new(col, "ops", json_integer(0)))
			return (-1);
	return (0);
}

/* All columns of all indexes, and _id. */
static json_t *
gather(const char * pattern, const json_t * answer, json_t * folded,
    struct err * e)
{
	json_t * columns = json_object(), * id;
	const json_t * index, * mappings, * dynamic;
	size_t n = 0;
	const char * name;
	int rc = columns == NULL || folded == NULL, blind = 0;

	json_object_foreach(MUTABLE(answer), name, index) {
		mappings = json_object_get(index, "mappings");
		if (!json_is_object(mappings)) {
			json_decref(columns);
			err_set(e, ERR_PERMANENT, "mapping", "%.200s: the answer "
			    "to _mapping is none", pattern);
			return (NULL);
		}
		if (json_is_false(json_object_get(json_object_get(mappings,
		    "_source"), "enabled"))) {
			json_decref(columns);
			err_set(e, ERR_CONFIG, "no_source", "the index %.200s "
			    "keeps no _source, so that its rows cannot be read",
			    name);
			return (NULL);
		}
		dynamic = json_object_get(mappings, "dynamic");
		blind |= dynamic != NULL && !is_true(dynamic) &&
		    !(json_is_string(dynamic) && strcmp(json_string_value(
		    dynamic), "strict") == 0);
		n++;
		rc = rc != 0 || add_index(columns, folded, mappings);
	}
	id = json_pack("{s:s, s:i, s:i, s:I, s:s}", "type", "_id", "column",
	    (int)COLUMN_TEXT, "ops", (int)OPS_EQUAL, "above", (json_int_t)512,
	    "field", "_id");
	rc = rc || id == NULL || json_object_set(columns, "_id", id) ||
	    forget_unseen(columns, n, blind);
	json_decref(id);
	if (rc) {
		json_decref(columns);
		err_nomem(e, "a mapping");
		return (NULL);
	}
	return (columns);
}

struct connector *
elastic_columns_table(const char * pattern, const json_t * answer,
    struct err * e)
{
	struct connector * c;
	struct manifest * m;
	json_t * columns, * folded;

	if (json_is_object(answer) && json_object_size(answer) == 0) {
		err_set(e, ERR_CONFIG, "no_index", "no index matches %.200s",
		    pattern);
		return (NULL);
	}
	if (!json_is_object(answer)) {
		err_set(e, ERR_PERMANENT, "mapping", "%.200s: the answer to "
		    "_mapping is none", pattern);
		return (NULL);
	}
	folded = json_object();
	columns = gather(pattern, answer, folded, e);
	json_decref(folded);
	if (columns == NULL ||
	    (m = elastic_manifest(pattern, columns, e)) == NULL)
		return (NULL);
	c = connector_new(m, "es", "es", NULL, NULL, e);
	manifest_unref(m);
	/* The cluster is the user's own. */
	if (c != NULL)
		c->opt.max_api_calls = INT32_MAX;
	return (c);
}

static const json_t *
column(const struct manifest * m, const char * name)
{
	return (json_object_get(json_object_get(m->doc, "columns"), name));
}

int
elastic_columns_field(const struct manifest * m, const char * name,
    struct elastic_field * f)
{
	const json_t * col = column(m, name);

	if (col == NULL)
		return (-1);
	f->name = json_string_value(json_object_get(col, "field"));
	f->type = json_string_value(json_object_get(col, "type"));
	f->above = (size_t)json_integer_value(json_object_get(col, "above"));
	return (f->name == NULL || f->type == NULL ? -1 : 0);
}

const char *
elastic_columns_source(const struct manifest * m, const char * name)
{
	return (json_string_value(json_object_get(column(m, name), "source")));
}
