#include "conn/connector.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/duration.h"
#include "base/json.h"
#include "manifest/manifest_schema.h"

#define CACHE_TTL_MS 300000
#define MAX_FILE 4095

#define BAD(e, ...) err_set((e), ERR_CONFIG, "bad_options", __VA_ARGS__)

/* Options that hold a number, with their bounds. */
static const struct number_option {
	const char * name;
	double min, max;
	int whole;
} number_options[] = {
	{ "batch_size", 1, 100000, 1 },
	{ "cache_ttl", 0, 31536000, 0 },
	{ "max_api_calls", 1, 1e9, 1 },
	{ "rate_limit", 0.0001, 1e6, 0 },
	{ "rate_limit_burst", 1, 1e6, 0 },
	{ "retry_count", 0, 10, 1 },
	{ "timeout_seconds", 0.1, 3600, 0 },
};

static const char * const options_known[] = { "batch_size", "ca_file",
    "cache_ttl", "client_cert", "client_key", "max_api_calls", "rate_limit",
    "rate_limit_burst", "retention", "retry_count", "sync_interval",
    "timeout_seconds", "tls_verify" };
#define NKNOWN (sizeof(options_known) / sizeof(*options_known))

/* Whether there is one that is not. */
static int
check_known(const json_t * o, struct buf * b)
{
	const char * k, * near;
	const json_t * v;
	int unknown = 0;
	size_t i;

	json_object_foreach((json_t *)(uintptr_t)o, k, v) {
		for (i = 0; i < NKNOWN && strcmp(k, options_known[i]) != 0; i++)
			continue;
		if (i < NKNOWN)
			continue;
		near = json_nearest_key(k, options_known, NKNOWN);
		buf_add_fault(b, "options.%.64s is not known%s%s%s", k, near ?
		    " (did you mean " : "", near ? near : "", near ? "?)" : "");
		unknown = 1;
	}
	return (unknown);
}

/* Behind all else, as the message may be cut. */
static void
tell_known(struct buf * b)
{
	size_t i;

	for (i = 0; i < NKNOWN; i++)
		buf_addf(b, "%s%s", i == 0 ? "; the options are: " : ", ",
		    options_known[i]);
}

static void
check_numbers(const json_t * o, struct buf * b)
{
	const struct number_option * d;
	const json_t * v;
	size_t i;

	for (i = 0; i < sizeof(number_options) / sizeof(*number_options); i++) {
		d = &number_options[i];
		if ((v = json_object_get(o, d->name)) == NULL)
			continue;
		if (!json_is_number(v) || (d->whole && !json_is_integer(v)) ||
		    json_number_value(v) < d->min ||
		    json_number_value(v) > d->max)
			buf_add_fault(b, "options.%s must be %s from %.15g to %.15g",
			    d->name, d->whole ? "an integer" : "a number",
			    d->min, d->max);
	}
}

static void
get_duration(const json_t * o, const char * key, int64_t * ms, struct buf * b)
{
	const json_t * v = json_object_get(o, key);
	struct err why;

	if (v == NULL)
		return;
	if (!json_is_string(v))
		buf_add_fault(b, "options.%s must be a duration such as \"5m\"", key);
	else if (duration_parse(json_string_value(v), json_string_length(v), ms,
	    &why))
		buf_add_fault(b, "options.%s: %.180s", key, why.msg);
}

/* Whether the file is there is connector_check_options()'s to say: a connector is
 * not lost because a file is away for a while. */
static void
check_file(const json_t * o, const char * key, const char * holds,
    struct buf * b)
{
	const json_t * v = json_object_get(o, key);
	const char * s = json_string_value(v);

	if (v != NULL && (s == NULL || s[0] != '/' ||
	    json_string_length(v) > MAX_FILE ||
	    strlen(s) != json_string_length(v)))
		buf_add_fault(b, "options.%s must be the whole path of a file with %s "
		    "(PEM) on the daemon's machine", key, holds);
}

/* Whom to trust, and who we are. */
static void
check_tls(const json_t * o, struct buf * b)
{
	const char * s = json_string_value(json_object_get(o, "ca_file"));
	const json_t * v;

	check_file(o, "ca_file", "certificates", b);
	check_file(o, "client_cert", "our certificate", b);
	check_file(o, "client_key", "its key", b);
	if (json_object_get(o, "client_key") != NULL &&
	    json_object_get(o, "client_cert") == NULL)
		buf_add_fault(b, "options.client_key needs client_cert");
	v = json_object_get(o, "tls_verify");
	if (v != NULL && !json_is_boolean(v))
		buf_add_fault(b, "options.tls_verify must be true or false");
	else if (json_is_false(v) && s != NULL)
		buf_add_fault(b, "options.ca_file has no meaning where tls_verify is "
		    "false");
}

