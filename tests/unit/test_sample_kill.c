/*
 * A child appends and says through a pipe which ticks were acknowledged; it is
 * killed at some moment, fifty times.  Each time every acknowledged tick must be
 * there, whole and right, and no tick may be there in part.
 */
#include <setjmp.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "../fair.h"
#include "base/rfc3339.h"
#include "sample_rig.h"

#define SOURCES 8
#define BATCH 16 /* ticks a source sends at once */
#define KILLS 50
#define BLOCKS "SELECT count(*) FROM sample_block"

struct feed {
	struct sample_source * s;
	unsigned k;
	int64_t next, acked;
	int waiting;
};

static struct feed feeds[SOURCES];
static int out;

static void
on_ack(void * arg, const struct err * e)
{
	struct feed * f = arg;
	int64_t msg[2];

	f->waiting--;
	if (e != NULL)
		return;
	msg[0] = f->k;
	msg[1] = ++f->acked;
	if (write(out, msg, sizeof(msg)) != sizeof(msg))
		_exit(3);
}

static void
send_batch(struct feed * f)
{
	struct sample_page p;
	double v[RIG_N];
	int i;

	for (i = 0; i < BATCH; i++, f->next++) {
		rig_page(f->k, f->next, RIG_N, v);
		p = fix_page(rig_kinds, RIG_N, sample_source_layout(f->s) ?
		    rig_kinds : NULL, RIG_N, v);
		f->waiting++;
		sample_source_append(f->s, f->next * 1000, 1, &p, on_ack, f);
		fix_free(&p);
	}
}

/* The child: append until killed, from where the file says we are. */
static void
child(int fd)
{
	char name[16];
	struct err e;
	unsigned k;

	out = fd;
	if ((L = loop_new(&e)) == NULL ||
	    (S = sample_store_open(L, path, &e)) == NULL) {
		fprintf(stderr, "%s\n", e.msg);
		_exit(2);
	}
	for (k = 0; k < SOURCES; k++) {
		snprintf(name, sizeof(name), "n%u", k);
		feeds[k].k = k;
		feeds[k].s = sample_source_open(S, "t", name, &e);
		feeds[k].waiting = 0;
		feeds[k].acked = sample_source_last_at(feeds[k].s) == INT64_MIN ?
		    -1 : sample_source_last_at(feeds[k].s) / 1000;
		feeds[k].next = feeds[k].acked + 1;
	}
	for (;;) {
		for (k = 0; k < SOURCES; k++)
			if (feeds[k].waiting == 0)
				send_batch(&feeds[k]);
		if (loop_turn(L, 1))
			_exit(2);
	}
}

/* Read all ticks from ${from} on and compare each value; the last tick there
 * is of each source goes into ${last}. */
static void
verify(int64_t from, int64_t * last)
{
	char sql[200], bound[RFC3339_LEN];
	sqlite3_stmt * st;
	sqlite3 * db;
	int64_t ms, t = -1;
	double want, got;
	uint32_t i = RIG_N;
	unsigned k = 0;
	int rc;

	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	assert_int_equal(sample_vtab_register(db), 0);
	snprintf(sql, sizeof(sql), "CREATE VIRTUAL TABLE t USING "
	    "moltler_samples('%s', 't')", path);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
		/* Killed before the file was made. */
		sqlite3_close(db);
		return;
	}
	rfc3339_format(from * 1000, bound);
	snprintf(sql, sizeof(sql), "SELECT timestamp, value, source FROM t "
	    "WHERE timestamp >= '%s'", bound);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		assert_int_equal(rfc3339_parse((const char *)
		    sqlite3_column_text(st, 0), (size_t)
		    sqlite3_column_bytes(st, 0), &ms, NULL), 0);
		k = (unsigned)(sqlite3_column_text(st, 2)[1] - '0');
		assert_true(k < SOURCES);
		if (i == RIG_N) {
			/* A new tick, the next of its source. */
			t = ms / 1000;
			if (last[k] < from)
				last[k] = from - 1;
			assert_int_equal(t, last[k] + 1);
			last[k] = t;
			i = 0;
		}
		assert_int_equal(ms / 1000, t);
		want = rig_value(k, t, i++);
		got = sqlite3_column_double(st, 1);
		if (isfinite(want))
			assert_memory_equal(&want, &got, sizeof(got));
		else
			assert_int_equal(sqlite3_column_type(st, 1),
			    SQLITE_NULL);
	}
	assert_int_equal(rc, SQLITE_DONE);
	assert_int_equal(i, RIG_N);
	sqlite3_finalize(st);
	sqlite3_close(db);
}

static void
test_killed_anywhere(void ** state)
{
	int64_t acked[SOURCES], last[SOURCES], msg[2], from = 0;
	uint64_t seed = (uint64_t)clock_mono_us() | 1;
	char cmd[128];
	int round, fds[2], status, k;
	ssize_t n;
	pid_t pid;

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/moltler-samples-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s.db", dir);
	for (k = 0; k < SOURCES; k++)
		acked[k] = last[k] = -1;
	/* On a machine that is busy elsewhere a life may be too short to write. */
	for (round = 0; round < KILLS || (round < 10 * KILLS &&
	    (acked[0] <= 200 || rig_count(BLOCKS) <= 8)); round++) {
		assert_int_equal(pipe(fds), 0);
		if ((pid = fork()) == 0) {
			close(fds[0]);
			child(fds[1]);
		}
		close(fds[1]);
		fair_live(pid, 20000 + (int64_t)(fix_rand(&seed) % 250000));
		kill(pid, SIGKILL);
		while ((n = read(fds[0], msg, sizeof(msg))) == sizeof(msg))
			acked[msg[0]] = msg[1];
		assert_int_equal(n, 0);
		close(fds[0]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		verify(from, last);
		for (k = 0, from = INT64_MAX; k < SOURCES; k++) {
			assert_true(last[k] >= acked[k]);
			from = acked[k] - 100 < from ? acked[k] - 100 : from;
		}
		from = from < 0 ? 0 : from;
		for (k = 0; k < SOURCES; k++)
			last[k] = from - 1;
	}
	for (k = 0; k < SOURCES; k++)
		last[k] = -1;
	verify(0, last);
	for (k = 0; k < SOURCES; k++)
		assert_true(last[k] >= acked[k]);
	/* It was busy: blocks were written meanwhile, too. */
	assert_true(acked[0] > 200);
	assert_true(rig_count(BLOCKS) > 8);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	assert_int_equal(system(cmd), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed_anywhere),
	};

	return (cmocka_run_group_tests_name("sample_kill", tests, NULL, NULL));
}
