#ifndef MOLTLER_DAEMON_SETTINGS_H
#define MOLTLER_DAEMON_SETTINGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * The daemon's settings: defaults < file (INI) < environment (MOLTLER_*) <
 * flags.  Each is one line of the table in settings.c; moltler.conf(5) tells of
 * them.
 */
#define SETTINGS_MAX 64
struct settings {
	char * data_dir;
	char * listen;          /* ADDR:PORT, [ADDR]:PORT or "none" */
	char * unix_socket;     /* path, or NULL */
	char * unix_socket_mode;
	char * redis;           /* URL, or NULL: the embedded state */
	char * connectors;      /* the user's own types, or NULL */
	char * types_dir;       /* those that come with moltler */
	char * env_file;        /* or NULL */
	char * log_level;
	char * log_format;
	char * token_file;      /* or NULL */
	char * token;           /* from token_file or MOLTLER_TOKEN; or NULL */
	char * master_key_file; /* or NULL: master.key in data_dir */
	char * master_key;      /* from MOLTLER_MASTER_KEY; or NULL */
	char * tls_cert;
	char * tls_key;
	char * hosts;           /* blank or comma separated, or NULL */
	char * egress_deny;     /* CIDRs, the same; or NULL */
	int64_t max_connections;
	int64_t max_body;       /* bytes */
	int64_t max_requests;   /* transfers at once */
	int64_t query_deadline_ms;
	int64_t query_memory;   /* bytes */
	int64_t lease_ms;       /* in it others take over */
	/* [elasticsearch]: none without a URL. */
	char * elastic_url;
	char * elastic_api_key; /* this and the password: or a reference */
	char * elastic_username;
	char * elastic_password;
	char * elastic_ca_file;
	char * elastic_gzip;    /* auto, on or off */
	int64_t elastic_batch_bytes;
	int64_t elastic_batch_rows;
	int64_t elastic_retry_ms;
	/* [vault]: none without a URL. */
	char * vault_url;
	char * vault_token;     /* this and the secret_id: or a reference */
	char * vault_token_file;
	char * vault_role_id;
	char * vault_secret_id;
	char * vault_secret_id_file;
	char * vault_auth_path;
	char * vault_namespace;
	char * vault_ca_file;
	int64_t vault_cache_ms;

	/* Where each was set: "FILE line 3", "--listen"; NULL: a default. */
	char * from[SETTINGS_MAX];

	/* Worked out by settings_check(). */
	char listen_addr[64];
	int listen_port;        /* -1: none */
	int is_loopback;
};

/** settings_init(c): The defaults.  0 or -1 when out of memory. */
int settings_init(struct settings * c, struct err * e) MUST_CHECK;
void settings_free(struct settings * c);

/**
 * settings_read_file(c, path, e):
 * Read an INI file.  Errors: config, naming file, line and key; unknown keys
 * and sections are errors.
 */
int settings_read_file(struct settings * c, const char * path, struct err * e)
    MUST_CHECK;

/** settings_section(name, len): What the keys of the section ${name} begin with
 * elsewhere ("" for [daemon]), or NULL: there is no such section. */
const char * settings_section(const char * name, size_t len);

/** settings_unknown(section, key, e): There is no ${key} in [${section}]; names the
 * nearest that is.  Return -1. */
int settings_unknown(const char * section, const char * key, struct err * e);

/** settings_read_env(c, e): Take MOLTLER_<KEY> from the environment, where KEY is
 * a setting's. */
int settings_read_env(struct settings * c, struct err * e) MUST_CHECK;

/**
 * settings_set(c, key, value, e): One setting, as in the file.
 * settings_set_from(c, from, key, value, e): The same; ${from} tells where it
 * stands, and begins the message of whatever is found wrong with it, now or later.
 * settings_blame(c, key, e): Begin ${e}'s message with where ${key} was set; -1.
 * settings_index(key): Its number, below SETTINGS_MAX, or -1.
 */
int settings_set(struct settings * c, const char * key, const char * value,
    struct err * e) MUST_CHECK;
int settings_set_from(struct settings * c, const char * from,
    const char * key, const char * value, struct err * e) MUST_CHECK;
int settings_blame(const struct settings * c, const char * key,
    struct err * e);
int settings_index(const char * key);

/**
 * settings_check(c, e):
 * Check what belongs together and read the token: TLS needs both files, an
 * address that is not loopback needs a token.
 */
int settings_check(struct settings * c, struct err * e) MUST_CHECK;

/** settings_read_token(c, e): Read token_file, if there is one, into c->token; at
 * an error the token stays as it was. */
int settings_read_token(struct settings * c, struct err * e) MUST_CHECK;

#endif
