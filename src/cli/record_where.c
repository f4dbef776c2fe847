#include "cli/record_where.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"

#define NAME_MAX_BYTES 128
#define MAX_TEXT 65536

struct reader {
	const char * text;
	const char * p;
	struct err * e;
};

static int
expected(struct reader * r, const char * what)
{
	return (err_set(r->e, ERR_CONFIG, "usage", "--where: expected %s at "
	    "\"%.40s\"", what, *r->p != '\0' ? r->p : "the end"));
}

static void
skip(struct reader * r)
{
	while (isspace((unsigned char)*r->p))
		r->p++;
}

static int
is_word(char c)
{
	return (isalnum((unsigned char)c) || c == '_');
}

/* Whether the keyword ${word} comes next; then it is taken. */
static int
keyword(struct reader * r, const char * word)
{
	size_t n = strlen(word);

	skip(r);
	if (strncasecmp(r->p, word, n) != 0 || is_word(r->p[n]))
		return (0);
	r->p += n;
	return (1);
}

static int
symbol(struct reader * r, const char * s)
{
	skip(r);
	if (strncmp(r->p, s, strlen(s)) != 0)
		return (0);
	r->p += strlen(s);
	return (1);
}

static int
column(struct reader * r, char name[NAME_MAX_BYTES])
{
	size_t n = 0;
	int quoted;

	skip(r);
	quoted = *r->p == '"';
	r->p += quoted;
	while (is_word(r->p[n]) && n < NAME_MAX_BYTES - 1)
		n++;
	if (n == 0 || (quoted && r->p[n] != '"'))
		return (expected(r, "a column"));
	memcpy(name, r->p, n);
	name[n] = '\0';
	r->p += n + (size_t)quoted;
	return (0);
}

/* 'it''s' */
static json_t *
text_value(struct reader * r)
{
	struct buf b = BUF_INIT(MAX_TEXT);
	json_t * v;
	int closed = 0;

	buf_adds(&b, "");
	for (r->p++; *r->p != '\0'; r->p++) {
		if (*r->p == '\'' && *++r->p != '\'') {
			closed = 1;
			break;
		}
		buf_addc(&b, *r->p);
	}
	v = b.failed || !closed ? NULL : json_stringn(b.p, b.len);
	buf_free(&b);
	if (v == NULL)
		expected(r, "the end of a text, in UTF-8");
	return (v);
}

static json_t *
value(struct reader * r)
{
	char * end;
	long long i;
	double d;

	skip(r);
	if (*r->p == '\'')
		return (text_value(r));
	if (keyword(r, "true"))
		return (json_true());
	if (keyword(r, "false"))
		return (json_false());
	errno = 0;
	i = strtoll(r->p, &end, 10);
	if (end > r->p && !is_word(*end) && *end != '.' && errno == 0) {
		r->p = end;
		return (json_integer(i));
	}
	errno = 0;
	d = strtod(r->p, &end);
	if (end == r->p || is_word(*end) || errno != 0) {
		expected(r, "a 'text' or a number");
		return (NULL);
	}
	r->p = end;
	return (json_real(d));
}

/* Take ${v} over, which may be NULL. */
static int
add(struct reader * r, json_t * where, const char * col, const char * op,
    json_t * v)
{
	json_t * o;

	if (v == NULL)
		return (-1);
	if ((o = json_pack("{s:s, s:s, s:o}", "column", col, "op", op, "value",
	    v)) == NULL || json_array_append_new(where, o))
		return (err_nomem(r->e, "a condition"));
	return (0);
}

static int
one_of(struct reader * r, json_t * where, const char * col)
{
	json_t * list = json_array(), * v;

	if (!symbol(r, "(")) {
		json_decref(list);
		return (expected(r, "( after IN"));
	}
	do {
		v = value(r);
		if (v == NULL || json_array_append_new(list, v)) {
			json_decref(list);
			return (v == NULL ? -1 : err_nomem(r->e, "a list"));
		}
	} while (symbol(r, ","));
	if (!symbol(r, ")")) {
		json_decref(list);
		return (expected(r, ", or )"));
	}
	return (add(r, where, col, "in", list));
}

static int
like(struct reader * r, json_t * where, const char * col)
{
	json_t * v = value(r);
	const char * s = json_string_value(v), * p;
	size_t n;

	if (v == NULL)
		return (-1);
	p = s != NULL ? strpbrk(s, "%_") : NULL;
	n = s != NULL ? strlen(s) : 0;
	if (p != NULL && p > s && p == s + n - 1 && *p == '%')
		return (add(r, where, col, "like_prefix", v));
	if (p != NULL && p == s && n > 2 && *p == '%' &&
	    strpbrk(s + 1, "%_") == s + n - 1 && s[n - 1] == '%')
		return (add(r, where, col, "like_substring", v));
	json_decref(v);
	return (expected(r, "LIKE 'x%' or LIKE '%x%' before what stands"));
}

static int
is_null(struct reader * r, json_t * where, const char * col)
{
	int not = keyword(r, "not");

	if (!keyword(r, "null"))
		return (expected(r, "NULL"));
	return (add(r, where, col, not ? "is_not_null" : "is_null",
	    json_null()));
}

static int
condition(struct reader * r, json_t * where)
{
	/* Those that begin with another come first. */
	static const struct {
		const char * sql, * op;
	} ops[] = { { "!=", "!=" }, { "<>", "!=" }, { "<=", "<=" },
	    { ">=", ">=" }, { "==", "=" }, { "=", "=" }, { "<", "<" },
	    { ">", ">" } };
	char col[NAME_MAX_BYTES];
	size_t i;

	if (column(r, col))
		return (-1);
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (symbol(r, ops[i].sql))
			return (add(r, where, col, ops[i].op, value(r)));
	if (keyword(r, "contains"))
		return (add(r, where, col, "contains", value(r)));
	if (keyword(r, "in"))
		return (one_of(r, where, col));
	if (keyword(r, "like"))
		return (like(r, where, col));
	if (keyword(r, "is"))
		return (is_null(r, where, col));
	if (!keyword(r, "between"))
		return (expected(r, "= != < <= > >= IN, LIKE, CONTAINS, "
		    "BETWEEN or IS"));
	if (add(r, where, col, ">=", value(r)))
		return (-1);
	if (!keyword(r, "and"))
		return (expected(r, "AND"));
	return (add(r, where, col, "<=", value(r)));
}

int
record_where_parse(const char * text, json_t * where, struct err * e)
{
	struct reader r = { text, text, e };

	do {
		if (condition(&r, where))
			return (-1);
	} while (keyword(&r, "and"));
	skip(&r);
	return (*r.p == '\0' ? 0 : expected(&r, "AND or the end"));
}
