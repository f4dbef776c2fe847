#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "test_state.h"

static void
reopen(void)
{
	S->ops->free(S);
	S = open_state("n1");
}

void
test_reopen(void ** state)
{
	int64_t f;
	json_int_t g;

	(void)state;
	PUT("connector", "a", "{\"x\":1}", 1);
	PUT("connector", "b", "{\"x\":2}", 1);
	DO(del, "connector", "b");
	STATUS("a", "{\"s\":\"ok\"}");
	EVENT("a", "{\"n\":1}");
	DO_JSON(cursor_put, "{\"at\":1}", "s", 3, v_);
	DO_JSON(cache_put, "[1]", "k", v_, 60000);
	DO(generation);
	g = json_integer_value(value);
	DO_FENCE(lease_take, "s", 1, 1000);
	f = fence;
	/* Above all that were given before, also if the file was lost. */
	assert_true(f > (clock_wall_ms() - 60000) * 64);
	reopen();
	DO(get, "connector", "a");
	assert_json(value, "{\"x\":1}");
	DO(get, "connector", "b");
	assert_null(value);
	DO(status_get, "a");
	assert_json(value, "{\"s\":\"ok\"}");
	DO(event_list, "a", 5);
	assert_json(value, "[{\"n\":1}]");
	EVENT("a", "{\"n\":2}");
	STATUS("a", "{\"t\":1}");
	DO(flush);
	DO(status_get, "a");
	assert_json(value, "{\"s\":\"ok\",\"t\":1}");
	DO(event_list, "a", 5);
	assert_json(value, "[{\"n\":2},{\"n\":1}]");
	DO(cache_get, "k");
	assert_json(value, "[1]");
	DO(generation);
	assert_int_equal(json_integer_value(value), g);
	DO_FENCE(lease_take, "s", 1, 1000);
	assert_true(fence > f);
	TRY_JSON(cursor_put, "{\"at\":0}", "s", 2, v_);
	assert_string_equal(last.code, "fenced");
	DO(cursor_get, "s");
	assert_json(value, "{\"at\":1}");
}

void
test_locked(void ** state)
{
	struct err e;
	char pid[32];

	(void)state;
	assert_null(state_sqlite_open(L, state_path, "n2", &e));
	assert_int_equal(e.cls, ERR_CONFIG);
	assert_string_equal(e.code, "locked");
	assert_non_null(strstr(e.msg, state_path));
	assert_non_null(strstr(e.msg, "another moltlerd"));
	snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
	assert_non_null(strstr(e.msg, pid));
	/* The one who has it is not disturbed. */
	PUT("connector", "a", "{}", 1);
	reopen();
	DO(get, "connector", "a");
	assert_json(value, "{}");
}

static void
refused(const char * path, const char * code)
{
	struct err e;

	if (state_sqlite_open(L, path, "n1", &e) != NULL)
		fail_msg("opened: %s", path);
	assert_int_equal(e.cls, ERR_CONFIG);
	assert_string_equal(e.code, code);
	assert_non_null(strstr(e.msg, path));
}

