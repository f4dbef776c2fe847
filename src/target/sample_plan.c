#include "target/sample_plan.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/rfc3339.h"

/*
 * idxStr has one letter for each value handed to xFilter:
 *   = < [ > ]  timestamp =, <, <=, >, >=, compared as times by us alone
 *   e l m g h  the same, only narrowed by us: SQLite compares, too
 *   E L M G H  the same as plain text (COLLATE BINARY): its day is pushed
 *   n i b s    name =, name IN, labels =, source =
 */
#define DAY_MS INT64_C(86400000)

/* As a time, exactly: milliseconds at most. */
static int
exact_time(sqlite3_value * v, int64_t * ms)
{
	const char * s, * dot;
	int digits = 0;

	if (sqlite3_value_type(v) != SQLITE_TEXT ||
	    (s = (const char *)sqlite3_value_text(v)) == NULL ||
	    rfc3339_parse(s, (size_t)sqlite3_value_bytes(v), ms, NULL))
		return (0);
	if ((dot = strchr(s, '.')) != NULL)
		while (isdigit((unsigned char)dot[1 + digits]))
			digits++;
	return (digits <= 3);
}

/* What SAMPLE_TIME_ORDER takes for a time. */
static int
loose_time(sqlite3_value * v, int64_t * ms)
{
	const char * s;

	return (sqlite3_value_type(v) == SQLITE_TEXT &&
	    (s = (const char *)sqlite3_value_text(v)) != NULL &&
	    rfc3339_loose(s, (size_t)sqlite3_value_bytes(v), ms) == 0);
}

/* The day that a text begins with. */
static int
day_of(sqlite3_value * v, int64_t * ms)
{
	char tmp[] = "0000-00-00T00:00:00Z";
	const char * s;

	if (sqlite3_value_type(v) != SQLITE_TEXT ||
	    (s = (const char *)sqlite3_value_text(v)) == NULL || strlen(s) < 10)
		return (0);
	memcpy(tmp, s, 10);
	return (rfc3339_parse(tmp, strlen(tmp), ms, NULL) == 0);
}

static char
time_letter(sqlite3_index_info * info, int i, int op, int plain)
{
	static const char exact[] = "=<[>]", loose[] = "elmgh", text[] = "ELMGH";
	sqlite3_value * v = NULL;
	int64_t ms;
	int k;

	switch (op) {
	case SQLITE_INDEX_CONSTRAINT_EQ: k = 0; break;
	case SQLITE_INDEX_CONSTRAINT_LT: k = 1; break;
	case SQLITE_INDEX_CONSTRAINT_LE: k = 2; break;
	case SQLITE_INDEX_CONSTRAINT_GT: k = 3; break;
	case SQLITE_INDEX_CONSTRAINT_GE: k = 4; break;
	default: return (0);
	}
	if (plain)
		return (text[k]);
	if (sqlite3_vtab_rhs_value(info, i, &v) == SQLITE_OK && v != NULL &&
	    exact_time(v, &ms))
		return (exact[k]);
	return (loose[k]);
}

static char
letter(sqlite3_index_info * info, int i)
{
	const struct sqlite3_index_constraint * c = &info->aConstraint[i];
	const char * order = sqlite3_vtab_collation(info, i);

	if (!c->usable || (strcmp(order, "BINARY") != 0 &&
	    (c->iColumn != COL_TIMESTAMP ||
	    strcmp(order, SAMPLE_TIME_ORDER) != 0)))
		return (0);
	if (c->iColumn == COL_TIMESTAMP)
		return (time_letter(info, i, c->op, strcmp(order,
		    SAMPLE_TIME_ORDER) != 0));
	if (c->op != SQLITE_INDEX_CONSTRAINT_EQ)
		return (0);
	switch (c->iColumn) {
	case COL_NAME:
		return (sqlite3_vtab_in(info, i, 1) ? 'i' : 'n');
	case COL_LABELS:
		return ('b');
	case COL_SOURCE:
		return ('s');
	default:
		return (0);
	}
}

/* How much of the rows a constraint leaves, roughly. */
static double
share(char l)
{
	switch (l) {
	case '=':
	case 'e':
	case 'E':
		return (1e-4);
	case 'n':
	case 's':
		return (0.005);
	case 'i':
		return (0.02);
	case 'b':
		return (0.05);
	default:
		return (0.3);
	}
}

