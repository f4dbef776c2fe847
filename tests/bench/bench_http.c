/*
 * CPU a fetch: the HTTP client beside bare sockets, the same page from the same
 * servers, in turns.
 *
 * bench_http [-n fetches a round] [-c concurrency] [-m targets] [-r rounds]
 *            [-b page bytes] [-p port] [-k: keep the body, no on_data]
 *
 * nginx serves a page of -b bytes on 127.0.0.2 and the addresses after it, one
 * a target, over kept connections.  Printed is the CPU (user, system) of this
 * process a fetch, for each round, the medians, and what a connection costs.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/loop.h"
#include "net/http.h"

static int n_fetches = 20000, conc = 64, targets = 1000, rounds = 5;
static int page = 57000, port = 18080, use_data = 1;
static char dir[] = "/tmp/moltler-bench-XXXXXX";
static struct loop * L;
static struct http * H;
static int started, done, failed;
static size_t bytes;
static int64_t slowest_us;

static void
die(const char * what)
{
	fprintf(stderr, "bench_http: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct in_addr
target_addr(int i)
{
	struct in_addr a;

	a.s_addr = htonl((uint32_t)(0x7f000002 + i));
	return (a);
}

static double
cpu_us(double * user, double * sys)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	*user = (double)ru.ru_utime.tv_sec * 1e6 + (double)ru.ru_utime.tv_usec;
	*sys = (double)ru.ru_stime.tv_sec * 1e6 + (double)ru.ru_stime.tv_usec;
	return (*user + *sys);
}

static pid_t
start_nginx(void)
{
	char path[128];
	pid_t pid;
	FILE * f;
	int i;

	if (mkdtemp(dir) == NULL || chmod(dir, 0755))
		die("mkdtemp");
	snprintf(path, sizeof(path), "%s/page.txt", dir);
	if ((f = fopen(path, "w")) == NULL)
		die(path);
	for (i = 0; i < page; i++)
		fputc(i % 64 == 63 ? '\n' : 'a' + i % 26, f);
	fclose(f);
	snprintf(path, sizeof(path), "%s/nginx.conf", dir);
	if ((f = fopen(path, "w")) == NULL)
		die(path);
	fprintf(f, "daemon off; worker_processes 1; pid %s/pid; "
	    "error_log %s/error.log; worker_rlimit_nofile 65536;\n"
	    "events { worker_connections 30000; }\n"
	    "http { access_log off; keepalive_requests 100000000; "
	    "keepalive_timeout 1h; sendfile on; tcp_nopush on;\n"
	    "server { listen *:%d backlog=4096 reuseport; root %s; } }\n", dir,
	    dir, port, dir);
	fclose(f);
	if ((pid = fork()) == 0) {
		execlp("nginx", "nginx", "-p", dir, "-c", path, (char *)NULL);
		_exit(127);
	}
	return (pid);
}

static int
connect_to(int i)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port), .sin_addr = target_addr(i) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa))) {
		if (fd >= 0)
			close(fd);
		return (-1);
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return (fd);
}

/* Bare sockets on the same loop: the least a client can do. */
struct raw {
	struct loop_io * io;
	int fd;
	size_t want, have;
};
static struct raw * raws;
static char * raw_buf;

static void raw_next(void);

static void
raw_send(int i)
{
	char req[256], a[INET_ADDRSTRLEN];
	struct in_addr ip = target_addr(i);
	int n;

	inet_ntop(AF_INET, &ip, a, sizeof(a));
	n = snprintf(req, sizeof(req), "GET /page.txt HTTP/1.1\r\nHost: %s:%d\r\n"
	    "User-Agent: bench\r\nAccept: */*\r\n\r\n", a, port);
	raws[i].want = raws[i].have = 0;
	if (send(raws[i].fd, req, (size_t)n, MSG_NOSIGNAL) != n)
		die("send");
}

static void
on_raw(void * arg, int fd, int events)
{
	struct raw * r = arg;
	const char * p, * l;
	ssize_t n;

	(void)events;
	n = recv(fd, raw_buf, 131072, 0);
	if (n <= 0) {
		if (n < 0 && errno == EAGAIN)
			return;
		die("recv");
	}
	if (r->want == 0) {
		raw_buf[n] = '\0';
		p = strstr(raw_buf, "\r\n\r\n");
		l = strstr(raw_buf, "Content-Length: ");
		if (p == NULL || l == NULL)
			die("answer");
		r->want = (size_t)(p + 4 - raw_buf) + strtoul(l + 16, NULL, 10);
	}
	r->have += (size_t)n;
	if (r->have >= r->want) {
		bytes += r->have;
		done++;
		raw_next();
	}
}

static void
raw_next(void)
{
	if (started < n_fetches)
		raw_send(started++ % targets);
}

static void http_next(void);

static void
on_http(void * arg, const struct http_res * res, const struct err * e)
{
	(void)arg;
	done++;
	if (e != NULL) {
		if (failed++ == 0)
			fprintf(stderr, "%s\n", e->msg);
	} else {
		bytes += res->bytes;
		if (res->total_us > slowest_us)
			slowest_us = res->total_us;
	}
	http_next();
}

static int
on_bytes(void * arg, const char * p, size_t n)
{
	(void)arg;
	(void)p;
	(void)n;
	return (0);
}

