#ifndef MOLTLER_STMT_STMT_INTERNAL_H
#define MOLTLER_STMT_STMT_INTERNAL_H

#include <jansson.h>

#include "base/buf.h"
#include "sql/ast.h"
#include "stmt/stmt.h"

/* What the statements share; nobody else includes this. */

struct stmt_run;

/* One kind of statement; all are in the table of stmt.c. */
struct stmt_entry {
	enum ast_kind kind;
	const char * name;       /* for the log */
	int changes;             /* something: that is logged */
	/* Begin; from the loop.  It ends by stmt_rows, stmt_answer, stmt_done or
	 * stmt_fail, once, now or later. */
	void (*start)(struct stmt_run * r);
	/* Only for those whose rows do not come through stmt_rows; NULL: no-op. */
	void (*resume)(struct stmt_run * r);
	/* End what is under way: the start's end must still come, soon.  NULL:
	 * it cannot be ended, and what comes of it is of no interest. */
	void (*cancel)(struct stmt_run * r);
	/* Free ${r}->own; NULL: no-op. */
	void (*free)(struct stmt_run * r);
};

extern const struct stmt_entry stmt_create_entry, stmt_alter_entry,
    stmt_drop_entry, stmt_show_connectors_entry, stmt_show_connector_entry,
    stmt_test_entry, stmt_show_types_entry, stmt_show_targets_entry,
    stmt_describe_entry,
    stmt_select_entry, stmt_explain_entry, stmt_exec_entry,
    stmt_explain_exec_entry, stmt_sync_entry, stmt_show_syncs_entry,
    stmt_show_sync_entry, stmt_run_sync_entry, stmt_pause_sync_entry,
    stmt_resume_sync_entry, stmt_drop_sync_entry, stmt_explain_sync_entry,
    stmt_set_secret_entry, stmt_show_actions_entry, stmt_show_action_entry,
    stmt_show_secrets_entry, stmt_drop_secret_entry, stmt_script_entry;

/* What the user sent. */
struct stmt_text {
	char * sql;
	size_t len;
	uint64_t max_calls;
	char request_id[64];
	char user[64], peer[64]; /* "": not known */
};

/* One statement on its way. */
struct stmt_run {
	const struct stmt_env * env;
	const struct stmt_text * text; /* the whole of it */
	const struct ast * ast;        /* the part that is this one */
	const struct stmt_entry * entry;
	struct query_sink sink;
	struct query_stats st;
	int64_t t0_us;
	void * own;                    /* the entry's */
	int whole;                     /* it is all of ${text} */

	/* Rows that wait for the sink. */
	json_t * rows, * keep;
	const char ** cols;            /* names, then types */
	size_t ncols, next, ncells;
	struct query_value * cells;
	char ** texts;                 /* of cells that are JSON */
	/* More of them, or NULL: fill ${rows}; 0 if there are no more; -1: they
	 * come later, by stmt_more(). */
	int (*more)(struct stmt_run * r);

	struct soon soon;
	struct syncs_look look;        /* for what others changed */
	struct err why;                /* it ends soon by this */
	unsigned pending;              /* callbacks still to come */
	unsigned looked : 1, started : 1, columns_out : 1, paused : 1,
	    cancelled : 1, done : 1;
};

/**
 * stmt_run_new(env, text, ast, sink, e): Run ${ast}, a part of ${text}, soon;
 * all borrowed until sink's done, with which it frees itself.
 * stmt_run_resume(r), stmt_run_cancel(r): As stmt.h says.
 */
struct stmt_run * stmt_run_new(const struct stmt_env * env,
    const struct stmt_text * text, const struct ast * ast,
    const struct query_sink * sink, struct err * e);
void stmt_run_resume(struct stmt_run * r);
void stmt_run_cancel(struct stmt_run * r);

/**
 * stmt_rows(r, n, cols, rows, keep): The answer: ${cols} are ${n} names, then
 * ${n} types (copied, but not what they point to: that must last, or be
 * ${keep}'s); ${rows} an array of arrays; both are taken.  Booleans are 0 and 1,
 * objects and lists their text.
 * stmt_answer(r, o): One row: the keys of the object ${o} (taken).
 * stmt_done(r): No answer but that it is done.  stmt_fail(r, e): It failed.
 * For all: NULL ${rows} or ${o} means that memory was short.
 */
void stmt_rows(struct stmt_run * r, size_t n, const char * const * cols,
    json_t * rows, json_t * keep);
void stmt_answer(struct stmt_run * r, json_t * o);
void stmt_done(struct stmt_run * r);
void stmt_fail(struct stmt_run * r, const struct err * e);

