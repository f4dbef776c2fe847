#include "fair.h"

#include <fcntl.h>
#include <stdio.h>
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

/* How long a process's main thread has waited for a processor. */
static int64_t
read_waited_us(int fd)
{
	char text[128], * end;
	ssize_t n;

	if (fd == -1 || (n = pread(fd, text, sizeof(text) - 1, 0)) <= 0)
		return (0);
	text[n] = '\0';
	(void)strtoll(text, &end, 10); /* how long it ran */
	return (strtoll(end, NULL, 10) / 1000);
}

static int64_t
waited_us(void)
{
	static int fd = -2;

	if (fd == -2)
		fd = open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC);
	return (read_waited_us(fd));
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

void
fair_live(pid_t pid, int64_t us)
{
	int64_t begun = wall_us(), wall;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	usleep((useconds_t)us);
	while ((wall = wall_us() - begun) < 30 * us &&
	    wall - read_waited_us(fd) < us)
		usleep(1000);
	if (fd != -1)
		close(fd);
}

int64_t
__wrap_clock_mono_us(void)
{
	return (fair_us());
}
