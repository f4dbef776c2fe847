#include "config.h"

#include "daemon/daemon.h"

#include <jansson.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uuid.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/daemon_ground.h"
#include "daemon/daemon_internal.h"

/* How long a drain may take before what is left is dropped. */
#define DRAIN_MS 30000
/* How long answers that are on their way may take once the runs have ended: a
 * client that does not read is not waited for. */
#define ANSWERS_MS 5000
#define LOOK_MS 10
/* A shared state that is away at the start is asked again so often, and said to be away
 * when it was so for a moment: connecting takes one. */
#define LOAD_SOON_MS 20
#define LOAD_AGAIN_MS 1000
#define AWAY_US INT64_C(1000000)
#define AWAY_AGAIN_US INT64_C(60000000)	/* for the same reason */

/* What JSON says of a secret, in requests and in configurations that are being
 * checked, does not stay in memory that is free. */
static void
free_json(void * p)
{
	if (p != NULL)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

static void
on_beat(void * arg)
{
	struct daemon * d = arg;
	struct runner_stats st;
	json_t * v;

	runner_stats_get(d->runner, &st);
	v = json_pack("{s:s, s:o, s:s, s:s, s:I, s:I, s:o}", "version",
	    PACKAGE_VERSION, "at", json_opt_time(clock_wall_ms()),
	    "instance", d->instance,
	    "listen", d->listens, "pid", (json_int_t)getpid(),
	    "running", (json_int_t)st.running,
	    "syncs", syncs_running(d->syncs));
	if (v != NULL) {
		d->state->ops->node_beat(d->state, v,
		    syncs_gone_ms(d->syncs));
		json_decref(d->said_alive);
		d->said_alive = v;
	}
	loop_timer_start(d->beat, syncs_beat_ms(d->syncs));
}

static void on_secrets(void * arg, const struct err * e);

/* Ready when the syncs are known too: whoever asks for one should find it. */
static void
on_syncs(void * arg, json_t * v, const struct err * e)
{
	struct daemon * d = arg;
	struct runner_stats st;

	(void)v;
	if (e != NULL) {
		d->load_failed = 1;
		d->load_err = *e;
		loop_stop(d->loop);
		return;
	}
	runner_not_yet(d->runner, NULL);
	runner_stats_get(d->runner, &st);
	log_event(LOG_INFO, "ready", LOG_I("connectors", st.connected +
	    st.error + st.disabled + st.pending),
	    LOG_I("syncs", syncs_count(d->syncs)));
	api_set_ready(d->api, 1);
#ifdef __GLIBC__
	/* All records were here at once, as trees; what they took lies between
	 * what stays, and would be kept for ever. */
	malloc_trim(0);
#endif
}

static void
on_loaded(void * arg, json_t * v, const struct err * e)
{
	struct daemon * d = arg;

	(void)v;
	if (e != NULL) {
		if (d->stopping)
			return; /* then the drain ends it */
		/* A shared state that is away is waited for by the poll. */
		if (e->cls == ERR_TRANSIENT) {
			log_event(LOG_WARN, "state_away", LOG_E(e));
			runner_not_yet(d->runner, e);
			runner_load_later(d->runner, on_loaded, d);
			return;
		}
		d->load_failed = 1;
		d->load_err = *e;
		loop_stop(d->loop);
		return;
	}
	if (!d->stopping)
		syncs_load(d->syncs, on_syncs, d);
}

static void
on_load_timer(void * arg)
{
	struct daemon * d = arg;

	secret_store_load(d->secret_store, on_secrets, d);
}

static void
load_again(struct daemon * d, const struct err * e)
{
	runner_not_yet(d->runner, e);
	if (clock_mono_us() - d->begun_us < AWAY_US) {
		loop_timer_start(d->load_again, LOAD_SOON_MS);
		return;
	}
	if (strcmp(e->msg, d->away.msg) != 0 ||
	    clock_mono_us() - d->away_us > AWAY_AGAIN_US) {
		log_event(LOG_WARN, "state_away", LOG_E(e));
		d->away = *e;
		d->away_us = clock_mono_us();
	}
	loop_timer_start(d->load_again, LOAD_AGAIN_MS);
}

/* The secrets first: connectors run as soon as they are there. */
static void
on_secrets(void * arg, const struct err * e)
{
	struct daemon * d = arg;

	if (d->stopping)
		return;
	/* What opens Vault may be one of them. */
	if (e == NULL && d->vault != NULL)
		vault_start(d->vault);
	if (e == NULL) {
		runner_load(d->runner, on_loaded, d);
	} else if (e->cls == ERR_TRANSIENT) {
		load_again(d, e);
	} else {
		d->load_failed = 1;
		d->load_err = *e;
		loop_stop(d->loop);
	}
}

static void
on_answers(void * arg)
{
	struct daemon * d = arg;

	if (api_active(d->api) == 0 || d->answers_left-- == 0)
		loop_stop(d->loop);
	else
		loop_timer_start(d->answers, LOOK_MS);
}

static void
on_drained(void * arg, json_t * v, const struct err * e)
{
	struct daemon * d = arg;

	(void)v;
	(void)e;
	d->answers_left = ANSWERS_MS / LOOK_MS;
	on_answers(d);
}

/* The syncs' runs are over: what they hold of the rest may go. */
static void
on_syncs_stopped(void * arg, json_t * v, const struct err * e)
{
	struct daemon * d = arg;

	(void)v;
	(void)e;
	/* The others need not wait until we are missed. */
	if (d->said_alive != NULL)
		d->state->ops->node_beat(d->state, d->said_alive, 1);
	runner_stop(d->runner, on_drained, d);
}

static void
on_drain_late(void * arg)
{
	struct daemon * d = arg;

	log_event(LOG_WARN, "drain_cut", LOG_I("after_ms", DRAIN_MS));
	loop_stop(d->loop);
}

static void
on_term(void * arg)
{
	struct daemon * d = arg;

	if (d->stopping)
		return;
	d->stopping = 1;
	log_event(LOG_INFO, "stopping", LOG_S("node", d->node));
	api_stop(d->api);
	loop_timer_stop(d->beat);
	loop_timer_start(d->drain, DRAIN_MS);
	syncs_stop(d->syncs, on_syncs_stopped, d);
}

static void
on_hup(void * arg)
{
	struct daemon * d = arg;
	struct types * t;
	struct err e;

	if (secrets_reload(d->secrets, &e))
		log_event(LOG_ERROR, "reload_failed", LOG_E(&e));
	vault_forget(d->vault);
	/* And the master key, if that was what was wrong. */
	secret_store_load(d->secret_store, NULL, NULL);
	if (settings_read_token(d->c, &e) ||
	    (d->c->token != NULL && api_set_token(d->api, d->c->token, &e)))
		log_event(LOG_ERROR, "reload_failed", LOG_E(&e));
	if ((t = daemon_parts_types(d->c, d->types, &e)) == NULL) {
		log_event(LOG_ERROR, "reload_failed", LOG_E(&e));
		return;
	}
	runner_set_types(d->runner, t);
	types_free(d->types);
	d->types = t;
	log_event(LOG_INFO, "reloaded", LOG_I("types", types_count(t)));
}

static int
bring_up(struct daemon * d, struct err * e)
{
	unsigned spare = 0;
	struct err why;

	if (daemon_files(d->c, &spare, e) ||
	    daemon_data_dir(d->c->data_dir, e) ||
	    daemon_node_id(d->c->data_dir, d->node, e) ||
	    (d->loop = loop_new(e)) == NULL || daemon_parts_open(d, spare, e))
		return (-1);
	d->beat = loop_timer_new(d->loop, on_beat, d);
	d->drain = loop_timer_new(d->loop, on_drain_late, d);
	d->answers = loop_timer_new(d->loop, on_answers, d);
	d->load_again = loop_timer_new(d->loop, on_load_timer, d);
	d->sig_term = loop_signal_new(d->loop, SIGTERM, on_term, d);
	d->sig_int = loop_signal_new(d->loop, SIGINT, on_term, d);
	d->sig_hup = loop_signal_new(d->loop, SIGHUP, on_hup, d);
	if (d->beat == NULL || d->drain == NULL || d->answers == NULL ||
	    d->load_again == NULL || d->sig_term == NULL ||
	    d->sig_int == NULL || d->sig_hup == NULL)
		return (err_nomem(e, "the daemon"));
	on_beat(d);
	err_set(&why, ERR_TRANSIENT, "starting", "the state is being read");
	runner_not_yet(d->runner, &why);
	secret_store_load(d->secret_store, on_secrets, d);
	return (0);
}

static void
take_down(struct daemon * d)
{
	loop_signal_free(d->sig_hup);
	loop_signal_free(d->sig_int);
	loop_signal_free(d->sig_term);
	loop_timer_free(d->load_again);
	loop_timer_free(d->answers);
	loop_timer_free(d->drain);
	loop_timer_free(d->beat);
	json_decref(d->said_alive);
	daemon_parts_free(d);
	loop_free(d->loop);
}

int
daemon_run(struct settings * c, struct err * e)
{
	struct daemon d;
	uuid_t instance;
	int rc = -1;

	memset(&d, 0, sizeof(d));
	d.c = c;
	d.begun_us = clock_mono_us();
	uuid_generate_random(instance);
	uuid_unparse_lower(instance, d.instance);
	json_set_alloc_funcs(malloc, free_json);
	signal(SIGPIPE, SIG_IGN);
	/* A file at its limit is a failed write like any other. */
	signal(SIGXFSZ, SIG_IGN);
	if (bring_up(&d, e) == 0) {
		if (loop_run(d.loop))
			err_set(e, ERR_PERMANENT, "loop",
			    "the event loop failed");
		else if (d.load_failed)
			*e = d.load_err;
		else
			rc = 0;
	}
	take_down(&d);
	if (rc == 0)
		log_event(LOG_INFO, "stopped", LOG_S("node", d.node));
	return (rc);
}
