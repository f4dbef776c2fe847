#include "sql/token_mask.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

struct scan {
	const char * sql;
	size_t len, from, to;
	int depth; /* of objects and lists: inside them "text" has escapes */
	int key;   /* a key may stand here */
	int value; /* behind => or =, where whatever stands is a value */
	struct token_mask * m;
};

static int
is_word(const char * sql, size_t len, size_t at, const char * word)
{
	size_t n = strlen(word);

	return (len - at >= n && strncasecmp(sql + at, word, n) == 0 &&
	    (len - at == n || (!isalnum((unsigned char)sql[at + n]) &&
	    sql[at + n] != '_')));
}

static size_t
skip_space(const char * sql, size_t len, size_t at)
{
	while (at < len && (isspace((unsigned char)sql[at]) ||
	    strchr(";(", sql[at]) != NULL))
		at++;
	return (at);
}

/* Any of these words, in a script also those of its other statements. */
static int
may_hold_secret(const char * sql, size_t len)
{
	static const char * const words[] = { "SET", "CREATE", "ALTER",
	    "SECRET", "CONFIG", "EXEC", "CONNECTOR_EXEC" };
	size_t i, k;

	for (i = 0; i < len; i++) {
		if (!isalpha((unsigned char)sql[i]) || (i > 0 &&
		    (isalnum((unsigned char)sql[i - 1]) || sql[i - 1] == '_')))
			continue;
		for (k = 0; k < sizeof(words) / sizeof(*words); k++)
			if (is_word(sql, len, i, words[k]))
				return (1);
	}
	return (0);
}

static void
hide(struct scan * s, size_t from, size_t to)
{
	struct token_mask * m = s->m;

	if (from >= to || to <= s->from || from >= s->to)
		return;
	/* Rather too much than one too few. */
	if (m->n == TOKEN_MASK_MAX) {
		m->v[m->n - 1].to = s->len;
		return;
	}
	m->v[m->n].from = from;
	m->v[m->n++].to = to;
}

/* Where the quote that opens at ${at} closes. */
static size_t
quoted_end(const struct scan * s, size_t at)
{
	char q = s->sql[at];
	int escapes = q == '"' && s->depth > 0;

	for (at++; at < s->len; at++) {
		if (escapes && s->sql[at] == '\\') {
			at++;
		} else if (s->sql[at] == q) {
			if (escapes || at + 1 >= s->len ||
			    s->sql[at + 1] != q)
				return (at);
			at++;
		}
	}
	return (s->len);
}

/* Whether the text that closes at ${end} is an object's key. */
static int
is_key(const struct scan * s, size_t end)
{
	if (s->depth == 0 || !s->key || end >= s->len)
		return (0);
	for (end++; end < s->len && isspace((unsigned char)s->sql[end]); end++)
		continue;
	return (end < s->len && s->sql[end] == ':');
}

/* Whether it is what TYPE names, which is no secret. */
static int
is_type(const struct scan * s, size_t at, size_t end)
{
	size_t i = at;

	for (at++; at < end; at++)
		if (!isalnum((unsigned char)s->sql[at]) && s->sql[at] != '_')
			return (0);
	while (i > 0 && isspace((unsigned char)s->sql[i - 1]))
		i--;
	return (s->depth == 0 && i > 4 &&
	    strncasecmp(s->sql + i - 4, "type", 4) == 0 &&
	    isspace((unsigned char)s->sql[i - 5]));
}

static size_t
comment_end(const struct scan * s, size_t at)
{
	const char * p;

	if (s->sql[at] == '-')
		p = memchr(s->sql + at, '\n', s->len - at);
	else
		p = memmem(s->sql + at + 2, s->len - at - 2, "*/", 2);
	return (p != NULL ? (size_t)(p - s->sql) : s->len);
}

/* A word without quotes: perhaps a value whose quotes were forgotten. */
static size_t
bare(struct scan * s, size_t at)
{
	size_t end = at;

	while (end < s->len && strchr(" \t\r\n,;:(){}[]'\"`", s->sql[end]) ==
	    NULL)
		end++;
	if (end == at)
		end++;
	if (s->depth == 0 && is_word(s->sql, s->len, at, "OPTIONS"))
		s->value = 0;
	if (s->depth > 0 ? !is_key(s, end - 1) : s->value)
		hide(s, at, end);
	s->key = 0;
	return (end);
}

/* SECRET x = hunter2: all behind the name. */
static int
is_secret(const struct scan * s, size_t at)
{
	return (s->depth == 0 && is_word(s->sql, s->len, at, "SECRET") &&
	    (at == 0 || (!isalnum((unsigned char)s->sql[at - 1]) &&
	    s->sql[at - 1] != '_')));
}

static size_t
step_secret(struct scan * s, size_t at)
{
	at = skip_space(s->sql, s->len, at + 6);
	while (at < s->len && !isspace((unsigned char)s->sql[at]) &&
	    strchr("=;", s->sql[at]) == NULL)
		at++;
	at = skip_space(s->sql, s->len, at);
	hide(s, at < s->len && s->sql[at] == '=' ? at + 1 : at, s->len);
	return (s->len);
}

static size_t
step_other(struct scan * s, size_t at)
{
	char c = s->sql[at], d = at + 1 < s->len ? s->sql[at + 1] : '\0';

	if (c == '=' && d == '>') {
		s->value = 1;
		return (at + 2);
	}
	if (strchr("{}[],;:=()", c) == NULL)
		return (bare(s, at));
	if (c == '{' || (c == '[' && (s->depth > 0 || s->value)))
		s->depth++;
	else if ((c == '}' || c == ']') && s->depth > 0)
		s->depth--;
	s->key = c == '{' || c == ',';
	s->value = c == ':' || c == '=' || (s->value && c != ',' && c != ';' &&
	    c != ')');
	return (at + 1);
}

/* Past what stands at ${at}. */
static size_t
step(struct scan * s, size_t at)
{
	char c = s->sql[at], d = at + 1 < s->len ? s->sql[at + 1] : '\0';
	size_t end;

	if (isspace((unsigned char)c))
		return (at + 1);
	if (c == '\'' || c == '"' || c == '`') {
		end = quoted_end(s, at);
		if (!is_key(s, end) && !is_type(s, at, end))
			hide(s, at + 1, end);
		s->key = 0;
		return (end + 1);
	}
	if ((c == '-' && d == '-') || (c == '/' && d == '*')) {
		end = comment_end(s, at);
		hide(s, at + 2, end);
		return (end + (c == '-' ? 1 : 2));
	}
	return (is_secret(s, at) ? step_secret(s, at) : step_other(s, at));
}

void
token_mask(const char * sql, size_t len, size_t from, size_t to,
    struct token_mask * m)
{
	struct scan s = { .sql = sql, .len = len, .from = from, .to = to,
	    .m = m };
	size_t at = 0;

	m->n = 0;
	if (!may_hold_secret(sql, len))
		return;
	while (at < len && at < to)
		at = step(&s, at);
}

size_t
token_mask_end(const struct token_mask * m, size_t at)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (at >= m->v[i].from && at < m->v[i].to)
			return (m->v[i].to);
	return (0);
}
