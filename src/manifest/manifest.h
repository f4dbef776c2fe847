#ifndef MOLTLER_MANIFEST_MANIFEST_H
#define MOLTLER_MANIFEST_MANIFEST_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "manifest/json_path.h"

/*
 * A manifest describes a type of service: what its configuration may hold, how
 * to sign in, which entities it has, how each is listed, filtered, paged and
 * decoded, and what can be done to it.  It is read once, checked whole, never
 * changed, and counted: a connector holds the manifest it was made with, so a
 * reload does not disturb what runs.  The format is described in
 * docs/manifest; connectors/manifest.schema.json is its JSON Schema.
 *
 * Strings and json_t pointers point into the document.  "Template" is a string
 * (or a JSON value with strings in it) as in template.h.
 */

/* What comes after JSON is read as if it were that. */
enum manifest_decode { DECODE_OPENMETRICS, DECODE_JSON, DECODE_XML,
	DECODE_NDJSON, DECODE_CSV };

enum column_type {
	COLUMN_TEXT, COLUMN_INTEGER, COLUMN_REAL, COLUMN_BOOLEAN,
	COLUMN_TIMESTAMP, COLUMN_LIST, COLUMN_MAP
};

/* How a service writes a time. */
enum time_format { TIME_ISO8601, TIME_EPOCH_S, TIME_EPOCH_MS, TIME_EPOCH_US,
	TIME_STRFTIME };

/* A format of the service's own, of TIME_STRFTIME. */
struct manifest_time {
	const char * format;   /* as strptime() and strftime() take it */
	int64_t zone_ms;       /* what it shows is so much later than UTC */
	int else_null;         /* what is in no such form is nothing */
};

/* Which value a column that is no list takes where its path fans out. */
enum column_pick { PICK_FIRST, PICK_MAX, PICK_MIN };

struct manifest_column {
	const char * name;
	const char * description;   /* or NULL */
	const char * type_name;     /* text, integer, real, boolean, timestamp,
	                               map, list */
	enum column_type type;
	struct json_path * path;    /* in a record; NULL: an input's echo */
	enum time_format time;      /* of a timestamp */
	struct manifest_time own;
	enum column_pick pick;      /* of a path that fans out, which one */
	int text;                   /* a document (Atlassian's) taken as its text */
	int pairs;                  /* a list of names with values taken as a map */
	int is_key;                 /* one of the entity's key */
	int not_null;               /* never NULL, so that the order is the
	                               service's; a key is not_null always */
	const char * lazy;          /* the column of ${ent}->complete that it comes
	                               from, or NULL */
	const json_t * none;        /* a text or integer that the service writes
	                               where there is no value, or NULL */
	int zip;                    /* the path leads to a list, and each of its
	                               elements is a row */
	int nocase;                 /* compares without regard to case */
	int segment;                /* of a text between slashes the one meant: 1
	                               is the first, -1 the last; 0: all of it */
	/*
	 * An input: "col = value" in WHERE gives the value, else dflt does; the
	 * templates of requests read it as {{in.NAME}}, and each row shows it
	 * again.  Without a path it is a hidden column.
	 */
	int is_input;
	const char * dflt;          /* a template over config, or NULL; a list has
	                               the entity listed once for each */
};

/* What a statement may ask of a column, as bits. */
enum push_op {
	OP_EQ = 1 << 0, OP_NE = 1 << 1, OP_IN = 1 << 2,
	OP_LT = 1 << 3, OP_LE = 1 << 4, OP_GT = 1 << 5, OP_GE = 1 << 6,
	OP_PREFIX = 1 << 7,    /* LIKE 'x%' */
	OP_SUBSTR = 1 << 8,    /* LIKE '%x%' */
	OP_CONTAINS = 1 << 9,
	OP_IS_NULL = 1 << 10, OP_NOT_NULL = 1 << 11
};
#define OP_COUNT 12

/* Where something goes in a request. */
enum param_where { IN_QUERY, IN_HEADER, IN_BODY, IN_CLAUSE };

enum push_many { MANY_ONE, MANY_CSV, MANY_REPEAT };

/*
 * One way to let the service filter.  What it sends then must be at least what
 * the predicate selects: everything is looked at again here.
 */
