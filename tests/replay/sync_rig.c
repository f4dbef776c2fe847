#include "sync_rig.h"

#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash64.h"
#include "base/log.h"
#include "base/rfc3339.h"
#include "conn/limits.h"

#define BASE "http://svc.test"
#define COLUMNS "\"key\":[\"id\"],\"columns\":{\"id\":{\"type\":\"integer\"}," \
    "\"updated\":{\"type\":\"timestamp\"%s},\"rev\":{\"type\":\"integer\"}}"
#define PARTS PARTS_BY("[\"id\"]")
#define PARTS_BY(key) "\"key\":" key ",\"columns\":{\"id\":{\"type\":\"integer\"}," \
    "\"updated\":{\"type\":\"timestamp\",\"not_null\":true},\"rev\":{" \
    "\"type\":\"integer\"},\"box\":{\"type\":\"text\",\"input\":true}}"
#define SINCE "\"push\":{\"updated\":{\"op\":[\">=\",\">\"],\"query\":\"since\"," \
    "\"time\":\"iso8601\"}}"
#define ORDER "\"order\":{\"columns\":{\"updated\":\"updated\"},\"query\":" \
    "{\"sort\":\"{{order.column}}\",\"dir\":\"{{order.direction}}\"}}"
#define SIZE "\"size\":{\"query\":\"size\",\"default\":5,\"max\":5}"
#define PAGES "\"paginate\":{\"kind\":\"page\",\"query\":\"page\",\"first\":1," \
    "\"more\":\"more\"," SIZE "}"
#define COUNTED "\"paginate\":{\"kind\":\"page\",\"query\":\"page\",\"first\":1," \
	"\"more\":\"more\",\"total\":\"total\"," SIZE "}"
#define OPAQUE_COUNTED "\"paginate\":{\"kind\":\"cursor\",\"query\":\"cursor\"," \
    "\"from\":\"next\",\"total\":\"total\"," SIZE "}"
#define LACK "\"incomplete\":{\"missing\":[]},"
#define OPAQUE "\"paginate\":{\"kind\":\"cursor\",\"query\":\"cursor\"," \
    "\"from\":\"next\"," SIZE "}"

/* ---- the service ---- */

static int64_t
service_ms(const struct rig * g)
{
	return (clock_wall_ms() + g->ahead_ms);
}

static int64_t
stamp(const struct rig * g)
{
	int64_t now = service_ms(g);

	return (now - now % g->grain_ms);
}

void
rig_add(struct rig * g)
{
	struct rig_item * it = &g->items[g->nitems];

	if (g->nitems == RIG_ITEMS)
		return;
	it->id = (int64_t)++g->nitems;
	it->ms = stamp(g);
	it->n = ++g->changes;
	it->rev = 1;
}

void
rig_fill(struct rig * g, size_t n, int64_t every_ms)
{
	while (n-- > 0) {
		rig_add(g);
		fake_loop_advance(g->L, every_ms);
	}
	fake_loop_advance(g->L, 60000);
}

void
rig_touch(struct rig * g, size_t i)
{
	g->items[i].ms = stamp(g);
	g->items[i].n = ++g->changes;
	g->items[i].rev++;
}

static int
older(const void * a, const void * b)
{
	const struct rig_item * x = *(struct rig_item * const *)a;
	const struct rig_item * y = *(struct rig_item * const *)b;

	if (x->ms != y->ms)
		return (x->ms < y->ms ? -1 : 1);
	return (x->id < y->id ? -1 : 1);
}

static int
earlier(const void * a, const void * b)
{
	const struct rig_item * x = *(struct rig_item * const *)a;
	const struct rig_item * y = *(struct rig_item * const *)b;

	return (x->n < y->n ? -1 : 1);
}

static int
newer(const void * a, const void * b)
{
	return (older(b, a));
}

