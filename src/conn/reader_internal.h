#ifndef MOLTLER_CONN_READER_INTERNAL_H
#define MOLTLER_CONN_READER_INTERNAL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "conn/answer_rules.h"
#include "conn/limits.h"
#include "conn/reader.h"
#include "conn/request.h"
#include "conn/result_cache.h"
#include "conn/scrape.h"
#include "conn/send.h"
#include "decode/decode_json.h"

/*
 * A reader is a row of parts, each one listing with its own inputs; a part has
 * at most one call under way and holds at most one page.  All that happens
 * ends in reader_soon(): one function, from the soon queue, looks at what there
 * is and goes on, so that nothing of the reader is on the stack of a library
 * and the owner may close it from the callback.
 */

/* An answer the shared cache keeps for If-None-Match (reader_kept.c). */
struct reader_kept {
	char key[80];      /* "": not asked for */
	struct reader_kept_ask * ask; /* under way */
	json_t * v;        /* {etag, last_modified, body, link, cursor}, or NULL */
};

enum call_state { CALL_NEW, CALL_KEPT, CALL_PERMIT, CALL_SENT, CALL_BACKOFF,
	CALL_DONE };

/* The call for one page of a part, retries included. */
struct reader_call {
	struct reader_part * part;
	enum call_state state;
	struct request * req;
	struct reader_kept kept;
	char etag_ask[80];         /* what is asked, where it stands for a list; "" */
	int asks_change;           /* whether anything changed, of a sync */
	struct limit_wait * permit; /* waited for, or held while it is sent */
	struct send * sent;
	struct scrape * scrape;
	struct loop_timer * timer;
	struct soon soon;
	struct err e;              /* for the soon queue */
	unsigned tries;            /* sent so far */
	unsigned limited;          /* answers that said "later" */
	/* of the answer that comes */
	struct decode_json * decoder;
	struct buf body;           /* a copy, if somebody will look at it */
	int copy;
	int has_failed;            /* e tells: before anything could be read */
	int bad_page;              /* the decoder will tell */
};

/* What an answer gave. */
struct reader_answer {
	struct page * page;        /* taken by whom it is given */
	const struct decode_body * body; /* or NULL */
	const char * link;         /* Link header, or NULL */
	const char * cursor;       /* the cursor's header, or NULL */
	const char * url;
	uint64_t hash;
	int is_end;                /* nothing comes after it */
};

/* Where a page of a list is. */
struct reader_place {
	char * cursor, * next_url;
	int64_t offset, number;
};

/* Why a page is asked for that was read before: its rows are compared. */
enum part_check {
	CHECK_NOT,
	CHECK_SEAM,    /* the next one came: has anything moved meanwhile? */
	CHECK_RESUME   /* an earlier run read it as its last */
};

/* Rows of a list that were given, for when it turns out that it has to be split. */
struct reader_seen {
	struct reader_seen_row {
		uint64_t key;      /* a hash */
		int64_t at;        /* in the order of the split's column */
	} * rows;
	size_t n, cap;
	int64_t last;
	int rises, falls;          /* some are after, before the one before */
	int is_lost;               /* they are not all there */
};

enum part_state { PART_READY, PART_CALL, PART_HELD, PART_FAILED, PART_DONE };

struct reader_part {
	struct reader * r;
	struct reader_part * next;
	json_t * in;
	enum part_state state;
	struct reader_call * call;
	struct page * page;        /* held */
	int is_last;               /* after the held page there is none, ... */
	int has_failed;            /* ... or e */
	struct err e;
	/* reader_paginate.c: where it stands */
	char * cursor, * next_url;
	int64_t offset, number;
	int size;                  /* asked for; 0: the manifest's */
	int is_wide;               /* asks without what may widen */
	int is_out;                /* rows of it were given */
	int is_left;               /* the rest of it is left out */
	unsigned overs;            /* so often it was begun anew */
	uint64_t hash;             /* of the page before */
	uint64_t place;            /* a page and where it led, ... */
	int64_t place_at;          /* ... by number; 0: none */
	int has_total;             /* it told one; counted */
	int64_t told;              /* with its first page; -1 */
	uint64_t lacks;            /* records it ended without; */
	uint64_t lacked;           /* those that were counted */
	struct reader_split * split; /* read in windows; or NULL */
	int is_late;               /* after rows of it were given */
	int has_read;              /* some windows of it were, others may be left out */
	struct reader_seen seen;
	/* reader_sync.c, for syncs */
	json_t * etag;             /* of its first page, until that is taken */
	uint64_t index;            /* parts before it */
	uint64_t chain, in_hash;   /* of their inputs, and of its own */
	struct reader_place here;  /* of the page that is asked for */
	struct reader_place last;  /* of the page before, ... */
	uint64_t last_rows;        /* ... and which rows it had */
	enum part_check check;
	struct page * checked;     /* waits for the check */
	int resumes;               /* its first answer is yet to come */
	int by_token;              /* the same, at a token of an earlier run */
	char * token;              /* of the page held, or of none yet given */
	struct value * from;       /* it is asked from there; or NULL */
	int is_told;               /* that it was read to its end */
	int begins;                /* the next page is the first of a bound */
};

