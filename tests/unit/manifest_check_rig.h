#ifndef MOLTLER_TESTS_MANIFEST_CHECK_RIG_H
#define MOLTLER_TESTS_MANIFEST_CHECK_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "manifest/manifest.h"

/* What the tests of "manifest check" share: manifests to spoil, and what is said
 * of them. */

/* A good manifest, into which each fault is put. */
#define HEAD "{\"format\":1,\"type\":\"t\",\"title\":\"T\"," \
	"\"drive_model\":\"on_demand\",\"test\":{\"entity\":\"e\"},"
#define M(config, more, ents) HEAD "\"config\":" config "," more \
	"\"entities\":" ents "}"
#define CONF "{\"base\":{\"type\":\"url\",\"required\":true}," \
	"\"org\":{\"type\":\"string\"},\"token\":{\"type\":\"secret\"}}"
#define COLS "\"columns\":{\"id\":{\"type\":\"integer\"}," \
	"\"title\":{\"type\":\"text\"},\"tags\":{\"type\":\"list\"}," \
	"\"at\":{\"type\":\"timestamp\",\"not_null\":true}," \
	"\"repo\":{\"type\":\"text\",\"input\":true}}"
#define URL "\"url\":\"{{config.base}}/x\""
/* One entity with one list that has ${l} too; with ${x} too. */
#define LIST(l) M(CONF, "", "{\"e\":{" COLS ",\"lists\":[{" URL l "}]}}")
#define ENT(x) M(CONF, "", "{\"e\":{" COLS ",\"lists\":[{" URL "}]" x "}}")
#define COL(c) M(CONF, "", "{\"e\":{\"lists\":[{" URL "}],\"columns\":{" c \
	"}}}")
#define ACT(a) ENT(",\"actions\":{\"do\":{\"url\":\"{{config.base}}\"" a "}}")
#define FIELD(f) M("{\"base\":{\"type\":\"url\"},\"f\":" f "}", "", \
	"{\"e\":{" COLS ",\"lists\":[{" URL "}]}}")
#define TOP(more) M(CONF, more, "{\"e\":{" COLS ",\"lists\":[{" URL "}]}}")
#define BUCKET "\"limits\":{\"buckets\":{\"a\":{\"rate\":2,\"burst\":6}}},"
#define TAKES(l) M(CONF, BUCKET, "{\"e\":{" COLS ",\"lists\":[{" URL l "}]}}")
#define L "$.entities.e.lists[0]"

struct seen {
	const char * path;
	const char * want;
	size_t faults, warnings;
	int found;
	struct buf all;
};

static inline void
on_fault(void * arg, int is_warning, const char * path, const char * msg)
{
	struct seen * s = arg;

	if (is_warning)
		s->warnings++;
	else
		s->faults++;
	buf_addf(&s->all, "  %s%s: %s\n", is_warning ? "warning: " : "", path,
	    msg);
	assert_true(*msg != '\0' && *path == '$');
	if (s->path != NULL && strcmp(path, s->path) == 0 &&
	    strstr(msg, s->want) != NULL)
		s->found = 1;
}

#endif
