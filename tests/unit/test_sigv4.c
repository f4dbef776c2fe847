#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conn/sigv4.h"

/* The key, region, service and time of AWS's published test vectors. */
#define KEY "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define WHEN INT64_C(1440938160000) /* 2015-08-30T12:36:00Z */
#define HOST "https://example.amazonaws.com"

static const char *
line_of(const struct buf * lines, size_t n, const char * name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strncmp(lines[i].p, name, strlen(name)) == 0)
			return (lines[i].p + strlen(name));
	return (NULL);
}

static void
sign(struct sigv4 * s, char * out, size_t size)
{
	struct buf lines[SIGV4_LINES] = { BUF_INIT(0) };
	const char * auth;
	struct err e;
	size_t n, i;

	s->access_key = KEY;
	s->secret_key = SECRET;
	s->region = "us-east-1";
	if (s->service == NULL)
		s->service = "service";
	if (s->time_ms == 0)
		s->time_ms = WHEN;
	if (s->method == NULL)
		s->method = "GET";
	assert_int_equal(sigv4_sign(s, lines, &n, &e), 0);
	auth = line_of(lines, n, "Authorization: ");
	assert_non_null(auth);
	auth = strstr(auth, "SignedHeaders=");
	assert_non_null(auth);
	snprintf(out, size, "%s", auth + strlen("SignedHeaders="));
	for (i = 0; i < SIGV4_LINES; i++)
		buf_wipe(&lines[i]);
}

static void
expect(const char * method, const char * url, const char * const * headers,
    const char * body, const char * signed_headers, const char * signature)
{
	struct sigv4 s = { .method = method, .url = url, .headers = headers,
	    .body = body, .body_len = body ? strlen(body) : 0 };
	char got[400], want[400];

	sign(&s, got, sizeof(got));
	snprintf(want, sizeof(want), "%s, Signature=%s", signed_headers,
	    signature);
	assert_string_equal(got, want);
}

/* get-vanilla, get-vanilla-query-order-key-case, -query-unreserved,
 * post-vanilla, get-relative, get-slashes and get-utf8 of the vectors. */
static void
test_vectors(void ** state)
{
	static const char vanilla[] =
	    "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";

	(void)state;
	expect("GET", HOST "/", NULL, NULL, "host;x-amz-date", vanilla);
	expect("GET", HOST, NULL, NULL, "host;x-amz-date", vanilla);
	expect("GET", HOST "/?", NULL, NULL, "host;x-amz-date", vanilla);
	expect("GET", HOST "/example/..", NULL, NULL, "host;x-amz-date",
	    vanilla);
	expect("GET", HOST "/example1/example2/../..", NULL, NULL,
	    "host;x-amz-date", vanilla);
	expect("GET", HOST "//", NULL, NULL, "host;x-amz-date", vanilla);
	expect("GET", HOST "/./", NULL, NULL, "host;x-amz-date", vanilla);
	expect("GET", HOST "/?Param2=value2&Param1=value1", NULL, NULL,
	    "host;x-amz-date",
	    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
	expect("POST", HOST "/", NULL, NULL, "host;x-amz-date",
	    "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
	expect("GET", HOST "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz", NULL, NULL, "host;x-amz-date",
	    "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
	};

	return (cmocka_run_group_tests_name("sigv4", tests, NULL, NULL));
}
