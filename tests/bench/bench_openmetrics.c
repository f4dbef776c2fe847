/*
 * CPU a page of metrics: the decoder on pages it knows (whole, and in pieces as
 * a socket gives them), on pages it does not, and splitting lines with strtod.
 *
 * bench_openmetrics [-r rounds] [-n pages a round] [-s series] [FILE ...]
 *
 * The FILEs are successive pages of one exporter; without any, 60 pages are
 * made that look like a host's, a quarter of whose values change each time.
 * All roads run in turns; printed is each road's median and, as machines
 * waver, the median of its ratio to the baseline of the same round.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "decode/decode_openmetrics.h"

#define MAX_PAGES 512
#define MAX_ROUNDS 101
#define MADE 60
#define PIECE 16384

static struct buf pages[MAX_PAGES];
static int npages, rounds = 15, each = 2000, series = 507;
static struct openmetrics * d;
static struct sample_layout * layout;
static double * split_values;
static size_t split_n, split_cap;

static void
die(const char * what)
{
	fprintf(stderr, "bench_openmetrics: %s\n", what);
	exit(1);
}

static double
cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return ((double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3);
}

/* Half the series have help and type before them, as on a host's page. */
static void
make_page(struct buf * b, unsigned tick)
{
	int i;

	for (i = 0; i < series; i++) {
		unsigned t = i % 4 == 0 ? tick : 0;
		double v = (double)(i * 7919 + (int)t * 31);

		if (i % 2 == 0)
			buf_addf(b, "# HELP node_subsystem%d_seconds_total What "
			    "the subsystem %d did since the host came up.\n"
			    "# TYPE node_subsystem%d_seconds_total counter\n",
			    i / 2, i / 2, i / 2);
		buf_addf(b, "node_subsystem%d_seconds_total"
		    "{device=\"eth%d\",mode=\"%s\"} ", i / 2, i % 8,
		    i % 2 ? "system" : "user");
		if (i % 5 == 0)
			buf_adds(b, "0\n");
		else if (i % 5 == 1)
			buf_addf(b, "%.2f\n", v / 100);
		else if (i % 5 == 2)
			buf_addf(b, "%.10g\n", v * 40960);
		else
			buf_addf(b, "%d\n", (int)v);
	}
	if (b->failed)
		die("out of memory");
}

static void
read_page(struct buf * b, const char * path)
{
	char block[65536];
	FILE * f = fopen(path, "r");
	size_t n;

	if (f == NULL)
		die("cannot open a page");
	while ((n = fread(block, 1, sizeof(block), f)) > 0)
		buf_add(b, block, n);
	fclose(f);
	if (b->failed)
		die("the page is too large");
}

static void
decode(const struct buf * b, struct sample_layout * expect, size_t piece,
    struct sample_page * page)
{
	struct err e;
	size_t i, n;

	openmetrics_begin(d, OPENMETRICS_TEXT, expect);
	for (i = 0; i < b->len; i += n) {
		n = b->len - i < piece ? b->len - i : piece;
		if (openmetrics_feed(d, b->p + i, n))
			break;
	}
	if (openmetrics_end(d, page, &e))
		die(e.msg);
}

static void
fast(const struct buf * b)
{
	struct sample_page page;

	decode(b, layout, SIZE_MAX, &page);
	if (page.diff != NULL)
		die("the pages are not of one layout");
	sample_layout_unref(page.layout);
}

static void
pieces(const struct buf * b)
{
	struct sample_page page;

	decode(b, layout, PIECE, &page);
	sample_layout_unref(page.layout);
}

static void
slow(const struct buf * b)
{
	struct sample_page page;

	decode(b, NULL, SIZE_MAX, &page);
	sample_layout_unref(page.layout);
	sample_diff_free(page.diff);
}

/* What one would write first: each line to its last space, strtod. */
static void
split(const struct buf * b)
{
	const char * p = b->p, * end = b->p + b->len, * nl, * sp;

	split_n = 0;
	for (; p < end && (nl = memchr(p, '\n', (size_t)(end - p))) != NULL;
	    p = nl + 1) {
		if (*p == '#' || p == nl)
			continue;
		for (sp = nl; sp > p && sp[-1] != ' '; sp--)
			;
		if (split_n == split_cap) {
			split_cap = split_cap ? split_cap * 2 : 1024;
			split_values = realloc(split_values,
			    split_cap * sizeof(*split_values));
			if (split_values == NULL)
				die("out of memory");
		}
		split_values[split_n++] = strtod(sp, NULL);
	}
}

static const struct {
	const char * name;
	void (*run)(const struct buf *);
} roads[] = {
	{ "split lines, strtod", split },
	{ "known page", fast },
	{ "known page, 16 KiB pieces", pieces },
	{ "unknown page", slow },
};
#define ROADS (sizeof(roads) / sizeof(roads[0]))

static int
cmp(const void * a, const void * b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x < y ? -1 : x > y);
}

static double
median(double * v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), cmp);
	return (v[n / 2]);
}

static void
check_values(void)
{
	struct sample_page page;
	int i;

	for (i = 0; i < npages; i++) {
		decode(&pages[i], layout, SIZE_MAX, &page);
		split(&pages[i]);
		if (page.n != split_n || memcmp(page.values, split_values,
		    split_n * sizeof(double)) != 0)
			die("the values differ from strtod's");
		sample_layout_unref(page.layout);
		sample_diff_free(page.diff);
	}
}

static void
measure(void)
{
	static double us[ROADS][MAX_ROUNDS], ratio[ROADS][MAX_ROUNDS];
	double t;
	size_t k;
	int r, i;

	for (r = 0; r < rounds; r++) {
		for (k = 0; k < ROADS; k++) {
			t = cpu_us();
			for (i = 0; i < each; i++)
				roads[k].run(&pages[i % npages]);
			us[k][r] = (cpu_us() - t) / each;
			ratio[k][r] = us[k][r] / us[0][r];
		}
	}
	for (k = 0; k < ROADS; k++)
		printf("%-28s %8.2f us a page  %6.3f of the first\n",
		    roads[k].name, median(us[k], rounds),
		    median(ratio[k], rounds));
}

int
main(int argc, char ** argv)
{
	struct sample_page page;
	int c, i;

	while ((c = getopt(argc, argv, "r:n:s:")) != -1) {
		if (c == 'r')
			rounds = atoi(optarg);
		else if (c == 'n')
			each = atoi(optarg);
		else if (c == 's')
			series = atoi(optarg);
		else
			return (2);
	}
	if (rounds < 1 || rounds > MAX_ROUNDS || each < 1 || series < 1 ||
	    series > 100000)
		die("-r 1 to 101, -n from 1, -s 1 to 100000");
	for (i = optind; i < argc && npages < MAX_PAGES; i++)
		read_page(&pages[npages++], argv[i]);
	for (i = 0; argc == optind && i < MADE; i++)
		make_page(&pages[npages++], (unsigned)i);
	if ((d = openmetrics_new()) == NULL)
		die("out of memory");
	decode(&pages[0], NULL, SIZE_MAX, &page);
	layout = page.layout;
	sample_diff_free(page.diff);
	printf("%d pages of %u series, %zu bytes\n", npages, page.n,
	    pages[0].len);
	check_values();
	measure();
	for (i = 0; i < npages; i++)
		buf_free(&pages[i]);
	sample_layout_unref(layout);
	openmetrics_free(d);
	free(split_values);
	return (0);
}
