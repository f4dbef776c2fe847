#include "cli/split.h"

#include "sql/sql_block.h"

/* Where in the text we are. */
struct place {
	int depth;  /* of braces, and of brackets in them: "text" has escapes */
	int parens;
	int arrow;  /* "=>" came last: a value of JSON comes */
	int closed; /* whether the last lexeme has its end */
};

static int
is_wordy(char c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '_' || c == '$' ||
	    ((unsigned char)c & 0x80) != 0);
}

/* The end of the quote that ${q} opened before ${p}.  A doubled quote reads as
 * two texts side by side, which end at the same place. */
static const char *
skip_quoted(struct place * pl, const char * p, const char * end, char q)
{
	int escapes = q == '"' && (pl->depth > 0 || pl->arrow);

	if (q == '[')
		q = ']';
	while (p < end && *p != q)
		p += escapes && *p == '\\' && end - p > 1 ? 2 : 1;
	pl->closed = p < end;
	return (p < end ? p + 1 : end);
}

static const char *
skip_comment(struct place * pl, const char * p, const char * end)
{
	for (; p < end; p++)
		if (*p == '*' && end - p > 1 && p[1] == '/')
			return (p + 2);
	pl->closed = 0;
	return (end);
}

/* The end of what starts at ${p}: a quoted text, a comment, a word, or one byte.
 * What is not closed goes on to the end; the daemon says what is wrong. */
static const char *
skip_lexeme(struct place * pl, const char * p, const char * end)
{
	int objects = pl->depth > 0 || pl->arrow;
	char q = *p++;

	pl->closed = 1;
	if (q == '\'' || q == '"' || (q == '`' && pl->depth == 0) ||
	    (q == '[' && !objects))
		return (skip_quoted(pl, p, end, q));
	if (is_wordy(q)) {
		while (p < end && is_wordy(*p))
			p++;
		return (p);
	}
	if (q == '-' && p < end && *p == '-') {
		while (p < end && *p != '\n')
			p++;
		pl->closed = p < end;
		return (p);
	}
	if (q == '/' && p < end && *p == '*')
		return (skip_comment(pl, p + 1, end));
	/* Operators whole, so that the end of ">=" begins no arrow. */
	if (p < end && ((q == '=' && (*p == '>' || *p == '=')) ||
	    (q == '<' && (*p == '=' || *p == '>' || *p == '<')) ||
	    (q == '>' && (*p == '=' || *p == '>')) ||
	    (q == '!' && *p == '=')))
		return (p + 1);
	if (q == '-' && p < end && *p == '>')
		return (end - p > 1 && p[1] == '>' ? p + 2 : p + 1);
	/* :name and @name are no words. */
	if ((q == ':' || q == '@') && pl->depth == 0) {
		while (p < end && is_wordy(*p))
			p++;
		return (p);
	}
	return (p);
}

static int
is_space(char c)
{
	return (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f');
}

/* Whether the lexeme from ${p} to ${q} is a whole comment. */
static int
is_comment(const char * p, const char * q)
{
	if (q - p < 2 || (p[0] != '-' && p[0] != '/') || p[1] == '>')
		return (0);
	return (p[0] == '-' || (q - p >= 4 && q[-2] == '*' && q[-1] == '/'));
}

/* Count the brackets, and note the arrow, of a lexeme. */
static void
step(struct place * pl, const char * p, const char * q)
{
	if (*p == '{' || (*p == '[' && q - p == 1 &&
	    (pl->depth > 0 || pl->arrow)))
		pl->depth++;
	else if ((*p == '}' || *p == ']') && pl->depth > 0)
		pl->depth--;
	else if (*p == '(')
		pl->parens++;
	else if (*p == ')' && pl->parens > 0)
		pl->parens--;
	pl->arrow = q - p == 2 && p[0] == '=' && p[1] == '>';
}

/* What stands open at the end of the text, whose last lexeme begins at ${p}. */
static void
look_open(const struct place * pl, const struct sql_block * block,
    const char * last, struct split_stmt * s)
{
	if (last != NULL && !pl->closed) {
		s->open = *last == '/' ? '*' : *last;
		s->open_at = last;
	} else if (pl->depth > 0) {
		s->open = '{';
	} else if (pl->parens > 0) {
		s->open = '(';
	} else if (block->depth > 0) {
		s->open = 'b';
	}
}

int
split_next(const char ** pp, const char * end, unsigned * line,
    struct split_stmt * s)
{
	struct sql_block block = { 0, 0, 0, 0 };
	struct place pl = { 0, 0, 0, 1 };
	const char * p = *pp, * q, * last = NULL;

	*s = (struct split_stmt){ .p = NULL };
	while (p < end) {
		q = skip_lexeme(&pl, p, end);
		last = p;
		if (*p == ';') {
			pl = (struct place){ 0, 0, 0, 1 };
			if (!sql_block_semi(&block)) {
				s->len = (size_t)(q - s->p);
			} else if (s->p != NULL) {
				s->ended = 1;
				break;
			}
		} else if (!is_space(*p) && !is_comment(p, q)) {
			if (s->p == NULL) {
				s->p = p;
				s->line = *line;
			}
			s->len = (size_t)(q - s->p);
			step(&pl, p, q);
			if (is_wordy(*p))
				sql_block_word(&block, p, (size_t)(q - p));
			else
				sql_block_other(&block);
		}
		for (; p < q; p++)
			*line += *p == '\n';
	}
	if (!s->ended)
		look_open(&pl, &block, last, s);
	*pp = p < end ? p + 1 : p;
	return (s->p != NULL);
}