struct manifest_push {
	size_t column;         /* its index */
	unsigned ops;          /* enum push_op bits */
	enum param_where where;
	const char * name;     /* the parameter, header, body path or clause
	                          language ("jql") */
	const char * text;     /* a template of {{value}}; NULL: the value */
	const json_t * values; /* SQL value -> service's; others stay here.
	                          NULL: any */
	const json_t * add;    /* a JSON template of {{value}}, put at the end of the
	                          list at ${name} in the body; NULL: no list */
	const char * pattern;  /* POSIX extended: other texts stay here; or NULL */
	const json_t * except; /* values the service reads otherwise, which stay
	                          here; NULL: none */
	enum push_many many;   /* an IN list, or several CONTAINS */
	size_t most;           /* no more values than these; 0: any */
	enum time_format time;
	struct manifest_time own;
	int64_t widen_ms;      /* the bound is moved outwards by so much */
	int64_t round_ms;      /* and outwards to a multiple of this; 0: 1 s */
	int64_t within_ms;     /* used only for a time not longer ago; 0: any */
	int64_t span_ms;       /* only beside a bound of the other side that is no
	                          further away and goes down so, too; 0: any */
	const json_t * with;   /* name -> template or null: query parameters
	                          that go along, or NULL */
	int loose;             /* the service may send more than was asked: no
	                          smaller pages for a LIMIT */
	int caps;              /* using it makes ${list}->max_rows apply */
	const char * range;    /* between the bounds of both sides, sent as one;
	                          NULL: they are not */
};

/* A clause language: one text put together of what is pushed. */
struct manifest_clause {
	const char * language;   /* decides quoting: "jql", "query",
	                            "entity", "selector", "soql",
	                            "spl" */
	enum param_where where;  /* IN_QUERY or IN_BODY */
	const char * name;
	const char * joiner;     /* " AND " */
	const char * always;     /* a template, or NULL: a first clause; left out
	                            if what it needs is missing */
	const char * empty;      /* the text if no clause came, or NULL: nothing */
	const char * order;      /* " ORDER BY {{order}}", or NULL */
	const char * limit;      /* " LIMIT {{value}}", or NULL */
};

/* What tells that an answer is not whole: anything at ${path} but nothing, false
 * and what ${fine} holds. */
struct manifest_lack {
	struct json_path * path;
	const json_t * fine;       /* an array */
};

/* ORDER BY of one or more columns. */
struct manifest_order {
	size_t column;
	const char * as;         /* the service's word */
};

enum page_kind {
	PAGE_NONE, PAGE_LINK, PAGE_CURSOR, PAGE_OFFSET, PAGE_NUMBER,
	PAGE_NEXT_URL
};

/* What pagination reads of a body. */
enum body_field {
	BODY_CURSOR, BODY_NEXT_URL, BODY_MORE, BODY_LAST, BODY_TOTAL,
	BODY_TOKEN,
	BODY_FIELDS
};

struct manifest_paginate {
	enum page_kind kind;
	enum param_where where;    /* of param: no IN_CLAUSE */
	const char * param;        /* cursor, offset or page number */
	const char * cursor_header;/* the cursor is in this header, or NULL */
	int is_of_record;          /* BODY_CURSOR is a member of the last record */
	const char * cursor_end;   /* a cursor that says that there is no other, or
	                              NULL */
	struct json_path * field[BODY_FIELDS]; /* NULL: the service has none.
	                              MORE ends the list when not true, LAST when
	                              true, TOTAL when so many records were seen;
	                              TOKEN: from where the next run goes on */
	int first;                 /* the first page's number */
	enum param_where size_where; /* IN_CLAUSE: its limit says it */
	const char * size_param;   /* or the language of that; or NULL */
	int size;                  /* asked for by default */
	int size_max;
	int size_min;              /* fewer it will not have */
	int short_page_ends;       /* fewer raw records than asked for: the last */
	int64_t offset_cap;        /* offset + size, or so many records by a cursor,
	                              may not pass it; 0: none */
	int64_t max_pages;         /* 0: 100000 */
	const char * rel;          /* of a Link header: "next" */
	const json_t * keep;       /* array: of the other parameters only these go
	                              with a cursor; NULL: all */
	const char * base;         /* what a next URL that begins with / follows,
	                              a template; NULL: the host */
};

/* What a call takes of the budgets.  What it costs counts in its buckets; where it
 * has none, in the manifest's own rate.  A rate of OPTIONS counts calls. */
#define MANIFEST_BUCKETS 8
struct manifest_toll {
	unsigned cost;              /* 0 is 1 */
	unsigned buckets;           /* bits: of these, too */
};

