/*
 * What decode_json costs beside a tree of the page (jansson): 10,000 records of some
 * 3 KB as an issue tracker sends them, 10 columns, fed in pieces of 16 KiB; in pages
 * of 100, and in one.  Rounds of both in turn; prints MB of input a second of CPU,
 * and the medians' ratio.
 */
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "decode_rig.h"

#define RECORDS 10000
#define ROUNDS 9
#define PIECE 16384

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return ((double)t.tv_sec + (double)t.tv_nsec / 1e9);
}

static void
add_user(struct buf * b, const char * key, int i)
{
	static const char * const urls[] = { "followers", "following", "gists",
	    "starred", "subscriptions", "organizations", "repos", "events",
	    "received_events" };
	size_t k;

	buf_addf(b, "\"%s\":{\"login\":\"user%d\",\"id\":%d,\"node_id\":\"MDQ6VXNlcj%d=\","
	    "\"avatar_url\":\"https://avatars.example.com/u/%d?v=4\",\"url\":"
	    "\"https://api.example.com/users/user%d\"", key, i, i * 7919, i, i, i);
	for (k = 0; k < sizeof(urls) / sizeof(urls[0]); k++)
		buf_addf(b, ",\"%s_url\":\"https://api.example.com/users/user%d/%s\"",
		    urls[k], i, urls[k]);
	buf_adds(b, ",\"type\":\"User\",\"site_admin\":false},");
}

static void
add_record(struct buf * b, int i)
{
	int k;

	buf_addf(b, "{\"url\":\"https://api.example.com/repos/o/r/issues/%d\","
	    "\"repository_url\":\"https://api.example.com/repos/o/r\",\"html_url\":"
	    "\"https://example.com/o/r/issues/%d\",\"id\":%d,\"node_id\":\"MDU6SXNzdWU"
	    "%d\",\"number\":%d,\"title\":\"Found a bug in part %d of the system\",", i,
	    i, 1000000000 + i, i, i, i);
	add_user(b, "user", i % 97);
	buf_adds(b, "\"labels\":[");
	for (k = 0; k < i % 3; k++)
		buf_addf(b, "%s{\"id\":%d,\"url\":\"https://api.example.com/repos/o/r/"
		    "labels/bug\",\"name\":\"area/core\",\"color\":\"d73a4a\","
		    "\"default\":true}", k ? "," : "", k);
	buf_adds(b, "],\"state\":\"open\",\"locked\":false,");
	add_user(b, "assignee", i % 13);
	buf_addf(b, "\"milestone\":null,\"comments\":%d,\"created_at\":"
	    "\"2026-0%d-11T16:59:43Z\",\"updated_at\":\"2026-10-12T01:02:03Z\","
	    "\"closed_at\":null,\"body\":\"There is a problem here.\\r\\n\\r\\n",
	    i % 40, 1 + i % 9);
	for (k = 0; k < 6 + i % 20; k++)
		buf_adds(b, "Steps to \\\"reproduce\\\": do it again and see. ");
	buf_adds(b, "\",\"reactions\":{\"total_count\":0,\"+1\":0,\"-1\":0,\"laugh\":0,"
	    "\"heart\":0},\"state_reason\":null}");
}

static double
tree(const struct buf * b)
{
	double t = now();
	json_t * v = json_loadb(b->p, b->len, 0, NULL);

	if (v == NULL)
		abort();
	json_decref(v);
	return (now() - t);
}

static size_t rows, bytes;

static double
decode(struct decode_json * d, struct rig * r, const struct buf * b)
{
	struct decode_body body;
	struct page * p;
	struct err e;
	double t = now();
	size_t i, n;

	if (decode_json_begin(d, r->plan, NULL))
		abort();
	for (i = 0; i < b->len; i += n) {
		n = b->len - i < PIECE ? b->len - i : PIECE;
		if (decode_json_feed(d, b->p + i, n))
			abort();
	}
	if (decode_json_end(d, &p, &body, &e))
		abort();
	rows = p->nrows;
	bytes = p->bytes;
	page_unref(p);
	return (now() - t);
}

static int
by_size(const void * a, const void * b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return ((x > y) - (x < y));
}

static void
measure(struct decode_json * dec, struct rig * r, int records)
{
	struct buf b = BUF_INIT(0);
	double y[ROUNDS], d[ROUNDS], mb;
	int i, k, pages = RECORDS / records;

	buf_addc(&b, '[');
	for (i = 0; i < records; i++) {
		if (i > 0)
			buf_addc(&b, ',');
		add_record(&b, i);
	}
	if (buf_addc(&b, ']'))
		abort();
	for (i = 0; i < ROUNDS; i++) {
		y[i] = d[i] = 0;
		for (k = 0; k < pages; k++)
			y[i] += tree(&b);
		for (k = 0; k < pages; k++)
			d[i] += decode(dec, r, &b);
	}
	qsort(y, ROUNDS, sizeof(*y), by_size);
	qsort(d, ROUNDS, sizeof(*d), by_size);
	mb = (double)b.len * pages / 1e6;
	printf("%d x %d records, %.1f MB: a tree %.0f MB/s, to rows %.0f MB/s "
	    "(%.0f rows/s), ratio %.2f; a page of %.2f MB holds %.2f MB\n", pages,
	    records, mb, mb / y[ROUNDS / 2], mb / d[ROUNDS / 2],
	    (double)rows * pages / d[ROUNDS / 2], d[ROUNDS / 2] / y[ROUNDS / 2],
	    (double)b.len / 1e6, (double)bytes / 1e6);
	buf_free(&b);
}

int
main(void)
{
	struct decode_json * dec = decode_json_new();
	struct rig r;

	if (dec == NULL)
		return (1);
	rig_init(&r, "$", "number:integer title:text state:text author:text:user.login "
	    "labels:list:labels[*].name comments:integer created_at:timestamp "
	    "updated_at:timestamp body:text html_url:text");
	rig_plan(&r);
	measure(dec, &r, 100);
	measure(dec, &r, RECORDS);
	decode_json_free(dec);
	rig_free(&r);
	return (0);
}
