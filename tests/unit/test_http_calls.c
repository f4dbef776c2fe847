/* The HTTP client's calls: their order, caps, ends at every stage, and what happens
 * when libcurl itself fails. */

#include "http_fixture.h"
#include "http_hooks.h"

static int
with_hooks(void ** state)
{
	hooks_reset();
	return (setup(state));
}

static void
stats(unsigned active, unsigned queued)
{
	struct http_stats st;

	http_stats_get(H, &st);
	assert_int_equal(st.active, active);
	assert_int_equal(st.queued, queued);
}

/* A number of the server's own counting. */
static int
served(const char * what)
{
	struct got g = get("port", "/stats?reset=1");
	json_t * j = json_loads(g.body, 0, NULL);
	int n = (int)json_integer_value(json_object_get(j, what));

	json_decref(j);
	return (n);
}

static void
test_cancel_at_every_stage(void ** state)
{
	static const char * const slow[][2] = { { "port", "/never" },
	    { "port", "/drip" }, { "port", "/slowheaders" }, { "full", "/" },
	    { "silent", "/" }, { "port", "/drip?ms=1&n=100000" } };
	struct got g = { .calls = 0 };
	struct http_call * c;
	size_t i;
	int k, turns;

	(void)state;
	http_cancel(NULL);
	/* Queued. */
	c = start(&g, url_at("port", "/ok"));
	http_cancel(c);
	stats(0, 0);
	run_for_ms(20);
	/* With curl, after each number of turns there may be. */
	for (i = 0; i < sizeof(slow) / sizeof(slow[0]); i++) {
		for (k = 1; k < 5; k++) {
			c = start(&g, url_at(slow[i][0], slow[i][1]));
			for (turns = 1; turns < k; turns++)
				loop_turn(L, 1);
			http_cancel(c);
			stats(0, 0);
		}
		c = start(&g, url_at(slow[i][0], slow[i][1]));
		run_for_ms(50);
		http_cancel(c);
		stats(0, 0);
	}
	/* Sending. */
	{
		size_t n = (size_t)32 << 20;
		char * body = calloc(1, n);
		struct http_req r = { .url = url_at("silent", "/"),
		    .body = body, .body_len = n };

		assert_non_null(body);
		c = http_start(H, &r, on_done, &g);
		free(body);
		assert_non_null(c);
		run_for_ms(50);
		http_cancel(c);
		stats(0, 0);
	}
	/* Done and not yet delivered. */
	c = start(&g, "http://127.0.0.1:x/");
	http_cancel(c);
	run_for_ms(20);
	assert_int_equal(g.calls, 0);
	g = get("port", "/ok");
	assert_status(&g, 200);
}

static void
cancel_other(struct got * g)
{
	http_cancel(g->other);
	g->other = NULL;
}

static void
test_cancel_from_a_callback(void ** state)
{
	struct got a = { .then = cancel_other }, b = { .calls = 0 };

	(void)state;
	/* Another one, and itself (which is over: a no-op). */
	start(&a, url_at("port", "/ok"));
	a.other = start(&b, url_at("port", "/never"));
	run_until(&a.calls, 1);
	stats(0, 0);
	a.other = start(&a, url_at("port", "/ok"));
	run_until(&a.calls, 2);
	/* One that is done too, and waits its turn behind this one. */
	start(&a, "http://127.0.0.1:x/");
	a.other = start(&b, "http://127.0.0.1:x/");
	run_until(&a.calls, 3);
	run_for_ms(20);
	assert_int_equal(b.calls, 0);
}

static void
free_client(struct got * g)
{
	(void)g;
	http_free(H);
	H = NULL;
}

static void
test_free_with_calls_everywhere(void ** state)
{
	struct http_opts o = { .max_per_host = 4 };
	struct got g = { .calls = 0 }, last = { .then = free_client };
	int i;

	(void)state;
	client(&o);
	for (i = 0; i < 20; i++) {
		start(&g, url_at("port", "/never"));
		start(&g, url_at("full", "/"));
		start(&g, named("a.example", "/never"));
	}
	run_for_ms(50);
	start(&g, url_at("tls", "/ok"));
	http_free(H);
	H = NULL;
	run_for_ms(20);
	assert_int_equal(g.calls, 0);
	/* From within a callback, with others done at the same time. */
	client(NULL);
	for (i = 0; i < 4; i++)
		start(&g, "http://127.0.0.1:x/");
	start(&last, "http://127.0.0.1:x/");
	for (i = 0; i < 4; i++)
		start(&g, "http://127.0.0.1:x/");
	run_until(&last.calls, 1);
	run_for_ms(20);
	assert_int_equal(g.calls, 4);
}

static void
again(struct got * g)
{
	struct http_req r = { .url = url_at("port", "/ok") };

	if (g->calls < 5)
		assert_non_null(http_start(H, &r, on_done, g));
}

static void
test_start_from_a_callback(void ** state)
{
	struct got g = { .then = again };

	(void)state;
	start(&g, url_at("port", "/ok"));
	assert_int_equal(g.calls, 0);
	run_until(&g.calls, 5);
	assert_status(&g, 200);
	/* Failures known at once come no earlier. */
	g = (struct got){ .calls = 0 };
	start(&g, "no url");
	assert_int_equal(g.calls, 0);
	run_until(&g.calls, 1);
}

