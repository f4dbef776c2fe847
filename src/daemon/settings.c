#include "daemon/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/json.h"
#include "base/log.h"

#define BAD(e, ...) err_set((e), ERR_CONFIG, "config", __VA_ARGS__)

enum kind { STRING, SECRET, COUNT, BYTES, DURATION, LEVEL, FORMAT, SWITCH };

/* What keys of the other sections begin with elsewhere. */
#define ELASTIC "elasticsearch_"
#define VAULT "vault_"
static const char * const sections[] = { ELASTIC, VAULT };
#define NSECTIONS (sizeof(sections) / sizeof(sections[0]))

static const struct setting {
	const char * key;
	enum kind kind;
	size_t at;
	const char * dflt; /* NULL: not set */
	int64_t min, max;
} table[] = {
#define AT(field) offsetof(struct settings, field)
	{ "data_dir", STRING, AT(data_dir), NULL, 0, 0 },
	{ "listen", STRING, AT(listen), "127.0.0.1:8080", 0, 0 },
	{ "unix_socket", STRING, AT(unix_socket), NULL, 0, 0 },
	{ "unix_socket_mode", STRING, AT(unix_socket_mode), "0660", 0, 0 },
	{ "redis", STRING, AT(redis), NULL, 0, 0 },
	{ "connectors", STRING, AT(connectors), NULL, 0, 0 },
	{ "types_dir", STRING, AT(types_dir), PKGDATADIR "/connectors", 0, 0 },
	{ "env_file", STRING, AT(env_file), NULL, 0, 0 },
	{ "log_level", LEVEL, AT(log_level), "info", 0, 0 },
	{ "log_format", FORMAT, AT(log_format), "json", 0, 0 },
	{ "token_file", STRING, AT(token_file), NULL, 0, 0 },
	{ "master_key_file", STRING, AT(master_key_file), NULL, 0, 0 },
	{ "tls_cert", STRING, AT(tls_cert), NULL, 0, 0 },
	{ "tls_key", STRING, AT(tls_key), NULL, 0, 0 },
	{ "hosts", STRING, AT(hosts), NULL, 0, 0 },
	{ "egress_deny", STRING, AT(egress_deny),
	    "169.254.0.0/16, fe80::/10", 0, 0 },
	{ "max_connections", COUNT, AT(max_connections), "1024", 1, 65535 },
	{ "max_body", BYTES, AT(max_body), "1m", 1024, 64 << 20 },
	{ "max_requests", COUNT, AT(max_requests), "256", 1, 10000 },
	{ "query_deadline", DURATION, AT(query_deadline_ms), "60s",
	    1000, 86400000 },
	{ "query_memory", BYTES, AT(query_memory), "64m", 1 << 20,
	    INT64_C(1) << 34 },
	{ "lease", DURATION, AT(lease_ms), "30s", 1000, 600000 },
	{ ELASTIC "url", STRING, AT(elastic_url), NULL, 0, 0 },
	{ ELASTIC "api_key", SECRET, AT(elastic_api_key), NULL, 0, 0 },
	{ ELASTIC "username", STRING, AT(elastic_username), NULL, 0, 0 },
	{ ELASTIC "password", SECRET, AT(elastic_password), NULL, 0, 0 },
	{ ELASTIC "ca_file", STRING, AT(elastic_ca_file), NULL, 0, 0 },
	{ ELASTIC "gzip", SWITCH, AT(elastic_gzip), "auto", 0, 0 },
	{ ELASTIC "batch_bytes", BYTES, AT(elastic_batch_bytes), "5m",
	    4096, 64 << 20 },
	{ ELASTIC "batch_rows", COUNT, AT(elastic_batch_rows), "5000",
	    1, 100000 },
	{ ELASTIC "retry", DURATION, AT(elastic_retry_ms), "5m",
	    1000, 86400000 },
	{ VAULT "url", STRING, AT(vault_url), NULL, 0, 0 },
	{ VAULT "token", SECRET, AT(vault_token), NULL, 0, 0 },
	{ VAULT "token_file", STRING, AT(vault_token_file), NULL, 0, 0 },
	{ VAULT "role_id", STRING, AT(vault_role_id), NULL, 0, 0 },
	{ VAULT "secret_id", SECRET, AT(vault_secret_id), NULL, 0, 0 },
	{ VAULT "secret_id_file", STRING, AT(vault_secret_id_file), NULL, 0,
	    0 },
	{ VAULT "auth_path", STRING, AT(vault_auth_path), "approle", 0, 0 },
	{ VAULT "namespace", STRING, AT(vault_namespace), NULL, 0, 0 },
	{ VAULT "ca_file", STRING, AT(vault_ca_file), NULL, 0, 0 },
	{ VAULT "cache", DURATION, AT(vault_cache_ms), "5m", 1000, 86400000 },
};
#define NSETTINGS (sizeof(table) / sizeof(table[0]))
_Static_assert(NSETTINGS <= SETTINGS_MAX, "c->from has a place for each");

