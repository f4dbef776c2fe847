#ifndef MOLTLER_DAEMON_DAEMON_INTERNAL_H
#define MOLTLER_DAEMON_DAEMON_INTERNAL_H

#include <jansson.h>
#include <stdint.h>
#include <uuid.h>

#include "api/api.h"
#include "conn/reader.h"
#include "daemon/egress.h"
#include "daemon/settings.h"
#include "loop/loop.h"
#include "manifest/types.h"
#include "net/http.h"
#include "run/runner.h"
#include "run/shared.h"
#include "secret/secret.h"
#include "secret/vault.h"
#include "state/state.h"
#include "sync/backup.h"
#include "sync/syncs.h"
#include "target/elastic.h"
#include "target/targets.h"

/* What the daemon's life and its parts share. */

/* Everything that lives as long as the process, in the order it comes up. */
struct daemon {
	struct settings * c;
	char node[UUID_STR_LEN];
	char instance[UUID_STR_LEN]; /* this process of it */
	char listens[80];            /* where, as others are told */
	int64_t begun_us;
	int64_t away_us;   /* when it was said that the state is away, and why */
	struct err away;
	struct loop * loop;
	struct egress * egress;
	struct http * http;
	struct state * state;
	struct shared * shared;
	struct limits * limits;
	struct result_cache * cache;
	struct conn_env conn;
	struct tokens * tokens;
	struct call_counts counts;
	struct stmt_env stmt;
	struct secrets * secrets;
	struct secret_store * secret_store;
	struct vault * vault; /* NULL: none is configured */
	struct types * types;
	struct elastic * elastic; /* NULL: none is configured */
	struct targets * targets;
	struct runner * runner;
	struct syncs * syncs;
	struct acts * acts;
	struct backup * backup;
	struct api * api;
	struct loop_signal * sig_term;
	struct loop_signal * sig_int;
	struct loop_signal * sig_hup;
	struct loop_timer * beat;
	struct loop_timer * drain;
	struct loop_timer * answers;
	struct loop_timer * load_again;
	int answers_left; /* looks at who is not answered yet */
	int stopping;
	int load_failed;
	struct err load_err;
	json_t * said_alive; /* with the last beat */
};

/** daemon_parts_open(d, spare, e): All between the loop and the API, in order; with
 * ${spare} descriptors for idle connections.  What is up is freed by the other. */
int daemon_parts_open(struct daemon * d, unsigned spare, struct err * e)
    MUST_CHECK;
void daemon_parts_free(struct daemon * d);

/** daemon_parts_types(c, old, e): The types as they are now; types_reload(). */
struct types * daemon_parts_types(const struct settings * c,
    const struct types * old, struct err * e) MUST_CHECK;

#endif
