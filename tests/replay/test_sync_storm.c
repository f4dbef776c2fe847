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
	const char * options; /* NULL: none */
} kinds[] = {
	{ "asc", ",\"incremental\":\"updated\"", NULL },
	{ "desc", ",\"incremental\":\"updated\"", NULL },
	{ "any", ",\"incremental\":\"updated\"", NULL },
	{ "some", ",\"incremental\":\"updated\"", NULL },
	{ "late", ",\"incremental\":\"updated\"", NULL },
	{ "bare", "", NULL },
	{ "byvalue", ",\"incremental\":\"updated\",\"where\":\"rev > 0\"", NULL },
	{ "byvalue", ",\"incremental\":\"updated\"", NULL },
	{ "newest", ",\"deletes\":\"mark\"", NULL },
	{ "newest", ",\"incremental\":\"updated\"", NULL },
	{ "any", ",\"deletes\":\"remove\",\"incremental\":\"updated\"", NULL },
	{ "parts", ",\"incremental\":\"updated\"", NULL },
	{ "parts", ",\"deletes\":\"mark\"", NULL },
	{ "own", ",\"incremental\":\"updated\"", NULL },
	{ "down", ",\"incremental\":\"updated\"", NULL },
	{ "token", ",\"incremental\":\"updated\"", NULL },
	{ "tokens", ",\"incremental\":\"updated\"", NULL },
	{ "tokens", ",\"incremental\":\"updated\"", "{\"max_api_calls\":14}" },
	{ "tagparts", ",\"incremental\":\"updated\"", NULL },
	{ "steps", ",\"incremental\":\"updated\"", NULL },
	{ "stepped", ",\"incremental\":\"updated\"", NULL },
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

/* Some parts may not be read, or are not there. */
static void
forbid(struct rig * g)
{
	g->forbids = rnd(1U << RIG_BOXES);
	g->forbids_with = rnd(2) ? 403 : 423;
	g->forbids_late = rnd(3) == 0;
	g->boxes = rnd(4) == 0 ? 1 + rnd(RIG_BOXES) : RIG_BOXES;
}

/* The runs that follow, when nothing happens any more: how many it takes to be the
 * same depends on how much one may ask, and on what was left to go on from. */
static void
settle(struct rig * g, struct sync_def * d, const struct kind * k)
{
	/* One that reads all goes on where a crash left it, so what changed
	 * before that is the next one's. */
	int i, n = k->more[0] == '\0' ? 2 : 1;

	for (i = 0; i < n; i++)
		rig_run(g, d, 0);
	for (; k->options != NULL && g->res.verdict == SYNC_PARTIAL &&
	    i < 20; i++)
		rig_run(g, d, 0);
	rig_is(g, SYNC_COMPLETE);
}

/* What comes between. */
static void
harm(struct rig * g, uint32_t how)
{
	switch (how) {
	case 0:
		rig_crash(g);
		break;
	case 1:
		sync_run_cancel(g->run, "enough");
		break;
	case 2:
		g->status = 404;
		break;
	case 3:
		g->status = 502;
		break;
	case 4:
		g->target.fail_at = 1 + rnd(30);
		g->target.fail_cls = rnd(2) ? ERR_TRANSIENT : ERR_PERMANENT;
		g->target.fail_code = "no_room";
		break;
	case 5:
		/* Stopped, and the lease gone. */
		fake_loop_sleep(g->L, RIG_LEASE + 1);
		break;
	case 6:
		fake_state_lose(g->state, 1 + rnd(3));
		break;
	case 7:
		forbid(g);
		break;
	case 8:
		g->epoch++;
		break;
	}
}

/* One run, with changes on the way; something happens after ${events} of them. */
static void
storm(struct rig * g, struct sync_def * d, const struct kind * k,
    uint32_t events)
{
	uint32_t n = 0;
	int harmed = 0;

	rig_start(g, d, rnd(8) == 0 ? SYNC_RUN_FULL : 0);
	while (!g->is_done) {
		if (n++ == events) {
			harm(g, rnd(9));
			harmed = 1;
			if (g->is_done)
				break;
		}
		if (!fake_loop_step(g->L, 3600000))
			fail_msg("the run hangs in %s",
			    sync_run_state_name(g->run));
		if (rnd(30) == 0)
			change(g);
	}
	if (!harmed && k->options == NULL && g->forbids == 0 && g->boxes == RIG_BOXES)
		rig_is(g, SYNC_COMPLETE);
	g->status = 0;
	g->target.fail_at = 0;
	fake_state_lose(g->state, 0);
	/* A lease whose drop was lost. */
	if (harmed)
		fake_loop_advance(g->L, RIG_LEASE + 1000);
}

static void
one(const struct kind * k, uint64_t seed)
{
	struct rig * g = rig_new(k->options ? k->options : "{}");
	struct sync_def * d = rig_def(k->entity, k->more);
	char table[32];
	unsigned i;

	rnd_state = seed * 1000003 + 17;
	g->ahead_ms = (int64_t)rnd(3) * 1000000 - 1000000;
	/* Windows begin with our clock. */
	if (strncmp(k->entity, "step", 4) == 0 && g->ahead_ms < 0)
		g->ahead_ms = 0;
	g->grain_ms = rnd(2) ? 1000 : 1;
	g->target.batch = 1 + rnd(20);
	g->target.window = g->target.batch * (1 + rnd(4));
	g->target.delay_ms = rnd(2) ? 10 : 3000;
	g->delay_ms = rnd(3) ? 20 : 1700;
	for (i = rnd(60); i > 0; i--) {
		rig_add(g);
		fake_loop_advance(g->L, rnd(1500));
	}
	for (i = 0; i < 6; i++) {
		if (rnd(3) == 0)
			forbid(g);
		storm(g, d, k, rnd(2) ? rnd(1200) : UINT32_MAX);
		for (unsigned j = rnd(6); j > 0; j--) {
			fake_loop_advance(g->L, rnd(20000));
			change(g);
		}
	}
	g->forbids = 0;
	g->boxes = RIG_BOXES;
	settle(g, d, k);
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
			g = rig_new(kinds[k].options ? kinds[k].options :
			    "{}");
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
			settle(g, d, &kinds[k]);
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
