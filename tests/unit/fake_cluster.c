#include "fake_cluster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fnmatch.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "target/elastic_call.h"
#include "target/elastic_cells.h"
#include "target/elastic_reader.h"
#include "target/elastic_table.h"

#define MAX_DOCS 20000

struct fake_cluster cluster;

struct doc {
	const char * index; /* in ${indexes} */
	char * id;
	json_t * source;
};

static struct doc docs[MAX_DOCS];
static size_t ndocs;
static json_t * indexes; /* name -> mappings */
static struct http * http;
static struct elastic * el;
static struct loop * loop;
static struct buf out;
static int status;
static unsigned npit;

/* ---- values as the index has them ---- */

static const json_t *
mapping_of(const struct doc * d, const char * field, const char ** source)
{
	static char head[256];
	const json_t * p = json_object_get(json_object_get(indexes, d->index),
	    "properties"), * f;
	char * dot;

	snprintf(head, sizeof(head), "%s", field);
	*source = head;
	if ((f = json_object_get(p, head)) != NULL)
		return (f);
	if ((dot = strchr(head, '.')) == NULL)
		return (NULL);
	*dot = '\0';
	f = json_object_get(p, head);
	if (json_object_get(f, "fields") != NULL)
		return (json_object_get(json_object_get(f, "fields"), dot + 1));
	/* moltler.deleted_at */
	f = json_object_get(json_object_get(f, "properties"), dot + 1);
	*dot = '.';
	return (f);
}

static const json_t *
source_of(const struct doc * d, const char * path)
{
	char head[256], * dot;

	snprintf(head, sizeof(head), "%s", path);
	if ((dot = strchr(head, '.')) == NULL)
		return (json_object_get(d->source, head));
	*dot = '\0';
	return (json_object_get(json_object_get(d->source, head), dot + 1));
}

struct term {
	int is_number, is_null;
	double d;
	char s[9000];
};

static void
text_of(const json_t * v, char * s, size_t n)
{
	char * t;

	if (json_is_string(v)) {
		snprintf(s, n, "%s", json_string_value(v));
		return;
	}
	t = json_dumps(v, JSON_ENCODE_ANY);
	snprintf(s, n, "%s", t);
	free(t);
}

/* One scalar as a field of ${type} has it. */
static void
index_it(const json_t * map, const json_t * v, struct term * t)
{
	const char * type = json_string_value(json_object_get(map, "type"));
	const json_t * above = json_object_get(map, "ignore_above");
	int64_t ms;

	memset(t, 0, offsetof(struct term, s));
	t->s[0] = '\0';
	if (json_is_null(v) || type == NULL) {
		t->is_null = 1;
		return;
	}
	text_of(v, t->s, sizeof(t->s));
	if (strcmp(type, "keyword") == 0) {
		t->is_null = json_is_integer(above) && strlen(t->s) >
		    (size_t)json_integer_value(above);
		return;
	}
	t->is_number = 1;
	if (strcmp(type, "boolean") == 0)
		t->d = strcmp(t->s, "true") == 0;
	else if (strncmp(type, "date", 4) == 0) {
		if (elastic_cells_time(t->s, strlen(t->s), &ms))
			t->is_null = 1;
		t->d = (double)ms;
	} else
		t->d = strtod(t->s, NULL);
	if (strcmp(type, "long") == 0 || strcmp(type, "integer") == 0)
		t->d = trunc(t->d);
	else if (strcmp(type, "float") == 0)
		t->d = (double)(float)t->d;
}

/* Whether ${test} holds for any value below ${v}. */
static int
any(const json_t * map, const json_t * v, int (*test)(const struct term *,
    const json_t *, const json_t *), const json_t * arg)
{
	struct term t;
	json_t * one;
	size_t i;

	if (json_is_array(v)) {
		json_array_foreach(v, i, one)
			if (any(map, one, test, arg))
				return (1);
		return (0);
	}
	index_it(map, v, &t);
	return (!t.is_null && test(&t, map, arg));
}

static int
is_any(const struct term * t, const json_t * map, const json_t * arg)
{
	(void)t;
	(void)map;
	(void)arg;
	return (1);
}

static int
is_zero_kind(double a, double b)
{
	return (a == 0 && b == 0 && signbit(a) != signbit(b));
}

static int
in_terms(const struct term * t, const json_t * map, const json_t * arg)
{
	struct term other;
	json_t * one;
	size_t i;

	json_array_foreach(arg, i, one) {
		index_it(map, one, &other);
		if (t->is_number ? !(t->d < other.d) && !(t->d > other.d) &&
		    !is_zero_kind(t->d, other.d) : strcmp(t->s, other.s) == 0)
			return (1);
	}
	return (0);
}