/* Reading for a sync (reader_sync.c, reader_restart.c). */
struct reader_sync {
	json_t * mark;             /* behind the page given last */
	uint64_t ask;              /* what is asked, for marks */
	json_t * resume;           /* the mark to go on from, until it is reached */
	uint64_t parts, chain;     /* that were made, and of their inputs */
	void (*part)(void * arg, uint64_t hash, const json_t * in);
	void (*left)(void * arg, uint64_t hash, const json_t * in);
	void * part_arg;
	int column;                /* by whose value to go on; -1 */
	int is_ordered;            /* the list has its order */
	int restarts;              /* and it goes on so */
	int64_t from;              /* no row is before; INT64_MIN: any */
	int64_t newest;            /* the last row's */
	json_t * bound;            /* as a value of the column; NULL: not moved */
	unsigned again;            /* how often that bound was begun anew */
	struct reader_tokens * tokens; /* reader_token.c; or NULL */
	const struct reader_etags * etags; /* reader_etag.c; or NULL */
};

/* Where parts come from (reader_parts.c). */
struct reader_source {
	json_t * inputs;           /* array of objects */
	size_t n, at;
	const struct manifest_entity * ent; /* of the partition, or NULL */
	struct reader * parent;    /* reads it for inputs[at] */
	int waits;                 /* parent was asked */
	struct page * rows;
	size_t row;
	int has_failed;
	struct err e;
};

/* Rows being completed (reader_complete.c). */
struct reader_more {
	struct page * page;        /* the one that is or was completed */
	size_t from, to, at;       /* its rows that are asked for; how far */
	struct reader * sub;       /* reads what is more of them */
	struct reader_match * match; /* what was read, where it is of many; or
	                              NULL */
	int has_failed;
	struct err e;
};

enum reader_state { READER_NEW, READER_CACHED, READER_LIVE, READER_END };

struct reader {
	const struct conn_env * env;
	struct plan * plan;
	struct read_ctx * ctx;
	struct decode_plan * decode;
	int has_body_rules;
	enum reader_state state;
	struct soon soon;
	int asked, ahead;
	reader_cb * cb;
	void * arg;
	struct reader_source src;
	struct reader_part * head, ** tail;
	size_t nparts;
	uint64_t good;             /* parts that ended and were not left out */
	uint64_t left;             /* those that were, ... */
	unsigned refused;          /* ... because of an error, the first of which */
	struct err refused_e;      /* this is */
	uint64_t lacks;            /* records that lists ended without */
	size_t width;              /* calls side by side */
	unsigned depth;            /* of partitions over partitions */
	int is_window;             /* of a list that is split, or one part of some */
	int64_t rows;              /* given */
	/* reader_cache.c: pages of the result, kept or to be kept */
	struct buf key;
	int collects;
	struct page ** pages;
	size_t npages, pages_cap, at_page, bytes;
	int64_t begun_ms;
	uint64_t drops;            /* of the cache, when it began */
	struct result_skips skips; /* its parts, and those it had them of */
	struct reader_sync * sync; /* or NULL */
	struct reader_more more;
};

/*
 * reader_complete.c.  begin: once the plan is there.  page: whether the lazy columns
 * of ${p}, which is about to be given, are there: 1; 0: reader_soon() will tell;
 * -1: more.e says why not.  end: nothing is asked for any more, and nothing kept.
 */
