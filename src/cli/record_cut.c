#include "base/json.h"
#include "cli/record.h"

/* Leave ${rows} of the list at ${path}; whether there is a list. */
static int
cut_at(const struct json_path * path, json_t * body, size_t rows, size_t * cut)
{
	json_t * list = path->neach > 0 ? NULL : json_path_get(path, body);

	if (!json_is_array(list))
		return (0);
	while (json_array_size(list) > rows) {
		json_array_remove(list, json_array_size(list) - 1);
		++*cut;
	}
	return (1);
}

static int
cut_as(const struct manifest_entity * ent, json_t * body, size_t rows,
    size_t * cut)
{
	size_t i;

	for (i = 0; i < ent->nlists; i++)
		if (cut_at(ent->lists[i].records, body, rows, cut))
			return (1);
	return (0);
}

json_t *
record_cut(const struct manifest * m, const char * entity,
    const json_t * responses, size_t rows, size_t * cut)
{
	const struct manifest_entity * ent = manifest_entity(m, entity);
	json_t * out = json_deep_copy(responses), * r, * body;
	size_t i, j;

	*cut = 0;
	json_array_foreach(out, i, r) {
		body = json_object_get(r, "body");
		if (ent == NULL || cut_as(ent, body, rows, cut))
			continue;
		/* Not ours: that of an entity which leads to ours. */
		for (j = 0; j < m->nentities; j++)
			if (cut_as(&m->entities[j], body, rows, cut))
				break;
	}
	return (out);
}
