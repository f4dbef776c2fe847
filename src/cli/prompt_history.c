#include "config.h"

#include "cli/prompt_history.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "sql/token.h"

#define ENTRIES 1000
#define ENTRY_MAX ((size_t)64 << 10)
/* A file larger than this is cut to the entries that are read. */
#define FILE_MAX ((off_t)1 << 20)
#define TOKENS_MAX 100000

struct prompt_history {
	History * edit;
	char * path; /* NULL: kept in memory only */
	struct buf last;
};

static char *
find_path(void)
{
	const char * own = getenv("MOLTLER_HISTORY");
	const char * state = getenv("XDG_STATE_HOME"), * home = getenv("HOME");
	struct buf b = BUF_INIT(4096);

	if (own != NULL)
		return (*own != '\0' ? strdup(own) : NULL);
	if (state != NULL && *state == '/')
		buf_addf(&b, "%s/moltler_history", state);
	else if (home != NULL && *home == '/')
		buf_addf(&b, "%s/.moltler_history", home);
	if (b.failed)
		buf_free(&b);
	return (b.p);
}

static void
enter(struct prompt_history * h, const char * s, size_t len)
{
	HistEvent ev;

	buf_clear(&h->last);
	if (buf_add(&h->last, s, len) == 0)
		history(h->edit, &ev, H_ENTER, h->last.p);
}

/* One line of the file, as it was typed. */
static void
enter_line(struct prompt_history * h, char * s)
{
	char * in = s, * out = s;

	for (; *in != '\0'; in++) {
		if (*in == '\\' && in[1] != '\0') {
			in++;
			*out++ = *in == 'n' ? '\n' : *in;
		} else {
			*out++ = *in;
		}
	}
	if (out > s)
		enter(h, s, (size_t)(out - s));
}

static void
write_line(FILE * f, const char * s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\n')
			fputs("\\n", f);
		else if (*s == '\\')
			fputs("\\\\", f);
		else
			putc(*s, f);
	}
	putc('\n', f);
}

/* Write what was read in place of a file that has grown. */
static void
cut_file(struct prompt_history * h)
{
	struct buf tmp = BUF_INIT(4200);
	HistEvent ev;
	FILE * f = NULL;
	int fd, rc;

	buf_addf(&tmp, "%s.XXXXXX", h->path);
	if (tmp.failed || (fd = mkostemp(tmp.p, O_CLOEXEC)) < 0)
		goto out;
	if ((f = fdopen(fd, "w")) == NULL) {
		close(fd);
		unlink(tmp.p);
		goto out;
	}
	for (rc = history(h->edit, &ev, H_LAST); rc != -1;
	    rc = history(h->edit, &ev, H_PREV))
		write_line(f, ev.str);
	rc = ferror(f);
	if (fclose(f) || rc || rename(tmp.p, h->path))
		unlink(tmp.p);
out:
	buf_free(&tmp);
}

static void
load(struct prompt_history * h)
{
	char * line = NULL;
	size_t cap = 0;
	struct stat st;
	ssize_t n;
	FILE * f;

	if ((f = fopen(h->path, "re")) == NULL)
		return;
	if (fstat(fileno(f), &st) || !S_ISREG(st.st_mode)) {
		fclose(f);
		return;
	}
	/* Of a large file the end; the line we land in is not whole. */
	if (st.st_size > FILE_MAX && (fseeko(f, -FILE_MAX, SEEK_END) ||
	    getline(&line, &cap, f) < 0))
		st.st_size = 0;
	while ((n = getline(&line, &cap, f)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		enter_line(h, line);
	}
	free(line);
	fclose(f);
	if (st.st_size > FILE_MAX)
		cut_file(h);
}

struct prompt_history *
prompt_history_open(void)
{
	struct prompt_history * h = calloc(1, sizeof(*h));
	HistEvent ev;

	if (h == NULL || (h->edit = history_init()) == NULL) {
		free(h);
		return (NULL);
	}
	h->last.max = ENTRY_MAX + 1;
	history(h->edit, &ev, H_SETSIZE, ENTRIES);
	history(h->edit, &ev, H_SETUNIQUE, 1);
	if ((h->path = find_path()) != NULL)
		load(h);
	return (h);
}

History *
prompt_history_edit(struct prompt_history * h)
{
	return (h->edit);
}

/* ---- what is not kept ---- */

static int
is_secret_name(const char * s, size_t len)
{
	static const char * const words[] = { "token", "secret", "passw",
	    "passphrase", "key", "credential", "auth", "cookie", "bearer",
	    "signature", "pin" };
	char name[64];
	size_t i;

	if (len >= sizeof(name))
		len = sizeof(name) - 1;
	memcpy(name, s, len);
	name[len] = '\0';
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcasestr(name, words[i]) != NULL)
			return (1);
	return (0);
}

