#include "cli/prompt_read.h"

#include <string.h>

/* The daemon takes less; whoever pastes more is told by it. */
#define TEXT_MAX ((size_t)16 << 20)

void
prompt_read_init(struct prompt_read * r)
{
	memset(r, 0, sizeof(*r));
	r->text.max = TEXT_MAX;
}

int
prompt_read_add(struct prompt_read * r, const char * line, size_t len,
    struct err * e)
{
	buf_add(&r->text, line, len);
	if (len == 0 || line[len - 1] != '\n')
		buf_addc(&r->text, '\n');
	if (!r->text.failed)
		return (0);
	prompt_read_clear(r);
	return (err_set(e, ERR_PERMANENT, "too_large", "a statement of more "
	    "than %zu MiB, or than memory, cannot be typed: it is forgotten",
	    TEXT_MAX >> 20));
}

int
prompt_read_next(struct prompt_read * r, struct split_stmt * s)
{
	const char * p, * end;
	unsigned line = 1;
	int found;

	memset(s, 0, sizeof(*s));
	r->open = 0;
	if (r->text.len == 0)
		return (0);
	p = r->text.p + r->done;
	end = r->text.p + r->text.len;
	found = split_next(&p, end, &line, s);
	if (s->ended) {
		r->done = (size_t)(p - r->text.p);
		return (1);
	}
	/* What is only space and comments needs no end. */
	if (!found && s->open == 0) {
		prompt_read_clear(r);
		return (0);
	}
	r->open = s->open != 0 ? s->open : ';';
	buf_consume(&r->text, r->done);
	r->done = 0;
	return (0);
}

char
prompt_read_open(const struct prompt_read * r)
{
	return (r->open);
}

void
prompt_read_clear(struct prompt_read * r)
{
	buf_clear(&r->text);
	r->done = 0;
	r->open = 0;
}

void
prompt_read_free(struct prompt_read * r)
{
	buf_free(&r->text);
}
