#include "sql/sql_block.h"

#include <string.h>
#include <strings.h>

static int
is(const char * s, size_t n, const char * word)
{
	return (strlen(word) == n && strncasecmp(s, word, n) == 0);
}

void
sql_block_word(struct sql_block * b, const char * s, size_t n)
{
	int fresh = b->fresh;

	b->fresh = 0;
	if (b->inside) {
		if (b->catching && is(s, n, "then"))
			b->inside = b->catching = 0;
		return;
	}
	if (is(s, n, "begin")) {
		b->fresh = b->depth++ == 0;
	} else if (b->depth == 0) {
		b->inside = 1;
	} else if (fresh && (is(s, n, "transaction") || is(s, n, "deferred") ||
	    is(s, n, "immediate") || is(s, n, "exclusive"))) {
		/* That of another SQL, whose END nobody need write. */
		b->depth = 0;
		b->inside = 1;
	} else if (is(s, n, "try")) {
		b->depth++;
	} else if (is(s, n, "end")) {
		b->depth--;
		b->inside = 1;
	} else if (!is(s, n, "finally")) {
		b->catching = is(s, n, "catch");
		b->inside = 1;
	}
}

void
sql_block_other(struct sql_block * b)
{
	b->inside = 1;
	b->fresh = 0;
}

int
sql_block_semi(struct sql_block * b)
{
	if (b->fresh)
		b->depth = 0;
	b->inside = b->catching = b->fresh = 0;
	return (b->depth == 0);
}
