#ifndef MOLTLER_TESTS_HTTP_HOOKS_H
#define MOLTLER_TESTS_HTTP_HOOKS_H

/* Functions that stand between libcurl and libc, and between the client and
 * libcurl: they count, are slow, or fail. */

/* getaddrinfo: how often, how many at a time, how long it takes, and what it says:
 * of each name the same one or two addresses, of "nowhere" none. */
extern int lookups, lookups_now, lookups_peak, lookup_ms;
extern const char * name_is, * name_is_too;

/* send, with which curl sends: so long a pause after it, in which the answer
 * comes. */
extern unsigned send_ms;

/* curl_multi_socket_action: its calls; the how manieth fails (0: none). */
extern unsigned actions;
extern int fail_action;

/** hooks_reset(void): As if they were not there. */
void hooks_reset(void);

#endif
