#include "target/elastic_retry.h"

#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"

#define BASE_MS 250
#define LONGEST_MS 30000

int
elastic_retry_wait(struct elastic_retry * r, struct loop * L,
    int64_t max_ms, struct err * e, void (*cb)(void *), void * arg)
{
	int64_t now = clock_mono_us(), wait, gone;

	if (e->cls != ERR_TRANSIENT)
		return (-1);
	if (r->tries == 0)
		r->since_us = now;
	gone = (now - r->since_us) / 1000;
	wait = backoff_ms(r->tries, BASE_MS, LONGEST_MS, arc4random());
	/* Right before the end once more, but not beyond it. */
	if (wait > max_ms - gone && gone < max_ms - BASE_MS)
		wait = max_ms - gone;
	if (e->retry_after_ms > wait)
		wait = e->retry_after_ms;
	if (gone + wait > max_ms) {
		if (r->tries > 0)
			err_prefix(e, "tried %u times in %lld s", r->tries + 1,
			    (long long)(gone / 1000));
		return (-1);
	}
	if (r->timer == NULL &&
	    (r->timer = loop_timer_new(L, cb, arg)) == NULL)
		return (err_nomem(e, "a timer"));
	r->tries++;
	loop_timer_start(r->timer, wait);
	return (0);
}

void
elastic_retry_well(struct elastic_retry * r)
{
	r->tries = 0;
}

void
elastic_retry_end(struct elastic_retry * r)
{
	loop_timer_free(r->timer);
	memset(r, 0, sizeof(*r));
}