static char **
string_at(struct settings * c, const struct setting * s)
{
	return ((char **)(void *)((char *)c + s->at));
}

static int64_t *
number_at(struct settings * c, const struct setting * s)
{
	return ((int64_t *)(void *)((char *)c + s->at));
}

/* "1048576", "1024k", "64M", "1G": bytes. */
static int
parse_number(const char * v, int bytes, int64_t * out)
{
	char * end;
	long long n;
	int shift = 0;

	errno = 0;
	n = strtoll(v, &end, 10);
	if (end == v || errno != 0 || n < 0)
		return (-1);
	if (bytes && *end != '\0') {
		switch (tolower((unsigned char)*end++)) {
		case 'k':
			shift = 10;
			break;
		case 'm':
			shift = 20;
			break;
		case 'g':
			shift = 30;
			break;
		default:
			return (-1);
		}
	}
	if (*end != '\0' || n > INT64_MAX >> shift)
		return (-1);
	*out = (int64_t)n << shift;
	return (0);
}

static int
set_number(struct settings * c, const struct setting * s, const char * v,
    struct err * e)
{
	struct err why;
	int64_t n;

	if (s->kind == DURATION) {
		if (duration_parse(v, strlen(v), &n, &why))
			return (BAD(e, "%s: %s", s->key, why.msg));
	} else if (parse_number(v, s->kind == BYTES, &n)) {
		return (BAD(e, "%s must be a number%s, not '%.64s'", s->key,
		    s->kind == BYTES ? " of bytes (k, M and G may follow)" : "",
		    v));
	}
	if (n < s->min || n > s->max)
		return (BAD(e, "%s must be from %lld to %lld%s, not '%.64s'",
		    s->key, (long long)s->min, (long long)s->max,
		    s->kind == DURATION ? " ms" : "", v));
	*number_at(c, s) = n;
	return (0);
}

static void
drop_string(struct settings * c, const struct setting * s)
{
	char ** p = string_at(c, s);

	if (s->kind == SECRET && *p != NULL)
		explicit_bzero(*p, strlen(*p));
	free(*p);
	*p = NULL;
}

static int
set_one(struct settings * c, const struct setting * s, const char * v,
    struct err * e)
{
	enum log_level level;
	char * copy;

	if (s->kind == COUNT || s->kind == BYTES || s->kind == DURATION)
		return (set_number(c, s, v, e));
	if (s->kind == LEVEL && log_level_parse(v, &level))
		return (BAD(e, "%s must be debug, info, warn or error, not "
		    "'%.64s'", s->key, v));
	if (s->kind == FORMAT && strcmp(v, "json") != 0 &&
	    strcmp(v, "text") != 0)
		return (BAD(e, "%s must be json or text, not '%.64s'", s->key,
		    v));
	if (s->kind == SWITCH && strcmp(v, "auto") != 0 &&
	    strcmp(v, "on") != 0 && strcmp(v, "off") != 0)
		return (BAD(e, "%s must be auto, on or off, not '%.64s'",
		    s->key, v));
	if ((copy = strdup(v)) == NULL)
		return (err_nomem(e, "the configuration"));
	drop_string(c, s);
	*string_at(c, s) = copy;
	return (0);
}

