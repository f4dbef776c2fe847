#ifndef MOLTLER_CLI_FIXTURE_PEER_H
#define MOLTLER_CLI_FIXTURE_PEER_H

#include <jansson.h>

#include "base/buf.h"
#include "net/http.h"

/* The service of a fixture: expects its exchanges' requests, one after the
 * other, and gives their answers. */
struct fixture_peer {
	const json_t * exchanges; /* borrowed */
	size_t next;
	struct buf * why;         /* the first thing that was not as expected */
	char * body;              /* of the last answer, ... */
	char ** headers;          /* ... and its headers */
};

/** fixture_peer_play(peer, req, a, e): struct http_opts' play. */
int fixture_peer_play(void * peer, const struct http_req * req,
    struct http_played * a, struct err * e);

/** fixture_peer_end(peer): 0 if all exchanges took place, else -1 with why; frees
 * what the last answer holds. */
int fixture_peer_end(struct fixture_peer * peer);

/** fixture_peer_answer(res, body, headers, a): Make of a fixture's response what
 * is played, which ${*body} and ${*headers} hold.  0, or -1: no memory.
 * fixture_peer_forget(body, headers): Free these. */
int fixture_peer_answer(const json_t * res, char ** body, char *** headers,
    struct http_played * a);
void fixture_peer_forget(char ** body, char *** headers);

#endif
