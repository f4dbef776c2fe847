#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "conn/limits.h"
#include "conn/result_cache.h"
#include "conn/token.h"
#include "daemon/daemon_ground.h"
#include "daemon/daemon_internal.h"
#include "daemon/settings_elastic.h"
#include "daemon/settings_vault.h"
#include "secret/secret_key.h"
#include "target/elastic_reader.h"
#include "target/elastic_table.h"

/* The parts of the daemon: how each is made of those before it. */

struct types *
daemon_parts_types(const struct settings * c, const struct types * old,
    struct err * e)
{
	const char * dirs[2] = { c->types_dir, c->connectors };

	return (types_reload(dirs, c->connectors ? 2 : 1, old, e));
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

/* As it is configured, but for a port that was left to the system. */
static void
tell_port(struct daemon * d, int port)
{
	const char * s = d->c->listen, * colon = strrchr(s, ':');

	if (d->c->listen_port == 0 && port > 0 && colon != NULL)
		snprintf(d->listens, sizeof(d->listens), "%.*s:%d",
		    (int)(colon - s), s, port);
	else
		snprintf(d->listens, sizeof(d->listens), "%.79s", s);
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
	tell_port(d, port);
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

int
daemon_parts_open(struct daemon * d, unsigned spare, struct err * e)
{
	struct http_opts ho;

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
	    (d->types = daemon_parts_types(d->c, NULL, e)) == NULL ||
	    open_state(d, e) || open_secrets(d, e) ||
	    settings_vault_open(d->c, d->loop, d->http, d->secrets, &d->vault,
	    e) || open_conn(d, e) ||
	    open_elastic(d, e) || open_runner(d, e) || open_syncs(d, e) ||
	    open_backup(d, e) || open_api(d, e))
		return (-1);
	return (0);
}

void
daemon_parts_free(struct daemon * d)
{
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
}
