#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash64.h"
#include "base/json.h"
#include "base/log.h"
#include "sync/syncs_internal.h"

/*
 * Who lives, and who is to run what: the sync goes to the node for which the hash
 * of both is highest.  When a node comes or goes only its share moves.
 */
#define MAX_NODES 1000
#define NODE_SEED UINT64_C(0x6d6f6c746c657273) /* the same in all daemons */

static uint64_t
weight(uint64_t node_key, const char * id)
{
	return (hash64(node_key, id, strlen(id)));
}

static uint64_t
key_of(const char * node)
{
	return (hash64(NODE_SEED, node, strlen(node)));
}

int
syncs_nodes_mine(const struct syncs * S, const struct sync_def * d)
{
	uint64_t own;
	size_t i;

	/* The file lies with one node. */
	if (d->engine == SYNC_SQLITE)
		return (!S->shared || d->node == NULL ||
		    strcmp(d->node, S->node) == 0);
	if (!S->shared || S->nnodes == 0)
		return (1);
	own = weight(key_of(S->node), d->id);
	for (i = 0; i < S->nnodes; i++)
		if (weight(S->node_keys[i], d->id) > own)
			return (0);
	return (1);
}

int
syncs_nodes_old(const struct syncs * S)
{
	int64_t wall = clock_wall_ms() - S->nodes_wall;
	int64_t old = SYNCS_BEATS * S->beat_ms;

	/* By the wall clock too: the other one stands still while the machine
	 * sleeps.  (A clock that was set only makes us ask once more.) */
	return (S->shared && (S->nodes == NULL ||
	    clock_mono_us() - S->nodes_us > old * 1000 ||
	    wall > old || wall < -old));
}

/* Whether the same nodes live as before (whatever they say). */
static int
same_nodes(const json_t * a, const json_t * b)
{
	const char * k;
	json_t * v;

	if (a == NULL || json_object_size(a) != json_object_size(b))
		return (0);
	json_object_foreach((json_t *)(uintptr_t)a, k, v)
		if (json_object_get(b, k) == NULL)
			return (0);
	return (1);
}

static int
hash_nodes(struct syncs * S, json_t * nodes)
{
	uint64_t * keys = calloc(json_object_size(nodes) + 1, sizeof(*keys));
	const char * k;
	json_t * v;
	size_t n = 0;

	if (keys == NULL)
		return (-1);
	json_object_foreach(nodes, k, v)
		if (n < MAX_NODES)
			keys[n++] = key_of(k);
	/* Who asks lives, whether or not its heartbeat got there. */
	if (json_object_get(nodes, S->node) == NULL)
		keys[n++] = key_of(S->node);
	free(S->node_keys);
	S->node_keys = keys;
	S->nnodes = n;
	return (0);
}

/* Others live, or we were away: what we took for known may not be so. */
static void
share_out(struct syncs * S, int was_away)
{
	struct syncs_entry * en;
	size_t i, mine = 0;
	int is;

	for (i = 0; i < S->n; i++) {
		en = S->sorted[i];
		is = syncs_nodes_mine(S, en->d);
		if ((is && !en->mine) || was_away) {
			en->known = en->asks > 0 ? SYNCS_ASKING :
			    SYNCS_UNKNOWN;
			en->retry_at = 0;
		}
		en->mine = is != 0;
		mine += (size_t)is;
	}
	log_event(LOG_INFO, "nodes", LOG_I("living", S->nnodes),
	    LOG_I("syncs", S->n), LOG_I("here", mine));
	syncs_arm_all(S);
}

/* A data directory that was copied: two processes take themselves for one node, and
 * each lacks what the other writes into its files. */