static int
in_range(const struct term * t, const json_t * map, const json_t * arg)
{
	struct term other;
	const char * op;
	json_t * v;
	int ok;

	json_object_foreach((json_t *)(uintptr_t)arg, op, v) {
		if (strcmp(op, "format") == 0)
			continue;
		index_it(map, v, &other);
		if (json_is_real(v) || json_is_integer(v))
			other.d = json_number_value(v);
		ok = strcmp(op, "gt") == 0 ? t->d > other.d :
		    strcmp(op, "gte") == 0 ? t->d >= other.d &&
		    !(is_zero_kind(t->d, other.d) && signbit(t->d)) :
		    strcmp(op, "lt") == 0 ? t->d < other.d :
		    strcmp(op, "lte") == 0 ? t->d <= other.d : -1;
		if (ok < 0)
			fail_msg("range %s", op);
		if (!ok)
			return (0);
	}
	return (1);
}

static int matches(const struct doc * d, const json_t * q);

static int
all_of(const struct doc * d, const json_t * list, int want)
{
	json_t * one;
	size_t i;

	json_array_foreach(list, i, one)
		if (matches(d, one) != want)
			return (0);
	return (1);
}

static int
matches(const struct doc * d, const json_t * q)
{
	void * it = json_object_iter((json_t *)(uintptr_t)q);
	const char * kind, * field, * source;
	const json_t * in, * arg, * map, * should;
	json_t * one;
	size_t i;
	int some = 0;

	if (q == NULL)
		return (1);
	kind = json_object_iter_key(it);
	in = json_object_iter_value(it);
	if (strcmp(kind, "bool") == 0) {
		should = json_object_get(in, "should");
		json_array_foreach(should, i, one)
			some |= matches(d, one);
		return ((should == NULL || some) &&
		    all_of(d, json_object_get(in, "filter"), 1) &&
		    all_of(d, json_object_get(in, "must_not"), 0));
	}
	if (strcmp(kind, "ids") == 0) {
		json_array_foreach(json_object_get(in, "values"), i, one)
			some |= strcmp(json_string_value(one), d->id) == 0;
		return (some);
	}
	if (strcmp(kind, "exists") == 0) {
		field = json_string_value(json_object_get(in, "field"));
		map = mapping_of(d, field, &source);
		return (map != NULL && any(map, source_of(d, source), is_any,
		    NULL));
	}
	it = json_object_iter((json_t *)(uintptr_t)in);
	field = json_object_iter_key(it);
	arg = json_object_iter_value(it);
	if ((map = mapping_of(d, field, &source)) == NULL)
		return (0);
	if (strcmp(kind, "terms") == 0)
		return (any(map, source_of(d, source), in_terms, arg));
	if (strcmp(kind, "range") != 0)
		fail_msg("query %s", kind);
	return (any(map, source_of(d, source), in_range, arg));
}

/* ---- requests ---- */

static void
answer(int st, json_t * v)
{
	char * s = json_dumps(v, JSON_COMPACT);

	status = st;
	buf_clear(&out);
	buf_adds(&out, s);
	free(s);
	json_decref(v);
}

/* Whether the list of patterns ${names} takes in ${index}. */
static int
named(const char * names, const char * index)
{
	char copy[1024], * s, * save = NULL;
	int in = 0;

	snprintf(copy, sizeof(copy), "%s", names);
	for (s = strtok_r(copy, ",", &save); s != NULL;
	    s = strtok_r(NULL, ",", &save))
		if (*s == '-')
			in = in && fnmatch(s + 1, index, 0) != 0;
		else
			in |= fnmatch(s, index, 0) == 0;
	return (in);
}

static int
missing(const char * names)
{
	if (strchr(names, '*') != NULL ||
	    json_object_get(indexes, names) != NULL)
		return (0);
	answer(404, json_pack("{s:{s:s, s:s}, s:i}", "error", "type",
	    "index_not_found_exception", "reason", "no such index", "status",
	    404));
	return (1);
}

static void
do_mapping(const char * names)
{
	json_t * o = json_object(), * m;
	const char * k;

	cluster.mappings++;
	if (cluster.fail_mapping != 0) {
		answer(cluster.fail_mapping, json_pack("{s:{s:s, s:s}}",
		    "error", "type", "security_exception", "reason",
		    "missing authentication credentials"));
		json_decref(o);
		return;
	}
	if (missing(names)) {
		json_decref(o);
		return;
	}
	json_object_foreach(indexes, k, m)
		if (named(names, k))
			json_object_set_new(o, k, json_pack("{s:O}",
			    "mappings", m));
	answer(200, o);
}

