#ifndef MOLTLER_MANIFEST_MREAD_H
#define MOLTLER_MANIFEST_MREAD_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "manifest/json_path.h"
#include "manifest/manifest.h"

/*
 * Reading a manifest's document: where we are in it, and what was wrong so far.
 * A fault is told and reading goes on, so that all of them are found; each
 * reader gives something harmless (NULL, the default) in place of what is bad.
 */
struct mread {
	struct manifest * m;
	manifest_fault_cb * fault;  /* or NULL */
	void * arg;
	struct err * e;             /* the first fault */
	size_t nfaults;
	char path[512];             /* "$.entities.issues" */
	size_t len;
};

/* What a template at some place may speak of. */
enum mread_root {
	ROOT_CONFIG = 1 << 0, ROOT_IN = 1 << 1, ROOT_VALUE = 1 << 2,
	ROOT_ORDER = 1 << 3, ROOT_NOW = 1 << 4, ROOT_LOOKUP = 1 << 5,
	ROOT_TOKEN = 1 << 6, ROOT_JWT = 1 << 7, ROOT_SIGN = 1 << 8,
	ROOT_ANSWER = 1 << 9, ROOT_SERVICE = 1 << 10, ROOT_ACTION = 1 << 11
};
struct mread_scope {
	unsigned roots;             /* enum mread_root bits */
	const json_t * inputs;      /* object or array of names for {{in.X}} */
};

/* The objects of the format, each with the keys it may have. */
enum mread_kind {
	KEYS_MANIFEST, KEYS_FIELD, KEYS_UNLESS, KEYS_AUTH, KEYS_LIMITS,
	KEYS_LIMIT_HEADERS, KEYS_ERROR, KEYS_TEST, KEYS_ENTITY, KEYS_RETRY,
	KEYS_CURSOR, KEYS_COLUMN, KEYS_LIST, KEYS_PAGINATE, KEYS_SIZE,
	KEYS_PUSH, KEYS_STRFTIME, KEYS_STRPTIME, KEYS_CLAUSE,
	 KEYS_ORDER, KEYS_PARTITION, KEYS_SPLIT,
	KEYS_ACTION, KEYS_ARG, KEYS_LOOKUP, KEYS_JWT, KEYS_AUTH_REQUEST,
	KEYS_AUTH_BASIC, KEYS_ROTATES, KEYS_ASSUME_ROLE, KEYS_SIGN,
	KEYS_COMPLETE, KEYS_KEEP, KEYS_POLL, KEYS_PROBE, KEYS_IDEMPOTENCY,
	KEYS_BUCKET, KEYS_LIST_TOKEN, KEYS_DELETED
};

/** mread_keys_of(kind, name): The NULL-ended keys of ${kind}, whose name in the
 * JSON Schema's $defs goes to *${name}; NULL past the last kind. */
const char * const * mread_keys_of(size_t kind, const char ** name);

/** mread_enter(r, key) / mread_enter_index(r, i): Go one down; give the result
 * to mread_leave() to come back. */
size_t mread_enter(struct mread * r, const char * key);
size_t mread_enter_index(struct mread * r, size_t i);
void mread_leave(struct mread * r, size_t at);

/** mread_fault(r, key, fmt, ...) / mread_warn(...): Tell a fault or a known
 * mistake at ${key} below where we are; NULL: just here. */
void mread_fault(struct mread * r, const char * key, const char * fmt, ...)
    __attribute__((format(printf, 3, 4)));
void mread_warn(struct mread * r, const char * key, const char * fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** mread_alloc(r, n, size): ${n} zeroed things of ${size}; NULL (a fault) when
 * out of memory.  ${n} may be 0: NULL. */
void * mread_alloc(struct mread * r, size_t n, size_t size);

/* A text for whoever reads the file; any object of the format may have one. */
#define MREAD_COMMENT "$comment"

/** mread_is_object(r, v, kind): Whether ${v} is an object; if so, its keys are
 * checked too.  Else a fault. */
int mread_is_object(struct mread * r, const json_t * v, enum mread_kind kind);

/* Each reads ${key} of ${o}; what is missing is a fault only if ${required}. */
const char * mread_str(struct mread * r, const json_t * o, const char * key,
    int required);
const json_t * mread_map(struct mread * r, const json_t * o, const char * key,
    int required);
const json_t * mread_list(struct mread * r, const json_t * o,
    const char * key, int required);
int mread_bool(struct mread * r, const json_t * o, const char * key);
int64_t mread_int(struct mread * r, const json_t * o, const char * key,
    int64_t dflt, int64_t min, int64_t max);
double mread_num(struct mread * r, const json_t * o, const char * key,
    double dflt, double min, double max);
struct json_path * mread_path(struct mread * r, const json_t * o,
    const char * key, int required);

/** mread_word(r, o, key, words, dflt): The index in the NULL-ended ${words};
 * ${dflt} if it is missing (-1: that is a fault) or wrong (a fault). */
int mread_word(struct mread * r, const json_t * o, const char * key,
    const char * const * words, int dflt);

/** mread_method(r, o, methods, dflt): The key "method". */
const char * mread_method(struct mread * r, const json_t * o,
    const char * const * methods, const char * dflt);

/** mread_unknown(r, key, what, word, candidates, n): A fault: ${word} is no
 * ${what}; names the nearest of ${candidates}. */
void mread_unknown(struct mread * r, const char * key, const char * what,
    const char * word, const char * const * candidates, size_t n);

/** mread_text_ok(r, key, t, s): Check the template ${t} that stands at ${key}
 * (NULL: here). */
void mread_text_ok(struct mread * r, const char * key, const char * t,
    const struct mread_scope * s);

/** mread_template(r, o, key, required, s): A string that is a template. */
const char * mread_template(struct mread * r, const json_t * o,
    const char * key, int required, const struct mread_scope * s);

/** mread_url(r, o, key, required, s): The same, of a URL: whole, or after the
 * base URL. */
const char * mread_url(struct mread * r, const json_t * o, const char * key,
    int required, const struct mread_scope * s);

/** mread_body(r, o, key, s): Any JSON with templates in its strings. */
const json_t * mread_body(struct mread * r, const json_t * o,
    const char * key, const struct mread_scope * s);

/** mread_params(r, o, key, is_header, s): An object name -> template, or NULL. */
const json_t * mread_params(struct mread * r, const json_t * o,
    const char * key, int is_header, const struct mread_scope * s);

#endif
