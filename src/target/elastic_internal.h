#ifndef MOLTLER_TARGET_ELASTIC_INTERNAL_H
#define MOLTLER_TARGET_ELASTIC_INTERNAL_H

#include "target/elastic.h"
#include "target/elastic_call.h"

/* What the files of the cluster share; nobody else includes this. */
struct elastic {
	struct elastic_opts o; /* its texts are ours */
	char * safe_url;
	int is_local;          /* on loopback: bytes cost less than gzip */
	int is_known;
	int64_t known_us;
	struct elastic_who who;
};

#endif
