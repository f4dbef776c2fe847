#include "config.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/egress.h"
#include "daemon/settings.h"
#include "manifest/types.h"
#include "net/redis.h"

enum { OPT_CHECK = 256, OPT_KEY };

/* Flags that are settings, in the order of their OPT_KEY numbers. */
static const char * const keys[] = { "data_dir", "listen", "redis",
    "connectors", "env_file", "log_format", "log_level", "unix_socket",
    "types_dir" };

static const struct option options[] = {
	{ "data-dir", required_argument, NULL, OPT_KEY },
	{ "listen", required_argument, NULL, OPT_KEY + 1 },
	{ "redis", required_argument, NULL, OPT_KEY + 2 },
	{ "connectors", required_argument, NULL, OPT_KEY + 3 },
	{ "env-file", required_argument, NULL, OPT_KEY + 4 },
	{ "log-format", required_argument, NULL, OPT_KEY + 5 },
	{ "log-level", required_argument, NULL, OPT_KEY + 6 },
	{ "unix-socket", required_argument, NULL, OPT_KEY + 7 },
	{ "types-dir", required_argument, NULL, OPT_KEY + 8 },
	{ "config", required_argument, NULL, 'c' },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void
usage(FILE * f)
{
	fputs("usage: moltlerd [-c FILE] [--data-dir DIR] [--listen ADDR:PORT]\n"
	    "                [--unix-socket PATH] [--redis URL] [--connectors DIR]\n"
	    "                [--types-dir DIR] [--env-file FILE]\n"
	    "                [--log-format json|text] [--log-level LEVEL]\n"
	    "                [--check] [-V] [-h]\n"
	    "Settings: defaults < FILE < environment (MOLTLER_*) < flags.\n"
	    "See moltlerd(8) and moltler.conf(5).\n", f);
}

/* What --check looks at beyond the settings: the types and the networks. */
static int
check_all(const struct settings * c, struct err * e)
{
	const char * dirs[2] = { c->types_dir, c->connectors };
	struct types * t = types_load(dirs, c->connectors ? 2 : 1, e);
	struct egress * g = NULL;

	if (t == NULL)
		return (settings_blame(c, c->connectors != NULL &&
		    strstr(e->msg, c->connectors) != NULL ? "connectors" :
		    "types_dir", e));
	if (c->egress_deny != NULL &&
	    (g = egress_new(c->egress_deny, e)) == NULL) {
		types_free(t);
		return (settings_blame(c, "egress_deny", e));
	}
	printf("the configuration is good; %zu type%s\n", types_count(t),
	    types_count(t) == 1 ? "" : "s");
	egress_free(g);
	types_free(t);
	return (0);
}

struct args {
	const char * file;
	const char * flags[sizeof(keys) / sizeof(keys[0])];
	int check;
};

/* -1 to go on, or the exit code. */
static int
parse_args(int argc, char ** argv, struct args * a)
{
	int ch;

	while ((ch = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
		if (ch == 'c') {
			a->file = optarg;
		} else if (ch == 'V') {
			puts("moltlerd " PACKAGE_VERSION);
			return (0);
		} else if (ch == 'h') {
			usage(stdout);
			return (0);
		} else if (ch == OPT_CHECK) {
			a->check = 1;
		} else if (ch >= OPT_KEY) {
			a->flags[ch - OPT_KEY] = optarg;
		} else {
			usage(stderr);
			return (2);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "moltlerd: unexpected argument '%s'\n",
		    argv[optind]);
		usage(stderr);
		return (2);
	}
	return (-1);
}

static int
configure(struct settings * c, const struct args * a, struct err * e)
{
	char from[32];
	size_t i;

	if (settings_init(c, e) ||
	    (a->file != NULL && settings_read_file(c, a->file, e)) ||
	    settings_read_env(c, e))
		return (-1);
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		snprintf(from, sizeof(from), "--%s", options[i].name);
		if (a->flags[i] != NULL &&
		    settings_set_from(c, from, keys[i], a->flags[i], e))
			return (-1);
	}
	if (c->redis != NULL && redis_url_check(c->redis, e))
		return (settings_blame(c, "redis", e));
	return (settings_check(c, e));
}

int
main(int argc, char ** argv)
{
	struct args a = { NULL, { NULL }, 0 };
	struct settings c;
	enum log_level level = LOG_INFO;
	struct err e;
	int rc;

	if ((rc = parse_args(argc, argv, &a)) >= 0)
		return (rc);
	rc = 2;
	if (configure(&c, &a, &e) == 0) {
		if (log_level_parse(c.log_level, &level) == 0)
			log_setup(level, strcmp(c.log_format, "text") == 0 ?
			    LOG_TEXT : LOG_JSON);
		rc = a.check ? (check_all(&c, &e) ? 2 : 0) :
		    (daemon_run(&c, &e) ? 1 : 0);
	}
	if (rc != 0)
		fprintf(stderr, "moltlerd: %s\n", e.msg);
	settings_free(&c);
	return (rc);
}
