/* Where the HTTP client goes: egress, proxies, name lookups and addresses. */

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../fair.h"
#include "http_fixture.h"
#include "http_hooks.h"

static int
with_hooks(void ** state)
{
	hooks_reset();
	return (setup(state));
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
	t0 = fair_us();
	run_until(&g.calls, 1);
	assert_failed(&g, ERR_TRANSIENT, "connect_timeout");
	assert_non_null(strstr(g.e.msg, "looking the name up"));
	c = start(&k, named("slow.example", "/ok"));
	run_for_ms(50);
	http_cancel(c);
	start(&k, named("slow.example", "/ok"));
	run_for_ms(50);
	client(NULL);
	assert_true(fair_us() - t0 < 1000000);
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

#define R(f) cmocka_unit_test_setup_teardown(f, with_hooks, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		R(test_egress),
		R(test_no_proxy_from_the_environment),
		R(test_one_lookup_a_host),
		R(test_lookups_are_capped),
		R(test_failed_lookups),
		R(test_a_hanging_lookup_holds_nothing),
		R(test_a_dead_address_is_looked_up_again),
		R(test_the_second_address_is_tried),
		R(test_a_silent_first_address),
	};

	return (run_with_server("http_names", tests,
	    sizeof(tests) / sizeof(tests[0])));
}
