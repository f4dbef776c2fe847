/*
 * bench_store [FILE [SOURCES [TICKS [GROUP]]]]: what a tick costs in the sample
 * store.  FILE holds real pages: uint32 pages, uint32 series, then for each
 * page int64 milliseconds and the doubles; without it ("-") pages like a
 * node_exporter's are made up.  GROUP ticks share a commit: 1000 sources every
 * 5 s are 10 each 50 ms.
 */
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "target/sample_internal.h"

struct pages {
	uint32_t n, series;
	double * v;
};

static uint64_t acks;

static void
die(const char * what)
{
	fprintf(stderr, "bench_store: %s\n", what);
	exit(1);
}

static void
on_ack(void * arg, const struct err * e)
{
	(void)arg;
	if (e != NULL)
		die(e->msg);
	acks++;
}

static void
pages_read(struct pages * p, const char * file)
{
	FILE * f = fopen(file, "rb");
	int64_t at;
	uint32_t i;

	if (f == NULL || fread(&p->n, 4, 1, f) != 1 ||
	    fread(&p->series, 4, 1, f) != 1)
		die("cannot read the pages");
	p->v = calloc((size_t)p->n * p->series, sizeof(double));
	if (p->v == NULL)
		die("no memory");
	for (i = 0; i < p->n; i++)
		if (fread(&at, 8, 1, f) != 1 || fread(p->v + (size_t)i *
		    p->series, 8, p->series, f) != p->series)
			die("the pages are cut short");
	fclose(f);
}

static void
pages_make(struct pages * p)
{
	uint32_t t, i;
	double * v, old;

	p->n = 120;
	p->series = 507;
	if ((p->v = calloc((size_t)p->n * p->series, sizeof(double))) == NULL)
		die("no memory");
	for (t = 0; t < p->n; t++) {
		for (i = 0; i < p->series; i++) {
			v = &p->v[(size_t)t * p->series + i];
			old = t ? v[-(ptrdiff_t)p->series] : i * 997.0;
			*v = old;
			if (i % 12 == 0)
				*v = (double)(random() % 1000000) / 1e9;
			else if (i % 12 == 1)
				*v = ((double)(int64_t)(old * 100 + 0.5) +
				    (double)(random() % 500)) / 100;
			else if (i % 12 == 2)
				*v = old + (double)(random() % 5000);
		}
	}
}

static struct sample_page
page_for(uint32_t n, unsigned source)
{
	struct sample_page p = { NULL, NULL, NULL, n };
	uint64_t * h = calloc(n, sizeof(*h));
	uint32_t * l = calloc(n, sizeof(*l)), i;
	char text[96];

	p.diff = calloc(1, sizeof(*p.diff));
	if (h == NULL || l == NULL || p.diff == NULL ||
	    (p.diff->ops = calloc(n, sizeof(*p.diff->ops))) == NULL)
		die("no memory");
	p.diff->n = n;
	for (i = 0; i < n; i++) {
		h[i] = (uint64_t)source << 32 | i;
		snprintf(text, sizeof(text), "node_some_metric_%u_total",
		    i / 4);
		p.diff->ops[i].name = strdup(text);
		snprintf(text, sizeof(text), "{\"host\":\"node%u\","
		    "\"device\":\"eth%u\"}", source, i % 4);
		p.diff->ops[i].labels = strdup(text);
	}
	p.layout = sample_layout_intern(h, l, n);
	free(h);
	free(l);
	return (p);
}

static double
cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return ((double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec));
}

static double
written(const char * what)
{
	FILE * f = fopen("/proc/self/io", "r");
	char key[64];
	long long n, got = 0;

	while (f != NULL && fscanf(f, "%63s %lld", key, &n) == 2)
		if (strcmp(key, what) == 0)
			got = n;
	if (f != NULL)
		fclose(f);
	return ((double)got);
}

static double
size_of(const char * path, const char * suffix)
{
	char name[256];
	struct stat st;

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return (stat(name, &st) == 0 ? (double)st.st_size : 0);
}

