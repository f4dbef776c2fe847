#ifndef MOLTLER_MANIFEST_TEMPLATE_H
#define MOLTLER_MANIFEST_TEMPLATE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "secret/secret.h"

/*
 * Templates are typed and strict: "{{config.auth.username}}" is the value at
 * that path, and a value that is missing is an error, never an empty string.
 * Roots: config, in, value, order, now, now_s, now_ms, lookup, answer and header (of
 * the request before: where to ask what became of an action), and in auth sections
 * what is known only when a request is sent.  Filters: |jql, |query, |soql
 * (quoted as the language wants), |url, |number, |adf, |raw (clauses in the
 * language's own words; brackets and quotes must close), |path (several segments
 * of a URL's path, with the '/' between them), |key (the same, empty ones too),
 * |base64.  What a filter made is
 * then quoted for where it goes, as any value.  "{{a ?? b}}" is b where a is
 * missing; "{{now_s-3600}}" an hour ago, "{{now_s+600}}" in ten minutes; "{{{" a brace before a value.
 */

enum template_quote {
	QUOTE_NONE,     /* as it is; line breaks are refused (headers) */
	QUOTE_SEGMENT,  /* one segment of a URL's path: '/' and dots-only too */
	QUOTE_QUERY,    /* a parameter's value */
	QUOTE_JQL, QUOTE_QUERY_STRING, /* clause languages; a list's values
	                   stand with ", " (" OR ") between them */
	QUOTE_ENTITY, QUOTE_SELECTOR, /* the same: 'x' with \ before quotes;
	                   "x" with ~ before them */
	QUOTE_SOQL,     /* as QUOTE_ENTITY, and numbers without an exponent */
	QUOTE_SPL,      /* as QUOTE_JQL, and no '*' */
	QUOTE_TEXT,     /* as it is; whoever asks quotes the whole */
	QUOTE_URL       /* a URL, begun in the buffer: a whole one at its start
	                   (config), then host, segments, parameters */
};

/* What the roots stand for; NULL members are missing. */
struct template_env {
	const json_t * config;
	const json_t * schema;     /* config's, to know what is secret */
	const json_t * in;
	const json_t * value;
	const json_t * order;      /* {column, direction, sign, minus} */
	const json_t * lookup;
	const json_t * answer;     /* to the request before */
	const json_t * header;     /* of it, name -> value */
	const json_t * action;     /* {id, at, since} */
	int64_t now_ms;
	const char * service;      /* {{service}}: the entity's, or NULL */
	/* {{token.base_url}}: where the service is, or NULL. */
	const char * token_base;
	/* What is known only when a request is sent (token, jwt, method, url, body,
	 * timestamp, signature) stands for itself, as secrets do: it is filled in
	 * then. */
	int late;
	/* For EXPLAIN: what an input, an answer or the like will only tell later is
	 * written as its name in braces, "{repo}", wherever it goes.  What is that
	 * name already stands for itself. */
	int shows;
	/*
	 * Resolves what secret fields refer to; NULL: the reference itself is
	 * written ("***" for what is none), for EXPLAIN and messages.
	 */
	const struct secrets * secrets;
	/* Secrets are written as references between TEMPLATE_MARK and
	 * TEMPLATE_MARK_END, to be resolved later; values that hold these
	 * bytes are refused. */
	int mark;
};
#define TEMPLATE_MARK '\001'
#define TEMPLATE_MARK_END '\002'

/** template_check(t, schema, inputs, e): Whether ${t} is well formed and speaks
 * only of what the config schema ${schema} has, of the ${inputs} (an object or
 * array of names; NULL: none), and of the other roots.  0 or -1 (config, naming
 * what is wrong, with did-you-mean). */
int template_check(const char * t, const json_t * schema,
    const json_t * inputs, struct err * e) MUST_CHECK;

/** template_knows(t, env): Whether all that ${t} speaks of is there. */
int template_knows(const char * t, const struct template_env * env);

/** template_expand(t, env, quote, out, e): Append ${t} with its values, each
 * quoted as ${quote} says.  0 or -1 (config "template", naming the missing path;
 * "secret"). */
int template_expand(const char * t, const struct template_env * env,
    enum template_quote quote, struct buf * out, struct err * e) MUST_CHECK;

/**
 * template_json(t, env, e):
 * A copy of the JSON value ${t} with the templates in its strings expanded: a
 * string that is one template alone takes the value with its type.  Keys of
 * objects whose value is one template that is missing are left out (an action's
 * optional arguments; keys may be templates, too), as are "key?" if anything within is missing and objects
 * of which nothing is left; elsewhere what is missing is an error.  The caller owns it, and wipes nothing:
 * bodies with secrets are written by request_send alone.  NULL with ${e}.
 */
json_t * template_json(const json_t * t, const struct template_env * env,
    struct err * e) MUST_CHECK;

/** template_uses(t, path): Whether a string in the JSON value ${t} (NULL: no)
 * speaks of ${path} ("in.repo"). */
int template_uses(const json_t * t, const char * path);
int template_text_uses(const char * t, const char * path);

/** template_has_secret(t, env): Whether a string in ${t} speaks of a field that
 * env->schema says is secret. */
int template_has_secret(const json_t * t, const struct template_env * env);

/** template_has_mark(v): Whether a string anywhere in ${v} would pass for a marked
 * reference. */
int template_has_mark(const json_t * v);

#endif
