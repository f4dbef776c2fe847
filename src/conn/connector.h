#ifndef MOLTLER_CONN_CONNECTOR_H
#define MOLTLER_CONN_CONNECTOR_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "manifest/manifest.h"
#include "secret/secret.h"

/* What OPTIONS may say, checked; -1 or 0 where nothing was said. */
struct connector_options {
	int64_t sync_interval_ms;
	int64_t retention_ms;  /* 0: keep all */
	int64_t timeout_ms;    /* 0: the manifest's */
	int retry_count;       /* -1: the manifest's */
	double rate_limit;     /* requests a second; 0: the manifest's */
	double rate_limit_burst; /* 0: the manifest's */
	int64_t cache_ttl_ms;  /* 300 s unless said; 0: off */
	int64_t max_api_calls; /* of one statement; 0: not said */
	int64_t batch_size;    /* rows; 0: the manifest's page size */
	char * ca_file;        /* trust this alone; NULL: the system's */
	char * client_cert, * client_key; /* who we are; or NULL */
	int insecure;          /* do not check the service's certificate */
};

/*
 * A configured connection of a type.  Small: there may be tens of thousands, so
 * what a request needs is worked out once and the rest kept as text.
 */
struct connector {
	unsigned refs;
	char * id;      /* uuid */
	char * name;
	struct manifest * m; /* a reference */
	char * config;  /* normalized, as JSON text */
	char * options; /* as given, as JSON text */
	struct connector_options opt;
	char * token_base; /* where its last token said the service is, or NULL */
	int64_t clock_ms; /* the service's clock is so far ahead (clock_skew.h) */
	json_t * parsed; /* ${config}, once somebody asked; or NULL */
};

/**
 * connector_new(m, id, name, config, options, e):
 * Check ${config} and ${options} (objects or NULL; borrowed) against the type
 * ${m}.  Errors: config "bad_config" or "bad_options" naming each key, or
 * "bad_name".  The caller owns it.
 */
struct connector * connector_new(struct manifest * m, const char * id,
    const char * name, const json_t * config, const json_t * options,
    struct err * e) MUST_CHECK;

/** connector_ref(c), connector_unref(c): It is counted, so that a statement may
 * outlive its connector (NULL is a no-op for unref). */
struct connector * connector_ref(struct connector * c);
void connector_unref(struct connector * c);

/** connector_config(c): The configuration as an object; the caller owns it. */
json_t * connector_config(const struct connector * c);

/** connector_config_parsed(c): The same, borrowed, never changed and kept with
 * the connector: for who asks again and again.  NULL if no memory. */
json_t * connector_config_parsed(struct connector * c);

/** connector_name_ok(s): Letters, digits and _, beginning with a letter or _, at most 128. */
int connector_name_ok(const char * s);

#endif
