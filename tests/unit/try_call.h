#ifndef MOLTLER_TESTS_TRY_CALL_H
#define MOLTLER_TESTS_TRY_CALL_H

#include <string.h>

#include "base/err.h"
#include "until.h"

/* What the callback of a call noted: how often it came, and how. */
static int calls, failed;
static struct err last;

static void
note(const struct err * e)
{
	calls++;
	failed = e != NULL;
	if (e != NULL)
		last = *e;
}

/* Call, and wait for its end. */
#define TRY(call) do { \
	int c_ = calls; \
	call; \
	assert_int_equal(calls, c_); \
	UNTIL(calls == c_ + 1, 20000); \
} while (0)
#define OK(call) do { \
	TRY(call); \
	if (failed) \
		fail_msg("%s", last.msg); \
} while (0)
/* And it fails, its message holding ${word}. */
#define FAILS(word, call) do { \
	TRY(call); \
	assert_true(failed); \
	if (strstr(last.msg, (word)) == NULL) \
		fail_msg("%s", last.msg); \
} while (0)

#endif
