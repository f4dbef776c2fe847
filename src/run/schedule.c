#include "run/schedule.h"

#include <string.h>

#include "base/hash64.h"

int64_t
schedule_bucket(int64_t now_ms, int64_t every_ms)
{
	int64_t r = now_ms % every_ms;

	return (now_ms - (r < 0 ? r + every_ms : r));
}

/* The slots a piece has, and how far they lie apart at most. */
#define SLOTS 20
#define SLOT_MAX_MS 250

int64_t
schedule_offset(const char * id, int64_t every_ms)
{
	uint64_t h = hash64(UINT64_C(0x7363686564756c65), id, strlen(id));
	int64_t slot = every_ms / SLOTS;

	if (slot > SLOT_MAX_MS)
		slot = SLOT_MAX_MS;
	if (slot < 1)
		slot = 1;
	return ((int64_t)(h % (uint64_t)(every_ms / slot)) * slot);
}

int64_t
schedule_next(int64_t now_ms, int64_t every_ms, int64_t offset_ms,
    int64_t done)
{
	int64_t bucket = schedule_bucket(now_ms, every_ms);

	if (done != INT64_MIN && done > bucket + every_ms)
		done = bucket;
	if (done != INT64_MIN && done >= bucket)
		bucket = done + every_ms;
	while (bucket + offset_ms < now_ms)
		bucket += every_ms;
	return (bucket + offset_ms);
}
