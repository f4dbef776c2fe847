/* What belongs together, and what settings name: addresses, files, keys. */
#include "daemon/settings.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/settings_elastic.h"
#include "daemon/settings_vault.h"
#include "secret/secret_key.h"

#define BAD(e, ...) err_set((e), ERR_CONFIG, "config", __VA_ARGS__)

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
	    check_readable(c, "elasticsearch_ca_file", c->elastic_ca_file,
	    e) ||
	    check_readable(c, "vault_ca_file", c->vault_ca_file, e) ||
	    settings_elastic_check(c, e) || settings_vault_check(c, e) ? -1 :
	    0);
}
