/*
 * What SELECT costs beyond fetching and decoding: 100 pages of 100 rows handed
 * over from memory, read by a reader alone and through SELECTs, in turns.  Prints
 * CPU a row and the ratio to the reader alone (median of the rounds).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "conn/reader.h"
#include "net/http.h"
#include "query/query.h"

#define PAGES 100
#define ROWS 100
#define ROUNDS 9

static const char manifest_text[] = "{\"format\":1,\"type\":\"svc\",\"title\":\"S\","
"\"description\":\"Rows from memory\",\"drive_model\":\"on_demand\",\"config\":{},"
"\"base_url\":\"http://svc.test\",\"auth\":{\"kind\":\"none\"},\"entities\":{"
"\"issues\":{\"main\":true,\"key\":[\"id\"],\"columns\":{"
"\"id\":{\"type\":\"integer\",\"not_null\":true},\"title\":{\"type\":\"text\"},"
"\"state\":{\"type\":\"text\"},\"author\":{\"type\":\"text\",\"path\":\"user.login\"},"
"\"comments\":{\"type\":\"integer\"},\"locked\":{\"type\":\"boolean\"},"
"\"created_at\":{\"type\":\"timestamp\",\"not_null\":true},"
"\"labels\":{\"type\":\"list\",\"path\":\"labels[*].name\"},"
"\"url\":{\"type\":\"text\"},\"body\":{\"type\":\"text\"}},"
"\"lists\":[{\"url\":\"/issues\",\"paginate\":{\"kind\":\"page\","
"\"query\":\"page\",\"first\":1,\"short_page_ends\":true,"
"\"size\":{\"query\":\"n\",\"default\":100,\"max\":100}}}]}}}";

static struct loop * L;
static struct connector * svc;
static struct conn_env env;
static struct buf page;
static unsigned calls;

struct http_call {
	struct soon soon;
	struct http_req req;
	char * url;
	http_cb * cb;
	void * arg;
};

static void
deliver(void * arg)
{
	struct http_call * c = arg;
	struct http_res res = { .status = 200, .body = "", .url = c->url };
	const char * p = ++calls > PAGES ? "[]" : page.p;
	size_t n = strlen(p), at, len;
	char number[16];

	/* A page that comes again would end the read: its first id is its own. */
	if (calls <= PAGES) {
		snprintf(number, sizeof(number), "%07u", calls + 1000000);
		memcpy(page.p + 7, number, 7);
	}
	res.bytes = n;
	if (c->req.on_head != NULL)
		c->req.on_head(c->arg, "application/json");
	for (at = 0; at < n; at += len) {
		len = n - at < 16384 ? n - at : 16384;
		if (c->req.on_data(c->arg, p + at, len))
			abort();
	}
	c->cb(c->arg, &res, NULL);
	free(c->url);
	free(c);
}

struct http_call *
http_start(struct http * H, const struct http_req * req, http_cb * cb,
    void * arg)
{
	struct http_call * c = calloc(1, sizeof(*c));

	(void)H;
	if (c == NULL)
		abort();
	c->req = *req;
	c->url = strdup(req->url);
	c->cb = cb;
	c->arg = arg;
	loop_soon(L, &c->soon, deliver, c);
	return (c);
}

void
http_cancel(struct http_call * c)
{
	if (c == NULL)
		return;
	loop_soon_cancel(L, &c->soon);
	free(c->url);
	free(c);
}

const char *
http_res_header(const struct http_res * res, const char * name)
{
	(void)res;
	(void)name;
	return (NULL);
}

static void
make_page(void)
{
	unsigned i, k;

	page.max = (size_t)16 << 20;
	for (i = 0; i < ROWS; i++) {
		buf_addf(&page, "%s{\"id\":%u,\"node_id\":\"I_kwDO%u\",\"url\":"
		    "\"https://api.svc.test/repos/acme/core/issues/%u\","
		    "\"title\":\"The %u. thing that went wrong\",\"user\":{"
		    "\"login\":\"user%u\",\"id\":%u,\"type\":\"User\"},"
		    "\"state\":\"%s\",\"locked\":false,\"comments\":%u,"
		    "\"created_at\":\"2026-01-%02uT10:%02u:00Z\",\"labels\":["
		    "{\"id\":1,\"name\":\"bug\"},{\"id\":2,\"name\":\"ui\"}],"
		    "\"body\":\"", i ? "," : "[", i + 1000000, i, i, i, i % 7, i,
		    i % 3 ? "open" : "closed", i % 9, i % 28 + 1, i % 60);
		for (k = 0; k < 20; k++)
			buf_adds(&page, "Some words of a long description, as "
			    "people write them.\\r\\n");
		buf_adds(&page, "\",\"reactions\":{\"+1\":0,\"-1\":0}}");
	}
	buf_addc(&page, ']');
}

