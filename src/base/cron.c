#include "base/cron.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/civil.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MINUTES 1440
#define HORIZON_YEARS 30

struct field {
	const char * name;
	int lo;
	int hi;
	const char * words; /* three letters each; the first stands for ${lo} */
};

enum { F_MINUTE, F_HOUR, F_DOM, F_MONTH, F_DOW, FIELDS };

static const struct field fields[FIELDS] = {
	{ "minute", 0, 59, "" },
	{ "hour", 0, 23, "" },
	{ "day of month", 1, 31, "" },
	{ "month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec" },
	{ "day of week", 0, 7, "sunmontuewedthufrisat" },
};

static const struct {
	const char * name;
	const char * means;
} aliases[] = {
	{ "@hourly", "0 * * * *" }, { "@daily", "0 0 * * *" },
	{ "@midnight", "0 0 * * *" }, { "@weekly", "0 0 * * 0" },
	{ "@monthly", "0 0 1 * *" }, { "@yearly", "0 0 1 1 *" },
	{ "@annually", "0 0 1 1 *" },
};

/* What is being read, and where the reading stands. */
struct in {
	const char * s;
	size_t n;
	size_t i;
	const struct field * f;
	struct err * e;
};

static int
refuse(const struct in * in, size_t at, const char * why)
{
	return (err_set(in->e, ERR_CONFIG, "cron",
	    "not a schedule: %s, field \"%s\" at byte %zu; write five fields "
	    "as in \"*/15 8-18 * * mon-fri\"", why, in->f->name, at));
}

static int
is_blank(char c)
{
	return (c == ' ' || c == '\t');
}

/* The next byte, or NUL where the field ends. */
static char
peek(const struct in * in)
{
	return (in->i < in->n && !is_blank(in->s[in->i]) ? in->s[in->i] : '\0');
}

static int
read_number(struct in * in, int lo, int hi, const char * why, int * v)
{
	size_t at = in->i;

	for (*v = 0; peek(in) >= '0' && peek(in) <= '9'; in->i++)
		if ((*v = *v * 10 + (peek(in) - '0')) > 1000)
			break;
	return (in->i == at || *v < lo || *v > hi ? refuse(in, at, why) : 0);
}

/* Read a number of the field or one of its names; ${*word} says which. */
static int
read_value(struct in * in, int * v, int * word)
{
	size_t at = in->i, k, nwords = strlen(in->f->words) / 3;

	*word = 0;
	if (!isalpha((unsigned char)peek(in)) || nwords == 0)
		return (read_number(in, in->f->lo, in->f->hi,
		    "a value out of range or not understood", v));
	*word = 1;
	while (isalpha((unsigned char)peek(in)))
		in->i++;
	for (k = 0; k < nwords && in->i - at == 3; k++) {
		if (strncasecmp(in->s + at, in->f->words + 3 * k, 3) == 0) {
			*v = in->f->lo + (int)k;
			return (0);
		}
	}
	return (refuse(in, at, "an unknown name"));
}

/* Read one element of a list: star, value or range, with or without a step. */
static int
read_element(struct in * in, uint64_t * bits)
{
	int lo = in->f->lo, hi = in->f->hi, step = 1, word, single = 0;
	size_t at = in->i;

	if (in->f == &fields[F_DOW])
		hi = 6; /* 7 may be written, but a star does not count it twice */
	if (peek(in) == '*') {
		in->i++;
	} else {
		if (read_value(in, &lo, &word))
			return (-1);
		if (peek(in) == '-') {
			in->i++;
			if (read_value(in, &hi, &word))
				return (-1);
			/* "fri-sun" means what it says. */
			if (word && hi == 0 && lo > 0 &&
			    in->f == &fields[F_DOW])
				hi = 7;
			if (hi < lo)
				return (refuse(in, at, "a range that goes back"));
		} else if (peek(in) != '/') {
			single = 1;
		} else if (hi < lo) {
			hi = lo;
		}
	}
	if (peek(in) == '/') {
		in->i++;
		if (read_number(in, 1, in->f->hi, "a step of 0, out of range "
		    "or not understood", &step))
			return (-1);
	}
	for (hi = single ? lo : hi; lo <= hi; lo += step)
		*bits |= UINT64_C(1) << lo;
	return (0);
}

/* Read one field and the blanks around it. */
static int
read_field(struct in * in, uint64_t * bits)
{
	while (in->i < in->n && is_blank(in->s[in->i]))
		in->i++;
	if (in->i >= in->n)
		return (refuse(in, in->i, "too few fields"));
	*bits = 0;
	for (;;) {
		if (read_element(in, bits))
			return (-1);
		if (peek(in) == '\0' && (in->i >= in->n || in->s[in->i] != '\0'))
			return (0);
		if (peek(in) != ',')
			return (refuse(in, in->i,
			    "something that is no part of a schedule"));
		in->i++;
	}
}

