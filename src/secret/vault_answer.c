#include "secret/vault_answer.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define BAD(e, ...) err_set((e), ERR_PERMANENT, "vault", __VA_ARGS__)
#define NAME_MAX_LEN 512
#define LIVES_MAX_S INT64_C(3153600000)

/* ---- references ---- */

/* No segment may be empty, or lead elsewhere. */
static int
path_ok(const char * p)
{
	size_t n, parts;

	for (parts = 1;; parts++, p += n + 1) {
		n = strcspn(p, "/");
		if (n == 0 || (n == 1 && p[0] == '.') ||
		    (n == 2 && p[0] == '.' && p[1] == '.'))
			return (0);
		if (p[n] == '\0')
			return (parts >= 2);
	}
}

int
vault_ref_split(const char * ref, char * path, const char ** key,
    struct err * e)
{
	const char * p = ref + 6, * hash, * c;

	hash = strncmp(ref, "vault:", 6) == 0 ? strchr(p, '#') : NULL;
	if (hash == NULL || hash == p || hash[1] == '\0')
		return (err_set(e, ERR_CONFIG, "secret", "what is given is no "
		    "reference to a secret"));
	if ((size_t)(hash - p) >= VAULT_REF_MAX || strlen(hash) > NAME_MAX_LEN)
		return (err_set(e, ERR_CONFIG, "secret", "%.60s...: a path of "
		    "Vault has at most %d bytes, a key %d", ref,
		    VAULT_REF_MAX - 1, NAME_MAX_LEN - 1));
	memcpy(path, p, (size_t)(hash - p));
	path[hash - p] = '\0';
	for (c = path; *c != '\0' && !iscntrl((unsigned char)*c); c++)
		continue;
	if (*c != '\0' || !path_ok(path))
		return (err_set(e, ERR_CONFIG, "secret", "%.200s: a path of "
		    "Vault is MOUNT/NAME, as in vault:secret/app#token, without "
		    "empty parts, '.' or '..'", ref));
	*key = hash + 1;
	return (0);
}

/* ---- answers ---- */

static json_t *
parse(const char * p, size_t n, struct err * e)
{
	json_t * v = json_parse(p, n, "Vault's answer", e);

	if (v != NULL && !json_is_object(v)) {
		json_decref(v);
		v = NULL;
		BAD(e, "Vault's answer is no object");
	}
	if (v == NULL)
		(void)snprintf(e->code, sizeof(e->code), "vault");
	return (v);
}

int
vault_answer_mount(const char * p, size_t n, const char * path,
    struct vault_mount * m, struct err * e)
{
	json_t * v = parse(p, n, e), * data;
	const char * mount, * type, * version;
	int rc = 0;

	if (v == NULL)
		return (-1);
	data = json_object_get(v, "data");
	mount = json_str(data, "path");
	type = json_str(data, "type");
	version = json_str(json_object_get(data, "options"), "version");
	if (mount == NULL || type == NULL)
		rc = BAD(e, "Vault's answer about a mount has no path or no "
		    "type");
	else if (strcmp(type, "kv") != 0 && strcmp(type, "generic") != 0)
		rc = err_set(e, ERR_CONFIG, "secret", "'%.100s' is of the type "
		    "%.40s, which holds no keys and values (kv)", mount, type);
	else if ((m->len = strlen(mount)) == 0 ||
	    strncmp(path, mount, m->len) != 0 || path[m->len] == '\0')
		rc = err_set(e, ERR_CONFIG, "secret", "the path must go on "
		    "behind the mount '%.100s'", mount);
	m->version = version != NULL && strcmp(version, "2") == 0 ? 2 : 1;
	json_decref(v);
	return (rc);
}

/* Seconds as milliseconds; never less than none, nor more than a century. */
static int64_t
lives(const json_t * o, const char * key)
{
	json_int_t s = json_int(o, key, 0);

	return (s <= 0 ? 0 : s > LIVES_MAX_S ? LIVES_MAX_S * 1000 :
	    (int64_t)s * 1000);
}

