#include "config.h"

#include "cli/prompt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/exit_code.h"
#include "cli/interrupt.h"
#include "cli/prompt_meta.h"

#define LAST_MAX ((size_t)1 << 20)

/* ---- completion ---- */

static const json_t *
source_names(void * arg, enum prompt_names_kind kind, const char * a,
    const char * b)
{
	return (prompt_names_get(arg, kind, a, b));
}

static const char *
source_type(void * arg, const char * connector)
{
	return (prompt_names_type(arg, connector));
}

/* The line is judged behind those that came before it.  ${in_front}: what
 * stands for them. */
static int
complete_behind(struct prompt * p, const char * in_front, size_t front,
    const char * line, size_t len, size_t at, struct prompt_completion * out)
{
	const struct prompt_source src = { source_names, source_type,
	    p->names };
	struct buf text = BUF_INIT(0);
	int rc = -1;

	prompt_names_begin(p->names);
	buf_add(&text, in_front, front);
	buf_add(&text, line, len);
	if (!text.failed && text.p != NULL && prompt_complete(&src, text.p,
	    text.len, front + at, out) == 0 && out->from >= front) {
		out->from -= front;
		rc = 0;
	}
	buf_free(&text);
	return (rc);
}

static int
complete(void * arg, const char * line, size_t len, size_t at,
    struct prompt_completion * out)
{
	struct prompt * p = arg;
	size_t name = at < 3 ? at : 3;
	int rc;

	if (p->read.text.len > 0 || len == 0 || *line != '\\')
		return (complete_behind(p, p->read.text.len > 0 ?
		    p->read.text.p : "", p->read.text.len, line, len, at, out));
	if (memchr(line, ' ', at) == NULL)
		return (prompt_complete_word(prompt_meta_names(), line, at,
		    out));
	if (memcmp(line, "\\d ", name) != 0)
		return (-1);
	rc = complete_behind(p, "DESCRIBE ", 9, line + 3, len - 3, at - 3, out);
	out->from += 3;
	return (rc);
}

/* ---- statements ---- */

static int
begins_with(const struct split_stmt * s, const char * word)
{
	return (s->len >= strlen(word) &&
	    strncasecmp(s->p, word, strlen(word)) == 0);
}

/* Whether names may be others afterwards. */
static int
changes_names(const struct split_stmt * s)
{
	static const char * const words[] = { "create", "alter", "drop", "set",
	    "begin", "sync" };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (begins_with(s, words[i]))
			return (1);
	return (0);
}

int
prompt_statement(struct prompt * p, const struct split_stmt * s)
{
	int64_t start = clock_mono_us();
	struct err e;
	int rc;

	interrupt_reset();
	screen_measure(p->scr);
	rc = query_run(p->c, p->scr, &p->run, s, &e);
	if (changes_names(s))
		prompt_names_stale(p->names);
	if (rc == 0) {
		if (p->lost)
			screen_complain(p->scr, "moltlerd at %s answers again",
			    client_http_url(p->c));
		p->lost = 0;
		if (p->timing)
			printf("Time: %.3f ms\n", (double)(clock_mono_us() -
			    start) / 1000);
		fflush(stdout);
		return (0);
	}
	if (e.cls == ERR_CANCELLED && interrupt_seen()) {
		screen_end_line(p->scr);
		screen_complain(p->scr, "cancelled");
	} else {
		screen_complain(p->scr, "%s", e.msg);
		p->lost = strcmp(e.code, CLIENT_HTTP_UNREACHABLE) == 0 ||
		    strcmp(e.code, CLIENT_HTTP_CUT) == 0;
	}
	return (-1);
}

/* Keep it for the arrow keys and for \e. */
static void
remember(struct prompt * p, const struct split_stmt * s)
{
	struct buf b = BUF_INIT(LAST_MAX);

	buf_add(&b, s->p, s->len);
	buf_addc(&b, ';');
	buf_clear(&p->last);
	if (!b.failed && prompt_history_keeps(b.p, b.len)) {
		prompt_history_add(p->history, b.p, b.len);
		buf_add(&p->last, b.p, b.len);
	}
	buf_wipe(&b);
}

void
prompt_ready(struct prompt * p)
{
	struct split_stmt s;

	while (prompt_read_next(&p->read, &s)) {
		remember(p, &s);
		(void)prompt_statement(p, &s);
		/* Ctrl-C is for all that was typed with it. */
		if (interrupt_seen()) {
			prompt_read_clear(&p->read);
			return;
		}
	}
}

/* ---- lines ---- */

/* A command: a backslash where a statement could not have one, or a word that
 * many try first. */
