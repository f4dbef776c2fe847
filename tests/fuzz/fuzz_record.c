/* What is recorded of a service: a secret stands in no text that is kept; and the
 * conditions of --where, which are read or refused.  The first line is the secret,
 * or "?", and then the rest is a condition. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/record_scrub.h"
#include "cli/record_where.h"
#include "fuzz.h"

#define SECRET_MAX 64
#define STAND_INS "fixture-secret*"

static void
check_where(const char * text)
{
	json_t * where = json_array(), * w;
	struct err e;
	size_t i;

	if (record_where_parse(text, where, &e) == 0) {
		CHECK(json_array_size(where) > 0);
		json_array_foreach(where, i, w)
			CHECK(json_str(w, "column") != NULL &&
			    json_str(w, "op") != NULL &&
			    json_object_get(w, "value") != NULL);
	}
	json_decref(where);
}

static void
check_text(const char * s, size_t n, const char * secret, size_t len)
{
	CHECK(memmem(s, n, secret, len) == NULL);
}

static void
check_clean(json_t * v, const char * secret, size_t len)
{
	const char * k;
	json_t * x;
	size_t i;

	if (json_is_string(v))
		check_text(json_string_value(v), json_string_length(v), secret,
		    len);
	json_array_foreach(v, i, x)
		check_clean(x, secret, len);
	json_object_foreach(v, k, x) {
		check_text(k, strlen(k), secret, len);
		check_clean(x, secret, len);
	}
}

static void
check_scrub(const char * secret, size_t len, const char * p, size_t n)
{
	struct record_scrub s;
	json_t * v = json_loadb(p, n, JSON_DECODE_ANY, NULL);
	size_t i;

	memset(&s, 0, sizeof(s));
	if (v == NULL)
		v = json_stringn(p, n);
	if (v == NULL)
		return;
	record_scrub_add(&s, secret, len);
	v = record_scrub_value(&s, v);
	CHECK(!s.failed && v != NULL);
	/* One that is made of what takes its place could come to be anew; what
	 * holds such a one is not written. */
	for (i = 0; i < len && strchr(STAND_INS, secret[i]) == NULL; i++)
		;
	if (len >= 6 && i == len)
		check_clean(v, secret, len);
	json_decref(v);
	record_scrub_free(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
	const char * p = (const char *)data, * nl = memchr(p, '\n', size);
	size_t len;
	char * text;

	if (nl == NULL || (len = (size_t)(nl - p)) > SECRET_MAX)
		return (0);
	size -= len + 1;
	CHECK((text = malloc(size + 1)) != NULL);
	memcpy(text, nl + 1, size);
	text[size] = '\0';
	if (len == 1 && *p == '?')
		check_where(text);
	else
		check_scrub(p, len, text, size);
	free(text);
	return (0);
}
