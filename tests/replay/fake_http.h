#ifndef MOLTLER_TESTS_FAKE_HTTP_H
#define MOLTLER_TESTS_FAKE_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "net/http.h"

/*
 * net/http.h without a network: answers come from a script by URL, at times
 * the script says; what was asked is kept.  Bodies go to on_head and on_data as
 * the real client hands them over, and the real err_from_http() judges.
 */
struct fake_answer {
	int64_t delay_ms;      /* until the head or the error */
	int status;            /* 0: 200 */
	const char * ctype;    /* NULL: text/plain; version=0.0.4 */
	const char * header;   /* more, "Name: value" a line, or NULL */
	const char * body;     /* NULL: none */
	size_t pieces;         /* the body comes in so many; 0: one */
	int64_t piece_ms;      /* between them */
	const char * err_code; /* not NULL: no answer, this error */
	enum err_class err_cls;
	int never;             /* nothing ever comes */
};

/* What was asked. */
struct fake_request {
	int64_t at_ms;         /* fake_loop_ms() */
	char * url;
	char * headers;        /* lines, each with its \n */
	int ended;             /* its callback came */
	int cancelled;
};

struct http * fake_http_new(struct loop * L);
void fake_http_free(struct http * H); /* every call must be over */

/** fake_http_script(H, url, a, n): The next requests of ${url} get these
 * answers (borrowed), the last of them for ever. */
void fake_http_script(struct http * H, const char * url,
    const struct fake_answer * a, size_t n);

/** fake_http_serve(H, serve, arg): Requests of URLs without a script are answered by
 * ${serve}(arg, url, a), which may look at the last request: it fills ${a}, whose body and header are from malloc or
 * NULL and are freed. */
void fake_http_serve(struct http * H, void (*serve)(void * arg,
    const char * url, struct fake_answer * a), void * arg);

/** fake_http_requests(H, url): How many were sent (NULL: to any).
 * fake_http_request(H, url, i): One of them.  fake_http_running(H): calls. */
size_t fake_http_requests(const struct http * H, const char * url);
const struct fake_request * fake_http_request(const struct http * H,
    const char * url, size_t i);
size_t fake_http_running(const struct http * H);

#endif
