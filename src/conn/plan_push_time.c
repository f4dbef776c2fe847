/* Times as SQL writes them, and as a service takes them. */
#include "conn/plan_push_internal.h"

#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/rfc3339.h"

#define OPS_LOWER (OP_GT | OP_GE)
#define OPS_UPPER (OP_LT | OP_LE)

/* Years 1 to 9999, in ms: no service knows others. */
#define MIN_MS INT64_C(-62135596800000)
#define MAX_MS INT64_C(253402300799999)

int
plan_push_time_of(const struct value * v, int64_t * ms)
{
	char s[64];
	size_t n = v->len, date = 10;

	if (v->type != VALUE_TEXT || n < date || n > sizeof(s) - 12)
		return (-1);
	memcpy(s, v->s, n);
	s[n] = '\0';
	if (n == date)
		strcpy(s + n, "T00:00:00Z");
	else if (n == date + 6)
		strcpy(s + n, ":00Z");
	else if (strpbrk(s + date, "Zz+-") == NULL)
		strcpy(s + n, "Z");
	if (rfc3339_parse(s, strlen(s), ms, NULL) || *ms < MIN_MS ||
	    *ms > MAX_MS)
		return (-1);
	return (0);
}

static int64_t
floor_to(int64_t ms, int64_t unit)
{
	int64_t rest = ms % unit;

	return (ms - (rest < 0 ? rest + unit : rest));
}

/* To what a rule's words can say. */
static int64_t
unit_of(const struct manifest_push * rule)
{
	int64_t unit = rule->round_ms, least = 1000;
	const char * f = rule->own.format;

	if (rule->time == TIME_EPOCH_MS || rule->time == TIME_EPOCH_US)
		least = 1;
	if (rule->time == TIME_STRFTIME && f != NULL) {
		if (strstr(f, "%S") == NULL && strstr(f, "%T") == NULL &&
		    strstr(f, "%s") == NULL && strstr(f, "%X") == NULL)
			least = 60000;
		if (least > 1000 && strstr(f, "%M") == NULL &&
		    strstr(f, "%R") == NULL)
			least = 3600000;
		if (least > 60000 && strstr(f, "%H") == NULL)
			least = 86400000;
	}
	if (unit <= 0)
		unit = 1000;
	return (unit > least ? unit : least);
}

static json_t *
time_json(const struct manifest_push * rule, int64_t ms)
{
	char s[128];
	struct tm tm;
	time_t t = (time_t)(floor_to(ms + rule->own.zone_ms, 1000) / 1000);

	switch (rule->time) {
	case TIME_EPOCH_S:
		return (json_integer(floor_to(ms, 1000) / 1000));
	case TIME_EPOCH_MS:
		return (json_integer(ms));
	case TIME_EPOCH_US:
		return (json_integer(ms * 1000));
	case TIME_STRFTIME:
		if (rule->own.format == NULL || gmtime_r(&t, &tm) == NULL)
			return (NULL);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		if (strftime(s, sizeof(s), rule->own.format, &tm) == 0)
			return (NULL);
#pragma GCC diagnostic pop
		return (json_string(s));
	case TIME_ISO8601:
		break;
	}
	rfc3339_format(ms, s);
	return (json_string(s));
}

/* Where the unit begins that ${ms} is in: days are those of the rule's zone. */
static int64_t
floor_in(const struct manifest_push * rule, int64_t ms)
{
	return (floor_to(ms + rule->own.zone_ms, unit_of(rule)) -
	    rule->own.zone_ms);
}

static int64_t
lower_ms(const struct manifest_push * rule, int64_t ms)
{
	return (floor_in(rule, ms - rule->widen_ms));
}

int
plan_push_place(const struct manifest_column * col, const struct value * v,
    int64_t * at)
{
	if (col->type == COLUMN_TIMESTAMP)
		return (plan_push_time_of(v, at));
	if (col->type != COLUMN_INTEGER || v->type != VALUE_INT)
		return (-1);
	*at = v->i;
	return (0);
}

int
plan_push_from(const struct manifest_column * col,
    const struct manifest_push * rule, const struct value * v, int64_t * at)
{
	if (rule->values != NULL || plan_push_place(col, v, at))
		return (-1);
	if (col->type == COLUMN_TIMESTAMP)
		*at = lower_ms(rule, *at);
	return (0);
}

/*
 * A bound moves outwards.  Rows show times cut to what the service sends, so
 * "at most t" has to let through what lies within the unit that begins at t.
 */
json_t *
plan_push_time(const struct manifest_push * rule, unsigned op,
    const struct value * v, int * exact)
{
	int64_t ms, was;

	if (plan_push_time_of(v, &ms))
		return (NULL);
	was = ms;
	if (rule->within_ms > 0 && ms < clock_wall_ms() - rule->within_ms)
		return (NULL);
	if (op & OPS_LOWER) {
		ms = lower_ms(rule, ms);
		*exact &= ms == was && op == OP_GE;
	} else if (op & OPS_UPPER) {
		ms += rule->widen_ms;
		ms = op == OP_LE || floor_in(rule, ms) != ms ?
		    floor_in(rule, ms) + unit_of(rule) : ms;
		/* Whether the service lets through the bound itself is not
		 * said. */
		*exact = 0;
	} else if (rule->widen_ms != 0 || floor_in(rule, ms) != ms) {
		return (NULL);
	}
	if (ms < MIN_MS || ms > MAX_MS)
		return (NULL);
	return (time_json(rule, ms));
}
