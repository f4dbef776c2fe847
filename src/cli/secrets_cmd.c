#include "cli/secrets_cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/json.h"
#include "base/utf8.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"

#define VALUE_MAX 65536
#define NAME_LEN 128

const char *
secrets_cmd_usage(int n, char ** args)
{
	if (n == 0)
		return ("secrets needs one of set, list, rm");
	if (strcmp(args[0], "list") == 0)
		return (n > 1 ? "secrets list takes no name" : NULL);
	if (strcmp(args[0], "rm") == 0)
		return (n != 2 ? "it is: secrets rm NAME" : NULL);
	if (strcmp(args[0], "set") == 0)
		return (n != 2 && n != 3 ? "it is: secrets set NAME [VALUE]" :
		    NULL);
	return ("secrets has set, list and rm");
}

static int
name_ok(const char * s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

	return (n > 0 && n <= NAME_LEN && s[n] == '\0');
}

/* ---- where a value comes from ---- */

/* One piece of what comes in: 1, 0 at the end, -1 with errno (EINTR: ^C). */
static int
read_piece(int fd, struct buf * b)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
	    { .fd = interrupt_fd(), .events = POLLIN } };
	char piece[4096];
	ssize_t n;
	int rc = 1;

	if (poll(p, 2, -1) < 0 && errno != EINTR)
		return (-1);
	if (interrupt_seen()) {
		errno = EINTR;
		return (-1);
	}
	if (p[0].revents == 0)
		return (1);
	n = read(fd, piece, sizeof(piece));
	if (n > 0 && buf_add(b, piece, (size_t)n)) {
		errno = EFBIG;
		rc = -1;
	} else if (n <= 0) {
		rc = n < 0 && errno != EINTR ? -1 : n == 0 ? 0 : 1;
	}
	explicit_bzero(piece, sizeof(piece));
	return (rc);
}

static int
read_pipe(struct buf * b)
{
	int rc;

	while ((rc = read_piece(STDIN_FILENO, b)) > 0)
		continue;
	if (rc == 0 && b->len > 0 && b->p[b->len - 1] == '\n')
		b->p[--b->len] = '\0';
	return (rc);
}

/* A line from the terminal, which shows nothing of it. */
static int
ask(int tty, const char * what, const char * name, struct buf * b)
{
	struct termios was, quiet;
	int rc = 1;

	if (tcgetattr(tty, &was) != 0)
		return (-1);
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	quiet.c_lflag |= ICANON | ISIG;
	dprintf(tty, "%s %s: ", what, name);
	if (tcsetattr(tty, TCSAFLUSH, &quiet) != 0)
		return (-1);
	while (rc > 0 && (b->len == 0 || b->p[b->len - 1] != '\n'))
		rc = read_piece(tty, b);
	tcsetattr(tty, TCSAFLUSH, &was);
	dprintf(tty, "\n");
	if (b->len > 0 && b->p[b->len - 1] == '\n')
		b->p[--b->len] = '\0';
	return (rc < 0 ? -1 : 0);
}

static int
ask_twice(const char * name, struct buf * b, const char ** why)
{
	struct buf again = BUF_INIT(VALUE_MAX + 1);
	int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), rc;

	if (tty < 0)
		return (-1);
	buf_reserve(&again, VALUE_MAX);
	rc = ask(tty, "Value of", name, b);
	if (rc == 0)
		rc = ask(tty, "Again, the value of", name, &again);
	if (rc == 0 && (b->len != again.len ||
	    (b->len > 0 && memcmp(b->p, again.p, b->len) != 0))) {
		*why = "the two are not the same; nothing was set";
		rc = -1;
	}
	close(tty);
	buf_wipe(&again);
	return (rc);
}

