#include "base/civil.h"

/*
 * The year is counted from 1 March, so that the leap day is its last day and
 * the months before it follow a pattern of five (153 days), and in eras of
 * 400 years (146097 days), which are all alike.  1970-01-01 is day 719468 of
 * era 0.
 */
#define ERA_DAYS 146097
#define EPOCH_DAY 719468

static int64_t
floor_div(int64_t a, int64_t b)
{
	return (a / b - (a % b < 0));
}

void
civil_from_days(int64_t days, struct civil * c)
{
	int64_t z = days + EPOCH_DAY, era = floor_div(z, ERA_DAYS);
	int doe = (int)(z - era * ERA_DAYS);
	int yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int mp = (5 * doy + 2) / 153;

	c->day = doy - (153 * mp + 2) / 5 + 1;
	c->month = mp < 10 ? mp + 3 : mp - 9;
	c->year = era * 400 + yoe + (c->month <= 2);
}

int64_t
civil_to_days(int64_t year, int month, int day)
{
	int64_t y = year - (month <= 2), era = floor_div(y, 400);
	int yoe = (int)(y - era * 400);
	int doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return (era * ERA_DAYS + yoe * 365 + yoe / 4 - yoe / 100 + doy -
	    EPOCH_DAY);
}

int
civil_month_days(int64_t year, int month)
{
	if (month == 2)
		return (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ?
		    29 : 28);
	return (month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31);
}

int
civil_weekday(int64_t days)
{
	/* 1970-01-01 was a Thursday. */
	return ((int)(days + 4 - 7 * floor_div(days + 4, 7)));
}
