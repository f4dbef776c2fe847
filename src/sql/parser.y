/*
 * Statements.  Keywords are names too wherever a name may stand; SELECT and its
 * kin come as one word (TEXT); parser_lex.c says what the words are.
 */
%code top {
/* What bison generates is not held to all our warnings. */
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wswitch-enum"
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wunused-but-set-variable"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
}

%define api.pure full
%define api.prefix {parser_}
%define api.token.prefix {P_}
%define parse.error custom
%define parse.lac full
%param {struct parser * p}
%expect 0

%code requires {
#include "sql/parser_internal.h"
}

%code {
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define YYMAXDEPTH 2000
#define NONE SIZE_MAX /* no such tokens */
#define YYERROR_IF(x) do { if (x) YYABORT; } while (0)

static void yyerror(struct parser *, const char *);
static struct ast * finish(struct parser *, struct ast *, int);
static struct ast * named(struct parser *, enum ast_kind, size_t, size_t);
static int open_block(struct parser *);
static struct ast * sync_clause(struct parser *, struct ast *, const char *,
    struct parser_range, struct parser_range);
static struct ast * sync_options(struct parser *, struct ast *,
    struct parser_range, json_t *);
}

%union {
	struct parser_range r;
	json_t * json;
	struct ast * ast;
	struct parser_list list;
	struct ast_catch * caught;
	enum ast_class cls;
}
%destructor { json_decref($$); } <json>

%token END_OF_TEXT 0 "the end of the statement"
%token <r> ID "a name" QUOTED "a quoted name" STRING "a text in quotes ('...')"
%token <r> JSTRING "a text in quotes" NUMBER "a number" TEXT "SELECT"
%token <r> TARGET "a target" WHERE "WHERE" ARROW "=>" BAD "something else"
%token <r> LBRACE "{" RBRACE "}" LBRACKET "[" RBRACKET "]" LPAREN "(" RPAREN ")"
%token <r> COMMA "," COLON ":" DOT "." SEMI ";" EQUAL "=" MINUS "-" PLUS "+"

%token <r> ALTER "ALTER" ACTION "ACTION" ACTIONS "ACTIONS" BEGIN_ "BEGIN" CATCH "CATCH" CONFIG "CONFIG"
%token <r> CONNECTOR "CONNECTOR" EXEC "CONNECTOR_EXEC" CONNECTORS "CONNECTORS" CREATE "CREATE" DESCRIBE "DESCRIBE" DISABLE "DISABLE" DROP "DROP"
%token <r> ENABLE "ENABLE" END "END" EXISTS "EXISTS" EXPLAIN "EXPLAIN" FINALLY "FINALLY"
%token <r> FOR "FOR" LIMIT "LIMIT" FULL "FULL" IF "IF" INCREMENTAL "INCREMENTAL" NOT "NOT" ON "ON"
%token <r> OPTIONS "OPTIONS" OR "OR" PAUSE "PAUSE" REPLACE "REPLACE" RESUME "RESUME"
%token <r> RUN "RUN" SCHEDULE "SCHEDULE" SECRET "SECRET"
%token <r> SECRETS "SECRETS" SET "SET" SHOW "SHOW" STATUS "STATUS" SYNC "SYNC"
%token <r> SYNCS "SYNCS" TARGETS "TARGETS" TEST "TEST" THEN "THEN" TO "TO" TRY "TRY" TYPE "TYPE" TYPES "TYPES"

%type <r> name keyword key sync_id sync_verb open
%type <ast> stmt simple item block try sync sync_head create_head show_actions
%type <list> items finally
%type <caught> catches catch
%type <cls> class
%type <json> object members value array elements args pairs

%%

text: semis stmt				{ p->root = $2; }
    | semis stmt SEMI semis			{ p->root = $2; }
    ;
semis: %empty | semis SEMI ;

stmt: simple					{ $$ = finish(p, $1,
						      yychar == P_PARSER_EMPTY); }
    | block					{ $$ = finish(p, $1,
						      yychar == P_PARSER_EMPTY); }
    ;
