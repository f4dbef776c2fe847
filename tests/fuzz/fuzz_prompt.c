/* What is typed: cut into statements as the daemon would, line by line or at
 * once; anything can be completed and judged for the history. */
#include <stdlib.h>
#include <string.h>

#include "cli/prompt_complete.h"
#include "cli/prompt_history.h"
#include "cli/prompt_read.h"
#include "sql/token.h"
#include "fuzz.h"

static json_t * list;

static const json_t *
names(void * arg, enum prompt_names_kind kind, const char * a, const char * b)
{
	(void)arg;
	(void)kind;
	json_array_clear(list);
	json_array_append_new(list, json_string(a));
	json_array_append_new(list, json_string(b));
	json_array_append_new(list, json_string("entity"));
	return (list);
}

static const char *
type_of(void * arg, const char * connector)
{
	(void)arg;
	return (*connector == 'g' ? "github" : NULL);
}

/* The daemon's own cut is the same, wherever it can be made. */
static void
check_split(const char * p, size_t n)
{
	const char * at = p, * end = p + n;
	struct token_stmt * v;
	struct split_stmt s;
	unsigned line = 1;
	struct err e;
	size_t nv, i;

	if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		return;
	if (token_split(p, n, &v, &nv, &e))
		return;
	for (i = 0; i < nv; i++) {
		CHECK(split_next(&at, end, &line, &s));
		CHECK((size_t)(s.p - p) == v[i].off);
		CHECK(s.len == v[i].len);
		CHECK(s.ended == v[i].ended);
		CHECK(s.line == v[i].line);
	}
	CHECK(!split_next(&at, end, &line, &s));
	free(v);
}

/* Lines one by one make the same statements as all at once. */
static void
check_read(const char * p, size_t n)
{
	const char * end, * at, * nl, * from = p;
	struct split_stmt want, got;
	struct prompt_read r;
	struct buf all = BUF_INIT(0);
	unsigned line = 1;
	struct err e;
	size_t len;

	buf_add(&all, p, n);
	buf_addc(&all, '\n');
	at = all.p;
	end = all.p + all.len;
	prompt_read_init(&r);
	for (; n > 0; from += len, n -= len) {
		nl = memchr(from, '\n', n);
		len = nl != NULL ? (size_t)(nl - from) + 1 : n;
		CHECK(prompt_read_add(&r, from, len, &e) == 0);
		while (prompt_read_next(&r, &got)) {
			CHECK(split_next(&at, end, &line, &want));
			CHECK(want.ended && want.len == got.len &&
			    memcmp(want.p, got.p, got.len) == 0);
		}
	}
	CHECK(!split_next(&at, end, &line, &want) || !want.ended);
	prompt_read_free(&r);
	buf_free(&all);
}

int
LLVMFuzzerTestOneInput(const uint8_t * data, size_t n)
{
	const struct prompt_source src = { names, type_of, NULL };
	const char * p = (const char *)data;
	struct prompt_completion c;
	size_t i;

	if (n > 20000)
		return (0);
	if (list == NULL && (list = json_array()) == NULL)
		abort();
	check_split(p, n);
	check_read(p, n);
	for (i = 0; i <= 4; i++) {
		CHECK(prompt_complete(&src, p, n, n * i / 4, &c) == 0);
		CHECK(c.from <= n * i / 4);
		prompt_completion_free(&c);
	}
	(void)prompt_history_keeps(p, n);
	return (0);
}
