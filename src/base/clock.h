#ifndef MOLTLER_BASE_CLOCK_H
#define MOLTLER_BASE_CLOCK_H

#include <stdint.h>

/** clock_wall_ms(): Milliseconds since 1970-01-01T00:00:00Z; may step. */
int64_t clock_wall_ms(void);

/** clock_mono_us(): Microseconds of a clock that never steps. */
int64_t clock_mono_us(void);

/**
 * clock_set_fake(wall_ms, mono_us):
 * From now on both clocks stand still at these values until the next call;
 * negative values give the real clocks back.  For replay tests.
 */
void clock_set_fake(int64_t wall_ms, int64_t mono_us);

#endif
