#include "cli/record_cmd.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exit_code.h"
#include "cli/record.h"

#define LIMIT 5
#define ROWS 3

const char record_cmd_usage[] =
    "usage: moltler manifest record DIR --entity NAME [--where \"COLUMN = 'x'\"]\n"
    "           [--columns A,B] [--limit N|all] [--rows N|all]\n"
    "       moltler manifest record DIR --action ENTITY.ACTION --args JSON --yes\n"
    "       moltler manifest record DIR --test\n"
    "  all: [--set KEY=VALUE] ... [--option KEY=VALUE] ... [--fails]\n"
    "       [--description TEXT] [-o FILE] [--force]";

static int
usage(struct screen * scr, const char * what, const char * arg)
{
	screen_complain(scr, "%s%s%s\n%s", what, arg != NULL ? ": " : "",
	    arg != NULL ? arg : "", record_cmd_usage);
	return (EXIT_CODE_USAGE);
}

/* A number, or "all" for ${all}; -2: neither. */
static int64_t
number(const char * s, int64_t all)
{
	char * end;
	long long n;

	if (strcmp(s, "all") == 0)
		return (all);
	errno = 0;
	n = strtoll(s, &end, 10);
	return (errno != 0 || end == s || *end != '\0' || n < 1 ? -2 : n);
}

static int
one_option(struct record_opts * o, struct screen * scr, int opt)
{
	switch (opt) {
	case 'E':
		o->entity = optarg;
		break;
	case 'A':
		o->action = optarg;
		break;
	case 'a':
		o->args = optarg;
		break;
	case 't':
		o->test = 1;
		break;
	case 's':
		if (json_array_append_new(o->sets, json_string(optarg)))
			return (usage(scr, "--set is no UTF-8", NULL));
		break;
	case 'p':
		if (json_array_append_new(o->options, json_string(optarg)))
			return (usage(scr, "--option is no UTF-8", NULL));
		break;
	case 'w':
		if (json_array_append_new(o->where, json_string(optarg)))
			return (usage(scr, "--where is no UTF-8", NULL));
		break;
	case 'c':
		o->columns = optarg;
		break;
	case 'l':
		if ((o->limit = number(optarg, -1)) == -2)
			return (usage(scr, "--limit is a number, or all",
			    optarg));
		break;
	case 'r':
		if ((o->rows = number(optarg, 0)) == -2)
			return (usage(scr, "--rows is a number, or all",
			    optarg));
		break;
	case 'd':
		o->description = optarg;
		break;
	case 'o':
		o->out = optarg;
		break;
	case 'y':
		o->yes = 1;
		break;
	case 'x':
		o->fails = 1;
		break;
	case 'f':
		o->force = 1;
		break;
	}
	return (EXIT_CODE_DONE);
}

static int
fits(const struct record_opts * o, struct screen * scr)
{
	int n = (o->entity != NULL) + (o->action != NULL) + o->test;

	if (o->dir == NULL)
		return (usage(scr, "which DIR?", NULL));
	if (n != 1)
		return (usage(scr, "give one of --entity, --action and --test",
		    NULL));
	if (o->entity == NULL && (json_array_size(o->where) > 0 ||
	    o->columns != NULL))
		return (usage(scr, "--where and --columns belong to --entity",
		    NULL));
	if (o->args != NULL && o->action == NULL)
		return (usage(scr, "--args belongs to --action", NULL));
	if (o->action != NULL && !o->yes)
		return (usage(scr, "an action is carried out: say --yes if "
		    "that is meant", o->action));
	return (EXIT_CODE_DONE);
}

static int
read_words(struct record_opts * o, struct screen * scr, int n, char ** args)
{
	static const struct option longs[] = {
		{ "entity", required_argument, NULL, 'E' },
		{ "action", required_argument, NULL, 'A' },
		{ "args", required_argument, NULL, 'a' },
		{ "test", no_argument, NULL, 't' },
		{ "set", required_argument, NULL, 's' },
		{ "option", required_argument, NULL, 'p' },
		{ "where", required_argument, NULL, 'w' },
		{ "columns", required_argument, NULL, 'c' },
		{ "limit", required_argument, NULL, 'l' },
		{ "rows", required_argument, NULL, 'r' },
		{ "description", required_argument, NULL, 'd' },
		{ "yes", no_argument, NULL, 'y' },
		{ "fails", no_argument, NULL, 'x' },
		{ "force", no_argument, NULL, 'f' },
		{ NULL, 0, NULL, 0 }
	};
	int opt, rc;

	optind = 0; /* begin anew: these are the words of a command */
	opterr = 0;
	while ((opt = getopt_long(n, args, ":o:", longs, NULL)) != -1) {
		if (opt == ':' || opt == '?')
			return (usage(scr, opt == ':' ? "this option needs a "
			    "value" : "there is no such option",
			    args[optind - 1]));
		if ((rc = one_option(o, scr, opt)) != EXIT_CODE_DONE)
			return (rc);
	}
	if (optind < n)
		o->dir = args[optind++];
	if (optind < n)
		return (usage(scr, "one DIR alone", args[optind]));
	return (fits(o, scr));
}

int
record_cmd_run(struct screen * scr, int n, char ** args)
{
	struct record_opts o = { .limit = LIMIT, .rows = ROWS };
	int rc;

	o.sets = json_array();
	o.options = json_array();
	o.where = json_array();
	rc = read_words(&o, scr, n, args);
	if (rc == EXIT_CODE_DONE)
		rc = record_run(scr, &o);
	json_decref(o.sets);
	json_decref(o.options);
	json_decref(o.where);
	return (rc);
}