/* One way to list an entity.  The first whose inputs are all known is used. */
struct manifest_list {
	const char * name;         /* no two are the same */
	const json_t * needs;      /* array of input names */
	int batch;                 /* so many values of the input that is needed go
	                              in one call; 0: one */
	const char * method;
	const char * url;          /* a template; relative to base_url */
	const json_t * query;      /* name -> template; defaults that a push of
	                              the same name replaces */
	const json_t * headers;    /* name -> template, or NULL */
	const json_t * body;       /* a JSON template, or NULL */
	const json_t * timeout_ms; /* an integer, a template, or NULL */
	struct json_path * records;
	int records_optional;      /* where they are missing there are none */
	struct manifest_lack * lacks;
	size_t nlacks;
	struct manifest_paginate paginate;
	struct manifest_push * pushes;
	size_t npushes;
	struct manifest_clause * clauses;
	size_t nclauses;
	/* ORDER BY: parameters whose templates read {{order.column}},
	 * {{order.direction}}, {{order.sign}} ("-" when descending, else "+"),
	 * {{order.minus}} ("-" when descending, else ""). */
	struct manifest_order * orders;
	size_t norders;
	const json_t * order_query; /* name -> template, or NULL */
	const json_t * order_body; /* path -> a JSON template: the body holds a list
	                              of it there, one a column; or NULL */
	const char * order_asc, * order_desc; /* words for the direction; NULL: the
	                              service does not list so */
	int order_max;              /* columns at once; 0: 1 */
	/* A call for each row of another entity of this type, which gives
	 * inputs: column name of ours -> of theirs. */
	const char * partition;     /* that entity, or NULL */
	const json_t * bind;
	const json_t * where;       /* what is asked of that entity: column ->
	                               value, or NULL */
	unsigned parallel;          /* calls side by side; 0: 4 */
	size_t split;               /* beyond its cap it is read in windows of this
	                               column, less 1; 0: not */
	const json_t * split_query; /* what makes it tell its total, or NULL */
	int64_t split_from;         /* no row is before; INT64_MIN: nobody knows */
	int split_way;              /* 1, -1: how it comes by itself; 0 */
	int64_t max_rows;           /* the service stops there without a word; 0 */
	int only_pushed;           /* used only where it filters by something */
	struct manifest_toll toll;
	int by_token;              /* only syncs use it: what its last page says is
	                              sent at the beginning of the next run */
	const json_t * token_lost; /* statuses that answer a token of an earlier run
	                              where it is forgotten; NULL: 410 */
	int changes_only;          /* of such a one: from its beginning it gives not
	                              all there is, so that is read by the others */
	int revalidate;             /* ETag or Last-Modified are worth keeping */
};

/* What an action is given, also within objects. */
enum arg_type { ARG_STRING, ARG_INTEGER, ARG_NUMBER, ARG_BOOLEAN, ARG_ARRAY,
	ARG_OBJECT, ARG_ANY };
struct manifest_arg {
	const char * name;
	const char * description;
	enum arg_type type;
	int required;
	const char * dflt;          /* a template over config, or NULL */
	const json_t * values;      /* the allowed ones (array), or NULL */
	int64_t max_items;          /* of an array; 0: any */
	struct manifest_arg * fields; /* an object's keys; NULL: any */
	size_t nfields;
	struct manifest_arg * items;  /* what an array holds; NULL: anything */
};

/* How it is learned what became of an action that was only accepted. */
struct manifest_poll {
	const char * url;           /* of the answer, a header of it, ... */
	const char * base;          /* what a url that begins with '/' there
	                               follows; NULL: the host */
	const json_t * when;        /* statuses that only accept; NULL: 202 */
	const json_t * until;       /* path -> values that say it is done, or NULL */
	const json_t * status;      /* statuses that say so; NULL: where there is
	                               no until, any 2xx but 202 */
	const json_t * pending;     /* statuses beside 202 that say: not yet */
	const json_t * failed;      /* path -> values that say it failed, or NULL */
	struct json_path * error_text; /* why, or NULL */
	struct json_path * result;  /* NULL: all of the last answer */
	int64_t every_ms;
};

/* How it is seen whether an action was done of which nobody knows. */
struct manifest_probe {
	const char * method;
	const char * url;
	const json_t * query, * body; /* or NULL */
	struct json_path * records;   /* NULL: the answer itself */
	const json_t * match;         /* path -> template, or NULL */
	const json_t * since;         /* path -> template of the earliest, or NULL */
	const json_t * missing;       /* statuses: it is not there; NULL: 404 */
	struct json_path * result;    /* within the record; NULL: all of it */
	const json_t * unless;        /* arguments with which it sees nothing of
	                                 it, or NULL */
	const char * next;            /* path of what leads to the next page, or
	                                 NULL, ... */
	const char * next_query;      /* ... and the parameter that carries it */
	unsigned pages;               /* at most */
	int is_own;                   /* it matches by {{action.id}}, which nothing
	                                 else has */
	int64_t after_ms;
};

