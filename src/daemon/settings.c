#include "daemon/settings.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/json.h"
#include "base/log.h"
#include "conn/secret_key.h"
#include "daemon/settings_elastic.h"
#include "daemon/settings_vault.h"

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

#define TOKEN_RULE "must be 16 to 512 printable characters without space; " \
	"make one with: openssl rand -hex 32"

static int
token_ok(const char * s)
{
	size_t n;

	for (n = 0; s[n] != '\0'; n++)
		if (s[n] <= ' ' || s[n] > '~')
			return (0);
	return (n >= 16 && n <= 512);
}

int
settings_read_token(struct settings * c, struct err * e)
{
	char line[4096];
	size_t n = 0;
	struct stat st;
	char * copy;
	FILE * f;

	if (c->token_file == NULL)
		return (0);
	if ((f = fopen(c->token_file, "re")) == NULL ||
	    fstat(fileno(f), &st) != 0) {
		BAD(e, "token_file: cannot read %s: %s", c->token_file,
		    strerror(errno));
		if (f != NULL)
			fclose(f);
		return (-1);
	}
	if (st.st_mode & (S_IROTH | S_IWOTH)) {
		fclose(f);
		return (BAD(e, "token_file: others may read %s; chmod 600 it",
		    c->token_file));
	}
	if (fgets(line, sizeof(line), f) != NULL)
		n = strcspn(line, "\r\n");
	fclose(f);
	line[n] = '\0';
	if (!token_ok(line)) {
		explicit_bzero(line, sizeof(line));
		return (BAD(e, "token_file: the first line of %s " TOKEN_RULE,
		    c->token_file));
	}
	copy = strdup(line);
	explicit_bzero(line, sizeof(line));
	if (copy == NULL)
		return (err_nomem(e, "the token"));
	free(c->token);
	c->token = copy;
	return (0);
}

static int
parse_listen(struct settings * c, struct err * e)
{
	const char * s = c->listen, * colon = strrchr(s, ':'), * a = s;
	unsigned char ip[16];
	char * end;
	size_t n;
	long port;

	c->listen_port = -1;
	c->is_loopback = 1;
	if (strcmp(s, "none") == 0)
		return (0);
	n = colon ? (size_t)(colon - s) : 0;
	if (n >= 2 && s[0] == '[' && s[n - 1] == ']') {
		a++;
		n -= 2;
	}
	if (n == 0 || n >= sizeof(c->listen_addr))
		return (BAD(e, "listen must be ADDR:PORT, [ADDR]:PORT or none, "
		    "not '%.64s'", s));
	memcpy(c->listen_addr, a, n);
	c->listen_addr[n] = '\0';
	/* ::1:80 would be two addresses. */
	if (a == s && strchr(c->listen_addr, ':') != NULL)
		return (BAD(e, "listen: an IPv6 address stands in brackets: "
		    "[%.60s]:%.5s", c->listen_addr, colon + 1));
	if (strcmp(c->listen_addr, "localhost") == 0)
		strcpy(c->listen_addr, "127.0.0.1");
	port = strtol(colon + 1, &end, 10);
	if (colon[1] == '\0' || *end != '\0' || port < 0 || port > 65535)
		return (BAD(e, "listen: '%.64s' is no port (0 to 65535)",
		    colon + 1));
	c->listen_port = (int)port;
	if (inet_pton(AF_INET, c->listen_addr, ip) == 1)
		c->is_loopback = ip[0] == 127;
	else if (inet_pton(AF_INET6, c->listen_addr, ip) == 1)
		c->is_loopback = memcmp(ip, &in6addr_loopback, 16) == 0;
	else
		return (BAD(e, "listen: '%.64s' is no IP address",
		    c->listen_addr));
	return (0);
}

static int
check_socket_mode(const struct settings * c, struct err * e)
{
	const char * s = c->unix_socket_mode;
	char * end;
	long mode;

	mode = strtol(s, &end, 8);
	if (!isdigit((unsigned char)*s) || *end != '\0' || mode > 0777)
		return (BAD(e, "unix_socket_mode must be an octal mode such as "
		    "0660, not '%.16s'", s));
	return (0);
}

/* That a file which is named can be read; its contents are others' to judge. */
static int
check_readable(const struct settings * c, const char * key, const char * path,
    struct err * e)
{
	if (path == NULL || access(path, R_OK) == 0)
		return (0);
	BAD(e, "%s: cannot read %s: %s", key, path, strerror(errno));
	return (settings_blame(c, key, e));
}

/* A key that does not do is said now, not at the first secret. */
static int
check_master_key(const struct settings * c, struct err * e)
{
	struct secret_key key;
	int rc;

	if (c->master_key != NULL) {
		rc = secret_key_parse(c->master_key, &key, e);
		secret_box_wipe(&key);
		return (rc ? err_prefix(e, "MOLTLER_MASTER_KEY") : 0);
	}
	if (c->master_key_file == NULL)
		return (0);
	rc = secret_key_read(c->master_key_file, &key, e);
	secret_box_wipe(&key);
	if (rc > 0)
		rc = BAD(e, "there is no %s; make one with: (umask 077; "
		    "openssl rand -hex 32 > FILE)", c->master_key_file);
	if (rc == 0)
		return (0);
	err_prefix(e, "master_key_file");
	return (settings_blame(c, "master_key_file", e));
}

int
settings_check(struct settings * c, struct err * e)
{
	const char * half;

	if (parse_listen(c, e))
		return (settings_blame(c, "listen", e));
	if (settings_read_token(c, e))
		return (settings_blame(c, "token_file", e));
	if (c->token != NULL && !token_ok(c->token))
		return (BAD(e, "MOLTLER_TOKEN " TOKEN_RULE));
	if ((c->tls_cert == NULL) != (c->tls_key == NULL)) {
		half = c->tls_cert ? "tls_cert" : "tls_key";
		BAD(e, "tls_cert and tls_key belong together: %s is missing",
		    c->tls_cert ? "tls_key" : "tls_cert");
		return (settings_blame(c, half, e));
	}
	if (!c->is_loopback && c->token == NULL) {
		BAD(e, "listen %s is not a loopback address: set a token with "
		    "token_file or MOLTLER_TOKEN, or listen on 127.0.0.1",
		    c->listen);
		return (settings_blame(c, "listen", e));
	}
	if (check_socket_mode(c, e))
		return (settings_blame(c, "unix_socket_mode", e));
	if (c->listen_port < 0 && c->unix_socket == NULL) {
		BAD(e, "listen is none and there is no unix_socket: nobody "
		    "could ask");
		return (settings_blame(c, "listen", e));
	}
	return (check_master_key(c, e) ||
	    check_readable(c, "env_file", c->env_file, e) ||
	    check_readable(c, "tls_cert", c->tls_cert, e) ||
	    check_readable(c, "tls_key", c->tls_key, e) ||
	    check_readable(c, ELASTIC "ca_file", c->elastic_ca_file, e) ||
	    check_readable(c, VAULT "ca_file", c->vault_ca_file, e) ||
	    settings_elastic_check(c, e) || settings_vault_check(c, e) ? -1 :
	    0);
}