static void
do_bulk(const char * index, const char * body, size_t len)
{
	const char * at = body, * end = body + len, * nl;
	const char * key;
	json_t * head, * src, * ignored;

	json_object_foreach(indexes, key, ignored)
		if (strcmp(key, index) == 0)
			break;
	while (at < end) {
		nl = memchr(at, '\n', (size_t)(end - at));
		head = json_loadb(at, (size_t)(nl - at), 0, NULL);
		at = nl + 1;
		nl = memchr(at, '\n', (size_t)(end - at));
		src = json_loadb(at, (size_t)(nl - at), 0, NULL);
		if (head == NULL || src == NULL || ndocs == MAX_DOCS)
			fail_msg("bulk");
		docs[ndocs].index = key;
		docs[ndocs].id = strdup(json_string_value(json_object_get(
		    json_object_get(head, "index"), "_id")));
		docs[ndocs++].source = src;
		json_decref(head);
		at = nl + 1;
	}
	answer(200, json_pack("{s:b}", "errors", 0));
}

/* Where a row is: by shard and place in it, or all in one row. */
static long
doc_number(size_t i)
{
	unsigned shards = cluster.shards ? cluster.shards : 3;

	return ((long)(i / shards));
}

static json_t *
hit(size_t i, const json_t * want, const char * by)
{
	json_t * src = NULL, * v;
	const char * f;
	size_t k;
	long at = strcmp(by, "_doc") == 0 ? doc_number(i) : (long)i;

	if (!json_is_false(want)) {
		src = json_object();
		json_array_foreach(want, k, v) {
			f = json_string_value(v);
			if (strncmp(f, "moltler", 7) == 0)
				f = "moltler";
			json_object_set(src, f, json_object_get(
			    docs[i].source, f));
		}
	}
	v = json_pack("{s:s, s:s, s:n, s:[i]}", "_index", docs[i].index, "_id",
	    docs[i].id, "_score", "sort", (int)at);
	if (src != NULL)
		json_object_set_new(v, "_source", src);
	return (v);
}

static void
do_search(const json_t * b)
{
	const json_t * pit = json_object_get(b, "pit"), * after;
	const char * id = json_string_value(json_object_get(pit, "id")), * by;
	size_t i, size = (size_t)json_integer_value(json_object_get(b,
	    "size"));
	json_t * list = json_array();
	long from = -1, at;

	by = json_object_iter_key(json_object_iter(json_array_get(
	    json_object_get(b, "sort"), 0)));
	if (cluster.is_opensearch && strcmp(by, "_doc") != 0)
		fail_msg("sort by %s", by);
	if ((after = json_object_get(b, "search_after")) != NULL)
		from = (long)json_integer_value(json_array_get(after, 0));
	if (id == NULL || size == 0)
		fail_msg("no point in time");
	for (i = 0; i < ndocs && json_array_size(list) < size; i++) {
		at = strcmp(by, "_doc") == 0 ? doc_number(i) : (long)i;
		if ((after == NULL || at > from) &&
		    named(strchr(id, ':') + 1, docs[i].index) &&
		    matches(&docs[i], json_object_get(b, "query")))
			json_array_append_new(list, hit(i,
			    json_object_get(b, "_source"), by));
	}
	answer(200, json_pack("{s:i, s:b, s:s, s:{s:i}, s:{s:o}}", "took", 1,
	    "timed_out", cluster.timed_out, "pit_id", id, "_shards", "failed",
	    cluster.shards_failed, "hits", "hits", list));
}

static int
failing(void)
{
	int n = (int)++cluster.searches;

	return (cluster.fail_search > 0 && n >= cluster.fail_search &&
	    n < cluster.fail_search + (cluster.fail_times > 0 ?
	    cluster.fail_times : 1));
}

static int
play(void * arg, const struct http_req * req, struct http_played * a,
    struct err * e)
{
	static const char * const headers[] = { "Content-Type: application/json",
	    "X-elastic-product: Elasticsearch", NULL };
	static const char * const others[] = { "Content-Type: application/json",
	    NULL };
	const char * path = strchr(req->url + 8, '/'), * m = req->method;
	char names[1024], * p;
	json_t * b = req->body == NULL ? NULL : json_loadb(req->body,
	    req->body_len, 0, NULL);