/* How a service is told that it is the same again. */
struct manifest_idempotency {
	enum param_where where;       /* IN_HEADER, IN_QUERY or IN_BODY */
	const char * name;            /* of the header, parameter or path */
	const char * value;           /* template */
	const json_t * when;          /* argument -> the values that it goes
	                                 with; NULL: always */
};

struct manifest_action {
	const char * name;
	const char * description;
	struct manifest_arg * args;
	size_t nargs;
	const char * method;
	const char * url;
	const json_t * query;
	const json_t * headers;
	const json_t * body;        /* a JSON template; keys whose {{in.x}} was not
	                               given are left out */
	/* How it is signed, in place of the manifest's auth; NULL: as all others,
	 * or, where its url is a whole one beside a base_url, not at all. */
	const json_t * auth;
	/* Asked first, e.g. to find a transition's id by its name: its answer is
	 * {{lookup}}: {url, records, match: {path: template}, value: path, unless:
	 * [argument]}; or NULL. */
	const json_t * lookup;
	int lookup_late;            /* only the probe speaks of it: asked before
	                               that */
	struct manifest_poll * poll; /* NULL: the answer is the end of it */
	struct manifest_probe * probe;             /* or NULL */
	struct manifest_idempotency * idempotency; /* or NULL */
	const json_t * success;     /* array of statuses; NULL: any 2xx */
	struct json_path * result;  /* the part of the answer that is the row; NULL:
	                               all of it */
	int text;                   /* the answer is text, whatever it looks like */
	enum manifest_decode decode; /* what it is else */
	const char * base64;        /* a member of the result that is base64 and
	                               shall be text, or NULL */
	struct manifest_toll toll;
	int safe_to_retry;          /* sending it twice does no harm */
	int raw;                    /* a body that is a text is sent as it is,
	                               whatever Content-Type says */
	const char * service;       /* the entity's */
};

struct manifest_entity {
	const char * name;
	const char * description;
	int is_main;
	int hidden;                 /* only a partition's parent */
	const char * service;       /* which of a cloud's it belongs to, as
	                               {{service}} has it; or NULL */
	enum manifest_decode decode;
	unsigned retry_count;
	int retry_base_ms;
	struct manifest_column * columns;
	size_t ncolumns;
	struct manifest_list * lists;
	size_t nlists;
	struct json_path * explode;   /* within a record: one row an element */
	struct json_path * drop_if;   /* records that have it are no rows */
	struct json_path * keep_if;   /* records without ${keep_text} there are no
	                                 rows; NULL: all are */
	const char * keep_text;
	struct manifest_action * actions;
	size_t nactions;
	/* Where columns that are lazy come from: an entity that is listed for the
	 * rows of a page, where one of them is wanted; or NULL. */
	const char * complete;
	const char * complete_input;  /* that entity's input, which is told ... */
	size_t complete_key;          /* ... the value of this column of ours */
	int complete_match;           /* its rows are ours ... */
	size_t complete_own;          /* ... whose column of these ... */
	size_t complete_their;        /* ... says what this one of theirs does */
	const json_t * cursor;        /* for syncs: {column, order, ...} or NULL */
	int cursor_token;             /* it is the service's token; the column says
	                                 what INCREMENTAL ON names it by */
	int cursor_per_part;          /* each partition has its own */
	size_t deleted;               /* less 1 the column that says that the
	                                 service has deleted it; 0: none */
	const json_t * deleted_is;    /* the text or boolean there that says so; NULL:
	                                 true, or any time */
};

/* REFRESH: the token is refused; another is fetched.  CLOCK: our clock is not the
 * service's; it is signed once more, with its. */
enum error_do { DO_FAIL, DO_RETRY, DO_RATE_LIMITED, DO_EMPTY, DO_SKIP,
	DO_REFRESH, DO_START_OVER, DO_CLOCK,
	DO_SPLIT_WINDOW };

/* One rule; the first that matches decides.  Within an answer that matches
 * none, the usual classes of err_from_http() hold. */
struct manifest_error {
	const json_t * status;      /* array of integers and "4xx"; NULL: any that
	                               is not 2xx */
	const json_t * headers;     /* name -> value or "*" (present), or NULL */
	struct json_path * path;    /* in the body, or NULL */
	const json_t * equals;      /* what stands there; NULL: anything */
	const char * contains;      /* within the body's text (case ignored), or
	                               NULL */
	enum error_do what;         /* SKIP: this partition */
	int then_skip;              /* of DO_RETRY, DO_FAIL: the partition, once all tries
	                               are used */
	enum err_class cls;         /* of DO_FAIL */
	const char * code;          /* or NULL: "http_<status>" */
	const char * message;       /* what to do next, or NULL */
	int64_t wait_ms;            /* of DO_RATE_LIMITED where nothing says how
	                               long; 0: 60 s */
};