item: stmt
    | try					{ $$ = finish(p, $1,
						      yychar == P_PARSER_EMPTY); }
    ;
items: item SEMI				{ $$.first = $$.last = $1; }
    | items item SEMI				{ $$.first = $1.first;
						  $1.last->next = $2;
						  $$.last = $2; }
    | items SEMI				{ $$ = $1; }
    ;

open: %empty					{ YYERROR_IF(open_block(p));
						  $$.first = $$.last = 0; }
    ;
block: BEGIN_ open items END {
		YYERROR_IF(($$ = parser_new_ast(p, AST_BLOCK, $1.first)) ==
		    NULL);
		$$->body = $3.first;
		p->blocks--;
	}
    ;
try: TRY open items catches finally END TRY {
		YYERROR_IF(($$ = parser_new_ast(p, AST_TRY, $1.first)) == NULL);
		$$->body = $3.first;
		$$->catches = $4;
		$$->finally = $5.first;
		p->blocks--;
	}
    ;
catches: catch
    | catch catches				{ $$ = $1; $$->next = $2; }
    ;
catch: CATCH class THEN items {
		YYERROR_IF(($$ = parser_new_catch(p)) == NULL);
		$$->cls = $2;
		$$->body = $4.first;
	}
    ;
class: %empty					{ $$ = CLASS_OTHERS; }
    | ID					{ YYERROR_IF(parser_class(p,
						      $1.first, &$$)); }
    ;
finally: %empty					{ $$.first = $$.last = NULL; }
    | FINALLY items				{ $$ = $2; }
    ;