/* The value of a query's parameter, decoded; "" if there is none. */
static const char *
param(const char * url, const char * name, char out[64])
{
	const char * p = strchr(url, '?');
	size_t n = strlen(name), k = 0;
	unsigned c;

	while (p != NULL && !(strncmp(p + 1, name, n) == 0 && p[1 + n] == '='))
		p = strchr(p + 1, '&');
	for (p = p ? p + n + 2 : ""; *p && *p != '&' && k < 63; p++)
		if (*p == '%' && sscanf(p + 1, "%2x", &c) == 1) {
			out[k++] = (char)c;
			p += 2;
		} else
			out[k++] = *p;
	out[k] = '\0';
	return (out);
}

static void
add_item(struct buf * b, const struct rig_item * it, int is_short)
{
	char when[RFC3339_LEN];

	rfc3339_format(it->ms, when);
	buf_addf(b, "{\"id\":%lld", (long long)it->id);
	if (!is_short)
		buf_addf(b, ",\"rev\":%u", it->rev);
	if (it->ms >= 0)
		buf_addf(b, ",\"updated\":\"%s\"", when);
	buf_addc(b, '}');
}

/* The answer with its ETag, or that it is the one that is known. */
static void
add_etag(struct rig * g, struct fake_answer * a, struct buf * head)
{
	const struct fake_request * q = fake_http_request(g->http, NULL,
	    fake_http_requests(g->http, NULL) - 1);
	char tag[40];

	if (g->by_time)
		snprintf(tag, sizeof(tag), "Sun, 22 Nov 2026 07:00:00 GMT");
	else
		snprintf(tag, sizeof(tag), "\"%016llx\"", (unsigned long long)
		    hash64(7, a->body, strlen(a->body)));
	buf_addf(head, "\n%s: %s", g->by_time ? "Last-Modified" : "ETag", tag);
	a->header = head->p;
	if (strstr(q->headers, g->by_time ? "If-Modified-Since: " :
	    "If-None-Match: ") == NULL || strstr(q->headers, tag) == NULL)
		return;
	g->unmodified++;
	a->status = 304;
	free((char *)(uintptr_t)a->body);
	a->body = NULL;
}

/* What leads on behind that place. */
static void
add_place(struct buf * b, const struct rig * g, const char * name, int64_t at,
    int64_t id)
{
	size_t i;

	buf_addf(b, ",\"%s\":\"%lld.%lld.%d", name, (long long)at,
	    (long long)id, g->epoch);
	for (i = 0; i < g->long_token; i++)
		buf_addc(b, 'x');
	buf_addc(b, '"');
}