/* All that is wrong with them, each named. */
static int
check_options(const json_t * o, struct connector_options * opt, struct err * e)
{
	struct buf b = BUF_INIT(4096);
	int rc = 0, unknown = check_known(o, &b);

	check_numbers(o, &b);
	check_tls(o, &b);
	get_duration(o, "sync_interval", &opt->sync_interval_ms, &b);
	get_duration(o, "retention", &opt->retention_ms, &b);
	if (unknown)
		tell_known(&b);
	if (b.len > 0)
		rc = BAD(e, "%s", b.p);
	buf_free(&b);
	return (rc);
}

static int
take_file(const json_t * o, const char * key, char ** out)
{
	const char * s = json_string_value(json_object_get(o, key));

	return (s != NULL && (*out = strdup(s)) == NULL ? -1 : 0);
}

static int
parse_options(const json_t * o, struct connector_options * opt,
    struct err * e)
{
	opt->retry_count = -1;
	opt->cache_ttl_ms = CACHE_TTL_MS;
	if (o == NULL)
		return (0);
	if (!json_is_object(o))
		return (BAD(e, "options must be an object"));
	if (check_options(o, opt, e))
		return (-1);
	if (json_object_get(o, "retry_count") != NULL)
		opt->retry_count = (int)json_int(o, "retry_count", 0);
	opt->timeout_ms = (int64_t)(json_number_value(
	    json_object_get(o, "timeout_seconds")) * 1000);
	opt->rate_limit = json_number_value(json_object_get(o, "rate_limit"));
	opt->rate_limit_burst = json_number_value(json_object_get(o,
	    "rate_limit_burst"));
	if (json_object_get(o, "cache_ttl") != NULL)
		opt->cache_ttl_ms = (int64_t)(json_number_value(
		    json_object_get(o, "cache_ttl")) * 1000);
	opt->max_api_calls = json_int(o, "max_api_calls", 0);
	opt->batch_size = json_int(o, "batch_size", 0);
	opt->insecure = json_is_false(json_object_get(o, "tls_verify"));
	if (take_file(o, "ca_file", &opt->ca_file) ||
	    take_file(o, "client_cert", &opt->client_cert) ||
	    take_file(o, "client_key", &opt->client_key))
		return (err_nomem(e, "a connector"));
	return (0);
}

int
connector_name_ok(const char * s)
{
	size_t n;

	if (!isalpha((unsigned char)s[0]) && s[0] != '_')
		return (0);
	for (n = 0; s[n] != '\0'; n++)
		if (!isalnum((unsigned char)s[n]) && s[n] != '_')
			return (0);
	return (n <= 128);
}

struct connector *
connector_new(struct manifest * m, const char * id, const char * name,
    const json_t * config, const json_t * options, struct err * e)
{
	struct connector * c;
	json_t * full;

	if (!connector_name_ok(name)) {
		err_set(e, ERR_CONFIG, "bad_name", "name '%.64s' must hold "
		    "letters, digits and _ only, not begin with a digit, and "
		    "have at most 128 of them", name);
		return (NULL);
	}
	if ((c = calloc(1, sizeof(*c))) == NULL) {
		err_nomem(e, "a connector");
		return (NULL);
	}
	c->refs = 1;
	c->m = manifest_ref(m);
	full = manifest_config_apply(m->config, config, "config", e);
	if (full == NULL || parse_options(options, &c->opt, e)) {
		json_decref(full);
		connector_unref(c);
		return (NULL);
	}
	c->id = strdup(id);
	c->name = strdup(name);
	c->config = json_dumps(full, JSON_COMPACT);
	c->options = options == NULL ? strdup("{}") :
	    json_dumps(options, JSON_COMPACT);
	json_decref(full);
	if (c->id == NULL || c->name == NULL || c->config == NULL ||
	    c->options == NULL) {
		err_nomem(e, "a connector");
		connector_unref(c);
		return (NULL);
	}
	return (c);
}

struct connector *
connector_ref(struct connector * c)
{
	c->refs++;
	return (c);
}

void
connector_unref(struct connector * c)
{
	if (c == NULL || --c->refs > 0)
		return;
	manifest_unref(c->m);
	json_decref(c->parsed);
	free(c->id);
	free(c->name);
	/* As it was checked, it may hold literals. */
	if (c->config != NULL)
		explicit_bzero(c->config, strlen(c->config));
	free(c->config);
	free(c->options);
	free(c->opt.ca_file);
	free(c->opt.client_cert);
	free(c->opt.client_key);
	free(c->token_base);
	free(c);
}

json_t *
connector_config(const struct connector * c)
{
	return (json_loads(c->config, 0, NULL));
}

json_t *
connector_config_parsed(struct connector * c)
{
	if (c->parsed == NULL)
		c->parsed = connector_config(c);
	return (c->parsed);
}
