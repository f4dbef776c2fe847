#ifndef MOLTLER_BASE_CIVIL_H
#define MOLTLER_BASE_CIVIL_H

#include <stdint.h>

/* A day of the proleptic Gregorian calendar; year 0 is 1 BC. */
struct civil {
	int64_t year;
	int month; /* 1 to 12 */
	int day;   /* 1 to 31 */
};

/** civil_from_days(days, c): The day ${days} after 1970-01-01 (may be < 0). */
void civil_from_days(int64_t days, struct civil * c);

/** civil_to_days(year, month, day): Its inverse; the day must exist. */
int64_t civil_to_days(int64_t year, int month, int day);

/** civil_month_days(year, month): How many days the month has. */
int civil_month_days(int64_t year, int month);

/** civil_weekday(days): 0 for Sunday to 6, of the day ${days} after 1970-01-01. */
int civil_weekday(int64_t days);

#endif
