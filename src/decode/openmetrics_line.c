#include "decode/openmetrics_line.h"

#include <stdlib.h>
#include <string.h>

#include "decode/omtoken.h"
#include "decode/openmetrics_meta.h"

/* Up to so many labels, names are compared pair by pair; beyond, sorted. */
#define FEW 16

static int
label_cmp(const void * va, const void * vb)
{
	const struct openmetrics_label * a = va, * b = vb;
	const struct openmetrics_slice * x = &a->name, * y = &b->name;
	int c = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);

	if (c != 0)
		return (c);
	if (x->n != y->n)
		return (x->n < y->n ? -1 : 1);
	return (a->at < b->at ? -1 : a->at > b->at);
}

static int
same_name(const struct openmetrics_label * a,
    const struct openmetrics_label * b)
{
	return (a->name.n == b->name.n &&
	    memcmp(a->name.p, b->name.p, a->name.n) == 0);
}

static int
twice(struct openmetrics_line * l, const char * at)
{
	return (omtoken_fault(l, at, "this label stands twice in the series"));
}

/* With many labels, comparing all pairs could take minutes a line. */
static int
check_many(struct openmetrics_line * l)
{
	const char * at = NULL;
	size_t i;

	memcpy(l->sorted, l->labels, l->nlabels * sizeof(*l->labels));
	qsort(l->sorted, l->nlabels, sizeof(*l->sorted), label_cmp);
	for (i = 1; i < l->nlabels; i++)
		if (same_name(&l->sorted[i - 1], &l->sorted[i]) &&
		    (at == NULL || l->sorted[i].at < at))
			at = l->sorted[i].at;
	return (at == NULL ? 0 : twice(l, at));
}

static int
more_labels(struct openmetrics_line * l)
{
	struct openmetrics_label * labels, * sorted;
	size_t cap = l->cap ? l->cap * 2 : FEW;

	/* A line's length bounds this: four bytes a label at least. */
	if ((labels = realloc(l->labels, cap * sizeof(*labels))) != NULL)
		l->labels = labels;
	if ((sorted = realloc(l->sorted, cap * sizeof(*sorted))) != NULL)
		l->sorted = sorted;
	if (labels == NULL || sorted == NULL) {
		l->nomem = 1;
		return (-1);
	}
	l->cap = cap;
	return (0);
}

static int
add_label(struct openmetrics_line * l, const struct openmetrics_label * m)
{
	size_t i;

	if (m->name.n == 8 && memcmp(m->name.p, "__name__", 8) == 0)
		return (omtoken_fault(l, m->at,
		    "the label \"__name__\" is the metric's own name; it "
		    "stands before the braces or quoted in them"));
	if (l->nlabels == l->cap && more_labels(l))
		return (-1);
	if (l->nlabels < FEW)
		for (i = 0; i < l->nlabels; i++)
			if (same_name(&l->labels[i], m))
				return (twice(l, m->at));
	l->labels[l->nlabels++] = *m;
	return (0);
}

/* One entry of the braces at *pp: name="value", or the metric's quoted name.
 * An exemplar's are read but not kept. */
static int
brace_entry(struct openmetrics_line * l, const char ** pp, const char * end,
    int keep)
{
	struct openmetrics_label m;
	const char * p = *pp;
	int text = l->fmt == OPENMETRICS_TEXT, quot = p < end && *p == '"';

	m.at = m.name.p = p;
	if (quot) {
		if (omtoken_quoted(l, &p, end, "a name", 1, keep ? &m.name : NULL))
			return (-1);
	} else {
		if (p == end || !omtoken_is_start(*p))
			return (omtoken_expected(l, p, end, "a label name or '}'"));
		while (p < end && omtoken_is_label(*p))
			p++;
		m.name.n = (size_t)(p - m.at);
	}
	if (text)
		p = omtoken_blanks(p, end);
	if (quot && keep && p < end && (*p == ',' || *p == '}')) {
		if (l->name.p != NULL)
			return (omtoken_fault(l, m.at,
			    "the metric has its name already; expected '=' "
			    "and a value after this label name"));
		l->name = m.name;
		*pp = p;
		return (0);
	}
	if (p == end || *p != '=')
		return (omtoken_expected(l, p, end, quot && keep ?
		    "'=', or ',' or '}' after a quoted metric name" :
		    "'=' after the label name"));
	p++;
	if (text)
		p = omtoken_blanks(p, end);
	if (p == end || *p != '"')
		return (omtoken_expected(l, p, end, "a label value in '\"'"));
	if (omtoken_quoted(l, &p, end, "a label value", 0, keep ? &m.value : NULL))
		return (-1);
	*pp = p;
	return (keep ? add_label(l, &m) : 0);
}

