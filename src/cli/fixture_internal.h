#ifndef MOLTLER_CLI_FIXTURE_INTERNAL_H
#define MOLTLER_CLI_FIXTURE_INTERNAL_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "conn/conn_env.h"
#include "conn/connector.h"
#include "conn/limits.h"
#include "conn/token.h"
#include "manifest/manifest.h"

/* What the files that play a fixture share. */
struct fixture_run {
	const json_t * fx;
	struct manifest * m;
	struct conn_env env;
	struct secrets * secrets;
	struct connector * c;
	struct buf * why;
	int live;          /* a service is asked: references and tokens are real */
	struct http * direct;      /* of a live one, for its tokens, ... */
	struct conn_env token_env; /* ... and what they are fetched in */
	json_t * got;      /* the rows, or the answer */
	char skipped[200]; /* what is not among them, and why; or "" */
	int64_t now_ms;    /* when it plays; 0: now */
	int64_t began_us;
	int done, failed;
	int hangs;         /* it was waited for in vain: cancel it */
	struct err err;
};

/* Who answers. */
struct fixture_how {
	int (*play)(void * arg, const struct http_req * req,
	    struct http_played * a, struct err * e); /* as in struct http_opts */
	void * play_arg;
	int live;
};

/** fixture_begin(run, m, fx, how, why): Get ready to do what the object ${fx} says;
 * all are borrowed until fixture_end(run), which is called in any case.  0, or -1
 * with run->err.
 * fixture_act(run): Do it.  0 with run->got, or -1 with run->err. */
int fixture_begin(struct fixture_run * run, struct manifest * m,
    const json_t * fx, const struct fixture_how * how, struct buf * why);
int fixture_act(struct fixture_run * run);
void fixture_end(struct fixture_run * run);

/** fixture_done(run, e): What was waited for has come, or failed with ${e}.
 * fixture_wait(run): Turn the loop until then.  0, or -1 with run->err. */
void fixture_done(struct fixture_run * run, const struct err * e);
int fixture_wait(struct fixture_run * run);

/** fixture_list, fixture_action, fixture_test: One kind of fixture each.  0 with
 * run->got, or -1 with run->err. */
int fixture_list(struct fixture_run * run);
int fixture_action(struct fixture_run * run);
int fixture_test(struct fixture_run * run);

#endif
