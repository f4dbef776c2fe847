#ifndef MOLTLER_CLI_RECORD_PEER_H
#define MOLTLER_CLI_RECORD_PEER_H

#include <jansson.h>

#include "cli/fixture_internal.h"
#include "cli/record_scrub.h"
#include "cli/screen.h"

/*
 * Two that answer while a fixture is made.  The live one asks the service and
 * keeps its answers without secrets.  The dry one gives these answers again, to a
 * connector whose secrets are those of fixtures, and keeps what it was asked: so
 * no secret can be in a request.
 */

struct record_live {
	struct loop * loop;      /* of its own: it waits within a call */
	struct http * http;
	struct fixture_run * run;
	struct record_scrub * scrub;
	struct screen * scr;
	json_t * responses;
	size_t bytes;
	/* The answer that is waited for, or was given last. */
	int done;
	struct err err;
	int failed;
	int status;
	struct buf body;
	char ** headers;
	size_t nheaders;
};

/** record_live_open(l, e): Zeroed but for run, scrub and scr.  0 or -1.
 * record_live_close(l): In any case.  The responses stay until it. */
int record_live_open(struct record_live * l, struct err * e) MUST_CHECK;
void record_live_close(struct record_live * l);

/** record_live_play(l, req, a, e): struct http_opts' play. */
int record_live_play(void * l, const struct http_req * req,
    struct http_played * a, struct err * e);

struct record_dry {
	const json_t * responses; /* borrowed */
	json_t * requests;        /* owned by the caller */
	size_t next;              /* how many were asked for, ... */
	int beyond;               /* ... and whether one more than there are */
	char * body;
	char ** headers;
};

/** record_dry_play(d, req, a, e): struct http_opts' play.  record_dry_forget(d):
 * Free what the last answer holds. */
int record_dry_play(void * d, const struct http_req * req,
    struct http_played * a, struct err * e);
void record_dry_forget(struct record_dry * d);

#endif
