#include "stmt/stmt_pages.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define AT_ONCE 500

struct pages {
	const struct stmt_pages * p;
	int asking, over;
	size_t left;     /* to be shown */
	char * after;    /* the last one of the page before, or NULL */
	json_t * items;  /* of a page, to be shown */
};

static void
on_list(void * arg, json_t * v, const struct err * e)
{
	struct stmt_run * r = arg;
	struct pages * s = r->own;
	const char * next;
	size_t n;

	if (stmt_back(r))
		return;
	s->asking = 0;
	if (e != NULL) {
		stmt_fail(r, e);
		return;
	}
	s->items = json_incref(json_object_get(v, "items"));
	next = json_str(v, "next");
	free(s->after);
	s->after = next == NULL ? NULL : strdup(next);
	n = json_array_size(s->items);
	s->left -= n < s->left ? n : s->left;
	s->over = s->after == NULL || s->left == 0;
	stmt_more(r);
}

static int
more(struct stmt_run * r)
{
	struct pages * s = r->own;
	const json_t * o;
	size_t i;

	if (s->items != NULL) {
		json_array_foreach(s->items, i, o)
			json_array_append_new(r->rows, s->p->row(o));
		json_decref(s->items);
		s->items = NULL;
		if (json_array_size(r->rows) > 0)
			return (1);
	}
	if (s->over)
		return (0);
	if (!s->asking) {
		s->asking = 1;
		stmt_wait(r);
		s->p->ask(r, s->after, s->left < AT_ONCE ? s->left : AT_ONCE,
		    on_list);
	}
	return (-1);
}

void
stmt_pages_start(struct stmt_run * r, const struct stmt_pages * p,
    size_t most)
{
	struct pages * s = calloc(1, sizeof(*s));
	struct err e;

	if ((r->own = s) == NULL) {
		err_nomem(&e, "a statement");
		stmt_fail(r, &e);
		return;
	}
	s->p = p;
	s->left = most;
	s->over = most == 0;
	r->more = more;
	stmt_rows(r, p->ncols, p->cols, json_array(), NULL);
}

void
stmt_pages_end(struct stmt_run * r)
{
	struct pages * s = r->own;

	if (s == NULL)
		return;
	free(s->after);
	json_decref(s->items);
	free(s);
}
