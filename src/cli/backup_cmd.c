#include "cli/backup_cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"

#define NDJSON "application/x-ndjson"
#define TEXT_MAX ((size_t)64 << 20)
#define HEAD_MAX ((size_t)64 << 10)
#define SHOWN 20 /* names in a line */

static int
finish(struct screen * scr, int rc, const struct err * e)
{
	if (rc == 0)
		return (EXIT_CODE_DONE);
	if (strcmp(e->code, CLIENT_HTTP_INTERRUPTED) == 0) {
		screen_end_line(scr);
		return (EXIT_CODE_INTERRUPTED);
	}
	screen_complain(scr, "%s", e->msg);
	return (strcmp(e->code, CLIENT_HTTP_UNREACHABLE) == 0 ?
	    EXIT_CODE_UNREACHABLE : EXIT_CODE_FAILED);
}

static int
file_error(struct err * e, const char * what, const char * path)
{
	return (err_set(e, ERR_PERMANENT, "client_file", "cannot %s %s: %s",
	    what, path, strerror(errno)));
}

/* ---- backup ---- */

struct save {
	struct screen * scr;
	int fd;          /* -1: to standard output */
	const char * path;
	struct buf head; /* the first line */
	struct buf out;
};

static int
on_data(void * arg, const char * p, size_t n, struct err * e)
{
	struct save * s = arg;
	const char * nl = memchr(p, '\n', n);
	ssize_t done;

	if (s->head.len == 0 || s->head.p[s->head.len - 1] != '\n')
		(void)buf_add(&s->head, p, nl != NULL ? (size_t)(nl + 1 - p) :
		    n);
	if (s->fd < 0)
		return (buf_add(&s->out, p, n) ? err_nomem(e, "the backup") :
		    screen_write(s->scr, &s->out, e));
	for (; n > 0; p += done, n -= (size_t)done) {
		done = write(s->fd, p, n);
		if (done < 0 && errno == EINTR)
			done = 0;
		if (done < 0)
			return (file_error(e, "write", s->path));
	}
	return (0);
}

static int
fetch(struct client_http * c, struct save * s, struct err * e)
{
	const struct client_http_sink sink = { on_data, NULL, s };
	const struct client_http_req r = { .path = "/v1/backup",
	    .accept = NDJSON };

	return (client_http_call(c, &r, &sink, e));
}

/* Put it on the disk under its name. */
static int
put_in_place(int fd, const char * tmp, const char * path, int force,
    struct err * e)
{
	char * dir = strdup(path), * slash;
	int d, rc = 0;

	if (dir == NULL)
		return (err_nomem(e, "the backup"));
	if (fsync(fd) != 0)
		rc = file_error(e, "write", tmp);
	else if (force && rename(tmp, path) != 0)
		rc = file_error(e, "write", path);
	/* Unlike rename, a link replaces nothing; some file systems have none. */
	else if (!force && link(tmp, path) == 0)
		unlink(tmp);
	else if (!force && ((errno != EPERM && errno != EOPNOTSUPP) ||
	    rename(tmp, path) != 0))
		rc = file_error(e, "write", path);
	slash = strrchr(dir, '/');
	if (slash != NULL)
		slash[slash == dir] = '\0';
	d = open(slash != NULL ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d >= 0) {
		(void)fsync(d);
		close(d);
	}
	free(dir);
	return (rc);
}

static const char *
plural(json_int_t n)
{
	return (n == 1 ? "" : "s");
}

static void
add_counts(struct buf * b, const json_t * o, const char * const keys[4])
{
	static const char * const words[] = { "connector", "sync", "cursor",
	    "secret" };
	json_int_t n;
	int i;

	for (i = 0; i < 4; i++) {
		n = json_int(o, keys[i], 0);
		buf_addf(b, "%s%lld %s%s", i > 0 ? ", " : "", (long long)n,
		    words[i], plural(n));
	}
}

