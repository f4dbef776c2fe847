#ifndef MOLTLER_TARGET_ELASTIC_H
#define MOLTLER_TARGET_ELASTIC_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "loop/loop.h"
#include "net/http.h"
#include "secret/secret.h"
#include "target/writer.h"

/*
 * An Elasticsearch or OpenSearch cluster: how it is reached, and what it said of
 * itself.
 */
struct elastic;

/* Borrowed for the cluster's life, but for the texts, which are copied.  Texts of
 * credentials may be references ($env:NAME, {{secrets.name}}) and are resolved at
 * each request. */
struct elastic_opts {
	struct loop * loop;
	struct http * http;
	const struct secrets * secrets;
	const char * url;
	const char * api_key;   /* or NULL */
	const char * username, * password; /* or NULL */
	const char * ca_file;   /* or NULL */
	enum { ELASTIC_GZIP_AUTO, ELASTIC_GZIP_ON, ELASTIC_GZIP_OFF } gzip;
	size_t batch_bytes;     /* of one _bulk; 0: 5 MiB */
	size_t batch_rows;      /* 0: 5000 */
	int64_t retry_ms;       /* how long a target that is away is tried; 0: 5 min */
};

/** elastic_new(opts, e): Nothing is asked yet.  NULL with ${e} (config: a URL that
 * is none). */
struct elastic * elastic_new(const struct elastic_opts * opts, struct err * e)
    MUST_CHECK;
void elastic_free(struct elastic * el); /* NULL is a no-op */

/** elastic_index_ok(s, e): Whether the engine takes ${s} as an index's name:
 * lower case, none of \ / * ? " < > | space , #, not beginning with - _ +, not .
 * or .., at most 255 bytes; with ${wild} one * stands for an entity.  Config
 * "bad_target" says what is wrong and what would do. */
int elastic_index_ok(const char * s, int wild, struct err * e) MUST_CHECK;

/** elastic_writer_open(el, spec, ev, e): As rows_writer_open. */
struct writer * elastic_writer_open(struct elastic * el,
    const struct writer_spec * spec, const struct writer_events * ev,
    struct err * e) MUST_CHECK;

#endif