static void
look_for_twin(struct syncs * S, const json_t * nodes)
{
	const json_t * own = json_object_get(nodes, S->node);
	const char * instance = json_str(own, "instance");

	if (S->o.instance == NULL || instance == NULL || S->is_twice ||
	    strcmp(instance, S->o.instance) == 0)
		return;
	S->is_twice = 1;
	log_event(LOG_ERROR, "node_twice", LOG_S("node", S->node),
	    LOG_S("listen", json_str(own, "listen")),
	    LOG_I("pid", json_int(own, "pid", 0)), LOG_S("hint",
	    "another daemon has the same node_id, as a data directory that was "
	    "copied has: stop one, remove its node_id file and start it again"));
}

/* What is new in ${v} is taken over. */
static void
take_nodes(struct syncs * S, json_t * v)
{
	int was_away = S->nodes != NULL && syncs_nodes_old(S);
	int same = S->nnodes > 0 && same_nodes(S->nodes, v);

	if (S->mute)
		log_event(LOG_INFO, "syncs_go_on", LOG_S("node", S->node));
	S->mute = 0;
	look_for_twin(S, v);
	if (!same && hash_nodes(S, v))
		return; /* no memory: in the next round */
	json_decref(S->nodes);
	S->nodes = json_incref(v);
	S->nodes_us = clock_mono_us();
	S->nodes_wall = clock_wall_ms();
	if (!S->stopping && (!same || was_away))
		share_out(S, was_away);
	else
		syncs_clock_start(S);
}

static void
on_nodes(void * arg, json_t * v, const struct err * e)
{
	struct syncs * S = arg;
	state_cb * then = S->nodes_then;

	S->ops--;
	S->asking_nodes = 0;
	S->nodes_then = NULL;
	if (e == NULL) {
		take_nodes(S, v);
	} else if (syncs_nodes_old(S)) {
		if (!S->mute && S->loaded)
			log_event(LOG_WARN, "syncs_wait", LOG_E(e));
		S->mute = S->loaded;
	}
	if (then != NULL)
		then(S, v, e);
	syncs_maybe_stopped(S);
}

void
syncs_nodes_ask(struct syncs * S)
{
	if (S->asking_nodes || S->stopping)
		return;
	S->asking_nodes = 1;
	S->ops++;
	S->o.state->ops->node_list(S->o.state, on_nodes, S);
}

void
syncs_nodes_first(struct syncs * S, state_cb * then)
{
	S->nodes_then = then;
	S->asking_nodes = 1;
	S->ops++;
	S->o.state->ops->node_list(S->o.state, on_nodes, S);
}

int
syncs_nodes_lives(const struct syncs * S, const char * node)
{
	return (S->nodes == NULL || json_object_get(S->nodes, node) != NULL);
}

const char *
syncs_nodes_holder(const struct syncs * S, const char * id)
{
	const char * node;
	const json_t * v, * run;
	size_t i;

	/* What runs here we know better. */
	json_object_foreach(S->nodes, node, v)
		json_array_foreach(json_object_get(v, "syncs"), i, run)
			if (json_is_string(run) &&
			    strcmp(json_string_value(run), id) == 0 &&
			    strcmp(node, S->node) != 0)
				return (node);
	return (NULL);
}

const json_t *
syncs_nodes(const struct syncs * S)
{
	return (S->nodes);
}

int
syncs_where(const struct syncs * S, const char * node, char out[RUNNER_WHERE])
{
	const json_t * info = json_object_get(S->nodes, node);
	const char * listen = json_str(info, "listen");
	int is_away = info == NULL && S->nodes != NULL && !syncs_nodes_old(S);

	if (listen != NULL && *listen != '\0')
		snprintf(out, RUNNER_WHERE, "%.64s (at %.50s)", node, listen);
	else
		snprintf(out, RUNNER_WHERE, "%.64s%s", node, is_away ?
		    " (which is not running)" : "");
	return (is_away);
}

int
syncs_not_here(const struct syncs_entry * en, struct err * e)
{
	char where[RUNNER_WHERE];

	(void)syncs_where(en->S, en->d->node, where);
	return (err_set(e, ERR_CONFIG, "not_here", "%.128s runs on node %s, "
	    "which holds its target; run it there", en->d->id, where));
}
