/*
 * What the types of a directory cost to load: types_load() and, in turns, jansson
 * alone reading the same files, each time in a process of its own, as a daemon
 * starts; and to look at them again where nothing changed.  Prints CPU in ms
 * (median, least, most) of each and what it leaves on the heap, as one line of JSON.
 *
 *	bench_types [directory [rounds]]
 */
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "manifest/types.h"

#define ROUNDS_MAX 10000

/* One process's word. */
struct cost {
	double ms;
	size_t heap;
	size_t n; /* types */
};

struct side {
	double * ms;
	struct cost last;
};

static double
cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return ((double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6);
}

static size_t
heap(void)
{
	struct mallinfo2 m = mallinfo2();

	return (m.uordblks + m.hblkhd);
}

static int
cmp(const void * a, const void * b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return ((x > y) - (x < y));
}

static _Noreturn void
die(const char * what)
{
	fprintf(stderr, "bench_types: %s\n", what);
	exit(1);
}

static void
begin(struct cost * c)
{
	c->heap = heap();
	c->ms = cpu_ms();
}

static void
end(struct cost * c)
{
	c->ms = cpu_ms() - c->ms;
	c->heap = heap() - c->heap;
}

static void
load(const char * dir, struct cost * c)
{
	struct types * types;
	struct err e;

	begin(c);
	if ((types = types_load(&dir, 1, &e)) == NULL)
		die(e.msg);
	end(c);
	c->n = types_count(types);
}

static void
again(const char * dir, struct cost * c)
{
	struct types * old, * types;
	struct err e;

	if ((old = types_load(&dir, 1, &e)) == NULL)
		die(e.msg);
	begin(c);
	if ((types = types_reload(&dir, 1, old, &e)) == NULL)
		die(e.msg);
	end(c);
	c->n = types_count(types);
	if (types_at(types, 0) != types_at(old, 0))
		die("what did not change is another");
}

/* The same files; their trees are kept too. */
static void
parse(const char * dir, struct cost * c)
{
	struct dirent * de;
	json_error_t e;
	char path[4096];
	DIR * d;

	begin(c);
	if ((d = opendir(dir)) == NULL)
		die("no directory");
	while ((de = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s/manifest.json", dir,
		    de->d_name);
		if (access(path, F_OK) != 0)
			continue;
		if (json_load_file(path, 0, &e) == NULL)
			die(e.text);
		c->n++;
	}
	closedir(d);
	end(c);
}

/* Do it in a process of its own; it does not clean up, nor does a daemon. */
static void
alone(void (*run)(const char *, struct cost *), const char * dir,
    struct side * s, int round)
{
	struct cost c = { 0, 0, 0 };
	int fd[2], status;
	pid_t pid;

	if (pipe(fd) != 0 || (pid = fork()) < 0)
		die("no process");
	if (pid == 0) {
		run(dir, &c);
		_exit(write(fd[1], &c, sizeof(c)) != sizeof(c));
	}
	close(fd[1]);
	if (read(fd[0], &s->last, sizeof(s->last)) != sizeof(s->last) ||
	    waitpid(pid, &status, 0) != pid || status != 0)
		die("a process failed");
	close(fd[0]);
	s->ms[round] = s->last.ms;
}

static void
print(const char * name, struct side * s, int nrounds)
{
	qsort(s->ms, (size_t)nrounds, sizeof(*s->ms), cmp);
	printf("\"%s\": {\"ms\": [%.3f, %.3f, %.3f], \"heap\": %zu}, ", name,
	    s->ms[nrounds / 2], s->ms[0], s->ms[nrounds - 1], s->last.heap);
}

int
main(int argc, char ** argv)
{
	const char * dir = argc > 1 ? argv[1] : "connectors";
	int i, nrounds = argc > 2 ? atoi(argv[2]) : 51;
	struct side ours = { 0 }, raw = { 0 }, old = { 0 };

	if (nrounds < 1 || nrounds > ROUNDS_MAX) {
		fprintf(stderr, "bench_types: 1 to %d rounds\n", ROUNDS_MAX);
		return (2);
	}
	ours.ms = calloc((size_t)nrounds, sizeof(*ours.ms));
	raw.ms = calloc((size_t)nrounds, sizeof(*raw.ms));
	old.ms = calloc((size_t)nrounds, sizeof(*old.ms));
	if (ours.ms == NULL || raw.ms == NULL || old.ms == NULL)
		die("out of memory");
	for (i = 0; i < nrounds; i++) {
		if (i % 2)
			alone(parse, dir, &raw, i);
		alone(load, dir, &ours, i);
		if (i % 2 == 0)
			alone(parse, dir, &raw, i);
		alone(again, dir, &old, i);
	}
	if (ours.last.n != raw.last.n)
		die("not the same files were read");
	printf("{");
	print("load", &ours, nrounds);
	print("raw", &raw, nrounds);
	print("again", &old, nrounds);
	printf("\"types\": %zu, \"rounds\": %d}\n", ours.last.n, nrounds);
	free(ours.ms);
	free(raw.ms);
	free(old.ms);
	return (0);
}
