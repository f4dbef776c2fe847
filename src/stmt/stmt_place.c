#include <string.h>
#include <strings.h>

#include "stmt/stmt_internal.h"

/*
 * Who checks a configuration, options or arguments does not know the statement's
 * text: where it is that they mean is found here, by the key that is named.
 */
#define MAX_TOKENS 100000

/* The codes of such errors, and what stands before the key in their messages. */
static const struct {
	const char * code, * before, * clause;
} kinds[] = {
	{ "bad_config", "config.", "config" },
	{ "bad_options", "options.", "options" },
	{ "bad_args", ": ", NULL },
	{ "bad_name", NULL, NULL },
};

static int
is_key(const struct token_list * ts, size_t i, const char * name, size_t len)
{
	char have[128];

	if (!token_is(ts, i + 1, ":") && !token_is(ts, i + 1, "=>"))
		return (0);
	if (ts->t[i].kind == TOKEN_JSTRING)
		return (ts->t[i].len == len + 2 && strncasecmp(token_text(ts,
		    i) + 1, name, len) == 0);
	return (token_name(ts, i, have, sizeof(have)) == 0 &&
	    strlen(have) == len && strncasecmp(have, name, len) == 0);
}

/* The key ${name} in what the bracket at token ${i} opens; 0: it is not there. */
static size_t
find_key(const struct token_list * ts, size_t i, const char * name, size_t len)
{
	static const char * const opens[] = { "{", "[", "(", NULL };
	static const char * const closes[] = { "}", "]", ")", NULL };
	size_t depth = 0;

	for (; i < ts->n; i++) {
		if (token_is_one_of(ts, i, opens))
			depth++;
		else if (token_is_one_of(ts, i, closes) && --depth == 0)
			return (0);
		else if (depth == 1 && is_key(ts, i, name, len))
			return (i);
	}
	return (0);
}

/* The token of the dotted ${path} in what opens at token ${i}, as far as it is
 * there; where none is, ${i}. */
static size_t
find_path(const struct token_list * ts, size_t i, const char * path)
{
	static const char ends[] = ". :;,[]()'\"";
	size_t n, at, found = i;

	for (;; path += n + 1) {
		n = strcspn(path, ends);
		if (n == 0 || (at = find_key(ts, i, path, n)) == 0)
			return (found);
		found = at;
		i = at + 2;
		if (path[n] != '.' || !token_is(ts, i, "{"))
			return (found);
	}
}

/* Where the object behind ${clause} begins, or the arguments of an action. */
static size_t
find_object(const struct token_list * ts, const char * clause)
{
	size_t i;

	for (i = 1; i < ts->n; i++)
		if (clause == NULL ? token_is(ts, i, "(") :
		    token_is(ts, i, "{") && token_is(ts, i - 1, clause))
			break;
	if (clause == NULL && token_is(ts, i + 1, "{"))
		i++;
	return (i < ts->n ? i : 0);
}

static size_t
offset_of(const struct stmt_run * r, const char * before, const char * clause,
    const char * msg)
{
	const struct ast * a = r->ast;
	size_t off = a->action.s != NULL ? a->action.off : a->name.off, i;
	const char * at = before == NULL ? NULL : strstr(msg, before);
	struct token_list ts;
	struct err e;

	if (at == NULL || token_list(r->text->sql + a->off, a->len, MAX_TOKENS,
	    &ts, &e))
		return (off);
	if ((i = find_object(&ts, clause)) > 0) {
		i = find_path(&ts, i, at + strlen(before));
		/* An argument that is missing is its action's. */
		if (clause != NULL || ts.t[i].kind != TOKEN_OP)
			off = a->off + ts.t[i].off;
	}
	token_list_free(&ts);
	return (off);
}

void
stmt_place(const struct stmt_run * r, const struct err * e, struct err * out)
{
	size_t i;

	*out = *e;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(e->code, kinds[i].code) == 0)
			break;
	if (i == sizeof(kinds) / sizeof(kinds[0]) || r->ast->name.s == NULL ||
	    token_error_place(e->msg, NULL, NULL) > 0)
		return;
	token_error(r->text->sql, r->text->len, offset_of(r, kinds[i].before,
	    kinds[i].clause, e->msg), out, "%s", e->msg);
	out->cls = e->cls;
	memcpy(out->code, e->code, sizeof(out->code));
}
