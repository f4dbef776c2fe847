#include "fake_vault.h"

#include <stdio.h>
#include <string.h>

struct fake_vault fake;
static char text[80000];

void
fake_vault_reset(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.token = "value-one";
	fake.key = "token";
	fake.wants = "value-one";
	fake.renewable = 1;
}

static const char *
header(const struct http_req * req, const char * name)
{
	size_t i, n = strlen(name);

	for (i = 0; req->headers != NULL && req->headers[i] != NULL; i++)
		if (strncmp(req->headers[i], name, n) == 0)
			return (req->headers[i] + n);
	return ("");
}

static void
service(const struct http_req * req, struct http_played * a)
{
	char want[128];

	fake.calls++;
	snprintf(fake.last, sizeof(fake.last), "%s%.*s",
	    header(req, "Authorization: "), (int)req->body_len,
	    req->body ? (const char *)req->body : "");
	snprintf(want, sizeof(want), "%s", fake.wants);
	a->status = strstr(fake.last, want) != NULL ? 200 : 401;
	snprintf(text, sizeof(text), a->status == 200 ? "{\"access_token\": "
	    "\"fetched\", \"expires_in\": 3600}" : "{\"message\": \"who is "
	    "%.200s\"}", fake.last);
	if (strstr(fake.last, "fetched") != NULL)
		a->status = 200;
}

static void
lease(struct http_played * a, unsigned n, int s)
{
	a->status = 200;
	snprintf(text, sizeof(text), "{\"auth\": {\"client_token\": \"s.tok%u\", "
	    "\"lease_duration\": %d, \"renewable\": %s}}", n, s,
	    fake.renewable ? "true" : "false");
}

static void
login(const struct http_req * req, struct http_played * a)
{
	char body[512];

	snprintf(body, sizeof(body), "%.*s", (int)req->body_len,
	    (const char *)req->body);
	fake.logins++;
	if (strcmp(body, "{\"role_id\":\"role\",\"secret_id\":\"sid-of-vault\"}")
	    == 0 && fake.cites == NULL) {
		fake.is_void = 0;
		lease(a, fake.logins, fake.lease_s);
		return;
	}
	a->status = 400;
	snprintf(text, sizeof(text), "{\"errors\": [\"%s\"]}", fake.cites ?
	    fake.cites : "invalid role or secret ID");
}

static void
read_path(const char * path, struct http_played * a)
{
	int v2 = strncmp(path, "secret/data/app", 15) == 0;

	fake.reads++;
	a->status = fake.denies ? 403 : v2 || strcmp(path, "old/app") == 0 ?
	    200 : 404;
	if (a->status == 403)
		snprintf(text, sizeof(text), "{\"errors\": [\"1 error occurred:"
		    "\\n\\t* permission denied\\n\\n\"]}");
	else if (a->status == 404)
		snprintf(text, sizeof(text), fake.is_astray ? "<html>no" :
		    "{\"errors\": []}");
	else if (fake.is_large)
		snprintf(text, sizeof(text), "{\"data\": {\"data\": {\"token\": "
		    "\"value-one\", \"large\": \"%070000d\"}}}", 7);
	else if (fake.whole != NULL)
		snprintf(text, sizeof(text), "%s", fake.whole);
	else
		snprintf(text, sizeof(text), "{\"lease_duration\": %d, \"data\": "
		    "%s{\"%s\": \"%s\", \"n\": 5, \"o\": {\"a\": true}, \"none\": "
		    "null, \"empty\": \"\"}%s}", fake.data_lease_s, v2 ?
		    "{\"data\": " : "", fake.key, fake.token, v2 ? "}" : "");
}

static void
about_mount(const char * path, struct http_played * a)
{
	fake.mounts++;
	a->status = fake.no_mounts ? 404 : 200;
	if (fake.no_mounts)
		snprintf(text, sizeof(text), "{\"errors\": []}");
	else if (strncmp(path, "old/", 4) == 0)
		snprintf(text, sizeof(text), "{\"data\": {\"path\": \"old/\", "
		    "\"type\": \"kv\", \"options\": null}}");
	else if (strncmp(path, "pki/", 4) == 0)
		snprintf(text, sizeof(text), "{\"data\": {\"path\": \"pki/\", "
		    "\"type\": \"pki\"}}");
	else
		snprintf(text, sizeof(text), "{\"data\": {\"path\": \"secret/\", "
		    "\"type\": \"kv\", \"options\": {\"version\": \"2\"}}}");
}

static void
vault(const struct http_req * req, struct http_played * a)
{
	const char * path = req->url + strlen("http://vault.test/v1/");
	char good[32];

	snprintf(fake.ns, sizeof(fake.ns), "%s",
	    header(req, "X-Vault-Namespace: "));
	if (fake.is_sealed) {
		a->status = 503;
		snprintf(text, sizeof(text),
		    "{\"errors\": [\"Vault is sealed\"]}");
		return;
	}
	if (strcmp(path, "auth/approle/login") == 0) {
		login(req, a);
		return;
	}
	snprintf(good, sizeof(good), "s.tok%u", fake.logins);
	fake.lookups += strcmp(path, "auth/token/lookup-self") == 0;
	fake.renewals += strcmp(path, "auth/token/renew-self") == 0;
	if (fake.is_void || strcmp(header(req, "X-Vault-Token: "), good) != 0) {
		a->status = 403;
		snprintf(text, sizeof(text),
		    "{\"errors\": [\"permission denied\"]}");
	} else if (strcmp(path, "auth/token/lookup-self") == 0) {
		a->status = 200;
		snprintf(text, sizeof(text), "{\"data\": {\"ttl\": %d, "
		    "\"creation_ttl\": %d, \"renewable\": %s}}", fake.lease_s,
		    fake.lease_s, fake.renewable ? "true" : "false");
	} else if (strcmp(path, "auth/token/renew-self") == 0) {
		lease(a, fake.logins, fake.renewed_s);
		if (fake.renewed_s < 0)
			a->status = 400;
	} else if (strncmp(path, "sys/internal/ui/mounts/", 23) == 0) {
		about_mount(path + 23, a);
	} else {
		read_path(path, a);
	}
}

int
fake_vault_play(void * arg, const struct http_req * req,
    struct http_played * a, struct err * e)
{
	(void)arg;
	memset(a, 0, sizeof(*a));
	if (strncmp(req->url, "http://vault.test/v1/", 21) == 0) {
		if (fake.is_down)
			return (err_set(e, ERR_TRANSIENT, "connect", "%s: "
			    "connection refused", req->url));
		vault(req, a);
	} else {
		service(req, a);
	}
	a->body = text;
	a->body_len = strlen(text);
	return (0);
}
