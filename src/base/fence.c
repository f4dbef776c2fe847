#include "base/fence.h"

/* What is in no clock's reach was never given: what comes must not lie above it for
 * good. */
#define FENCE_MAX (INT64_C(1) << 48)

static int64_t seen;

void
fence_see(int64_t fence)
{
	if (fence > seen && fence < FENCE_MAX)
		seen = fence;
}

int64_t
fence_seen(void)
{
	return (seen);
}
