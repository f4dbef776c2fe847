#include "target/elastic_mapping.h"

#include <string.h>

#include "base/json.h"

/* Beyond what engines and their users take for templates of their own. */
#define PRIORITY 520
#define IGNORE_ABOVE 1024
/* An engine takes 1000 fields unless told otherwise; a text counts as two. */
#define MANY_COLUMNS 300

/* Which types a field may have for values of a column's; the first is what we
 * would have made it. */
static const struct {
	const char * name;
	const char * fits[10];
} families[] = {
	[COLUMN_TEXT] = { "text", { "text", "keyword", "match_only_text",
	    "wildcard", "constant_keyword", "search_as_you_type", NULL } },
	[COLUMN_INTEGER] = { "integer", { "long", "integer", "short", "byte",
	    "unsigned_long", "double", "float", "scaled_float", NULL } },
	[COLUMN_REAL] = { "real", { "double", "float", "half_float",
	    "scaled_float", NULL } },
	[COLUMN_BOOLEAN] = { "boolean", { "boolean", NULL } },
	[COLUMN_TIMESTAMP] = { "timestamp", { "date", "date_nanos", NULL } },
	[COLUMN_LIST] = { "list", { "keyword", "text", "wildcard",
	    "match_only_text", NULL } },
	[COLUMN_MAP] = { "map", { "flattened", "flat_object", "object",
	    "nested", NULL } },
};

int
elastic_mapping_has_flat(const struct elastic_who * who)
{
	return (who->is_opensearch ? who->major > 2 ||
	    (who->major == 2 && who->minor >= 7) : who->major > 7 ||
	    (who->major == 7 && who->minor >= 3));
}

static json_t *
map_field(const struct elastic_who * who, int flat)
{
	if (!flat)
		return (json_pack("{s:s, s:b}", "type", "object", "enabled",
		    0));
	if (who->is_opensearch)
		return (json_pack("{s:s}", "type", "flat_object"));
	return (json_pack("{s:s, s:i}", "type", "flattened", "ignore_above",
	    IGNORE_ABOVE));
}

static json_t *
field(const struct writer_column * c, const struct elastic_who * who, int flat)
{
	switch (c->type) {
	case COLUMN_TEXT:
		if (!c->is_key)
			return (json_pack("{s:s, s:{s:{s:s, s:i}}}", "type",
			    "text", "fields", "keyword", "type", "keyword",
			    "ignore_above", IGNORE_ABOVE));
		return (json_pack("{s:s, s:i}", "type", "keyword",
		    "ignore_above", IGNORE_ABOVE));
	case COLUMN_LIST:
		/* Engines do not tell one value from a list of them; whoever
		 * reads the index does (elastic_columns.c). */
		return (json_pack("{s:s, s:i, s:{s:s}}", "type", "keyword",
		    "ignore_above", IGNORE_ABOVE, "meta", "moltler", "list"));
	case COLUMN_INTEGER:
	case COLUMN_REAL:
	case COLUMN_BOOLEAN:
	case COLUMN_TIMESTAMP:
		return (json_pack("{s:s}", "type",
		    families[c->type].fits[0]));
	case COLUMN_MAP:
		break;
	}
	return (map_field(who, flat));
}

static json_t *
our_field(void)
{
	return (json_pack("{s:{s:{s:s}, s:{s:s}, s:{s:s}}}", "properties",
	    "sync", "type", "keyword", "fence", "type", "long",
	    "deleted_at", "type", "date"));
}

static json_t *
properties(const struct writer_spec * spec, const struct elastic_who * who,
    int flat)
{
	json_t * p = json_object();
	size_t i;

	for (i = 0; i < spec->ncolumns; i++)
		if (json_object_set_new(p, spec->columns[i].name,
		    field(&spec->columns[i], who, flat)))
			goto nomem;
	if (spec->marks && json_object_set_new(p, "moltler", our_field()))
		goto nomem;
	return (p);
nomem:
	json_decref(p);
	return (NULL);
}

