#include "base/duration.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct unit {
	const char * name;
	int64_t ms;
} units[] = { /* largest first */
	{ "w", INT64_C(604800000) }, { "d", 86400000 }, { "h", 3600000 },
	{ "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};
#define UNITS (sizeof(units) / sizeof(units[0]))

/* How much of a wrong text an error shows. */
#define SHOWN 40

static int
refuse(struct err * e, const char * s, size_t n, const char * why, size_t at)
{
	return (err_set(e, ERR_CONFIG, "duration",
	    "\"%.*s\"%s is not a duration: %s at byte %zu; write it as 250ms, "
	    "5m, 1h30m or 7d", (int)(n < SHOWN ? n : SHOWN), s,
	    n > SHOWN ? "..." : "", why, at));
}

/* The unit whose name is the letters at ${s}, or UNITS. */
static size_t
find_unit(const char * s, size_t n, size_t * len)
{
	size_t i, k = 0;

	while (k < n && (s[k] < '0' || s[k] > '9'))
		k++;
	*len = k;
	for (i = 0; i < UNITS; i++)
		if (strlen(units[i].name) == k && memcmp(units[i].name, s, k) == 0)
			break;
	return (i);
}

int
duration_parse(const char * s, size_t n, int64_t * ms, struct err * e)
{
	int64_t total = 0, v;
	size_t i = 0, from, u, next = 0, len;

	if (n == 1 && s[0] == '0') {
		*ms = 0;
		return (0);
	}
	if (n == 0)
		return (refuse(e, "", 0, "a number is missing", 0));
	while (i < n) {
		from = i;
		for (v = 0; i < n && s[i] >= '0' && s[i] <= '9'; i++)
			if (__builtin_mul_overflow(v, 10, &v) ||
			    __builtin_add_overflow(v, s[i] - '0', &v))
				return (refuse(e, s, n, "too large a number",
				    from));
		if (i == from)
			return (refuse(e, s, n, "a number is missing", i));
		u = find_unit(s + i, n - i, &len);
		if (u == UNITS)
			return (refuse(e, s, n, len ? "unknown unit" :
			    "a unit (ms, s, m, h, d, w) is missing", i));
		if (u < next)
			return (refuse(e, s, n,
			    "a unit twice or not largest first", i));
		if (__builtin_mul_overflow(v, units[u].ms, &v) ||
		    __builtin_add_overflow(total, v, &total))
			return (refuse(e, s, n, "too large a number", from));
		next = u + 1;
		i += len;
	}
	*ms = total;
	return (0);
}

void
duration_format(int64_t ms, char out[DURATION_LEN])
{
	size_t u, len = 0;

	if (ms <= 0) {
		snprintf(out, DURATION_LEN, "0s");
		return;
	}
	/* No weeks: 90d says more to people than 12w6d. */
	for (u = 1; u < UNITS; u++) {
		if (ms < units[u].ms)
			continue;
		len += (size_t)snprintf(out + len, DURATION_LEN - len,
		    "%" PRId64 "%s", ms / units[u].ms, units[u].name);
		ms %= units[u].ms;
	}
}

void
duration_ago(int64_t ms, char out[DURATION_LEN])
{
	static const struct {
		const char * name;
		int64_t ms;
	} words[] = {
		{ "year", INT64_C(31557600000) }, { "day", 86400000 },
		{ "hour", 3600000 }, { "minute", 60000 }, { "second", 1000 },
	};
	int64_t n;
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (ms < words[i].ms)
			continue;
		n = ms / words[i].ms;
		snprintf(out, DURATION_LEN, "%" PRId64 " %s%s ago", n,
		    words[i].name, n == 1 ? "" : "s");
		return;
	}
	snprintf(out, DURATION_LEN, "just now");
}
