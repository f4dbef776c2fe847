/* json_parse: what it takes is written and read back the same; what it refuses
 * has a message. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/utf8.h"
#include "fuzz.h"

/* Any bytes become a JSON string that is read back; good ones unchanged. */
static void
check_string(const char * s, size_t n)
{
	struct buf b = BUF_INIT(0);
	struct err e;
	json_t * v;

	CHECK(buf_add_json_str(&b, s, n) == 0);
	CHECK(utf8_check(b.p, b.len) == b.len);
	v = json_parse(b.p, b.len, "string", &e);
	if (memchr(s, '\0', n) != NULL) {
		CHECK(v == NULL);
	} else {
		CHECK(json_is_string(v));
		if (utf8_check(s, n) == n)
			CHECK(json_string_length(v) == n &&
			    memcmp(json_string_value(v), s, n) == 0);
	}
	json_decref(v);
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
	/* Longer ones find nothing new, only take longer. */
	const char * s = (const char *)data;
	json_t * v, * again;
	struct err e;
	char * out;

	if (size > 65536)
		return (0);
	if (size > 0)
		check_string(s, size);
	memset(&e, 0, sizeof(e));
	if ((v = json_parse(s, size, "input", &e)) == NULL) {
		CHECK(e.msg[0] != '\0' && strstr(e.msg, " near ") == NULL);
		return (0);
	}
	CHECK(utf8_check(s, size) == size && memchr(s, 0, size) == NULL);
	out = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
	CHECK(out != NULL);
	again = json_parse(out, strlen(out), "output", &e);
	CHECK(again != NULL && json_equal(v, again));
	json_decref(again);
	json_decref(v);
	free(out);
	return (0);
}
