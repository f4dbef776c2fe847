#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "run/runner_internal.h"
#include "fuzz.h"

/* Bodies of POST /v1/connectors: what is accepted is shown, recorded and made
 * again from its own record, to the same record. */

static struct types *
load(void)
{
	const char * src = getenv("srcdir");
	const char * dirs[1];
	static char dir[1024];
	struct types * t;
	struct err e;

	snprintf(dir, sizeof(dir), "%s/connectors", src ? src : ".");
	dirs[0] = dir;
	if ((t = types_load(dirs, 1, &e)) == NULL) {
		fprintf(stderr, "%s\n", e.msg);
		abort();
	}
	return (t);
}

int
LLVMFuzzerTestOneInput(const uint8_t * p, size_t n)
{
	static struct runner r;
	json_t * body, * rec, * again;
	struct job * j, * k;
	struct err e;

	if (r.types == NULL)
		r.types = load();
	if ((body = json_parse((const char *)p, n, "the body", &e)) == NULL)
		return (0);
	if ((j = job_from_record(&r, body, &e)) != NULL) {
		json_decref(job_show(j));
		if ((rec = job_record(j)) == NULL)
			abort();
		if ((k = job_from_record(&r, rec, &e)) == NULL)
			abort();
		again = job_record(k);
		if (!json_equal(rec, again))
			abort();
		json_decref(rec);
		json_decref(again);
		job_free(k);
	}
	job_free(j);
	json_decref(body);
	return (0);
}