static int
day_of_month_ok(const struct cron * c, int dom)
{
	return ((c->dom >> dom & 1) != 0);
}

/* Whether some month that is asked for has a day that is asked for. */
static int
ever_comes(const struct cron * c)
{
	int m, d;

	if (!c->dom_star && !c->dow_star)
		return (1); /* any weekday will do */
	for (m = 1; m <= 12; m++)
		for (d = 1; d <= civil_month_days(2000, m); d++)
			if ((c->month >> m & 1) && day_of_month_ok(c, d))
				return (1);
	return (0);
}

static int
read_fields(struct in * in, struct cron * c)
{
	uint64_t bits[FIELDS];
	size_t f, at[FIELDS];

	for (f = 0; f < FIELDS; f++) {
		in->f = &fields[f];
		if (read_field(in, &bits[f]))
			return (-1);
		for (at[f] = in->i; at[f] > 0 && !is_blank(in->s[at[f] - 1]);
		    at[f]--)
			continue;
	}
	while (in->i < in->n && is_blank(in->s[in->i]))
		in->i++;
	if (in->i < in->n)
		return (refuse(in, in->i, "more than five fields"));
	c->minute = bits[F_MINUTE];
	c->hour = (uint32_t)bits[F_HOUR];
	c->dom = (uint32_t)bits[F_DOM];
	c->month = (uint16_t)bits[F_MONTH];
	c->dow = (uint8_t)((bits[F_DOW] | bits[F_DOW] >> 7) & 0x7f);
	c->dom_star = in->s[at[F_DOM]] == '*';
	c->dow_star = in->s[at[F_DOW]] == '*';
	if (!ever_comes(c)) {
		in->f = &fields[F_DOM];
		return (refuse(in, at[F_DOM], "a day that none of its months has"));
	}
	return (0);
}

int
cron_parse(const char * s, size_t n, struct cron * c, struct err * e)
{
	struct in in = { s, n, 0, &fields[F_MINUTE], e };
	size_t i;

	while (in.i < n && is_blank(s[in.i]))
		in.i++;
	if (in.i == n || s[in.i] != '@')
		return (read_fields(&in, c));
	while (n > in.i && is_blank(s[n - 1]))
		n--;
	for (i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		if (strlen(aliases[i].name) != n - in.i ||
		    strncasecmp(aliases[i].name, s + in.i, n - in.i) != 0)
			continue;
		in.s = aliases[i].means;
		in.n = strlen(in.s);
		in.i = 0;
		return (read_fields(&in, c));
	}
	return (refuse(&in, in.i, "an unknown name (@hourly, @daily, @midnight, "
	    "@weekly, @monthly, @yearly and @annually are known)"));
}

static int
day_matches(const struct cron * c, int64_t days, int dom)
{
	int by_dom = day_of_month_ok(c, dom);
	int by_dow = c->dow >> civil_weekday(days) & 1;

	return (c->dom_star || c->dow_star ? by_dom && by_dow :
	    by_dom || by_dow);
}

/* The first matching minute of a day at or after ${from}, or -1. */
static int
minute_of_day(const struct cron * c, int from)
{
	uint64_t left;
	int h, m = from % 60;

	for (h = from / 60; h < 24; h++, m = 0)
		if ((c->hour >> h & 1) && (left = c->minute >> m) != 0)
			return (h * 60 + m + __builtin_ctzll(left));
	return (-1);
}

int64_t
cron_next(const struct cron * c, int64_t after_ms)
{
	int64_t minutes, days, end;
	struct civil day;
	int from, found;

	if (after_ms > INT64_MAX - (HORIZON_YEARS + 1) * 366 * DAY_MINUTES *
	    MINUTE_MS)
		return (-1);
	minutes = after_ms / MINUTE_MS - (after_ms % MINUTE_MS < 0) + 1;
	days = minutes / DAY_MINUTES - (minutes % DAY_MINUTES < 0);
	from = (int)(minutes - days * DAY_MINUTES);
	civil_from_days(days, &day);
	end = day.year + HORIZON_YEARS;
	while (day.year <= end) {
		if (!(c->month >> day.month & 1)) {
			days += civil_month_days(day.year, day.month) - day.day;
			day.day = civil_month_days(day.year, day.month);
		} else if (day_matches(c, days, day.day) &&
		    (found = minute_of_day(c, from)) >= 0) {
			return ((days * DAY_MINUTES + found) * MINUTE_MS);
		}
		from = 0;
		days++;
		if (++day.day > civil_month_days(day.year, day.month)) {
			day.day = 1;
			day.year += day.month == 12;
			day.month = day.month % 12 + 1;
		}
	}
	return (-1);
}
