#include <stdlib.h>

#include "api/api_internal.h"

/* Requests that wait for somebody else's answer. */

struct api_wait *
api_wait_new(const struct api_call * c, int status)
{
	struct api_wait * w = calloc(1, sizeof(*w));

	if (w == NULL) {
		httpd_error(c->q, 503, "nomem", "out of memory");
		return (NULL);
	}
	w->q = c->q;
	w->a = c->a;
	w->status = status;
	return (w);
}

void
api_wait_done(void * arg, json_t * v, const struct err * e)
{
	struct api_wait * w = arg;

	if (e != NULL)
		api_reply_err(w->q, e);
	else if (w->status == 204)
		httpd_reply(w->q, 204, NULL, "", 0);
	else if (w->as_items)
		api_reply_json(w->q, w->status, json_pack("{s:o}", "items",
		    v ? json_incref(v) : json_array()));
	else
		api_reply_json(w->q, w->status, v ? json_incref(v) :
		    json_object());
	free(w);
}
