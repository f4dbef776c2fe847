#include "conn/answer_budget.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
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

/* One of several budgets that a header holds, with commas between. */
#define ITEM_LEN 256
#define HEADER_MAX ((size_t)16 << 10)
struct several {
	const char * name;     /* of the header it was chosen in; n of its letters */
	size_t n;
	char item[ITEM_LEN];   /* the one that was chosen; "": none */
};

struct span {
	const char * at, * end;
};

static int64_t
member_number(const struct span * x, const char * name)
{
	char text[ANSWER_MEMBER_LEN];

	return (member_of(x->at, x->end, name, text) == 0 ? number_of(text) :
	    -1);
}

/* What it is called: what stands before its members, without quotes. */
static struct span
name_of(const struct span * x)
{
	struct span s = { x->at, next_sep(x->at, x->end, ";") };

	while (s.at < s.end && is_blank(*s.at))
		s.at++;
	while (s.at < s.end && is_blank(s.end[-1]))
		s.end--;
	if (s.end - s.at >= 2 && *s.at == '"' && s.end[-1] == '"') {
		s.at++;
		s.end--;
	}
	return (s);
}

/* How tight it is: of what there is (${is_limit}) in its time, as policies say it; of
 * what is left, all. -1: it says nothing. */
static double
tightness(const struct span * x, const char * member, int is_limit)
{
	int64_t n = member_number(x, member), w;

	if (n < 0)
		return (-1);
	w = is_limit ? member_number(x, "w") : -1;
	return (w < 0 ? (double)n : w == 0 ? HUGE_VAL : (double)n / (double)w);
}

/* The budget called ${name}, or (NULL) the tightest: that is what holds us up.
 * Whether there is one. */
static int
choose(const struct span * all, const struct span * name, const char * member,
    int is_limit, struct span * out)
{
	struct span x = { all->at, NULL }, is;
	double least = -1, d;

	for (;; x.at = x.end + 1) {
		x.end = next_sep(x.at, all->end, ",");
		d = tightness(&x, member, is_limit);
		is = name_of(&x);
		if (d >= 0 && (name != NULL ? is.end - is.at == name->end -
		    name->at && memcmp(is.at, name->at, (size_t)(is.end -
		    is.at)) == 0 : least < 0 || d < least)) {
			least = d;
			*out = x;
			if (name != NULL)
				return (1);
		}
		if (x.end == all->end)
			return (least >= 0);
	}
}

/* Which of a header's budgets is meant: the one that was chosen in another, else the
 * tightest. */
static int
is_meant(const struct span * all, struct several * s, const char * member,
    int is_limit, struct span * out)
{
	struct span item = { s->item, s->item + strlen(s->item) }, name;

	if (s->item[0] != '\0') {
		name = name_of(&item);
		if (choose(all, &name, member, is_limit, out))
			return (1);
	}
	return (choose(all, NULL, member, is_limit, out));
}

static void
keep(struct several * s, const struct span * x)
{
	size_t n = (size_t)(x->end - x->at);

	if (n >= sizeof(s->item))
		return;
	memcpy(s->item, x->at, n);
	s->item[n] = '\0';
}

/* The member behind ${sep} in the header ${name}; whether there is one. */
static int
member_text(const struct span * all, const char * name, const char * sep,
    struct several * s, int is_limit, char out[ANSWER_MEMBER_LEN])
{
	size_t n = (size_t)(sep - name);
	struct span x;

	if (s->name == NULL) {
		s->name = name;
		s->n = n;
		if (choose(all, NULL, sep + 1, is_limit, &x))
			keep(s, &x);
	}
	if ((s->n != n || strncasecmp(s->name, name, n) != 0) &&
	    is_meant(all, s, sep + 1, is_limit, &x))
		return (member_of(x.at, x.end, sep + 1, out) == 0);
	/* "limit=100, remaining=50" are of one. */
	return ((s->item[0] != '\0' && answer_budget_member(s->item, sep + 1,
	    out) == 0) || member_of(all->at, all->end, sep + 1, out) == 0);
}

/* What stands at ${name}: a header, or a member of one; NULL: nothing.  ${s}: the
 * budget that is meant. */
static const char *
text_of(const struct http_res * res, const char * name, struct several * s,
    int is_limit, char out[ANSWER_MEMBER_LEN])
{
	struct buf v = BUF_INIT(HEADER_MAX);
	struct span all;
	const char * sep;
	char header[128];
	size_t n;
	int found = 0;

	if (name == NULL || (sep = strchr(name, ';')) == NULL)
		return (name ? http_res_header(res, name) : NULL);
	n = (size_t)(sep - name);
	if (n >= sizeof(header))
		return (NULL);
	memcpy(header, name, n);
	header[n] = '\0';
	if (http_hdrs_all(res, header, &v) > 0 && v.p != NULL && !v.failed) {
		all = (struct span){ v.p, v.p + v.len };
		found = member_text(&all, name, sep, s, is_limit, out);
	}
	buf_free(&v);
	return (found ? out : NULL);
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
	struct several s = { .name = NULL, .item = "" };
	char text[ANSWER_MEMBER_LEN];

	/* What remains decides which of several it is. */
	b->remaining = number_of(text_of(res, l->remaining, &s, 0, text));
	b->limit = number_of(text_of(res, l->limit, &s, 1, text));
	usage_of(res, l->usage, b);
	b->reset_ms = reset_of(l, res, text_of(res, l->reset, &s, 0,
	    text), now_ms);
}