simple: TEXT {
		YYERROR_IF(($$ = parser_new_ast(p, AST_SELECT, $1.first)) ==
		    NULL);
	}
    | EXPLAIN TEXT {
		YYERROR_IF(($$ = parser_new_ast(p, AST_EXPLAIN, $1.first)) ==
		    NULL);
		$$->where_off = p->list->t[$2.first].off;
	}
    | create_head CONFIG object {
		$$ = $1;
		$$->config = $3;
	}
    | create_head CONFIG object OPTIONS object {
		$$ = $1;
		$$->config = $3;
		$$->options = $5;
	}
    | ALTER CONNECTOR name SET OPTIONS object {
		$$ = named(p, AST_ALTER_CONNECTOR, $1.first, $3.first);
		if ($$ == NULL)
			json_decref($6);
		YYERROR_IF($$ == NULL);
		$$->alter = ALTER_OPTIONS;
		$$->options = $6;
	}
    | ALTER CONNECTOR name SET CONFIG object {
		$$ = named(p, AST_ALTER_CONNECTOR, $1.first, $3.first);
		if ($$ == NULL)
			json_decref($6);
		YYERROR_IF($$ == NULL);
		$$->alter = ALTER_CONFIG;
		$$->config = $6;
	}
    | ALTER CONNECTOR name ENABLE {
		YYERROR_IF(($$ = named(p, AST_ALTER_CONNECTOR, $1.first,
		    $3.first)) == NULL);
		$$->alter = ALTER_ENABLE;
	}
    | ALTER CONNECTOR name DISABLE {
		YYERROR_IF(($$ = named(p, AST_ALTER_CONNECTOR, $1.first,
		    $3.first)) == NULL);
		$$->alter = ALTER_DISABLE;
	}
    | DROP CONNECTOR name {
		YYERROR_IF(($$ = named(p, AST_DROP_CONNECTOR, $1.first,
		    $3.first)) == NULL);
	}
    | DROP CONNECTOR IF EXISTS name {
		YYERROR_IF(($$ = named(p, AST_DROP_CONNECTOR, $1.first,
		    $5.first)) == NULL);
		$$->if_exists = 1;
	}
    | SHOW CONNECTORS {
		YYERROR_IF(($$ = parser_new_ast(p, AST_SHOW_CONNECTORS,
		    $1.first)) == NULL);
	}
    | SHOW CONNECTOR name {
		YYERROR_IF(($$ = named(p, AST_SHOW_CONNECTOR, $1.first,
		    $3.first)) == NULL);
	}
    | SHOW CONNECTOR name STATUS {
		YYERROR_IF(($$ = named(p, AST_SHOW_CONNECTOR, $1.first,
		    $3.first)) == NULL);
		$$->status = 1;
	}
    | TEST CONNECTOR name {
		YYERROR_IF(($$ = named(p, AST_TEST_CONNECTOR, $1.first,
		    $3.first)) == NULL);
	}
    | SHOW TYPES {
		YYERROR_IF(($$ = parser_new_ast(p, AST_SHOW_TYPES, $1.first)) ==
		    NULL);
	}
    | SHOW TARGETS {
		YYERROR_IF(($$ = parser_new_ast(p, AST_SHOW_TARGETS,
		    $1.first)) == NULL);
	}
    | DESCRIBE name {
		YYERROR_IF(($$ = named(p, AST_DESCRIBE, $1.first, $2.first)) ==
		    NULL);
	}
    | DESCRIBE TARGET {
		YYERROR_IF(($$ = named(p, AST_DESCRIBE, $1.first, $2.first)) ==
		    NULL || parser_words(p, $2, &$$->target));
	}
    | DESCRIBE name DOT name {
		YYERROR_IF(($$ = named(p, AST_DESCRIBE, $1.first, $2.first)) ==
		    NULL || parser_word(p, $4.first, &$$->entity));
	}
    | EXEC name DOT name DOT name LPAREN args RPAREN {
		$$ = named(p, AST_EXEC, $1.first, $2.first);
		if ($$ == NULL || parser_word(p, $4.first, &$$->entity) ||
		    parser_word(p, $6.first, &$$->action)) {
			json_decref($8);
			YYABORT;
		}
		$$->args = $8;
	}
    | EXPLAIN EXEC name DOT name DOT name LPAREN args RPAREN {
		$$ = named(p, AST_EXPLAIN_EXEC, $1.first, $3.first);
		if ($$ == NULL || parser_word(p, $5.first, &$$->entity) ||
		    parser_word(p, $7.first, &$$->action)) {
			json_decref($9);
			YYABORT;
		}
		$$->args = $9;
	}
    | sync
    | EXPLAIN sync {
		$$ = $2;
		$$->kind = AST_EXPLAIN_SYNC;
		$$->off = p->list->t[$1.first].off;
	}
    | EXPLAIN SYNC sync_id {
		YYERROR_IF(($$ = parser_new_ast(p, AST_EXPLAIN_SYNC,
		    $1.first)) == NULL || parser_words(p, $3, &$$->name));
	}
    | SHOW SYNCS {
		YYERROR_IF(($$ = parser_new_ast(p, AST_SHOW_SYNCS, $1.first)) ==
		    NULL);
	}
    | sync_verb sync_id {
		YYERROR_IF(($$ = parser_new_ast(p, (enum ast_kind)$1.last,
		    $1.first)) == NULL || parser_words(p, $2, &$$->name));
	}
    | show_actions
    | show_actions LIMIT NUMBER {
		$$ = $1;
		YYERROR_IF(($$->args = parser_number(p, $3.first, 0)) == NULL);
	}
    | SHOW ACTION STRING {
		YYERROR_IF(($$ = named(p, AST_SHOW_ACTION, $1.first,
		    $3.first)) == NULL);
	}
    | RUN SYNC sync_id {
		YYERROR_IF(($$ = parser_new_ast(p, AST_RUN_SYNC, $1.first)) ==
		    NULL || parser_words(p, $3, &$$->name));
	}
    | RUN SYNC sync_id FULL {
		YYERROR_IF(($$ = parser_new_ast(p, AST_RUN_SYNC, $1.first)) ==
		    NULL || parser_words(p, $3, &$$->name));
		$$->full = 1;
	}
    | SET SECRET name EQUAL STRING {
		YYERROR_IF(($$ = named(p, AST_SET_SECRET, $1.first,
		    $3.first)) == NULL ||
		    parser_word(p, $5.first, &$$->value));
	}
    | SHOW SECRETS {
		YYERROR_IF(($$ = parser_new_ast(p, AST_SHOW_SECRETS,
		    $1.first)) == NULL);
	}
    | DROP SECRET name {
		YYERROR_IF(($$ = named(p, AST_DROP_SECRET, $1.first,
		    $3.first)) == NULL);
	}
    ;