void reader_complete_begin(struct reader * r);
int reader_complete_page(struct reader * r, struct page * p) MUST_CHECK;
void reader_complete_end(struct reader * r);

/* reader.c */
void reader_soon(struct reader * r);
/** reader_left_ms(r): Until the deadline, at least 0; -1: there is none. */
int64_t reader_left_ms(const struct reader * r);
/** reader_told(r): The statistics changed. */
void reader_told(struct reader * r);
/** reader_skipped(r, s): Parts are left out: tell all who have to know. */
void reader_skipped(struct reader * r, const struct result_skips * s);
/** reader_filters(r, out, n): Which columns narrow the list, for messages:
 * "a, b or c", or "" . */
const char * reader_filters(const struct reader * r, char * out, size_t n);

/* reader_parts.c.  next: a new part, 0: none now (none ever if _ended). */
int reader_parts_open(struct reader * r, struct err * e) MUST_CHECK;
struct reader_part * reader_parts_next(struct reader * r);
int reader_parts_ended(const struct reader * r);
void reader_parts_close(struct reader * r);
void reader_parts_free(struct reader_part * p);
/** reader_parts_halve(p): Where several values of an input went in one call that the
 * service does not answer as a whole: ask for each half of them next, in place of
 * ${p}.  1: so it will be; 0: there is one, or a page of them came; -1: no memory.  A
 * sync's mark of what came after the halves leads nowhere: it counts parts. */
int reader_parts_halve(struct reader_part * p) MUST_CHECK;
/** reader_parts_fill(p, page): Put the inputs' values into their columns. */
int reader_parts_fill(const struct reader_part * p, struct page * page)
    MUST_CHECK;

/* reader_paginate.c.  begin: where a list begins.  after: where it goes after
 * ${a}: sets is_last, or has_failed with e; -1 with ${e}: ${a} itself is bad. */
void reader_paginate_begin(struct reader_part * p);
void reader_paginate_pos(const struct reader_part * p, struct page_pos * pos);
int reader_paginate_after(struct reader_part * p,
    const struct reader_answer * a, struct err * e) MUST_CHECK;
void reader_paginate_end(struct reader_part * p);
/** reader_paginate_full(p): Records a full page has; 0: nobody knows. */
int64_t reader_paginate_full(const struct reader_part * p);
/** reader_paginate_total(p, a): Records there are, as ${a} says; -1: it does not. */
int64_t reader_paginate_total(const struct reader_part * p,
    const struct reader_answer * a);
/** reader_paginate_rewind(p): The next page is the first again. */
void reader_paginate_rewind(struct reader_part * p);
/** reader_paginate_hold(p, page): ${page} (taken; NULL: none) is the part's next;
 * sets p->state. */
void reader_paginate_hold(struct reader_part * p, struct page * page);

/*
 * reader_link.c; what they return is allocated, NULL: there is none, or (set)
 * ${*no_memory}.
 * link: the URL of the link with that relation in ${h} (RFC 8288).  under: ${ref}
 * (taken) behind the base that the manifest gives for it.  whole: ${ref} (taken) as
 * seen from the page at ${base}.
 */
char * reader_link(const char * h, const char * rel, int * no_memory);
char * reader_link_under(const struct reader_part * p, char * ref,
    int * no_memory);
char * reader_link_whole(const char * base, char * ref, int * no_memory);

/*
 * reader_caps.c.  split: whether there are more rows than the service shows, and
 * windows of them are read instead.  check: fail ${p} for what the service or the
 * manifest does not let us see; ${more}: a page follows.  total: count what ${a} says
 * of how many there are.
 */
int reader_caps_split(struct reader_part * p, const struct reader_answer * a);
void reader_caps_check(struct reader_part * p, const struct reader_answer * a,
    int more);
void reader_caps_total(struct reader_part * p, const struct reader_answer * a);

/*
 * reader_split.c.  begin: the list of ${p}, of which one page has come, has more
 * than the ${cap} rows that the service shows: whether it is read in windows from
 * now on, without that page.  late: the same in mid-list, whose rows were or are
 * about to be given.  next: read the next of them, in place of a call; sets p->state.
 */