static void
serve(void * arg, const char * url, struct fake_answer * a)
{
	struct rig * g = arg;
	struct rig_item * list[RIG_ITEMS];
	struct buf b = BUF_INIT(1 << 20), h = BUF_INIT(256);
	char text[64], date[64];
	int64_t since = INT64_MIN, cms = INT64_MIN, cid = 0;
	int64_t until = INT64_MAX, low = INT64_MIN, high = INT64_MAX, at;
	size_t n = 0, i, from = 0, last = g->boxes_later;
	time_t now = (time_t)(service_ms(g) / 1000);
	struct tm tm;
	int box = -1, epoch = 0, is_stream = strstr(url, "/stream") != NULL;

	a->delay_ms = g->delay_ms;
	a->ctype = "application/json";
	g->pages++;
	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	buf_addf(&h, "Date: %s", date);
	a->header = h.p;
	if (g->status != 0 && g->pages >= g->status_at) {
		a->status = g->status;
		a->body = strdup("{\"message\":\"no\"}");
		return;
	}
	if (strstr(url, "/boxes") != NULL) {
		buf_adds(&b, "{\"items\":[");
		if (g->boxes_later == 0 || g->boxes_asked++ == 0)
			last = g->boxes;
		for (i = 0; i < last; i++)
			buf_addf(&b, "%s{\"name\":\"b%zu\"}", i > 0 ? "," : "", i);
		buf_adds(&b, "]}");
		a->body = b.p;
		return;
	}
	if (*param(url, "box", text))
		box = atoi(text + 1);
	if (box >= 0 && g->refuse == box + 1) {
		a->status = 423;
		a->body = strdup("{}");
		return;
	}
	if (box >= 0 && box < RIG_BOXES && (g->forbids >> box & 1) &&
	    !(g->forbids_whole && (is_stream || strstr(url, "since="))) &&
	    (!g->forbids_late || *param(url, "page", text) == '2')) {
		a->status = g->forbids_with;
		a->body = strdup("{}");
		return;
	}
	if (*param(url, "since", text) &&
	    rfc3339_parse(text, strlen(text), &since, NULL))
		abort();
	if (*param(url, "until", text) &&
	    rfc3339_parse(text, strlen(text), &until, NULL))
		abort();
	if (*param(url, "low", text))
		low = atoll(text);
	if (*param(url, "high", text))
		high = atoll(text);
	if (strstr(url, "/one") != NULL)
		high = low + 1;
	if (until != INT64_MAX || high != INT64_MAX) {
		g->windows += !*param(url, "page", text) || atoi(text) == 1;
		if (until != INT64_MAX && since != INT64_MIN &&
		    until - since > g->widest_ms)
			g->widest_ms = until - since;
	}
	if (since != INT64_MIN && (g->oldest_ms == 0 || since < g->oldest_ms))
		g->oldest_ms = since;
	sscanf(param(url, "cursor", text), "%ld.%ld.%d", &cms, &cid, &epoch);
	g->begins += is_stream && cms == INT64_MIN;
	g->goes_on += is_stream && cms != INT64_MIN;
	if (is_stream && cms != INT64_MIN && epoch != g->epoch) {
		a->status = 410;
		a->body = strdup("{\"message\":\"gone\"}");
		return;
	}
	for (i = 0; i < g->nitems; i++)
		if (!g->items[i].gone && g->items[i].ms >= since &&
		    g->items[i].ms <= until && g->items[i].id >= low &&
		    g->items[i].id < high && (box < 0 || g->items[i].id % RIG_BOXES == box))
			list[n++] = &g->items[i];
	if (is_stream)
		qsort(list, n, sizeof(*list), earlier);
	else if (strcmp(param(url, "dir", text), "asc") == 0)
		qsort(list, n, sizeof(*list), older);
	else if (strcmp(text, "desc") == 0 || strstr(url, "/newest") != NULL)
		qsort(list, n, sizeof(*list), newer);
	if (*param(url, "page", text))
		from = (size_t)(atoi(text) - 1) * RIG_PAGE;
	while (cms != INT64_MIN && from < n && (is_stream ?
	    list[from]->n <= cms : list[from]->ms < cms ||
	    (list[from]->ms == cms && list[from]->id <= cid)))
		from++;
	buf_adds(&b, "{\"items\":[");
	for (i = from; i < n && i < from + RIG_PAGE; i++) {
		if (list[i]->id == g->hides)
			continue;
		buf_adds(&b, b.p[b.len - 1] == '}' ? "," : "");
		add_item(&b, list[i], strstr(url, "/taglazy") != NULL);
	}
	/* A list by token tells with its last page what that should have. */
	if (!is_stream || i == n)
		buf_addf(&b, "],\"total\":%zu", is_stream ? n - from : n);
	else
		buf_addc(&b, ']');
	buf_addf(&b, ",\"more\":%s", i < n ? "true" : "false");
	if (i < n) {
		at = is_stream ? list[i - 1]->n : list[i - 1]->ms;
		add_place(&b, g, "next", at, list[i - 1]->id);
		buf_addf(&h, "\nX-Next: %lld.%lld.%d%s", (long long)at,
		    (long long)list[i - 1]->id, g->epoch,
		    g->odd_header ? "\xff" : "");
		a->header = h.p;
	} else if (is_stream)
		add_place(&b, g, "token", g->changes, 0);
	if (box >= 0 ? g->lacks == box + 1 : g->lacks < 0)
		buf_adds(&b, ",\"missing\":\"some\"");
	buf_adds(&b, "}");
	a->body = b.p;
	if (strstr(url, "/tag") != NULL)
		add_etag(g, a, &h);
}

/* ---- the rig ---- */

#define BOUNDS "\"push\":{\"updated\":[{\"op\":[\">=\",\">\"],\"query\":" \
	"\"since\",\"time\":\"iso8601\"},{\"op\":[\"<=\",\"<\"],\"query\":" \
	"\"until\",\"time\":\"iso8601\"}]}"
