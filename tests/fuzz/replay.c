/*
 * main() of a fuzz target that is built without libFuzzer: play every file of
 * the target's corpus, or the files named on the command line, and say so in
 * TAP.  A finding ends the program, and with it the plan is broken.
 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Read the whole file into memory that ends where the file does, so that
 * sanitizers see a read past it. */
static uint8_t *
slurp(const char * path, size_t * n)
{
	FILE * f = fopen(path, "rb");
	uint8_t * p = NULL;
	long size;

	if (f == NULL)
		return (NULL);
	if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 &&
	    fseek(f, 0, SEEK_SET) == 0) {
		*n = (size_t)size;
		if ((p = malloc(*n ? *n : 1)) != NULL &&
		    fread(p, 1, *n, f) != *n) {
			free(p);
			p = NULL;
		}
	}
	fclose(f);
	return (p);
}

static int
play(const char * path, int number)
{
	uint8_t * p;
	size_t n = 0;

	printf("# %s\n", path);
	fflush(stdout);
	if ((p = slurp(path, &n)) == NULL) {
		printf("not ok %d - cannot read %s\n", number, path);
		return (1);
	}
	LLVMFuzzerTestOneInput(p, n);
	free(p);
	printf("ok %d - %s\n", number, strrchr(path, '/') ?
	    strrchr(path, '/') + 1 : path);
	return (0);
}

static int
is_file(const struct dirent * d)
{
	return (d->d_name[0] != '.');
}

/* The corpus belongs to the program's name without "fuzz_". */
static int
play_corpus(const char * self)
{
	const char * srcdir = getenv("srcdir"), * base = strrchr(self, '/');
	char dir[PATH_MAX / 2], path[PATH_MAX];
	struct dirent ** names;
	int i, n, bad = 0;

	base = base != NULL ? base + 1 : self;
	if (strncmp(base, "fuzz_", 5) == 0)
		base += 5;
	snprintf(dir, sizeof(dir), "%s/tests/fuzz/corpus/%s",
	    srcdir ? srcdir : ".", base);
	if ((n = scandir(dir, &names, is_file, alphasort)) <= 0) {
		printf("1..1\nnot ok 1 - no corpus in %s\n", dir);
		return (1);
	}
	printf("1..%d\n", n);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		bad |= play(path, i + 1);
		free(names[i]);
	}
	free(names);
	return (bad);
}

int
main(int argc, char ** argv)
{
	int i, bad = 0;

	if (argc < 2)
		return (play_corpus(argv[0]));
	printf("1..%d\n", argc - 1);
	for (i = 1; i < argc; i++)
		bad |= play(argv[i], i);
	return (bad);
}
