/* Places to back up and to restore into: what is in them, and what is said. */
#ifndef MOLTLER_TESTS_BACKUP_RIG_H
#define MOLTLER_TESTS_BACKUP_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "secret/secret_key.h"
#include "redis_server.h"
#include "sync/backup.h"
#include "sync/backup_text.h"
#include "try_call.h"

#define KEY_A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define KEY_B "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct loop * L;
static struct redis_server server;
static char dir[64];
static unsigned made; /* places so far */

/* One node: a state, its secrets and backups. */
struct place {
	struct state * S;
	struct secrets * secrets;
	struct secret_store * st;
	struct backup * B;
};
static struct place from, to;

static json_t * got;
static struct buf text;

/* And with which code it fails. */
#define FAILS_AS(code_, word, call) do { \
	FAILS(word, call); \
	assert_string_equal(last.code, code_); \
} while (0)

static void
on_done(void * arg, const struct err * e)
{
	(void)arg;
	note(e);
}

static void
on_value(void * arg, json_t * v, const struct err * e)
{
	(void)arg;
	json_decref(got);
	got = json_deep_copy(v);
	note(e);
}

static void
on_text(void * arg, struct buf * b, const struct err * e)
{
	(void)arg;
	buf_free(&text);
	if (b != NULL) {
		text = *b;
		memset(b, 0, sizeof(*b));
	}
	note(e);
}

static void
on_fence(void * arg, int64_t fence, const struct err * e)
{
	*(int64_t *)arg = fence;
	note(e);
}

static void
place_open(struct place * p, int redis, const char * node, const char * key)
{
	struct secret_store_opts so = { .loop = L };
	struct backup_opts bo = { .loop = L, .node = node };
	struct secret_key k;
	char path[128];
	struct err e;

	if (redis) {
		redis_server_cli(&server, path, sizeof(path), "FLUSHALL");
		p->S = state_redis_open(L, server.url, node, &e);
		assert_non_null(p->S);
		UNTIL(p->S->ops->is_up(p->S), 20000);
	} else {
		snprintf(path, sizeof(path), "%s/state-%u.db", dir, ++made);
		assert_non_null(p->S = state_sqlite_open(L, path, node, &e));
	}
	snprintf(path, sizeof(path), "%s/none-%u.key", dir, ++made);
	assert_non_null(p->secrets = secrets_new(NULL, &e));
	so.state = p->S;
	so.secrets = p->secrets;
	so.key_file = path;
	if (key != NULL) {
		assert_int_equal(secret_key_parse(key, &k, &e), 0);
		so.key = &k;
	}
	assert_non_null(p->st = secret_store_new(&so, &e));
	OK(secret_store_load(p->st, on_done, NULL));
	bo.state = p->S;
	bo.secret_store = p->st;
	assert_non_null(p->B = backup_new(&bo, &e));
}

static void
place_close(struct place * p)
{
	if (p->S == NULL)
		return;
	p->S->ops->free(p->S);
	backup_free(p->B);
	secret_store_free(p->st);
	secrets_free(p->secrets);
	memset(p, 0, sizeof(*p));
}

static int
setup(void ** state)
{
	struct err e;

	(void)state;
	return ((L = loop_new(&e)) == NULL ? -1 : 0);
}

static int
teardown(void ** state)
{
	(void)state;
	place_close(&from);
	place_close(&to);
	json_decref(got);
	got = NULL;
	buf_free(&text);
	loop_free(L);
	return (0);
}

/* ---- what there is ---- */

static void
put(struct place * p, const char * kind, const char * name, const char * json)
{
	json_t * v = json_loads(json, JSON_ALLOW_NUL, NULL);

	assert_non_null(v);
	OK(p->S->ops->put(p->S, kind, name, v, 0, on_value, NULL));
	json_decref(v);
}

static void
put_cursor(struct place * p, const char * sync, const char * json)
{
	json_t * v = json_loads(json, JSON_ALLOW_NUL, NULL);
	int64_t fence = 0;

	assert_non_null(v);
	OK(p->S->ops->lease_take(p->S, sync, 1, 1000, on_fence, &fence));
	assert_true(fence > 0);
	OK(p->S->ops->cursor_put(p->S, sync, fence, v, on_value, NULL));
	json_decref(v);
}

/* ${n} rows of parts beside it. */
static void
put_parts(struct place * p, const char * sync, const char * json, int n)
{
	json_t * v = json_loads(json, JSON_ALLOW_NUL, NULL), * o = json_object();
	int64_t fence = 0;
	char key[40];

	assert_non_null(v);
	while (n-- > 0) {
		snprintf(key, sizeof(key), "issues/%016d", n);
		json_object_set_new(o, key, json_pack("{s:s, s:i, s:s}", "g",
		    "5f", "at", n, "t", "to\u20acken"));
	}
	OK(p->S->ops->lease_take(p->S, sync, 2, 1000, on_fence, &fence));
	OK(p->S->ops->parts_put(p->S, sync, fence, v, o, on_value, NULL));
	json_decref(v);
	json_decref(o);
}

static void
has_parts(struct place * p, const char * sync, int n)
{
	char key[40];

	OK(p->S->ops->parts_get(p->S, sync, on_value, NULL));
	assert_int_equal(json_object_size(got), n);
	while (n-- > 0) {
		snprintf(key, sizeof(key), "issues/%016d", n);
		assert_int_equal(json_integer_value(json_object_get(
		    json_object_get(got, key), "at")), n);
		assert_string_equal(json_string_value(json_object_get(
		    json_object_get(got, key), "t")), "to\u20acken");
	}
}