/* The braces and what is in them; *pp stands after '{'. */
static int
braces(struct openmetrics_line * l, const char ** pp, const char * end,
    int keep)
{
	const char * p = *pp;
	int text = l->fmt == OPENMETRICS_TEXT;

	for (;;) {
		if (text)
			p = omtoken_blanks(p, end);
		if (p < end && *p == '}')
			break;
		if (brace_entry(l, &p, end, keep))
			return (-1);
		if (text)
			p = omtoken_blanks(p, end);
		if (p < end && *p == ',')
			p++;
		else if (!(p < end && *p == '}') && !text)
			return (omtoken_expected(l, p, end,
			    "',' or '}' after the label's value"));
	}
	*pp = p + 1;
	return (keep && l->nlabels > FEW ? check_many(l) : 0);
}

static int
timestamp(struct openmetrics_line * l, const char * p, const char * end)
{
	enum openmetrics_number r;
	double v;

	if (l->fmt == OPENMETRICS_TEXT)
		r = openmetrics_number_int(p, end);
	else
		r = openmetrics_number_real(p, end, &v);
	if (r == OPENMETRICS_NUMBER_OK)
		return (0);
	return (omtoken_bad(l, p, end, l->fmt == OPENMETRICS_TEXT ?
	    "a timestamp (whole milliseconds) or the end of the line" :
	    "a timestamp (seconds) or the end of the line", r));
}

/* " # {...} value [timestamp]"; ${p} stands after "# {". */
static int
exemplar(struct openmetrics_line * l, const char * p, const char * end)
{
	enum openmetrics_number r;
	const char * t;
	double v;

	if (braces(l, &p, end, 0))
		return (-1);
	if (p == end || *p != ' ')
		return (omtoken_expected(l, p, end, "one space and the exemplar's value"));
	t = omtoken_end(l, ++p, end);
	if ((r = openmetrics_number(p, t, &v)) != OPENMETRICS_NUMBER_OK)
		return (omtoken_bad(l, p, t, "the exemplar's value", r));
	if (t == end)
		return (0);
	p = t + 1;
	t = omtoken_end(l, p, end);
	if (timestamp(l, p, t))
		return (-1);
	if (t < end)
		return (omtoken_expected(l, t, end, "the end of the line"));
	return (0);
}

/* After an OpenMetrics value: ${p} stands at the space after it. */
static int
rest_openmetrics(struct openmetrics_line * l, const char * p,
    const char * end)
{
	static const char want[] = " # {";
	const char * t;
	size_t i;

	if (p + 1 < end && p[1] != '#') {
		t = omtoken_end(l, p + 1, end);
		if (timestamp(l, p + 1, t))
			return (-1);
		if ((p = t) == end)
			return (0);
	}
	if (p + 1 == end)
		return (omtoken_fault(l, p, "expected the end of the line; found a "
		    "space before it"));
	for (i = 0; i < 4; i++)
		if (p + i == end || p[i] != want[i])
			return (omtoken_expected(l, p + i, end,
			    "an exemplar (\"# {\") or the end of the line"));
	return (exemplar(l, p + 4, end));
}

int
openmetrics_line_rest(struct openmetrics_line * l, const char * p,
    const char * end)
{
	const char * t;

	if (p == end)
		return (0);
	if (l->fmt != OPENMETRICS_TEXT)
		return (rest_openmetrics(l, p, end));
	if ((p = omtoken_blanks(p, end)) == end)
		return (0);
	t = omtoken_end(l, p, end);
	if (timestamp(l, p, t))
		return (-1);
	if ((t = omtoken_blanks(t, end)) < end)
		return (omtoken_expected(l, t, end, "the end of the line"));
	return (0);
}

