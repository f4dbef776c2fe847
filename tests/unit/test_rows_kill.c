/*
 * A child writes rows in batches and says through a pipe how many were
 * acknowledged; it is killed at some moment, forty times.  Each time all of those
 * must be there, and of a batch that was not, nothing that is half a row.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "../fair.h"
#include "rows_rig.h"

#define KILLS 40

static const struct writer_column cols[] = {
	{ "id", COLUMN_TEXT, 1, 0 }, { "n", COLUMN_INTEGER, 0, 0 },
	{ "twice", COLUMN_INTEGER, 0, 0 }, { "pad", COLUMN_TEXT, 0, 0 },
};

static int out;
static int64_t base; /* the rows of earlier lives */

static void
say(void * arg, uint64_t rows)
{
	int64_t n = base + (int64_t)rows;

	(void)arg;
	if (write(out, &n, sizeof(n)) != sizeof(n))
		_exit(3);
}

static void
nothing(void * arg)
{
	(void)arg;
}

static void
broken(void * arg, const struct err * e)
{
	(void)arg;
	fprintf(stderr, "%s\n", e->msg);
	_exit(4);
}

/* Write until killed, from row ${from} on. */
static void
child(int fd, int64_t from, int64_t fence)
{
	struct writer_events ev = { nothing, say, nothing, broken, NULL };
	struct writer_spec spec = { .table = "t", .sync = "s", .fence = fence,
	    .columns = cols, .ncolumns = 4 };
	static char pad[700];
	struct writer * w;
	struct err e;
	char id[32];
	int64_t i;

	out = fd;
	base = from;
	memset(pad, 'p', sizeof(pad) - 1);
	if ((L = loop_new(&e)) == NULL || (T = targets_new(L, dir, &e)) ==
	    NULL || (w = rows_writer_open(L, T, &spec, &ev, &e)) == NULL)
		_exit(2);
	for (i = from;; i++) {
		snprintf(id, sizeof(id), "row %lld", (long long)i);
		if (writer_row(w, ROW(TX(id), IN(i), IN(2 * i), TX(pad))))
			loop_turn(L, 1);
		if (i % 100 == 0) {
			writer_flush(w);
			loop_turn(L, 0);
		}
	}
}

static void
kills(void ** state)
{
	int64_t acked = 0, got, there;
	const char * s;
	int fd[2], round, status;
	pid_t pid;

	(void)state;
	srandom(7);
	/* On a machine that is busy elsewhere a life may be too short to write. */
	for (round = 0; round < KILLS || (acked <= 1000 &&
	    round < 20 * KILLS); round++) {
		assert_int_equal(pipe(fd), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(fd[0]);
			child(fd[1], acked, round + 1);
		}
		close(fd[1]);
		fair_live(pid, random() % 60000);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		while (read(fd[0], &got, sizeof(got)) == sizeof(got))
			acked = got > acked ? got : acked;
		close(fd[0]);
		if (acked == 0)
			continue;
		s = rig_sql("SELECT count(*), max(n) + 1, count(DISTINCT n), "
		    "sum(twice <> 2 * n OR length(pad) <> 699 OR id <> 'row ' "
		    "|| n) FROM t");
		there = strtoll(s, NULL, 10);
		assert_true(there >= acked);
		assert_string_equal(strrchr(s, '|'), "|0\n");
		/* Rows are written in order: as many as the last one says. */
		assert_int_equal(strtoll(strchr(s, '|') + 1, NULL, 10), there);
	}
	assert_true(acked > 1000);
	assert_string_equal(rig_sql("PRAGMA integrity_check"), "ok\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(kills, rig_setup, rig_teardown),
	};

	return (cmocka_run_group_tests_name("rows_kill", tests, NULL, NULL));
}