#define TOKENS "{\"bucket\":5,\"issues\":{\"column\":\"updated_at\",\"value\":" \
    "\"2026-01-02T03:04:05Z\",\"of\":\"0\",\"gen\":\"5f\",\"tokens\":2500}}"
#define CURSOR "{\"bucket\":1700000000000,\"run\":7,\"issues\":{\"column\":" \
    "\"updated_at\",\"value\":\"2026-01-02T03:04:05Z\",\"ids\":[\"00ff\"]," \
    "\"resume\":{\"page\":3,\"r\":0.1,\"t\":\"a\\u0000b \\u20ac\"}}}"

static void
sync_record(char * buf, size_t n, const char * id, const char * engine,
    const char * node)
{
	snprintf(buf, n, "{\"v\":1,\"id\":\"%s\",\"connector\":\"gh\","
	    "\"entities\":[\"issues\"],\"whole\":false,\"engine\":\"%s\","
	    "\"target\":\"gh-*\",\"incremental\":\"updated_at\","
	    "\"schedule\":\"*/5 * * * *\",\"deletes\":\"ignore\","
	    "\"enabled\":true,\"node\":%s%s%s,\"created_at\":5}", id, engine,
	    node ? "\"" : "", node ? node : "null", node ? "\"" : "");
}

static void
fill(struct place * p, const char * node)
{
	char rec[1000], id[32];
	int i;

	put(p, "connector", "gh", "{\"id\":\"i1\",\"name\":\"gh\",\"type\":"
	    "\"github\",\"config\":{\"token\":\"{{secrets.t}}\"},\"options\":{},"
	    "\"enabled\":true,\"created_at\":1}");
	snprintf(rec, sizeof(rec), "{\"id\":\"i2\",\"name\":\"prom\",\"type\":"
	    "\"prometheus\",\"config\":{\"endpoint\":\"http://x/\"},\"node\":"
	    "\"%s\",\"schedule_ms\":1000}", node);
	put(p, "connector", "prom", rec);
	snprintf(rec, sizeof(rec), "{\"id\":\"prom.metrics\",\"connector\":"
	    "\"prom\",\"entity\":\"metrics\",\"schedule_ms\":1000,\"node\":"
	    "\"%s\"}", node);
	put(p, "sync", "prom.metrics", rec);
	sync_record(rec, sizeof(rec), "gh.issues", "elastic", NULL);
	put(p, "sync", "gh.issues", rec);
	sync_record(rec, sizeof(rec), "gh.issues_2", "sqlite", node);
	put(p, "sync", "gh.issues_2", rec);
	put_cursor(p, "gh.issues", CURSOR);
	put_cursor(p, "gh.issues_2", CURSOR);
	/* Each part by its own. */
	sync_record(rec, sizeof(rec), "gh.tokens", "elastic", NULL);
	put(p, "sync", "gh.tokens", rec);
	put_parts(p, "gh.tokens", TOKENS, 2500);
	sync_record(rec, sizeof(rec), "gh.tokens_2", "sqlite", node);
	put(p, "sync", "gh.tokens_2", rec);
	put_parts(p, "gh.tokens_2", TOKENS, 3);
	for (i = 0; i < 100; i++) {
		snprintf(id, sizeof(id), "gh.x_%d", i);
		sync_record(rec, sizeof(rec), id, "elastic", NULL);
		put(p, "sync", id, rec);
		put_cursor(p, id, CURSOR);
	}
	OK(secret_store_set(p->st, "t", "hunter2", 7, on_done, NULL));
	OK(secret_store_set_hidden(p->st, "~i1.token~5-1", "literal", 7,
	    on_done, NULL));
}

static void
resolves(struct place * p, const char * name, const char * want)
{
	struct buf b = BUF_INIT(0);
	char ref[100];
	struct err e;

	snprintf(ref, sizeof(ref), "{{secrets.%s}}", name);
	if (secrets_resolve(p->secrets, ref, &b, &e))
		fail_msg("%s", e.msg);
	assert_string_equal(b.p, want);
	buf_free(&b);
}

static void
has(struct place * p, const char * kind, const char * name, const char * json)
{
	json_t * want = json ? json_loads(json, JSON_ALLOW_NUL, NULL) : NULL;

	if (strcmp(kind, "cursor") == 0)
		OK(p->S->ops->cursor_get(p->S, name, on_value, NULL));
	else
		OK(p->S->ops->get(p->S, kind, name, on_value, NULL));
	if (want == NULL ? got != NULL : !json_equal(want, got))
		fail_msg("%s %s: %s", kind, name, got ? json_dumps(got, 0) :
		    "nothing");
	json_decref(want);
}

static size_t
count(struct place * p, const char * kind)
{
	OK(p->S->ops->list(p->S, kind, on_value, NULL));
	return (json_array_size(got));
}

static json_int_t
said(const char * key)
{
	return (json_integer_value(json_object_get(got, key)));
}

static size_t
named(const char * key)
{
	return (json_array_size(json_object_get(got, key)));
}

static struct buf
copy_text(size_t n)
{
	struct buf b = BUF_INIT(BACKUP_MAX);

	buf_add(&b, text.p, n);
	return (b);
}

static void
restore(struct place * p, unsigned flags)
{
	struct buf b = copy_text(text.len);

	backup_restore(p->B, &b, flags, on_value, NULL);
	assert_null(b.p);
}

#endif
