#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "base/json.h"

/* /v1/secrets: names out, values in. */

static void
on_done(void * arg, const struct err * e)
{
	struct httpd_req * q = arg;

	if (e != NULL)
		api_reply_err(q, e);
	else
		httpd_reply(q, 204, NULL, "", 0);
}

static void
list(const struct api_call * c)
{
	json_t * names = secret_store_names(runner_secret_store(
	    c->a->o.runner)), * items = json_array(), * v;
	size_t i;

	json_array_foreach(names, i, v)
		json_array_append_new(items, json_pack("{s:O}", "name", v));
	if (names == NULL) {
		json_decref(items);
		items = NULL;
	}
	json_decref(names);
	api_reply_json(c->q, 200, items ? json_pack("{s:o}", "items", items) :
	    NULL);
}

static void
put(const struct api_call * c)
{
	json_t * body = api_body(c->q);
	const char * value = json_str(body, "value");
	struct err e;

	if (body == NULL)
		return;
	if (!json_is_object(body))
		httpd_error(c->q, 400, "bad_request",
		    "the body must be a JSON object");
	else if (json_check_keys(body, "", &e, "value", NULL))
		httpd_error(c->q, 400, e.code, "%s", e.msg);
	else if (value == NULL)
		httpd_error(c->q, 400, "bad_request",
		    "value is missing or no string");
	else
		secret_store_set(runner_secret_store(c->a->o.runner), c->id,
		    value, strlen(value), on_done, c->q);
	json_decref(body);
}

static void
del(const struct api_call * c)
{
	runner_secret_drop(c->a->o.runner, c->id, on_done, c->q);
}

const struct api_route api_secret_routes[] = {
	{ HTTPD_GET, "/v1/secrets", list },
	{ HTTPD_PUT, "/v1/secrets/:id", put },
	{ HTTPD_DELETE, "/v1/secrets/:id", del },
	{ HTTPD_OTHER, NULL, NULL },
};
