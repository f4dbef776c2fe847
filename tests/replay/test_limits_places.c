#include "taker.h"

#include "base/clock.h"

/* So many calls side by side, whoever asks: all statements, syncs and actions of a
 * connector, and all connectors of a scope. */

#define COLS "\"columns\":{\"id\":{\"type\":\"integer\"}}"
#define LIST(url, more) COLS ",\"lists\":[{\"url\":\"" url "\"" more "}]"
#define PAGED ",\"paginate\":{\"kind\":\"page\",\"query\":\"p\",\"first\":1}"
#define ITEMS "\"items\":{" LIST("/i", "") "}"
#define FOUND ",\"found\":{" LIST("/f", ",\"bucket\":\"search\"") "}"

static void
take(struct rig * g, struct taker * t, const char * entity, int64_t max_ms)
{
	taker_take(g, g->env.limits, t, entity, max_ms, 1);
}

/* Each of ${t} is "-" while it waits, "+" when it was let through, "x" refused. */
static const char *
shape(struct rig * g, const struct taker * t, size_t n)
{
	static char out[64];
	size_t i;

	fake_loop_settle(g->L);
	for (i = 0; i < n; i++)
		out[i] = t[i].calls == 0 ? '-' : t[i].has_failed ? 'x' : '+';
	out[n] = '\0';
	return (out);
}

static void
test_in_turn(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"concurrency\":2},", ITEMS, "{}");
	struct taker t[6];
	size_t i;

	(void)state;
	for (i = 0; i < 6; i++)
		take(g, &t[i], "items", 0);
	assert_string_equal(shape(g, t, 6), "++----");
	fake_loop_advance(g->L, 100000);
	assert_string_equal(shape(g, t, 6), "++----");
	/* Over: the first that waits has it. */
	taker_drop(&t[1]);
	assert_string_equal(shape(g, t, 6), "+++---");
	/* One that waits goes, the one behind has its turn; ... */
	taker_drop(&t[3]);
	taker_drop(&t[0]);
	assert_string_equal(shape(g, t, 6), "+++-+-");
	/* ... and one that goes before it was told. */
	taker_drop(&t[2]);
	taker_drop(&t[5]);
	take(g, &t[0], "items", 0);
	assert_string_equal(shape(g, t, 6), "+++-+-");
	taker_drop(&t[0]);
	taker_drop(&t[4]);
	rig_free(g);
}

/* Who may not wait so long is told when his time is over. */
static void
test_refused(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"concurrency\":1},", ITEMS, "{}");
	struct taker t[6];

	(void)state;
	take(g, &t[0], "items", 0);
	take(g, &t[1], "items", 9000);
	take(g, &t[2], "items", 0);
	take(g, &t[3], "items", 3000);
	take(g, &t[4], "items", 1000);
	assert_string_equal(shape(g, t, 5), "+----");
	fake_loop_advance(g->L, 1010);
	assert_string_equal(shape(g, t, 5), "+---x");
	assert_string_equal(t[4].e.code, "rate_limit");
	assert_int_equal(t[4].e.cls, ERR_TRANSIENT);
	assert_non_null(strstr(t[4].e.msg, "side by side (1) were all"));
	fake_loop_advance(g->L, 2000);
	assert_string_equal(shape(g, t, 5), "+--xx");
	/* The one whose time it was goes: the next one's is kept. */
	taker_drop(&t[1]);
	take(g, &t[5], "items", 500);
	fake_loop_advance(g->L, 510);
	assert_true(t[5].has_failed);
	fake_loop_advance(g->L, 20000);
	/* The service says "later": nothing turns in circles meanwhile. */
	limits_block(g->env.limits, g->c, NULL, 60000);
	taker_drop(&t[0]);
	take(g, &t[1], "items", 90000);
	fake_loop_advance(g->L, 59000);
	assert_string_equal(shape(g, t, 3), "+--");
	fake_loop_advance(g->L, 2000);
	assert_string_equal(shape(g, t, 3), "+-+");
	fake_loop_advance(g->L, 29100);
	assert_string_equal(shape(g, t, 3), "+x+");
	taker_drop(&t[2]);
	rig_free(g);
}

