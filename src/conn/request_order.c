/* The order that is pushed. */
#include "conn/request_build.h"

#include <stdint.h>

#define MUTABLE(j) ((json_t *)(uintptr_t)(j))

json_t *
request_order(const struct plan * p, size_t i)
{
	const struct manifest_list * l = p->list;
	const char * dir = p->orders[i].desc ? l->order_desc : l->order_asc;
	const char * as = NULL;
	size_t j;

	for (j = 0; j < l->norders; j++)
		if (l->orders[j].column == p->orders[i].column)
			as = l->orders[j].as;
	return (json_pack("{s:s, s:s, s:s, s:s}", "column", as ? as : "",
	    "direction", dir ? dir : p->orders[i].desc ? "desc" : "asc",
	    "sign", p->orders[i].desc ? "-" : "+",
	    "minus", p->orders[i].desc ? "-" : ""));
}

/* The template of each column, with commas between. */
static int
order_text(struct request_build * b, const struct plan * p, const char * t,
    struct buf * out, struct err * e)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < p->norders && rc == 0; i++) {
		if (i > 0)
			buf_addc(out, ',');
		rc = request_build_text(b, t, &b->env.order,
		    request_order(p, i), out, e);
	}
	return (rc);
}

/* A list in the body of what the template says of each column. */
static int
order_list(struct request_build * b, const struct plan * p, const char * path,
    const json_t * t, struct err * e)
{
	json_t * list = json_array(), * order, * one;
	size_t i;

	for (i = 0; i < p->norders; i++) {
		order = request_order(p, i);
		b->env.order = order;
		one = order != NULL ? template_json(t, &b->env, e) : NULL;
		b->env.order = NULL;
		json_decref(order);
		if (one == NULL || json_array_append_new(list, one)) {
			json_decref(list);
			return (order != NULL && one == NULL ? -1 :
			    err_nomem(e, "a request"));
		}
	}
	return (request_build_set(b, IN_BODY, path, list, e));
}

int
request_order_body(struct request_build * b, const struct plan * p,
    struct err * e)
{
	const char * path;
	json_t * t;

	if (p->norders == 0)
		return (0);
	json_object_foreach(MUTABLE(p->list->order_body), path, t)
		if (order_list(b, p, path, t, e))
			return (-1);
	return (0);
}

int
request_order_query(struct request_build * b, const struct plan * p,
    struct err * e)
{
	struct buf s = BUF_INIT(REQUEST_MAX_TEXT);
	const char * name;
	json_t * t;
	int rc = 0;

	if (p->norders == 0 || p->list->order_query == NULL)
		return (0);
	json_object_foreach(MUTABLE(p->list->order_query), name, t) {
		buf_clear(&s);
		if (!json_is_string(t) || (rc = order_text(b, p,
		    json_string_value(t), &s, e)) != 0)
			break;
		rc = request_build_set(b, IN_QUERY, name,
		    json_stringn(s.p ? s.p : "", s.len), e);
		if (rc != 0)
			break;
	}
	buf_free(&s);
	return (rc);
}
