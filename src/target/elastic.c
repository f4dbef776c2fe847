#include "target/elastic.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "secret/secret.h"
#include "target/elastic_internal.h"

#define BAD(e, ...) err_set((e), ERR_CONFIG, "bad_target", __VA_ARGS__)
#define INDEX_NAME_MAX 255

/* Where the host of a URL begins, or NULL. */
static const char *
host_of(const char * url)
{
	if (strncmp(url, "http://", 7) == 0)
		return (url + 7);
	if (strncmp(url, "https://", 8) == 0)
		return (url + 8);
	return (NULL);
}

static int
check_url(const char * url, struct err * e)
{
	const char * host = url != NULL ? host_of(url) : NULL, * p;

	if (host == NULL)
		return (err_set(e, ERR_CONFIG, "config", "the URL of "
		    "Elasticsearch must begin with http:// or https://"));
	/* Not shown: what stands before the @ is a password. */
	if (memchr(host, '@', strcspn(host, "/?#")) != NULL)
		return (err_set(e, ERR_CONFIG, "config", "the URL of "
		    "Elasticsearch holds credentials; give them as username "
		    "and password"));
	if (host[strcspn(host, "?#")] != '\0')
		return (err_set(e, ERR_CONFIG, "config", "the URL of "
		    "Elasticsearch has a query or fragment; give scheme, host, "
		    "port and at most a path"));
	for (p = host; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			break;
	if (*p != '\0' || *host == '\0' || *host == '/' || *host == ':')
		return (err_set(e, ERR_CONFIG, "config", "the URL of "
		    "Elasticsearch names no host: %.100s", url));
	return (0);
}

static int
is_loopback(const char * url)
{
	const char * h = host_of(url);

	return (strncmp(h, "127.", 4) == 0 || strncmp(h, "[::1]", 5) == 0 ||
	    (strncmp(h, "localhost", 9) == 0 && strchr(":/", h[9]) != NULL));
}

static int
copy(const char ** text)
{
	if (*text != NULL && (*text = strdup(*text)) == NULL)
		return (-1);
	return (0);
}

static void
wipe(const char * secret)
{
	char * p = (char *)(uintptr_t)secret;

	if (p != NULL)
		explicit_bzero(p, strlen(p));
	free(p);
}

/* Its credentials as JSON, if one of them has to be asked for. */
static int
make_refs(struct elastic * el)
{
	const char * t[3] = { el->o.api_key, el->o.username, el->o.password };
	json_t * v = json_array();
	size_t i, n = 0;

	for (i = 0; i < 3; i++)
		if (t[i] != NULL && secret_is_vault(t[i])) {
			n++;
			json_array_append_new(v, json_string(t[i]));
		}
	if (n > 0)
		el->refs = json_dumps(v, JSON_COMPACT);
	n = n > 0 && (json_array_size(v) != n || el->refs == NULL);
	json_decref(v);
	return (n > 0 ? -1 : 0);
}

struct elastic *
elastic_new(const struct elastic_opts * opts, struct err * e)
{
	struct elastic * el;
	char safe[512];
	char * end;
	int bad;

	if (check_url(opts->url, e))
		return (NULL);
	if (opts->api_key != NULL &&
	    (opts->username != NULL || opts->password != NULL)) {
		err_set(e, ERR_CONFIG, "config", "give either api_key or "
		    "username and password, not both");
		return (NULL);
	}
	if ((opts->username == NULL) != (opts->password == NULL)) {
		err_set(e, ERR_CONFIG, "config", "username and password belong "
		    "together: %s is missing",
		    opts->username == NULL ? "username" : "password");
		return (NULL);
	}
	if ((el = calloc(1, sizeof(*el))) == NULL) {
		err_nomem(e, "a cluster");
		return (NULL);
	}
	el->o = *opts;
	/* All of them, so that freeing frees only copies. */
	bad = copy(&el->o.url);
	bad |= copy(&el->o.api_key);
	bad |= copy(&el->o.username);
	bad |= copy(&el->o.password);
	bad |= copy(&el->o.ca_file);
	el->safe_url = strdup(http_url_safe(safe, sizeof(safe), opts->url));
	bad |= make_refs(el);
	if (bad || el->safe_url == NULL) {
		elastic_free(el);
		err_nomem(e, "a cluster");
		return (NULL);
	}
	end = (char *)(uintptr_t)el->o.url + strlen(el->o.url);
	while (end[-1] == '/')
		*--end = '\0';
	el->is_local = is_loopback(el->o.url);
	if (el->o.batch_bytes == 0)
		el->o.batch_bytes = (size_t)5 << 20;
	if (el->o.batch_rows == 0)
		el->o.batch_rows = 5000;
	if (el->o.retry_ms == 0)
		el->o.retry_ms = 300000;
	return (el);
}

void
elastic_free(struct elastic * el)
{
	if (el == NULL)
		return;
	free((char *)(uintptr_t)el->o.url);
	wipe(el->o.api_key);
	wipe(el->o.username);
	wipe(el->o.password);
	free((char *)(uintptr_t)el->o.ca_file);
	free(el->safe_url);
	free(el->refs);
	free(el);
}

const char *
elastic_url(const struct elastic * el)
{
	return (el->safe_url);
}

/* The first byte an index's name may not have, or NULL. */
static const char *
bad_byte(const char * s, int wild)
{
	const char * p, * star = NULL;

	for (p = s; *p != '\0'; p++) {
		if (*p == '*' && wild && star == NULL)
			star = p;
		else if ((unsigned char)*p <= ' ' || *p == 0x7f ||
		    strchr("\\/*?\"<>|,#:", *p) != NULL)
			return (p);
	}
	return (NULL);
}

int
elastic_index_ok(const char * s, int wild, struct err * e)
{
	const char * p;

	if (*s == '\0')
		return (BAD(e, "an index needs a name"));
	if (strlen(s) > INDEX_NAME_MAX)
		return (BAD(e, "an index's name has at most %d bytes, not %zu: "
		    "%.60s..", INDEX_NAME_MAX, strlen(s), s));
	if (utf8_check(s, strlen(s)) != strlen(s))
		return (BAD(e, "an index's name must be UTF-8"));
	for (p = s; *p != '\0'; p++)
		if (*p >= 'A' && *p <= 'Z')
			return (BAD(e, "index %s: the engine takes lower case "
			    "only; write %c instead of %c", s, *p + 32, *p));
	if (strchr("-_+", *s) != NULL)
		return (BAD(e, "index %s: a name may not begin with - _ or +; "
		    "begin with a letter or digit", s));
	if (strcmp(s, ".") == 0 || strcmp(s, "..") == 0)
		return (BAD(e, "an index may not be called %s", s));
	if ((p = bad_byte(s, wild)) == NULL)
		return (0);
	if (*p == '*')
		return (BAD(e, "index %s: %s", s, wild ? "one * at most stands "
		    "for the entity" : "* cannot be part of a name"));
	return (BAD(e, "index %s: the engine takes none of \\ / * ? \" < > | "
	    ", # : and no space; use letters, digits, - . and _", s));
}
