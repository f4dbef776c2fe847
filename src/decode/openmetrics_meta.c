#include "decode/openmetrics_meta.h"

#include <string.h>

#include "decode/omtoken.h"

/* Read a metric name, bare or quoted, as it stands after HELP, TYPE, UNIT. */
static int
meta_name(struct openmetrics_line * l, const char ** pp, const char * end,
    const char * what)
{
	const char * p = *pp;

	if (p < end && *p == '"')
		return (omtoken_quoted(l, pp, end, "the metric name", 1,
		    &l->name));
	if (p == end || !(omtoken_is_start(*p) || *p == ':'))
		return (omtoken_expected(l, p, end, what));
	while (p < end && omtoken_is_metric(*p))
		p++;
	l->name.p = *pp;
	l->name.n = (size_t)(p - *pp);
	*pp = p;
	return (0);
}

static int
is_word(const char * p, const char * end, const char * word)
{
	size_t n = strlen(word);

	return ((size_t)(end - p) == n && memcmp(p, word, n) == 0);
}

static int
type(struct openmetrics_line * l, const char * p, const char * end)
{
	static const char * const text[] = { "counter", "gauge", "histogram",
		"summary", "untyped", NULL };
	static const char * const om[] = { "counter", "gauge", "histogram",
		"gaugehistogram", "summary", "info", "stateset", "unknown",
		NULL };
	const char * const * t = l->fmt == OPENMETRICS_TEXT ? text : om;

	for (; *t != NULL; t++)
		if (is_word(p, end, *t))
			return (0);
	return (omtoken_bad(l, p, end, l->fmt == OPENMETRICS_TEXT ?
	    "counter, gauge, histogram, summary or untyped" :
	    "counter, gauge, histogram, gaugehistogram, summary, info, "
	    "stateset or unknown", OPENMETRICS_NUMBER_BAD));
}

/* A unit is the end of its metric's name, after an underscore. */
static int
unit(struct openmetrics_line * l, const char * p, const char * end)
{
	size_t n = (size_t)(end - p);

	if (omtoken_utf8(l, p, end))
		return (-1);
	if (n == 0 || (l->name.n > n &&
	    memcmp(l->name.p + l->name.n - n, p, n) == 0 &&
	    l->name.p[l->name.n - n - 1] == '_'))
		return (0);
	return (omtoken_fault(l, p, "expected a unit that the metric's name "
	    "ends with, after '_'"));
}

/* In text 0.0.4 a comment is anything that is not HELP or TYPE. */
static int
comment_text(struct openmetrics_line * l, const char * p, const char * end)
{
	const char * t = omtoken_blanks(p + 1, end);
	int is_type;

	if (t == p + 1)
		return (0);
	p = omtoken_end(l, t, end);
	is_type = is_word(t, p, "TYPE");
	if (p == end || (!is_type && !is_word(t, p, "HELP")))
		return (0);
	p = omtoken_blanks(p, end);
	if (meta_name(l, &p, end, "a metric name"))
		return (-1);
	if (!is_type)
		return (omtoken_utf8(l, p, end));
	if ((t = omtoken_blanks(p, end)) == p)
		return (omtoken_expected(l, p, end,
		    "a blank and the metric's type"));
	while (end > t && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (type(l, t, end));
}

static int
comment_openmetrics(struct openmetrics_line * l, const char * p,
    const char * end)
{
	char kind;

	if (end - p < 7 || p[1] != ' ' || p[6] != ' ' ||
	    (memcmp(p + 2, "HELP", 4) != 0 && memcmp(p + 2, "TYPE", 4) != 0 &&
	    memcmp(p + 2, "UNIT", 4) != 0)) {
		if (end - p > 5 && memcmp(p, "# EOF", 5) == 0)
			return (omtoken_expected(l, p + 5, end,
			    "nothing after \"# EOF\""));
		return (omtoken_fault(l, p, "expected \"# HELP \", \"# TYPE \", "
		    "\"# UNIT \" or \"# EOF\": OpenMetrics has no other "
		    "comments"));
	}
	kind = p[2];
	p += 7;
	if (meta_name(l, &p, end, "a metric name"))
		return (-1);
	if (p == end || *p != ' ')
		return (omtoken_expected(l, p, end,
		    "one space after the metric name"));
	p++;
	return (kind == 'H' ? omtoken_utf8(l, p, end) :
	    kind == 'T' ? type(l, p, end) : unit(l, p, end));
}

int
openmetrics_meta_read(struct openmetrics_line * l, const char * p,
    const char * end)
{
	return (l->fmt == OPENMETRICS_TEXT ? comment_text(l, p, end) :
	    comment_openmetrics(l, p, end));
}
