/* What headers say of budgets: the first line names a member, the next is the
 * header, the last a duration or their time. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "conn/answer_budget.h"
#include "net/http_internal.h"
#include "fuzz.h"

#define NOW INT64_C(1700000000000)

#define MOST_MS (INT64_C(7) * 86400 * 1000)

/* An answer with the header "X: ${v}", and a Retry-After so, of the time ${date}. */
static void
read_whole(const char * v, const char * date)
{
	static const char * const names[][3] = { { "X;l", "X;r", "X;t" },
	    { "X", "X", "X" }, { "Retry-After;q", "X;r", "X;t" } };
	struct manifest_limits l;
	struct http_hdrs h;
	struct http_res res;
	struct answer_budget b;
	unsigned i;

	memset(&h, 0, sizeof(h));
	memset(&res, 0, sizeof(res));
	h.text.max = 1 << 20;
	if (buf_addf(&h.text, "X: %s", v) || buf_addc(&h.text, '\0') ||
	    buf_addf(&h.text, "Retry-After: %s", v) ||
	    buf_addc(&h.text, '\0') || buf_addf(&h.text, "Date: %s", date) ||
	    buf_addc(&h.text, '\0'))
		abort();
	res.status = 200;
	res.hdrs = &h;
	res.body = "";
	memset(&l, 0, sizeof(l));
	for (i = 0; i < 18; i++) {
		l.limit = names[i / 6][0];
		l.remaining = names[i / 6][1];
		l.reset = names[i / 6][2];
		l.unit = (enum reset_unit)(i % 6);
		l.usage = i == 0 ? "X" : NULL;
		answer_budget(&l, &res, NOW, &b);
		if (b.limit < -1 || b.remaining < -1 || b.reset_ms < -1 ||
		    b.reset_ms > NOW + MOST_MS)
			abort();
	}
	if (http_res_retry_after(&res) < -1 ||
	    http_res_retry_after(&res) > MOST_MS)
		abort();
	buf_free(&h.text);
}

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
	read_whole(v, last != NULL ? last : "");
	if (last != NULL && answer_budget_clock(last, &ms) == 0 && (ms < 0 ||
	    ms % 1000 != 0 || strspn(last, "0123456789.:") != strlen(last)))
		abort();
	free(text);
	return (0);
}