int reader_split_begin(struct reader_part * p, int64_t cap);
int reader_split_late(struct reader_part * p);
void reader_split_next(struct reader_part * p);
void reader_split_free(struct reader_split * s); /* NULL is a no-op */

/*
 * reader_sync.c; without r->sync only _take does anything.
 * take: ${a} (its page is taken; NULL: no rows) is what was asked for, which may be
 * a check: sets p->state.
 * place: the call is for the page at p->here.
 * part: a new part: 1: take it, 0: an earlier run has read it; -1 with ${e}.
 * ended: there are no more parts.
 * given: the page of ${p} is about to be given.
 */
int reader_sync_take(struct reader_part * p, struct reader_answer * a,
    struct err * e) MUST_CHECK;
int reader_sync_place(struct reader_part * p) MUST_CHECK;
int reader_sync_part(struct reader_part * p, struct err * e) MUST_CHECK;
int reader_sync_ended(const struct reader * r, struct err * e) MUST_CHECK;
void reader_sync_given(struct reader_part * p);
/** reader_sync_left(p): The rest of ${p} is left out by an error rule. */
void reader_sync_left(struct reader_part * p);
/** reader_sync_over(p): The service has forgotten the place in the list: whether it
 * is read from its beginning, as no row would come twice to whom it matters. */
int reader_sync_over(struct reader_part * p);
/** reader_sync_lost(e): Make of ${e} that the mark leads nowhere; -1. */
int reader_sync_lost(const struct reader * r, struct err * e);
void reader_sync_part_free(struct reader_part * p);
void reader_sync_free(struct reader * r);

/*
 * reader_mark.c.  new: what leads on behind the page of ${p} that is given; NULL: no
 * memory, or nothing does.
 * rows: which rows they are: their keys, where these are known, else all of them.
 * ask: what is asked, but for the bound that moves; -1: no memory.  in: of the inputs
 * of ${p}; chain: of those of all parts up to it.  is: whether ${o} has ${h} there.
 * hash: ${h}, and this value.
 */
#define READER_MARK_VERSION 1
#define READER_MARK_KEY UINT64_C(0x6d61726b2d6b6579)
json_t * reader_mark_new(const struct reader_part * p);
uint64_t reader_mark_rows(const struct reader * r, const struct page * page);
int reader_mark_ask(const struct reader * r, uint64_t * out) MUST_CHECK;
uint64_t reader_mark_in(const struct reader_part * p, int * bad);
uint64_t reader_mark_chain(const struct reader_part * p);
int reader_mark_is(const json_t * o, const char * key, uint64_t h);
uint64_t reader_mark_hash(uint64_t h, const struct value * v);

/*
 * reader_restart.c.
 * open: whether the list goes on by value; called once the plan is there.
 * after: ${page} was taken: if the list goes on from its last value, make that
 * so.  again: something moved: begin anew at the bound.  to: move the bound to
 * ${v}, of a mark; 0, or -1 with ${e}.
 */
void reader_restart_open(struct reader * r);
int reader_restart_after(struct reader_part * p, const struct page * page,
    struct err * e) MUST_CHECK;
int reader_restart_again(struct reader_part * p, struct err * e) MUST_CHECK;
int reader_restart_to(struct reader * r, const json_t * v, struct err * e)
    MUST_CHECK;

/** reader_paginate_token(p, a, bad): What ${a} says is to be sent in the beginning of
 * the next run, allocated; NULL: nothing, or (${*bad}) no memory. */
char * reader_paginate_token(const struct reader_part * p,
    const struct reader_answer * a, int * bad);

/*
 * reader_token.c; without tokens they do nothing.
 * skips: whoever reads has all of it.  begin: let a new part stand at its token.  after: the page of ${a} was taken: keep
 * its token.  held: if it has no rows tell it; given: its rows are given.  lost: the
 * service has forgotten it; 0: there was none to forget.  tell: what was given is
 * used.  enough: of the part that is given no more are needed; waits: that may be so
 * once its rows are used.
 * bind: whether its next request is asked from its value (undone by plan_unbind()).
 */
int reader_token_skips(const struct reader_part * p);
int reader_token_begin(struct reader_part * p, struct err * e) MUST_CHECK;
int reader_token_after(struct reader_part * p, const struct reader_answer * a,
    struct err * e) MUST_CHECK;
