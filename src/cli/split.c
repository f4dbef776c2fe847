#include "cli/split.h"

#include "sql/sql_block.h"

static int
is_wordy(char c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_' || c == '$' ||
	    ((unsigned char)c & 0x80) != 0);
}

/* The end of what starts at ${p}: a quoted text (a doubled quote reads as two
 * texts side by side, which ends at the same place), a comment, a word, or one byte.
 * What is not closed goes on to the end; the daemon says what is wrong. */
static const char *
skip_lexeme(const char * p, const char * end)
{
	char q = *p++;

	if (q == '\'' || q == '"' || q == '`') {
		while (p < end && *p != q)
			p++;
		return (p < end ? p + 1 : end);
	}
	if (is_wordy(q)) {
		while (p < end && is_wordy(*p))
			p++;
		return (p);
	}
	if (q == '-' && p < end && *p == '-') {
		while (p < end && *p != '\n')
			p++;
		return (p);
	}
	if (q == '/' && p < end && *p == '*') {
		for (p++; p < end; p++)
			if (*p == '*' && end - p > 1 && p[1] == '/')
				return (p + 2);
		return (end);
	}
	return (p);
}

static int
is_space(char c)
{
	return (c == ' ' || (c >= '\t' && c <= '\r'));
}

/* Whether the lexeme from ${p} to ${q} is a whole comment. */
static int
is_comment(const char * p, const char * q)
{
	if (q - p < 2 || (p[0] != '-' && p[0] != '/'))
		return (0);
	return (p[0] == '-' || (q - p >= 4 && q[-2] == '*' && q[-1] == '/'));
}

int
split_next(const char ** pp, const char * end, unsigned * line,
    struct split_stmt * s)
{
	struct sql_block block = { 0, 0, 0, 0 };
	const char * p = *pp, * q;

	s->p = NULL;
	while (p < end) {
		q = skip_lexeme(p, end);
		if (*p == ';') {
			if (sql_block_semi(&block) && s->p != NULL)
				break;
		} else if (!is_space(*p) && !is_comment(p, q)) {
			if (s->p == NULL) {
				s->p = p;
				s->line = *line;
			}
			s->len = (size_t)(q - s->p);
			if (is_wordy(*p))
				sql_block_word(&block, p, (size_t)(q - p));
			else
				sql_block_other(&block);
		}
		for (; p < q; p++)
			*line += *p == '\n';
	}
	*pp = p < end ? p + 1 : p;
	return (s->p != NULL);
}