int
sample_plan_best(sqlite3_index_info * info, int ordered, int one_source)
{
	double rows = 1e7;
	char what[64], l;
	int i, n = 0;

	info->idxNum = 0;
	for (i = 0; i < info->nConstraint && n < (int)sizeof(what) - 1; i++) {
		if ((l = letter(info, i)) == 0)
			continue;
		what[n++] = l;
		info->aConstraintUsage[i].argvIndex = n;
		info->aConstraintUsage[i].omit = strchr("=<[>]", l) != NULL;
		rows *= share(l);
		if (l == 's')
			one_source = 1;
	}
	what[n] = '\0';
	if (info->colUsed & (UINT64_C(1) << COL_VALUE))
		info->idxNum |= PLAN_VALUES;
	if (info->nOrderBy == 1 && ordered && one_source &&
	    info->aOrderBy[0].iColumn == COL_TIMESTAMP) {
		info->orderByConsumed = 1;
		info->idxNum |= PLAN_ORDERED;
		if (info->aOrderBy[0].desc)
			info->idxNum |= PLAN_DESC;
	}
	info->estimatedRows = rows < 1 ? 1 : (sqlite3_int64)rows;
	info->estimatedCost = rows + 100;
	if ((info->idxStr = sqlite3_mprintf("%s", what)) == NULL)
		return (SQLITE_NOMEM);
	info->needToFreeIdxStr = 1;
	return (SQLITE_OK);
}

static void
narrow(struct sample_plan * p, int64_t lo, int64_t hi)
{
	if (lo > p->lo)
		p->lo = lo;
	if (hi < p->hi)
		p->hi = hi;
}

static void
read_time(struct sample_plan * p, char l, sqlite3_value * v)
{
	int64_t ms;
	char is;

	if (strchr("=<[>]", l) != NULL && exact_time(v, &ms)) {
		if (l == '<' || l == '>')
			ms += l == '<' ? -1 : 1;
		narrow(p, l == '<' || l == '[' ? INT64_MIN : ms,
		    l == '>' || l == ']' ? INT64_MAX : ms);
		return;
	}
	is = (char)tolower((unsigned char)l);
	if (is == l && loose_time(v, &ms)) {
		narrow(p, is == 'l' || is == 'm' ? INT64_MIN : ms,
		    is == 'g' || is == 'h' ? INT64_MAX : ms);
		return;
	}
	/* A day to each side covers any offset and any rest of the text. */
	if (!day_of(v, &ms))
		return;
	narrow(p, is == 'l' || is == 'm' ? INT64_MIN : ms - DAY_MS,
	    is == 'g' || is == 'h' ? INT64_MAX : ms + 2 * DAY_MS);
}

static int
add_name(struct sample_plan * p, sqlite3_value * v)
{
	const char * s = (const char *)sqlite3_value_text(v);
	char ** names;

	if (s == NULL)
		return (SQLITE_OK); /* NULL equals nothing */
	names = realloc(p->names, (size_t)(p->nnames + 1) * sizeof(*names));
	if (names == NULL)
		return (SQLITE_NOMEM);
	p->names = names;
	if ((names[p->nnames] = strdup(s)) == NULL)
		return (SQLITE_NOMEM);
	p->nnames++;
	return (SQLITE_OK);
}

/* Two constraints on one column: the second is left to SQLite's own check. */
static int
read_names(struct sample_plan * p, char l, sqlite3_value * v)
{
	sqlite3_value * one;
	int rc;

	if (p->nnames >= 0)
		return (SQLITE_OK);
	p->nnames = 0;
	if (l == 'n')
		return (add_name(p, v));
	for (rc = sqlite3_vtab_in_first(v, &one); rc == SQLITE_OK && one;
	    rc = sqlite3_vtab_in_next(v, &one))
		if (add_name(p, one))
			return (SQLITE_NOMEM);
	return (rc == SQLITE_DONE || rc == SQLITE_OK ? SQLITE_OK : rc);
}

static int
read_text(char ** out, sqlite3_value * v)
{
	const char * s = (const char *)sqlite3_value_text(v);

	if (*out != NULL || s == NULL)
		return (SQLITE_OK);
	*out = strdup(s);
	return (*out != NULL ? SQLITE_OK : SQLITE_NOMEM);
}

int
sample_plan_read(struct sample_plan * p, const char * what, sqlite3_value ** v,
    int n)
{
	int i, rc = SQLITE_OK;

	sample_plan_clear(p);
	for (i = 0; i < n && rc == SQLITE_OK; i++) {
		if (what[i] != 'i' && sqlite3_value_type(v[i]) == SQLITE_NULL)
			p->is_nothing = 1;
		else if (what[i] == 'n' || what[i] == 'i')
			rc = read_names(p, what[i], v[i]);
		else if (what[i] == 'b')
			rc = read_text(&p->labels, v[i]);
		else if (what[i] == 's')
			rc = read_text(&p->source, v[i]);
		else
			read_time(p, what[i], v[i]);
	}
	return (rc);
}

void
sample_plan_clear(struct sample_plan * p)
{
	int i;

	for (i = 0; i < p->nnames; i++)
		free(p->names[i]);
	free(p->names);
	free(p->labels);
	free(p->source);
	memset(p, 0, sizeof(*p));
	p->nnames = -1;
	p->lo = INT64_MIN;
	p->hi = INT64_MAX;
}
