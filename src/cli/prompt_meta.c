#include "config.h"

#include "cli/prompt_meta.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/interrupt.h"

#define FILE_TEXT_MAX ((size_t)64 << 20)

/* The commands, one a function; ${arg} is what stands behind, maybe "". */

static void
say(const char * what, const char * value)
{
	printf("%s is %s.\n", what, value);
}

/* "on", "off", or nothing: the other one.  -1 after a complaint. */
static int
on_off(struct prompt * p, const char * arg, int now)
{
	if (*arg == '\0')
		return (!now);
	if (strcasecmp(arg, "on") == 0)
		return (1);
	if (strcasecmp(arg, "off") == 0)
		return (0);
	screen_complain(p->scr, "\"%s\" is neither on nor off", arg);
	return (-1);
}

static void
run_text(struct prompt * p, const char * sql)
{
	const struct split_stmt s = { .p = sql, .len = strlen(sql), .line = 1 };

	(void)prompt_statement(p, &s);
}

static void
do_quit(struct prompt * p, const char * arg)
{
	(void)arg;
	p->over = 1;
}

static void
do_connect(struct prompt * p, const char * arg)
{
	struct client_http * c, * old = p->c;
	struct err e;

	if (*arg == '\0') {
		if (prompt_greet(p, &e))
			screen_complain(p->scr, "%s", e.msg);
		return;
	}
	if ((c = p->connect(p->arg, arg, &e)) == NULL) {
		screen_complain(p->scr, "%s", e.msg);
		return;
	}
	p->c = c;
	if (prompt_greet(p, &e)) {
		screen_complain(p->scr, "%s\nThe connection stays that to %s.",
		    e.msg, client_http_url(old));
		p->c = old;
		client_http_free(c);
		return;
	}
	prompt_names_client(p->names, c);
	client_http_free(p->made);
	p->made = c;
	p->lost = 0;
}

static void
do_describe(struct prompt * p, const char * arg)
{
	struct buf sql = BUF_INIT(4096);

	if (*arg == '\0') {
		run_text(p, "SHOW CONNECTORS");
		return;
	}
	buf_addf(&sql, "DESCRIBE %s", arg);
	if (!sql.failed)
		run_text(p, sql.p);
	buf_free(&sql);
}

static void
do_types(struct prompt * p, const char * arg)
{
	(void)arg;
	run_text(p, "SHOW TYPES");
}

static void
do_actions(struct prompt * p, const char * arg)
{
	(void)arg;
	run_text(p, "SHOW ACTIONS LIMIT 20");
}

static void
do_syncs(struct prompt * p, const char * arg)
{
	(void)arg;
	run_text(p, "SHOW SYNCS");
}

static void
do_expanded(struct prompt * p, const char * arg)
{
	int on;

	if (strcasecmp(arg, "auto") == 0) {
		p->run.shape = TABLE_WHOLE;
		puts("One column a line where a table would be cut.");
		return;
	}
	if ((on = on_off(p, arg, p->run.shape == TABLE_BLOCKS)) < 0)
		return;
	p->run.shape = on ? TABLE_BLOCKS : TABLE_CUT;
	say("One column a line", on ? "on" : "off");
}

static void
do_timing(struct prompt * p, const char * arg)
{
	int on = on_off(p, arg, p->timing);

	if (on < 0)
		return;
	p->timing = on;
	say("Timing", on ? "on" : "off");
}

static void
do_pager(struct prompt * p, const char * arg)
{
	int on = on_off(p, arg, p->run.pager != NULL);

	if (on < 0)
		return;
	if (p->pager == NULL || *p->pager == '\0')
		p->pager = "less";
	p->run.pager = on ? p->pager : NULL;
	say("The pager", on ? p->pager : "off");
}

static void
do_format(struct prompt * p, const char * arg)
{
	static const char * const names[] = { "table", "json", "ndjson", "csv" };

	if (*arg != '\0' && output_format_parse(arg, &p->run.format)) {
		screen_complain(p->scr, "the formats are table, json, ndjson "
		    "and csv; \"%s\" is none", arg);
		return;
	}
	say("The format", names[p->run.format]);
}

