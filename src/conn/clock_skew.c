#include "conn/clock_skew.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "conn/answer_rules.h"

/* Services bear minutes: what is nearer is not why it was refused. */
#define LEAST_MS INT64_C(60000)
/* Clocks that run wrong are not off by more; and nobody gets a signature that is
 * good in a year. */
#define MOST_MS INT64_C(86400000)

int64_t
clock_skew_now(const struct connector * c)
{
	return (clock_wall_ms() + c->clock_ms);
}

int
clock_skew_learn(struct connector * c, const struct http_res * res,
    int64_t used_ms)
{
	int64_t date, off;

	if (!answer_says(c->m, res, DO_CLOCK) ||
	    (date = http_res_date(res)) <= 0)
		return (0);
	off = date - clock_wall_ms();
	if (llabs(off) > MOST_MS || llabs(off - used_ms) < LEAST_MS)
		return (0);
	/* Requests side by side learn the same. */
	if (llabs(off - c->clock_ms) >= LEAST_MS) {
		c->clock_ms = off;
		log_event(LOG_WARN, "clock_is_off", LOG_S("connector", c->name),
		    LOG_I("by_ms", off), LOG_S("hint", "the service's clock is "
		    "another: requests are signed with its time; set this "
		    "machine's clock, best by NTP"));
	}
	return (1);
}