/* A rate beside it: both are kept, and a token is not lost by waiting. */
static void
test_and_rate(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"rate\":1,\"burst\":3,"
	    "\"concurrency\":2},", ITEMS, "{}");
	struct taker t[6];
	size_t i;

	(void)state;
	for (i = 0; i < 6; i++)
		take(g, &t[i], "items", 0);
	assert_string_equal(shape(g, t, 6), "++----");
	taker_drop(&t[0]);
	taker_drop(&t[1]);
	/* The burst is used. */
	assert_string_equal(shape(g, t, 6), "+++---");
	fake_loop_advance(g->L, 1010);
	assert_string_equal(shape(g, t, 6), "++++--");
	fake_loop_advance(g->L, 5000);
	assert_string_equal(shape(g, t, 6), "++++--");
	taker_drop(&t[2]);
	taker_drop(&t[3]);
	assert_string_equal(shape(g, t, 6), "++++++");
	taker_drop(&t[4]);
	taker_drop(&t[5]);
	/* The same where the rate is another's, too. */
	g->shared.is_shared = 1;
	g->fake.delay_ms = 3;
	for (i = 0; i < 3; i++)
		take(g, &t[i], "items", 0);
	fake_loop_advance(g->L, 100);
	assert_string_equal(shape(g, t, 3), "++-");
	assert_int_equal(g->fake.takes, 2);
	taker_drop(&t[0]);
	fake_loop_advance(g->L, 100);
	assert_string_equal(shape(g, t, 3), "+++");
	taker_drop(&t[1]);
	taker_drop(&t[2]);
	rig_free(g);
}

/* Of a bucket and of the connector; what waits for one is no loss to the other, and
 * nobody waits for a place that he holds. */
static void
test_buckets(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"concurrency\":2,\"buckets\":{"
	    "\"search\":{\"concurrency\":1}}},", ITEMS FOUND, "{}");
	const struct manifest_toll * search;
	struct taker t[5];
	json_t * said = json_object();

	(void)state;
	search = &manifest_entity(g->m, "found")->lists[0].toll;
	take(g, &t[0], "found", 0);
	take(g, &t[1], "found", 0);
	assert_string_equal(shape(g, t, 2), "+-");
	take(g, &t[2], "items", 0);
	take(g, &t[3], "items", 0);
	assert_string_equal(shape(g, t, 4), "+-+-");
	assert_int_equal(limits_show(g->env.limits, g->c, said), 0);
	assert_string_equal(json_string_value(json_object_get(said,
	    "budget_search")), "1 call waiting, 1 of 1 place taken");
	assert_string_equal(json_string_value(json_object_get(said,
	    "budget")), "1 call waiting, 2 of 2 places taken");
	json_decref(said);
	taker_drop(&t[0]);
	assert_string_equal(shape(g, t, 4), "+-++");
	taker_drop(&t[2]);
	assert_string_equal(shape(g, t, 4), "++++");
	/* [0] has a place of the bucket, and waits for the connector's; then the
	 * bucket is blocked, and [4] waits there for the place of [0]. */
	taker_drop(&t[1]);
	take(g, &t[2], "items", 0);
	take(g, &t[0], "found", 0);
	assert_string_equal(shape(g, t, 4), "-+++");
	limits_block(g->env.limits, g->c, search, 10000);
	take(g, &t[4], "found", 0);
	taker_drop(&t[3]);
	assert_string_equal(shape(g, t, 1), "-");
	fake_loop_advance(g->L, 10100);
	assert_string_equal(shape(g, t, 5), "++++-");
	taker_drop(&t[0]);
	assert_string_equal(shape(g, t, 5), "+++++");
	/* One that holds a place of the bucket and waits for another goes. */
	take(g, &t[0], "found", 0);
	take(g, &t[1], "found", 0);
	taker_drop(&t[4]);
	take(g, &t[4], "items", 0);
	assert_string_equal(shape(g, t, 2), "--");
	taker_drop(&t[0]);
	assert_string_equal(shape(g, t, 2), "--");
	taker_drop(&t[2]);
	assert_string_equal(shape(g, t, 2), "-+");
	taker_drop(&t[1]);
	taker_drop(&t[4]);
	rig_free(g);
}

