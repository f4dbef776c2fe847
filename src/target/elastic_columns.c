/*
 * Mappings to manifest.  A column that several indexes map alike can be asked for;
 * one that they map differently is text that is looked at here.
 */
#include "target/elastic_columns.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "conn/json_path.h"

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

static const char * const type_names[] = { "text", "integer", "real",
	"boolean", "timestamp", "list", "map" };

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

static const char *
same_name(const json_t * columns, const char * name)
{
	const json_t * v;
	const char * k;

	if (json_object_get(columns, name) != NULL)
		return (name);
	json_object_foreach(MUTABLE(columns), k, v)
		if (strcasecmp(k, name) == 0)
			return (k);
	return (NULL);
}

/* Put in what one index says of ${name}. */
static int
add_column(json_t * columns, const json_t * mappings, const char * name,
    const char * path, const json_t * map)
{
	const char * have = same_name(columns, name);
	json_t * col;
	int bad = 0, rc = 0;

	/* SQL has no two columns that differ in case alone. */
	if ((have != NULL && strcmp(have, name) != 0) ||
	    strlen(name) > MAX_NAME || *name == '\0' ||
	    (have == NULL && json_object_size(columns) >= MAX_FIELDS))
		return (0);
	if ((col = column_of(mappings, name, path, map, &bad)) == NULL)
		return (bad ? -1 : 0);
	if (have == NULL)
		rc = json_object_set(columns, name, col);
	else
		rc = merge(json_object_get(columns, name), col);
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
add_index(json_t * columns, const json_t * mappings)
{
	const json_t * map, * at;
	const char * name;

	json_object_foreach(json_object_get(mappings, "properties"), name, map) {
		if (!is_ours(name, map)) {
			if (add_column(columns, mappings, name, name, map))
				return (-1);
			continue;
		}
		at = json_object_get(json_object_get(map, "properties"),
		    "deleted_at");
		if (at != NULL && add_column(columns, mappings, "_deleted_at",
		    "moltler.deleted_at", at))
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
gather(const char * pattern, const json_t * answer, struct err * e)
{
	json_t * columns = json_object(), * id;
	const json_t * index, * mappings, * dynamic;
	size_t n = 0;
	const char * name;
	int rc = columns == NULL, blind = 0;

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
		rc = rc != 0 || add_index(columns, mappings);
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

/* ---- the manifest ---- */

/* ${path} of _source, as json_path.h writes it. */
static struct json_path *
source_path(const char * field, struct err * e)
{
	struct buf b = BUF_INIT(4096);
	struct json_path * p = NULL;
	const char * s;

	if (strcmp(field, "moltler.deleted_at") == 0)
		return (json_path_parse("_source.moltler.deleted_at", e));
	buf_adds(&b, "_source.\"");
	for (s = field; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			buf_addc(&b, '\\');
		buf_addc(&b, *s);
	}
	buf_addc(&b, '"');
	if (b.failed)
		err_nomem(e, "a path");
	else
		p = json_path_parse(b.p, e);
	buf_free(&b);
	return (p);
}

static int
fill_column(struct manifest_column * c, const char * name, const json_t * col,
    struct err * e)
{
	const char * source = json_string_value(json_object_get(col, "source"));

	c->name = name;
	c->type = (enum column_type)json_integer_value(json_object_get(col,
	    "column"));
	c->type_name = type_names[c->type];
	/* elastic_cells.c reads times. */
	c->time = TIME_ISO8601;
	c->path = source != NULL ? source_path(source, e) :
	    json_path_parse("_id", e);
	if (source == NULL)
		c->is_key = c->not_null = 1;
	return (c->path == NULL ? -1 : 0);
}

static int
fill_columns(struct manifest_entity * ent, const json_t * columns, size_t extra,
    struct err * e)
{
	static const char * const extras[EXTRA_COUNT] = { "_index", "sort" };
	struct manifest_column * c;
	const json_t * col;
	const char * name;
	size_t i;

	ent->columns = calloc(json_object_size(columns) + extra,
	    sizeof(*ent->columns));
	if (ent->columns == NULL)
		return (err_nomem(e, "a mapping"));
	json_object_foreach(MUTABLE(columns), name, col)
		if (fill_column(&ent->columns[ent->ncolumns++], name, col, e))
			return (-1);
	for (i = 0; i < extra; i++) {
		c = &ent->columns[ent->ncolumns++];
		c->name = extras[i];
		c->type = i == EXTRA_SORT ? COLUMN_LIST : COLUMN_TEXT;
		c->type_name = type_names[c->type];
		if ((c->path = json_path_parse(extras[i], e)) == NULL)
			return (-1);
	}
	return (0);
}

/* A rule: how the values of some operators go down. */
static void
add_rule(struct manifest_list * list, size_t column, unsigned ops,
    const char * name, enum column_type type)
{
	struct manifest_push * r = &list->pushes[list->npushes];

	if (ops == 0)
		return;
	list->npushes++;
	r->column = column;
	r->ops = ops;
	r->where = IN_BODY;
	r->name = name;
	r->many = MANY_REPEAT;
	r->time = TIME_EPOCH_MS;
	r->round_ms = 1;
	if (ops & (OP_NOT_NULL | OP_IS_NULL))
		r->text = "exists";
	/* Times and reals are asked for with a margin. */
	r->loose = type == COLUMN_TIMESTAMP || type == COLUMN_REAL ||
	    type == COLUMN_LIST;
}

/* Names of rules say where they go in the query; no two of a column are the same,
 * so that each bound has its own. */
static int
fill_rules(struct manifest_list * list, const struct manifest_entity * ent,
    json_t * columns, struct err * e)
{
	static const struct {
		const char * name;
		unsigned ops;
	} kinds[] = {
		{ "term", OPS_EQUAL | OP_CONTAINS }, { "gte", OPS_LOWER },
		{ "lte", OPS_UPPER }, { "exists", OP_NOT_NULL },
		{ "must_not.exists", OP_IS_NULL }
	};
	const size_t n = sizeof(kinds) / sizeof(kinds[0]);
	json_t * col, * names;
	unsigned ops;
	size_t i, k;

	if ((list->pushes = calloc(ent->ncolumns * n + 1,
	    sizeof(*list->pushes))) == NULL)
		return (err_nomem(e, "a mapping"));
	for (i = 0; i < ent->ncolumns; i++) {
		col = json_object_get(columns, ent->columns[i].name);
		ops = (unsigned)json_integer_value(json_object_get(col, "ops"));
		if (strcmp(ent->columns[i].name, "_deleted_at") == 0 &&
		    (ops & OP_NOT_NULL))
			ops |= OP_IS_NULL;
		if (ops == 0)
			continue;
		names = json_object();
		if (names == NULL || json_object_set_new(col, "names", names))
			return (err_nomem(e, "a mapping"));
		for (k = 0; k < n; k++) {
			if ((ops & kinds[k].ops) == 0)
				continue;
			if (json_object_set_new(names, kinds[k].name,
			    json_sprintf("%s.%s", kinds[k].name,
			    json_string_value(json_object_get(col, "field")))))
				return (err_nomem(e, "a mapping"));
			add_rule(list, i, ops & kinds[k].ops, json_string_value(
			    json_object_get(names, kinds[k].name)),
			    ent->columns[i].type);
		}
	}
	return (0);
}

static int
fill_entity(struct manifest_entity * ent, json_t * columns, size_t extra,
    struct err * e)
{
	static const struct {
		enum body_field field;
		const char * path;
	} body[] = { { BODY_CURSOR, "pit_id" }, { BODY_LAST, "timed_out" },
		{ BODY_TOTAL, "_shards.failed" } };
	struct manifest_list * list;
	size_t i;

	ent->decode = DECODE_JSON;
	if (fill_columns(ent, columns, extra, e))
		return (-1);
	if ((ent->lists = calloc(1, sizeof(*ent->lists))) == NULL)
		return (err_nomem(e, "a mapping"));
	ent->nlists = 1;
	list = &ent->lists[0];
	list->name = "search";
	list->method = "POST";
	list->url = "_search";
	list->paginate.kind = PAGE_CURSOR;
	list->paginate.size = list->paginate.size_max = ELASTIC_PAGE_ROWS;
	if ((list->records = json_path_parse("hits.hits", e)) == NULL)
		return (-1);
	for (i = 0; i < sizeof(body) / sizeof(body[0]); i++)
		if ((list->paginate.field[body[i].field] = json_path_parse(
		    body[i].path, e)) == NULL)
			return (-1);
	return (extra > 0 ? 0 : fill_rules(list, ent, columns, e));
}

/* The manifest holds ${columns} (taken) as its document. */
static struct manifest *
make_manifest(const char * pattern, json_t * columns, struct err * e)
{
	struct manifest * m = calloc(1, sizeof(*m));
	struct manifest_entity * ents;

	if (m == NULL || (m->doc = json_pack("{s:O, s:s}", "columns", columns,
	    "pattern", pattern)) == NULL || (m->entities = ents =
	    calloc(ELASTIC_ENTITIES, sizeof(*ents))) == NULL) {
		err_nomem(e, "a mapping");
		goto err0;
	}
	m->type = "elasticsearch";
	m->title = m->description = "an index";
	m->drive_model = "on_demand";
	m->nentities = ELASTIC_ENTITIES;
	ents[ELASTIC_TABLE].name = json_string_value(json_object_get(m->doc,
	    "pattern"));
	ents[ELASTIC_HITS].name = "hits";
	ents[ELASTIC_HITS].hidden = 1;
	m->refs = 1;
	if (fill_entity(&ents[ELASTIC_TABLE], columns, 0, e) ||
	    fill_entity(&ents[ELASTIC_HITS], columns, EXTRA_COUNT, e))
		goto err0;
	json_decref(columns);
	return (m);

err0:
	json_decref(columns);
	if (m != NULL) {
		m->refs = 1;
		manifest_unref(m);
	}
	return (NULL);
}

struct connector *
elastic_columns_table(const char * pattern, const json_t * answer,
    struct err * e)
{
	struct connector * c;
	struct manifest * m;
	json_t * columns;

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
	if ((columns = gather(pattern, answer, e)) == NULL ||
	    (m = make_manifest(pattern, columns, e)) == NULL)
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
