#include "daemon/daemon_ground.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files the process needs besides connections: databases, logs, epoll. */
#define FILES_RESERVE 512
/* Connections kept to services between runs: more than that many endpoints
 * connect anew each time. */
#define MAX_IDLE 20000U

/* A file's one line, or a new one put there: who we are, across restarts. */
int
daemon_node_id(const char * dir, char node[UUID_STR_LEN], struct err * e)
{
	char path[1024];
	uuid_t u;
	FILE * f;
	int is_empty = 0;
	size_t n;

	snprintf(path, sizeof(path), "%s/node_id", dir);
	if ((f = fopen(path, "re")) != NULL) {
		n = fread(node, 1, UUID_STR_LEN - 1, f);
		fclose(f);
		node[n] = '\0';
		if (uuid_parse(node, u) == 0)
			return (0);
		/* Empty: the machine failed before it was on the disk. */
		if (n > 0)
			return (err_set(e, ERR_CONFIG, "data_dir", "%s holds "
			    "no uuid; remove it and a new one is made", path));
		is_empty = 1;
	}
	uuid_generate_random(u);
	uuid_unparse_lower(u, node);
	if ((f = fopen(path, is_empty ? "we" : "wxe")) == NULL ||
	    fputs(node, f) < 0 || fflush(f) != 0 ||
	    fsync(fileno(f)) != 0 || fclose(f) != 0)
		return (err_set(e, ERR_CONFIG, "data_dir",
		    "cannot write %s: %s", path, strerror(errno)));
	return (0);
}

int
daemon_data_dir(const char * path, struct err * e)
{
	struct stat st;
	char parent[1024];
	char * slash;
	int why;

	/* And the folder above it: ~/.local/share need not be there yet. */
	snprintf(parent, sizeof(parent), "%s", path);
	for (slash = strchr(parent + 1, '/'); slash != NULL;
	    slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(parent, 0700) && errno != EEXIST)
			break;
		*slash = '/';
	}
	if (mkdir(path, 0700) == 0)
		return (0);
	why = errno;
	if (why == EEXIST && stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		why = ENOTDIR;
	else if (why == EEXIST)
		why = access(path, W_OK | X_OK) == 0 ? 0 : errno;
	if (why == 0)
		return (0);
	return (err_set(e, ERR_CONFIG, "data_dir", "cannot use the data "
	    "directory %s: %s; give another with --data-dir", path,
	    strerror(why)));
}

/* As many files as the connections we allow need, or a refusal now rather
 * than failing accepts later.  What is left over goes to ${*spare}. */
int
daemon_files(const struct settings * c, unsigned * spare, struct err * e)
{
	rlim_t want = (rlim_t)(c->max_connections + 2 * c->max_requests +
	    FILES_RESERVE);
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
		getrlimit(RLIMIT_NOFILE, &rl);
		if (rl.rlim_cur >= want) {
			*spare = rl.rlim_cur - want > MAX_IDLE ? MAX_IDLE :
			    (unsigned)(rl.rlim_cur - want) + 64;
			return (0);
		}
	}
	return (err_set(e, ERR_CONFIG, "nofile", "max_connections and "
	    "max_requests need %llu open files, the limit is %llu; raise it "
	    "(ulimit -n, LimitNOFILE=) or lower them",
	    (unsigned long long)want, (unsigned long long)rl.rlim_cur));
}

size_t
daemon_words(char * s, const char ** out, size_t max)
{
	char * save = NULL, * p;
	size_t n = 0;

	for (p = strtok_r(s, ", \t", &save); p != NULL && n + 1 < max;
	    p = strtok_r(NULL, ", \t", &save))
		out[n++] = p;
	out[n] = NULL;
	return (n);
}