static int
is_command(const struct prompt * p, const char * line, size_t len)
{
	char open = prompt_read_open(&p->read);
	size_t n;

	while (len > 0 && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	if (len > 0 && *line == '\\')
		return (open == 0 || strchr(";({b", open) != NULL);
	n = strcspn(line, " \t\r\n;");
	return (open == 0 && strspn(line + n, " \t\r\n;") == len - n &&
	    ((n == 4 && (strncasecmp(line, "quit", 4) == 0 ||
	    strncasecmp(line, "exit", 4) == 0 ||
	    strncasecmp(line, "help", 4) == 0))));
}

static void
take_line(struct prompt * p, const char * line, size_t len)
{
	struct err e;

	if (is_command(p, line, len)) {
		prompt_meta_run(p, line, len);
		return;
	}
	if (prompt_read_add(&p->read, line, len, &e)) {
		screen_complain(p->scr, "%s", e.msg);
		return;
	}
	prompt_ready(p);
}

static const char *
prompt_text(const struct prompt * p, char text[16])
{
	char open = prompt_read_open(&p->read);

	if (open == 0)
		return ("moltler> ");
	snprintf(text, 16, "      %c> ", open == ';' ? '-' : open);
	return (text);
}

static int
talk(struct prompt * p)
{
	const char * line;
	char text[16];
	size_t len;

	while (!p->over) {
		interrupt_reset();
		switch (prompt_edit_line(p->edit, prompt_text(p, text), &line,
		    &len)) {
		case PROMPT_EDIT_LINE:
			take_line(p, line, len);
			break;
		case PROMPT_EDIT_INTERRUPT:
			puts("^C");
			if (interrupt_ending())
				return (EXIT_CODE_INTERRUPTED);
			prompt_read_clear(&p->read);
			break;
		case PROMPT_EDIT_END:
			putchar('\n');
			p->over = 1;
			break;
		}
		if (interrupt_ending())
			return (EXIT_CODE_INTERRUPTED);
	}
	return (EXIT_CODE_DONE);
}

int
prompt_greet(struct prompt * p, struct err * e)
{
	struct buf out = BUF_INIT(1 << 20);
	const char * version;
	json_t * o;

	if (client_http_get(p->c, "/v1/status", &out, e)) {
		buf_free(&out);
		return (-1);
	}
	o = json_parse(out.p != NULL ? out.p : "", out.len, "/v1/status", NULL);
	version = json_str(o, "version");
	printf("moltler " PACKAGE_VERSION ", moltlerd %s at %s (\\? for help)\n",
	    version != NULL ? version : "of no known version",
	    client_http_url(p->c));
	fflush(stdout);
	json_decref(o);
	buf_free(&out);
	return (0);
}

static int
start(struct prompt * p)
{
	struct err e;

	if (prompt_greet(p, &e)) {
		screen_complain(p->scr, "%s", e.msg);
		if (strcmp(e.code, CLIENT_HTTP_UNREACHABLE) == 0)
			return (EXIT_CODE_UNREACHABLE);
		if (interrupt_seen())
			return (EXIT_CODE_INTERRUPTED);
		if (strcmp(e.code, "http_401") == 0)
			return (EXIT_CODE_FAILED);
	}
	p->history = prompt_history_open();
	p->names = prompt_names_new(p->c);
	if (p->history == NULL || p->names == NULL || (p->edit =
	    prompt_edit_new(p->scr, prompt_history_edit(p->history), complete,
	    p)) == NULL) {
		screen_complain(p->scr, "cannot set up the terminal");
		return (EXIT_CODE_FAILED);
	}
	return (talk(p));
}

int
prompt_run(struct client_http * c, struct screen * scr,
    enum output_format f, struct client_http * (*connect)(void * arg,
    const char * url, struct err * e), void * arg)
{
	struct prompt p = { .c = c, .scr = scr, .connect = connect,
	    .arg = arg, .run = { .format = f } };
	int rc;

	p.last.max = LAST_MAX;
	p.pager = getenv("PAGER");
	if (p.pager != NULL && *p.pager != '\0')
		p.run.pager = p.pager;
	prompt_read_init(&p.read);
	if (interrupt_keep()) {
		screen_complain(scr, "cannot catch Ctrl-C");
		return (EXIT_CODE_FAILED);
	}
	rc = start(&p);
	prompt_edit_free(p.edit);
	prompt_history_free(p.history);
	prompt_names_free(p.names);
	prompt_read_free(&p.read);
	buf_free(&p.last);
	client_http_free(p.made);
	return (rc);
}