static void
shell(const char * fmt, const char * path)
{
	sqlite3 * db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, fmt, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

void
test_bad_files(void ** state)
{
	char path[160], junk[4096];
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(stat(state_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	refused("/nonexistent/dir/state.db", "state_file");
	snprintf(path, sizeof(path), "%s/newer.db", server.dir);
	shell("PRAGMA user_version=99", path);
	refused(path, "state_newer");
	snprintf(path, sizeof(path), "%s/foreign.db", server.dir);
	shell("CREATE TABLE t(x)", path);
	refused(path, "state_foreign");
	snprintf(path, sizeof(path), "%s/junk.db", server.dir);
	memset(junk, 'j', sizeof(junk));
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, junk, sizeof(junk)), sizeof(junk));
	close(fd);
	refused(path, "state_corrupt");
	/* Damage in the middle of a real one. */
	PUT("connector", "a", "{\"x\":1}", 1);
	S->ops->free(S);
	S = NULL;
	fd = open(state_path, O_WRONLY);
	assert_int_equal(pwrite(fd, junk, 4000, 4200), 4000);
	assert_int_equal(pwrite(fd, junk, 4000, 8300), 4000);
	close(fd);
	refused(state_path, "state_corrupt");
}

/* The child says through a pipe what it was told is durable, until it dies. */
static void
child_main(const char * path, int fd)
{
	struct err e;
	struct loop * l = loop_new(&e);
	struct state * s = state_sqlite_open(l, path, "n1", &e);
	json_t * o = json_pack("{s:i}", "x", 1);
	char name[32];
	int i, c = 0;

	for (i = 0; s != NULL && i < 100000; i++) {
		snprintf(name, sizeof(name), "c%06d", i);
		calls = 0;
		s->ops->put(s, "connector", name, o, 1, on_value, NULL);
		while (calls == 0)
			loop_turn(l, 1);
		if (write(fd, "x", 1) != 1)
			break;
		c++;
	}
	_exit(0);
}

void
test_killed(void ** state)
{
	char buf[4096];
	size_t told = 0;
	ssize_t n;
	int p[2];
	pid_t pid;

	(void)state;
	S->ops->free(S);
	S = NULL;
	snprintf(state_path, sizeof(state_path), "%s/killed.db", server.dir);
	assert_int_equal(pipe(p), 0);
	fflush(NULL);
	if ((pid = fork()) == 0) {
		close(p[0]);
		child_main(state_path, p[1]);
	}
	close(p[1]);
	while (told < 200 && (n = read(p[0], buf, sizeof(buf))) > 0)
		told += (size_t)n;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	while ((n = read(p[0], buf, sizeof(buf))) > 0)
		told += (size_t)n;
	close(p[0]);
	assert_true(told >= 200);
	S = open_state("n1");
	DO(list, "connector");
	/* All it was told of, and at most the one on its way. */
	assert_in_range(json_array_size(value), told, told + 1);
}

static int64_t
count(const char * sql)
{
	sqlite3 * db;
	sqlite3_stmt * st;
	int64_t n = -1;

	assert_int_equal(sqlite3_open_v2(state_path, &db,
	    SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL),
	    SQLITE_OK);
	if (sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return (n);
}

void
test_status_by_itself(void ** state)
{
	int64_t t0 = clock_mono_us();
	char st[64];
	int i;

	(void)state;
	for (i = 0; i < 50; i++) {
		snprintf(st, sizeof(st), "{\"rows\":%d}", i);
		STATUS("a", st);
		EVENT("b", st);
	}
	assert_int_equal(count("SELECT count(*) FROM status"), 0);
	UNTIL(count("SELECT count(*) FROM status"
	    " WHERE body='{\"rows\":49}'") == 1, 5000);
	assert_true(clock_mono_us() - t0 >= 900000);
	assert_int_equal(count("SELECT count(*) FROM event"), 50);
}

void
test_cache_bound(void ** state)
{
	size_t n = 1000000;
	char * s = malloc(n + 3), key[32];
	int i;

	(void)state;
	assert_non_null(s);
	memset(s, 'x', n + 2);
	s[0] = s[n + 1] = '"';
	s[n + 2] = '\0';
	for (i = 0; i < 80; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		DO_JSON(cache_put, s, key, v_, 60000 + i);
	}
	free(s);
	assert_true(count("SELECT sum(length(body)) FROM cache") <= 64 << 20);
	assert_true(count("SELECT count(*) FROM cache") > 40);
	DO(cache_get, "k79");
	assert_non_null(value);
	DO(cache_get, "k0");
	assert_null(value);
}

static void
count_fence(void * arg, int64_t f, const struct err * e)
{
	(void)arg;
	assert_null(e);
	assert_true(f > 0);
	calls++;
}

void
test_many_leases(void ** state)
{
	int64_t now = 1000000;
	int i, k;

	(void)state;
	/* Ten thousand syncs, a lease each five seconds: old ones go. */
	for (k = 0; k < 30; k++) {
		clock_set_fake(1700000000000, now += 5000000);
		calls = 0;
		for (i = 0; i < 10000; i++) {
			char name[32];

			snprintf(name, sizeof(name), "s%d", i);
			S->ops->lease_take(S, name, k, 10000, count_fence,
			    NULL);
		}
		while (calls < 10000)
			loop_turn(L, 0);
	}
	clock_set_fake(-1, -1);
}

void
test_log_is_moved(void ** state)
{
	char wal[160], rec[4200];
	struct stat st;
	int64_t t0;
	int i;

	(void)state;
	snprintf(wal, sizeof(wal), "%s-wal", state_path);
	memset(rec, 'x', sizeof(rec));
	memcpy(rec, "{\"x\":\"", 6);
	memcpy(rec + 4000, "\"}", 3);
	assert_int_equal(stat(state_path, &st), 0);
	assert_true(st.st_size < 1000000);
	for (i = 0; i < 3000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "c%d", i);
		DO_JSON(cache_put, rec, name, v_, 60000);
	}
	/* The thread has moved most of it into the file. */
	t0 = clock_mono_us();
	do {
		loop_turn(L, 1);
		assert_int_equal(stat(state_path, &st), 0);
	} while (st.st_size < 4000000 && clock_mono_us() - t0 < 5000000);
	assert_true(st.st_size >= 4000000);
	assert_int_equal(stat(wal, &st), 0);
	assert_true(st.st_size < 64 << 20);
}
