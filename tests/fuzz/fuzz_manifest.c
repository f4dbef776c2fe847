#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "conn/connector.h"
#include "conn/manifest.h"
#include "conn/manifest_schema.h"
#include "conn/request.h"

/* Manifests from anywhere; what is accepted must be usable: its defaults apply,
 * and a connector of it can be asked for its request. */

int LLVMFuzzerTestOneInput(const uint8_t * p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t * p, size_t n)
{
	struct connector * c;
	struct manifest * m;
	struct request * r;
	json_t * config;
	struct err e;

	if ((m = manifest_parse((const char *)p, n, "fuzz", &e)) == NULL) {
		if (e.cls != ERR_CONFIG || e.msg[0] == '\0')
			abort();
		return (0);
	}
	config = json_pack("{s:s}", "endpoint", "http://h/");
	if ((c = connector_new(m, "id", "n", config, NULL, &e)) != NULL) {
		if (m->main != NULL &&
		    (r = request_prepare(c, m->main, &e)) != NULL)
			request_free(r);
		connector_unref(c);
	}
	json_decref(config);
	manifest_unref(m);
	return (0);
}
