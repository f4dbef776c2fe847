#ifndef MOLTLER_TESTS_FAKE_SYNC_RUN_H
#define MOLTLER_TESTS_FAKE_SYNC_RUN_H

#include "sync/sync_run.h"

/*
 * sync/sync_run.h without rows: claims, looks at the cursor, takes its time, puts
 * the cursor and lets go.  What the runs are to come to is said by sync.
 */
struct fake_runs {
	struct fake_done {
		char id[64];
		char node[16]; /* who ran it */
		int64_t bucket;
		int64_t at_ms;
		int64_t every_ms; /* of its definition */
		unsigned flags;
		enum sync_verdict verdict;
	} * v;
	size_t n, cap;
	int64_t took_ms;     /* how long a run takes */
	/* How those whose id begins so end, instead of well. */
	const char * fails;
	enum err_class cls;
	size_t running, peak;
	size_t idle;         /* begun, but somebody else had it */
	const char * dead;   /* a node whose runs never end */
	int overlapped;      /* one sync ran twice at once */
};
extern struct fake_runs fake_runs;

void fake_runs_reset(void);
/** fake_runs_count(id, bucket): Complete runs of it (bucket -1: any). */
size_t fake_runs_count(const char * id, int64_t bucket);

#endif
