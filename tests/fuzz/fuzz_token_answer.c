/* The reader of answers to requests for a token: what it takes can stand in a
 * header and ends in bounded time; what it refuses leaves nothing behind. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "conn/token.h"
#include "fuzz.h"

#define NOW INT64_C(1700000000000)
#define YEAR_MS INT64_C(31536000000)

static const char * const auths[] = {
	"{\"kind\": \"token\", \"token\": \"access_token\", \"expires_in\": "
	    "\"expires_in\", \"expires_at\": \"expires_at\", \"base_url\": "
	    "\"instance_url\", \"rotates\": {\"from\": \"refresh_token\"}}",
	"{\"kind\": \"token\", \"token\": \"a[*].b\", \"lives_s\": 60}",
	"{\"kind\": \"sigv4\"}",
	"{\"kind\": \"signature\"}",
};

static void
check_line(const char * s)
{
	CHECK(*s != '\0');
	for (; *s != '\0'; s++)
		CHECK((unsigned char)*s > ' ' && *s != 0x7f);
}

static void
check(const struct token_answer * a)
{
	const char * k, * s;
	json_t * v;

	CHECK(a->lives_ms >= 0 && a->lives_ms <= YEAR_MS);
	json_object_foreach(a->v, k, v) {
		s = json_string_value(v);
		if (s != NULL)
			check_line(s);
		else
			CHECK(strcmp(k, "delta_ms") == 0 && json_is_integer(v));
		if (strcmp(k, "base_url") == 0)
			CHECK(strncmp(s, "http", 4) == 0 &&
			    s[strlen(s) - 1] != '/');
	}
	CHECK(json_object_size(a->v) > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
	struct token_answer a;
	struct err e;
	json_t * auth;
	size_t i;

	for (i = 0; i < sizeof(auths) / sizeof(auths[0]); i++) {
		CHECK((auth = json_loads(auths[i], 0, NULL)) != NULL);
		memset(&e, 0, sizeof(e));
		if (token_answer_read(auth, (const char *)data, size, NOW, &a,
		    &e) == 0) {
			check(&a);
			token_answer_free(&a);
		} else {
			CHECK(e.msg[0] != '\0' && a.v == NULL);
		}
		json_decref(auth);
	}
	return (0);
}