/* A file's text, or -1 after a complaint. */
static int
read_file(struct prompt * p, const char * name, struct buf * b)
{
	FILE * f = fopen(name, "re");
	char piece[16384];
	size_t n;
	int bad;

	buf_adds(b, "");
	while (f != NULL && (n = fread(piece, 1, sizeof(piece), f)) > 0)
		if (buf_add(b, piece, n)) {
			errno = EFBIG;
			break;
		}
	bad = f == NULL || ferror(f) || b->failed;
	if (bad)
		screen_complain(p->scr, "cannot read %s: %s", name,
		    strerror(errno));
	if (f != NULL)
		fclose(f);
	return (bad ? -1 : 0);
}

static void
do_include(struct prompt * p, const char * arg)
{
	struct buf b = BUF_INIT(FILE_TEXT_MAX);
	const char * at, * end;
	struct split_stmt s;
	unsigned line = 1;

	if (*arg == '\0') {
		screen_complain(p->scr, "which file? As in  \\i report.sql");
		return;
	}
	if (read_file(p, arg, &b) == 0) {
		at = b.p;
		end = b.p + b.len;
		while (split_next(&at, end, &line, &s))
			if (prompt_statement(p, &s)) {
				screen_complain(p->scr, "%s ends at the "
				    "statement in line %u", arg, s.line);
				break;
			}
	}
	buf_free(&b);
}

/* Write the text where only we can read it; the file's name is ours to unlink. */
static int
write_temporary(struct prompt * p, char * name, const struct buf * text)
{
	int fd = mkstemps(name, 4);
	ssize_t n;

	if (fd < 0) {
		screen_complain(p->scr, "cannot make a file in /tmp: %s",
		    strerror(errno));
		return (-1);
	}
	n = text->len > 0 ? write(fd, text->p, text->len) : 0;
	if (close(fd) || n != (ssize_t)text->len) {
		screen_complain(p->scr, "cannot write %s: %s", name,
		    strerror(errno));
		unlink(name);
		return (-1);
	}
	return (0);
}

static void
do_edit(struct prompt * p, const char * arg)
{
	const char * editor = getenv("VISUAL");
	char name[] = "/tmp/moltler-XXXXXX.sql", command[4096];
	struct buf b = BUF_INIT(FILE_TEXT_MAX);
	struct err e;
	int status;

	(void)arg;
	if (editor == NULL || *editor == '\0')
		editor = getenv("EDITOR");
	if (editor == NULL || *editor == '\0')
		editor = "vi";
	if (snprintf(command, sizeof(command), "%s %s", editor, name) >=
	    (int)sizeof(command) || write_temporary(p, name,
	    p->read.text.len > 0 ? &p->read.text : &p->last))
		return;
	snprintf(command, sizeof(command), "%s %s", editor, name);
	status = system(command);
	interrupt_reset();
	if (status != 0)
		screen_complain(p->scr, "the editor \"%s\" failed; nothing is "
		    "taken from it", editor);
	else if (read_file(p, name, &b) == 0) {
		prompt_read_clear(&p->read);
		fwrite(b.p, 1, b.len, stdout);
		fflush(stdout);
		if (b.len > 0 && prompt_read_add(&p->read, b.p, b.len, &e))
			screen_complain(p->scr, "%s", e.msg);
		else
			prompt_ready(p);
	}
	unlink(name);
	buf_free(&b);
}

static void
do_print(struct prompt * p, const char * arg)
{
	(void)arg;
	if (p->read.text.len > 0)
		fwrite(p->read.text.p, 1, p->read.text.len, stdout);
	else if (p->last.len > 0)
		printf("%s\n", p->last.p);
}

static void
do_reset(struct prompt * p, const char * arg)
{
	(void)arg;
	prompt_read_clear(&p->read);
	puts("What was typed is forgotten.");
}

static void do_help(struct prompt *, const char *);

