#ifndef MOLTLER_CONN_REQUEST_BUILD_H
#define MOLTLER_CONN_REQUEST_BUILD_H

#include <jansson.h>

#include "conn/request.h"
#include "manifest/template.h"

/* What request*.c share: a request that is being put together. */

#define REQUEST_MAX_URL 65536
#define REQUEST_MAX_TEXT ((size_t)4 << 20)

struct request_build {
	struct request * r;
	struct template_env env;
	struct buf url;      /* without ${query} */
	json_t * query;      /* name -> text, or a list of texts */
	json_t * headers;    /* name -> text, marked as template.h says */
	json_t * body;       /* or NULL */
	int body_marked;     /* it was made with marks */
	int raw;             /* a text in it is sent as it is */
	const json_t * auth; /* how it is signed: the manifest's, unless changed */
};

/**
 * request_build_begin(b, c, config, in, e): Start; ${config} and ${in} are borrowed
 * until the end.
 * request_build_url(b, t, e): The URL: base_url and ${t}.
 * request_build_params(b, t, e): Parameters of templates; those that are one
 * template that is missing are left out, as are "name?" if anything is.
 * request_build_headers(b, t, e): Headers, the same.
 * request_build_body(b, t, e): The body.
 * request_build_end(b, method, ok, e): The request, or NULL with ${e} (also if not
 * ${ok}); all else is freed.
 */
int request_build_begin(struct request_build * b, struct connector * c,
    const json_t * config, const json_t * in, struct err * e) MUST_CHECK;
int request_build_url(struct request_build * b, const char * t, struct err * e)
    MUST_CHECK;
int request_build_params(struct request_build * b, const json_t * t,
    struct err * e) MUST_CHECK;
int request_build_headers(struct request_build * b, const json_t * t,
    struct err * e) MUST_CHECK;
int request_build_body(struct request_build * b, const json_t * t,
    struct err * e) MUST_CHECK;
struct request * request_build_end(struct request_build * b,
    const char * method, int ok, struct err * e);

/** request_build_text(b, t, place, v, out, e): The template ${t} into ${out} as
 * template_expand() does, where ${*place}, of b->env, is ${v} (taken; NULL: there is no
 * memory). */
int request_build_text(struct request_build * b, const char * t,
    const json_t ** place, json_t * v, struct buf * out, struct err * e)
    MUST_CHECK;

/** request_build_timeout(b, t, e): From a manifest's timeout_ms, or the usual. */
int request_build_timeout(struct request_build * b, const json_t * t,
    struct err * e) MUST_CHECK;

/**
 * request_build_set(b, where, name, v, e): Put ${v} (taken; a scalar or a list of
 * them) into parameter, header or body path ${name}, in place of what is there.
 */
int request_build_set(struct request_build * b, enum param_where where,
    const char * name, json_t * v, struct err * e) MUST_CHECK;

/** request_build_add(b, path, v, e): Put ${v} (taken) at the end of the list at
 * ${path} in the body; in a path a number is a place in a list. */
int request_build_add(struct request_build * b, const char * path, json_t * v,
    struct err * e) MUST_CHECK;

/** request_form_texts(v): A scalar as text, or a list of scalars as texts; a new
 * reference.  NULL: it is neither, or no memory. */
json_t * request_form_texts(const json_t * v);

/** request_form_fields(body, numbered, fields, e): Put what the object ${body} says
 * into ${fields}: name -> text, or a list of texts.  ${numbered}: what is nested is
 * named by where it stands, {"Filter": [{"Name": "x"}]} as Filter.1.Name=x. */
int request_form_fields(const json_t * body, int numbered, json_t * fields,
    struct err * e) MUST_CHECK;

/** request_url_form(out, fields): "a=b&c=d", the body of a form; lists repeat. */
void request_url_form(struct buf * out, const json_t * fields);

/** request_url_query(out, query): Append "?a=b&c=d" (or "&...").
 * request_url_resolve(own, next, out, e): ${next} as an URL whole, if it is on the
 * host ${own} is on; else permanent "page_host". */
void request_url_query(struct buf * out, const json_t * query);
int request_url_resolve(const char * own, const char * next, struct buf * out,
    struct err * e) MUST_CHECK;

/** request_url_names(url, in): The names in braces that env.shows speaks of, of
 * ${in} or an action's, stand in ${url} as they are. */
void request_url_names(char * url, const json_t * in);

/** request_clauses(b, p, in, size, e): The texts of p->list's clause languages, for a
 * page of ${size} records. */
int request_clauses(struct request_build * b, const struct plan * p,
    const json_t * in, int64_t size, struct err * e) MUST_CHECK;

/** request_push(b, p, in, e): What predicates and inputs send by the pushes of
 * p->list, but for clauses.  Errors: permanent "input".
 * request_push_input(p, col, in, rule): What an optional input that is told sends
 * by ${rule}.  NULL: nothing, or (${*rule} set) it cannot be sent. */
int request_push(struct request_build * b, const struct plan * p,
    const json_t * in, struct err * e) MUST_CHECK;
json_t * request_push_input(const struct plan * p, size_t col,
    const json_t * in, const struct manifest_push ** rule);

/** request_order(p, i): {column, direction, sign, minus} of the ${i}-th pushed
 * order; NULL: no memory.
 * request_order_query(b, p, e), request_order_body(b, p, e): What all of them say in
 * parameters, in the body. */
json_t * request_order(const struct plan * p, size_t i);
int request_order_query(struct request_build * b, const struct plan * p,
    struct err * e) MUST_CHECK;
int request_order_body(struct request_build * b, const struct plan * p,
    struct err * e) MUST_CHECK;

/** request_sign_json(v, vars, out, e): Write ${v} with its marked references
 * resolved, or (${vars} NULL) shown.  request_sign_form: an object, as a form. */
struct sign_vars;
int request_sign_json(const json_t * v, const struct sign_vars * vars,
    struct buf * out, struct err * e) MUST_CHECK;
int request_sign_form(const json_t * v, const struct sign_vars * vars,
    struct buf * out, struct err * e) MUST_CHECK;

/* What references stand for at one sending. */
struct sign_vars {
	const struct request_vars * v;
	const char * method;
	const char * url;
	const char * body;
	const char * signature;
	char timestamp[24];
};

/** request_sign_text(s, vars, in_header, out, e): Append ${s} with its references
 * resolved. */
int request_sign_text(const char * s, const struct sign_vars * vars,
    int in_header, struct buf * out, struct err * e) MUST_CHECK;

/**
 * request_proof_text(r, vars, out, e): The {{signature}} of the manifest's kind
 * "signature".  request_proof_sigv4(r, vars, out, e): Add AWS's lines to those of
 * ${out}, whose URL and body are done.
 */
int request_proof_text(const struct request * r, const struct sign_vars * vars,
    struct buf * out, struct err * e) MUST_CHECK;
int request_proof_sigv4(const struct request * r, struct sign_vars * vars,
    struct request_signed * out, struct err * e) MUST_CHECK;

/** request_auth_base(b, e): Set env.token_base, if the service is where a token's
 * answer says: the last one's, or a name to be replaced when it is sent. */
int request_auth_base(struct request_build * b, struct err * e) MUST_CHECK;

/** request_auth(b, auth, e): Work out what the auth section needs. */
int request_auth(struct request_build * b, const json_t * auth,
    struct err * e) MUST_CHECK;

#endif