static double
cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return ((double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec));
}

static size_t rows_seen;
static int is_over;
static struct reader * reader;

static void
on_page(void * arg, struct page * p, const struct err * e)
{
	(void)arg;
	if (e != NULL) {
		fprintf(stderr, "%s\n", e->msg);
		exit(1);
	}
	if (p == NULL) {
		is_over = 1;
		return;
	}
	rows_seen += p->nrows;
	page_unref(p);
	reader_next(reader, on_page, NULL);
}

/* The reader alone, wanting what the first SELECT wants. */
static void
run_reader(void)
{
	static const char * const want[] = { "id", "title", "state",
	    "created_at" };
	const struct manifest_entity * ent = manifest_entity(svc->m, "issues");
	struct read_ctx ctx = { .max_calls = 1000 };
	struct err e;
	struct plan * p = plan_new(svc, ent, NULL, 0, NULL, 0, &e);
	size_t i;

	if (p == NULL)
		abort();
	memset(p->wanted, 0, ent->ncolumns);
	for (i = 0; i < 4; i++)
		p->wanted[manifest_column(ent, want[i])] = 1;
	if ((reader = reader_open(&env, p, &ctx, &e)) == NULL)
		abort();
	reader_next(reader, on_page, NULL);
	while (!is_over)
		if (loop_turn(L, 1))
			abort();
	reader_close(reader);
}

static void
lookup(void * arg, const char * schema, const char * table,
    struct query_table * out)
{
	(void)arg;
	if (schema == NULL || strcasecmp(schema, "svc") != 0)
		return;
	out->found = 1;
	out->c = svc;
	out->ent = manifest_entity(svc->m, table);
}

static int
on_row(void * arg, size_t n, const struct query_value * v)
{
	(void)arg;
	(void)n;
	(void)v;
	rows_seen++;
	return (0);
}

static void
on_done(void * arg, const struct query_stats * st, const struct err * e)
{
	(void)arg;
	(void)st;
	if (e != NULL) {
		fprintf(stderr, "%s\n", e->msg);
		exit(1);
	}
	is_over = 1;
}

static void
run_select(const char * sql)
{
	static const struct query_catalog cat = { .lookup = lookup };
	struct query_sink sink = { .row = on_row, .done = on_done };
	struct query_opts opts = { .conn = &env };
	struct err e;

	if (query_start(L, sql, strlen(sql), &cat, &opts, &sink, &e) == NULL)
		abort();
	while (!is_over)
		if (loop_turn(L, 1))
			abort();
}

static int
by_value(const void * a, const void * b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return ((x > y) - (x < y));
}

int
main(void)
{
	static const char * const sql[] = { NULL,
	    "SELECT id, title, state, created_at FROM svc.issues",
	    "SELECT count(*) FROM svc.issues",
	    "SELECT id, title FROM svc.issues WHERE state || '' = 'open'",
	    "SELECT id, title FROM svc.issues ORDER BY title",
	    "SELECT * FROM svc.issues" };
	enum { KINDS = sizeof(sql) / sizeof(sql[0]) };
	double us[KINDS][ROUNDS], ratio[KINDS][ROUNDS], t0;
	struct manifest * m;
	struct err e;
	size_t k;
	int r;

	L = env.loop = loop_new(&e);
	env.http = (struct http *)(uintptr_t)&page;
	m = manifest_parse(manifest_text, strlen(manifest_text), "svc", &e);
	if (L == NULL || m == NULL || (svc = connector_new(m, "id", "svc", NULL,
	    NULL, &e)) == NULL) {
		fprintf(stderr, "%s\n", e.msg);
		return (1);
	}
	make_page();
	for (r = 0; r < ROUNDS; r++)
		for (k = 0; k < KINDS; k++) {
			calls = 0;
			rows_seen = 0;
			is_over = 0;
			t0 = cpu_us();
			if (sql[k] == NULL)
				run_reader();
			else
				run_select(sql[k]);
			us[k][r] = (cpu_us() - t0) / (PAGES * ROWS);
			ratio[k][r] = us[k][r] / us[0][r];
		}
	printf("%zu bytes a page, %d pages of %d rows\n", page.len, PAGES, ROWS);
	for (k = 0; k < KINDS; k++) {
		qsort(us[k], ROUNDS, sizeof(double), by_value);
		qsort(ratio[k], ROUNDS, sizeof(double), by_value);
		printf("%6.2f us a row, %5.2f of the reader  %s\n",
		    us[k][ROUNDS / 2], ratio[k][ROUNDS / 2],
		    sql[k] ? sql[k] : "(the reader alone)");
	}
	connector_unref(svc);
	manifest_unref(m);
	reader_cleanup();
	buf_free(&page);
	loop_free(L);
	return (0);
}
