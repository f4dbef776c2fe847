/* What the words of the command line ask for. */
#include "config.h"

#include "cli/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "cli/backup_cmd.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/query_cmd.h"
#include "cli/screen.h"
#include "cli/secrets_cmd.h"

#define TEXT_MAX ((size_t)64 << 20)
#define TOKEN_MAX 8192

const char options_help[] =
    "usage: moltler [-e SQL] ... [-f FILE] ... [options]\n"
    "       moltler status [--watch] [options]\n"
    "       moltler secrets set NAME [VALUE] | list | rm NAME [options]\n"
    "       moltler backup FILE [--force] [options]\n"
    "       moltler restore FILE [--force] [--here] [--keep-cursors] [options]\n"
    "       moltler manifest new NAME [--dir DIR] [--url URL]\n"
    "       moltler manifest check FILE ... | test DIR ...\n"
    "       moltler manifest record DIR --entity NAME | --action NAME | --test ...\n"
    "\n"
    "  -e SQL               run these statements (may be repeated)\n"
    "  -f FILE              run the statements in FILE; - is standard input\n"
    "  --format FORMAT      table, json, ndjson or csv (table on a terminal,\n"
    "                       ndjson elsewhere)\n"
    "  --url URL            the daemon: http://HOST:PORT, https://HOST:PORT or\n"
    "                       unix:///PATH (MOLTLER_URL, else " OPTIONS_URL ")\n"
    "  --token-file FILE    the token is FILE's first line (else MOLTLER_TOKEN)\n"
    "  --watch              with status: again every 2 seconds\n"
    "  --force              with backup: replace FILE; with restore: replace what\n"
    "                       has the same name\n"
    "  --here               with restore: what belongs to a node that is not there\n"
    "                       belongs to this one\n"
    "  --keep-cursors       with restore: the SQLite targets were moved here too\n"
    "  --dir DIR            with manifest new: where the type's folder goes\n"
    "  -h, --help           show this\n"
    "  -V, --version        show the version\n"
    "\n"
    "What manifest record asks a service for, and keeps as a fixture:\n"
    "  --entity NAME        a listing, with --where \"COLUMN = 'x'\" (as often as\n"
    "                       wanted), --columns A,B, --limit N (5) or all, --rows N\n"
    "                       (3: records a page) or all\n"
    "  --action NAME        ENTITY.ACTION, with --args JSON; it is carried out, so\n"
    "                       --yes has to be said\n"
    "  --test               the connection's test\n"
    "  --set KEY=VALUE      of the config; a secret is $env:NAME\n"
    "  --option KEY=VALUE   of the options\n"
    "  --fails              it is an error that is wanted\n"
    "  --description TEXT   what the fixture shows\n"
    "  -o FILE              else DIR/fixtures/NAME.json; --force replaces it\n"
    "\n"
    "Without -e and -f the statements come from standard input; on a terminal\n"
    "there is a prompt, with history, completion by TAB and \\? for help.\n";

static void
usage_error(struct screen * scr, const char * what, const char * arg)
{
	screen_complain(scr, "%s%s%s%s (moltler --help tells more)", what,
	    arg != NULL ? " \"" : "", arg != NULL ? arg : "",
	    arg != NULL ? "\"" : "");
	exit(EXIT_CODE_USAGE);
}

static void
out_of_memory(struct screen * scr)
{
	screen_complain(scr, "out of memory");
	exit(EXIT_CODE_FAILED);
}

/* Read all of a file; -1 with errno, EFBIG past ${b}->max. */
static int
slurp(FILE * f, struct buf * b)
{
	char piece[16384];
	size_t n;

	while ((n = fread(piece, 1, sizeof(piece), f)) > 0) {
		if (buf_add(b, piece, n)) {
			errno = EFBIG;
			return (-1);
		}
	}
	return (ferror(f) ? -1 : 0);
}

static void
add_source(struct options * o, struct screen * scr, const char * name,
    char * text, size_t len)
{
	struct query_cmd_source * p;

	p = realloc(o->src, (o->nsrc + 1) * sizeof(*p));
	if (p == NULL || text == NULL)
		out_of_memory(scr);
	o->src = p;
	o->src[o->nsrc].name = name;
	o->src[o->nsrc].text = text;
	o->src[o->nsrc++].len = len;
}

