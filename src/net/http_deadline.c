#include "base/clock.h"
#include "net/http_internal.h"

/*
 * One timing wheel for the deadlines of all calls, queued or running: setting
 * and clearing one is a list operation, where a timer of its own (or curl's
 * TIMEOUT_MS) would be several tree operations a request.  A deadline is met up
 * to 17 ms late.
 */

static int64_t
slot_of(int64_t us)
{
	return (us / WHEEL_US + 1);
}

/* Its time ran out, wherever it is. */
static void
expire(struct http_call * c)
{
	http_deadline_clear(c);
	http_err_deadline(c);
	if (c->state == CALL_ACTIVE) {
		http_lane_stop(c);
		http_admit_ended(c);
	} else
		http_admit_unqueue(c);
	http_call_done(c);
}

/* Those of one slot that are due; others come round again. */
static void
turn_slot(struct http * H, int64_t slot, int64_t now)
{
	struct http_calls * head = &H->wheel[slot % WHEEL_SLOTS];
	struct http_calls due = LIST_HEAD_INITIALIZER(due);
	struct http_call * c, * next;

	for (c = LIST_FIRST(head); c != NULL; c = next) {
		next = LIST_NEXT(c, slot);
		if (c->deadline_us <= now) {
			LIST_REMOVE(c, slot);
			LIST_INSERT_HEAD(&due, c, slot);
		}
	}
	/* Taking one call from curl may fail others of its lane: no next kept. */
	while ((c = LIST_FIRST(&due)) != NULL)
		expire(c);
}

static void
wheel_tick(void * arg)
{
	struct http * H = arg;
	int64_t now = clock_mono_us(), last = now / WHEEL_US;

	/* After a long standstill once round is enough. */
	if (last - H->wheel_at > WHEEL_SLOTS)
		H->wheel_at = last - WHEEL_SLOTS;
	while (H->wheel_at <= last)
		turn_slot(H, H->wheel_at++, now);
	if (H->wheel_n > 0)
		loop_timer_start_us(H->wheel_timer, WHEEL_US);
}

int
http_deadline_init(struct http * H)
{
	unsigned i;

	for (i = 0; i < WHEEL_SLOTS; i++)
		LIST_INIT(&H->wheel[i]);
	H->wheel_timer = loop_timer_new(H->L, wheel_tick, H);
	return (H->wheel_timer == NULL ? -1 : 0);
}

void
http_deadline_set(struct http_call * c, int64_t at_us)
{
	struct http * H = c->H;
	int64_t slot = slot_of(at_us);

	http_deadline_clear(c);
	if (H->wheel_n == 0 && !loop_timer_pending(H->wheel_timer)) {
		H->wheel_at = clock_mono_us() / WHEEL_US;
		loop_timer_start_us(H->wheel_timer, WHEEL_US);
	}
	if (slot < H->wheel_at)
		slot = H->wheel_at;
	c->deadline_us = at_us > 0 ? at_us : 1;
	LIST_INSERT_HEAD(&H->wheel[slot % WHEEL_SLOTS], c, slot);
	H->wheel_n++;
}

void
http_deadline_clear(struct http_call * c)
{
	if (c->deadline_us == 0)
		return;
	LIST_REMOVE(c, slot);
	c->deadline_us = 0;
	c->H->wheel_n--;
}

void
http_deadline_fini(struct http * H)
{
	loop_timer_free(H->wheel_timer);
}
