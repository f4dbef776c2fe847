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

#include "api/api.h"
#include "base/log.h"
#include "conn/limits.h"
#include "conn/reader.h"
#include "conn/result_cache.h"
#include "conn/secret.h"
#include "conn/secret_key.h"
#include "conn/token.h"
#include "conn/types.h"
#include "conn/vault.h"
#include "daemon/daemon_ground.h"
#include "daemon/egress.h"
#include "daemon/settings_elastic.h"
#include "daemon/settings_vault.h"
#include "loop/loop.h"
#include "net/http.h"
#include "run/runner.h"
#include "run/shared.h"
#include "state/state.h"
#include "sync/backup.h"
#include "sync/syncs.h"
#include "target/elastic.h"
#include "target/elastic_reader.h"
#include "target/elastic_table.h"
#include "target/targets.h"

/* How long a drain may take before what is left is dropped. */
#define DRAIN_MS 30000
/* How long answers that are on their way may take once the runs have ended: a
 * client that does not read is not waited for. */
#define ANSWERS_MS 5000
#define LOOK_MS 10
#define LOAD_AGAIN_MS 1000

/* Everything that lives as long as the process, in the order it comes up. */
struct daemon {
	struct settings * c;
	char node[UUID_STR_LEN];
	char instance[UUID_STR_LEN]; /* this process of it */
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

/* What JSON says of a secret, in requests and in configurations that are being
 * checked, does not stay in memory that is free. */
static void
free_json(void * p)
{
	if (p != NULL)
		explicit_bzero(p, malloc_usable_size(p));
	free(p);
}

static struct types *
load_types(const struct settings * c, const struct types * old,
    struct err * e)
{
	const char * dirs[2] = { c->types_dir, c->connectors };