	(void)arg;
	cluster.calls++;
	snprintf(names, sizeof(names), "%s", path + 1);
	if ((p = strchr(names, '/')) != NULL)
		*p = '\0';
	if (strcmp(path, "/") == 0)
		answer(200, json_pack("{s:{s:s, s:s}}", "version", "number",
		    cluster.version ? cluster.version : cluster.is_opensearch ?
		    "2.19.1" : "8.17.0", "distribution",
		    cluster.is_opensearch ? "opensearch" : "x"));
	else if (strstr(path, "/_mapping") != NULL)
		do_mapping(names);
	else if (m != NULL && strcmp(m, "DELETE") == 0 &&
	    (strstr(path, "_pit") || strstr(path, "point_in_time"))) {
		cluster.closed++;
		answer(200, json_object());
	} else if (strstr(path, cluster.is_opensearch ?
	    "/_search/point_in_time" : "/_pit") != NULL) {
		if (!missing(names)) {
			cluster.opened++;
			answer(200, json_pack("{s:o}", cluster.is_opensearch ?
			    "pit_id" : "id", json_sprintf("p%u:%s", ++npit,
			    names)));
		}
	} else if (strstr(path, "/_bulk") != NULL)
		do_bulk(names, req->body, req->body_len);
	else if (strncmp(path, "/_search?", 9) == 0) {
		snprintf(cluster.last_search, sizeof(cluster.last_search),
		    "%.*s", (int)req->body_len, (const char *)req->body);
		if (failing()) {
			if (cluster.fail_status == 0) {
				json_decref(b);
				return (err_set(e, ERR_TRANSIENT, "connect",
				    "connection refused"));
			}
			status = cluster.fail_status;
			buf_clear(&out);
			buf_adds(&out, cluster.fail_body ? cluster.fail_body :
			    "{\"error\":{\"type\":\"x_exception\",\"reason\":"
			    "\"no\"}}");
		} else
			do_search(b);
	} else if (m != NULL && strcmp(m, "PUT") == 0) {
		json_object_set(indexes, names, json_object_get(b, "mappings"));
		answer(200, json_object());
	} else
		answer(400, json_pack("{s:s}", "error", "no handler found"));
	json_decref(b);
	a->status = status;
	a->headers = cluster.is_opensearch ? others : headers;
	a->body = out.p;
	a->body_len = out.len;
	return (0);
}

/* ---- from outside ---- */

int
cluster_is_real(void)
{
	return (getenv("MOLTLER_ELASTIC_URL") != NULL);
}

struct elastic *
cluster_start(struct loop * L)
{
	struct http_opts ho = { .play = cluster_is_real() ? NULL : play };
	struct elastic_opts eo = { .loop = L, .url = cluster_is_real() ?
	    getenv("MOLTLER_ELASTIC_URL") : "http://cluster:9200" };
	struct err e;

	memset(&cluster, 0, sizeof(cluster));
	loop = L;
	indexes = json_object();
	if ((http = http_new(L, &ho, &e)) == NULL)
		fail_msg("%s", e.msg);
	eo.http = http;
	if ((el = elastic_new(&eo, &e)) == NULL)
		fail_msg("%s", e.msg);
	return (el);
}

void
cluster_stop(void)
{
	int i;

	/* What was let go of goes. */
	for (i = 0; i < 20; i++)
		loop_turn(loop, 0);
	elastic_table_cleanup();
	elastic_reader_cleanup();
	elastic_free(el);
	http_free(http);
	while (ndocs > 0) {
		free(docs[--ndocs].id);
		json_decref(docs[ndocs].source);
	}
	json_decref(indexes);
	buf_free(&out);
}

struct sent {
	int done, status;
};

static void
on_sent(void * arg, const struct http_res * res, const struct err * e)
{
	struct sent * s = arg;

	s->done = 1;
	if (e != NULL)
		fail_msg("%s", e->msg);
	s->status = res->status;
	if (res->status > 299 && res->status != 404)
		fail_msg("%s", res->body);
	if (strstr(res->body, "\"errors\":true") != NULL)
		fail_msg("%s", res->body);
}

void
cluster_send(const char * method, const char * path, const char * body,
    const char * ctype)
{
	struct elastic_ask a = { .method = method, .path = path, .body = body,
	    .body_len = body ? strlen(body) : 0, .ctype = ctype };
	struct sent s = { 0, 0 };

	if (elastic_call(el, &a, on_sent, &s) == NULL)
		fail_msg("memory");
	while (!s.done)
		loop_turn(loop, 1);
}