void
options_add_file(struct options * o, struct screen * scr, const char * name)
{
	int is_stdin = strcmp(name, "-") == 0;
	FILE * f = is_stdin ? stdin : fopen(name, "re");
	struct buf b = BUF_INIT(TEXT_MAX);

	if (is_stdin)
		name = "standard input";
	buf_adds(&b, "");
	if (f == NULL || slurp(f, &b)) {
		if (interrupt_seen())
			exit(EXIT_CODE_INTERRUPTED);
		screen_complain(scr, "cannot read %s: %s", name,
		    strerror(errno));
		exit(EXIT_CODE_USAGE);
	}
	if (!is_stdin)
		fclose(f);
	add_source(o, scr, name, b.p, b.len);
}

enum { OPT_FORMAT = 256, OPT_URL, OPT_TOKEN_FILE, OPT_WATCH, OPT_FORCE,
    OPT_HERE, OPT_KEEP_CURSORS };

static void
one_option(struct options * o, struct screen * scr, int opt)
{
	switch (opt) {
	case 'e':
		add_source(o, scr, "-e", strdup(optarg), strlen(optarg));
		break;
	case 'f':
		options_add_file(o, scr, optarg);
		break;
	case OPT_FORMAT:
		if (output_format_parse(optarg, &o->format))
			usage_error(scr, "--format is table, json, ndjson or "
			    "csv, not", optarg);
		o->format_given = 1;
		break;
	case OPT_URL:
		o->url = optarg;
		break;
	case OPT_TOKEN_FILE:
		o->token_file = optarg;
		break;
	case OPT_WATCH:
		o->watch = 1;
		break;
	case OPT_FORCE:
		o->backup.force = 1;
		break;
	case OPT_HERE:
		o->backup.here = 1;
		break;
	case OPT_KEEP_CURSORS:
		o->backup.keep_cursors = 1;
		break;
	case 'h':
		fputs(options_help, stdout);
		exit(fflush(stdout) ? EXIT_CODE_FAILED : EXIT_CODE_DONE);
	case 'V':
		puts("moltler " PACKAGE_VERSION);
		exit(fflush(stdout) ? EXIT_CODE_FAILED : EXIT_CODE_DONE);
	}
}

/* The words after "secrets". */
static void
read_secrets(struct options * o, struct screen * scr, int n, char ** args)
{
	const char * wrong = secrets_cmd_usage(n, args);

	if (wrong != NULL)
		usage_error(scr, wrong, NULL);
	if (o->nsrc > 0 || o->watch)
		usage_error(scr, "secrets takes no statement and no --watch",
		    NULL);
	if (o->format_given && o->format != OUTPUT_JSON &&
	    o->format != OUTPUT_TABLE)
		usage_error(scr, "secrets list has the formats table and json",
		    NULL);
	if (!o->format_given)
		o->format = OUTPUT_TABLE;
	o->secrets = args;
	o->nsecrets = n;
}

/* The words after "backup" or "restore". */
static void
read_backup(struct options * o, struct screen * scr, int n, char ** args)
{
	struct backup_cmd * b = &o->backup;

	b->restore = strcmp(args[-1], "restore") == 0;
	if (n != 1)
		usage_error(scr, b->restore ? "it is: restore FILE" :
		    "it is: backup FILE", NULL);
	if (o->nsrc > 0 || o->watch)
		usage_error(scr, "backup and restore take no statement and no "
		    "--watch", NULL);
	if (!b->restore && (b->here || b->keep_cursors))
		usage_error(scr, "--here and --keep-cursors belong to restore",
		    NULL);
	if (o->format_given && ((o->format != OUTPUT_TABLE &&
	    o->format != OUTPUT_JSON) || !b->restore))
		usage_error(scr, b->restore ? "restore has the formats table "
		    "and json" : "a backup has one format", NULL);
	if (!o->format_given)
		o->format = OUTPUT_TABLE;
	b->file = args[0];
}

__attribute__((noreturn)) static void
not_there(struct screen * scr, const char * what, const char * said,
    const char * near, const char * dashes)
{
	screen_complain(scr, "%s \"%s\"%s%s%s%s (moltler --help tells more)",
	    what, said, near ? " (did you mean " : "", near ? dashes : "",
	    near ? near : "", near ? "?)" : "");
	exit(EXIT_CODE_USAGE);
}