/** stmt_rows_go(r): Give the sink the rows that are there, and end when there are no
 * more.  stmt_rows_free(r): What they hold. */
void stmt_rows_go(struct stmt_run * r);
void stmt_rows_free(struct stmt_run * r);

/** stmt_more(r): The rows that r->more could not give at once are there, or it
 * now knows that there are none. */
void stmt_more(struct stmt_run * r);

/** stmt_again(r): Something that it names is not known here: have it started once
 * more when what other daemons changed is known; 0: that was done already, or there
 * are none. */
int stmt_again(struct stmt_run * r) MUST_CHECK;

/** stmt_fail_soon(r, e): Fail from the loop's own stack, not from here. */
void stmt_fail_soon(struct stmt_run * r, const struct err * e);

/**
 * stmt_wait(r): A callback will come.  stmt_back(r): It came; nonzero if ${r} is
 * over (and perhaps gone) and nothing is to be done.
 */
void stmt_wait(struct stmt_run * r);
int stmt_back(struct stmt_run * r) MUST_CHECK;

/** stmt_error(r, off, code, fmt, ...): Fail at byte ${off} of the text with a
 * config error of that code. */
void stmt_error(struct stmt_run * r, size_t off, const char * code,
    const char * fmt, ...) __attribute__((format(printf, 4, 5)));

/** stmt_connector(r): The connector that the statement names, or NULL, failed. */
struct connector * stmt_connector(struct stmt_run * r);

/** stmt_near_type(r, name): The type that could be meant (borrowed), or NULL. */
const char * stmt_near_type(struct stmt_run * r, const char * name);

/** stmt_no_connector(r): Fail: there is none of that name; did you mean. */
void stmt_no_connector(struct stmt_run * r);

/** stmt_entity(r, m): Its entity in ${m}, or NULL, failed. */
const struct manifest_entity * stmt_entity(struct stmt_run * r,
    const struct manifest * m);

/* stmt_sync_spec.c: what SYNC and EXPLAIN SYNC say. */

/** stmt_sync_spec(r, spec): Of the statement, whose texts it borrows; ${*where} is
 * the caller's to free.  -1: failed. */
int stmt_sync_spec(struct stmt_run * r, struct sync_spec * spec, char ** where)
    MUST_CHECK;

/** stmt_sync_fail(r, e): Fail by what a syncs_ call said of that: places in WHERE
 * become places in the statement. */
void stmt_sync_fail(struct stmt_run * r, const struct err * e);

/** stmt_no_sync(r): Fail: there is no such sync; did you mean. */
void stmt_no_sync(struct stmt_run * r);

/* stmt_describe_target.c */

/** stmt_describe_target(r): DESCRIBE of what is no type and no connector.
 * stmt_describe_cancel(r), stmt_describe_free(r): As struct stmt_entry says. */
void stmt_describe_target(struct stmt_run * r);
void stmt_describe_cancel(struct stmt_run * r);
void stmt_describe_free(struct stmt_run * r);

/* stmt_catalog.c: what can be named after FROM. */
#define STMT_MAX_USED 8
struct stmt_catalog {
	struct query_catalog cat;
	const struct stmt_env * env;
	char used[STMT_MAX_USED][129]; /* connectors that were named */
	size_t nused;
};

/** stmt_catalog(env, c): What names can mean; ${env} must outlive ${c}. */
void stmt_catalog(const struct stmt_env * env, struct stmt_catalog * c);

/* stmt_class.c: errors as scripts and connectors' statuses see them. */

/** stmt_class(e): Which class of CATCH it is of.
 * stmt_class_catches(cls, e): Whether CATCH ${cls} takes it. */
enum ast_class stmt_class(const struct err * e);
int stmt_class_catches(enum ast_class cls, const struct err * e);

/** stmt_class_is_service(e): Whether it tells something of the service, and not
 * only of the statement. */
int stmt_class_is_service(const struct err * e);

/** stmt_place(r, e, out): ${*e} with its place in the statement, if it is of a key
 * that is written there and has none. */
void stmt_place(const struct stmt_run * r, const struct err * e,
    struct err * out);

/* stmt_part.c: one statement out of a script's text. */

/**
 * stmt_part_text(text, off, len, out): That part, with blanks for all before it,
 * so that places stay what they are.  ${out} zeroed.
 * stmt_part_caught(text, ast, caught, out): The same with error.message and its
 * like as texts of what was caught.
 */
int stmt_part_text(const struct stmt_text * text, size_t off, size_t len,
    struct buf * out, struct err * e) MUST_CHECK;
int stmt_part_caught(const struct stmt_text * text, const struct ast * ast,
    const struct err * caught, struct buf * out, struct err * e) MUST_CHECK;

#endif
