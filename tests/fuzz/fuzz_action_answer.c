/* What a service answers to an action: as it is, as text, or with a member that is
 * base64; whatever comes, it is a value of its own. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "conn/action_answer.h"
#include "fuzz.h"

static void
play(const struct manifest_action * act, const struct http_res * res)
{
	json_t * body = action_answer_read(NULL, act, res), * v;
	struct err e;

	if (body == NULL)
		abort();
	v = action_answer_result(act, body, &e);
	if (v == NULL && (!act->text || json_is_string(body)))
		abort();
	json_decref(v);
	json_decref(body);
}

int
LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
	const struct manifest_action plain = { .name = "a" },
	    text = { .name = "b", .text = 1 },
	    base64 = { .name = "c", .base64 = "content" };
	struct http_res res = { .status = 200 };
	char * copy = malloc(size + 1);

	if (copy == NULL)
		return (0);
	memcpy(copy, data, size);
	copy[size] = '\0';
	res.body = copy;
	res.body_len = size;
	play(&plain, &res);
	play(&text, &res);
	play(&base64, &res);
	free(copy);
	return (0);
}