/* The value into ${b}; 0, or the exit code after having said why. */
static int
get_value(struct screen * scr, int n, char ** args, struct buf * b)
{
	const char * why = NULL;
	int rc;

	/* Never moved while it grows: a copy would stay behind. */
	if (buf_reserve(b, VALUE_MAX + 1)) {
		screen_complain(scr, "out of memory");
		return (EXIT_CODE_FAILED);
	}
	if (n == 3) {
		rc = buf_adds(b, args[2]);
		explicit_bzero(args[2], strlen(args[2]));
		errno = EFBIG;
	} else if (isatty(STDIN_FILENO)) {
		rc = ask_twice(args[1], b, &why);
	} else {
		rc = read_pipe(b);
	}
	if (rc == 0 && b->len > 0 && b->len <= VALUE_MAX &&
	    memchr(b->p, '\0', b->len) == NULL &&
	    utf8_check(b->p, b->len) == b->len)
		return (0);
	if (interrupt_seen()) {
		screen_end_line(scr);
		return (EXIT_CODE_INTERRUPTED);
	}
	if (why != NULL)
		screen_complain(scr, "%s", why);
	else if (b->len > VALUE_MAX || (rc != 0 && errno == EFBIG))
		screen_complain(scr, "a secret has at most %d bytes",
		    VALUE_MAX);
	else if (rc != 0)
		screen_complain(scr, "cannot read the value: %s",
		    strerror(errno));
	else
		screen_complain(scr, b->len == 0 ? "a secret cannot be empty" :
		    "a secret is text in UTF-8 without NUL bytes");
	return (EXIT_CODE_USAGE);
}

/* ---- the commands ---- */

static int
finish(struct screen * scr, int rc, const struct err * e)
{
	if (rc == 0)
		return (EXIT_CODE_DONE);
	if (client_http_exit_code(e) == EXIT_CODE_INTERRUPTED)
		screen_end_line(scr);
	else
		screen_complain(scr, "%s", e->msg);
	return (client_http_exit_code(e));
}

static int
set(struct client_http * c, struct screen * scr, int n, char ** args)
{
	struct buf value = BUF_INIT(VALUE_MAX + 1), body = BUF_INIT(0),
	    out = BUF_INIT(65536);
	char path[NAME_LEN + 32];
	struct err e;
	int rc;

	if ((rc = get_value(scr, n, args, &value)) != 0) {
		buf_wipe(&value);
		return (rc);
	}
	snprintf(path, sizeof(path), "/v1/secrets/%s", args[1]);
	buf_reserve(&body, value.len * 6 + 32);
	buf_adds(&body, "{\"value\":");
	buf_add_json_str(&body, value.p, value.len);
	buf_addc(&body, '}');
	rc = body.failed ? err_nomem(&e, "the secret") :
	    client_http_send(c, "PUT", path, body.p, body.len, &out, &e);
	buf_wipe(&value);
	buf_wipe(&body);
	buf_free(&out);
	return (finish(scr, rc, &e));
}

static int
rm(struct client_http * c, struct screen * scr, const char * name)
{
	struct buf out = BUF_INIT(65536);
	char path[NAME_LEN + 32];
	struct err e;
	int rc;

	snprintf(path, sizeof(path), "/v1/secrets/%s", name);
	rc = client_http_send(c, "DELETE", path, NULL, 0, &out, &e);
	buf_free(&out);
	return (finish(scr, rc, &e));
}

/* The names, one a line; or the daemon's answer. */
static int
list(struct client_http * c, struct screen * scr, enum output_format f)
{
	struct buf body = BUF_INIT((size_t)64 << 20), out = BUF_INIT(0);
	json_t * o = NULL, * item;
	const char * name;
	struct err e;
	size_t i;
	int rc;

	rc = client_http_get(c, "/v1/secrets", &body, &e);
	if (rc == 0 && (o = json_parse(body.p ? body.p : "", body.len,
	    "/v1/secrets", &e)) == NULL)
		rc = -1;
	if (rc == 0 && f == OUTPUT_JSON)
		buf_add(&out, body.p, body.len);
	else if (rc == 0)
		json_array_foreach(json_object_get(o, "items"), i, item)
			if ((name = json_str(item, "name")) != NULL &&
			    name_ok(name))
				buf_addf(&out, "%s\n", name);
	if (rc == 0)
		rc = screen_write(scr, &out, &e);
	json_decref(o);
	buf_free(&body);
	buf_free(&out);
	return (finish(scr, rc, &e));
}

int
secrets_cmd_run(struct client_http * c, struct screen * scr,
    enum output_format f, int n, char ** args)
{
	if (strcmp(args[0], "list") == 0)
		return (list(c, scr, f));
	if (!name_ok(args[1])) {
		if (n == 3)
			explicit_bzero(args[2], strlen(args[2]));
		screen_complain(scr, "a secret's name holds letters, digits, "
		    "_ . and -, at most %d of them, not \"%.140s\"", NAME_LEN,
		    args[1]);
		return (EXIT_CODE_USAGE);
	}
	return (strcmp(args[0], "rm") == 0 ? rm(c, scr, args[1]) :
	    set(c, scr, n, args));
}
