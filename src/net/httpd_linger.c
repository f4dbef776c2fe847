#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/httpd_internal.h"

/*
 * Closing a socket with unread bytes resets it, and the reset may overtake
 * the answer.  So after an answer that came before the end of the question,
 * keep the socket a moment, read and forget what comes, until the client has
 * closed too; for at most two seconds, so many at a time and so many bytes.
 */
#define LINGER_BYTES ((size_t)16 << 20)

struct httpd_linger {
	TAILQ_ENTRY(httpd_linger) link;
	struct httpd * S;
	struct loop_io * io;
	int fd;
	int64_t since_us;
	size_t seen;
};

static void
linger_end(struct httpd_linger * l)
{
	TAILQ_REMOVE(&l->S->lingering, l, link);
	l->S->nlingering--;
	loop_io_free(l->io);
	close(l->fd);
	free(l);
}

static void
linger_read(void * arg, int fd, int events)
{
	static char sink[65536];
	struct httpd_linger * l = arg;
	ssize_t n;

	(void)events;
	n = recv(fd, sink, sizeof(sink), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		l->seen += (size_t)n;
	if (n <= 0 || l->seen > LINGER_BYTES)
		linger_end(l);
}

void
httpd_linger_start(struct httpd * S, int fd)
{
	struct httpd_linger * l;

	if (S->nlingering >= HTTPD_LINGER_MAX ||
	    (l = calloc(1, sizeof(*l))) == NULL)
		return;
	/* evhttp closes its own descriptor, and before that sends our FIN. */
	if ((l->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1) {
		free(l);
		return;
	}
	l->S = S;
	l->since_us = clock_mono_us();
	TAILQ_INSERT_TAIL(&S->lingering, l, link);
	S->nlingering++;
	l->io = loop_io_new(S->loop, l->fd, LOOP_PRIO_LOW, linger_read, l);
	if (l->io == NULL || loop_io_set(l->io, LOOP_READ))
		linger_end(l);
}

void
httpd_linger_sweep(struct httpd * S, int64_t before_us)
{
	struct httpd_linger * l;

	while ((l = TAILQ_FIRST(&S->lingering)) != NULL &&
	    l->since_us <= before_us)
		linger_end(l);
}
