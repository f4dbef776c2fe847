/*
 * bench_rows [ROWS [AGAIN]]: rows a CPU second (helper threads included) into
 * SQLite: 20 columns of a GitHub issue, new ones, then the same ones again AGAIN
 * times, unchanged.
 */
#include <sys/resource.h>
#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "target/rows.h"

#define N 20

static const struct writer_column columns[N] = {
	{ "repo", COLUMN_TEXT, 0, 0 }, { "number", COLUMN_INTEGER, 0, 0 },
	{ "id", COLUMN_INTEGER, 1, 0 }, { "node_id", COLUMN_TEXT, 0, 0 },
	{ "title", COLUMN_TEXT, 0, 0 }, { "state", COLUMN_TEXT, 0, 0 },
	{ "state_reason", COLUMN_TEXT, 0, 0 }, { "author", COLUMN_TEXT, 0, 1 },
	{ "assignees", COLUMN_LIST, 0, 0 }, { "labels", COLUMN_LIST, 0, 0 },
	{ "milestone", COLUMN_TEXT, 0, 0 }, { "comments", COLUMN_INTEGER, 0, 0 },
	{ "locked", COLUMN_BOOLEAN, 0, 0 }, { "url", COLUMN_TEXT, 0, 0 },
	{ "body", COLUMN_TEXT, 0, 0 }, { "reactions", COLUMN_MAP, 0, 0 },
	{ "score", COLUMN_REAL, 0, 0 },
	{ "created_at", COLUMN_TIMESTAMP, 0, 0 },
	{ "updated_at", COLUMN_TIMESTAMP, 0, 0 },
	{ "closed_at", COLUMN_TIMESTAMP, 0, 0 },
};

static int ready, blocked;
static uint64_t acked;

static void
on_ready(void * arg)
{
	(void)arg;
	ready = 1;
}

static void
on_acked(void * arg, uint64_t rows)
{
	(void)arg;
	acked = rows;
}

static void
on_room(void * arg)
{
	(void)arg;
	blocked = 0;
}

static void
on_failed(void * arg, const struct err * e)
{
	(void)arg;
	fprintf(stderr, "bench_rows: %s\n", e->msg);
	exit(1);
}

static double
cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return ((double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
}

static void
text(struct value * v, const char * s)
{
	v->type = VALUE_TEXT;
	v->s = s;
	v->len = (uint32_t)strlen(s);
}

static void
integer(struct value * v, int64_t i)
{
	v->type = VALUE_INT;
	v->i = i;
}

static void
row(struct value * v, uint64_t k)
{
	static char url[100], title[100], body[600];

	if (*body == '\0')
		memset(body, 'b', sizeof(body) - 1);
	snprintf(url, sizeof(url), "https://github.com/example/shop/issues/%llu",
	    (unsigned long long)k);
	snprintf(title, sizeof(title), "Checkout fails with status 502 in "
	    "region %llu", (unsigned long long)k);
	memset(v, 0, N * sizeof(*v));
	text(&v[0], "example/shop");
	integer(&v[1], (int64_t)k);
	integer(&v[2], (int64_t)(2000000000 + k));
	text(&v[3], "MDU6SXNzdWUyMDAwMDAwMDAw");
	text(&v[4], title);
	text(&v[5], k % 3 ? "open" : "closed");
	text(&v[7], "octocat");
	text(&v[8], "[\"octocat\",\"hubot\"]");
	text(&v[9], "[\"bug\",\"incident\",\"region-eu\"]");
	integer(&v[11], (int64_t)(k % 17));
	integer(&v[12], 0);
	text(&v[13], url);
	text(&v[14], body);
	text(&v[15], "{\"+1\":3,\"-1\":0,\"laugh\":0}");
	v[16].type = VALUE_REAL;
	v[16].d = (double)k / 7;
	text(&v[17], "2026-01-05T10:11:12Z");
	text(&v[18], "2026-02-05T10:11:12Z");
}

static void
pass(struct loop * L, struct writer * w, const char * what, uint64_t rows,
    uint64_t before)
{
	int64_t t0 = clock_mono_us();
	double c0 = cpu_s(), c;
	struct value v[N];
	uint64_t k;

	for (k = 0; k < rows; k++) {
		row(v, k);
		blocked = writer_row(w, v);
		while (blocked)
			loop_turn(L, 1);
	}
	writer_flush(w);
	while (acked < before + rows)
		loop_turn(L, 1);
	c = cpu_s() - c0;
	printf("%-10s %8.0f rows/CPU s  %8.0f rows/s  %.2f us a row\n", what,
	    (double)rows / c, (double)rows / ((double)(clock_mono_us() - t0) /
	    1e6), c / (double)rows * 1e6);
}

int
main(int argc, char ** argv)
{
	uint64_t rows = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000, i;
	uint64_t again = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	struct writer_events ev = { on_ready, on_acked, on_room, on_failed,
	    NULL };
	struct writer_spec spec = { .table = "issues", .sync = "bench.issues",
	    .fence = 1, .columns = columns, .ncolumns = N };
	char dir[] = "/tmp/bench_rows.XXXXXX", path[200];
	struct targets * t;
	struct writer * w;
	struct rusage u;
	struct loop * L;
	struct stat st;
	struct err e;

	if (mkdtemp(dir) == NULL || (L = loop_new(&e)) == NULL ||
	    (t = targets_new(L, dir, &e)) == NULL ||
	    (w = rows_writer_open(L, t, &spec, &ev, &e)) == NULL) {
		fprintf(stderr, "bench_rows: cannot begin\n");
		return (1);
	}
	while (!ready)
		loop_turn(L, 1);
	pass(L, w, "new", rows, 0);
	for (i = 1; i <= again; i++)
		pass(L, w, "unchanged", rows, rows * i);
	writer_close(w);
	targets_free(t);
	loop_free(L);
	snprintf(path, sizeof(path), "%s/moltler.db", dir);
	if (stat(path, &st) == 0)
		printf("file       %8.1f bytes a row\n",
		    (double)st.st_size / (double)rows);
	getrusage(RUSAGE_SELF, &u);
	printf("RSS        %8ld KiB\n", u.ru_maxrss);
	unlink(path);
	rmdir(dir);
	return (0);
}
