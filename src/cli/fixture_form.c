#include "cli/fixture_form.h"

#include <stdio.h>

#include "base/json.h"

static int
check_exchange(const json_t * v, size_t i, struct err * e)
{
	const json_t * req = json_object_get(v, "request");
	const json_t * res = json_object_get(v, "response");
	char where[48];

	snprintf(where, sizeof(where), "exchanges[%zu]", i);
	if (json_check_keys(v, where, e, "request", "response", NULL))
		return (-1);
	snprintf(where, sizeof(where), "exchanges[%zu].request", i);
	if (req != NULL && json_check_keys(req, where, e, "method", "url",
	    "headers", "body", NULL))
		return (-1);
	snprintf(where, sizeof(where), "exchanges[%zu].response", i);
	return (res != NULL ? json_check_keys(res, where, e, "status",
	    "headers", "body", "fail", NULL) : 0);
}

int
fixture_form_check(const json_t * fx, struct err * e)
{
	const json_t * v;
	size_t i;

	if (json_check_keys(fx, "fixture", e, "$comment", "description",
	    "config", "options", "now", "token", "entity", "columns", "where",
	    "order", "limit", "sync", "told", "action", "args", "test", "exchanges", "rows",
	    "result", "error", "skipped", NULL))
		return (-1);
	if ((json_object_get(fx, "entity") != NULL) +
	    (json_object_get(fx, "action") != NULL) +
	    (json_object_get(fx, "test") != NULL) != 1)
		return (err_set(e, ERR_CONFIG, "fixture", "the fixture must "
		    "have one of entity, action and test"));
	if ((v = json_object_get(fx, "error")) != NULL && json_check_keys(v,
	    "error", e, "class", "code", "contains", NULL))
		return (-1);
	json_array_foreach(json_object_get(fx, "where"), i, v)
		if (json_check_keys(v, "where[]", e, "column", "op", "value",
		    NULL))
			return (-1);
	json_array_foreach(json_object_get(fx, "exchanges"), i, v)
		if (check_exchange(v, i, e))
			return (-1);
	return (0);
}
