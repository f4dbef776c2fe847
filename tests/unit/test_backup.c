/* Backups over real states: out of one, into another of either kind. */
#include "backup_rig.h"

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
	FAILS_AS("fenced", "later run", from.S->ops->cursor_put(from.S,
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
	FAILS_AS("not_empty", "2 connectors (gh, prom), 105 syncs",
	    restore(&from, 0));
	place_open(&to, 0, "node-a", KEY_A);
	put(&to, "connector", "GH", "{\"name\":\"GH\",\"type\":\"x\"}");
	FAILS_AS("not_empty", "1 connector (GH)", restore(&to, 0));
	FAILS_AS("exists", "connector gh, and there is GH here",
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
	FAILS_AS("master_key", "another master key than that of "
	    "MOLTLER_MASTER_KEY", restore(&to, BACKUP_FORCE));
	assert_int_equal(count(&to, "connector"), 0);
	assert_int_equal(count(&to, "secret"), 0);
	place_close(&to);
	place_open(&to, 0, "node-a", NULL);
	FAILS_AS("master_key", "there is none here", restore(&to, 0));
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
	FAILS_AS(code, word, backup_restore(to.B, &b, 0, on_value, NULL));
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
	UNTIL(failed, 20000);
	assert_string_equal(last.code, "busy");
	UNTIL(calls == 5, 20000);
	(void)w;
	w = backup_make(from.B, on_text, NULL);
	backup_leave(w);
	OK(backup_make(from.B, on_text, NULL));
	restore(&from, BACKUP_FORCE);
	FAILS_AS("busy", "being restored", restore(&from, BACKUP_FORCE));
	UNTIL(calls == 8, 20000);
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