	return (types_reload(dirs, c->connectors ? 2 : 1, old, e));
}

static void
on_beat(void * arg)
{
	struct daemon * d = arg;
	struct runner_stats st;
	json_t * v;

	runner_stats_get(d->runner, &st);
	v = json_pack("{s:s, s:s, s:s, s:I, s:I, s:o}", "version",
	    PACKAGE_VERSION, "instance", d->instance,
	    "listen", d->c->listen, "pid", (json_int_t)getpid(),
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
		log_event(LOG_WARN, "state_away", LOG_E(e));
		loop_timer_start(d->load_again, LOAD_AGAIN_MS);
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
	if ((t = load_types(d->c, d->types, &e)) == NULL) {
		log_event(LOG_ERROR, "reload_failed", LOG_E(&e));
		return;
	}
	runner_set_types(d->runner, t);
	types_free(d->types);
	d->types = t;
	log_event(LOG_INFO, "reloaded", LOG_I("types", types_count(t)));
}

static int
open_state(struct daemon * d, struct err * e)
{
	char path[1024];

	if (d->c->redis != NULL) {
		d->state = state_redis_open(d->loop, d->c->redis, d->node, e);
	} else {
		snprintf(path, sizeof(path), "%s/state.db", d->c->data_dir);
		d->state = state_sqlite_open(d->loop, path, d->node, e);
	}
	return (d->state == NULL ? -1 : 0);
}

/* What all that ask services have in common. */
static int
open_conn(struct daemon * d, struct err * e)
{
	if ((d->shared = shared_new(d->state)) == NULL ||
	    (d->limits = limits_new(d->loop, shared_conn(d->shared))) == NULL ||
	    (d->cache = result_cache_new(0)) == NULL)
		return (err_nomem(e, "the daemon"));
	shared_secrets(d->shared, d->secret_store);
	d->conn.loop = d->loop;
	d->conn.http = d->http;
	d->conn.secrets = d->secrets;
	d->conn.limits = d->limits;
	d->conn.cache = d->cache;
	d->conn.shared = shared_conn(d->shared);
	d->conn.counts = &d->counts;
	if ((d->tokens = tokens_new(&d->conn, e)) == NULL)
		return (-1);
	d->conn.tokens = d->tokens;
	return (0);
}

static int
open_secrets(struct daemon * d, struct err * e)
{
	struct secret_store_opts so;
	struct secret_key key;
	char path[1024];

	memset(&so, 0, sizeof(so));
	so.loop = d->loop;
	so.state = d->state;
	so.secrets = d->secrets;
	snprintf(path, sizeof(path), "%s/master.key", d->c->data_dir);
	so.key_file = d->c->master_key_file ? d->c->master_key_file : path;
	/* One that was named is somebody's to put there. */
	so.may_make = d->c->master_key_file == NULL;
	if (d->c->master_key != NULL) {
		if (secret_key_parse(d->c->master_key, &key, e))
			return (-1);
		so.key = &key;
	}
	d->secret_store = secret_store_new(&so, e);
	if (so.key != NULL)
		secret_box_wipe(&key);
	return (d->secret_store == NULL ? -1 : 0);
}

static int
open_elastic(struct daemon * d, struct err * e)
{
	struct elastic_opts o;

	if (!settings_elastic(d->c, &o))
		return (0);
	o.loop = d->loop;
	o.http = d->http;
	o.secrets = d->secrets;
	d->elastic = elastic_new(&o, e);
	return (d->elastic == NULL ? -1 : 0);
}

static int
open_runner(struct daemon * d, struct err * e)
{
	struct runner_opts ro;
	char path[1024];

	snprintf(path, sizeof(path), "%s/targets", d->c->data_dir);
	d->targets = targets_new(d->loop, path, e);
	if (d->targets == NULL)
		return (-1);
	memset(&ro, 0, sizeof(ro));
	ro.loop = d->loop;
	ro.state = d->state;
	ro.types = d->types;
	ro.conn = &d->conn;
	ro.secrets = d->secrets;
	ro.secret_store = d->secret_store;
	ro.targets = d->targets;
	ro.node = d->node;
	if ((d->runner = runner_new(&ro, e)) == NULL)
		return (-1);
	d->acts = acts_new(d->loop, d->state, d->node);
	return (d->acts == NULL ? err_nomem(e, "the actions") : 0);
}

static int
open_syncs(struct daemon * d, struct err * e)
{
	struct syncs_opts so;

	memset(&so, 0, sizeof(so));
	so.loop = d->loop;
	so.state = d->state;
	so.runner = d->runner;
	so.targets = d->targets;
	so.elastic = d->elastic;
	so.conn = &d->conn;
	so.node = d->node;
	so.instance = d->instance;
	so.lease_ms = d->c->lease_ms;
	so.query_memory = (size_t)d->c->query_memory;
	d->syncs = syncs_new(&so, e);
	return (d->syncs == NULL ? -1 : 0);
}

static int
open_backup(struct daemon * d, struct err * e)
{
	struct backup_opts bo;

	memset(&bo, 0, sizeof(bo));
	bo.loop = d->loop;
	bo.state = d->state;
	bo.secret_store = d->secret_store;
	bo.runner = d->runner;
	bo.node = d->node;
	d->backup = backup_new(&bo, e);
	return (d->backup == NULL ? -1 : 0);
}

static int
listen_all(struct daemon * d, struct err * e)
{
	const struct settings * c = d->c;
	struct httpd * h = api_httpd(d->api);
	int port = -1;

	if (c->listen_port >= 0) {
		port = c->tls_cert != NULL ?
		    httpd_listen_tls(h, c->listen_addr, c->listen_port,
		    c->tls_cert, c->tls_key, e) :
		    httpd_listen_tcp(h, c->listen_addr, c->listen_port, e);
		if (port < 0)
			return (-1);
		if (!c->is_loopback && c->tls_cert == NULL)
			log_event(LOG_WARN, "no_tls", LOG_S("listen", c->listen),
			    LOG_S("hint", "the token and all answers go over "
			    "the network in clear; set tls_cert and tls_key"));
	}
	if (c->unix_socket != NULL && httpd_listen_unix(h, c->unix_socket,
	    (mode_t)strtol(c->unix_socket_mode, NULL, 8), e))
		return (-1);
	log_event(LOG_INFO, "listening",
	    LOG_S("address", c->listen_port >= 0 ? c->listen_addr : ""),
	    LOG_I("port", port), LOG_S("unix_socket", c->unix_socket));
	return (0);
}

static int
open_api(struct daemon * d, struct err * e)
{
	const struct settings * c = d->c;
	const char * hosts[64] = { NULL };
	char * words = NULL;
	struct api_opts ao;

	if (c->hosts != NULL) {
		if ((words = strdup(c->hosts)) == NULL)
			return (err_nomem(e, "the API"));
		daemon_words(words, hosts, sizeof(hosts) / sizeof(hosts[0]));
	}
	memset(&ao, 0, sizeof(ao));
	ao.loop = d->loop;
	ao.httpd.max_conns = (unsigned)c->max_connections;
	ao.httpd.max_body = (size_t)c->max_body;
	ao.state = d->state;
	ao.runner = d->runner;
	ao.backup = d->backup;
	ao.vault = d->vault;
	ao.targets = d->targets;
	ao.http = d->http;
	ao.node = d->node;
	ao.token = c->token;
	ao.hosts = hosts;
	d->stmt.loop = d->loop;
	d->stmt.runner = d->runner;
	d->stmt.syncs = d->syncs;
	d->stmt.acts = d->acts;
	d->stmt.elastic = d->elastic;
	d->stmt.targets = d->targets;
	d->stmt.conn = &d->conn;
	d->stmt.deadline_ms = c->query_deadline_ms;
	d->stmt.query_memory = (size_t)c->query_memory;
	ao.stmt = &d->stmt;
	d->api = api_new(&ao, e);
	free(words);
	return (d->api == NULL ? -1 : listen_all(d, e));
}

static int
bring_up(struct daemon * d, struct err * e)
{
	struct http_opts ho;
	unsigned spare = 0;

	if (daemon_files(d->c, &spare, e) ||
	    daemon_data_dir(d->c->data_dir, e) ||
	    daemon_node_id(d->c->data_dir, d->node, e) || (d->loop = loop_new(e)) == NULL)
		return (-1);
	if (d->c->egress_deny != NULL &&
	    (d->egress = egress_new(d->c->egress_deny, e)) == NULL)
		return (-1);
	memset(&ho, 0, sizeof(ho));
	ho.max_total = (unsigned)d->c->max_requests;
	ho.max_idle = spare;
	ho.user_agent = "moltler/" PACKAGE_VERSION;
	ho.egress = d->egress ? egress_check : NULL;
	ho.egress_arg = d->egress;
	if ((d->http = http_new(d->loop, &ho, e)) == NULL ||
	    (d->secrets = secrets_new(d->c->env_file, e)) == NULL ||
	    (d->types = load_types(d->c, NULL, e)) == NULL ||
	    open_state(d, e) || open_secrets(d, e) || settings_vault_open(d->c, d->loop, d->http, d->secrets,
	    &d->vault, e) ||
	    open_conn(d, e) ||
	    open_elastic(d, e) || open_runner(d, e) || open_syncs(d, e) ||
	    open_backup(d, e) || open_api(d, e))
		return (-1);
	d->beat = loop_timer_new(d->loop, on_beat, d);
	d->drain = loop_timer_new(d->loop, on_drain_late, d);
	d->answers = loop_timer_new(d->loop, on_answers, d);
	d->load_again = loop_timer_new(d->loop, on_load_timer, d);
	d->sig_term = loop_signal_new(d->loop, SIGTERM, on_term, d);
	d->sig_int = loop_signal_new(d->loop, SIGINT, on_term, d);
	d->sig_hup = loop_signal_new(d->loop, SIGHUP, on_hup, d);
	if (d->beat == NULL || d->drain == NULL || d->answers == NULL ||
	    d->load_again == NULL || d->sig_term == NULL || d->sig_int == NULL || d->sig_hup == NULL)
		return (err_nomem(e, "the daemon"));
	on_beat(d);
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
	api_free(d->api);
	acts_free(d->acts);
	syncs_free(d->syncs);
	runner_free(d->runner);
	targets_free(d->targets);
	elastic_table_cleanup();
	elastic_reader_cleanup();
	elastic_free(d->elastic);
	types_free(d->types);
	reader_cleanup();
	result_cache_free(d->cache);
	tokens_free(d->tokens);
	limits_free(d->limits);
	shared_free(d->shared);
	if (d->state != NULL)
		d->state->ops->free(d->state);
	backup_free(d->backup);
	secret_store_free(d->secret_store);
	secrets_free(d->secrets);
	vault_free(d->vault);
	http_free(d->http);
	egress_free(d->egress);
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