create_head: CREATE CONNECTOR name TYPE STRING {
		YYERROR_IF(($$ = named(p, AST_CREATE_CONNECTOR, $1.first,
		    $3.first)) == NULL || parser_word(p, $5.first, &$$->type));
	}
    | CREATE CONNECTOR IF NOT EXISTS name TYPE STRING {
		YYERROR_IF(($$ = named(p, AST_CREATE_CONNECTOR, $1.first,
		    $6.first)) == NULL || parser_word(p, $8.first, &$$->type));
		$$->if_not_exists = 1;
	}
    | CREATE OR REPLACE CONNECTOR name TYPE STRING {
		YYERROR_IF(($$ = named(p, AST_CREATE_CONNECTOR, $1.first,
		    $5.first)) == NULL || parser_word(p, $7.first, &$$->type));
		$$->or_replace = 1;
	}
    ;

sync_head: SYNC CONNECTOR name TO TARGET {
		YYERROR_IF(($$ = named(p, AST_SYNC, $1.first, $3.first)) ==
		    NULL || parser_words(p, $5, &$$->target));
	}
    | SYNC CONNECTOR name DOT name TO TARGET {
		YYERROR_IF(($$ = named(p, AST_SYNC, $1.first, $3.first)) ==
		    NULL || parser_word(p, $5.first, &$$->entity) ||
		    parser_words(p, $7, &$$->target));
	}
    ;
sync: sync_head
    | sync WHERE				{ YYERROR_IF(($$ =
						      sync_clause(p, $1,
						      "WHERE", $2, $2)) ==
						      NULL); }
    | sync INCREMENTAL ON name			{ YYERROR_IF(($$ =
						      sync_clause(p, $1,
						      "INCREMENTAL", $2, $4)) ==
						      NULL); }
    | sync SCHEDULE STRING			{ YYERROR_IF(($$ =
						      sync_clause(p, $1,
						      "SCHEDULE", $2, $3)) ==
						      NULL); }
    | sync OPTIONS object			{ YYERROR_IF(($$ =
						      sync_options(p, $1, $2,
						      $3)) == NULL); }
    ;

/* Where it stands, and what it is. */
sync_verb: SHOW SYNC	{ $$.first = $1.first; $$.last = AST_SHOW_SYNC; }
    | PAUSE SYNC	{ $$.first = $1.first; $$.last = AST_PAUSE_SYNC; }
    | RESUME SYNC	{ $$.first = $1.first; $$.last = AST_RESUME_SYNC; }
    | DROP SYNC		{ $$.first = $1.first; $$.last = AST_DROP_SYNC; }
    ;
show_actions: SHOW ACTIONS	{ YYERROR_IF(($$ = parser_new_ast(p,
				      AST_SHOW_ACTIONS, $1.first)) == NULL); }
    | SHOW ACTIONS FOR name	{ YYERROR_IF(($$ = named(p, AST_SHOW_ACTIONS,
				      $1.first, $4.first)) == NULL); }
    ;
sync_id: name
    | name DOT name				{ $$.first = $1.first;
						  $$.last = $3.last; }
    | STRING
    ;

args: %empty					{ YYERROR_IF(($$ =
						      json_object()) == NULL); }
    | object
    | pairs
    ;
pairs: name ARROW value {
		$$ = json_object();
		if ($$ == NULL || parser_put(p, $$, $1.first, $3)) {
			json_decref($$);
			YYABORT;
		}
	}
    | pairs COMMA name ARROW value {
		$$ = $1;
		if (parser_put(p, $$, $3.first, $5)) {
			json_decref($$);
			YYABORT;
		}
	}
    ;

object: LBRACE RBRACE				{ YYERROR_IF(($$ =
						      json_object()) == NULL); }
    | LBRACE members RBRACE			{ $$ = $2; }
    ;
