/*
 * The writer of Elasticsearch and OpenSearch as a program, for the tests in Python:
 *   elastic_drive <<< '{"url", "api_key", "username", "password", "ca_file", "gzip",
 *     "batch_bytes", "batch_rows", "retry_ms", "table", "sync", "fence", "marks",
 *     "refresh", "columns": [{"name", "type", "key"}], "rows": [[..], ..],
 *     "count": N (rows made here: id and a text), "from": first id,
 *     "flush_every": N, "runs": how often the same, "sweep": "mark"|"remove", "ratio"}'
 * It prints one object: {"ready", "acked", "acks", "room", "failed": {"class",
 * "code", "msg"}, "swept", "sweep_error", "stats"}.
 */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/json.h"
#include "base/log.h"
#include "loop/loop.h"
#include "net/http.h"
#include "target/elastic.h"

#define COLUMNS_MAX 32

static struct loop * L;
static struct writer * W;
static json_t * in, * out;
static struct value row[COLUMNS_MAX];
static char * texts[COLUMNS_MAX];
static size_t ncolumns, next_row, nrows;
static int is_over, blocked;

static void
die(const char * what)
{
	fprintf(stderr, "elastic_drive: %s\n", what);
	exit(2);
}

static void
put_error(const char * key, const struct err * e)
{
	json_object_set_new(out, key, json_pack("{s:s, s:s, s:s}", "class",
	    err_class_name(e->cls), "code", e->code, "msg", e->msg));
}

static void
over(void)
{
	is_over = 1;
	loop_stop(L);
}

static void
on_swept(void * arg, uint64_t n, const struct err * e)
{
	(void)arg;
	json_object_set_new(out, "swept", json_integer((json_int_t)n));
	if (e != NULL)
		put_error("sweep_error", e);
	over();
}

static void
set_value(size_t i, const json_t * v)
{
	struct value * to = &row[i];

	free(texts[i]);
	texts[i] = NULL;
	if (json_is_integer(v) || json_is_boolean(v)) {
		to->type = VALUE_INT;
		to->i = json_is_integer(v) ? json_integer_value(v) :
		    json_is_true(v);
	} else if (json_is_real(v)) {
		to->type = VALUE_REAL;
		to->d = json_real_value(v);
	} else if (json_is_null(v) || v == NULL) {
		to->type = VALUE_NULL;
	} else {
		texts[i] = json_is_string(v) ? strdup(json_string_value(v)) :
		    json_dumps(v, JSON_INDENT(1));
		if (texts[i] == NULL)
			die("no memory");
		to->type = VALUE_TEXT;
		to->s = texts[i];
		to->len = (uint32_t)strlen(texts[i]);
	}
}

static void
make_row(size_t n)
{
	static char title[64];
	json_int_t id = json_int(in, "from", 0) + (json_int_t)n;
	const json_t * r = json_array_get(json_object_get(in, "rows"), n);
	size_t i;

	if (r != NULL) {
		for (i = 0; i < ncolumns; i++)
			set_value(i, json_array_get(r, i));
		return;
	}
	row[0].type = VALUE_INT;
	row[0].i = id;
	snprintf(title, sizeof(title), "title of %lld", (long long)id);
	row[1].type = VALUE_TEXT;
	row[1].s = title;
	row[1].len = (uint32_t)strlen(title);
}

static void
finish(void)
{
	const char * sweep = json_str(in, "sweep");

	if (sweep == NULL) {
		over();
		return;
	}
	writer_sweep(W, strcmp(sweep, "mark") == 0 ? SWEEP_MARK : SWEEP_REMOVE,
	    json_number_value(json_object_get(in, "ratio")), NULL, on_swept, NULL);
}

static void
give(void)
{
	size_t every = (size_t)json_int(in, "flush_every", 0);

	while (next_row < nrows) {
		make_row(next_row++);
		if (writer_row(W, row)) {
			blocked++;
			return;
		}
		if (every > 0 && next_row % every == 0)
			writer_flush(W);
	}
	writer_flush(W);
	if (nrows == 0)
		finish();
}

static void
on_ready(void * arg)
{
	(void)arg;
	json_object_set_new(out, "ready", json_true());
	give();
}

static void
on_acked(void * arg, uint64_t rows)
{
	json_t * acks = json_object_get(out, "acks");

	(void)arg;
	json_object_set_new(out, "acked", json_integer((json_int_t)rows));
	if (json_array_size(acks) < 10000)
		json_array_append_new(acks, json_integer((json_int_t)rows));
	if (rows == nrows)
		finish();
}

static void
on_room(void * arg)
{
	(void)arg;
	give();
}

static void
on_failed(void * arg, const struct err * e)
{
	(void)arg;
	put_error("failed", e);
	/* As its owner would: from within the event. */
	writer_close(W);
	W = NULL;
	over();
}

