#include "sql/ast.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "sql/parser_internal.h"

/* Every piece of a tree, so that what was half made is freed the same way. */
enum piece { PIECE_AST, PIECE_CATCH, PIECE_WORD };
struct ast_mem {
	struct ast_mem * next;
	enum piece what;
	size_t size;
	union {
		struct ast ast;
		struct ast_catch caught;
	} u[];
};

static void *
mem_new(struct parser * p, enum piece what, size_t size)
{
	struct ast_mem * m = calloc(1, sizeof(*m) + size);

	if (m == NULL) {
		(void)parser_nomem(p);
		return (NULL);
	}
	m->what = what;
	m->size = size;
	m->next = p->mem;
	p->mem = m;
	return (m->u);
}

struct ast *
parser_new_ast(struct parser * p, enum ast_kind kind, size_t first)
{
	struct ast * a;

	if (p->statements++ >= AST_MAX_STATEMENTS) {
		(void)parser_fail(p, first, "more than %d statements in one "
		    "script", AST_MAX_STATEMENTS);
		return (NULL);
	}
	if ((a = mem_new(p, PIECE_AST, sizeof(*a))) == NULL)
		return (NULL);
	a->kind = kind;
	a->off = p->list->t[first].off;
	return (a);
}

struct ast_catch *
parser_new_catch(struct parser * p)
{
	return (mem_new(p, PIECE_CATCH, sizeof(struct ast_catch)));
}

int
parser_word(struct parser * p, size_t i, struct ast_word * out)
{
	size_t size = p->list->t[i].len + 1;

	if ((out->s = mem_new(p, PIECE_WORD, size)) == NULL)
		return (-1);
	out->off = p->list->t[i].off;
	return (token_name(p->list, i, out->s, size) ? parser_nomem(p) : 0);
}

int
parser_words(struct parser * p, struct parser_range r, struct ast_word * out)
{
	const struct token * first = &p->list->t[r.first];
	const struct token * last = &p->list->t[r.last];
	size_t n = last->off + last->len - first->off;

	if (r.first == r.last)
		return (parser_word(p, r.first, out));
	if ((out->s = mem_new(p, PIECE_WORD, n + 1)) == NULL)
		return (-1);
	out->off = first->off;
	memcpy(out->s, p->list->sql + first->off, n);
	return (0);
}

int
parser_fail(struct parser * p, size_t i, const char * fmt, ...)
{
	const struct token_list * l = p->list;
	char what[256];
	va_list ap;

	if (p->failed)
		return (-1);
	p->failed = 1;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return (token_error(l->sql, l->len, i < l->n ? l->t[i].off :
	    l->n > 0 ? l->t[l->n - 1].off + l->t[l->n - 1].len : l->len,
	    p->e, "%s", what));
}

int
parser_nomem(struct parser * p)
{
	if (!p->failed)
		err_nomem(p->e, "a statement");
	p->failed = 1;
	return (-1);
}

static const char * const class_names[] = {
	"auth_error", "rate_limit_error", "timeout_error", "config_error",
	"connector_error", "others"
};

const char *
ast_class_name(enum ast_class cls)
{
	return (class_names[cls]);
}

int
parser_class(struct parser * p, size_t i, enum ast_class * out)
{
	const char * near;
	char w[64];
	size_t k;

	for (k = 0; k <= CLASS_OTHERS; k++)
		if (token_is(p->list, i, class_names[k])) {
			*out = (enum ast_class)k;
			return (0);
		}
	if (token_name(p->list, i, w, sizeof(w)))
		w[0] = '\0';
	near = json_nearest(w, class_names, CLASS_OTHERS + 1);
	return (parser_fail(p, i, "there is no class of errors %.60s%s%s%s; "
	    "there are connector_error, auth_error, rate_limit_error, "
	    "timeout_error, config_error and OTHERS", w,
	    near ? " (did you mean " : "", near ? near : "", near ? "?)" : ""));
}

int
ast_error_field(const struct token_list * list, size_t i)
{
	if (!token_is(list, i, "error") || !token_is(list, i + 1, ".") ||
	    (i > 0 && token_is(list, i - 1, ".")))
		return (0);
	return (token_is(list, i + 2, "message") ? 'm' :
	    token_is(list, i + 2, "class") ? 'l' :
	    token_is(list, i + 2, "code") ? 'o' : 0);
}

int
ast_parse(const struct token_list * list, struct ast_tree * tree,
    struct err * e)
{
	struct parser p = { .list = list, .e = e, .boundary = 1 };
	size_t i = 0;
	int rc = -1;

	memset(tree, 0, sizeof(*tree));
	while (i < list->n && list->t[i].kind == TOKEN_SEMI)
		i++;
	if (i == list->n)
		return (token_error(list->sql, list->len, 0, e,
		    "there is no statement here"));
	if (parser_parse(&p) == 0 && !p.failed)
		rc = 0;
	else if (!p.failed)
		(void)parser_nomem(&p);
	tree->root = p.root;
	tree->mem = p.mem;
	if (rc)
		ast_free(tree);
	return (rc);
}

/* jansson's texts are its own to free; they are ours to blank, unless somebody
 * else still holds them. */
static void
wipe_json(json_t * v)
{
	const char * key;
	json_t * sub;
	size_t i;

	if (v == NULL || v->refcount != 1)
		return;
	if (json_is_string(v))
		explicit_bzero((char *)(uintptr_t)json_string_value(v),
		    json_string_length(v));
	json_object_foreach(v, key, sub)
		wipe_json(sub);
	json_array_foreach(v, i, sub)
		wipe_json(sub);
}

void
ast_free(struct ast_tree * tree)
{
	struct ast_mem * m;

	while ((m = tree->mem) != NULL) {
		tree->mem = m->next;
		if (m->what == PIECE_AST) {
			wipe_json(m->u[0].ast.config);
			json_decref(m->u[0].ast.config);
			json_decref(m->u[0].ast.options);
			json_decref(m->u[0].ast.args);
		}
		explicit_bzero(m->u, m->size);
		free(m);
	}
	tree->root = NULL;
}
