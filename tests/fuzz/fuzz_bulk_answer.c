/* The reader of answers to _bulk: cut anywhere it says the same; what jansson reads
 * as such an answer has the same items; what it takes is no other thing. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "target/elastic_answer.h"
#include "fuzz.h"

#define ITEMS 256

struct seen {
	size_t n;
	int status[ITEMS];
	size_t reason[ITEMS];
};

static void
on_item(void * arg, const struct elastic_item * it)
{
	struct seen * s = arg;

	CHECK(strlen(it->type) < 64 && strlen(it->reason) < ELASTIC_REASON_MAX);
	CHECK(it->status >= 0 && it->status <= 999);
	if (s->n < ITEMS) {
		s->status[s->n] = it->status;
		s->reason[s->n] = strlen(it->reason);
	}
	s->n++;
}

static int
read_all(const char * p, size_t n, size_t piece, struct seen * s, int * errors)
{
	struct elastic_answer * a = malloc(sizeof(*a));
	size_t at, len;
	int ok;

	CHECK(a != NULL);
	memset(s, 0, sizeof(*s));
	elastic_answer_begin(a, on_item, s);
	for (at = 0; at < n; at += len) {
		len = n - at < piece ? n - at : piece;
		(void)elastic_answer_feed(a, p + at, len);
	}
	ok = elastic_answer_ok(a);
	*errors = a->errors;
	CHECK(a->items == s->n);
	free(a);
	return (ok);
}

/* The items of an answer that jansson takes for one. */
static void
compare(const json_t * v, const struct seen * s, int errors)
{
	const json_t * items = json_object_get(v, "items"), * flag, * op;
	const char * key;
	json_t * in;
	size_t i;

	flag = json_object_get(v, "errors");
	CHECK(errors == -1 || json_is_boolean(flag));
	if (json_is_boolean(flag))
		CHECK(errors == json_is_true(flag));
	if (!json_is_array(items)) {
		CHECK(s->n == 0);
		return;
	}
	CHECK(json_array_size(items) == s->n);
	for (i = 0; i < s->n && i < ITEMS; i++) {
		op = json_array_get(items, i);
		CHECK(json_object_size(op) == 1);
		json_object_foreach((json_t *)(uintptr_t)op, key, in) {
			const json_t * st = json_object_get(in, "status");

			CHECK(json_is_object(in));
			if (json_is_integer(st) && json_integer_value(st) >=
			    100 && json_integer_value(st) <= 999)
				CHECK(s->status[i] == json_integer_value(st));
			if (json_object_get(in, "error") == NULL)
				CHECK(s->reason[i] == 0);
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
	const char * p = (const char *)data;
	struct seen whole, cut;
	int ok, ok2, errors, errors2;
	json_t * v;

	ok = read_all(p, size, size + 1, &whole, &errors);
	ok2 = read_all(p, size, 1, &cut, &errors2);
	CHECK(ok == ok2 && errors == errors2);
	CHECK(memcmp(&whole, &cut, sizeof(cut)) == 0);
	v = json_loadb(p, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	/* A key may be written with escapes, which no server does. */
	if (v != NULL && ok && memchr(p, '\\', size) == NULL)
		compare(v, &whole, errors);
	json_decref(v);
	return (0);
}
