#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "conn/secret_key.h"
#include "redis_server.h"
#include "sync/backup.h"
#include "sync/backup_text.h"

/* Backups over real states: out of one, into another of either kind. */

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

static int calls, failed;
static struct err last;
static json_t * got;
static struct buf text;

#define UNTIL(cond) do { \
	int64_t until_ = clock_mono_us() + INT64_C(20000000); \
	while (!(cond) && clock_mono_us() < until_) \
		loop_turn(L, 1); \
	assert_true(cond); \
} while (0)

#define TRY(call) do { \
	int c_ = calls; \
	call; \
	assert_int_equal(calls, c_); \
	UNTIL(calls == c_ + 1); \
} while (0)
#define OK(call) do { \
	TRY(call); \
	if (failed) \
		fail_msg("%s", last.msg); \
} while (0)
#define FAILS(code_, word, call) do { \
	TRY(call); \
	assert_true(failed); \
	if (strstr(last.msg, (word)) == NULL) \
		fail_msg("%s", last.msg); \
	assert_string_equal(last.code, code_); \
} while (0)

static void
note(const struct err * e)
{
	calls++;
	failed = e != NULL;
	if (e != NULL)
		last = *e;
}

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
		UNTIL(p->S->ops->is_up(p->S));
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

/* ---- tests ---- */

static void
round_trip(int redis_from, int redis_to)
{
	struct buf first;
	char rec[1000];
	size_t secrets;

	place_open(&from, redis_from, "node-a", KEY_A);
	fill(&from, "node-a");
	OK(backup_make(from.B, on_text, NULL));
	assert_null(strstr(text.p, "hunter2"));
	assert_null(strstr(text.p, "literal"));
	secrets = count(&from, "secret");
	place_close(&from);

	place_open(&to, redis_to, "node-a", KEY_A);
	OK(restore(&to, 0));
	assert_int_equal(said("connectors"), 2);
	assert_int_equal(said("syncs"), 105);
	assert_int_equal(said("cursors"), 104);
	assert_int_equal(said("secrets"), 2);
	assert_int_equal(said("replaced"), 0);
	assert_int_equal(named("pinned_here"), 0);
	assert_int_equal(count(&to, "connector"), 2);
	assert_int_equal(count(&to, "sync"), 105);
	assert_int_equal(count(&to, "secret"), secrets);
	has(&to, "cursor", "gh.issues", CURSOR);
	has(&to, "cursor", "gh.issues_2", CURSOR);
	has(&to, "cursor", "gh.x_99", CURSOR);
	has(&to, "cursor", "prom.metrics", NULL);
	has(&to, "cursor", "gh.tokens", TOKENS);
	has_parts(&to, "gh.tokens", 2500);
	has_parts(&to, "gh.tokens_2", 3);
	has_parts(&to, "gh.issues", 0);
	sync_record(rec, sizeof(rec), "gh.issues_2", "sqlite", "node-a");
	has(&to, "sync", "gh.issues_2", rec);
	has(&to, "connector", "gh", "{\"id\":\"i1\",\"name\":\"gh\",\"type\":"
	    "\"github\",\"config\":{\"token\":\"{{secrets.t}}\"},\"options\":{},"
	    "\"enabled\":true,\"created_at\":1}");
	resolves(&to, "t", "hunter2");
	resolves(&to, "~i1.token~5-1", "literal");
	/* And the store goes on from there. */
	OK(secret_store_set(to.st, "u", "new", 3, on_done, NULL));
	/* What comes next is the same again. */
	first = text;
	memset(&text, 0, sizeof(text));
	OK(secret_store_del(to.st, "u", on_done, NULL));
	OK(backup_make(to.B, on_text, NULL));
	/* But for the first line and the checksum. */
	assert_int_equal(strlen(strchr(first.p, '\n')),
	    strlen(strchr(text.p, '\n')));
	assert_int_equal(memcmp(strchr(first.p, '\n'), strchr(text.p, '\n'),
	    strlen(strchr(text.p, '\n')) - 80), 0);
	buf_free(&first);
}

static void
test_sqlite_sqlite(void ** state)
{
	(void)state;
	round_trip(0, 0);
}

static void
test_sqlite_redis(void ** state)
{
	(void)state;
	round_trip(0, 1);
}

static void
test_redis_sqlite(void ** state)
{
	(void)state;
	round_trip(1, 0);
}

