#include "daemon/settings_vault.h"

#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "secret/secret.h"

/* Fill ${o} from [vault], but for what is no setting; texts are borrowed.  0 if
 * there is none. */
static int
read_opts(const struct settings * c, struct vault_opts * o)
{
	memset(o, 0, sizeof(*o));
	if (c->vault_url == NULL)
		return (0);
	o->url = c->vault_url;
	o->token = c->vault_token;
	o->token_file = c->vault_token_file;
	o->role_id = c->vault_role_id;
	o->secret_id = c->vault_secret_id;
	o->secret_id_file = c->vault_secret_id_file;
	o->auth_path = c->vault_auth_path;
	o->ns = c->vault_namespace;
	o->ca_file = c->vault_ca_file;
	o->cache_ms = c->vault_cache_ms;
	return (1);
}

int
settings_vault_open(const struct settings * c, struct loop * loop,
    struct http * http, struct secrets * secrets, struct vault ** v,
    struct err * e)
{
	struct vault_opts o;

	if (!read_opts(c, &o))
		return (0);
	o.loop = loop;
	o.http = http;
	o.secrets = secrets;
	if ((*v = vault_new(&o, e)) == NULL)
		return (-1);
	secrets_vault(secrets, *v);
	return (0);
}

/* A file that others can read is nobody's secret. */
static int
check_file(const struct settings * c, const char * key, const char * path,
    struct err * e)
{
	struct buf b = BUF_INIT(VAULT_TOKEN_MAX);
	int rc;

	if (path == NULL)
		return (0);
	rc = vault_secret_file(path, &b, e);
	buf_wipe(&b);
	if (rc == 0)
		return (0);
	err_prefix(e, "[vault] %s", key + strlen("vault_"));
	return (settings_blame(c, key, e));
}

int
settings_vault_check(const struct settings * c, struct err * e)
{
	static const char * const more[] = { "vault_token", "vault_token_file",
	    "vault_role_id", "vault_secret_id", "vault_secret_id_file",
	    "vault_auth_path", "vault_namespace", "vault_ca_file",
	    "vault_cache" };
	struct vault_opts o;
	struct vault * v;
	size_t i;

	if (read_opts(c, &o)) {
		/* Making one asks nobody. */
		if ((v = vault_new(&o, e)) == NULL) {
			err_prefix(e, "[vault]");
			return (settings_blame(c, "vault_url", e));
		}
		vault_free(v);
		/* The token's may be put there later, by an agent that has to
		 * ask Vault for it first. */
		if (o.token_file != NULL && access(o.token_file, F_OK) == 0 &&
		    check_file(c, "vault_token_file", o.token_file, e))
			return (-1);
		return (check_file(c, "vault_secret_id_file", o.secret_id_file,
		    e));
	}
	for (i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		if (c->from[settings_index(more[i])] != NULL) {
			err_set(e, ERR_CONFIG, "config", "[vault] has no url: "
			    "say where it is, such as url = "
			    "https://vault.example.org:8200");
			return (settings_blame(c, more[i], e));
		}
	return (0);
}
