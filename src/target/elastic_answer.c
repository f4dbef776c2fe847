#include "target/elastic_answer.h"

#include <stdio.h>
#include <string.h>

enum lex { LEX_NONE, LEX_STRING, LEX_ESCAPE, LEX_LITERAL };
enum key { KEY_OTHER, KEY_ERRORS, KEY_ITEMS, KEY_STATUS, KEY_ERROR, KEY_TYPE,
    KEY_REASON, KEY_CAUSED_BY };

/* Where things stand: {1 "items": [2 {3 "index": {4 "status", "error": {5 */
#define AT_TOP 1
#define AT_ITEMS 2
#define AT_ELEMENT 3
#define AT_ITEM 4
#define AT_ERROR 5
#define KEYS (sizeof(((struct elastic_answer *)0)->key) / sizeof(unsigned))

void
elastic_answer_begin(struct elastic_answer * a,
    void (*item)(void * arg, const struct elastic_item * it), void * arg)
{
	/* Not the texts: their lengths tell. */
	memset(a, 0, offsetof(struct elastic_answer, tok));
	a->item = item;
	a->arg = arg;
	a->errors = -1;
	a->want_value = 1;
}

static int
is_object(const struct elastic_answer * a)
{
	return (a->depth > 0 && (a->objects >> (a->depth - 1) & 1));
}

static unsigned
key_at(const struct elastic_answer * a, unsigned depth)
{
	return (depth < KEYS ? a->key[depth] : KEY_OTHER);
}

/* Whether the present depth is inside an item. */
static int
in_items(const struct elastic_answer * a)
{
	return (a->depth >= AT_ITEMS && a->key[AT_TOP] == KEY_ITEMS);
}

/* Whether we are in an item's error, or in what caused it. */
static int
in_error(const struct elastic_answer * a)
{
	unsigned d;

	if (!in_items(a) || a->depth < AT_ERROR ||
	    a->key[AT_ITEM] != KEY_ERROR)
		return (0);
	for (d = AT_ERROR; d < a->depth; d++)
		if (key_at(a, d) != KEY_CAUSED_BY)
			return (0);
	return (1);
}

static enum key
key_of(const struct elastic_answer * a)
{
	static const struct { const char * name; enum key key; } names[] = {
		{ "errors", KEY_ERRORS }, { "items", KEY_ITEMS },
		{ "status", KEY_STATUS }, { "error", KEY_ERROR },
		{ "type", KEY_TYPE }, { "reason", KEY_REASON },
		{ "caused_by", KEY_CAUSED_BY },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i].name) == a->tok_len &&
		    memcmp(names[i].name, a->tok, a->tok_len) == 0)
			return (names[i].key);
	return (KEY_OTHER);
}

static void
set_key(struct elastic_answer * a)
{
	if (a->depth < KEYS)
		a->key[a->depth] = key_of(a);
	a->want_key = 0;
	a->want_value = 2; /* after its colon */
}

static void
keep(char * to, size_t size, size_t * len, const struct elastic_answer * a)
{
	size_t n = a->tok_len < size ? a->tok_len : size - 1;

	memcpy(to, a->tok, n);
	to[n] = '\0';
	*len = n;
}

/* A string that is a value. */
static void
on_text(struct elastic_answer * a)
{
	unsigned key = key_at(a, a->depth);

	if (!is_object(a))
		return;
	if (in_items(a) && a->depth == AT_ITEM && key == KEY_ERROR)
		keep(a->reason, sizeof(a->reason), &a->reason_len, a);
	if (!in_error(a))
		return;
	if (key == KEY_TYPE && a->depth == AT_ERROR)
		keep(a->type, sizeof(a->type), &a->type_len, a);
	/* The innermost comes last, or is all there is. */
	if (key == KEY_REASON)
		keep(a->reason, sizeof(a->reason), &a->reason_len, a);
}

static int
is_number(const struct elastic_answer * a)
{
	size_t i;

	for (i = 0; i < a->tok_len; i++)
		if (strchr("0123456789+-.eE", a->tok[i]) == NULL)
			return (0);
	return (a->tok_len > 0);
}

static int
is_word(const struct elastic_answer * a, const char * w)
{
	return (a->tok_len == strlen(w) && memcmp(a->tok, w, a->tok_len) == 0);
}

static void
on_literal(struct elastic_answer * a)
{
	unsigned key = key_at(a, a->depth);
	size_t i;

	if (!is_word(a, "true") && !is_word(a, "false") &&
	    !is_word(a, "null") && !is_number(a)) {
		a->bad = 1;
		return;
	}
	if (a->depth == 0)
		a->bad = 1;
	if (a->depth == AT_TOP && key == KEY_ERRORS)
		a->errors = is_word(a, "true") ? 1 : is_word(a, "false") ? 0 :
		    a->errors;
	if (a->depth != AT_ITEM || key != KEY_STATUS || !in_items(a) ||
	    a->tok_len != 3)
		return;
	a->status = 0;
	for (i = 0; i < 3; i++)
		if (a->tok[i] >= '0' && a->tok[i] <= '9')
			a->status = a->status * 10 + (a->tok[i] - '0');
}

