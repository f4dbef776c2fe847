#ifndef MOLTLER_TESTS_FAKE_CLUSTER_H
#define MOLTLER_TESTS_FAKE_CLUSTER_H

#include "base/buf.h"
#include "net/http.h"
#include "target/elastic.h"

/*
 * A cluster within the test: it answers through http_opts.play what reading needs,
 * and holds values as the engines do: every member of a list, whole numbers cut,
 * floats rounded, nothing longer than ignore_above, times as instants.
 * With MOLTLER_ELASTIC_URL set the tests that can run against that cluster.
 */
struct fake_cluster {
	/* Knobs. */
	int is_opensearch;
	const char * version;   /* NULL: one of today's */
	unsigned shards;        /* 0: 3 */
	int fail_search;        /* the search of that number (from 1) ... */
	int fail_status;        /* ... answers so; 0: fails to connect */
	int fail_times;         /* so many of them in a row */
	const char * fail_body; /* or NULL */
	int fail_mapping;       /* a status for _mapping */
	int timed_out, shards_failed;
	/* What happened. */
	unsigned searches, opened, closed, mappings, calls;
	char last_search[8192]; /* its body */
};

extern struct fake_cluster cluster;

/** cluster_start(L, e): A fresh one, or the real one; what was there is gone.
 * cluster_stop().  cluster_is_real(). */
struct elastic * cluster_start(struct loop * L);
void cluster_stop(void);
int cluster_is_real(void);

/** cluster_send(method, path, body, ctype): One request, waited for; fails the
 * test if it is not 2xx (or 404 of a DELETE). */
void cluster_send(const char * method, const char * path, const char * body,
    const char * ctype);

#endif
