#include "fair.h"

#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define TRIES 10

int64_t __wrap_clock_mono_us(void);

int64_t
wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
}

/* How long this process's main thread has waited for a processor. */
static int64_t
waited_us(void)
{
	static int fd = -2;
	char text[128], * end;
	ssize_t n;

	if (fd == -2)
		fd = open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC);
	if (fd == -1 || (n = pread(fd, text, sizeof(text) - 1, 0)) <= 0)
		return (0);
	text[n] = '\0';
	(void)strtoll(text, &end, 10); /* how long it ran */
	return (strtoll(end, NULL, 10) / 1000);
}

int64_t
fair_us(void)
{
	static int64_t last;
	int64_t before = waited_us(), after, now;
	int i;

	/* A wait that falls between the two readings belongs to neither. */
	for (i = 0; i < TRIES; i++, before = after) {
		now = wall_us() - before;
		if ((after = waited_us()) == before)
			break;
	}
	if (now > last)
		last = now;
	return (last);
}

int64_t
__wrap_clock_mono_us(void)
{
	return (fair_us());
}
