#include "config.h"

#include "cli/prompt_edit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "cli/interrupt.h"

#define SHOWN_MAX 200

struct prompt_edit {
	EditLine * el;
	struct screen * scr;
	prompt_edit_complete * complete;
	void * arg;
	const char * prompt;
	int interrupted;
	mbstate_t mb;
};

static int wake[2] = { -1, -1 };
static volatile sig_atomic_t resized, continued;

static void
on_signal(int sig)
{
	int saved = errno;
	ssize_t n;

	if (sig == SIGWINCH)
		resized = 1;
	else
		continued = 1;
	n = write(wake[1], "", 1);
	(void)n;
	errno = saved;
}

static int
catch_signals(void)
{
	struct sigaction sa;

	if (wake[0] < 0 && pipe2(wake, O_CLOEXEC | O_NONBLOCK))
		return (-1);
	memset(&sa, 0, sizeof(sa));
	sigemptyset(&sa.sa_mask);
	sa.sa_flags = SA_RESTART;
	sa.sa_handler = on_signal;
	return (sigaction(SIGWINCH, &sa, NULL) || sigaction(SIGCONT, &sa,
	    NULL) ? -1 : 0);
}

static struct prompt_edit *
own(EditLine * el)
{
	void * ed = NULL;

	el_get(el, EL_CLIENTDATA, &ed);
	return (ed);
}

static char *
show_prompt(EditLine * el)
{
	return ((char *)(uintptr_t)own(el)->prompt);
}

/* What signals said: who comes back from Ctrl-Z finds the terminal as the shell
 * left it. */
static void
look_signals(struct prompt_edit * ed)
{
	char piece[64];

	while (read(wake[0], piece, sizeof(piece)) > 0)
		continue;
	if (continued) {
		continued = 0;
		el_set(ed->el, EL_PREP_TERM, 0);
		el_set(ed->el, EL_PREP_TERM, 1);
		el_set(ed->el, EL_REFRESH);
	}
	if (resized) {
		resized = 0;
		screen_measure(ed->scr);
		el_resize(ed->el);
	}
}

/* One byte: 1, 0 at the end, -1 for what is no reason to stop. */
static int
read_byte(char * c)
{
	ssize_t n = read(STDIN_FILENO, c, 1);

	if (n < 0 && errno == EAGAIN) {
		/* Somebody else made it non-blocking: we polled, so another
		 * process took the byte. */
		return (-1);
	}
	return (n == 1 ? 1 : n < 0 && errno == EINTR ? -1 : 0);
}

static int
get_char(EditLine * el, wchar_t * wc)
{
	struct prompt_edit * ed = own(el);
	struct pollfd p[3] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = interrupt_fd(), .events = POLLIN },
		{ .fd = wake[0], .events = POLLIN },
	};
	size_t n;
	char c;
	int rc;

	for (;;) {
		if (poll(p, 3, -1) < 0 && errno != EINTR)
			return (-1);
		look_signals(ed);
		if (interrupt_seen()) {
			ed->interrupted = 1;
			errno = EINTR;
			return (-1);
		}
		if (p[0].revents == 0)
			continue;
		p[0].revents = 0;
		if ((rc = read_byte(&c)) == 0)
			return (0);
		if (rc < 0)
			continue;
		n = mbrtowc(wc, &c, 1, &ed->mb);
		if (n == (size_t)-2)
			continue;
		if (n != (size_t)-1)
			return (1);
		/* A byte that is none of this character set. */
		memset(&ed->mb, 0, sizeof(ed->mb));
		el_beep(el);
	}
}

/* More is there to read already: this is pasted, not typed. */
static int
is_pasted(void)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };

	return (poll(&p, 1, 0) > 0);
}

static size_t
cells(const char * s)
{
	wchar_t wide[256];
	size_t n = mbstowcs(wide, s, 256);
	int w;

	if (n == (size_t)-1 || n == 256)
		return (strlen(s));
	w = wcswidth(wide, n);
	return (w < 0 ? n : (size_t)w);
}

/* The candidates in columns below the line. */
static void
show_list(const struct prompt_edit * ed, const json_t * list)
{
	size_t n = json_array_size(list), shown = n < SHOWN_MAX ? n : SHOWN_MAX;
	size_t widest = 1, i, r, per, rows, pad;
	const char * s;

	for (i = 0; i < shown; i++) {
		s = json_string_value(json_array_get(list, i));
		if (cells(s) > widest)
			widest = cells(s);
	}
	per = ed->scr->width / (widest + 2);
	if (per == 0)
		per = 1;
	rows = (shown + per - 1) / per;
	putchar('\n');
	for (r = 0; r < rows; r++) {
		for (i = r; i < shown; i += rows) {
			s = json_string_value(json_array_get(list, i));
			fputs(s, stdout);
			for (pad = cells(s); i + rows < shown &&
			    pad < widest + 2; pad++)
				putchar(' ');
		}
		putchar('\n');
	}
	if (n > shown)
		printf("and %zu more\n", n - shown);
	fflush(stdout);
}

