#include "query/query_straight.h"

#include <stdlib.h>
#include <string.h>

/* Which registers an instruction has to do with: 0x1 p1, 0x2 p3; and 0x4: it may jump to
 * p2. */
static int
uses(const char * name)
{
	static const struct {
		const char * name;
		int uses;
	} known[] = {
		{ "Eq", 7 }, { "Ne", 7 }, { "Lt", 7 }, { "Le", 7 }, { "Gt", 7 },
		{ "Ge", 7 }, { "IsNull", 5 }, { "NotNull", 5 }, { "IfNot", 5 },
		{ "If", 5 }, { "IfPos", 5 }, { "Explain", 0 }, { "Noop", 0 },
		{ "DecrJumpZero", 1 }
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].name, name) == 0)
			return (known[i].uses);
	return (-1);
}

static void
touch(struct query_straight * s, int reg)
{
	if (s->low == 0 || reg < s->low)
		s->low = reg;
	if (reg > s->high)
		s->high = reg;
}

/* An instruction within the loop that is none of a table's. */
static void
other(struct query_straight * s, const char * name, int p1, int p2, int p3)
{
	int how = uses(name);

	if (how < 0) {
		s->odd = 1;
		return;
	}
	if (how & 1)
		touch(s, p1);
	if (how & 2)
		touch(s, p3);
	/* Before the row is out there is one place to go to. */
	if (how & 4) {
		s->odd |= s->rows > 0 || (s->skip != 0 && s->skip != p2);
		s->skip = p2;
	}
}

static void
column(struct query_straight * s, int reg)
{
	int i;

	s->columns++;
	if (s->run_n > 0 && reg == s->run + s->run_n) {
		s->run_n++;
		return;
	}
	for (i = 0; i < s->run_n; i++)
		touch(s, s->run + i);
	s->run = reg;
	s->run_n = 1;
}

static void
row(struct query_straight * s, int reg, int n)
{
	int i;

	s->rows++;
	s->out = reg;
	s->n = n;
	/* Columns just before them are looked at, too. */
	for (i = 0; i < s->run_n && s->run + i < reg; i++)
		touch(s, s->run + i);
	s->odd |= s->run_n == 0 || s->run + s->run_n != reg + n ||
	    s->run > reg;
	s->run_n = 0;
}

void
query_straight_op(struct query_straight * s, const char * name, int addr,
    int p1, int p2, int p3)
{
	int inside = s->scans > 0 && !s->over, i;

	if (strcmp(name, "VFilter") == 0) {
		s->scans++;
		s->first = addr + 1;
	} else if (strcmp(name, "VNext") == 0) {
		s->loops++;
		s->over = 1;
		s->odd |= p2 != s->first || (s->skip != 0 && s->skip != addr);
	} else if (strcmp(name, "VColumn") == 0) {
		s->odd |= !inside || s->rows > 0;
		column(s, p3);
	} else if (strcmp(name, "ResultRow") == 0) {
		s->odd |= !inside;
		row(s, p1, p2);
	} else if (inside) {
		s->others++;
		for (i = 0; i < s->run_n; i++)
			touch(s, s->run + i);
		s->run_n = 0;
		other(s, name, p1, p2, p3);
	}
}

int
query_straight_end(struct query_straight * s)
{
	int apart = s->high < s->out || s->low >= s->out + s->n;

	if (s->odd || s->scans != 1 || s->loops != 1 || s->rows != 1 ||
	    s->n < 1 || s->columns < (size_t)s->n || !apart)
		return (0);
	s->cells = calloc((size_t)s->n, sizeof(*s->cells));
	s->at = calloc((size_t)s->n, sizeof(*s->at));
	if (s->cells == NULL || s->at == NULL) {
		query_straight_free(s);
		return (-1);
	}
	s->asked = s->columns - (size_t)s->n;
	s->alone = s->asked == 0 && s->others == 0;
	s->on = 1;
	return (0);
}

void
query_straight_free(struct query_straight * s)
{
	free(s->cells);
	s->cells = NULL;
	free(s->at);
	s->at = NULL;
	s->on = s->alone = 0;
}

static void
set(struct query_value * to, const struct value * v)
{
	to->s = "";
	to->len = 0;
	to->i = 0;
	to->type = QUERY_NULL;
	to->is_json = 0;
	if (v == NULL)
		return;
	switch (v->type) {
	case VALUE_INT:
		to->type = QUERY_INT;
		to->i = v->i;
		break;
	case VALUE_REAL:
		/* As SQLite sees what is no number. */
		if (v->d == v->d) {
			to->type = QUERY_REAL;
			to->d = v->d;
		}
		break;
	case VALUE_TEXT:
		to->type = QUERY_TEXT;
		to->s = v->len > 0 ? v->s : "";
		to->len = v->len;
		to->is_json = v->is_json;
		break;
	default:
		break;
	}
}

int
query_straight_row(struct query_straight * s, size_t n,
    struct query_value * row)
{
	size_t i, got = s->got;

	s->got = 0;
	if (got != n)
		return (-1);
	for (i = 0; i < n; i++)
		set(&row[i], s->cells[i]);
	return (0);
}

int
query_straight_next(const struct query_straight * s,
    const struct value * cells, size_t n, struct query_value * row)
{
	const struct value * v;
	size_t i;

	for (i = 0; i < (size_t)s->n; i++) {
		v = s->at[i] < n ? &cells[s->at[i]] : NULL;
		if (v != NULL && v->type == VALUE_TEXT && v->len > s->max)
			return (-1);
		set(&row[i], v);
	}
	return (0);
}
