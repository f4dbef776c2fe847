#include "conn/answer_budget.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "base/rfc3339.h"

/* No reset lies further away; a header read in a wrong unit does. */
#define RESET_MAX_MS ((int64_t)7 * 86400 * 1000)

/* Answers are on their way for less. */
#define CLOCK_LEAST_MS INT64_C(60000)

/* Where the ${sep} behind ${v} is, before ${end}; else ${end}. */
static const char *
next_sep(const char * v, const char * end, const char * sep)
{
	int quoted = 0;

	for (; v < end && (quoted || strchr(sep, *v) == NULL); v++)
		if (*v == '"')
			quoted = !quoted;
	return (v);
}

static int
is_blank(char c)
{
	return (c == ' ' || c == '\t');
}

/* The value of ${name} among what stands from ${v} to ${end}. */
static int
member_of(const char * v, const char * end, const char * name,
    char out[ANSWER_MEMBER_LEN])
{
	size_t n = strlen(name);
	const char * e;

	for (;; v = e + 1) {
		e = next_sep(v, end, ";,");
		while (v < e && is_blank(*v))
			v++;
		if ((size_t)(e - v) > n && v[n] == '=' &&
		    strncasecmp(v, name, n) == 0)
			break;
		if (e == end)
			return (-1);
	}
	v += n + 1;
	while (e > v && is_blank(e[-1]))
		e--;
	if (e - v >= 2 && *v == '"' && e[-1] == '"') {
		v++;
		e--;
	}
	if (e == v || (size_t)(e - v) >= ANSWER_MEMBER_LEN)
		return (-1);
	memcpy(out, v, (size_t)(e - v));
	out[e - v] = '\0';
	return (0);
}

int
answer_budget_member(const char * v, const char * name,
    char out[ANSWER_MEMBER_LEN])
{
	return (member_of(v, v + strlen(v), name, out));
}

/* A number of at most ${most} at ${*v}, which moves behind it; -1: there is none. */
static int64_t
digits(const char ** v, int64_t most)
{
	const char * s = *v;
	int64_t n = 0;

	while (*s >= '0' && *s <= '9' && n <= most)
		n = n * 10 + (*s++ - '0');
	if (s == *v || n > most)
		return (-1);
	*v = s;
	return (n);
}

int
answer_budget_clock(const char * v, int64_t * ms)
{
	int64_t d = 0, h, m, s;

	if ((h = digits(&v, 1000000)) < 0)
		return (-1);
	if (*v == '.') {
		d = h;
		v++;
		if ((h = digits(&v, 23)) < 0)
			return (-1);
	}
	if (*v++ != ':' || (m = digits(&v, 59)) < 0 || *v++ != ':' ||
	    (s = digits(&v, 59)) < 0)
		return (-1);
	/* A part of a second is one: rather too late than too early. */
	if (*v == '.') {
		v++;
		if (strspn(v, "0123456789") == 0)
			return (-1);
		s += strspn(v, "0") < strspn(v, "0123456789");
		v += strspn(v, "0123456789");
	}
	if (*v != '\0')
		return (-1);
	*ms = (((d * 24 + h) * 60 + m) * 60 + s) * 1000;
	return (0);
}

static int64_t
number_of(const char * v)
{
	char * end;
	double d;

	if (v == NULL)
		return (-1);
	d = strtod(v, &end);
	if (end == v || !isfinite(d) || d < 0 || d > 1e16)
		return (-1);
	return ((int64_t)ceil(d));
}

/* A header that may hold several budgets, with commas between. */
struct several {
	const char * name;     /* of which header; n of its letters */
	size_t n;
	const char * at, * end; /* the one that was chosen; NULL: none yet */
};

/* Of several budgets the one with the least left is what holds us up. */
static void
choose(struct several * s, const char * v, const char * name)
{
	const char * all = v + strlen(v), * end;
	char text[ANSWER_MEMBER_LEN];
	int64_t least = INT64_MAX, n;

	for (;; v = end + 1) {
		end = next_sep(v, all, ",");
		if (member_of(v, end, name, text) == 0 &&
		    (n = number_of(text)) >= 0 && n < least) {
			least = n;
			s->at = v;
			s->end = end;
		}
		if (end == all)
			return;
	}
}

