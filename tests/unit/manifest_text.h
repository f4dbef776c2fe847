#ifndef MOLTLER_TESTS_MANIFEST_TEXT_H
#define MOLTLER_TESTS_MANIFEST_TEXT_H

#include <stdlib.h>
#include <string.h>

#include "manifest/manifest.h"

/* The manifest in ${text}, in which ' stands for ". */
static inline struct manifest *
manifest_text(const char * text, const char * type, struct err * e)
{
	char * s = strdup(text), * p;
	struct manifest * got;

	for (p = s; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	got = manifest_parse(s, strlen(s), type, e);
	free(s);
	return (got);
}

#endif