static void
http_next(void)
{
	char url[64], a[INET_ADDRSTRLEN];
	struct http_req r = { .url = url, .no_compress = 1 };
	struct in_addr ip;

	if (started >= n_fetches)
		return;
	if (use_data)
		r.on_data = on_bytes;
	ip = target_addr(started++ % targets);
	inet_ntop(AF_INET, &ip, a, sizeof(a));
	snprintf(url, sizeof(url), "http://%s:%d/page.txt", a, port);
	if (http_start(H, &r, on_http, NULL) == NULL)
		die("http_start");
}

static double
round_of(void (*next)(void), const char * name)
{
	double u0, s0, u1, s1, t0, t1;
	int64_t w0 = clock_mono_us();
	int i;

	started = done = 0;
	bytes = 0;
	t0 = cpu_us(&u0, &s0);
	for (i = 0; i < conc; i++)
		next();
	while (done < n_fetches)
		if (loop_turn(L, 1))
			die("loop");
	t1 = cpu_us(&u1, &s1);
	printf("%-5s %7.2f us a fetch (user %6.2f, system %6.2f), %6.0f/s\n",
	    name, (t1 - t0) / n_fetches, (u1 - u0) / n_fetches,
	    (s1 - s0) / n_fetches, (double)n_fetches * 1e6 /
	    (double)(clock_mono_us() - w0));
	return ((t1 - t0) / n_fetches);
}

static int
by_value(const void * a, const void * b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x < y ? -1 : x > y);
}

static void
bench(void)
{
	double a[64], b[64], ratio[64];
	struct mallinfo2 before, after;
	struct http_opts o = { .max_total = (unsigned)conc + 1,
	    .max_idle = (unsigned)targets * 2 };
	struct http_stats st, st0;
	struct loop_lag lag, bare_lag;
	struct err e;
	int i, save = n_fetches;

	raws = calloc((size_t)targets, sizeof(*raws));
	raw_buf = malloc(131073);
	if (raws == NULL || raw_buf == NULL)
		die("malloc");
	for (i = 0; i < targets; i++) {
		if ((raws[i].fd = connect_to(i)) < 0)
			die("connect");
		raws[i].io = loop_io_new(L, raws[i].fd, LOOP_PRIO_LOW, on_raw,
		    &raws[i]);
		if (raws[i].io == NULL || loop_io_set(raws[i].io, LOOP_READ))
			die("loop_io");
	}
	before = mallinfo2();
	if ((H = http_new(L, &o, &e)) == NULL)
		die(e.msg);
	n_fetches = targets;
	round_of(http_next, "first");
	round_of(http_next, "again");
	after = mallinfo2();
	printf("      %.0f bytes of heap a kept connection, client and all\n",
	    ((double)after.uordblks + (double)after.hblkhd -
	    (double)before.uordblks - (double)before.hblkhd) / targets);
	n_fetches = save;
	loop_lag_reset(L);
	for (i = 0; i < rounds && i < 64; i++) {
		loop_lag_reset(L);
		b[i] = round_of(raw_next, "bare");
		loop_lag_get(L, &bare_lag);
		loop_lag_reset(L);
		slowest_us = 0;
		http_stats_get(H, &st0);
		a[i] = round_of(http_next, "http");
		loop_lag_get(L, &lag);
		ratio[i] = a[i] / b[i];
		http_stats_get(H, &st);
		printf("      ratio %.2f, loop lag p99 %lld us, max %lld us (bare "
		    "%lld, %lld); slowest fetch %lld us, %llu on new "
		    "connections\n", ratio[i], (long long)lag.p99_us,
		    (long long)lag.max_us, (long long)bare_lag.p99_us,
		    (long long)bare_lag.max_us,
		    (long long)slowest_us, (unsigned long long)(n_fetches -
		    (int)(st.reused_conns - st0.reused_conns)));
	}
	qsort(a, (size_t)i, sizeof(a[0]), by_value);
	qsort(b, (size_t)i, sizeof(b[0]), by_value);
	qsort(ratio, (size_t)i, sizeof(ratio[0]), by_value);
	printf("median: bare %.2f, http %.2f us a fetch, ratio %.2f "
	    "(%.2f to %.2f), %d failed\n", b[i / 2], a[i / 2], ratio[i / 2],
	    ratio[0], ratio[i - 1], failed);
	http_free(H);
	for (i = 0; i < targets; i++) {
		loop_io_free(raws[i].io);
		close(raws[i].fd);
	}
	free(raws);
	free(raw_buf);
}

int
main(int argc, char ** argv)
{
	struct rlimit rl;
	char cmd[128];
	struct err e;
	pid_t pid;
	int c, i, fd = -1;

	while ((c = getopt(argc, argv, "n:c:m:r:b:p:k")) != -1) {
		switch (c) {
		case 'n': n_fetches = atoi(optarg); break;
		case 'c': conc = atoi(optarg); break;
		case 'm': targets = atoi(optarg); break;
		case 'r': rounds = atoi(optarg); break;
		case 'b': page = atoi(optarg); break;
		case 'p': port = atoi(optarg); break;
		case 'k': use_data = 0; break;
		default:
			fprintf(stderr, "usage: bench_http [-n fetches] "
			    "[-c concurrency] [-m targets] [-r rounds] "
			    "[-b bytes] [-p port] [-k]\n");
			return (2);
		}
	}
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	pid = start_nginx();
	for (i = 0; i < 100 && (fd = connect_to(0)) < 0; i++)
		usleep(50000);
	if (fd < 0)
		die("nginx");
	close(fd);
	if ((L = loop_new(&e)) == NULL)
		die(e.msg);
	bench();
	loop_free(L);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return (system(cmd) != 0 || failed != 0);
}