static void
open_nest(struct elastic_answer * a, int object)
{
	if (a->depth == 0 && (!object || a->done)) {
		a->bad = 1;
		return;
	}
	if (a->depth >= ELASTIC_ANSWER_DEPTH) {
		a->bad = 1;
		return;
	}
	a->depth++;
	if (object)
		a->objects |= UINT64_C(1) << (a->depth - 1);
	else
		a->objects &= ~(UINT64_C(1) << (a->depth - 1));
	if (a->depth < KEYS)
		a->key[a->depth] = KEY_OTHER;
	a->want_key = object;
	a->want_value = 3; /* or nothing at all */
	if (!in_items(a))
		return;
	/* What else an answer to a _bulk cannot be. */
	if ((a->depth == AT_ITEMS && object) ||
	    ((a->depth == AT_ELEMENT || a->depth == AT_ITEM) && !object))
		a->bad = 1;
	if (a->depth == AT_ELEMENT)
		a->item_seen = 0;
	if (a->depth == AT_ITEM) {
		if (a->item_seen++)
			a->bad = 1;
		a->status = 0;
		a->type_len = a->reason_len = 0;
		a->type[0] = a->reason[0] = '\0';
	}
}

static void
close_nest(struct elastic_answer * a, int object)
{
	struct elastic_item it;

	if (is_object(a) != object || a->depth == 0 || (a->want_value != 0 &&
	    a->want_value != 3)) {
		a->bad = 1;
		return;
	}
	if (in_items(a) && a->depth == AT_ELEMENT && !a->item_seen)
		a->bad = 1;
	if (in_items(a) && a->depth == AT_ITEM) {
		it.status = a->status;
		it.type = a->type;
		it.reason = a->reason;
		a->items++;
		a->item(a->arg, &it);
	}
	a->depth--;
	a->want_key = 0;
	a->want_value = 0;
	if (a->depth == 0)
		a->done = 1;
}

/* A value begins: is one due?  want_value: 0 no, 1 yes, 2 after a colon, 3 it may,
 * 4 yes, the colon was there. */
static void
value_due(struct elastic_answer * a)
{
	if (a->want_value == 0 || a->want_value == 2 || a->want_key)
		a->bad = 1;
	else if (in_items(a) && a->depth == AT_ITEMS)
		a->bad = 1; /* items are objects */
	a->want_value = 0;
}

static void
on_mark(struct elastic_answer * a, char c)
{
	switch (c) {
	case '{':
	case '[':
		if (in_items(a) && a->depth == AT_ITEMS && c == '{' &&
		    (a->want_value == 1 || a->want_value == 3))
			a->want_value = 0;
		else
			value_due(a);
		open_nest(a, c == '{');
		break;
	case '}':
	case ']':
		close_nest(a, c == '}');
		break;
	case ',':
		if (a->depth == 0 || a->want_value != 0)
			a->bad = 1;
		a->want_key = is_object(a);
		a->want_value = 1;
		break;
	case ':':
		if (a->want_value != 2)
			a->bad = 1;
		a->want_value = 4;
		break;
	default:
		break;
	}
}

static void
begin_token(struct elastic_answer * a, enum lex lex)
{
	a->tok_len = 0;
	a->lex = (int)lex;
	if (lex == LEX_STRING && a->want_key &&
	    (a->want_value == 1 || a->want_value == 3))
		return;
	value_due(a);
	if (in_items(a) && a->depth == AT_ELEMENT)
		a->bad = 1; /* {"index": {..}} has nothing else */
}

static void
add_token(struct elastic_answer * a, const char * p, size_t n)
{
	size_t room = sizeof(a->tok) - 1 - a->tok_len;

	if (n > room)
		n = room;
	memcpy(a->tok + a->tok_len, p, n);
	a->tok_len += n;
}

static void
end_string(struct elastic_answer * a)
{
	a->lex = LEX_NONE;
	if (a->want_key)
		set_key(a);
	else if (a->depth == 0)
		a->bad = 1;
	else
		on_text(a);
}

/* What stands for a character that needs an escape: for people to read. */
static void
on_escape(struct elastic_answer * a, char c)
{
	a->lex = LEX_STRING;
	if (c == 'u')
		a->skip = 4;
	if (strchr("\"\\/", c) == NULL)
		c = strchr("bfnrt", c) != NULL ? ' ' : '?';
	add_token(a, &c, 1);
}

/* As many bytes of a string as there are; how many that was. */
static size_t
eat_string(struct elastic_answer * a, const char * p, size_t n)
{
	size_t i;

	for (i = 0; i < n && a->skip > 0 && p[i] != '"'; i++)
		a->skip--;
	a->skip = i < n ? 0 : a->skip;
	if (i > 0)
		return (i);
	while (i < n && p[i] != '"' && p[i] != '\\')
		i++;
	add_token(a, p, i);
	if (i == n)
		return (n);
	if (p[i] == '\\')
		a->lex = LEX_ESCAPE;
	else
		end_string(a);
	return (i + 1);
}

static inline int
is_mark(char c)
{
	switch (c) {
	case ' ': case '\t': case '\r': case '\n': case ',': case ':':
	case '[': case ']': case '{': case '}': case '"':
		return (1);
	default:
		return (0);
	}
}

int
elastic_answer_feed(struct elastic_answer * a, const char * p, size_t n)
{
	size_t i = 0;

	while (i < n && !a->bad) {
		if (a->lex == LEX_STRING) {
			i += eat_string(a, p + i, n - i);
			continue;
		}
		if (a->lex == LEX_ESCAPE) {
			on_escape(a, p[i++]);
			continue;
		}
		if (!is_mark(p[i])) {
			if (a->lex == LEX_NONE)
				begin_token(a, LEX_LITERAL);
			add_token(a, &p[i++], 1);
			continue;
		}
		if (a->lex == LEX_LITERAL) {
			a->lex = LEX_NONE;
			on_literal(a);
		}
		if (p[i] == '"')
			begin_token(a, LEX_STRING);
		else
			on_mark(a, p[i]);
		i++;
	}
	return (a->bad ? -1 : 0);
}

int
elastic_answer_ok(const struct elastic_answer * a)
{
	return (!a->bad && a->done && a->depth == 0 && a->lex == LEX_NONE &&
	    a->errors != -1);
}