/* A text in its quotes: whether it says where a value is rather than being it. */
static int
is_reference(const char * s, size_t len)
{
	if (len < 3)
		return (1);
	s++;
	len -= 2;
	return ((len > 5 && memcmp(s, "$env:", 5) == 0) ||
	    (len > 6 && memcmp(s, "vault:", 6) == 0) ||
	    (len > 4 && memcmp(s, "{{", 2) == 0 &&
	    memcmp(s + len - 2, "}}", 2) == 0));
}

/* scheme://user:password@host */
static int
has_password(const char * s, size_t len)
{
	const char * at, * p = memmem(s, len, "://", 3), * end;

	if (p == NULL)
		return (0);
	p += 3;
	for (end = p; end < s + len && strchr("/?# \"'", *end) == NULL; end++)
		continue;
	at = memchr(p, '@', (size_t)(end - p));
	return (at != NULL && memchr(p, ':', (size_t)(at - p)) != NULL);
}

static int
is_text(const struct token * t)
{
	return (t->kind == TOKEN_JSTRING || t->kind == TOKEN_STRING);
}

static int
shows_secret(const struct token_list * l)
{
	const struct token * t = l->t;
	size_t i;

	for (i = 0; i < l->n; i++) {
		if (token_is(l, i, "set") && token_is(l, i + 1, "secret"))
			return (1);
		if (is_text(&t[i]) && has_password(token_text(l, i), t[i].len))
			return (1);
		/* "name": "text", name => 'text' */
		if (i + 2 < l->n && (token_is(l, i + 1, ":") ||
		    token_is(l, i + 1, "=>")) && (is_text(&t[i + 2]) ||
		    t[i + 2].kind == TOKEN_NUMBER) &&
		    is_secret_name(token_text(l, i), t[i].len) &&
		    !is_reference(token_text(l, i + 2), t[i + 2].len))
			return (1);
	}
	return (0);
}

int
prompt_history_keeps(const char * s, size_t len)
{
	struct token_list l;
	struct err e;
	int keeps;

	/* A command may name a URL. */
	if (len > 0 && *s == '\\')
		return (!has_password(s, len));
	/* What cannot be read cannot be judged. */
	if (token_list(s, len, TOKENS_MAX, &l, &e))
		return (!is_secret_name(s, len) && memmem(s, len, "{", 1) ==
		    NULL && strncasecmp(s, "set", len < 3 ? len : 3) != 0);
	keeps = !shows_secret(&l);
	token_list_free(&l);
	return (keeps);
}

void
prompt_history_add(struct prompt_history * h, const char * s, size_t len)
{
	mode_t old;
	FILE * f;
	int fd;

	if (len == 0 || len > ENTRY_MAX || memchr(s, '\0', len) != NULL ||
	    (h->last.len == len && memcmp(h->last.p, s, len) == 0) ||
	    !prompt_history_keeps(s, len))
		return;
	enter(h, s, len);
	if (h->path == NULL || h->last.failed)
		return;
	old = umask(077);
	fd = open(h->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	umask(old);
	if (fd < 0)
		return;
	/* Who made it with a wider mode did not know what is in it. */
	(void)!fchmod(fd, 0600);
	if ((f = fdopen(fd, "a")) == NULL) {
		close(fd);
		return;
	}
	write_line(f, h->last.p);
	fclose(f);
}

void
prompt_history_free(struct prompt_history * h)
{
	if (h == NULL)
		return;
	history_end(h->edit);
	free(h->path);
	buf_free(&h->last);
	free(h);
}
