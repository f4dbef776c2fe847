#ifndef MOLTLER_TESTS_HTTPD_FIXTURE_H
#define MOLTLER_TESTS_HTTPD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/loop.h"
#include "net/httpd.h"

/*
 * A server and its clients in one thread: clients are non-blocking sockets
 * that are read each time the loop has turned.
 */
struct cli {
	int fd;
	char * buf; /* what came, NUL-terminated; the last CLI_KEEP bytes */
	size_t len;
	size_t total; /* bytes that came */
	int eof; /* 1: closed, 2: reset */
	int hold; /* do not read */
};
#define CLI_KEEP ((size_t)1 << 20)

extern struct loop * L;
extern struct httpd * S;
extern struct httpd_opts opts;
extern int port;
/* What the handler saw. */
extern struct httpd_req * held[8];
extern unsigned nheld, nleft, ndrained;

int fixture_setup(void ** state);
int fixture_teardown(void ** state);
/** Start the server with ${opts} on a free port. */
void serve(void);
void on_request(void * arg, struct httpd_req * q);
void on_left(void * arg);
int64_t now_ms(void);
/** One turn of the loop, then read all clients. */
void turn(void);
struct cli * dial(void);
struct cli * dial_unix(const char * path);
struct cli * adopt_fd(int fd);
void say(struct cli * c, const char * s);
void say_n(struct cli * c, const char * s, size_t n);
/** Forget what came so far. */
void forget(struct cli * c);
void hang_up(struct cli * c);
/** How many times ${what} is in what ${c} got. */
int count(const struct cli * c, const char * what);
/** Resident memory in KiB. */
long rss_kib(void);

#define UNTIL(ms, cond) do { \
	int64_t end_ = now_ms() + (ms); \
	while (!(cond)) { \
		if (now_ms() >= end_) \
			fail_msg("not within %d ms: %s", (int)(ms), #cond); \
		turn(); \
	} \
} while (0)
#define GOT(c, s) UNTIL(3000, strstr((c)->buf, (s)) != NULL)
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

#endif
