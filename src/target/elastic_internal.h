#ifndef MOLTLER_TARGET_ELASTIC_INTERNAL_H
#define MOLTLER_TARGET_ELASTIC_INTERNAL_H

#include "target/elastic.h"
#include "target/elastic_call.h"

/* Indices prepared lately need no asking again: a run every few seconds would else
 * ask more than it writes. */
#define ELASTIC_PREPARED 256
#define ELASTIC_PREPARED_US INT64_C(600000000)

/* What the files of the cluster share; nobody else includes this. */
struct elastic {
	struct elastic_opts o; /* its texts are ours */
	char * safe_url;
	char * refs;           /* its credentials, as JSON, where one is
	                          Vault's; or NULL */
	int is_local;          /* on loopback: bytes cost less than gzip */
	int is_known;
	int64_t known_us;
	struct elastic_who who;
	struct {
		uint64_t what; /* hash of index and columns; 0: none */
		int64_t at_us;
	} prepared[ELASTIC_PREPARED];
};

#endif
