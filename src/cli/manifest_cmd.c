#include "cli/manifest_cmd.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "cli/exit_code.h"
#include "cli/fixture.h"
#include "cli/manifest_file.h"
#include "cli/manifest_new.h"
#include "cli/record_cmd.h"
#include "manifest/manifest.h"

static const char usage[] =
    "usage: moltler manifest new NAME [--dir DIR] [--url URL]\n"
    "       moltler manifest check FILE...\n"
    "       moltler manifest test DIR...\n"
    "       moltler manifest record DIR --entity NAME | --action NAME | --test\n"
    "           [options]      (record alone shows them)";

/* What a "manifest test" has seen so far. */
struct tally {
	unsigned n, failed;
};

static int
check_one(const char * file)
{
	char path[MANIFEST_FILE_PATH];
	struct manifest * m;
	size_t i, nact = 0, nvisible = 0;

	file = manifest_file_path(file, path);
	if ((m = manifest_file_load(file, 1)) == NULL)
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
	struct buf text = BUF_INIT(MANIFEST_FILE_MAX), why = BUF_INIT(1 << 20);
	json_t * doc = NULL, * one;
	struct err e;
	size_t i;

	base = base != NULL ? base + 1 : file;
	if (manifest_file_read(file, &text, &e) ||
	    (doc = json_parse(text.p, text.len, file, &e)) == NULL) {
		buf_adds(&why, e.msg);
		say_test(t, 1, m->type, base, NULL, &why);
	} else if (json_is_array(doc) && json_array_size(doc) == 0) {
		buf_adds(&why, "there is no fixture in it");
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
	char path[MANIFEST_FILE_PATH];
	struct manifest * m;
	glob_t g;
	size_t i;

	m = manifest_file_load(manifest_file_path(dir, path), 1);
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
	int i, bad = 0, rc = EXIT_CODE_DONE;

	log_setup(LOG_ERROR, LOG_TEXT);
	if (n >= 2 && (strcmp(args[1], "--help") == 0 ||
	    strcmp(args[1], "-h") == 0)) {
		puts(strcmp(args[0], "record") == 0 ? record_cmd_usage : usage);
	} else if (n >= 2 && strcmp(args[0], "check") == 0) {
		for (i = 1; i < n; i++)
			bad |= check_one(args[i]) != 0;
	} else if (n >= 1 && strcmp(args[0], "new") == 0) {
		rc = manifest_new_run(scr, n, args);
	} else if (n >= 1 && strcmp(args[0], "record") == 0) {
		rc = record_cmd_run(scr, n, args);
	} else if (n >= 2 && strcmp(args[0], "test") == 0) {
		for (i = 1; i < n; i++)
			test_one(&t, args[i]);
		printf("1..%u\n# %u passed, %u failed\n", t.n, t.n - t.failed,
		    t.failed);
		bad = t.failed > 0;
	} else if (n >= 1 && (strcmp(args[0], "help") == 0 ||
	    strcmp(args[0], "--help") == 0 || strcmp(args[0], "-h") == 0)) {
		puts(usage);
	} else {
		if (n > 0 && strcmp(args[0], "check") != 0 &&
		    strcmp(args[0], "test") != 0)
			screen_complain(scr, "there is no command \"manifest "
			    "%s\"\n%s", args[0], usage);
		else
			screen_complain(scr, "%s%s\n%s", n > 0 ? args[0] :
			    "manifest", n > 0 ? " of what?" : " what?", usage);
		return (EXIT_CODE_USAGE);
	}
	if (fflush(stdout)) {
		screen_complain(scr, "cannot write to standard output: %s",
		    strerror(errno));
		return (EXIT_CODE_FAILED);
	}
	return (bad ? EXIT_CODE_FAILED : rc);
}