static int
say_saved(struct save * s, struct err * e)
{
	static const char * const keys[] = { "connector", "sync", "cursor",
	    "secret" };
	json_t * o = json_parse(s->head.p != NULL ? s->head.p : "", s->head.len,
	    "the backup", e);
	struct buf b = BUF_INIT(0);
	int rc;

	if (o == NULL)
		return (-1);
	buf_addf(&b, "%s: ", s->path);
	add_counts(&b, json_object_get(o, "counts"), keys);
	if (json_int(json_object_get(o, "counts"), "secret", 0) > 0)
		buf_adds(&b, " (sealed: keep a copy of the master key, too)");
	buf_addc(&b, '\n');
	rc = screen_write(s->scr, &b, e);
	buf_free(&b);
	json_decref(o);
	return (rc);
}

static int
save(struct client_http * c, struct screen * scr, const struct backup_cmd * b)
{
	struct save s = { .scr = scr, .fd = -1, .path = b->file,
	    .head = BUF_INIT(HEAD_MAX) };
	struct buf tmp = BUF_INIT(0);
	struct err e;
	int rc;

	if (strcmp(b->file, "-") == 0) {
		rc = fetch(c, &s, &e);
		goto out;
	}
	if (!b->force && access(b->file, F_OK) == 0) {
		rc = err_set(&e, ERR_CONFIG, "client_file", "%s is there "
		    "already; --force replaces it", b->file);
		goto out;
	}
	buf_addf(&tmp, "%s.part-%d", b->file, (int)getpid());
	if (tmp.failed) {
		rc = err_nomem(&e, "the backup");
		goto out;
	}
	s.fd = open(tmp.p, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (s.fd < 0) {
		rc = file_error(&e, "write", tmp.p);
		goto out;
	}
	if ((rc = fetch(c, &s, &e)) == 0)
		rc = put_in_place(s.fd, tmp.p, b->file, b->force, &e);
	if (rc != 0)
		unlink(tmp.p);
	else
		rc = say_saved(&s, &e);
	close(s.fd);
out:
	buf_free(&tmp);
	buf_free(&s.head);
	buf_free(&s.out);
	return (finish(scr, rc, &e));
}

/* ---- restore ---- */

static int
read_all(const char * path, struct buf * b, struct err * e)
{
	int is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	char piece[65536];
	ssize_t n;
	int rc = 0;

	if (is_stdin)
		path = "standard input";
	if (fd < 0)
		return (file_error(e, "read", path));
	while ((n = read(fd, piece, sizeof(piece))) != 0) {
		if (interrupt_seen()) {
			rc = err_set(e, ERR_CANCELLED, CLIENT_HTTP_INTERRUPTED,
			    "interrupted");
			break;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			rc = file_error(e, "read", path);
			break;
		}
		if (buf_add(b, piece, (size_t)n)) {
			rc = err_set(e, ERR_PERMANENT, "too_large", "%s is "
			    "larger than %zu MiB: it is no backup", path,
			    TEXT_MAX >> 20);
			break;
		}
	}
	if (!is_stdin)
		close(fd);
	if (rc == 0 && b->len == 0)
		rc = err_set(e, ERR_PERMANENT, "no_backup", "%s is empty", path);
	return (rc);
}

static int
call(struct client_http * c, const char * method, const char * path,
    const char * type, const char * body, size_t len, struct buf * out,
    struct err * e)
{
	const struct client_http_sink sink = { client_http_keep, NULL, out };
	const struct client_http_req r = { .method = method, .path = path,
	    .accept = "application/json", .type = type, .body = body,
	    .len = len };

	buf_clear(out);
	return (client_http_call(c, &r, &sink, e));
}

/* The daemon says in which pieces it takes it. */
static int
send_all(struct client_http * c, const struct backup_cmd * b,
    const struct buf * text, struct buf * out, struct err * e)
{
	struct buf line = BUF_INIT(0);
	json_t * o = NULL;
	const char * id;
	size_t piece, at, n;
	int rc;

	buf_addf(&line, "{\"bytes\":%zu}", text->len);
	rc = line.failed ? err_nomem(e, "the backup") : call(c, NULL,
	    "/v1/restore", NULL, line.p, line.len, out, e);
	if (rc == 0 && (o = json_parse(out->p ? out->p : "", out->len,
	    "the daemon's answer", e)) == NULL)
		rc = -1;
	id = json_str(o, "id");
	piece = (size_t)json_int(o, "piece", 0);
	if (rc == 0 && (id == NULL || strlen(id) > 64 || piece < 1))
		rc = err_set(e, ERR_PERMANENT, "client_answer", "%s does not "
		    "answer as moltlerd does", client_http_url(c));
	for (at = 0; rc == 0 && at < text->len; at += n) {
		n = text->len - at < piece ? text->len - at : piece;
		buf_clear(&line);
		buf_addf(&line, "/v1/restore/%s?at=%zu", id, at);
		rc = line.failed ? err_nomem(e, "the backup") : call(c, "PUT",
		    line.p, NDJSON, text->p + at, n, out, e);
	}
	buf_clear(&line);
	buf_addf(&line, "/v1/restore/%s?force=%d&here=%d&keep_cursors=%d",
	    id != NULL ? id : "", b->force, b->here, b->keep_cursors);
	if (rc == 0)
		rc = line.failed ? err_nomem(e, "the backup") : call(c, NULL,
		    line.p, NULL, "{}", 2, out, e);
	json_decref(o);
	buf_free(&line);
	return (rc);
}

static void
add_names(struct buf * b, const json_t * o, const char * key,
    const char * what)
{
	const json_t * a = json_object_get(o, key), * v;
	size_t i;

	if (json_array_size(a) == 0)
		return;
	buf_adds(b, what);
	json_array_foreach(a, i, v)
		if (i < SHOWN)
			buf_addf(b, "%s%.100s", i > 0 ? ", " : " ",
			    json_string_value(v));
	if (json_array_size(a) > SHOWN)
		buf_addf(b, " and %zu more", json_array_size(a) - SHOWN);
	buf_addc(b, '\n');
}

static int
say_restored(struct screen * scr, const struct buf * answer, struct err * e)
{
	static const char * const keys[] = { "connectors", "syncs", "cursors",
	    "secrets" };
	json_t * o = json_parse(answer->p ? answer->p : "", answer->len,
	    "the daemon's answer", e);
	struct buf b = BUF_INIT(0);
	int rc;

	if (o == NULL)
		return (-1);
	buf_adds(&b, "Restored ");
	add_counts(&b, o, keys);
	if (json_int(o, "replaced", 0) > 0)
		buf_addf(&b, " (%lld replaced)",
		    (long long)json_int(o, "replaced", 0));
	if (json_str(o, "made_at") != NULL)
		buf_addf(&b, ", as of %.40s", json_str(o, "made_at"));
	buf_addc(&b, '\n');
	add_names(&b, o, "pinned_here", "Now this node's:");
	add_names(&b, o, "cursors_left", "Read again from the beginning, since "
	    "their rows are on another node:");
	add_names(&b, o, "elsewhere", "These wait for a node that is not there "
	    "(--here makes them this one's):");
	rc = screen_write(scr, &b, e);
	buf_free(&b);
	json_decref(o);
	return (rc);
}

static int
restore(struct client_http * c, struct screen * scr, enum output_format f,
    const struct backup_cmd * b)
{
	struct buf text = BUF_INIT(TEXT_MAX), out = BUF_INIT((size_t)1 << 20);
	struct err e;
	int rc;

	rc = read_all(b->file, &text, &e);
	if (rc != 0 && strcmp(e.code, "client_file") == 0) {
		screen_complain(scr, "%s", e.msg);
		buf_free(&text);
		return (EXIT_CODE_USAGE);
	}
	if (rc == 0)
		rc = send_all(c, b, &text, &out, &e);
	if (rc == 0)
		rc = f == OUTPUT_JSON ? screen_write(scr, &out, &e) :
		    say_restored(scr, &out, &e);
	buf_free(&text);
	buf_free(&out);
	return (finish(scr, rc, &e));
}

int
backup_cmd_run(struct client_http * c, struct screen * scr,
    enum output_format f, const struct backup_cmd * b)
{
	return (b->restore ? restore(c, scr, f, b) : save(c, scr, b));
}