static size_t
columns(struct writer_column * cols)
{
	static const char * const types[] = { "text", "integer", "real",
	    "boolean", "timestamp", "list", "map" };
	const json_t * list = json_object_get(in, "columns"), * c;
	size_t i, t;

	if (list == NULL) {
		cols[0] = (struct writer_column){ .name = "id",
		    .type = COLUMN_INTEGER, .is_key = 1 };
		cols[1] = (struct writer_column){ .name = "title",
		    .type = COLUMN_TEXT };
		return (2);
	}
	if (json_array_size(list) > COLUMNS_MAX)
		die("too many columns");
	for (i = 0; i < json_array_size(list); i++) {
		c = json_array_get(list, i);
		for (t = 0; strcmp(types[t], json_str(c, "type")) != 0; t++)
			if (t == 6)
				die("no such type");
		cols[i].name = json_str(c, "name");
		cols[i].type = (enum column_type)t;
		cols[i].is_key = json_is_true(json_object_get(c, "key"));
	}
	return (i);
}

static struct elastic *
cluster(struct http * H, const struct secrets * secrets, struct err * e)
{
	const char * gzip = json_str(in, "gzip");
	struct elastic_opts o;

	memset(&o, 0, sizeof(o));
	o.loop = L;
	o.http = H;
	o.secrets = secrets;
	o.url = json_str(in, "url");
	o.api_key = json_str(in, "api_key");
	o.username = json_str(in, "username");
	o.password = json_str(in, "password");
	o.ca_file = json_str(in, "ca_file");
	o.gzip = gzip == NULL ? ELASTIC_GZIP_AUTO : strcmp(gzip, "on") == 0 ?
	    ELASTIC_GZIP_ON : ELASTIC_GZIP_OFF;
	o.batch_bytes = (size_t)json_int(in, "batch_bytes", 0);
	o.batch_rows = (size_t)json_int(in, "batch_rows", 0);
	o.retry_ms = json_int(in, "retry_ms", 0);
	return (elastic_new(&o, e));
}

static void
open_writer(struct elastic * el, struct err * e)
{
	static const struct writer_events ev = { .ready = on_ready,
	    .acked = on_acked, .room = on_room, .failed = on_failed };
	struct writer_column cols[COLUMNS_MAX];
	struct writer_spec spec;

	memset(cols, 0, sizeof(cols));
	memset(&spec, 0, sizeof(spec));
	spec.table = json_str(in, "table");
	spec.sync = json_str(in, "sync");
	spec.fence = json_int(in, "fence", 1);
	spec.columns = cols;
	spec.ncolumns = ncolumns = columns(cols);
	spec.marks = json_is_true(json_object_get(in, "marks"));
	spec.refresh = json_is_true(json_object_get(in, "refresh"));
	W = elastic_writer_open(el, &spec, &ev, e);
	memset(cols, 0xff, sizeof(cols)); /* borrowed until it returned */
}

static void
report(void)
{
	struct writer_stats st;
	struct rusage ru;

	if (W != NULL) {
		writer_stats(W, &st);
		json_object_set_new(out, "stats", json_pack("{s:I, s:I, s:I, "
		    "s:I, s:I, s:I, s:s}", "rows", (json_int_t)st.rows, "rejected",
		    (json_int_t)st.rejected, "batches", (json_int_t)st.batches,
		    "bytes", (json_int_t)st.bytes, "retries",
		    (json_int_t)st.retries, "passed", (json_int_t)st.passed,
		    "reject_why", st.reject_why));
	}
	getrusage(RUSAGE_SELF, &ru);
	json_object_set_new(out, "cpu_ms", json_integer(
	    ru.ru_utime.tv_sec * 1000 + ru.ru_utime.tv_usec / 1000 +
	    ru.ru_stime.tv_sec * 1000 + ru.ru_stime.tv_usec / 1000));
	json_object_set_new(out, "rss_kb", json_integer(ru.ru_maxrss));
	json_object_set_new(out, "blocked", json_integer(blocked));
	json_dumpf(out, stdout, JSON_COMPACT);
	printf("\n");
}

int
main(void)
{
	struct secrets * secrets;
	struct elastic * el;
	struct http * H = NULL;
	struct err e;
	size_t i;

	signal(SIGPIPE, SIG_IGN);
	if ((in = json_loadf(stdin, 0, NULL)) == NULL)
		die("give one JSON object");
	out = json_pack("{s:[]}", "acks");
	nrows = json_object_get(in, "count") != NULL ?
	    (size_t)json_int(in, "count", 0) :
	    json_array_size(json_object_get(in, "rows"));
	if ((L = loop_new(&e)) == NULL || (H = http_new(L, NULL, &e)) == NULL ||
	    (secrets = secrets_new(NULL, &e)) == NULL)
		die(e.msg);
	if ((el = cluster(H, secrets, &e)) != NULL)
		open_writer(el, &e);
	if (W == NULL)
		put_error("open_error", &e);
	for (i = 0; W != NULL && i < (size_t)json_int(in, "runs", 1); i++) {
		if (i > 0) {
			writer_close(W);
			next_row = 0;
			is_over = 0;
			open_writer(el, &e);
		}
		while (!is_over && loop_run(L) == 0)
			continue;
	}
	report();
	writer_close(W);
	elastic_free(el);
	http_free(H);
	secrets_free(secrets);
	loop_free(L);
	for (i = 0; i < COLUMNS_MAX; i++)
		free(texts[i]);
	json_decref(in);
	json_decref(out);
	return (0);
}
