#ifndef MOLTLER_CONN_REQUEST_H
#define MOLTLER_CONN_REQUEST_H

#include <jansson.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "conn/connector.h"
#include "conn/plan.h"
#include "net/http.h"

/*
 * A request as it will be sent, but for the secrets: what may be shown, logged and
 * taken as a cache's key.  request_sign() adds the secrets at each sending.
 */
struct request {
	struct connector * c;  /* a reference */
	const json_t * auth;   /* the manifest's section that was chosen, or NULL */
	const char * method;   /* the manifest's */
	char * url;
	char ** headers;       /* "Name: value", NULL-terminated, ... */
	size_t nheaders;       /* ... with room for REQUEST_SIGN_MAX more */
	/* Headers with secrets: what is between TEMPLATE_MARKs is a reference,
	 * and what follows REQUEST_BASE64 goes as base64.  Worked out once, as
	 * scrapes sign the same request again and again. */
	struct request_line {
		const char * what; /* for errors; NULL: the header's name */
		char * line;
		int in_query;      /* "name=", and a parameter's value */
	} * sign;
	size_t nsign;
	/* What a signature is made of: name -> text with references as above; or
	 * NULL. */
	json_t * proof;
	int is_refused;        /* also with what was fetched anew for it */
	char * token_key;      /* what has to be fetched before it is sent
	                          (token.h), or NULL */
	size_t nbase;          /* so much of ${url} is where the token says the
	                          service is; 0: nothing */
	char * body;           /* or NULL */
	size_t body_len;
	json_t * body_secret;  /* a body that holds such references, written
	                          when sending instead of ${body}, or NULL */
	int64_t timeout_ms;
	int body_form;         /* it is written as a form */
	int no_compress;       /* a loopback server: unpacking costs more than
	                          the bytes */
};
#define REQUEST_SIGN_MAX 8 /* headers that signing may add */
#define REQUEST_BASE64 '\003'

/* Where paging stands. */
struct page_pos {
	const char * cursor;   /* NULL: the first page */
	const char * next_url; /* whole; NULL: none */
	int64_t offset;        /* records seen */
	int64_t number;        /* pages seen */
	int size;              /* records to ask for; 0: the manifest's */
	int shows;             /* it is only shown: inputs that are their own names
	                          in braces stay so */
};

/* What an action's requests may speak of beside its arguments. */
struct request_given {
	const json_t * lookup; /* what the lookup found, or NULL */
	const json_t * own;    /* {{action.id}} and its like, or NULL */
	/* What was answered, and to which URL, for request_poll(). */
	const json_t * answer;
	const struct http_res * res;
	const char * url;
	const char * next;     /* what leads to a probe's next page, or NULL */
	int shows;             /* they are only shown, what an answer will tell as
	                          its name in braces */
};

/**
 * request_prepare(c, ent, e): The one request of ${ent}'s first list without
 * inputs or predicates, for scrapes and tests of a connection.
 * request_page(p, in, pos, e): The request for the page at ${pos} of ${p} with
 * inputs ${in}.
 * request_test(c, e): The manifest's test call.
 * request_action(c, act, args, given, e): An action's; ${args} checked before,
 * with defaults; ${given} may be NULL.
 * request_lookup(c, act, args, e): The call an action asks first; its path
 * templates as above.
 * request_probe(c, act, args, given, e): The call that tells whether it is there.
 * request_can_probe(c, act, args, given): Whether there is all that its url speaks of.
 * request_poll(c, act, args, given, e): The call that tells what became of it; code
 * "no_url" where the answer does not say whom to ask.
 * Errors: config "template", "secret"; permanent "page_host" (a next page on
 * another host: named, not asked), "too_big".  The caller owns it.
 */
struct request * request_prepare(struct connector * c,
    const struct manifest_entity * ent, struct err * e) MUST_CHECK;
struct request * request_page(const struct plan * p, const json_t * in,
    const struct page_pos * pos, struct err * e) MUST_CHECK;
struct request * request_test(struct connector * c, struct err * e) MUST_CHECK;
struct request * request_action(struct connector * c,
    const struct manifest_action * act, const json_t * args,
    const struct request_given * given, struct err * e) MUST_CHECK;
struct request * request_poll(struct connector * c,
    const struct manifest_action * act, const json_t * args,
    const struct request_given * given, struct err * e) MUST_CHECK;
struct request * request_probe(struct connector * c,
    const struct manifest_action * act, const json_t * args,
    const struct request_given * given, struct err * e) MUST_CHECK;
int request_can_probe(struct connector * c, const struct manifest_action * act,
    const json_t * args, const struct request_given * given);
struct request * request_lookup(struct connector * c,
    const struct manifest_action * act, const json_t * args, struct err * e)
    MUST_CHECK;
void request_free(struct request * r); /* NULL is a no-op */

/* What was fetched for a request; NULL where there is none. */
struct token_value {
	const char * text;
	const char * base_url; /* without a slash at its end */
	const char * access_key, * secret_key, * session_token;
	int64_t delta_ms;      /* the service's clock less ours */
	int64_t serial;        /* no other one of this process has it */
};

/* What a signature may need. */
struct request_vars {
	const struct secrets * secrets; /* NULL: there are none */
	const struct token_value * token;     /* NULL: none was fetched */
	const char * jwt;
	int64_t now_ms;
};

/* The secrets of one sending; wiped by request_unsign(). */
struct request_signed {
	struct buf lines[REQUEST_SIGN_MAX]; /* header lines */
	size_t n;
	struct buf url;        /* if there are parameters with secrets */
	struct buf body;       /* if body_secret */
};

/**
 * request_sign(r, secrets, out, e):
 * Put what signs ${r} into ${out}.  Errors: config "secret", beginning "token
 * resolve: ", "password resolve: " or "NAME resolve: " for another header.
 * request_sign_with(r, vars, out, e): The same for any kind of auth.
 * request_fill(r, s, hr): Point ${hr} at the request and its signature (all
 * borrowed until http_start has copied them; ${s} NULL: unsigned).
 * request_unsign(r, s): Take the signature's lines out of ${r} and wipe ${s}.
 */
int request_sign(const struct request * r, const struct secrets * s,
    struct request_signed * out, struct err * e) MUST_CHECK;
int request_sign_with(const struct request * r, const struct request_vars * v,
    struct request_signed * out, struct err * e) MUST_CHECK;
void request_fill(struct request * r, struct request_signed * s,
    struct http_req * hr);
void request_unsign(struct request * r, struct request_signed * s);

/** request_show(r, out): As a person reads it: method, URL, headers with
 * signatures as their references, body.  For EXPLAIN.  request_show_url(r, out):
 * The URL alone, without a password in it. */
void request_show(const struct request * r, struct buf * out);
void request_show_url(const struct request * r, struct buf * out);

/** request_hide(r, url): Take the parameters out of ${url} whose values signing adds:
 * a service may give them back in the URL of its next page. */
void request_hide(const struct request * r, char * url);

/** request_key(r, out): A text by which equal requests of connectors with equal
 * configurations can be told; holds no secret. */
void request_key(const struct request * r, struct buf * out);

#endif