json_t *
elastic_mapping_template(const struct writer_spec * spec,
    const struct elastic_who * who, int flat)
{
	json_t * p = properties(spec, who, flat), * t;

	t = json_pack("{s:[s], s:i, s:{s:s}, s:{s:{s:o}}}", "index_patterns",
	    spec->table, "priority", PRIORITY, "_meta", "made_by", "moltler",
	    "template", "mappings", "properties", p);
	if (t != NULL && spec->ncolumns > MANY_COLUMNS &&
	    json_object_set_new(json_object_get(t, "template"), "settings",
	    json_pack("{s:I}", "index.mapping.total_fields.limit",
	    (json_int_t)spec->ncolumns * 3 + 100))) {
		json_decref(t);
		t = NULL;
	}
	return (t);
}

json_t *
elastic_mapping_rejected(const char * index)
{
	return (json_pack("{s:[s], s:i, s:{s:s}, s:{s:{s:{s:{s:s}, s:{s:s}, "
	    "s:{s:s, s:{s:{s:s, s:i}}}, s:{s:s, s:b}}}}}",
	    "index_patterns", index, "priority", PRIORITY,
	    "_meta", "made_by", "moltler", "template", "mappings",
	    "properties", "sync", "type", "keyword", "at", "type", "date",
	    "reason", "type", "text", "fields", "keyword", "type", "keyword",
	    "ignore_above", IGNORE_ABOVE, "row", "type", "text", "index", 0));
}

/* A field's type as the engine tells it: an object may go without. */
static const char *
type_of(const json_t * f)
{
	const char * type = json_str(f, "type");

	return (type != NULL ? type : "object");
}

static int
fits(const struct writer_column * c, const char * type)
{
	size_t i;

	for (i = 0; families[c->type].fits[i] != NULL; i++)
		if (strcmp(families[c->type].fits[i], type) == 0)
			return (1);
	return (0);
}

/* One index (an alias has several): drop from ${want} what it has. */
static int
compare(const struct writer_spec * spec, const char * index,
    const json_t * have, json_t * want, struct err * e)
{
	const struct writer_column * c;
	const json_t * f;
	size_t i;

	for (i = 0; i < spec->ncolumns; i++) {
		c = &spec->columns[i];
		if ((f = json_object_get(have, c->name)) == NULL)
			continue;
		if (!fits(c, type_of(f)))
			return (err_set(e, ERR_CONFIG, "mapping", "index %s: "
			    "the field %s is of type %s there and the column "
			    "is %s, which would be %s; sync into another "
			    "index, or delete or reindex this one", index,
			    c->name, type_of(f), families[c->type].name,
			    type_of(json_object_get(want, c->name))));
		json_object_del(want, c->name);
	}
	f = json_object_get(have, "moltler");
	if (f == NULL || !spec->marks)
		return (0);
	if (json_object_get(json_object_get(f, "properties"), "sync") == NULL)
		return (err_set(e, ERR_CONFIG, "mapping", "index %s: there is "
		    "a field moltler that is not ours, which says which rows "
		    "a sync wrote; sync into another index, or with deletes "
		    "ignored", index));
	json_object_del(want, "moltler");
	return (0);
}

int
elastic_mapping_missing(const struct writer_spec * spec,
    const struct elastic_who * who, int flat, const json_t * there,
    json_t ** out, struct err * e)
{
	json_t * all = NULL, * want, * index, * have;
	const char * name;
	int rc = 0;

	*out = NULL;
	if ((all = json_object()) == NULL)
		return (err_nomem(e, "a mapping"));
	json_object_foreach((json_t *)(uintptr_t)there, name, index) {
		have = json_object_get(json_object_get(index, "mappings"),
		    "properties");
		if ((want = properties(spec, who, flat)) == NULL)
			rc = err_nomem(e, "a mapping");
		else if ((rc = compare(spec, name, have, want, e)) == 0 &&
		    json_object_update(all, want))
			rc = err_nomem(e, "a mapping");
		json_decref(want);
		if (rc != 0)
			break;
	}
	if (rc == 0 && json_object_size(all) > 0 &&
	    (*out = json_pack("{s:O}", "properties", all)) == NULL)
		rc = err_nomem(e, "a mapping");
	json_decref(all);
	return (rc);
}