/* The metric's name and labels; *pp ends where blanks and the value begin. */
static int
series_id(struct openmetrics_line * l, const char ** pp, const char * end)
{
	const char * p = *pp, * t;

	while (p < end && omtoken_is_metric(*p))
		p++;
	if (p > *pp) {
		l->name.p = *pp;
		l->name.n = (size_t)(p - *pp);
		t = l->fmt == OPENMETRICS_TEXT ? omtoken_blanks(p, end) : p;
		if (t == p && (t == end || (*t != '{' && *t != ' ')))
			return (omtoken_expected(l, t, end,
			    "'{' or a space after the metric name"));
		p = t;
	}
	if (p < end && *p == '{') {
		t = p++;
		if (braces(l, &p, end, 1))
			return (-1);
		if (l->name.p == NULL)
			return (omtoken_fault(l, t, "expected a metric name before "
			    "these braces, or quoted in them"));
	}
	*pp = p;
	return (0);
}

static int
series(struct openmetrics_line * l, const char * p, const char * end)
{
	const char * t;
	enum openmetrics_number r;

	if (series_id(l, &p, end))
		return (-1);
	if (l->fmt == OPENMETRICS_TEXT)
		p = omtoken_blanks(p, end);
	else if (p == end || *p != ' ')
		return (omtoken_expected(l, p, end, "one space and a value"));
	else
		p++;
	l->value = p;
	t = omtoken_end(l, p, end);
	if ((r = openmetrics_number(p, t, &l->v)) != OPENMETRICS_NUMBER_OK)
		return (omtoken_bad(l, p, t, "a value (a number, NaN, +Inf or "
		    "-Inf)", r));
	return (openmetrics_line_rest(l, t, end));
}

enum openmetrics_line_kind
openmetrics_line_read(struct openmetrics_line * l, const char * p,
    const char * end)
{
	int text = l->fmt == OPENMETRICS_TEXT;

	l->name.p = NULL;
	l->nlabels = 0;
	l->fault = p;
	buf_clear(&l->scratch);
	if (memchr(p, '\\', (size_t)(end - p)) != NULL &&
	    buf_reserve(&l->scratch, (size_t)(end - p))) {
		l->nomem = 1;
		return (OPENMETRICS_LINE_BAD);
	}
	if (text && (p = omtoken_blanks(p, end)) == end)
		return (OPENMETRICS_LINE_NOTHING);
	if (p < end && *p == '#') {
		if (!text && end - p == 5 && memcmp(p, "# EOF", 5) == 0)
			return (OPENMETRICS_LINE_EOF);
		if (openmetrics_meta_read(l, p, end))
			return (OPENMETRICS_LINE_BAD);
		return (OPENMETRICS_LINE_NOTHING);
	}
	if (p < end && (omtoken_is_start(*p) || *p == ':' || *p == '{'))
		return (series(l, p, end) ? OPENMETRICS_LINE_BAD :
		    OPENMETRICS_LINE_SERIES);
	omtoken_expected(l, p, end, p == end ?
	    "a metric name or '#' (OpenMetrics has no blank lines)" :
	    "a metric name or '#'");
	return (OPENMETRICS_LINE_BAD);
}

int
openmetrics_line_labels(const struct openmetrics_line * l, struct buf * b)
{
	const struct openmetrics_label * m;
	size_t i;

	buf_addc(b, '{');
	for (i = 0; i < l->nlabels; i++) {
		m = &l->labels[i];
		if (i > 0)
			buf_addc(b, ',');
		buf_add_json_str(b, m->name.p, m->name.n);
		buf_addc(b, ':');
		buf_add_json_str(b, m->value.p, m->value.n);
	}
	buf_addc(b, '}');
	return (b->failed ? -1 : 0);
}

int
openmetrics_line_is_json(const char * p, const char * end)
{
	p = omtoken_blanks(p, end);
	if (p < end && *p == '[')
		return (1);
	if (p == end || *p != '{')
		return (0);
	p = omtoken_blanks(p + 1, end);
	if (p < end && *p == '\r')
		p++;
	if (p == end)
		return (1);
	if (*p++ != '"')
		return (0);
	while (p < end && *p != '"')
		p += *p == '\\' && p + 1 < end ? 2 : 1;
	if (p >= end)
		return (0);
	p = omtoken_blanks(p + 1, end);
	return (p < end && *p == ':');
}

void
openmetrics_line_free(struct openmetrics_line * l)
{
	free(l->labels);
	free(l->sorted);
	l->labels = l->sorted = NULL;
	l->cap = 0;
	buf_free(&l->scratch);
}