#define TAG ",\"revalidate\":true"
#define IDS "\"push\":{\"id\":[{\"op\":\">=\",\"query\":\"low\"},{\"op\":" \
	"\"<\",\"query\":\"high\"}]}"
#define STEPS(o, more) ",\"cursor\":{\"column\":\"updated\",\"order\":\"" o \
	"\",\"step_s\":600" more "}"

static void
add_entity(struct buf * b, const char * name, int main, const char * null,
    const char * list, const char * cursor)
{
	buf_addf(b, "%s\"%s\":{%s", main ? "" : ",", name,
	    main ? "\"main\":true," : "");
	buf_addf(b, COLUMNS, null);
	buf_addf(b, ",\"lists\":[{\"name\":\"l\",\"url\":\"/%s\",\"records\":"
	    "\"items\",%s}]%s}", name, list, cursor);
}

static struct manifest *
make_manifest(void)
{
	struct buf b = BUF_INIT(1 << 16);
	struct manifest * m;
	struct err e;

	buf_adds(&b, "{\"format\":1,\"type\":\"svc\",\"title\":\"Svc\","
	    "\"drive_model\":\"on_demand\",\"config\":{},\"base_url\":\"" BASE
	    "\",\"test\":{\"url\":\"/\"},\"errors\":[{\"status\":[423],"
	    "\"do\":\"skip\"},{\"status\":[403],\"do\":\"fail\",\"class\":"
	    "\"config\",\"then\":\"skip\"}],\"entities\":{");
#define CURSOR(o) ",\"cursor\":{\"column\":\"updated\",\"order\":\"" o "\"}"
	add_entity(&b, "asc", 1, ",\"not_null\":true", OPAQUE "," SINCE ","
	    ORDER, CURSOR("asc"));
	add_entity(&b, "byvalue", 0, ",\"not_null\":true", PAGES "," SINCE ","
	    ORDER, CURSOR("asc"));
	add_entity(&b, "newest", 0, ",\"not_null\":true", PAGES "," SINCE ","
	    ORDER, CURSOR("desc"));
	add_entity(&b, "desc", 0, ",\"not_null\":true", PAGES "," ORDER,
	    CURSOR("desc"));
	add_entity(&b, "any", 0, "", PAGES, CURSOR("none"));
	add_entity(&b, "some", 0, ",\"not_null\":true", PAGES "," SINCE,
	    CURSOR("none"));
	add_entity(&b, "late", 0, ",\"not_null\":true", OPAQUE "," SINCE ","
	    ORDER, ",\"cursor\":{\"column\":\"updated\",\"order\":\"asc\","
	    "\"lag_s\":100,\"lookback_s\":50}");
	add_entity(&b, "bare", 0, "", PAGES, "");
	add_entity(&b, "tags", 0, "", PAGES TAG, "");
	add_entity(&b, "tagsome", 0, ",\"not_null\":true", PAGES "," SINCE TAG,
	    CURSOR("none"));
	add_entity(&b, "tagdesc", 0, ",\"not_null\":true", PAGES "," ORDER TAG,
	    CURSOR("desc"));
	add_entity(&b, "steps", 0, ",\"not_null\":true", PAGES "," BOUNDS,
	    STEPS("none", ",\"from\":\"2023-11-14T22:13:20Z\""));
	add_entity(&b, "stepped", 0, ",\"not_null\":true", PAGES "," BOUNDS ","
	    ORDER, STEPS("asc", ",\"from\":\"2023-11-14T22:13:20Z\","
	    "\"lag_s\":300"));
	add_entity(&b, "rising", 0, ",\"not_null\":true", PAGES "," BOUNDS ","
	    ORDER, ",\"cursor\":{\"column\":\"updated\",\"order\":\"asc\","
	    "\"step_s\":60,\"keeps_s\":3600}");
	add_entity(&b, "kept", 0, ",\"not_null\":true", PAGES "," BOUNDS,
	    STEPS("none", ",\"keeps_s\":3600"));
	add_entity(&b, "keeps", 0, ",\"not_null\":true", PAGES "," SINCE,
	    ",\"cursor\":{\"column\":\"updated\",\"order\":\"none\","
	    "\"keeps_s\":3600}");
	add_entity(&b, "counts", 0, ",\"not_null\":true", PAGES "," IDS,
	    ",\"cursor\":{\"column\":\"id\",\"order\":\"none\","
	    "\"step\":20,\"from\":1}");
	buf_adds(&b, ",\"taglazy\":{\"key\":[\"id\"],\"columns\":{\"id\":{\"type\":"
	    "\"integer\"},\"updated\":{\"type\":\"timestamp\"},\"rev\":{\"type\":"
	    "\"integer\",\"lazy\":\"rev\"}},\"lists\":[{\"url\":\"/taglazy\","
	    "\"records\":\"items\"," PAGES TAG "}],\"complete\":{\"over\":"
	    "\"revs\",\"bind\":{\"id\":\"id\"}}},\"revs\":{\"hidden\":true,"
	    "\"key\":[\"id\"],\"columns\":{\"id\":{\"type\":\"integer\","
	    "\"input\":true},\"rev\":{\"type\":\"integer\"}},\"lists\":[{"
	    "\"needs\":[\"id\"],\"url\":\"/one\",\"query\":{\"low\":"
	    "\"{{in.id}}\"},\"records\":\"items\",\"paginate\":{\"kind\":"
	    "\"none\"}}]}");
	buf_adds(&b, ",\"tagparts\":{" PARTS CURSOR("none") ",\"lists\":[{\"needs\":"
	    "[\"box\"],\"url\":\"/tagparts\",\"query\":{\"box\":\"{{in.box}}\"},"
	    "\"records\":\"items\"," PAGES "," SINCE TAG "},{\"name\":\"all\","
	    "\"url\":\"/tagparts\",\"query\":{\"box\":\"{{in.box}}\"},\"records\":"
	    "\"items\",\"partition\":{\"over\":\"boxes\",\"bind\":{\"box\":"
	    "\"name\"}}," PAGES "," SINCE TAG "}]}");
	buf_adds(&b, ",\"boxes\":{\"hidden\":true,\"key\":[\"name\"],"
	    "\"columns\":{\"name\":{\"type\":\"text\"}},\"lists\":[{\"url\":"
	    "\"/boxes\",\"records\":\"items\",\"paginate\":{\"kind\":"
	    "\"none\"}}]},\"parts\":{");
	buf_adds(&b, PARTS CURSOR("none") ",\"lists\":[{\"needs\":[\"box\"],\"url\":\"/parts\","
	    "\"query\":{\"box\":\"{{in.box}}\"},\"records\":\"items\"," LACK
	    PAGES "," SINCE "},{\"name\":\"all\",\"url\":\"/parts\",\"query\":"
	    "{\"box\":\"{{in.box}}\"},\"records\":\"items\",\"partition\":{"
	    "\"over\":\"boxes\",\"bind\":{\"box\":\"name\"}}," LACK PAGES ","
	    SINCE "}]}");
#define BOXED(name, cursor, list) BOXED_BY("[\"id\"]", name, cursor, list)
#define BOXED_BY(key, name, cursor, list) buf_adds(&b, ",\"" name "\":{" \
	PARTS_BY(key) cursor \
	",\"lists\":[{\"needs\":[\"box\"],\"query\":{\"box\":" \
	"\"{{in.box}}\"},\"records\":\"items\"," list "},{\"name\":\"all\"," \
	"\"query\":{\"box\":\"{{in.box}}\"},\"records\":\"items\"," \
	"\"partition\":{\"over\":\"boxes\",\"bind\":{\"box\":\"name\"}}," list "}]}")
