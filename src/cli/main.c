/* moltler: the client. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/backup_cmd.h"
#include "cli/client_http.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/manifest_cmd.h"
#include "cli/options.h"
#include "cli/prompt.h"
#include "cli/query_cmd.h"
#include "cli/screen.h"
#include "cli/secrets_cmd.h"
#include "cli/status_cmd.h"

struct connect {
	const struct options * o;
	struct screen * scr;
};

static struct client_http *
make_client(void * arg, const char * url, struct err * e)
{
	const struct connect * how = arg;
	char * token = options_token(how->o, how->scr);
	struct client_http * c = client_http_new(url, token, e);

	if (token != NULL)
		explicit_bzero(token, strlen(token));
	free(token);
	return (c);
}

static int
run(struct options * o, struct screen * scr)
{
	struct connect how = { o, scr };
	struct client_http * c;
	struct err e;
	int rc;

	if ((c = make_client(&how, o->url, &e)) == NULL) {
		screen_complain(scr, "%s", e.msg);
		return (EXIT_CODE_USAGE);
	}
	if (o->secrets != NULL)
		rc = secrets_cmd_run(c, scr, o->format, o->nsecrets,
		    o->secrets);
	else if (o->backup.file != NULL)
		rc = backup_cmd_run(c, scr, o->format, &o->backup);
	else if (o->status)
		rc = status_cmd_run(c, scr, o->format, o->watch);
	else if (o->prompt)
		rc = prompt_run(c, scr, o->format, make_client, &how);
	else
		rc = query_cmd_run(c, scr, o->format, o->src, o->nsrc);
	client_http_free(c);
	return (rc);
}

int
main(int argc, char ** argv)
{
	struct options o = { .url = getenv("MOLTLER_URL") };
	char long_help[] = "--help", long_version[] = "--version";
	struct screen scr;
	size_t i;
	int rc;

	screen_init(&scr);
	if (o.url == NULL || *o.url == '\0')
		o.url = OPTIONS_URL;
	if (interrupt_setup()) {
		screen_complain(&scr, "cannot make a pipe: %s",
		    strerror(errno));
		return (EXIT_CODE_FAILED);
	}
	if (argc > 1 && strcmp(argv[1], "help") == 0)
		argv[1] = long_help;
	if (argc == 2 && strcmp(argv[1], "version") == 0)
		argv[1] = long_version;
	if (argc > 1 && strcmp(argv[1], "manifest") == 0)
		return (manifest_cmd_run(&scr, argc - 2, argv + 2));
	options_read(&o, &scr, argc, argv);
	if (!o.status && o.secrets == NULL && o.backup.file == NULL &&
	    o.nsrc == 0) {
		o.prompt = isatty(STDIN_FILENO) && scr.out_tty;
		if (!o.prompt && isatty(STDIN_FILENO)) {
			screen_complain(&scr, "no statement: give one with "
			    "-e, as in  moltler -e \"SELECT 1\"\n\n%s",
			    options_help);
			return (EXIT_CODE_USAGE);
		}
		if (!o.prompt)
			options_add_file(&o, &scr, "-");
	}
	rc = run(&o, &scr);
	for (i = 0; i < o.nsrc; i++)
		free(o.src[i].text);
	free(o.src);
	return (rc);
}