static const struct setting *
find(const char * key)
{
	size_t i;

	for (i = 0; i < NSETTINGS; i++)
		if (strcmp(table[i].key, key) == 0)
			return (&table[i]);
	return (NULL);
}

int
settings_index(const char * key)
{
	const struct setting * s = find(key);

	return (s ? (int)(s - table) : -1);
}

int
settings_blame(const struct settings * c, const char * key, struct err * e)
{
	const char * from = c->from[settings_index(key)];

	return (from != NULL ? err_prefix(e, "%s", from) : -1);
}

const char *
settings_section(const char * name, size_t len)
{
	size_t i;

	for (i = 0; i < NSECTIONS; i++)
		if (strlen(sections[i]) == len + 1 &&
		    strncmp(sections[i], name, len) == 0)
			return (sections[i]);
	return (len == 6 && strncmp(name, "daemon", 6) == 0 ? "" : NULL);
}

/* The section that a key belongs to, as above. */
static const char *
section_of(const char * key)
{
	size_t i;

	for (i = 0; i < NSECTIONS; i++)
		if (strncmp(key, sections[i], strlen(sections[i])) == 0)
			return (sections[i]);
	return ("");
}

int
settings_unknown(const char * section, const char * key, struct err * e)
{
	const char * names[NSETTINGS], * near, * head;
	size_t i, n = 0;

	head = settings_section(section, strlen(section));
	if (head == NULL)
		head = "";
	for (i = 0; i < NSETTINGS; i++)
		if (strcmp(section_of(table[i].key), head) == 0)
			names[n++] = table[i].key + strlen(head);
	near = json_nearest(key, names, n);
	return (BAD(e, "unknown key '%.64s'%s%s%s%s%s%s", key,
	    *head ? " in [" : "", *head ? section : "", *head ? "]" : "",
	    near ? " (did you mean '" : "", near ? near : "",
	    near ? "'?)" : ""));
}

int
settings_set_from(struct settings * c, const char * from, const char * key,
    const char * value, struct err * e)
{
	int i = settings_index(key);
	char * copy;

	if (settings_set(c, key, value, e))
		return (err_prefix(e, "%s", from));
	if ((copy = strdup(from)) == NULL)
		return (err_nomem(e, "the configuration"));
	free(c->from[i]);
	c->from[i] = copy;
	return (0);
}

int
settings_set(struct settings * c, const char * key, const char * value,
    struct err * e)
{
	const struct setting * s = find(key);

	return (s != NULL ? set_one(c, s, value, e) :
	    settings_unknown("daemon", key, e));
}

/* The system's place for root, else the person's own. */
static int
default_data_dir(struct settings * c, struct err * e)
{
	const char * home = getenv("HOME");
	char path[1024];

	if (geteuid() == 0 || home == NULL || *home != '/')
		return (settings_set(c, "data_dir", "/var/lib/moltler", e));
	snprintf(path, sizeof(path), "%s/.local/share/moltler", home);
	return (settings_set(c, "data_dir", path, e));
}

int
settings_init(struct settings * c, struct err * e)
{
	size_t i;

	memset(c, 0, sizeof(*c));
	for (i = 0; i < NSETTINGS; i++)
		if (table[i].dflt != NULL &&
		    set_one(c, &table[i], table[i].dflt, e))
			return (-1);
	return (default_data_dir(c, e));
}

void
settings_free(struct settings * c)
{
	size_t i;

	for (i = 0; i < NSETTINGS; i++)
		if (table[i].kind != COUNT && table[i].kind != BYTES &&
		    table[i].kind != DURATION)
			drop_string(c, &table[i]);
	for (i = 0; i < NSETTINGS; i++)
		free(c->from[i]);
	if (c->token != NULL)
		explicit_bzero(c->token, strlen(c->token));
	free(c->token);
	if (c->master_key != NULL)
		explicit_bzero(c->master_key, strlen(c->master_key));
	free(c->master_key);
	memset(c, 0, sizeof(*c));
}
