#ifndef MOLTLER_TARGET_ELASTIC_ANSWER_H
#define MOLTLER_TARGET_ELASTIC_ANSWER_H

#include <stddef.h>
#include <stdint.h>

/*
 * The answer to a _bulk, read as it arrives: {"errors": .., "items": [{"index":
 * {"status": .., "error": {"type", "reason", "caused_by"}}}, ..]}.  No tree is
 * made; whatever else stands there is passed over.
 */
#define ELASTIC_REASON_MAX 1024 /* an _id of 512 bytes, and what is wrong */
#define ELASTIC_ANSWER_DEPTH 64

/* One item's outcome; texts are borrowed for the call and may be cut. */
struct elastic_item {
	int status;          /* 0: none was said */
	const char * type;   /* of the error; "" */
	const char * reason; /* the innermost one; "" */
};

/* A reader's state; nobody else looks inside. */
struct elastic_answer {
	void (*item)(void * arg, const struct elastic_item * it);
	void * arg;
	uint64_t items;      /* so far */
	int errors;          /* 1 true, 0 false, -1 not said yet */
	int bad;             /* it is no such answer */
	int done;            /* its end was seen */
	unsigned depth;
	uint64_t objects;    /* a bit a depth: an object, not an array */
	int lex;             /* enum of elastic_answer.c */
	unsigned skip;       /* hex digits of a \u yet to come */
	int want_key;        /* the next string is a key */
	int want_value;      /* something must come before , } or ] */
	unsigned key[8];     /* by depth, which key's value this is */
	int item_seen;       /* in the present element of items */
	int status;
	size_t tok_len, type_len, reason_len;
	char tok[ELASTIC_REASON_MAX];
	char type[64];
	char reason[ELASTIC_REASON_MAX];
};

/** elastic_answer_begin(a, item, arg): ${item} is called for each in order, from
 * within elastic_answer_feed(). */
void elastic_answer_begin(struct elastic_answer * a,
    void (*item)(void * arg, const struct elastic_item * it), void * arg);

/** elastic_answer_feed(a, p, n): The next bytes, cut anywhere.  0, or -1 once it
 * is seen that this is no answer to a _bulk. */
int elastic_answer_feed(struct elastic_answer * a, const char * p, size_t n);

/** elastic_answer_ok(a): Whether all of it was there. */
int elastic_answer_ok(const struct elastic_answer * a);

#endif
