#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "run/job.h"
#include "secret/secret.h"

/*
 * A connector whose record no longer fits: its type is gone, or asks for other
 * config than it did.  It keeps its place and its name, is shown as disabled
 * with the reason, and its record stays as it is until somebody mends it.
 */

static char *
text_of(const json_t * rec, const char * key)
{
	const json_t * v = json_object_get(rec, key);

	return (json_is_object(v) ? json_dumps(v, JSON_COMPACT) :
	    strdup("{}"));
}

static char *
copy_of(const json_t * rec, const char * key)
{
	const char * s = json_str(rec, key);

	return (s != NULL && *s != '\0' ? strdup(s) : NULL);
}

struct job *
job_misfit(struct runner * r, const json_t * rec, const struct err * why)
{
	const char * id = json_str(rec, "id"), * name = json_str(rec, "name");
	struct job * j;

	if (name == NULL || (j = calloc(1, sizeof(*j))) == NULL)
		return (NULL);
	j->runner = r;
	j->last_bucket = INT64_MIN;
	j->created_at = json_int(rec, "created_at", 0);
	j->node = copy_of(rec, "node");
	j->disabled_reason = strdup(why->msg);
	j->misfit = json_deep_copy((json_t *)(uintptr_t)rec);
	if ((j->c = calloc(1, sizeof(*j->c))) != NULL) {
		j->c->refs = 1;
		j->c->id = strdup(id ? id : "");
		j->c->name = strdup(name);
		j->c->config = text_of(rec, "config");
		j->c->options = text_of(rec, "options");
	}
	if (j->c == NULL || j->c->id == NULL || j->c->name == NULL ||
	    j->c->config == NULL || j->c->options == NULL ||
	    j->misfit == NULL || j->disabled_reason == NULL) {
		job_free(j);
		return (NULL);
	}
	return (j);
}

/* No schema says which strings are secret, so none is shown but references. */
static void
hide(json_t * v)
{
	json_t * x;
	const char * key;
	void * next;
	size_t i;

	if (json_is_string(v)) {
		if (secret_shown(json_string_value(v)) != json_string_value(v))
			json_string_set(v, "***");
		return;
	}
	json_array_foreach(v, i, x)
		hide(x);
	json_object_foreach_safe(v, next, key, x)
		hide(x);
}

static json_t *
field(const struct job * j, const char * key)
{
	json_t * v = json_object_get(j->misfit, key);

	return (v != NULL ? json_deep_copy(v) : json_null());
}

void
job_misfit_show(const struct job * j, json_t * shown)
{
	static const char * const as_recorded[] = { "type", "target_database",
	    "target_table", "schedule_ms", "options" };
	json_t * config = field(j, "config");
	size_t i;

	for (i = 0; i < sizeof(as_recorded) / sizeof(*as_recorded); i++)
		json_object_set_new(shown, as_recorded[i],
		    field(j, as_recorded[i]));
	hide(config);
	json_object_set_new(shown, "config", config);
}
