/* Who waits for a token. */
#include "conn/token_internal.h"

#include <stdlib.h>

struct token_wait *
token_wait_pop(struct token_entry * x)
{
	struct token_wait * w = x->first;

	if (w == NULL)
		return (NULL);
	x->first = w->next;
	if (w->next != NULL)
		w->next->prevp = &x->first;
	else
		x->lastp = &x->first;
	return (w);
}

void
token_wait_tell(struct token_entry * x, const struct token_value * t,
    const struct err * e)
{
	struct token_wait * w, * end = x->first;
	token_cb * cb;
	void * arg;

	if (end == NULL)
		return;
	/* Callbacks may cancel others, which are found by their links. */
	end->prevp = &end;
	x->first = NULL;
	x->lastp = &x->first;
	while ((w = end) != NULL) {
		cb = w->cb;
		arg = w->arg;
		if ((end = w->next) != NULL)
			end->prevp = &end;
		free(w);
		cb(arg, t, e);
	}
}

void
token_cancel(struct token_wait * w)
{
	if (w == NULL)
		return;
	*w->prevp = w->next;
	if (w->next != NULL)
		w->next->prevp = w->prevp;
	else if (w->x->lastp == &w->next)
		w->x->lastp = w->prevp;
	free(w);
}
