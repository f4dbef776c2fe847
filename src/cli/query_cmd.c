#include "cli/query_cmd.h"

#include <stdio.h>

#include "cli/exit_code.h"
#include "cli/query_run.h"
#include "cli/split.h"

static size_t
count_statements(const struct query_cmd_source * src, size_t n)
{
	struct split_stmt s;
	const char * p, * end;
	size_t i, count = 0;
	unsigned line;

	for (i = 0; i < n; i++) {
		p = src[i].text;
		end = p + src[i].len;
		line = 1;
		while (split_next(&p, end, &line, &s))
			count++;
	}
	return (count);
}

/* Where the daemon counts lines from the statement's first, the text's are meant. */
static void
complain(struct screen * scr, size_t nth, size_t total, const char * name,
    const struct split_stmt * s, const struct err * e)
{
	unsigned line;
	int n = 0;

	if (sscanf(e->msg, "line %9u, column %n", &line, &n) == 1 && n > 0)
		screen_complain(scr, "statement %zu of %zu (%s): line %u, "
		    "column %s", nth, total, name, s->line + line - 1,
		    e->msg + n);
	else
		screen_complain(scr, "statement %zu of %zu (%s, line %u): %s",
		    nth, total, name, s->line, e->msg);
}

int
query_cmd_run(struct client_http * c, struct screen * scr,
    enum output_format f, const struct query_cmd_source * src, size_t n)
{
	const struct query_run_opts o = { .format = f };
	size_t i, nth = 0, total = count_statements(src, n);
	const char * p, * end;
	struct split_stmt s;
	struct err e;
	unsigned line;
	int rc;

	if (total == 0) {
		screen_complain(scr, "there is no statement in %s",
		    src[0].name);
		return (EXIT_CODE_USAGE);
	}
	for (i = 0; i < n; i++) {
		p = src[i].text;
		end = p + src[i].len;
		line = 1;
		while (split_next(&p, end, &line, &s)) {
			nth++;
			if (query_run(c, scr, &o, &s, &e) == 0)
				continue;
			rc = client_http_exit_code(&e);
			if (rc == EXIT_CODE_INTERRUPTED) {
				screen_end_line(scr);
				return (rc);
			}
			if (total == 1 || (nth == 1 &&
			    rc == EXIT_CODE_UNREACHABLE))
				screen_complain(scr, "%s", e.msg);
			else
				complain(scr, nth, total, src[i].name, &s, &e);
			return (rc);
		}
	}
	return (EXIT_CODE_DONE);
}