static void
test_redis_redis(void ** state)
{
	(void)state;
	round_trip(1, 1);
}

/* A cursor that is restored counts more than that of a run under way; and what came
 * later, of its parts, is not kept with it. */
static void
test_fences(void ** state)
{
	json_t * late = json_pack("{s:i}", "bucket", 1);
	json_t * part = json_pack("{s:{s:s}}", "issues/1", "t", "later");
	int64_t fence = 0;

	(void)state;
	place_open(&from, 0, "node-a", KEY_A);
	fill(&from, "node-a");
	OK(backup_make(from.B, on_text, NULL));
	OK(from.S->ops->lease_take(from.S, "gh.issues", 99, 60000, on_fence,
	    &fence));
	assert_true(fence > 0);
	OK(from.S->ops->parts_put(from.S, "gh.issues", fence, late, part,
	    on_value, NULL));
	OK(restore(&from, BACKUP_FORCE));
	assert_int_equal(said("replaced"), 2 + 105 + 2);
	OK(from.S->ops->parts_get(from.S, "gh.issues", on_value, NULL));
	assert_int_equal(json_object_size(got), 0);
	FAILS("fenced", "later run", from.S->ops->cursor_put(from.S,
	    "gh.issues", fence, late, on_value, NULL));
	has(&from, "cursor", "gh.issues", CURSOR);
	json_decref(late);
	json_decref(part);
}

static void
test_not_empty(void ** state)
{
	(void)state;
	place_open(&from, 0, "node-a", KEY_A);
	fill(&from, "node-a");
	OK(backup_make(from.B, on_text, NULL));
	FAILS("not_empty", "2 connectors (gh, prom), 105 syncs",
	    restore(&from, 0));
	place_open(&to, 0, "node-a", KEY_A);
	put(&to, "connector", "GH", "{\"name\":\"GH\",\"type\":\"x\"}");
	FAILS("not_empty", "1 connector (GH)", restore(&to, 0));
	FAILS("exists", "connector gh, and there is GH here",
	    restore(&to, BACKUP_FORCE));
	assert_int_equal(count(&to, "sync"), 0);
	OK(to.S->ops->del(to.S, "connector", "GH", on_value, NULL));
	put(&to, "connector", "other", "{\"name\":\"other\",\"type\":\"x\"}");
	OK(restore(&to, BACKUP_FORCE));
	assert_int_equal(count(&to, "connector"), 3);
	assert_int_equal(said("replaced"), 0);
}

static void
test_keys(void ** state)
{
	(void)state;
	place_open(&from, 0, "node-a", KEY_A);
	fill(&from, "node-a");
	OK(backup_make(from.B, on_text, NULL));
	place_open(&to, 0, "node-a", KEY_B);
	FAILS("master_key", "another master key than that of "
	    "MOLTLER_MASTER_KEY", restore(&to, BACKUP_FORCE));
	assert_int_equal(count(&to, "connector"), 0);
	assert_int_equal(count(&to, "secret"), 0);
	place_close(&to);
	place_open(&to, 0, "node-a", NULL);
	FAILS("master_key", "there is none here", restore(&to, 0));
	assert_int_equal(count(&to, "secret"), 0);
	place_close(&to);
	/* Without secrets no key is asked for. */
	place_close(&from);
	place_open(&from, 0, "node-a", NULL);
	put(&from, "connector", "gh", "{\"name\":\"gh\",\"type\":\"x\"}");
	OK(backup_make(from.B, on_text, NULL));
	place_open(&to, 0, "node-a", KEY_B);
	OK(restore(&to, 0));
	assert_int_equal(said("connectors"), 1);
}

