#include <string.h>

#include "stmt/stmt_internal.h"

/* One statement out of a script's text. */

/* Blanks, as wide as what was there. */
static void
add_blanks(const struct stmt_text * text, size_t end, struct buf * out)
{
	unsigned char c;
	size_t i;

	for (i = 0; i < end; i++) {
		c = (unsigned char)text->sql[i];
		if (c == '\n')
			buf_addc(out, '\n');
		else if ((c & 0xc0) != 0x80)
			buf_addc(out, ' ');
	}
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

int
stmt_part_caught(const struct stmt_text * text, const struct ast * ast,
    const struct err * caught, struct buf * out, struct err * e)
{
	const char * s = text->sql + ast->off;
	struct token_list list;
	size_t i, at = 0;
	int field;

	if (token_list(s, ast->len, SIZE_MAX, &list, e))
		return (-1);
	add_blanks(text, ast->off, out);
	for (i = 0; i < list.n; i++) {
		if ((field = ast_error_field(&list, i)) == 0)
			continue;
		buf_add(out, s + at, list.t[i].off - at);
		add_quoted(out, field == 'm' ? caught->msg : field == 'o' ?
		    caught->code : ast_class_name(stmt_class(caught)));
		i += 2;
		at = list.t[i].off + list.t[i].len;
	}
	buf_add(out, s + at, ast->len - at);
	token_list_free(&list);
	return (ended(out, e));
}
