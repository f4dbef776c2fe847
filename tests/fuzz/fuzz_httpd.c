/*
 * Raw bytes from a client, over a unix socket: no input may crash the server,
 * end the process, leak, or leave a connection behind.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "loop/loop.h"
#include "net/httpd.h"
#include "fuzz.h"

static struct loop * L;
static struct httpd * S;
static struct sockaddr_un sun = { .sun_family = AF_UNIX };

static void
streamed(void * arg)
{
	httpd_stream_end(arg, 0);
}

static void
on_request(void * arg, struct httpd_req * q)
{
	const char * k = httpd_req_query(q, "k");
	size_t n;

	(void)arg;
	(void)httpd_req_body(q, &n);
	if (httpd_req_path(q)[1] == 's') {
		httpd_stream_start(q, 200, "text/plain");
		httpd_stream_write(q, "chunk", 5, streamed, q);
	} else if (k != NULL)
		httpd_error(q, 404, "none", "no %s at %s", k,
		    httpd_req_path(q));
	else
		httpd_reply(q, 200, NULL, "{}", 2);
}

static void
stop(void)
{
	httpd_free(S);
	loop_turn(L, 0);
	loop_free(L);
}

static void
start(void)
{
	struct httpd_opts opts = { .max_headers = 2048, .max_body = 4096 };
	struct err e;

	signal(SIGPIPE, SIG_IGN);
	log_setup(LOG_ERROR, LOG_TEXT);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "/tmp/fuzz-httpd-%d",
	    (int)getpid());
	if ((L = loop_new(&e)) == NULL ||
	    (S = httpd_new(L, &opts, on_request, NULL, &e)) == NULL ||
	    httpd_listen_unix(S, sun.sun_path, 0600, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		abort();
	}
	atexit(stop);
}

int
LLVMFuzzerTestOneInput(const uint8_t * data, size_t size)
{
	static char sink[65536];
	struct httpd_stats st;
	size_t half = size / 2;
	int fd, i;

	if (S == NULL)
		start();
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)))
		abort();
	/* In two pieces, so that parsing stops and goes on. */
	for (i = 0; i < 2; i++) {
		(void)send(fd, data + (i ? half : 0),
		    i ? size - half : half, MSG_DONTWAIT | MSG_NOSIGNAL);
		loop_turn(L, 0);
		loop_turn(L, 0);
		while (recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
			loop_turn(L, 0);
	}
	close(fd);
	for (i = 0; i < 1000; i++) {
		httpd_stats_get(S, &st);
		if (st.conns == 0)
			return (0);
		loop_turn(L, 1);
	}
	abort();
}
