/* The statement parser: any bytes are a statement or an error with a place; what
 * is accepted is the same statement again out of its own text. */
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "sql/ast.h"
#include "fuzz.h"

static int
parse(const char * sql, size_t len, struct ast_tree * tree, struct err * e)
{
	struct token_list list;
	int rc;

	if (token_list(sql, len, 20000, &list, e))
		return (-1);
	rc = ast_parse(&list, tree, e);
	token_list_free(&list);
	return (rc);
}

static int
same_word(const struct ast_word * a, const struct ast_word * b)
{
	if (a->s == NULL || b->s == NULL)
		return (a->s == b->s);
	return (strcmp(a->s, b->s) == 0);
}

static void
check_same(const struct ast * a, const struct ast * b)
{
	CHECK(a->kind == b->kind && a->len == b->len);
	CHECK(same_word(&a->name, &b->name) && same_word(&a->type, &b->type) &&
	    same_word(&a->entity, &b->entity) &&
	    same_word(&a->action, &b->action) &&
	    same_word(&a->target, &b->target));
	CHECK(a->config == b->config || json_equal(a->config, b->config));
	CHECK(a->options == b->options || json_equal(a->options, b->options));
	CHECK(a->args == b->args || json_equal(a->args, b->args));
}

static void
check_stmt(const char * sql, size_t len, const struct ast * a)
{
	const struct ast_catch * c;
	const struct ast * b;
	struct ast_tree again;
	struct err e;

	CHECK(a->len > 0 && a->off + a->len <= len && sql[a->off] != ' ');
	if (a->kind == AST_TRY) {
		CHECK(a->body != NULL && a->catches != NULL);
		for (c = a->catches; c != NULL; c = c->next)
			for (b = c->body; b != NULL; b = b->next)
				check_stmt(sql, len, b);
	} else {
		CHECK(parse(sql + a->off, a->len, &again, &e) == 0);
		check_same(a, again.root);
		ast_free(&again);
	}
	for (b = a->body; b != NULL; b = b->next)
		check_stmt(sql, len, b);
	for (b = a->finally; b != NULL; b = b->next)
		check_stmt(sql, len, b);
}

int
LLVMFuzzerTestOneInput(const uint8_t * data, size_t len)
{
	char * sql = malloc(len + 1);
	struct ast_tree tree;
	struct err e;

	CHECK(sql != NULL);
	memcpy(sql, data, len);
	sql[len] = '\0';
	memset(&e, 0, sizeof(e));
	if (parse(sql, len, &tree, &e)) {
		CHECK(e.msg[0] != '\0' &&
		    utf8_check(e.msg, strlen(e.msg)) == strlen(e.msg));
	} else {
		check_stmt(sql, len, tree.root);
		ast_free(&tree);
	}
	free(sql);
	return (0);
}