members: key COLON value {
		$$ = json_object();
		if ($$ == NULL || parser_put(p, $$, $1.first, $3)) {
			json_decref($$);
			YYABORT;
		}
	}
    | members COMMA key COLON value {
		$$ = $1;
		if (parser_put(p, $$, $3.first, $5)) {
			json_decref($$);
			YYABORT;
		}
	}
    ;
key: JSTRING | STRING | name ;

array: LBRACKET RBRACKET			{ YYERROR_IF(($$ =
						      json_array()) == NULL); }
    | LBRACKET elements RBRACKET		{ $$ = $2; }
    ;
elements: value {
		$$ = json_array();
		if ($$ == NULL || json_array_append_new($$, $1)) {
			json_decref($$);
			YYABORT;
		}
	}
    | elements COMMA value {
		$$ = $1;
		if (json_array_append_new($$, $3)) {
			json_decref($$);
			YYABORT;
		}
	}
    ;

value: JSTRING		{ YYERROR_IF(($$ = parser_text(p, $1.first)) == NULL); }
    | STRING		{ YYERROR_IF(($$ = parser_text(p, $1.first)) == NULL); }
    | NUMBER		{ YYERROR_IF(($$ = parser_number(p, $1.first, 0)) ==
			      NULL); }
    | MINUS NUMBER	{ YYERROR_IF(($$ = parser_number(p, $2.first, 1)) ==
			      NULL); }
    | ID		{ YYERROR_IF(($$ = parser_bare(p, $1.first)) == NULL); }
    | ID DOT ID		{ YYERROR_IF(($$ = parser_error_value(p, $1.first)) ==
			      NULL);
			  p->uses_error = 1; }
    | object
    | array
    ;

name: ID | QUOTED | keyword ;
keyword: ALTER | ACTION | ACTIONS | FOR | LIMIT | BEGIN_ | CATCH | CONFIG | CONNECTOR | EXEC | CONNECTORS
    | CREATE | DESCRIBE | DISABLE | DROP | ENABLE | END | EXISTS | EXPLAIN
    | FINALLY | FULL | IF | INCREMENTAL | NOT | ON | OPTIONS | OR | PAUSE | REPLACE
    | RESUME | RUN | SCHEDULE | SECRET | SECRETS | SET | SHOW | STATUS | SYNC
    | SYNCS | TARGETS | TEST | THEN | TO | TRY | TYPE | TYPES
    ;

%%

/* ---- what the rules call ---- */

static struct ast *
finish(struct parser * p, struct ast * a, int no_lookahead)
{
	const struct token * t = &p->list->t[no_lookahead ? p->last :
	    p->before];

	a->len = t->off + t->len - a->off;
	a->uses_error = p->uses_error & 1;
	p->uses_error = 0;
	return (a);
}

static struct ast *
named(struct parser * p, enum ast_kind kind, size_t first, size_t name)
{
	struct ast * a = parser_new_ast(p, kind, first);

	if (a == NULL || parser_word(p, name, &a->name))
		return (NULL);
	return (a);
}

static int
open_block(struct parser * p)
{
	if (p->blocks++ < AST_MAX_BLOCKS)
		return (0);
	return (parser_fail(p, p->cur, "blocks nested more than %d deep",
	    AST_MAX_BLOCKS));
}

static struct ast *
twice(struct parser * p, const char * word, struct parser_range at)
{
	(void)parser_fail(p, at.first, "%s is there already", word);
	return (NULL);
}

/* Each of a SYNC's clauses once, in any order. */
static struct ast *
sync_clause(struct parser * p, struct ast * a, const char * word,
    struct parser_range at, struct parser_range r)
{
	const struct token * last = &p->list->t[r.last];
	struct ast_word * w = *word == 'I' ? &a->incremental : &a->schedule;

	if (*word == 'W' ? a->where_len > 0 : w->s != NULL)
		return (twice(p, word, at));
	if (*word != 'W')
		return (parser_word(p, r.first, w) ? NULL : a);
	a->where_off = p->list->t[r.first].off;
	a->where_len = last->off + last->len - a->where_off;
	return (a);
}

