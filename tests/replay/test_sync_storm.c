/* Runs of syncs over a service that changes all the time, with crashes anywhere:
 * in the end the target is what the source is.
 * SYNC_FROM=500 SYNC_COUNT=2000 runs other seeds. */
#include "sync_rig.h"

#define SEEDS 200

static uint64_t rnd_state;

static uint32_t
rnd(uint32_t n)
{
	rnd_state = rnd_state * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return ((uint32_t)(rnd_state >> 33) % n);
}

static const struct kind {
	const char * entity;
	const char * more;
} kinds[] = {
	{ "asc", ",\"incremental\":\"updated\"" },
	{ "desc", ",\"incremental\":\"updated\"" },
	{ "any", ",\"incremental\":\"updated\"" },
	{ "some", ",\"incremental\":\"updated\"" },
	{ "late", ",\"incremental\":\"updated\"" },
	{ "bare", "" },
	{ "byvalue", ",\"incremental\":\"updated\",\"where\":\"rev > 0\"" },
	{ "byvalue", ",\"incremental\":\"updated\"" },
};
#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

static void
change(struct rig * g)
{
	if (g->nitems > 0 && rnd(3) != 0)
		rig_touch(g, rnd((uint32_t)g->nitems));
	else if (g->nitems < 120)
		rig_add(g);
}

/* One run, with changes on the way; crashes after ${events} of them. */
static void
storm(struct rig * g, struct sync_def * d, uint32_t events)
{
	uint32_t n = 0;

	rig_start(g, d, rnd(8) == 0 ? SYNC_RUN_FULL : 0);
	while (!g->is_done) {
		if (n++ == events) {
			rig_crash(g);
			return;
		}
		if (!fake_loop_step(g->L, 3600000))
			fail_msg("the run hangs in %s",
			    sync_run_state_name(g->run));
		if (rnd(30) == 0)
			change(g);
	}
	rig_is(g, SYNC_COMPLETE);
}

static void
one(const struct kind * k, uint64_t seed)
{
	struct rig * g = rig_new("{}");
	struct sync_def * d = rig_def(k->entity, k->more);
	char table[32];
	unsigned i;

	rnd_state = seed * 1000003 + 17;
	g->ahead_ms = (int64_t)rnd(3) * 100000;
	g->grain_ms = rnd(2) ? 1000 : 1;
	g->target.batch = 1 + rnd(20);
	g->target.window = g->target.batch * (1 + rnd(4));
	g->target.delay_ms = rnd(2) ? 10 : 3000;
	for (i = rnd(60); i > 0; i--) {
		rig_add(g);
		fake_loop_advance(g->L, rnd(1500));
	}
	for (i = 0; i < 6; i++) {
		storm(g, d, rnd(2) ? rnd(1200) : UINT32_MAX);
		for (unsigned j = rnd(6); j > 0; j--) {
			fake_loop_advance(g->L, rnd(20000));
			change(g);
		}
	}
	rig_run(g, d, 0);
	rig_is(g, SYNC_COMPLETE);
	snprintf(table, sizeof(table), "t-%s", k->entity);
	if (!rig_same(g, table))
		fail_msg("%s, seed %llu", k->entity,
		    (unsigned long long)seed);
	sync_def_unref(d);
	rig_free(g);
}

static void
test_storm(void ** state)
{
	const char * from = getenv("SYNC_FROM"), * count = getenv("SYNC_COUNT");
	uint64_t first = from ? strtoull(from, NULL, 10) : 1, i;
	uint64_t n = count ? strtoull(count, NULL, 10) : SEEDS;

	(void)state;
	for (i = first; i < first + n; i++)
		one(&kinds[i % NKINDS], i);
}

/* At every single event of a run: whatever the state it is in. */
static void
test_each_event(void ** state)
{
	struct rig * g;
	struct sync_def * d;
	char table[32];
	uint32_t at, k, i;
	int ended;

	(void)state;
	for (k = 0; k < NKINDS; k++)
		for (at = 0, ended = 0; !ended; at += at < 40 ? 1 : 13) {
			g = rig_new("{}");
			d = rig_def(kinds[k].entity, kinds[k].more);
			for (i = 0; i < 23; i++) {
				rig_add(g);
				fake_loop_advance(g->L, i % 2 ? 0 : 1000);
			}
			rnd_state = at;
			rig_start(g, d, 0);
			for (i = 0; i < at && !g->is_done; i++) {
				fake_loop_step(g->L, 3600000);
				if (rnd(40) == 0)
					change(g);
			}
			ended = g->is_done;
			if (!ended)
				rig_crash(g);
			change(g);
			rig_run(g, d, 0);
			rig_is(g, SYNC_COMPLETE);
			snprintf(table, sizeof(table), "t-%s",
			    kinds[k].entity);
			if (!rig_same(g, table))
				fail_msg("%s, event %u", kinds[k].entity, at);
			sync_def_unref(d);
			rig_free(g);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_storm),
		cmocka_unit_test(test_each_event),
	};

	return (cmocka_run_group_tests_name("sync storm", tests, NULL, NULL));
}
