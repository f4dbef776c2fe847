#include "config.h"

#include "cli/prompt_complete.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "cli/prompt_context.h"

#define CANDIDATES_MAX 5000
#define LONGEST 200

/* The candidates as they gather. */
struct gather {
	const char * word;
	size_t len;
	int lower; /* keywords in small letters */
	char quote;
	struct prompt_completion * out;
	const char * behind; /* what goes behind the last one that was added */
};

static int
is_plain(const char * s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return (0);
	for (; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && *s != '_' &&
		    ((unsigned char)*s & 0x80) == 0)
			return (0);
	return (1);
}

/* How a candidate is written. */
enum kind { NAME, KEYWORD, VERBATIM };

/* Names of services' things come over the wire: none may drive a terminal. */
static int
is_printable(const char * s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f || (*s == '\xc2' &&
		    (unsigned char)s[1] < 0xa0))
			return (0);
	return (1);
}

static void
add(struct gather * g, const char * name, const char * behind, enum kind kind)
{
	char text[LONGEST * 2 + 3], * p = text;
	const json_t * v;
	size_t i;

	if (strlen(name) >= LONGEST || strncasecmp(name, g->word, g->len) != 0 ||
	    !is_printable(name) ||
	    json_array_size(g->out->list) >= CANDIDATES_MAX)
		return;
	if (kind == VERBATIM && strspn(name, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.*:-") != strlen(name))
		return;
	/* A name that is no word stands in quotes. */
	if (g->quote == 0 && kind == NAME && !is_plain(name) && g->len > 0)
		return;
	if (g->quote == 0 && kind == NAME && !is_plain(name))
		*p++ = '"';
	for (i = 0; name[i] != '\0'; i++)
		*p++ = kind == KEYWORD && g->lower ?
		    (char)tolower((unsigned char)name[i]) : name[i];
	if (p > text + i)
		*p++ = '"';
	*p = '\0';
	json_array_foreach(g->out->list, i, v)
		if (strcmp(json_string_value(v), text) == 0)
			return;
	json_array_append_new(g->out->list, json_string(text));
	g->behind = behind;
}

static void
add_all(struct gather * g, const json_t * names, const char * behind,
    enum kind kind)
{
	const json_t * v;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)names, i, v)
		if (json_is_string(v))
			add(g, json_string_value(v), behind, kind);
}

static void
add_names(struct gather * g, const json_t * names, const char * behind)
{
	add_all(g, names, behind, NAME);
}

static void
add_words(struct gather * g, const char * const * words)
{
	for (; words != NULL && *words != NULL; words++)
		add(g, *words, strchr(*words, '(') != NULL ? "" : " ", KEYWORD);
}

static void
add_columns(struct gather * g, const struct prompt_source * src,
    const struct prompt_context * c)
{
	size_t i;

	for (i = 0; i < c->ntables; i++)
		if (c->tables[i].b[0] != '\0')
			add_names(g, src->names(src->arg, PROMPT_NAMES_COLUMNS,
			    c->tables[i].a, c->tables[i].b), "");
	for (i = 0; i < c->ntables && (c->want & PROMPT_WANT_ALIASES); i++)
		if (c->ntables > 1 || c->tables[i].alias[0] != '\0')
			add(g, c->tables[i].alias[0] != '\0' ?
			    c->tables[i].alias : c->tables[i].b, ".", NAME);
}

