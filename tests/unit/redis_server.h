#ifndef MOLTLER_TESTS_REDIS_SERVER_H
#define MOLTLER_TESTS_REDIS_SERVER_H

#include <sys/types.h>

/* A redis-server of the test's own, on a unix socket in a folder of its own. */
struct redis_server {
	pid_t pid;
	char dir[64];
	char sock[96];
	char url[128];
};

/** redis_server_need(): If there is no redis-server, say so in TAP and exit. */
void redis_server_need(void);

/** redis_server_init(s): Make the folder.  _fini: kill, and remove it. */
void redis_server_init(struct redis_server * s);
void redis_server_fini(struct redis_server * s);

/** redis_server_start(s, arg): Start it, with one more option line such as
 * "--requirepass x" (may be NULL); returns when it listens.
 * redis_server_kill: end it at once. */
void redis_server_start(struct redis_server * s, const char * arg);
void redis_server_kill(struct redis_server * s);

/** redis_server_cli(s, out, n, args): What redis-cli prints for a shell
 * fragment of arguments, without the last newline. */
void redis_server_cli(const struct redis_server * s, char * out, size_t n,
    const char * args);

#endif
