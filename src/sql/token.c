#include "sql/token.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "sql/lexer.h"
#include "sql/sql_block.h"

/* Walks forward over a text and counts lines and characters. */
struct walker {
	const char * sql;
	size_t at, line, col;
};

static void
walk_to(struct walker * w, size_t off)
{
	unsigned char c;

	for (; w->at < off; w->at++) {
		c = (unsigned char)w->sql[w->at];
		if (c == '\n') {
			w->line++;
			w->col = 1;
		} else if ((c & 0xc0) != 0x80)
			w->col++;
	}
}

void
token_place(const char * sql, size_t len, size_t off, size_t * line,
    size_t * col)
{
	struct walker w = { sql, 0, 1, 1 };

	walk_to(&w, off < len ? off : len);
	*line = w.line;
	*col = w.col;
}

static int
unterminated(int kind, const char * sql, size_t len, size_t off,
    struct err * e)
{
	switch ((enum lexer_error)kind) {
	case LEXER_STRING:
		token_error(sql, len, off, e,
		    "this string has no closing quote");
		break;
	case LEXER_NAME:
		token_error(sql, len, off, e,
		    "this quoted name has no closing quote");
		break;
	case LEXER_COMMENT:
		token_error(sql, len, off, e, "this comment has no closing */");
		break;
	}
	if (e != NULL)
		memcpy(e->code, "unterminated", sizeof("unterminated"));
	return (-1);
}

/* SQLite would stop at a NUL and guess at bad bytes: neither gets that far. */
static int
check_bytes(const char * sql, size_t len, struct err * e)
{
	const char * nul = len > 0 ? memchr(sql, '\0', len) : NULL;
	size_t bad = utf8_check(sql, len);

	if (nul != NULL && (size_t)(nul - sql) < bad)
		return (token_error(sql, len, (size_t)(nul - sql), e,
		    "a NUL byte cannot stand in SQL"));
	if (bad < len)
		return (token_error(sql, len, bad, e,
		    "byte 0x%02x is not UTF-8", (unsigned char)sql[bad]));
	return (0);
}

static int
list_grow(struct token_list * list, size_t * cap, struct err * e)
{
	size_t want = *cap ? *cap * 2 : 64;
	struct token * t;

	if (want > SIZE_MAX / sizeof(*t) ||
	    (t = realloc(list->t, want * sizeof(*t))) == NULL)
		return (err_nomem(e, "the tokens of a statement"));
	list->t = t;
	*cap = want;
	return (0);
}

static int
list_fill(struct lexer * lx, size_t max, struct token_list * list,
    struct err * e)
{
	struct walker w = { list->sql, 0, 1, 1 };
	size_t cap = 0, off, len;
	struct token * t;
	int kind, rc;

	while ((rc = lexer_next(lx, &kind, &off, &len)) == 1) {
		if (kind >= LEXER_STRING)
			return (unterminated(kind, list->sql, list->len, off,
			    e));
		if (list->n >= max)
			return (token_error(list->sql, list->len, off, e,
			    "more than %zu words in one statement", max));
		if (list->n >= cap && list_grow(list, &cap, e))
			return (-1);
		walk_to(&w, off);
		t = &list->t[list->n++];
		t->kind = (enum token_kind)kind;
		t->off = (uint32_t)off;
		t->len = (uint32_t)len;
		t->line = (uint32_t)w.line;
		t->col = (uint32_t)w.col;
	}
	return (rc < 0 ? err_nomem(e, "the tokens of a statement") : 0);
}

int
token_list(const char * sql, size_t len, size_t max, struct token_list * list,
    struct err * e)
{
	struct lexer * lx;
	int rc;

	memset(list, 0, sizeof(*list));
	list->sql = sql;
	list->len = len;
	if (check_bytes(sql, len, e) || (lx = lexer_new(sql, len, e)) == NULL)
		return (-1);
	rc = list_fill(lx, max, list, e);
	lexer_free(lx);
	if (rc)
		token_list_free(list);
	return (rc);
}

