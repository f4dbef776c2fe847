#include "redis_server.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void
redis_server_need(void)
{
	if (system("command -v redis-server redis-cli >/dev/null") == 0)
		return;
	printf("1..0 # SKIP no redis-server on this machine\n");
	exit(77);
}

void
redis_server_init(struct redis_server * s)
{
	memset(s, 0, sizeof(*s));
	snprintf(s->dir, sizeof(s->dir), "/tmp/moltler-redis.XXXXXX");
	if (mkdtemp(s->dir) == NULL) {
		perror("mkdtemp");
		exit(99);
	}
	snprintf(s->sock, sizeof(s->sock), "%s/sock", s->dir);
	snprintf(s->url, sizeof(s->url), "unix://%s", s->sock);
}

static int
can_connect(const char * path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), rc;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	rc = connect(fd, (struct sockaddr *)&a, sizeof(a));
	close(fd);
	return (rc == 0);
}

void
redis_server_start(struct redis_server * s, const char * arg)
{
	char line[512], log[128];
	int i, fd;

	snprintf(log, sizeof(log), "%s/log", s->dir);
	snprintf(line, sizeof(line), "exec redis-server --port 0 --unixsocket "
	    "%s --save '' --appendonly no --dir %s %s", s->sock, s->dir,
	    arg ? arg : "");
	fflush(NULL);
	if ((s->pid = fork()) == 0) {
		/* Nothing is left behind, however the test ends. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if ((fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600)) >= 0) {
			dup2(fd, 1);
			dup2(fd, 2);
		}
		execl("/bin/sh", "sh", "-c", line, (char *)NULL);
		_exit(127);
	}
	for (i = 0; i < 1000; i++) {
		if (can_connect(s->sock))
			return;
		nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
	}
	fprintf(stderr, "redis-server does not start; see %s\n", log);
	exit(99);
}

void
redis_server_kill(struct redis_server * s)
{
	if (s->pid <= 0)
		return;
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
	unlink(s->sock);
}

void
redis_server_fini(struct redis_server * s)
{
	char cmd[128];

	redis_server_kill(s);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", s->dir);
	if (s->dir[0] != '\0' && system(cmd) != 0)
		fprintf(stderr, "cannot remove %s\n", s->dir);
}

void
redis_server_cli(const struct redis_server * s, char * out, size_t n,
    const char * args)
{
	char cmd[1024];
	size_t got;
	FILE * f;

	snprintf(cmd, sizeof(cmd), "redis-cli -s %s %s", s->sock, args);
	if ((f = popen(cmd, "r")) == NULL) {
		perror("popen");
		exit(99);
	}
	got = fread(out, 1, n - 1, f);
	pclose(f);
	while (got > 0 && out[got - 1] == '\n')
		got--;
	out[got] = '\0';
}
