#include "cli/screen.h"

#include <errno.h>
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/interrupt.h"

#define DEFAULT_WIDTH 80
#define DEFAULT_HEIGHT 24

void
screen_measure(struct screen * s)
{
	struct winsize w;

	s->width = s->height = 0;
	if (!s->out_tty)
		return;
	s->width = DEFAULT_WIDTH;
	s->height = DEFAULT_HEIGHT;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0) {
		if (w.ws_col > 0)
			s->width = w.ws_col;
		if (w.ws_row > 0)
			s->height = w.ws_row;
	}
}

void
screen_init(struct screen * s)
{
	const char * term = getenv("TERM"), * no = getenv("NO_COLOR");
	struct stat st;

	memset(s, 0, sizeof(*s));
	setlocale(LC_CTYPE, "");
	s->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	/* Values are UTF-8 in any locale: their widths need one that knows it. */
	if (!s->utf8)
		setlocale(LC_CTYPE, "C.UTF-8");
	s->out_tty = isatty(STDOUT_FILENO);
	s->out_pipe = fstat(STDOUT_FILENO, &st) == 0 && S_ISFIFO(st.st_mode);
	s->err_tty = isatty(STDERR_FILENO);
	s->color = s->out_tty && (no == NULL || *no == '\0') &&
	    term != NULL && strcmp(term, "dumb") != 0;
	screen_measure(s);
}

static void
stderr_write(const char * p, size_t n)
{
	ssize_t w;

	while (n > 0) {
		if ((w = write(STDERR_FILENO, p, n)) < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return;
		p += w;
		n -= (size_t)w;
	}
}

void
screen_clear_progress(struct screen * s)
{
	static const char wipe[] = "\r\033[K";

	if (s->progress)
		stderr_write(wipe, sizeof(wipe) - 1);
	s->progress = 0;
}

void
screen_end_line(struct screen * s)
{
	screen_clear_progress(s);
	if (s->err_tty)
		stderr_write("\n", 1);
}

/* Wait until stdout takes something, or Ctrl-C. */
static int
wait_to_write(void)
{
	struct pollfd p[2] = {
		{ .fd = STDOUT_FILENO, .events = POLLOUT },
		{ .fd = interrupt_fd(), .events = POLLIN },
	};

	return (poll(p, 2, -1) >= 0 || errno == EINTR ? 0 : -1);
}

/* After a failed write: 0 to try again. */
static int
write_failed(int error, struct err * e)
{
	if (error == EINTR && !interrupt_seen())
		return (0);
	if (error == EAGAIN) {
		/* Somebody else made this descriptor non-blocking. */
		if (!interrupt_seen() && wait_to_write() == 0)
			return (0);
	}
	if (interrupt_seen())
		return (err_set(e, ERR_CANCELLED, SCREEN_INTERRUPTED,
		    "interrupted"));
	if (error == EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	return (err_set(e, ERR_PERMANENT, SCREEN_FAILED,
	    "cannot write to standard output: %s", strerror(error)));
}

int
screen_write(struct screen * s, struct buf * b, struct err * e)
{
	size_t done = 0, n;
	ssize_t w;

	if (b->failed)
		return (err_nomem(e, "the output"));
	if (b->len == 0)
		return (0);
	screen_clear_progress(s);
	while (done < b->len) {
		n = b->len - done;
		/* Ctrl-C between this look and a write would not end one into a
		 * full pipe; so little, when there is room, does not wait. */
		if (s->out_pipe && wait_to_write() == 0 && n > PIPE_BUF)
			n = PIPE_BUF;
		/* A write that Ctrl-C stopped half-way says only how much. */
		if (interrupt_seen())
			return (write_failed(EINTR, e));
		w = write(STDOUT_FILENO, b->p + done, n);
		if (w >= 0)
			done += (size_t)w;
		else if (write_failed(errno, e))
			return (-1);
	}
	buf_clear(b);
	s->written_us = clock_mono_us();
	return (0);
}

void
screen_progress(struct screen * s, const char * fmt, ...)
{
	struct winsize w;
	char line[256];
	va_list ap;
	int n;

	if (!s->err_tty)
		return;
	memcpy(line, "\r\033[K", 4);
	va_start(ap, fmt);
	n = vsnprintf(line + 4, sizeof(line) - 4, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	/* What goes on in a second line could not be taken away. */
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 &&
	    (size_t)w.ws_col + 3 < sizeof(line))
		line[w.ws_col + 3] = '\0';
	stderr_write(line, strlen(line));
	s->progress = 1;
}

void
screen_complain(struct screen * s, const char * fmt, ...)
{
	char line[1200];
	size_t i, n = 9, len;
	va_list ap;

	screen_clear_progress(s);
	memcpy(line, "moltler: ", n + 1);
	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - n - 1, fmt, ap);
	va_end(ap);
	/* What a peer says must not drive the terminal; the lines that mark a
	 * place in a statement stay. */
	len = strlen(line);
	for (i = n; i < len; i++) {
		if (line[i] == '\xc2' && (unsigned char)line[i + 1] < 0xa0)
			i++; /* U+0080 to U+009F, controls as well */
		else if (((unsigned char)line[i] >= 0x20 && line[i] != 0x7f) ||
		    line[i] == '\n' || line[i] == '\t')
			line[n++] = line[i];
	}
	line[n++] = '\n';
	stderr_write(line, n);
}
