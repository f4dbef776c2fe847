#ifndef MOLTLER_MANIFEST_TEMPLATE_INTERNAL_H
#define MOLTLER_MANIFEST_TEMPLATE_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "manifest/template.h"

/* What template*.c share. */

#define TEMPLATE_PATH_MAX 128
#define TEMPLATE_TEXT_MAX ((size_t)4 << 20) /* of one filled in */

enum template_filter { FILTER_NONE, FILTER_JQL, FILTER_QUERY, FILTER_URL,
	FILTER_NUMBER, FILTER_ADF, FILTER_RAW, FILTER_PATH, FILTER_BASE64,
	FILTER_LIKE, FILTER_PREFIX, FILTER_KEY, FILTER_SOQL };

/* One {{...}}. */
struct template_expr {
	char text[TEMPLATE_PATH_MAX]; /* the paths, each ending with NUL */
	const char * path;  /* of these, the one that template_eval() found */
	size_t npaths;      /* {{a ?? b}}: b where a is missing */
	int64_t earlier;    /* {{now_s-3600}}; negative: {{now_s+600}} */
	enum template_filter filter;
};

/**
 * template_next(tp, lit, nlit, x, e): Find the next {{...}} from ${*tp}: 1 with it
 * in ${x}, the text before it in ${lit}/${nlit} and ${*tp} moved past it; 0 at
 * the end (the rest is the literal); -1 if malformed.
 * template_path(x, i): One of its paths.
 * template_eval(x, env): What it stands for, a new reference; NULL: missing.  Sets
 * ${x}->path to the one that was there (else the last).
 * template_is_alone(t, x): Whether ${t} is one expression and nothing else, then
 * put into ${x}.
 * template_is_secret(path, env): Whether the schema says so.
 * template_filter(x, text, so_far, quote, e): Make of ${text} what the filter says;
 * ${so_far} is what stands before it.
 * template_missing(path, e): Say that it has no value, and for a key of config
 * how it gets one; -1.
 */
int template_next(const char ** tp, const char ** lit, size_t * nlit,
    struct template_expr * x, struct err * e) MUST_CHECK;
const char * template_path(const struct template_expr * x, size_t i);
json_t * template_eval(struct template_expr * x,
    const struct template_env * env);
int template_is_alone(const char * t, struct template_expr * x);
int template_is_secret(const char * path, const struct template_env * env);
int template_filter(const struct template_expr * x, struct buf * text,
    const struct buf * so_far, enum template_quote quote, struct err * e)
    MUST_CHECK;
int template_missing(const char * path, struct err * e);

#endif
