/*
 * The HTTP client's calls: their order, caps, ends at every stage, egress, name
 * lookups, and what happens when libcurl itself fails.
 */

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "http_fixture.h"

/* Stand between libcurl and libc, between the client and libcurl. */
static pthread_mutex_t lookups_mtx = PTHREAD_MUTEX_INITIALIZER;
static int lookups, lookups_now, lookups_peak, lookup_ms;
static const char * name_is = "127.0.0.1", * name_is_too;
static unsigned send_ms; /* how long send takes */
static unsigned actions; /* calls of curl_multi_socket_action */
static int fail_action;

static void *
next_of(const char * name)
{
	return (dlsym(RTLD_NEXT, name));
}

int
getaddrinfo(const char * host, const char * service,
    const struct addrinfo * hints, struct addrinfo ** res)
{
	int (*real)(const char *, const char *, const struct addrinfo *,
	    struct addrinfo **) = NULL;
	struct addrinfo v4 = { .ai_family = AF_INET,
	    .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
	void * f = next_of("getaddrinfo");
	int rc;

	(void)hints;
	memcpy(&real, &f, sizeof(f));
	pthread_mutex_lock(&lookups_mtx);
	lookups++;
	if (++lookups_now > lookups_peak)
		lookups_peak = lookups_now;
	pthread_mutex_unlock(&lookups_mtx);
	nanosleep(&(struct timespec){ .tv_sec = lookup_ms / 1000,
	    .tv_nsec = lookup_ms % 1000 * 1000000L }, NULL);
	pthread_mutex_lock(&lookups_mtx);
	lookups_now--;
	pthread_mutex_unlock(&lookups_mtx);
	if (strstr(host, "nowhere") != NULL)
		return (EAI_NONAME);
	if ((rc = real(name_is, service, &v4, res)) != 0)
		return (rc);
	return (name_is_too == NULL ? 0 :
	    real(name_is_too, service, &v4, &(*res)->ai_next));
}

CURLMcode
curl_multi_socket_action(CURLM * m, curl_socket_t s, int bits, int * running)
{
	CURLMcode (*real)(CURLM *, curl_socket_t, int, int *) = NULL;
	void * f = next_of("curl_multi_socket_action");

	actions++;
	if (fail_action > 0 && fail_action-- == 1)
		return (CURLM_INTERNAL_ERROR);
	memcpy(&real, &f, sizeof(f));
	return (real(m, s, bits, running));
}

/* curl sends with it: a pause, in which the answer comes. */
ssize_t
send(int fd, const void * p, size_t n, int flags)
{
	ssize_t (*real)(int, const void *, size_t, int) = NULL;
	void * f = next_of("send");
	ssize_t r;

	memcpy(&real, &f, sizeof(f));
	r = real(fd, p, n, flags);
	if (send_ms > 0)
		usleep(send_ms * 1000);
	return (r);
}

static int
reset_hooks(void ** state)
{
	send_ms = 0;
	lookups = lookups_now = lookups_peak = lookup_ms = 0;
	name_is = "127.0.0.1";
	name_is_too = NULL;
	fail_action = 0;
	return (setup(state));
}

static const char *
named(const char * host, const char * path)
{
	static char url[2][512];
	static unsigned i;
	char * u = url[i++ % 2];

	snprintf(u, sizeof(url[0]), "http://%s:%d%s", host,
	    fault_port(&server, "port"), path);
	return (u);
}

static struct http_call *
start(struct got * g, const char * url)
{
	struct http_req r = { .url = url };
	struct http_call * c = http_start(H, &r, on_done, g);

	assert_non_null(c);
	return (c);
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

static int
deny_all(void * arg, const struct sockaddr * sa)
{
	int * asked = arg;

	(void)sa;
	++*asked;
	return (-1);
}

static int
deny_loopback(void * arg, const struct sockaddr * sa)
{
	const struct sockaddr_in * in = (const void *)sa;
	int * asked = arg;

	++*asked;
	if (sa->sa_family != AF_INET)
		return (0);
	return (ntohl(in->sin_addr.s_addr) >> 24 == 127 ? -1 : 0);
}

static void
test_egress(void ** state)
{
	int asked = 0;
	struct http_opts o = { .egress = deny_all, .egress_arg = &asked };
	struct http_req r = { .url = "http://localhost/ok",
	    .unix_socket = fault_path(&server, "unix") };
	struct got g;
	char url[128];
	struct http * open_one = H;

	(void)state;
	/* A kept connection of a laxer client is not this one's. */
	g = get("port", "/ok");
	assert_status(&g, 200);
	H = NULL;
	client(&o);
	g = get("port", "/ok");
	assert_failed(&g, ERR_CONFIG, "egress");
	assert_int_equal(asked, 1);
	g = fetch(r);
	assert_failed(&g, ERR_CONFIG, "egress");
	/* Every address of a name is asked for, and one in a v6 coat is itself. */
	o.egress = deny_loopback;
	client(&o);
	g = fetch((struct http_req){ .url = named("localhost", "/ok") });
	assert_false(g.ok);
	g = fetch((struct http_req){ .url = named("a.example", "/ok") });
	assert_failed(&g, ERR_CONFIG, "egress");
	snprintf(url, sizeof(url), "http://[::ffff:127.0.0.1]:%d/ok",
	    fault_port(&server, "port"));
	g = fetch((struct http_req){ .url = url });
	assert_failed(&g, ERR_CONFIG, "egress");
	http_free(H);
	H = open_one;
}

static void
test_no_proxy_from_the_environment(void ** state)
{
	struct got g;

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1/", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1/", 1);
	g = get("port", "/ok");
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	assert_status(&g, 200);
}

static void
test_one_lookup_a_host(void ** state)
{
	struct got g = { .calls = 0 };
	int i;

	(void)state;
	lookup_ms = 50;
	for (i = 0; i < 100; i++)
		start(&g, named("a.example", "/delay?ms=20"));
	run_until(&g.calls, 100);
	assert_status(&g, 200);
	assert_int_equal(lookups, 1);
	/* Addresses need none, nor does what is known. */
	g = get("port", "/ok");
	g = fetch((struct http_req){ .url = named("a.example", "/close") });
	g = fetch((struct http_req){ .url = named("a.example", "/close") });
	assert_status(&g, 200);
	assert_int_equal(lookups, 1);
}

static void
test_lookups_are_capped(void ** state)
{
	struct http_opts o = { .max_resolves = 3 };
	struct got g = { .calls = 0 };
	char host[32];
	int i;

	(void)state;
	lookup_ms = 30;
	client(&o);
	for (i = 0; i < 40; i++) {
		snprintf(host, sizeof(host), "h%d.example", i / 2);
		start(&g, named(host, "/ok"));
	}
	run_until(&g.calls, 40);
	assert_status(&g, 200);
	assert_int_equal(lookups, 20);
	assert_true(lookups_peak <= 3);
	assert_true(lookups_peak >= 2);
}

static void
test_failed_lookups(void ** state)
{
	struct http_opts o = { .max_resolves = 1 };
	struct got g = { .calls = 0 }, k = { .calls = 0 };
	int i;

	(void)state;
	client(&o);
	for (i = 0; i < 5; i++)
		start(&g, named("nowhere.example", "/ok"));
	start(&k, named("a.example", "/ok"));
	run_until(&g.calls, 5);
	assert_failed(&g, ERR_TRANSIENT, "resolve");
	assert_non_null(strstr(g.e.msg, "nowhere.example"));
	run_until(&k.calls, 1);
	assert_status(&k, 200);
}

static void
test_a_hanging_lookup_holds_nothing(void ** state)
{
	struct http_req r = { .url = named("slow.example", "/ok"),
	    .timeout_ms = 150 };
	struct got g = { .calls = 0 }, k = { .calls = 0 };
	struct http_call * c;
	int64_t t0;

	(void)state;
	lookup_ms = 1500;
	assert_non_null(http_start(H, &r, on_done, &g));
	run_for_ms(50);
	/* Neither its deadline, nor cancelling, nor freeing waits for it. */
	t0 = clock_mono_us();
	run_until(&g.calls, 1);
	assert_failed(&g, ERR_TRANSIENT, "connect_timeout");
	assert_non_null(strstr(g.e.msg, "looking the name up"));
	c = start(&k, named("slow.example", "/ok"));
	run_for_ms(50);
	http_cancel(c);
	start(&k, named("slow.example", "/ok"));
	run_for_ms(50);
	client(NULL);
	assert_true(clock_mono_us() - t0 < 1000000);
	assert_int_equal(k.calls, 0);
	/* The threads end before the test's memory does. */
	while (lookups_now > 0)
		run_for_ms(20);
}

static void
test_a_dead_address_is_looked_up_again(void ** state)
{
	struct got g;

	(void)state;
	g = fetch((struct http_req){ .url = named("m.example", "/close") });
	assert_status(&g, 200);
	assert_int_equal(lookups, 1);
	/* The host moves: what is known of it fails once and is forgotten. */
	name_is = "127.0.0.77";
	client(NULL);
	lookups = 0;
	name_is = "192.0.2.1"; /* nobody, ever (RFC 5737) */
	g = fetch((struct http_req){ .url = named("m.example", "/ok"),
	    .timeout_ms = 300 });
	assert_false(g.ok);
	name_is = "127.0.0.1";
	g = fetch((struct http_req){ .url = named("m.example", "/ok") });
	assert_status(&g, 200);
	assert_int_equal(lookups, 2);
}

static void
test_the_second_address_is_tried(void ** state)
{
	struct got g;
	int i;

	(void)state;
	/* curl knows localhost as ::1 too, where nobody listens: refused. */
	for (i = 0; i < 10; i++) {
		client(NULL);
		g = fetch((struct http_req){ .url = named("localhost", "/ok"),
		    .timeout_ms = 3000 });
		assert_status(&g, 200);
		assert_true(g.total_us < 1000000);
	}
}

/*
 * The first address swallows what comes, the second serves.  curl closes the
 * first socket without a word and the second gets its number.
 */
static void
test_a_silent_first_address(void ** state)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)fault_port(&server, "port")) };
	struct got g;
	int s, i, fds[4];

	(void)state;
	name_is = "127.0.0.77";
	name_is_too = "127.0.0.1";
	inet_pton(AF_INET, name_is, &sa.sin_addr);
	s = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(s, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(s, 0), 0);
	for (i = 0; i < 4; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(fds[i], (struct sockaddr *)&sa, sizeof(sa));
	}
	g = fetch((struct http_req){ .url = named("two.example", "/ok"),
	    .timeout_ms = 4000, .connect_timeout_ms = 1000 });
	for (i = 0; i < 4; i++)
		close(fds[i]);
	close(s);
	assert_status(&g, 200);
	assert_in_range(g.total_us, 300000, 800000);
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

#define R(f) cmocka_unit_test_setup_teardown(f, reset_hooks, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		R(test_cancel_at_every_stage), R(test_cancel_from_a_callback),
		R(test_free_with_calls_everywhere),
		R(test_start_from_a_callback), R(test_a_thousand_at_once),
		R(test_caps_and_fairness), R(test_queue_timeout),
		R(test_egress), R(test_no_proxy_from_the_environment),
		R(test_one_lookup_a_host), R(test_lookups_are_capped),
		R(test_failed_lookups), R(test_a_hanging_lookup_holds_nothing),
		R(test_a_dead_address_is_looked_up_again),
		R(test_the_second_address_is_tried),
		R(test_a_silent_first_address), R(test_libcurl_fails),
		R(test_idle_connections_are_bounded), R(test_nothing_to_do),
	};

	return (run_with_server("http_calls", tests,
	    sizeof(tests) / sizeof(tests[0])));
}