void
token_list_free(struct token_list * list)
{
	free(list->t);
	list->t = NULL;
	list->n = 0;
}

const char *
token_text(const struct token_list * list, size_t i)
{
	return (list->sql + list->t[i].off);
}

int
token_is(const struct token_list * list, size_t i, const char * word)
{
	const struct token * t;

	if (i >= list->n)
		return (0);
	t = &list->t[i];
	return ((t->kind == TOKEN_ID || t->kind == TOKEN_OP) &&
	    strlen(word) == t->len &&
	    strncasecmp(list->sql + t->off, word, t->len) == 0);
}

int
token_is_one_of(const struct token_list * list, size_t i,
    const char * const * words)
{
	for (; *words != NULL; words++)
		if (token_is(list, i, *words))
			return (1);
	return (0);
}

int
token_name(const struct token_list * list, size_t i, char * out, size_t size)
{
	const struct token * t = &list->t[i];
	const char * s = list->sql + t->off, * end = s + t->len;
	size_t n = 0;
	char quote = 0;

	if (t->kind == TOKEN_QUOTED || t->kind == TOKEN_STRING) {
		quote = *s++;
		end--;
	}
	while (s < end) {
		if (n + 1 >= size)
			return (-1);
		if (quote && quote != '[' && *s == quote)
			s++;
		out[n++] = *s++;
	}
	if (n >= size)
		return (-1);
	out[n] = '\0';
	return (0);
}

static int
split_add(struct token_stmt ** out, size_t * n, size_t * cap,
    const struct token_stmt * st, struct err * e)
{
	struct token_stmt * p;
	size_t want = *cap ? *cap * 2 : 8;

	if (*n >= *cap) {
		if (want > SIZE_MAX / sizeof(*p) ||
		    (p = realloc(*out, want * sizeof(*p))) == NULL)
			return (err_nomem(e, "the statements of a script"));
		*out = p;
		*cap = want;
	}
	(*out)[(*n)++] = *st;
	return (0);
}

static int
split_fill(struct lexer * lx, const char * sql, size_t sql_len,
    struct token_stmt ** out, size_t * n, struct err * e)
{
	struct walker w = { sql, 0, 1, 1 };
	struct token_stmt st = { 0, 0, 0, 0 };
	struct sql_block block = { 0, 0, 0, 0 };
	size_t cap = 0, off, len;
	int kind, rc;

	while ((rc = lexer_next(lx, &kind, &off, &len)) == 1) {
		if (kind >= LEXER_STRING)
			return (unterminated(kind, sql, sql_len, off, e));
		if (kind == TOKEN_ID)
			sql_block_word(&block, sql + off, len);
		else if (kind != TOKEN_SEMI)
			sql_block_other(&block);
		else if (sql_block_semi(&block)) {
			st.ended = 1;
			if (st.len > 0 && split_add(out, n, &cap, &st, e))
				return (-1);
			memset(&st, 0, sizeof(st));
			continue;
		}
		if (st.len == 0) {
			walk_to(&w, off);
			st.off = off;
			st.line = w.line;
		}
		st.len = off + len - st.off;
	}
	if (rc < 0)
		return (err_nomem(e, "the tokens of a script"));
	return (st.len > 0 ? split_add(out, n, &cap, &st, e) : 0);
}

int
token_split(const char * sql, size_t len, struct token_stmt ** out, size_t * n,
    struct err * e)
{
	struct lexer * lx;
	int rc;

	*out = NULL;
	*n = 0;
	if (check_bytes(sql, len, e) || (lx = lexer_new(sql, len, e)) == NULL)
		return (-1);
	rc = split_fill(lx, sql, len, out, n, e);
	lexer_free(lx);
	if (rc) {
		free(*out);
		*out = NULL;
		*n = 0;
	}
	return (rc);
}