#define PER(o) ",\"cursor\":{\"column\":\"updated\",\"order\":\"" o "\"," \
	"\"per\":\"partition\"}"
#define BY_TOKEN ",\"cursor\":{\"column\":\"updated\",\"order\":\"none\"," \
	"\"kind\":\"token\"}"
	BOXED("own", PER("none"), "\"url\":\"/own\"," COUNTED "," SINCE);
	BOXED_BY("[\"box\",\"id\"]", "keyed", CURSOR("none"),
	    "\"url\":\"/parts\"," LACK PAGES "," SINCE);
	BOXED("down", PER("desc"), "\"url\":\"/newest\"," PAGES);
	add_entity(&b, "token", 0, ",\"not_null\":true", PAGES, BY_TOKEN);
	/* Its list by token goes before. */
	b.len -= strlen(BY_TOKEN) + 2;
	buf_adds(&b, ",{\"name\":\"stream\",\"url\":\"/stream\",\"records\":"
	    "\"items\",\"token\":{\"from\":\"token\"}," OPAQUE_COUNTED "}]" BY_TOKEN
	    "}");
	add_entity(&b, "headed", 0, ",\"not_null\":true", PAGES, BY_TOKEN);
	b.len -= strlen(BY_TOKEN) + 2;
	buf_adds(&b, ",{\"name\":\"stream\",\"url\":\"/stream\",\"records\":"
	    "\"items\",\"token\":{\"from\":\"token\"}," LACK "\"paginate\":{\"kind\":"
	    "\"cursor\",\"query\":\"cursor\",\"from_header\":\"X-Next\"}}]"
	    BY_TOKEN "}");
	buf_adds(&b, ",\"tokens\":{" PARTS BY_TOKEN ",\"lists\":[{\"name\":"
	    "\"changes\",\"url\":\"/stream\",\"query\":{\"box\":\"{{in.box}}\","
	    "\"since\":\"{{now-5}}\"},\"records\":\"items\",\"partition\":{"
	    "\"over\":\"boxes\",\"bind\":{\"box\":\"name\"}},\"token\":{"
	    "\"from\":\"token\",\"changes_only\":true},\"paginate\":{\"kind\":"
	    "\"cursor\",\"query\":\"cursor\",\"from\":\"next\",\"total\":\"total\","
	    "\"keep\":[\"box\"]," SIZE "}},{\"needs\":[\"box\"],\"url\":\"/whole\","
	    "\"query\":{\"box\":\"{{in.box}}\"},\"records\":\"items\"," COUNTED
	    "},{\"name\":\"all\",\"url\":\"/whole\",\"query\":{\"box\":"
	    "\"{{in.box}}\"},\"records\":\"items\",\"partition\":{\"over\":"
	    "\"boxes\",\"bind\":{\"box\":\"name\"}}," COUNTED "}]}");
	buf_adds(&b, "}}");
	m = manifest_parse(b.p, b.len, "test", &e);
	if (m == NULL)
		fail_msg("%s", e.msg);
	buf_free(&b);
	return (m);
}