/* ---- statements ---- */

#define STATEMENTS 5

struct statement {
	struct rig * g;
	struct reader * r;
	struct read_ctx ctx;
	unsigned pages, rows;
	int is_over, has_failed;
};

static void
on_page(void * arg, struct page * p, const struct err * e)
{
	struct statement * s = arg;

	s->has_failed |= e != NULL;

	s->is_over = p == NULL;
	if (p == NULL)
		return;
	s->pages++;
	s->rows += (unsigned)p->nrows;
	page_unref(p);
	reader_next(s->r, on_page, s);
}

static void
serve(void * arg, const char * url, struct fake_answer * a)
{
	int64_t p = rig_param(url, "p=", 1);
	char text[32];

	(void)arg;
	a->delay_ms = 100;
	a->ctype = "application/json";
	/* Ten pages of one row each. */
	snprintf(text, sizeof(text), p > 10 ? "[]" : "[{\"id\":%d}]", (int)p);
	a->body = strdup(text);
}

static void
begin(struct rig * g, struct statement * s)
{
	struct err e;

	memset(s, 0, sizeof(*s));
	s->g = g;
	s->ctx.no_cache = 1;
	s->r = reader_open(&g->env, rig_plan(g, "paged", ""), &s->ctx, &e);
	assert_non_null(s->r);
	reader_next(s->r, on_page, s);
}

static void
test_statements(void ** state)
{
	struct rig * g = rig_new("\"limits\":{\"scope\":\"all\","
	    "\"concurrency\":2},", "\"paged\":{" LIST("/p",
	    PAGED) "}", "{}");
	struct connector * other, * own = g->c;
	struct statement s[STATEMENTS];
	size_t i, most = 0, n, step;
	unsigned least, ahead;
	struct err e;

	(void)state;
	other = connector_new(g->m, "id-2", "other", NULL, NULL, &e);
	assert_non_null(other);
	fake_http_serve(g->http, serve, NULL);
	for (i = 0; i < STATEMENTS; i++) {
		g->c = i % 2 ? other : own;
		begin(g, &s[i]);
	}
	g->c = own;
	for (step = 0; step < 2400; step++) {
		fake_loop_advance(g->L, 1);
		n = fake_http_running(g->http);
		most = n > most ? n : most;
		/* None is far ahead of another. */
		for (i = 0, least = 99, ahead = 0; i < STATEMENTS; i++) {
			least = s[i].pages < least ? s[i].pages : least;
			ahead = s[i].pages > ahead ? s[i].pages : ahead;
		}
		assert_true(ahead - least <= 1);
		/* One is closed while its call is under way. */
		if (step == 250) {
			for (i = 0; i < STATEMENTS; i++)
				reader_close(s[i].r);
			assert_int_equal(fake_http_running(g->http), 0);
			for (i = 0; i < STATEMENTS; i++)
				begin(g, &s[i]);
		}
	}
	assert_int_equal(most, 2);
	fake_loop_advance(g->L, 1000);
	for (i = 0; i < STATEMENTS; i++) {
		assert_false(s[i].has_failed);
		assert_true(s[i].is_over);
		assert_int_equal(s[i].rows, 10);
		reader_close(s[i].r);
	}
	connector_unref(other);
	rig_free(g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_turn), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_and_rate), cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_statements),
	};

	return (cmocka_run_group_tests_name("places", tests, NULL, NULL));
}
