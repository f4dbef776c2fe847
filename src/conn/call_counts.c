#include "conn/call_counts.h"

#include <stdio.h>
#include <string.h>

void
call_counts_add(struct call_counts * cc, const char * type, const char * code)
{
	size_t i;

	if (cc == NULL)
		return;
	if (strncmp(code, "http_", 5) == 0)
		code += 5;
	for (i = 0; i < cc->n; i++) {
		if (strcmp(cc->v[i].code, code) == 0 &&
		    strcmp(cc->v[i].type, type) == 0) {
			cc->v[i].n++;
			return;
		}
	}
	if (i == CALL_COUNTS_MAX)
		return;
	snprintf(cc->v[i].type, sizeof(cc->v[i].type), "%s", type);
	snprintf(cc->v[i].code, sizeof(cc->v[i].code), "%s", code);
	cc->v[i].n = 1;
	cc->n++;
}

void
call_counts_answer(struct call_counts * cc, const char * type,
    const struct http_res * res, const struct err * e)
{
	char code[16];

	if (res != NULL)
		snprintf(code, sizeof(code), "%d", res->status);
	call_counts_add(cc, type, res != NULL ? code : e->code);
}