/* How many characters are in these bytes. */
static int
characters(const char * s, size_t n)
{
	int count = 0;

	for (; n > 0; n--, s++)
		count += ((unsigned char)*s & 0xc0) != 0x80;
	return (count);
}

static unsigned char
on_tab(EditLine * el, int ch)
{
	struct prompt_edit * ed = own(el);
	const LineInfo * li = el_line(el);
	size_t len = (size_t)(li->lastchar - li->buffer);
	size_t at = (size_t)(li->cursor - li->buffer), word;
	struct prompt_completion c;
	unsigned char rc = CC_REFRESH_BEEP;

	(void)ch;
	if (is_pasted())
		return (el_insertstr(el, "\t") ? CC_ERROR : CC_REFRESH);
	memset(&c, 0, sizeof(c));
	if (ed->complete(ed->arg, li->buffer, len, at, &c))
		goto out;
	word = at - c.from;
	if (c.insert.len > 0 && (c.insert.len != word ||
	    memcmp(c.insert.p, li->buffer + c.from, word) != 0)) {
		if (word > 0)
			el_deletestr(el, characters(li->buffer + c.from, word));
		el_insertstr(el, c.insert.p);
		rc = json_array_size(c.list) > 1 ? CC_REFRESH_BEEP : CC_REFRESH;
	} else if (json_array_size(c.list) > 1) {
		show_list(ed, c.list);
		rc = CC_REDISPLAY;
	}
out:
	prompt_completion_free(&c);
	return (rc);
}

struct prompt_edit *
prompt_edit_new(struct screen * scr, History * h,
    prompt_edit_complete * complete, void * arg)
{
	struct prompt_edit * ed = calloc(1, sizeof(*ed));

	if (ed == NULL || catch_signals())
		goto err;
	ed->scr = scr;
	ed->complete = complete;
	ed->arg = arg;
	ed->prompt = "";
	ed->el = el_init("moltler", stdin, stdout, stderr);
	if (ed->el == NULL)
		goto err;
	el_set(ed->el, EL_CLIENTDATA, ed);
	el_set(ed->el, EL_GETCFN, get_char);
	el_set(ed->el, EL_SIGNAL, 0);
	el_set(ed->el, EL_EDITOR, "emacs");
	el_set(ed->el, EL_PROMPT, show_prompt);
	el_set(ed->el, EL_HIST, history, h);
	/* Of narrow names libedit makes copies that nobody frees. */
	el_wset(ed->el, EL_ADDFN, L"moltler-complete", L"Complete a name",
	    on_tab);
	el_set(ed->el, EL_BIND, "^I", "moltler-complete", NULL);
	el_set(ed->el, EL_BIND, "^R", "em-inc-search-prev", NULL);
	el_set(ed->el, EL_BIND, "\\e[1;5C", "em-next-word", NULL);
	el_set(ed->el, EL_BIND, "\\e[1;5D", "ed-prev-word", NULL);
	/* The user's own bindings come last, by ~/.editrc. */
	el_source(ed->el, NULL);
	return (ed);

err:
	free(ed);
	return (NULL);
}

enum prompt_edit_end
prompt_edit_line(struct prompt_edit * ed, const char * prompt,
    const char ** line, size_t * len)
{
	const char * s;
	int n = 0;

	ed->prompt = prompt;
	ed->interrupted = 0;
	memset(&ed->mb, 0, sizeof(ed->mb));
	/* el_gets would do so only behind the prompt: what is typed between would
	 * be echoed twice, and Ctrl-D lost. */
	el_set(ed->el, EL_PREP_TERM, 1);
	s = el_gets(ed->el, &n);
	if (ed->interrupted)
		return (PROMPT_EDIT_INTERRUPT);
	if (s == NULL || n <= 0)
		return (PROMPT_EDIT_END);
	*line = s;
	*len = (size_t)n;
	return (PROMPT_EDIT_LINE);
}

void
prompt_edit_free(struct prompt_edit * ed)
{
	if (ed == NULL)
		return;
	el_end(ed->el);
	free(ed);
}