/* Into another node: what is left of its files, and what is not. */
static void
test_nodes(void ** state)
{
	json_t * info = json_pack("{s:s}", "v", "1");
	char rec[1000];

	(void)state;
	place_open(&from, 0, "node-a", KEY_A);
	fill(&from, "node-a");
	OK(backup_make(from.B, on_text, NULL));
	place_open(&to, 0, "node-b", KEY_A);
	OK(restore(&to, 0));
	/* prom and its sync, gh.issues_2, gh.tokens_2 */
	assert_int_equal(named("pinned_here"), 4);
	assert_int_equal(named("cursors_left"), 2);
	assert_int_equal(said("cursors"), 102);
	has(&to, "cursor", "gh.issues_2", NULL);
	has_parts(&to, "gh.tokens_2", 0);
	has_parts(&to, "gh.tokens", 2500);
	has(&to, "cursor", "gh.issues", CURSOR);
	sync_record(rec, sizeof(rec), "gh.issues_2", "sqlite", "node-b");
	has(&to, "sync", "gh.issues_2", rec);
	OK(restore(&to, BACKUP_FORCE | BACKUP_KEEP_CURSORS));
	assert_int_equal(named("cursors_left"), 0);
	has(&to, "cursor", "gh.issues_2", CURSOR);
	has_parts(&to, "gh.tokens_2", 3);
	place_close(&to);

	place_open(&to, 1, "node-b", KEY_A);
	OK(restore(&to, 0));
	assert_int_equal(named("elsewhere"), 4);
	assert_int_equal(named("pinned_here"), 0);
	sync_record(rec, sizeof(rec), "gh.issues_2", "sqlite", "node-a");
	has(&to, "sync", "gh.issues_2", rec);
	has(&to, "cursor", "gh.issues_2", CURSOR);
	OK(restore(&to, BACKUP_FORCE | BACKUP_HERE));
	assert_int_equal(named("pinned_here"), 4);
	sync_record(rec, sizeof(rec), "gh.issues_2", "sqlite", "node-b");
	has(&to, "sync", "gh.issues_2", rec);
	place_close(&to);

	/* Whoever is there keeps what is his. */
	place_open(&to, 1, "node-a", KEY_A);
	to.S->ops->node_beat(to.S, info, 60000);
	OK(to.S->ops->flush(to.S, on_value, NULL));
	OK(to.S->ops->node_list(to.S, on_value, NULL));
	json_decref(info);
	{
		struct backup_opts bo = { .loop = L, .state = to.S,
		    .secret_store = to.st, .node = "node-b" };
		struct backup * other;
		struct err e;
		struct buf b = copy_text(text.len);

		assert_non_null(other = backup_new(&bo, &e));
		OK(backup_restore(other, &b, BACKUP_HERE, on_value, NULL));
		assert_int_equal(named("elsewhere"), 0);
		assert_int_equal(named("pinned_here"), 0);
		backup_free(other);
	}
}

static void
refused(const char * code, const char * word, const char * p, size_t n)
{
	struct buf b = BUF_INIT(BACKUP_MAX);

	buf_add(&b, p, n);
	FAILS(code, word, backup_restore(to.B, &b, 0, on_value, NULL));
}

static void
refused_with(const char * code, const char * word, const char * what,
    const char * with)
{
	struct buf b = BUF_INIT(BACKUP_MAX);
	char * at = strstr(text.p, what);

	assert_non_null(at);
	buf_add(&b, text.p, (size_t)(at - text.p));
	buf_adds(&b, with);
	buf_adds(&b, at + strlen(what));
	refused(code, word, b.p, b.len);
	buf_free(&b);
}

static void
test_bad(void ** state)
{
	size_t i, step;

	(void)state;
	place_open(&from, 0, "node-a", KEY_A);
	fill(&from, "node-a");
	OK(backup_make(from.B, on_text, NULL));
	place_open(&to, 0, "node-a", KEY_A);
	refused("no_backup", "no backup", "", 0);
	refused("no_backup", "no backup", "hello", 5);
	refused("no_backup", "no backup", "{}\n", 3);
	refused("no_backup", "no backup", "\0\0\n\n", 4);
	/* Cut anywhere; the last newline alone says nothing. */
	step = text.len / 200 + 1;
	for (i = (size_t)(strchr(text.p, '\n') - text.p); i + 2 < text.len;
	    i += step)
		refused("backup_cut", "cut", text.p, i);
	refused("backup_cut", "cut", text.p, text.len - 2);
	refused_with("backup_version", "update moltlerd", "\"version\":2",
	    "\"version\":3");
	refused_with("bad_backup", "no version", "\"version\":2",
	    "\"version\":\"x\"");
	refused_with("backup_cut", "checksum does not fit", "http://x/",
	    "http://y/");
	refused_with("backup_cut", "checksum does not fit", "\"made_by\"",
	    "\"made_bx\"");
	refused_with("bad_backup", "line 5 of the backup is no JSON",
	    "\"prom\",\"record\":{", "\"prom\",\"record\":");
	refused_with("bad_backup", "no connector's record", "\"name\":\"prom\"",
	    "\"name\":\"a b\"");
	refused_with("bad_backup", "kind is none", "\"kind\":\"sync\"",
	    "\"kind\":\"sink\"");
	refused_with("cron", "line ", "*/5", "*/x");
	refused_with("bad_backup", "no part's name", "\"gh.tokens/issues/",
	    "\"/issues/");
	refused_with("bad_backup", "no part's name", "\"gh.tokens/issues/",
	    "\"gh.tokens/");
	refused_with("bad_backup", "of this name was there", "issues/"
	    "0000000000000001", "issues/0000000000000000");
	refused_with("bad_backup", "no sealed", "\"sealed\":\"v1:",
	    "\"sealed\":\"v0:");
	assert_int_equal(count(&to, "connector"), 0);
	assert_int_equal(count(&to, "secret"), 0);
	OK(restore(&to, 0));
}

