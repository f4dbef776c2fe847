#include "cli/manifest_cmd.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/log.h"
#include "cli/exit_code.h"
#include "cli/fixture.h"
#include "conn/manifest.h"

#define FILE_MAX ((size_t)16 << 20)
#define PATH_BYTES 4096

static const char usage[] = "usage: moltler manifest check FILE...\n"
    "       moltler manifest test DIR...";

/* What a "manifest test" has seen so far. */
struct tally {
	unsigned n, failed;
};

static int
slurp(const char * file, struct buf * b, struct err * e)
{
	FILE * f = fopen(file, "re");
	char piece[16384];
	size_t n;
	int bad;

	buf_adds(b, "");
	if (f == NULL)
		return (err_set(e, ERR_CONFIG, "file", "cannot read %s: %s",
		    file, strerror(errno)));
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		if (buf_add(b, piece, n))
			break;
	bad = ferror(f);
	fclose(f);
	if (bad || b->failed)
		return (err_set(e, ERR_CONFIG, "file", "cannot read %s: %s",
		    file, bad ? strerror(errno) : "it is too large"));
	return (0);
}

static void
say_fault(void * arg, int is_warning, const char * path, const char * msg)
{
	printf("%s: %s: %s: %s\n", (const char *)arg,
	    is_warning ? "warning" : "error", path, msg);
}

/* A directory stands for the manifest in it. */
static const char *
manifest_of(const char * file, char path[PATH_BYTES])
{
	struct stat st;

	if (stat(file, &st) || !S_ISDIR(st.st_mode))
		return (file);
	snprintf(path, PATH_BYTES, "%s/manifest.json", file);
	return (path);
}

/* Read and check a manifest; its faults go to stdout.  NULL if it has any. */
static struct manifest *
load(const char * file)
{
	struct buf b = BUF_INIT(FILE_MAX);
	struct manifest * m = NULL;
	struct err e;

	if (slurp(file, &b, &e))
		printf("%s: error: %s\n", file, e.msg);
	else
		m = manifest_check(b.p, b.len, file, say_fault,
		    (void *)(uintptr_t)file, &e);
	buf_free(&b);
	return (m);
}

static int
check_one(const char * file)
{
	char path[PATH_BYTES];
	struct manifest * m;
	size_t i, nact = 0, nvisible = 0;

	file = manifest_of(file, path);
	if ((m = load(file)) == NULL)
		return (-1);
	for (i = 0; i < m->nentities; i++) {
		nvisible += !m->entities[i].hidden;
		nact += m->entities[i].nactions;
	}
	printf("%s: type %s, %zu entities, %zu actions: ok\n", file, m->type,
	    nvisible, nact);
	manifest_unref(m);
	return (0);
}

static void
say_test(struct tally * t, int bad, const char * type, const char * name,
    const json_t * fx, const struct buf * why)
{
	const char * what = json_str(fx, "description"), * p;

	t->n++;
	t->failed += bad != 0;
	printf("%s %u - %s/%s%s%s\n", bad ? "not ok" : "ok", t->n, type, name,
	    what != NULL ? ": " : "", what != NULL ? what : "");
	if (!bad)
		return;
	printf("#   ");
	for (p = why->p; p != NULL && *p != '\0'; p++) {
		putchar(*p);
		if (*p == '\n')
			printf("#   ");
	}
	putchar('\n');
}

static void
play_file(struct tally * t, struct manifest * m, const char * file)
{
	const char * base = strrchr(file, '/');
	struct buf text = BUF_INIT(FILE_MAX), why = BUF_INIT(1 << 20);
	json_t * doc = NULL, * one;
	struct err e;
	size_t i;

	base = base != NULL ? base + 1 : file;
	if (slurp(file, &text, &e) ||
	    (doc = json_parse(text.p, text.len, file, &e)) == NULL) {
		buf_adds(&why, e.msg);
		say_test(t, 1, m->type, base, NULL, &why);
	} else if (json_is_array(doc)) {
		json_array_foreach(doc, i, one) {
			buf_clear(&why);
			say_test(t, fixture_play(m, one, &why), m->type, base,
			    one, &why);
		}
	} else {
		say_test(t, fixture_play(m, doc, &why), m->type, base, doc,
		    &why);
	}
	json_decref(doc);
	buf_free(&why);
	buf_free(&text);
}

static void
test_one(struct tally * t, const char * dir)
{
	char path[PATH_BYTES];
	struct manifest * m;
	glob_t g;
	size_t i;

	m = load(manifest_of(dir, path));
	snprintf(path, sizeof(path), "%s/fixtures/*.json", dir);
	if (m == NULL || glob(path, 0, NULL, &g)) {
		t->failed++;
		printf("not ok %u - %s\n#   %s\n", ++t->n, dir, m == NULL ?
		    "its manifest has faults" : "it has no fixtures/*.json");
		manifest_unref(m);
		return;
	}
	for (i = 0; i < g.gl_pathc; i++)
		play_file(t, m, g.gl_pathv[i]);
	globfree(&g);
	manifest_unref(m);
}

int
manifest_cmd_run(struct screen * scr, int n, char ** args)
{
	struct tally t = { 0, 0 };
	int i, bad = 0;

	log_setup(LOG_ERROR, LOG_TEXT);
	if (n >= 2 && strcmp(args[0], "check") == 0) {
		for (i = 1; i < n; i++)
			bad |= check_one(args[i]) != 0;
	} else if (n >= 2 && strcmp(args[0], "test") == 0) {
		for (i = 1; i < n; i++)
			test_one(&t, args[i]);
		printf("1..%u\n# %u passed, %u failed\n", t.n, t.n - t.failed,
		    t.failed);
		bad = t.failed > 0;
	} else {
		screen_complain(scr, "%s", usage);
		return (EXIT_CODE_USAGE);
	}
	if (fflush(stdout)) {
		screen_complain(scr, "cannot write to standard output: %s",
		    strerror(errno));
		return (EXIT_CODE_FAILED);
	}
	return (bad ? EXIT_CODE_FAILED : EXIT_CODE_DONE);
}
