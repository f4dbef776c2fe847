#include "conn/action_lookup.h"

#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "conn/action_answer.h"
#include "manifest/template.h"

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))
#define MAX_NAMED 12

/* ${want}: path -> value. */
static int
matches(const json_t * want, const json_t * record)
{
	const char * path;
	const json_t * v;
	json_t * has;

	json_object_foreach(MUTABLE(want), path, v)
		if ((has = action_answer_at(record, path)) == NULL || !action_answer_same(v, has))
			return (0);
	return (1);
}

/* What there is instead, by the first thing that was looked at. */
static int
err_none(const struct manifest_action * act, const json_t * want,
    const json_t * records, struct err * e)
{
	struct buf named = BUF_INIT(300);
	const char * path = json_object_iter_key(json_object_iter(
	    MUTABLE(want)));
	const json_t * w = path ? json_object_get(want, path) : NULL;
	json_t * v, * record;
	size_t i;

	json_array_foreach(records, i, record) {
		v = path && i < MAX_NAMED ? action_answer_at(record, path) : NULL;
		if (json_is_string(v))
			buf_addf(&named, "%s%s", named.len > 0 ? ", " : "",
			    json_string_value(v));
	}
	err_set(e, ERR_PERMANENT, "not_found", "the service has no %s '%.64s' "
	    "for %s here; there is %.250s", path ? path : "such thing",
	    json_is_string(w) ? json_string_value(w) : "?", act->name,
	    named.len > 0 ? named.p : "nothing");
	buf_free(&named);
	return (-1);
}

json_t *
action_lookup_find(struct connector * c, const struct manifest_action * act,
    const json_t * args, const json_t * body, struct err * e)
{
	struct template_env env = { .config = connector_config_parsed(c),
	    .in = args };
	const json_t * match = json_object_get(act->lookup, "match");
	const json_t * records = action_answer_at(body, json_str(act->lookup, "records"));
	json_t * want = match ? template_json(match, &env, e) : json_object();
	json_t * v, * record, * found = NULL;
	size_t i;

	if (want == NULL)
		return (NULL);
	json_array_foreach(records, i, record)
		if (found == NULL && matches(want, record))
			found = record;
	if (found == NULL && json_is_object(records) && matches(want, records))
		found = MUTABLE(records);
	v = found ? action_answer_at(found, json_str(act->lookup, "value")) : NULL;
	if (v == NULL)
		err_none(act, want, records, e);
	json_decref(want);
	return (json_incref(v));
}