static struct ast *
sync_options(struct parser * p, struct ast * a, struct parser_range at,
    json_t * o)
{
	if (a->options == NULL) {
		a->options = o;
		return (a);
	}
	json_decref(o);
	return (twice(p, "OPTIONS", at));
}

/* ---- errors ---- */

static void
yyerror(struct parser * p, const char * msg)
{
	(void)msg; /* only when bison's stack is full */
	(void)parser_fail(p, p->cur, "nested too deeply");
}

struct report {
	unsigned char expected[YYNTOKENS];
	const char * words[YYNTOKENS];
	size_t nwords;
};

static void
add(struct report * r, const char * word)
{
	if (r->nwords < YYNTOKENS)
		r->words[r->nwords++] = word;
}

static int
is_keyword(int symbol)
{
	return (symbol >= YYSYMBOL_ALTER && symbol <= YYSYMBOL_TYPES);
}

/* A statement may stand here: what it may begin with. */
static void
add_statements(struct report * r)
{
	static const char * const begins[] = {
		"SELECT", "WITH", "VALUES", "EXPLAIN", "CREATE", "ALTER", "DROP",
		"SHOW", "DESCRIBE", "TEST", "SYNC", "RUN", "PAUSE", "RESUME",
		"SET", "CONNECTOR_EXEC", "BEGIN"
	};
	size_t i;

	for (i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		add(r, begins[i]);
	for (i = 0; i < YYNTOKENS; i++)
		if (r->expected[i] && (i == YYSYMBOL_END || i == YYSYMBOL_TRY ||
		    i == YYSYMBOL_CATCH || i == YYSYMBOL_FINALLY))
			add(r, yysymbol_name((yysymbol_kind_t)i));
}

/* What is expected, for people: names and values as such. */
static void
add_expected(struct report * r)
{
	int name = r->expected[YYSYMBOL_QUOTED];
	int value = r->expected[YYSYMBOL_NUMBER];
	int i;

	if (r->expected[YYSYMBOL_TEXT] && r->expected[YYSYMBOL_CREATE]) {
		add_statements(r);
		return;
	}
	if (value)
		add(r, r->expected[YYSYMBOL_MINUS] ? "a value" :
		    "a whole number");
	else if (name)
		add(r, r->expected[YYSYMBOL_JSTRING] ? "a key" : "a name");
	else if (r->expected[YYSYMBOL_ID])
		add(r, "a class of errors");
	for (i = 0; i < YYNTOKENS; i++) {
		if (!r->expected[i] || i == YYSYMBOL_ID ||
		    i == YYSYMBOL_QUOTED || (name && is_keyword(i)) ||
		    i == YYSYMBOL_JSTRING || (i == YYSYMBOL_STRING &&
		    r->expected[YYSYMBOL_JSTRING]) || (value &&
		    (i == YYSYMBOL_NUMBER || i == YYSYMBOL_MINUS ||
		    i == YYSYMBOL_LBRACE || i == YYSYMBOL_LBRACKET)))
			continue;
		add(r, yysymbol_name((yysymbol_kind_t)i));
	}
}

static int
yyreport_syntax_error(const yypcontext_t * ctx, struct parser * p)
{
	yysymbol_kind_t v[YYNTOKENS];
	struct report r;
	int n, i;

	if (p->failed)
		return (0);
	memset(&r, 0, sizeof(r));
	if ((n = yypcontext_expected_tokens(ctx, v, YYNTOKENS)) < 0)
		return (n);
	for (i = 0; i < n; i++)
		r.expected[v[i]] = 1;
	if (p->root == NULL && p->blocks == 0 && p->cur > 0 &&
	    r.expected[YYSYMBOL_YYEOF] &&
	    p->list->t[p->cur - 1].kind == TOKEN_SEMI) {
		(void)parser_fail(p, p->cur, "more than one statement: send "
		    "one at a time, or put them between BEGIN and END");
		return (0);
	}
	add_expected(&r);
	parser_expected(p, r.words, r.nwords);
	return (0);
}