/* An option that is none, or has no value. */
static void
no_option(struct screen * scr, const struct option * longs, int opt,
    const char * said)
{
	const char * names[16] = { NULL }, * near = NULL;
	size_t n;

	for (n = 0; n < 16 && longs[n].name != NULL; n++)
		names[n] = longs[n].name;
	if (opt == '?' && strncmp(said, "--", 2) == 0)
		near = json_nearest(said + 2, names, n);
	not_there(scr, opt == ':' ? "a value is missing behind" :
	    "there is no option", said, near, "--");
}

/* A word that is no command. */
static void
no_command(struct screen * scr, const char * said)
{
	static const char * const names[] = { "status", "secrets", "backup",
	    "restore", "manifest", "help", "version" };

	not_there(scr, "SQL is given with -e; there is no command", said,
	    json_nearest(said, names, 7), "");
}

void
options_read(struct options * o, struct screen * scr, int argc, char ** argv)
{
	static const struct option longs[] = {
		{ "format", required_argument, NULL, OPT_FORMAT },
		{ "url", required_argument, NULL, OPT_URL },
		{ "token-file", required_argument, NULL, OPT_TOKEN_FILE },
		{ "watch", no_argument, NULL, OPT_WATCH },
		{ "force", no_argument, NULL, OPT_FORCE },
		{ "here", no_argument, NULL, OPT_HERE },
		{ "keep-cursors", no_argument, NULL, OPT_KEEP_CURSORS },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 }
	};
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":e:f:hV", longs, NULL)) != -1)
		if (opt == ':' || opt == '?')
			no_option(scr, longs, opt, argv[optind - 1]);
		else
			one_option(o, scr, opt);
	if (optind < argc && strcmp(argv[optind], "status") == 0) {
		o->status = 1;
		optind++;
	}
	if (optind < argc && (strcmp(argv[optind], "backup") == 0 ||
	    strcmp(argv[optind], "restore") == 0)) {
		read_backup(o, scr, argc - optind - 1, argv + optind + 1);
		return;
	}
	if (o->backup.force || o->backup.here || o->backup.keep_cursors)
		usage_error(scr, "--force, --here and --keep-cursors belong to "
		    "backup and restore", NULL);
	if (optind < argc && strcmp(argv[optind], "secrets") == 0) {
		read_secrets(o, scr, argc - optind - 1, argv + optind + 1);
		return;
	}
	if (optind < argc && strcmp(argv[optind], "manifest") == 0)
		usage_error(scr, "options have no meaning before", "manifest");
	if (optind < argc && o->status)
		usage_error(scr, "status takes no", argv[optind]);
	if (optind < argc)
		no_command(scr, argv[optind]);
	if (o->watch && !o->status)
		usage_error(scr, "--watch belongs to status", NULL);
	if (o->status && o->nsrc > 0)
		usage_error(scr, "status takes no statement", NULL);
	if (o->status && o->format_given && o->format != OUTPUT_TABLE &&
	    o->format != OUTPUT_JSON)
		usage_error(scr, "status has the formats table and json", NULL);
	if (!o->format_given)
		o->format = o->status || scr->out_tty ? OUTPUT_TABLE :
		    OUTPUT_NDJSON;
}

char *
options_token(const struct options * o, struct screen * scr)
{
	struct buf b = BUF_INIT(TOKEN_MAX);
	const char * env = getenv("MOLTLER_TOKEN");
	char * token;
	FILE * f;

	if (o->token_file == NULL) {
		if (env == NULL || *env == '\0')
			return (NULL);
		if ((token = strdup(env)) == NULL)
			out_of_memory(scr);
		return (token);
	}
	buf_adds(&b, "");
	if ((f = fopen(o->token_file, "re")) == NULL || slurp(f, &b)) {
		screen_complain(scr, "cannot read the token file %s: %s",
		    o->token_file, strerror(errno));
		exit(EXIT_CODE_USAGE);
	}
	fclose(f);
	b.p[strcspn(b.p, "\r\n")] = '\0';
	if (b.p[0] == '\0')
		usage_error(scr, "there is no token in the first line of",
		    o->token_file);
	return (b.p);
}
