#ifndef MOLTLER_SQL_AST_H
#define MOLTLER_SQL_AST_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "sql/token.h"

/*
 * What a statement says.  SELECT and its kin stay text, a range of tokens up to
 * the semicolon that SQLite reads; the rest is taken apart here.
 */
enum ast_kind {
	AST_SELECT,         /* also WITH, VALUES, EXPLAIN QUERY PLAN, and words
	                       of SQL that only query/ knows how to refuse */
	AST_EXPLAIN,        /* EXPLAIN of one: the text is without that word */
	AST_CREATE_CONNECTOR, AST_ALTER_CONNECTOR, AST_DROP_CONNECTOR,
	AST_SHOW_CONNECTORS, AST_SHOW_CONNECTOR, AST_TEST_CONNECTOR,
	AST_SHOW_TYPES, AST_SHOW_TARGETS, AST_DESCRIBE,
	AST_EXEC, AST_EXPLAIN_EXEC, AST_SHOW_ACTIONS, AST_SHOW_ACTION,
	AST_SYNC, AST_SHOW_SYNCS, AST_SHOW_SYNC, AST_RUN_SYNC, AST_PAUSE_SYNC,
	AST_RESUME_SYNC, AST_DROP_SYNC,
	AST_EXPLAIN_SYNC,   /* of one that ${target} describes, or that is */
	AST_SET_SECRET, AST_SHOW_SECRETS, AST_DROP_SECRET,
	AST_BLOCK,          /* BEGIN ... END */
	AST_TRY,            /* TRY ... END TRY, within one */
	AST_KINDS
};

enum ast_alter { ALTER_OPTIONS, ALTER_CONFIG, ALTER_ENABLE, ALTER_DISABLE };

enum ast_class {
	CLASS_AUTH, CLASS_RATE_LIMIT, CLASS_TIMEOUT, CLASS_CONFIG,
	CLASS_CONNECTOR, CLASS_OTHERS
};

/* A word of the statement; ${s} NULL: not there. */
struct ast_word {
	char * s;
	size_t off;
};

struct ast {
	enum ast_kind kind;
	size_t off, len;      /* its text, without the semicolon */
	struct ast * next;    /* in a list of statements */
	/* A connector or type, secret or sync id ("a.b" whole); entity and action
	 * where the statement names them. */
	struct ast_word name, entity, action;
	struct ast_word type; /* of CREATE */
	json_t * config, * options; /* objects, or NULL; options of SYNC too */
	json_t * args;        /* of EXEC: an object; SHOW ACTIONS: its LIMIT */
	enum ast_alter alter;
	unsigned or_replace : 1, if_not_exists : 1, if_exists : 1, status : 1,
	    full : 1;         /* RUN SYNC id FULL */
	unsigned uses_error : 1;    /* error.message and its like are in it */
	struct ast_word value;      /* SET SECRET; wiped by ast_free */
	struct ast_word target, incremental, schedule; /* SYNC; DESCRIBE: of what
	                         only a target is written so */
	size_t where_off, where_len; /* SYNC: after WHERE; 0: none */
	struct ast * body;          /* BLOCK, TRY: statements */
	struct ast_catch * catches; /* TRY, in order */
	struct ast * finally;       /* TRY: statements, or NULL */
};

struct ast_catch {
	struct ast_catch * next;
	enum ast_class cls;
	struct ast * body;
};

/* All of one text. */
struct ast_tree {
	struct ast * root;
	struct ast_mem * mem;
};

#define AST_MAX_BLOCKS 32      /* blocks within blocks */
#define AST_MAX_NESTING 100    /* brackets within brackets */
#define AST_MAX_STATEMENTS 1000

/**
 * ast_parse(list, tree, e):
 * Read the one statement in ${list}.  Errors: Permanent "sql", with the place,
 * what was found and what was expected; texts in quotes are never cited.
 * ${tree} holds no pointer into ${list}; it is empty on error.
 */
int ast_parse(const struct token_list * list, struct ast_tree * tree,
    struct err * e) MUST_CHECK;

/** ast_free(tree): Free all of it, having wiped what may be secret. */
void ast_free(struct ast_tree * tree);

/** ast_class_name(cls): As CATCH writes it; "others" for the last. */
const char * ast_class_name(enum ast_class cls);

/**
 * ast_error_field(list, i):
 * Whether tokens ${i} to ${i} + 2 are error.message, error.class or error.code:
 * 'm', 'l', 'o', or 0.
 */
int ast_error_field(const struct token_list * list, size_t i);

#endif