enum reset_unit { RESET_DELTA_S, RESET_EPOCH_S, RESET_EPOCH_MS, RESET_EPOCH_US,
	RESET_ISO8601, RESET_DURATION };

/* A budget: the connector's own, or a bucket of "limits". */
struct manifest_limits {
	const char * name;          /* of a bucket; NULL: the connector's own */
	double rate;                /* requests a second; 0: no bound */
	double burst;
	unsigned concurrency;       /* calls side by side, of all that share it in
	                               this process; 0: 4 of a statement */
	const char * limit;         /* header names ("NAME;MEMBER": one of what
	                               it holds), or NULL */
	const char * remaining;
	const char * reset;
	const char * usage;         /* one that says "name=used/limit" */
	enum reset_unit unit;
	int64_t reserve;            /* so many calls are left to others, ... */
	int reserve_percent;        /* ... or so much of the limit */
	const json_t * when;        /* of a bucket: config key -> values with which
	                               it is there; NULL: always */
	const char * scope;         /* a template: who shares the budget; NULL: the
	                               connector */
};

struct manifest {
	unsigned refs;
	uint64_t serial; /* no other one that was read has it */
	json_t * doc; /* everything below points into it */
	const char * type;
	const char * title;
	const char * description;
	const char * drive_model;   /* "periodic" or "on_demand" */
	const json_t * config;      /* key -> field schema */
	const json_t * auth;        /* or NULL */
	const char * base_url;      /* a template, or NULL: urls are whole */
	int is_base_of_token;       /* it begins with {{token.base_url}} */
	const char * base_url_or;   /* the one where that misses something */
	const json_t * headers;     /* of every request, or NULL */
	int form_numbered;          /* what is nested in a form is named by where it
	                               stands: Filter.1.Name */
	const json_t * error_text;  /* array of paths tried for a service's own
	                               words, or NULL */
	struct json_path ** error_paths;
	size_t nerror_paths;
	struct manifest_limits limits;
	struct manifest_limits * buckets;
	size_t nbuckets;
	unsigned every_bucket;      /* bits: each call takes of these */
	struct manifest_error * errors;
	size_t nerrors;
	struct manifest_entity * entities;
	size_t nentities;
	const struct manifest_entity * main; /* or NULL */
	/* The cheap authenticated call: an entity, or a request of its own. */
	const char * test_entity;   /* or NULL */
	const char * test_url;      /* or NULL */
	const char * test_method;
	const char * test_service;  /* {{service}} there, or NULL */
	const json_t * test_headers; /* name -> template, or NULL */
	struct manifest_toll test_toll;
	const json_t * test_body;   /* a JSON template, or NULL */
	const json_t * test_expect; /* path -> value that must be there, or NULL */
};

/* Where the faults go, one call a fault; ${path} is a JSON path ("$.entities
 * .issues.lists[0].url"), ${msg} says what is wrong and what would be right. */
typedef void manifest_fault_cb(void * arg, int is_warning, const char * path,
    const char * msg);

/**
 * manifest_parse(s, n, file, e):
 * Read the manifest in the ${n} bytes at ${s}; ${file} names it in errors.
 * The caller owns a reference.  Errors: config, with the file and the JSON
 * path of the first fault.
 */
struct manifest * manifest_parse(const char * s, size_t n, const char * file,
    struct err * e) MUST_CHECK;

/**
 * manifest_check(s, n, file, fault, arg, e):
 * As manifest_parse, but tell every fault and every known mistake
 * (warnings) through ${fault}.  NULL with ${e} if there was a fault.
 */
struct manifest * manifest_check(const char * s, size_t n, const char * file,
    manifest_fault_cb * fault, void * arg, struct err * e) MUST_CHECK;

struct manifest * manifest_ref(struct manifest * m);
void manifest_unref(struct manifest * m); /* NULL is a no-op */

/** manifest_entity(m, name): The entity (borrowed), or NULL.  Any case. */
const struct manifest_entity * manifest_entity(const struct manifest * m,
    const char * name);

/** manifest_column(ent, name): Its index, any case; -1: there is none. */
int manifest_column(const struct manifest_entity * ent, const char * name);

/** manifest_action(ent, name): The action (borrowed), or NULL.  Any case. */
const struct manifest_action * manifest_action(
    const struct manifest_entity * ent, const char * name);

/** manifest_arg_fits(v, type): Whether ${v} can be an argument of that type. */
int manifest_arg_fits(const json_t * v, enum arg_type type);

#endif
