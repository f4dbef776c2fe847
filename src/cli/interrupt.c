#include "config.h"

#include "cli/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

static volatile sig_atomic_t seen;
static volatile sig_atomic_t ending;
static int fds[2] = { -1, -1 };

static void
on_sigint(int sig)
{
	int saved = errno;
	ssize_t n;

	if (sig != SIGINT)
		ending = 1;
	seen = 1;
	n = write(fds[1], "", 1);
	(void)n;
	errno = saved;
}

int
interrupt_setup(void)
{
	struct sigaction sa;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return (-1);
	memset(&sa, 0, sizeof(sa));
	sigemptyset(&sa.sa_mask);
	/* No SA_RESTART: a write to a full pipe must end too. */
	sa.sa_flags = (int)SA_RESETHAND;
	sa.sa_handler = on_sigint;
	if (sigaction(SIGINT, &sa, NULL))
		return (-1);
	/* OpenSSL writes plainly; a reader that leaves is seen as EPIPE. */
	sa.sa_flags = 0;
	sa.sa_handler = SIG_IGN;
	return (sigaction(SIGPIPE, &sa, NULL));
}

int
interrupt_keep(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sigemptyset(&sa.sa_mask);
	sa.sa_handler = on_sigint;
	return (sigaction(SIGINT, &sa, NULL) || sigaction(SIGTERM, &sa, NULL) ||
	    sigaction(SIGHUP, &sa, NULL) ? -1 : 0);
}

void
interrupt_reset(void)
{
	char piece[64];

	/* Once told to end, everything that waits goes on ending. */
	if (ending)
		return;
	seen = 0;
	while (read(fds[0], piece, sizeof(piece)) > 0)
		continue;
}

int
interrupt_ending(void)
{
	return (ending);
}

int
interrupt_seen(void)
{
	return (seen);
}

int
interrupt_fd(void)
{
	return (fds[0]);
}

int
interrupt_sleep(int ms)
{
	int64_t end = clock_mono_us() + (int64_t)ms * 1000, left;
	struct pollfd p;

	while (!seen && (left = end - clock_mono_us()) > 0) {
		p.fd = fds[0];
		p.events = POLLIN;
		(void)poll(&p, 1, (int)(left / 1000) + 1);
	}
	return (seen ? -1 : 0);
}