static void
add_wanted(struct gather * g, const struct prompt_source * src,
    const struct prompt_context * c)
{
	const char * type = c->b;
	size_t i;

	if (c->want & PROMPT_WANT_CONNECTORS)
		add_names(g, src->names(src->arg, PROMPT_NAMES_CONNECTORS, "",
		    ""), c->dot ? "." : "");
	if (c->want & PROMPT_WANT_TYPES)
		add_names(g, src->names(src->arg, PROMPT_NAMES_TYPES, "", ""),
		    g->quote != 0 ? "' " : "");
	if (c->want & PROMPT_WANT_ENTITIES)
		add_names(g, src->names(src->arg, PROMPT_NAMES_ENTITIES, c->a,
		    ""), c->dot ? "." : "");
	if (c->want & PROMPT_WANT_ACTIONS)
		add_names(g, src->names(src->arg, PROMPT_NAMES_ACTIONS, c->a,
		    c->b), "(");
	if (c->want & PROMPT_WANT_SECRETS)
		add_names(g, src->names(src->arg, PROMPT_NAMES_SECRETS, "",
		    ""), "");
	if (c->want & PROMPT_WANT_SYNCS)
		add_all(g, src->names(src->arg, PROMPT_NAMES_SYNCS, "", ""),
		    "", VERBATIM);
	if (c->want & PROMPT_WANT_TARGETS)
		add_all(g, src->names(src->arg, PROMPT_NAMES_TARGETS, "", ""),
		    " ", VERBATIM);
	if (c->want & PROMPT_WANT_CONFIG) {
		if (*type == '\0')
			type = src->type(src->arg, c->a);
		if (type != NULL)
			add_names(g, src->names(src->arg, PROMPT_NAMES_CONFIG,
			    type, ""), "\": ");
	}
	if (c->want & PROMPT_WANT_COLUMNS)
		add_columns(g, src, c);
	/* Columns first: who wants a function or a keyword types more of it. */
	if ((c->want & PROMPT_WANT_COLUMNS) && json_array_size(g->out->list) > 0)
		return;
	for (i = 0; i < 3; i++) {
		/* All functions of SQL are no help where nothing is typed. */
		if (c->words[i] != NULL && g->len == 0 && strchr(
		    c->words[i][0], '(') != NULL)
			continue;
		if (g->quote == 0)
			add_words(g, c->words[i]);
		else if (c->words[i] != NULL)
			for (const char * const * w = c->words[i]; *w != NULL;
			    w++)
				add(g, *w, "\": ", NAME);
	}
}

/* Insert what all candidates have in common. */
static int
finish(struct gather * g)
{
	struct prompt_completion * out = g->out;
	size_t n = json_array_size(out->list), i, common, k;
	const char * first, * s;

	if (n == 0) {
		buf_clear(&out->insert);
		return (0);
	}
	first = json_string_value(json_array_get(out->list, 0));
	common = strlen(first);
	for (i = 1; i < n; i++) {
		s = json_string_value(json_array_get(out->list, i));
		for (k = 0; k < common && tolower((unsigned char)s[k]) ==
		    tolower((unsigned char)first[k]); k++)
			continue;
		common = k;
	}
	/* Not into the middle of a character. */
	while (common > 0 && ((unsigned char)first[common] & 0xc0) == 0x80)
		common--;
	if (n == 1 || common > g->len || out->insert.len > 0)
		buf_add(&out->insert, first, common);
	if (n == 1)
		buf_adds(&out->insert, g->behind);
	return (out->insert.failed ? -1 : 0);
}

static int
begin(struct gather * g, struct prompt_completion * out, const char * s,
    size_t from, size_t at)
{
	memset(out, 0, sizeof(*out));
	out->from = from;
	out->insert.max = 4096;
	g->word = s + from;
	g->len = at - from;
	g->lower = g->len > 0 && islower((unsigned char)s[from]);
	g->out = out;
	g->behind = "";
	return ((out->list = json_array()) == NULL ? -1 : 0);
}

int
prompt_complete(const struct prompt_source * src, const char * s,
    size_t len, size_t at, struct prompt_completion * out)
{
	struct prompt_context c;
	struct gather g = { .quote = 0 };

	prompt_context(s, len, at, &c);
	if (begin(&g, out, s, c.word, at))
		return (-1);
	g.quote = c.quote;
	add_wanted(&g, src, &c);
	/* A type or a key without its quote yet: it comes with the name. */
	if (c.quote != 0 && (c.word == 0 || s[c.word - 1] != c.quote))
		buf_addc(&out->insert, c.quote);
	return (finish(&g));
}

int
prompt_complete_word(const char * const * words, const char * s, size_t len,
    struct prompt_completion * out)
{
	struct gather g = { .quote = 0 };

	if (begin(&g, out, s, 0, len))
		return (-1);
	for (; *words != NULL; words++)
		add(&g, *words, " ", KEYWORD);
	return (finish(&g));
}

void
prompt_completion_free(struct prompt_completion * out)
{
	buf_free(&out->insert);
	json_decref(out->list);
	out->list = NULL;
}
