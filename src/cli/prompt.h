#ifndef MOLTLER_CLI_PROMPT_H
#define MOLTLER_CLI_PROMPT_H

#include "cli/client_http.h"
#include "cli/prompt_edit.h"
#include "cli/prompt_history.h"
#include "cli/prompt_names.h"
#include "cli/prompt_read.h"
#include "cli/query_run.h"
#include "cli/screen.h"

/* The interactive prompt: statements and backslash commands from a terminal. */
struct prompt {
	struct client_http * c; /* its own once \c made it */
	struct client_http * made;
	struct screen * scr;
	struct query_run_opts run;
	const char * pager; /* what \pager on means */
	struct prompt_read read;
	struct prompt_history * history;
	struct prompt_names * names;
	struct prompt_edit * edit;
	struct buf last; /* the statement before, for \e; none with a secret */
	struct client_http * (*connect)(void * arg, const char * url,
	    struct err * e);
	void * arg;
	int timing;
	int lost; /* the daemon did not answer the last statement */
	int over; /* \q */
};

/**
 * prompt_run(c, scr, f, connect, arg):
 * Ask for statements until the user leaves, and run them; return the exit code.
 * ${c} is borrowed; ${connect}(${arg}, url, e) makes a client of another daemon.
 * Both standard input and output are a terminal.
 */
int prompt_run(struct client_http * c, struct screen * scr,
    enum output_format f, struct client_http * (*connect)(void * arg,
    const char * url, struct err * e), void * arg);

/** prompt_statement(p, s): Run one statement and say what went wrong; 0 or -1.
 * Also for prompt_meta.c, as the next. */
int prompt_statement(struct prompt * p, const struct split_stmt * s);

/** prompt_ready(p): Run the statements that have gathered. */
void prompt_ready(struct prompt * p);

/** prompt_greet(p, e): Ask the daemon who it is, and say so.  Errors as
 * client_http_get. */
int prompt_greet(struct prompt * p, struct err * e) MUST_CHECK;

#endif
