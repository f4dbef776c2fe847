#include <sys/socket.h>

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "http_hooks.h"

static pthread_mutex_t lookups_mtx = PTHREAD_MUTEX_INITIALIZER;
int lookups, lookups_now, lookups_peak, lookup_ms;
const char * name_is = "127.0.0.1", * name_is_too;
unsigned send_ms, actions;
int fail_action;

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

void
hooks_reset(void)
{
	send_ms = 0;
	lookups = lookups_now = lookups_peak = lookup_ms = 0;
	name_is = "127.0.0.1";
	name_is_too = NULL;
	fail_action = 0;
}
