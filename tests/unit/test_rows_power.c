/* Rows in SQLite and a power failure: what is acknowledged was synced before. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#include <cmocka.h>

#include "rows_rig.h"

static const struct writer_column two[] = {
	{ "id", COLUMN_INTEGER, 1, 0 }, { "name", COLUMN_TEXT, 0, 0 },
};

static pthread_t loop_thread;
int fdatasync(int fd);

static atomic_int hold, refuse, waits, syncs;

/* In the place of the system's: the helper's can be held up, or fail. */
int
fdatasync(int fd)
{
	const struct timespec ms = { 0, 1000000 };

	if (!pthread_equal(pthread_self(), loop_thread)) {
		atomic_fetch_add(&waits, 1);
		while (atomic_load(&hold))
			nanosleep(&ms, NULL);
		atomic_fetch_add(&syncs, 1);
		if (atomic_load(&refuse)) {
			errno = EIO;
			return (-1);
		}
	}
	return ((int)syscall(SYS_fdatasync, fd));
}

static int
setup(void ** state)
{
	loop_thread = pthread_self();
	atomic_store(&hold, 0);
	atomic_store(&refuse, 0);
	return (rig_setup(state));
}

static int
teardown(void ** state)
{
	atomic_store(&hold, 0);
	return (rig_teardown(state));
}

static void
give(struct rig * r, int64_t id)
{
	(void)writer_row(r->w, ROW(IN(id), TX("x")));
}

static const char *
count(void)
{
	return (rig_sql("SELECT count(*) FROM t"));
}

static void
not_before_the_sync(void ** state)
{
	int64_t until;
	int before;
	struct rig r;

	(void)state;
	rig_open(&r, "t", "s", 1, two, 2, 0);
	atomic_store(&hold, 1);
	before = atomic_load(&waits);
	give(&r, 1);
	writer_flush(r.w);
	WAIT(atomic_load(&waits) > before);
	assert_string_equal(count(), "1\n");
	/* The loop goes on meanwhile, and more is written. */
	give(&r, 2);
	writer_flush(r.w);
	until = clock_mono_us() + 300000;
	while (clock_mono_us() < until)
		assert_int_equal(loop_turn(L, 1), 0);
	assert_string_equal(count(), "2\n");
	assert_int_equal(r.acked, 0);
	before = atomic_load(&syncs);
	atomic_store(&hold, 0);
	WAIT(r.acked == 2);
	/* The second came after the first sync had begun. */
	assert_true(atomic_load(&syncs) >= before + 2);
	rig_close(&r);
}

static void
together(void ** state)
{
	struct rig r[20];
	int i, before;

	(void)state;
	for (i = 0; i < 20; i++) {
		char sync[24];

		snprintf(sync, sizeof(sync), "s%d", i);
		rig_open(&r[i], "t", sync, 1, two, 2, 0);
	}
	before = atomic_load(&syncs);
	atomic_store(&hold, 1);
	for (i = 0; i < 20; i++) {
		give(&r[i], i);
		writer_flush(r[i].w);
	}
	WAIT(strcmp(count(), "20\n") == 0);
	atomic_store(&hold, 0);
	for (i = 0; i < 20; i++)
		WAIT(r[i].acked == 1);
	assert_in_range(atomic_load(&syncs) - before, 1, 4);
	for (i = 0; i < 20; i++)
		rig_close(&r[i]);
}

static void
nobody_flushes(void ** state)
{
	struct rig r;
	int i;

	(void)state;
	rig_open(&r, "t", "s", 1, two, 2, 0);
	for (i = 0; i < 600; i++)
		give(&r, i);
	WAIT(r.acked >= 500);
	WAIT(r.acked == 600);
	/* It is there already, and synced. */
	writer_flush(r.w);
	give(&r, 1000);
	rig_flush(&r, 601);
	rig_close(&r);
}

static void
sync_fails(void ** state)
{
	struct rig r;

	(void)state;
	rig_open(&r, "t", "s", 1, two, 2, 0);
	give(&r, 1);
	rig_flush(&r, 1);
	atomic_store(&refuse, 1);
	give(&r, 2);
	writer_flush(r.w);
	WAIT(r.failed);
	assert_int_equal(r.e.cls, ERR_TRANSIENT);
	assert_string_equal(r.e.code, "io");
	assert_int_equal(r.acked, 1);
	rig_close(&r);
	atomic_store(&refuse, 0);
	rig_open(&r, "t", "s", 2, two, 2, 0);
	give(&r, 2);
	writer_flush(r.w);
	WAIT(r.acked == 1 || r.failed);
	rig_close(&r);
}

static void
closed_meanwhile(void ** state)
{
	struct rig r, o;
	int before;

	(void)state;
	rig_open(&r, "t", "s", 1, two, 2, 0);
	atomic_store(&hold, 1);
	before = atomic_load(&waits);
	give(&r, 1);
	writer_flush(r.w);
	WAIT(atomic_load(&waits) > before);
	rig_close(&r);
	/* The answer to the one before is not the answer to this one. */
	rig_open(&o, "t", "o", 1, two, 2, 0);
	give(&o, 2);
	writer_flush(o.w);
	WAIT(strcmp(count(), "2\n") == 0);
	assert_int_equal(o.acked, 0);
	before = atomic_load(&syncs);
	atomic_store(&hold, 0);
	WAIT(o.acked == 1);
	assert_true(atomic_load(&syncs) >= before + 2);
	assert_int_equal(r.acked, 0);
	rig_close(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(not_before_the_sync, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(together, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_flushes, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(sync_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(closed_meanwhile, setup,
		    teardown),
	};

	return (cmocka_run_group_tests(tests, NULL, NULL));
}
