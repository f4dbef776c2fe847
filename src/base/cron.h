#ifndef MOLTLER_BASE_CRON_H
#define MOLTLER_BASE_CRON_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* A parsed schedule: one bit a permitted value. */
struct cron {
	uint64_t minute;
	uint32_t hour;
	uint32_t dom;
	uint16_t month;
	uint8_t dow;
	uint8_t dom_star; /* whether the field began with a star: POSIX's rule */
	uint8_t dow_star;
};

/**
 * cron_parse(s, n, c, e):
 * Read a five-field schedule (POSIX crontab; ranges, lists, steps, three-letter
 * month and day names in any case, 7 for Sunday, @hourly @daily @midnight
 * @weekly @monthly @yearly @annually) into ${c}.  When both day fields are
 * restricted a day matches if either does.  Errors: config, naming the field
 * and the byte offset; also a schedule that never comes (30 February).
 */
int cron_parse(const char * s, size_t n, struct cron * c, struct err * e)
    MUST_CHECK;

/**
 * cron_next(c, after_ms):
 * Return the first matching minute strictly after ${after_ms} (milliseconds
 * since 1970, UTC), or -1 if there is none within 30 years.
 */
int64_t cron_next(const struct cron * c, int64_t after_ms);

#endif