void reader_token_held(struct reader_part * p);
void reader_token_given(struct reader_part * p);
int reader_token_lost(struct reader_part * p);
void reader_token_tell(struct reader * r);
int reader_token_enough(struct reader_part * p);
int reader_token_waits(const struct reader_part * p);
int reader_token_bind(const struct reader_part * p);
void reader_token_free(struct reader_tokens * t); /* NULL is a no-op */

/* reader_call.c.  start: NULL if no memory; its end is one of reader_call_done
 * and reader_call_fail, never before it returns. */
struct reader_call * reader_call_start(struct reader_part * p);
void reader_call_cancel(struct reader_call * c);
/** reader_call_name(c, e): Say in ${e} where it happened. */
void reader_call_name(const struct reader_call * c, struct err * e);
/** reader_call_answered(c): The attempt is over: its permit is another's. */
void reader_call_answered(struct reader_call * c);
/** reader_call_failed(c, e): An attempt failed: again, or the end of it. */
void reader_call_failed(struct reader_call * c, const struct err * e);
/** reader_call_retry(c, e): The same, but 0 where all tries are used: the caller
 * goes on. */
int reader_call_retry(struct reader_call * c, const struct err * e);
/** reader_call_limited(c, e): The service said later. */
void reader_call_limited(struct reader_call * c, const struct err * e);
/** reader_call_done(c, a): It is over, well (${a} NULL: no rows). */
void reader_call_done(struct reader_call * c, struct reader_answer * a);
/** reader_call_again(c): Ask the list from its beginning. */
void reader_call_again(struct reader_call * c);
/** reader_call_kept(c): The question to the shared cache is answered. */
void reader_call_kept(struct reader_call * c);

/* reader_page.c: an answer, sent for and decoded. */
int reader_page_send(struct reader_call * c, struct err * e) MUST_CHECK;
void reader_page_forget(struct reader_call * c);
/** reader_page_decoded(c, res, is_kept): Its rows are the call's answer.
 * reader_page_kept(c, e): Read what was kept: it is what the service would send.
 * reader_page_body(c, res): A good answer's body, where a rule looks into it; owned by
 * the caller, or NULL. */
void reader_page_decoded(struct reader_call * c, const struct http_res * res,
    int is_kept);
int reader_page_kept(struct reader_call * c, struct err * e) MUST_CHECK;
json_t * reader_page_body(const struct reader_call * c,
    const struct http_res * res);
/** reader_judge(c, res): What an answer that came whole means.  (reader_judge.c) */
void reader_judge(struct reader_call * c, const struct http_res * res);
void reader_page_cleanup(void);
/** reader_page_plan(p, e): The entity's compiled paths; a reference. */
struct decode_plan * reader_page_plan(const struct plan * p, struct err * e)
    MUST_CHECK;

/* reader_metrics.c: the same for a page of metrics. */
int reader_metrics_send(struct reader_call * c, struct err * e) MUST_CHECK;

/* reader_kept.c.  ask: 1: wait for reader_call_kept(), 0: nothing to wait
 * for.  headers: two lines at most, into ${out}; how many. */
int reader_kept_ask(struct reader_call * c);
size_t reader_kept_headers(const struct reader_kept * k, struct buf out[2]);
void reader_kept_put(struct reader_call * c, const struct http_res * res,
    const char * link);
void reader_kept_free(struct reader_kept * k);

/** reader_kept_key(c, out): Which request it is.  0 or -1. */
int reader_kept_key(const struct reader_call * c, char out[80]) MUST_CHECK;

/* reader_etag.c.  ask: whether it is asked if anything changed.  same: nothing did.
 * came: what the answer says it is.  page: the first page was taken. */
int reader_etag_ask(struct reader_call * c);
void reader_etag_same(struct reader_call * c);
void reader_etag_came(struct reader_call * c, const char * etag,
    const char * changed);
void reader_etag_page(struct reader_part * p);

/* reader_cache.c.  look: 1 if the result is there, and then at_page counts
 * through pages.  collect: one more page given.  done: all were given. */
int reader_cache_look(struct reader * r);
void reader_cache_collect(struct reader * r, struct page * p);
void reader_cache_done(struct reader * r);
void reader_cache_free(struct reader * r);

#endif
