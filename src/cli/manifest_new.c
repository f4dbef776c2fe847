#include "cli/manifest_new.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/exit_code.h"
#include "cli/manifest_file.h"
#include "cli/manifest_start.h"

#define NAME_LEN 64
#define URL_LEN 512
#define DEFAULT_URL "https://api.example.com"

struct start {
	const char * name;
	const char * dir;   /* where the type's folder goes */
	char url[URL_LEN + 1];
	char folder[MANIFEST_FILE_PATH];
};

static int
name_ok(const char * s)
{
	size_t i;

	for (i = 0; s[i] != '\0'; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '_')
			return (0);
	return (i > 0 && i <= NAME_LEN && isalpha((unsigned char)s[0]));
}

/* A base URL, without the slash at its end: it stands in JSON as it is. */
static int
take_url(struct start * st, const char * url)
{
	size_t n = strlen(url), skip = strncasecmp(url, "https://", 8) == 0 ?
	    8 : strncasecmp(url, "http://", 7) == 0 ? 7 : 0;

	while (n > skip && url[n - 1] == '/')
		n--;
	if (skip == 0 || n == skip || n > URL_LEN ||
	    strcspn(url, "?#@{}\"\\<>") < n)
		return (-1);
	for (skip = 0; skip < n; skip++)
		if (!isgraph((unsigned char)url[skip]))
			return (-1);
	memcpy(st->url, url, n);
	st->url[n] = '\0';
	return (0);
}

static void
put_in(const struct start * st, const char * text, struct buf * out)
{
	const char * at;

	for (; (at = strchr(text, '@')) != NULL; text = at) {
		buf_add(out, text, (size_t)(at - text));
		if (strncmp(at, "@NAME@", 6) == 0) {
			buf_adds(out, st->name);
			at += 6;
		} else if (strncmp(at, "@URL@", 5) == 0) {
			buf_adds(out, st->url);
			at += 5;
		} else {
			buf_addc(out, *at++);
		}
	}
	buf_adds(out, text);
}

static int
make_folder(const char * path, struct err * e)
{
	if (mkdir(path, 0777) == 0)
		return (0);
	if (errno == EEXIST)
		return (err_set(e, ERR_CONFIG, "exists", "%s is there already; "
		    "take another NAME or --dir", path));
	return (err_set(e, ERR_CONFIG, "file", "cannot make the folder %s: %s",
	    path, strerror(errno)));
}

static int
write_files(const struct start * st, struct err * e)
{
	const struct manifest_start * f;
	struct buf b = BUF_INIT(1 << 20);
	char path[MANIFEST_FILE_PATH + 64];
	int rc = 0;

	snprintf(path, sizeof(path), "%s/fixtures", st->folder);
	if (make_folder(path, e))
		return (-1);
	for (f = manifest_start_files; f->path != NULL && rc == 0; f++) {
		buf_clear(&b);
		put_in(st, f->text, &b);
		snprintf(path, sizeof(path), "%s/%s", st->folder, f->path);
		rc = b.failed ? err_nomem(e, "a file's text") :
		    manifest_file_write(path, b.p, b.len, 0, e);
	}
	buf_free(&b);
	return (rc);
}

/* Leave nothing behind of what could not be written whole. */
static void
take_back(const struct start * st)
{
	const struct manifest_start * f;
	char path[MANIFEST_FILE_PATH + 64];

	for (f = manifest_start_files; f->path != NULL; f++) {
		snprintf(path, sizeof(path), "%s/%s", st->folder, f->path);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/fixtures", st->folder);
	rmdir(path);
	rmdir(st->folder);
}

static void
say_next(const struct start * st)
{
	const struct manifest_start * f;
	const char * d = st->folder;

	for (f = manifest_start_files; f->path != NULL; f++)
		printf("wrote %s/%s\n", d, f->path);
	printf("\nIt works as it stands, for an invented service at %s.  Next:\n"
	    "  1. moltler manifest check %s\n"
	    "     moltler manifest test %s\n"
	    "  2. make manifest.json say what your service does; after each step\n"
	    "     again check and test\n"
	    "  3. export TOKEN=...; keep a live answer as a fixture:\n"
	    "     moltler manifest record %s --entity items --set token='$env:TOKEN'\n"
	    "  4. name the folder that holds %s in moltler.conf (connectors = ...),\n"
	    "     start moltlerd, or send it SIGHUP; then CREATE CONNECTOR\n",
	    st->url, d, d, d, st->name);
}

static int
usage(struct screen * scr, const char * what, const char * arg)
{
	screen_complain(scr, "%s%s%s\nusage: moltler manifest new NAME "
	    "[--dir DIR] [--url URL]", what, arg != NULL ? ": " : "",
	    arg != NULL ? arg : "");
	return (EXIT_CODE_USAGE);
}

static int
read_words(struct start * st, struct screen * scr, int n, char ** args)
{
	static const struct option longs[] = {
		{ "dir", required_argument, NULL, 'd' },
		{ "url", required_argument, NULL, 'u' },
		{ NULL, 0, NULL, 0 }
	};
	int opt;

	optind = 0; /* begin anew: these are the words of a command */
	opterr = 0;
	while ((opt = getopt_long(n, args, ":", longs, NULL)) != -1) {
		if (opt == 'd')
			st->dir = optarg;
		else if (opt == 'u' && take_url(st, optarg))
			return (usage(scr, "--url is http:// or https:// with "
			    "a host, and no user, query or fragment", optarg));
		else if (opt != 'u')
			return (usage(scr, opt == ':' ? "this option needs a "
			    "value" : "there is no such option",
			    args[optind - 1]));
	}
	if (optind != n - 1)
		return (usage(scr, n == optind ? "which NAME?" :
		    "one NAME alone", NULL));
	if (!name_ok(args[optind]))
		return (usage(scr, "a NAME is a letter, then letters, digits "
		    "and _, at most 64", args[optind]));
	st->name = args[optind];
	if ((size_t)snprintf(st->folder, sizeof(st->folder), "%s%s%s",
	    st->dir != NULL ? st->dir : "", st->dir != NULL ? "/" : "",
	    st->name) >= sizeof(st->folder))
		return (usage(scr, "--dir is too long", NULL));
	return (EXIT_CODE_DONE);
}

int
manifest_new_run(struct screen * scr, int n, char ** args)
{
	struct start st = { .url = DEFAULT_URL };
	struct err e;
	int rc = read_words(&st, scr, n, args);

	if (rc != EXIT_CODE_DONE)
		return (rc);
	if (st.dir != NULL)
		mkdir(st.dir, 0777); /* what is in it says what is wrong */
	if (make_folder(st.folder, &e)) {
		screen_complain(scr, "%s", e.msg);
		return (EXIT_CODE_FAILED);
	}
	if (write_files(&st, &e)) {
		take_back(&st);
		screen_complain(scr, "%s", e.msg);
		return (EXIT_CODE_FAILED);
	}
	say_next(&st);
	return (EXIT_CODE_DONE);
}