static const struct meta {
	const char * name;
	const char * arg;
	const char * help;
	void (*run)(struct prompt *, const char *);
} metas[] = {
	{ "\\?", "", "this help", do_help },
	{ "\\c", "[URL]", "show the connection, or use another daemon",
	    do_connect },
	{ "\\d", "[NAME]", "the connectors; or what is in a connector, a type, "
	    "NAME.ENTITY or a target", do_describe },
	{ "\\da", "", "what was done last", do_actions },
	{ "\\ds", "", "the syncs", do_syncs },
	{ "\\dt", "", "the types", do_types },
	{ "\\e", "", "edit what was typed in $VISUAL, $EDITOR or vi", do_edit },
	{ "\\format", "[FORMAT]", "table, json, ndjson or csv", do_format },
	{ "\\i", "FILE", "run the statements in FILE", do_include },
	{ "\\p", "", "print what was typed so far", do_print },
	{ "\\pager", "[on|off]", "show what is taller than the screen in $PAGER "
	    "or less", do_pager },
	{ "\\q", "", "leave (also Ctrl-D)", do_quit },
	{ "\\r", "", "forget what was typed so far (also Ctrl-C)", do_reset },
	{ "\\timing", "[on|off]", "show how long each statement took",
	    do_timing },
	{ "\\x", "[on|off|auto]", "one column a line; auto: where a table would "
	    "be cut", do_expanded },
};
#define NMETAS (sizeof(metas) / sizeof(metas[0]))

static void
do_help(struct prompt * p, const char * arg)
{
	char head[40];
	size_t i;

	(void)p;
	(void)arg;
	puts("A statement may have several lines and ends with a semicolon.  "
	    "TAB completes\nkeywords and names, Ctrl-C cancels, Ctrl-R "
	    "searches what was typed before.\n");
	for (i = 0; i < NMETAS; i++) {
		snprintf(head, sizeof(head), "%s %s", metas[i].name,
		    metas[i].arg);
		printf("  %-18s %s\n", head, metas[i].help);
	}
	puts("\n  SELECT ... FROM CONNECTOR.ENTITY     ask a service\n"
	    "  EXPLAIN SELECT ...                   what would be asked of it\n"
	    "  SYNC CONNECTOR NAME.ENTITY TO TARGET keep it; SCHEDULE '...' again\n"
	    "  SHOW CONNECTORS | SYNCS | TARGETS | TYPES | SECRETS | ACTIONS\n"
	    "  DESCRIBE TYPE | NAME.ENTITY | TARGET what it holds\n"
	    "  CREATE CONNECTOR NAME TYPE 'TYPE' CONFIG {...}\n"
	    "  TEST CONNECTOR NAME                  whether it answers\n"
	    "  CONNECTOR_EXEC NAME.ENTITY.ACTION(NAME => VALUE, ...)");
}

const char * const *
prompt_meta_names(void)
{
	static const char * names[NMETAS + 1];
	size_t i;

	for (i = 0; i < NMETAS; i++)
		names[i] = metas[i].name;
	return (names);
}

static const struct meta *
find(const char * name)
{
	size_t i;

	if (strcasecmp(name, "quit") == 0 || strcasecmp(name, "exit") == 0)
		name = "\\q";
	else if (strcasecmp(name, "help") == 0)
		name = "\\?";
	for (i = 0; i < NMETAS; i++)
		if (strcmp(metas[i].name, name) == 0)
			return (&metas[i]);
	return (NULL);
}

void
prompt_meta_run(struct prompt * p, const char * line, size_t len)
{
	struct buf b = BUF_INIT(1 << 16);
	const struct meta * m;
	char * name, * arg, * end;

	if (buf_add(&b, line, len)) {
		screen_complain(p->scr, "this command is too long");
		buf_free(&b);
		return;
	}
	for (end = b.p + strlen(b.p); end > b.p &&
	    strchr(" \t\r\n;", end[-1]) != NULL; end--)
		end[-1] = '\0';
	name = b.p + strspn(b.p, " \t");
	arg = name + strcspn(name, " \t");
	if (*arg != '\0')
		*arg++ = '\0';
	arg += strspn(arg, " \t");
	if ((m = find(name)) == NULL) {
		screen_complain(p->scr, "there is no command %s (\\? shows "
		    "all)", name);
	} else {
		if (m->run != do_quit)
			prompt_history_add(p->history, line,
			    strcspn(line, "\r\n"));
		m->run(p, arg);
		fflush(stdout);
	}
	buf_free(&b);
}
