#include "decode/decode_json_walk.h"

#include "base/plain.h"

static int
is_between(char c)
{
	return (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',' ||
	    c == ':');
}

static int
is_end(char c)
{
	return (c == ']' || c == '}');
}

/* Past the string that begins at w->at; whether it has escapes. */
static int
skip_string(struct decode_walk * w)
{
	int escaped = 0;

	for (w->at++; w->at < w->end; w->at++) {
		w->at += plain_run(w->s + w->at, w->end - w->at);
		if (w->at >= w->end || w->s[w->at] == '"')
			break;
		if (w->s[w->at] == '\\') {
			escaped = 1;
			w->at++;
		}
	}
	w->at++;
	return (escaped);
}

static void
skip_tree(struct decode_walk * w)
{
	size_t depth = 0;

	do {
		if (w->s[w->at] == '"') {
			(void)skip_string(w);
			continue;
		}
		if (w->s[w->at] == '[' || w->s[w->at] == '{')
			depth++;
		else if (is_end(w->s[w->at]))
			depth--;
		w->at++;
	} while (depth > 0 && w->at < w->end);
}

int
decode_json_walk(struct decode_walk * w, struct json_token * t)
{
	char c;

	while (w->at < w->end && is_between(w->s[w->at]))
		w->at++;
	if (w->at >= w->end || is_end(w->s[w->at]))
		return (0);
	c = w->s[w->at];
	t->at = w->at + (c == '"');
	if (c == '"') {
		t->kind = skip_string(w) ? TOKEN_ESCAPED : TOKEN_STRING;
		t->len = w->at - 1 - t->at;
		return (1);
	}
	if (c == '[' || c == '{') {
		t->kind = TOKEN_TREE;
		skip_tree(w);
	} else {
		t->kind = c == 'n' ? TOKEN_NULL : c == 't' ? TOKEN_TRUE :
		    c == 'f' ? TOKEN_FALSE : TOKEN_NUMBER;
		while (w->at < w->end && !is_between(w->s[w->at]) &&
		    !is_end(w->s[w->at]))
			w->at++;
	}
	t->len = w->at - t->at;
	return (1);
}