static struct writer *
open_writer(void * arg, const struct sync_def * d,
    const struct writer_spec * spec, const struct writer_events * ev,
    struct err * e)
{
	(void)d;
	return (fake_writer_open(arg, spec, ev, e));
}

struct rig *
rig_new(const char * options)
{
	struct rig * g = calloc(1, sizeof(*g));
	json_t * o = json_loads(options, 0, NULL);
	struct err e;

	assert_non_null(g);
	assert_non_null(o);
	fake_loop_quiet();
	g->m = make_manifest();
	if ((g->c = connector_new(g->m, "id-1", "it", NULL, o, &e)) == NULL)
		fail_msg("%s", e.msg);
	json_decref(o);
	g->L = fake_loop_new(RIG_START);
	g->http = fake_http_new(g->L);
	fake_http_serve(g->http, serve, g);
	g->secrets = secrets_new(NULL, &e);
	assert_non_null(g->secrets);
	g->conn.loop = g->L;
	g->conn.http = g->http;
	g->conn.secrets = g->secrets;
	g->conn.limits = limits_new(g->L, NULL);
	fake_tables_init(&g->tables);
	g->state = fake_state_new(g->L, &g->tables, "n1", "redis");
	fake_target_init(&g->target, g->L);
	g->env.loop = g->L;
	g->env.state = g->state;
	g->env.conn = &g->conn;
	g->env.lease_ms = RIG_LEASE;
	g->env.open = open_writer;
	g->env.arg = &g->target;
	g->boxes = RIG_BOXES;
	g->grain_ms = 1000;
	g->delay_ms = 20;
	g->epoch = 1;
	return (g);
}

