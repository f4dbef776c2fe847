#include "service_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rfc3339.h"

struct service_table service_tables[NTABLES];
static char * texts[65536];
static size_t ntexts;

static unsigned rnd_state;
static unsigned
rnd(unsigned n)
{
	rnd_state = rnd_state * 1103515245U + 12345U;
	return ((rnd_state >> 16) % n);
}

static void
set_text(struct value * v, const char * s)
{
	size_t i;

	v->type = VALUE_TEXT;
	v->len = (uint32_t)strlen(s);
	for (i = ntexts; i-- > 0 && ntexts - i < 64;)
		if (strcmp(texts[i], s) == 0) {
			v->s = texts[i];
			return;
		}
	assert_true(ntexts < 65536);
	v->s = texts[ntexts++] = strdup(s);
}

static void
set_int(struct value * v, int64_t i)
{
	v->type = VALUE_INT;
	v->i = i;
}

static void
make_issue(struct value * v, size_t i)
{
	static const char * const states[] = { "open", "Open", "closed",
	    "CLOSED", "blocked" };
	static const char * const words[] = { "crash", "Crash", "slow", "disk",
	    "OPS-1", "OPS-2", "100%", "a_b" };
	static const char * const lab[] = { "[]", "[\"bug\"]",
	    "[\"debug\",\"ui\"]", "[\"bug\",\"ui\"]", "[\"b\\\"x\"]" };
	static const char * const who[] = { "ann", "Ann", "bob", "", "eve", "5", "5.0" };
	char text[64];

	set_int(&v[ID], (int64_t)i + 1);
	snprintf(text, sizeof(text), "%s %s %u", words[rnd(8)], words[rnd(8)],
	    rnd(20));
	if (rnd(12))
		set_text(&v[TITLE], text);
	if (rnd(15))
		set_text(&v[STATE], states[rnd(5)]);
	if (rnd(4))
		set_int(&v[POINTS], (int64_t)rnd(9) - 2);
	if (rnd(5)) {
		v[SCORE].type = VALUE_REAL;
		v[SCORE].d = (double)rnd(40) / 4.0;
	}
	if (rnd(6))
		set_int(&v[DRAFT], rnd(2));
	rfc3339_format(INT64_C(1767225600000) + (int64_t)rnd(30) * 43200000 +
	    (rnd(3) ? 0 : rnd(2000)), text);
	set_text(&v[CREATED], text);
	if (rnd(8))
		set_text(&v[LABELS], lab[rnd(5)]);
	if (rnd(3))
		set_text(&v[ASSIGNEE], who[rnd(7)]);
	set_text(&v[ORG], "acme");
}

static void
make(struct service_table * t, size_t rows, size_t cols)
{
	t->rows = rows;
	t->cols = cols;
	t->cells = calloc(rows * cols + 1, sizeof(*t->cells));
	assert_non_null(t->cells);
}

void
service_data_free(void)
{
	size_t i;

	for (i = 0; i < NTABLES; i++)
		free(service_tables[i].cells);
	memset(service_tables, 0, sizeof(service_tables));
	for (i = 0; i < ntexts; i++)
		free(texts[i]);
	ntexts = 0;
}

void
service_data_make(unsigned seed, size_t rows)
{
	static const char * const names[] = { "ann", "bob", "eve", "joe" };
	struct value * v;
	size_t i;

	service_data_free();
	rnd_state = seed;
	make(&service_tables[ISSUES], rows, 10);
	for (i = 0; i < rows; i++)
		make_issue(service_tables[ISSUES].cells + i * 10, i);
	make(&service_tables[COMMENTS], 30, 5);
	for (i = 0; i < 30; i++) {
		v = service_tables[COMMENTS].cells + i * 5;
		set_int(&v[0], 1000 + (int64_t)i);
		set_int(&v[1], 1 + rnd(20));
		set_text(&v[2], rnd(2) ? "me too" : "fixed");
		set_text(&v[3], names[rnd(4)]);
		set_text(&v[4], "core");
	}
	make(&service_tables[USERS], 4, 2);
	for (i = 0; i < 4; i++) {
		v = service_tables[USERS].cells + i * 2;
		set_text(&v[0], names[i]);
		set_text(&v[1], i % 2 ? "blue" : "red");
	}
}
