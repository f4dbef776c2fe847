/* Columns to manifest: paths, and the rules by which predicates go down. */
#include "target/elastic_manifest.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "manifest/json_path.h"
#include "target/elastic_columns.h"

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))

#define OPS_EQUAL (OP_EQ | OP_IN)
#define OPS_LOWER (OP_GT | OP_GE)
#define OPS_UPPER (OP_LT | OP_LE)

static const char * const type_names[] = { "text", "integer", "real",
	"boolean", "timestamp", "list", "map" };

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
struct manifest *
elastic_manifest(const char * pattern, json_t * columns, struct err * e)
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
