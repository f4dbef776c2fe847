#include <stdlib.h>
#include <string.h>

#include "decode/page.h"

/* page.h over the pages that fake_service.c makes itself: nobody may make others. */

struct page *
page_new(size_t ncols)
{
	(void)ncols;
	abort();
}

struct value *
page_row(struct page * p)
{
	(void)p;
	abort();
}

void
page_row_drop(struct page * p)
{
	(void)p;
	abort();
}

void
page_fit(struct page * p)
{
	(void)p;
	abort();
}

char *
page_text(struct page * p, const char * s, size_t n)
{
	(void)p;
	(void)s;
	(void)n;
	abort();
}

int
page_adopt(struct page * p, void * mem, size_t bytes)
{
	(void)p;
	(void)mem;
	(void)bytes;
	abort();
}

struct page *
page_ref(struct page * p)
{
	p->refs++;
	return (p);
}

void
page_unref(struct page * p)
{
	if (p == NULL || --p->refs > 0)
		return;
	/* What is used after this is seen. */
	memset(p->text, 0xdd, p->bytes);
	free(p->text);
	free(p->cells);
	free(p);
}
