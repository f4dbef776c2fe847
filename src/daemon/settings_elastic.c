#include "daemon/settings_elastic.h"

#include <string.h>

int
settings_elastic(const struct settings * c, struct elastic_opts * o)
{
	memset(o, 0, sizeof(*o));
	if (c->elastic_url == NULL)
		return (0);
	o->url = c->elastic_url;
	o->api_key = c->elastic_api_key;
	o->username = c->elastic_username;
	o->password = c->elastic_password;
	o->ca_file = c->elastic_ca_file;
	o->gzip = strcmp(c->elastic_gzip, "on") == 0 ? ELASTIC_GZIP_ON :
	    strcmp(c->elastic_gzip, "off") == 0 ? ELASTIC_GZIP_OFF :
	    ELASTIC_GZIP_AUTO;
	o->batch_bytes = (size_t)c->elastic_batch_bytes;
	o->batch_rows = (size_t)c->elastic_batch_rows;
	o->retry_ms = c->elastic_retry_ms;
	return (1);
}

int
settings_elastic_check(const struct settings * c, struct err * e)
{
	static const char * const more[] = { "elasticsearch_api_key",
	    "elasticsearch_username", "elasticsearch_password",
	    "elasticsearch_ca_file" };
	struct elastic_opts o;
	struct elastic * el;
	size_t i;

	if (settings_elastic(c, &o)) {
		/* Making one asks nobody. */
		if ((el = elastic_new(&o, e)) == NULL) {
			err_prefix(e, "[elasticsearch]");
			return (settings_blame(c, "elasticsearch_url", e));
		}
		elastic_free(el);
		return (0);
	}
	for (i = 0; i < sizeof(more) / sizeof(more[0]); i++)
		if (c->from[settings_index(more[i])] != NULL) {
			err_set(e, ERR_CONFIG, "config", "[elasticsearch] has "
			    "no url: say where it is, such as url = "
			    "https://es.example.org:9200");
			return (settings_blame(c, more[i], e));
		}
	return (0);
}