void
rig_free(struct rig * g)
{
	assert_null(g->run);
	fake_loop_settle(g->L);
	assert_int_equal(fake_http_running(g->http), 0);
	assert_int_equal(g->target.open, 0);
	g->state->ops->free(g->state);
	fake_tables_free(&g->tables);
	fake_target_free(&g->target);
	limits_free(g->conn.limits);
	secrets_free(g->secrets);
	fake_http_free(g->http);
	connector_unref(g->c);
	manifest_unref(g->m);
	loop_free(g->L);
	log_capture(NULL, NULL);
	free(g);
}

struct sync_def *
rig_def(const char * entity, const char * more)
{
	char text[512];
	struct sync_def * d;
	struct err e;
	json_t * rec;

	snprintf(text, sizeof(text), "{\"v\":1,\"id\":\"it.%.*s\",\"connector\":"
	    "\"it\",\"entities\":[\"%s\"],\"engine\":\"sqlite\",\"target\":"
	    "\"t-*\"%s}", (int)strcspn(entity, "\""), entity, entity, more);
	rec = json_loads(text, 0, NULL);
	assert_non_null(rec);
	if ((d = sync_def_from_record(rec, &e)) == NULL)
		fail_msg("%s", e.msg);
	json_decref(rec);
	return (d);
}

void
rig_done(void * arg, const struct sync_result * r)
{
	struct rig * g = arg;

	g->run = NULL;
	g->is_done = 1;
	g->res = *r;
}

static void
on_progress(void * arg, const struct sync_progress * p)
{
	struct rig * g = arg;

	assert_true(p->written <= p->rows);
	g->told++;
}

void
rig_start(struct rig * g, struct sync_def * d, unsigned flags)
{
	assert_null(g->run);
	g->is_done = 0;
	g->run = sync_run_start(&g->env, d, g->c, ++g->bucket, flags,
	    on_progress, rig_done, g);
	assert_non_null(g->run);
}

static int
is_done(void * arg)
{
	return (((struct rig *)arg)->is_done);
}

void
rig_wait(struct rig * g)
{
	if (fake_loop_until(g->L, is_done, g, 7200000))
		fail_msg("the run hangs in %s", sync_run_state_name(g->run));
}

void
rig_run(struct rig * g, struct sync_def * d, unsigned flags)
{
	rig_start(g, d, flags);
	rig_wait(g);
}

void
rig_crash(struct rig * g)
{
	fake_state_away(g->state, 1);
	g->target.frozen = 1;
	sync_run_cancel(g->run, "crash");
	if (g->run != NULL)
		rig_wait(g);
	fake_loop_advance(g->L, RIG_LEASE + 1000);
	fake_state_away(g->state, 0);
	g->target.frozen = 0;
}

int
rig_same(struct rig * g, const char * table)
{
	char key[32], want[96], when[RFC3339_LEN];
	const struct rig_item * it;
	const char * have;
	size_t i, n = 0;

	for (i = 0; i < g->nitems; i++) {
		it = &g->items[i];
		snprintf(key, sizeof(key), "%lld", (long long)it->id);
		have = fake_target_row(&g->target, table, key);
		if (it->gone)
			continue;
		n++;
		when[0] = '\0';
		if (it->ms >= 0)
			rfc3339_format(it->ms, when);
		snprintf(want, sizeof(want), "%s|%s|%u", key, when, it->rev);
		if (have == NULL || strcmp(have, want) != 0) {
			printf("# %s: %s, not %s\n", table,
			    have ? have : "nothing", want);
			return (0);
		}
	}
	if (fake_target_count(&g->target, table) != n) {
		printf("# %s: %zu rows, not %zu\n", table,
		    fake_target_count(&g->target, table), n);
		return (0);
	}
	return (1);
}

const json_t *
rig_cursor(struct rig * g, const struct sync_def * d, const char * entity,
    const char * key)
{
	return (json_object_get(json_object_get(json_object_get(json_object_get(
	    g->tables.cursors, d->id), "cursor"), entity), key));
}

void
rig_end(struct rig * g, struct sync_def * d)
{
	sync_def_unref(d);
	rig_free(g);
}