static void
test_pieces(void ** state)
{
	char id[BACKUP_ID_LEN], other[BACKUP_ID_LEN];
	struct buf b;
	struct err e;
	size_t at;

	(void)state;
	place_open(&to, 0, "node-a", KEY_A);
	assert_int_equal(backup_upload_begin(to.B, BACKUP_MAX + 1, id, &e), -1);
	assert_string_equal(e.code, "too_large");
	assert_int_equal(backup_upload_begin(to.B, 1000, id, &e), 0);
	assert_int_equal(backup_upload_begin(to.B, 1000, other, &e), -1);
	assert_string_equal(e.code, "busy");
	assert_int_equal(backup_upload_add(to.B, "x", 0, "a", 1, &e), -1);
	assert_string_equal(e.code, "not_found");
	for (at = 0; at < 1000; at += 100) {
		assert_int_equal(backup_upload_take(to.B, id, &b, &e), -1);
		assert_int_equal(backup_upload_add(to.B, id, at + 1, "a", 1,
		    &e), -1);
		assert_int_equal(backup_upload_add(to.B, id, at, "012345678901"
		    "2345678901234567890123456789012345678901234567890123456789"
		    "012345678901234567890123456789", 100, &e), 0);
	}
	assert_int_equal(backup_upload_add(to.B, id, 1000, "a", 1, &e), -1);
	assert_int_equal(backup_upload_take(to.B, id, &b, &e), 0);
	assert_int_equal(b.len, 1000);
	buf_free(&b);
	assert_int_equal(backup_upload_take(to.B, id, &b, &e), -1);
	assert_int_equal(backup_upload_begin(to.B, 10, id, &e), 0);
}

static void
test_busy_and_left(void ** state)
{
	struct backup_wait * w;
	int i;

	(void)state;
	place_open(&from, 0, "node-a", KEY_A);
	fill(&from, "node-a");
	OK(backup_make(from.B, on_text, NULL));
	calls = 0;
	failed = 0;
	for (i = 0; i < 4; i++)
		backup_make(from.B, on_text, NULL);
	w = backup_make(from.B, on_text, NULL);
	UNTIL(failed);
	assert_string_equal(last.code, "busy");
	UNTIL(calls == 5);
	(void)w;
	w = backup_make(from.B, on_text, NULL);
	backup_leave(w);
	OK(backup_make(from.B, on_text, NULL));
	restore(&from, BACKUP_FORCE);
	FAILS("busy", "being restored", restore(&from, BACKUP_FORCE));
	UNTIL(calls == 8);
	/* And one in its middle when all ends. */
	restore(&from, BACKUP_FORCE);
	backup_make(from.B, on_text, NULL);
	for (i = 0; i < 20; i++)
		loop_turn(L, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_sqlite_sqlite), T(test_sqlite_redis),
		T(test_redis_sqlite), T(test_redis_redis), T(test_fences),
		T(test_not_empty), T(test_keys), T(test_nodes), T(test_bad),
		T(test_pieces), T(test_busy_and_left),
	};
	char cmd[128];
	int rc;

	redis_server_need();
	redis_server_init(&server);
	redis_server_start(&server, NULL);
	snprintf(dir, sizeof(dir), "/tmp/moltler-backup-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return (1);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	redis_server_fini(&server);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return (system(cmd) != 0 || rc != 0);
}