static double
ask(struct sample_store * S, const char * sql)
{
	sqlite3_stmt * st;
	double v = 0;

	if (sqlite3_prepare_v2(S->db, sql, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_double(st, 0);
	sqlite3_finalize(st);
	return (v);
}

int
main(int argc, char ** argv)
{
	unsigned nsrc = argc > 2 ? (unsigned)atoi(argv[2]) : 1000, k;
	unsigned ticks = argc > 3 ? (unsigned)atoi(argv[3]) : 120, t;
	unsigned group = argc > 4 ? (unsigned)atoi(argv[4]) : 10;
	char dir[] = "/tmp/moltler-bench-XXXXXX", path[64], cmd[80];
	struct pages pg;
	struct sample_source ** src;
	struct sample_page * first, p;
	struct sample_store * S;
	struct loop * L;
	struct err e;
	double n, samples, c0, c1, put = 0, flush = 0, all0, w0, w1, w2;
	struct timespec a, b;
	int64_t until;
	uint32_t left;

	if (argc > 1 && strcmp(argv[1], "-") != 0)
		pages_read(&pg, argv[1]);
	else
		pages_make(&pg);
	if (mkdtemp(dir) == NULL)
		die("no folder");
	snprintf(path, sizeof(path), "%s/s.db", dir);
	src = calloc(nsrc, sizeof(*src));
	first = calloc(nsrc, sizeof(*first));
	if (src == NULL || first == NULL || (L = loop_new(&e)) == NULL ||
	    (S = sample_store_open(L, path, &e)) == NULL)
		die(e.msg);
	for (k = 0; k < nsrc; k++) {
		snprintf(cmd, sizeof(cmd), "node%u", k);
		src[k] = sample_source_open(S, "metrics", cmd, &e);
		first[k] = page_for(pg.series, k);
	}
	w0 = written("write_bytes:");
	all0 = cpu_us();
	for (t = 0; t < ticks; t++) {
		for (k = 0; k < nsrc; k++) {
			p = first[k];
			if (sample_source_layout(src[k]) != NULL)
				p.diff = NULL;
			p.values = pg.v + (size_t)((t + k * 7) % pg.n) *
			    pg.series;
			clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
			sample_source_append(src[k], (int64_t)t * 5000, 1, &p,
			    on_ack, NULL);
			clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
			put += (double)(b.tv_sec - a.tv_sec) * 1e6 +
			    (double)(b.tv_nsec - a.tv_nsec) / 1e3;
			if (S->group.n < group)
				continue;
			clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
			while (sample_commit_flush(S, 0) == 1)
				usleep(1000);
			clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
			flush += (double)(b.tv_sec - a.tv_sec) * 1e6 +
			    (double)(b.tv_nsec - a.tv_nsec) / 1e3;
			loop_turn(L, 0);
		}
	}
	sample_commit_flush(S, 1);
	n = (double)acks;
	samples = n * pg.series;
	w1 = written("write_bytes:");
	printf("ticks %.0f of %u series, %u sources, %u a commit\n", n,
	    pg.series, nsrc, group);
	printf("append %.2f us, commit %.2f us a tick\n", put / n, flush / n);
	printf("values %.3f bytes a sample as written; on disk %.3f (database "
	    "%.3f, log %.3f)\n", (double)S->stats.bytes_values / samples,
	    (size_of(path, "") + size_of(path, "-wal")) / samples,
	    size_of(path, "") / samples, size_of(path, "-wal") / samples);
	c0 = cpu_us();
	/* Let compaction come to its end. */
	for (until = clock_mono_us() + 120000000; clock_mono_us() < until;) {
		for (k = 0, left = 0; k < nsrc; k++)
			left += src[k]->npend > src[k]->run_len ||
			    src[k]->is_queued;
		if (left == 0)
			break;
		loop_turn(L, 1);
	}
	c1 = cpu_us();
	w2 = written("write_bytes:");
	printf("blocks %.3f bytes a sample, of %.0f %% of the ticks\n",
	    ask(S, "SELECT total(length(data)) FROM sample_block") /
	    (ask(S, "SELECT total(ticks) FROM sample_block") * pg.series),
	    ask(S, "SELECT total(ticks) FROM sample_block") / n * 100);
	printf("layouts %.3f bytes a sample\n",
	    ask(S, "SELECT total(length(diff)) FROM sample_layout") / samples);
	printf("cpu in all %.2f us a tick (the last wait %.2f)\n",
	    (c1 - all0) / n, (c1 - c0) / n);
	printf("written %.3f bytes a sample while appending, %.3f in all\n",
	    (w1 - w0) / samples, (w2 - w0) / samples);
	for (k = 0; k < nsrc; k++) {
		sample_source_close(src[k]);
		sample_layout_unref(first[k].layout);
		sample_diff_free(first[k].diff);
	}
	printf("pages in use %.3f bytes a sample\n", (ask(S,
	    "SELECT page_count FROM pragma_page_count") - ask(S, "SELECT "
	    "freelist_count FROM pragma_freelist_count")) * SAMPLE_PAGE / samples);
	sample_store_close(S);
	printf("file at the end %.3f bytes a sample\n",
	    size_of(path, "") / samples);
	loop_free(L);
	free(pg.v);
	free(src);
	free(first);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return (system(cmd) != 0);
}