int
vault_answer_lease(const char * p, size_t n, int is_lookup,
    struct vault_lease * l, struct err * e)
{
	json_t * v = parse(p, n, e), * o;
	const char * token;
	int rc = 0;

	memset(l, 0, sizeof(*l));
	if (v == NULL)
		return (-1);
	o = json_object_get(v, is_lookup ? "data" : "auth");
	token = is_lookup ? NULL : json_str(o, "client_token");
	if (!json_is_object(o) || (!is_lookup && (token == NULL ||
	    token[strcspn(token, "\r\n")] != '\0')))
		rc = BAD(e, "Vault's answer has no %s", is_lookup ?
		    "data about the token" : "auth.client_token");
	else if (token != NULL && (l->token = strdup(token)) == NULL)
		rc = err_nomem(e, "a token");
	l->lives_ms = lives(o, is_lookup ? "ttl" : "lease_duration");
	l->first_ms = is_lookup ? lives(o, "creation_ttl") : l->lives_ms;
	/* Its last second is no "never". */
	if (is_lookup && l->lives_ms == 0 && l->first_ms > 0)
		l->lives_ms = 500;
	l->renewable = json_is_true(json_object_get(o, "renewable"));
	json_decref(v);
	return (rc);
}

static int
one_value(const char * key, const json_t * v, int (*each)(void *,
    const char *, const char *, size_t, struct err *), void * arg,
    struct err * e)
{
	char * text;
	int rc;

	if (json_is_null(v))
		return (0);
	if (json_is_string(v))
		return (each(arg, key, json_string_value(v),
		    json_string_length(v), e));
	if ((text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT)) == NULL)
		return (err_nomem(e, "a secret"));
	rc = each(arg, key, text, strlen(text), e);
	explicit_bzero(text, strlen(text));
	free(text);
	return (rc);
}

int
vault_answer_data(const char * p, size_t n, int version, int (*each)(void *,
    const char *, const char *, size_t, struct err *), void * arg,
    int64_t * lives_ms, struct err * e)
{
	json_t * v = parse(p, n, e), * data, * sub;
	const char * key;
	int rc = 0;

	if (v == NULL)
		return (-1);
	*lives_ms = lives(v, "lease_duration");
	data = json_object_get(v, "data");
	if (version == 2) {
		sub = json_object_get(data, "data");
		if (json_is_null(sub) && json_object_get(data, "metadata"))
			rc = err_set(e, ERR_CONFIG, "secret", "the secret was "
			    "deleted in Vault");
		data = sub;
	}
	if (rc == 0 && !json_is_object(data))
		rc = BAD(e, "Vault's answer has no data%s", version == 2 ?
		    ".data" : "");
	else if (rc == 0 && json_object_size(data) > VAULT_KEYS_MAX)
		rc = err_set(e, ERR_CONFIG, "secret", "the secret has more than "
		    "%d keys", VAULT_KEYS_MAX);
	if (rc == 0)
		json_object_foreach(data, key, sub)
			if ((rc = one_value(key, sub, each, arg, e)) != 0)
				break;
	json_decref(v);
	return (rc);
}

int
vault_answer_is_one(const char * p, size_t n)
{
	json_t * v = p == NULL ? NULL : json_loadb(p, n, 0, NULL);
	int is_one = json_is_array(json_object_get(v, "errors")) ||
	    json_object_get(v, "data") != NULL;

	json_decref(v);
	return (is_one);
}

void
vault_answer_words(const char * p, size_t n, char * out, size_t max)
{
	json_t * v = p == NULL ? NULL : json_loadb(p, n, 0, NULL);
	const char * s = json_string_value(json_array_get(json_object_get(v,
	    "errors"), 0)), * star;

	*out = '\0';
	/* "1 error occurred:\n\t* permission denied\n\n" */
	if (s != NULL && (star = strstr(s, "\n\t* ")) != NULL)
		s = star + 4;
	if (s != NULL && *s != '\0')
		(void)snprintf(out, max, ": %.*s", (int)strcspn(s, "\r\n"), s);
	json_decref(v);
}