static void
test_a_thousand_at_once(void ** state)
{
	struct http_opts o = { .max_total = 1000, .max_per_host = 200 };
	struct got g = { .calls = 0 };
	struct http_stats st;
	int i, before;

	(void)state;
	/* Calls that earlier tests left may hang there still. */
	before = served("open");
	client(&o);
	for (i = 0; i < 1000; i++)
		start(&g, url_at("port", "/delay?ms=50"));
	stats(0, 1000);
	loop_turn(L, 1);
	http_stats_get(H, &st);
	assert_true(st.active > 0);
	while (g.calls < 1000) {
		loop_turn(L, 1);
		http_stats_get(H, &st);
		assert_true(st.active <= 200);
	}
	assert_status(&g, 200);
	assert_true(served("peak") <= before + 201);
	http_stats_get(H, &st);
	assert_int_equal(st.failed, 0);
	assert_int_equal(st.done, 1001);
	assert_true(st.reused_conns >= 700);
}

/* Where each fetch of a list came in. */
static int order_n;
static int first_of_b, last_of_a;

static void
note_a(struct got * g)
{
	(void)g;
	last_of_a = ++order_n;
}

static void
note_b(struct got * g)
{
	(void)g;
	if (first_of_b == 0)
		first_of_b = ++order_n;
	else
		order_n++;
}

static void
test_caps_and_fairness(void ** state)
{
	struct http_opts o = { .max_total = 4, .max_per_host = 2,
	    .max_queued = 50 };
	struct got a = { .then = note_a }, b = { .then = note_b };
	struct got full = { .calls = 0 };
	struct http_stats st;
	int i;

	(void)state;
	order_n = first_of_b = last_of_a = 0;
	client(&o);
	for (i = 0; i < 40; i++)
		start(&a, url_at("port", "/delay?ms=20"));
	for (i = 0; i < 5; i++)
		start(&b, named("localhost", "/delay?ms=20"));
	for (i = 0; i < 5; i++)
		start(&a, url_at("port", "/delay?ms=20"));
	start(&full, url_at("port", "/ok"));
	run_until(&full.calls, 1);
	assert_failed(&full, ERR_TRANSIENT, "queue_full");
	while (a.calls < 45 || b.calls < 5) {
		loop_turn(L, 1);
		http_stats_get(H, &st);
		assert_true(st.active <= 4);
	}
	/* The host that asked for little did not wait for the other's queue. */
	assert_true(first_of_b < 10);
	assert_int_equal(last_of_a, 50);
}

static void
test_queue_timeout(void ** state)
{
	struct http_opts o = { .max_per_host = 1 };
	struct got a = { .calls = 0 }, b = { .calls = 0 }, d = { .calls = 0 };
	struct http_req r = { .url = url_at("port", "/delay?ms=600"),
	    .queue_timeout_ms = 200 };

	(void)state;
	client(&o);
	start(&a, url_at("port", "/delay?ms=600"));
	assert_non_null(http_start(H, &r, on_done, &b));
	/* Its time begins when it starts, not in our queue. */
	r.queue_timeout_ms = 5000;
	r.timeout_ms = 900;
	assert_non_null(http_start(H, &r, on_done, &d));
	run_until(&b.calls, 1);
	assert_failed(&b, ERR_TRANSIENT, "connect_timeout");
	assert_non_null(strstr(b.e.msg, "not started"));
	assert_int_equal(a.calls, 0);
	run_until(&d.calls, 1);
	assert_status(&a, 200);
	assert_status(&d, 200);
	assert_true(d.queue_us >= 400000);
}

static void
test_libcurl_fails(void ** state)
{
	struct got g = { .calls = 0 };
	int i, n;

	(void)state;
	for (n = 1; n < 6; n++) {
		g = (struct got){ .calls = 0 };
		for (i = 0; i < 10; i++)
			start(&g, url_at("port", "/delay?ms=100"));
		fail_action = n;
		run_until(&g.calls, 10);
		fail_action = 0;
		stats(0, 0);
		/* The last came through, or was lost with the others. */
		if (!g.ok)
			assert_failed(&g, ERR_TRANSIENT, "recv");
		g = get("port", "/ok");
		assert_status(&g, 200);
	}
}

static void
test_idle_connections_are_bounded(void ** state)
{
	struct http_opts o = { .max_idle = 4, .max_idle_s = 60 };
	struct got g = { .calls = 0 };
	struct http_stats st;
	int i;

	(void)state;
	client(&o);
	for (i = 0; i < 30; i++)
		start(&g, url_at("port", "/delay?ms=30"));
	run_until(&g.calls, 30);
	/* Of thirty connections four are left: so many and no more are reused. */
	g = (struct got){ .calls = 0 };
	for (i = 0; i < 30; i++)
		start(&g, url_at("port", "/delay?ms=30"));
	run_until(&g.calls, 30);
	assert_status(&g, 200);
	http_stats_get(H, &st);
	assert_in_range(st.reused_conns, 1, 10);
}

static void
test_nothing_to_do(void ** state)
{
	struct got g = { .calls = 0 };
	int i;

	(void)state;
	client(NULL);
	/* The second time on connections that are there, and so quick that curl
	 * ends them within the call for its timeouts. */
	for (i = 0; i < 2; i++) {
		start(&g, url_at("port", "/ok"));
		start(&g, url_at("port", "/ok"));
		run_until(&g.calls, 2 * i + 2);
		send_ms = 20;
	}
	assert_status(&g, 200);
	/* They are idle now; nobody need look at them all the time. */
	actions = 0;
	run_for_ms(300);
	assert_in_range(actions, 0, 5);
}

#define R(f) cmocka_unit_test_setup_teardown(f, with_hooks, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		R(test_cancel_at_every_stage), R(test_cancel_from_a_callback),
		R(test_free_with_calls_everywhere),
		R(test_start_from_a_callback), R(test_a_thousand_at_once),
		R(test_caps_and_fairness), R(test_queue_timeout), R(test_libcurl_fails),
		R(test_idle_connections_are_bounded), R(test_nothing_to_do),
	};

	return (run_with_server("http_calls", tests,
	    sizeof(tests) / sizeof(tests[0])));
}
