/* What headers say of budgets: the first line names a member, the next is the
 * header, the last a duration. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conn/answer_budget.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
	char out[ANSWER_MEMBER_LEN], * text = malloc(size + 1), * v, * last;
	int64_t ms = -1;

	if (text == NULL)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	if ((v = strchr(text, '\n')) == NULL)
		v = text + strlen(text);
	else
		*v++ = '\0';
	if ((last = strchr(v, '\n')) != NULL)
		*last++ = '\0';
	/* What is told stands there. */
	if (answer_budget_member(v, text, out) == 0 && (out[0] == '\0' ||
	    strlen(out) >= sizeof(out) || strstr(v, out) == NULL ||
	    strstr(v, "=") == NULL))
		abort();
	if (last != NULL && answer_budget_clock(last, &ms) == 0 && (ms < 0 ||
	    ms % 1000 != 0 || strspn(last, "0123456789.:") != strlen(last)))
		abort();
	free(text);
	return (0);
}