/* What stands at ${name}: a header, or a member of one; NULL: nothing.  ${s}: the
 * budget of that header that is meant. */
static const char *
text_of(const struct http_res * res, const char * name, struct several * s,
    char out[ANSWER_MEMBER_LEN])
{
	const char * sep, * v;
	char header[128];
	size_t n;

	if (name == NULL || (sep = strchr(name, ';')) == NULL)
		return (name ? http_res_header(res, name) : NULL);
	n = (size_t)(sep - name);
	if (n >= sizeof(header))
		return (NULL);
	memcpy(header, name, n);
	header[n] = '\0';
	if ((v = http_res_header(res, header)) == NULL)
		return (NULL);
	if (s->name == NULL) {
		s->name = name;
		s->n = n;
		choose(s, v, sep + 1);
	}
	if (s->at != NULL && s->n == n && strncasecmp(s->name, name, n) == 0 &&
	    member_of(s->at, s->end, sep + 1, out) == 0)
		return (out);
	return (answer_budget_member(v, sep + 1, out) == 0 ? out : NULL);
}

/* "name=18/15000; ...": what is used of what there is. */
static void
usage_of(const struct http_res * res, const char * name,
    struct answer_budget * b)
{
	const char * v = name ? http_res_header(res, name) : NULL;
	char * end;
	double used, of;

	if (v == NULL)
		return;
	v += strcspn(v, "=;");
	if (*v != '=' || v[1] < '0' || v[1] > '9')
		return;
	used = strtod(v + 1, &end);
	if (*end != '/' || end[1] < '0' || end[1] > '9')
		return;
	of = strtod(end + 1, NULL);
	if (used > 1e15 || of > 1e15)
		return;
	b->limit = (int64_t)of;
	b->remaining = used < of ? (int64_t)(of - used) : 0;
}

/* How much their clock is ahead of ours, where it is another. */
static int64_t
ahead_ms(const struct http_res * res, int64_t now_ms)
{
	int64_t date = http_res_date(res);

	return (date < 0 || llabs(date - now_ms) < CLOCK_LEAST_MS ? 0 :
	    date - now_ms);
}

static int64_t
reset_of(const struct manifest_limits * l, const struct http_res * res,
    const char * v, int64_t now_ms)
{
	int is_moment = l->unit != RESET_DELTA_S && l->unit != RESET_DURATION;
	int64_t n = number_of(v), ms = -1;
	struct err e;

	if (v == NULL)
		return (-1);
	switch (l->unit) {
	case RESET_DELTA_S:
		ms = n < 0 || n > INT64_C(1000000000) ? -1 : now_ms + n * 1000;
		break;
	case RESET_EPOCH_S:
		ms = n < 0 || n > INT64_C(1000000000000) ? -1 : n * 1000;
		break;
	case RESET_EPOCH_MS:
		ms = n;
		break;
	case RESET_EPOCH_US:
		ms = n < 0 ? -1 : n / 1000;
		break;
	case RESET_DURATION:
		/* "00:01:30" or "1m30s" */
		if (answer_budget_clock(v, &ms) && duration_parse(v, strlen(v),
		    &ms, &e))
			return (-1);
		ms = ms > RESET_MAX_MS ? -1 : now_ms + ms;
		break;
	case RESET_ISO8601:
		/* Atlassian's has no seconds. */
		if (rfc3339_loose(v, strlen(v), &ms))
			ms = -1;
		break;
	}
	if (ms >= 0 && is_moment && (ms -= ahead_ms(res, now_ms)) < 0)
		ms = 0;
	return (ms > now_ms + RESET_MAX_MS ? -1 : ms);
}

void
answer_budget(const struct manifest_limits * l, const struct http_res * res,
    int64_t now_ms, struct answer_budget * b)
{
	struct several s = { .name = NULL };
	char text[ANSWER_MEMBER_LEN];

	/* What remains decides which of several it is. */
	b->remaining = number_of(text_of(res, l->remaining, &s, text));
	b->limit = number_of(text_of(res, l->limit, &s, text));
	usage_of(res, l->usage, b);
	b->reset_ms = reset_of(l, res, text_of(res, l->reset, &s, text),
	    now_ms);
}
