#ifndef MOLTLER_TESTS_FAULT_H
#define MOLTLER_TESTS_FAULT_H

/*
 * Starts tests/integration/fault_server.py for a C test.  Its stdin is ours:
 * it ends when we do, however we do.
 */

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct fault {
	pid_t pid;
	int in;
	char dir[64];
	json_t * info;
};

/** fault_start(f): 0, or -1 if python3 or openssl is missing or failed. */
static inline int
fault_start(struct fault * f)
{
	const char * src = getenv("srcdir");
	int in[2], out[2], ok;
	char path[1024];
	FILE * o;

	snprintf(f->dir, sizeof(f->dir), "/tmp/moltler-fault-XXXXXX");
	snprintf(path, sizeof(path), "%s/tests/integration/fault_server.py",
	    src != NULL ? src : ".");
	if (mkdtemp(f->dir) == NULL || pipe(in) || pipe(out))
		return (-1);
	if ((f->pid = fork()) == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		close(in[1]);
		close(out[0]);
		unsetenv("MALLOC_PERTURB_");
		execlp("python3", "python3", path, f->dir, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	f->in = in[1];
	if ((o = fdopen(out[0], "r")) == NULL)
		return (-1);
	ok = fgets(path, sizeof(path), o) != NULL &&
	    (f->info = json_loads(path, 0, NULL)) != NULL;
	fclose(o);
	return (ok ? 0 : -1);
}

static inline int
fault_port(const struct fault * f, const char * name)
{
	return ((int)json_integer_value(json_object_get(f->info, name)));
}

static inline const char *
fault_path(const struct fault * f, const char * name)
{
	return (json_string_value(json_object_get(f->info, name)));
}

static inline void
fault_stop(struct fault * f)
{
	char cmd[128];

	close(f->in);
	if (f->pid > 0) {
		kill(f->pid, SIGTERM);
		waitpid(f->pid, NULL, 0);
	}
	json_decref(f->info);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", f->dir);
	if (system(cmd) != 0)
		fprintf(stderr, "cannot remove %s\n", f->dir);
}

#endif
