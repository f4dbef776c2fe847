#include <string.h>

#include "stmt/stmt_internal.h"

/* One statement out of a script's text. */

/* Lines and blanks, so that what follows is in its place. */
static void
add_blanks(const struct stmt_text * text, size_t end, struct buf * out)
{
	const char * at = text->sql, * stop = at + end, * nl;

	for (; (nl = memchr(at, '\n', (size_t)(stop - at))) != NULL; at = nl + 1)
		buf_addc(out, '\n');
	for (; at < stop; at++)
		if (((unsigned char)*at & 0xc0) != 0x80)
			buf_addc(out, ' ');
}

static int
ended(struct buf * out, struct err * e)
{
	if (!out->failed && out->p != NULL)
		return (0);
	buf_free(out);
	return (err_nomem(e, "a statement"));
}

int
stmt_part_text(const struct stmt_text * text, size_t off, size_t len,
    struct buf * out, struct err * e)
{
	add_blanks(text, off, out);
	buf_add(out, text->sql + off, len);
	return (ended(out, e));
}

static void
add_quoted(struct buf * out, const char * s)
{
	buf_addc(out, '\'');
	for (; *s != '\0'; s++) {
		if (*s == '\'')
			buf_addc(out, '\'');
		buf_addc(out, *s);
	}
	buf_addc(out, '\'');
}

/* Whether tokens of a statement stand in a SELECT's list, outside brackets. */
struct where {
	int depth, in_list;
};

static void
where_next(struct where * w, const struct token_list * list, size_t i)
{
	static const char * const ends[] = { "from", "where", "group", "order",
	    "having", "window", "limit", "values", "union", "except",
	    "intersect" };
	size_t k;

	if (token_is(list, i, "("))
		w->depth++;
	else if (token_is(list, i, ")"))
		w->depth--;
	else if (w->depth == 0 && token_is(list, i, "select"))
		w->in_list = 1;
	for (k = 0; k < sizeof(ends) / sizeof(*ends) && w->depth == 0; k++)
		if (token_is(list, i, ends[k]))
			w->in_list = 0;
}

/* Whether error.field at token ${i} is all there is of a column of the answer,
 * which then goes by the field's name. */
static int
is_column(const struct where * w, const struct token_list * list, size_t i)
{
	return (w->in_list && w->depth == 0 && i > 0 &&
	    (token_is(list, i - 1, ",") || token_is(list, i - 1, "select")) &&
	    (i + 3 == list->n || token_is(list, i + 3, ",") ||
	    token_is(list, i + 3, "from") || token_is(list, i + 3, "where") ||
	    list->t[i + 3].kind == TOKEN_SEMI));
}

int
stmt_part_caught(const struct stmt_text * text, const struct ast * ast,
    const struct err * caught, struct buf * out, struct err * e)
{
	const char * s = text->sql + ast->off;
	struct token_list list;
	struct where w = { 0, 0 };
	size_t i, at = 0;
	int field;

	if (token_list(s, ast->len, SIZE_MAX, &list, e))
		return (-1);
	add_blanks(text, ast->off, out);
	for (i = 0; i < list.n; i++) {
		where_next(&w, &list, i);
		if ((field = ast_error_field(&list, i)) == 0)
			continue;
		buf_add(out, s + at, list.t[i].off - at);
		add_quoted(out, field == 'm' ? caught->msg : field == 'o' ?
		    caught->code : ast_class_name(stmt_class(caught)));
		if (is_column(&w, &list, i))
			buf_adds(out, field == 'm' ? " AS message" :
			    field == 'o' ? " AS code" : " AS class");
		i += 2;
		at = list.t[i].off + list.t[i].len;
	}
	buf_add(out, s + at, ast->len - at);
	token_list_free(&list);
	return (ended(out, e));
}
