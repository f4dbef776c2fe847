#ifndef MOLTLER_RUN_SECRET_STORE_INTERNAL_H
#define MOLTLER_RUN_SECRET_STORE_INTERNAL_H

#include "run/secret_store.h"

#define SECRET_KIND "secret"
#define SECRET_CHECK SECRET_STORE_CHECK
/* More than anybody sets; a bound all the same. */
#define SECRETS_MAX 100000

/* One call of ours; in the list until it has called back. */
struct sop {
	struct secret_store * st;
	struct sop * next, ** prevp;
	struct soon soon;
	struct err e;
	char * name;
	char * sealed;
	char * check; /* our check record, on its way */
	uint64_t changes;
	secret_store_cb * cb;
	void * arg;
};

struct secret_store {
	struct loop * loop;
	struct state * state;
	struct secrets * secrets;
	char * key_file;
	int may_make;
	int key_given;    /* not the file's */
	int checked;      /* the state's check record opens with our key */
	int has_trouble;
	struct err trouble;
	size_t n;         /* sealed texts besides the check record */
	uint64_t changes; /* of our own, so far */
	struct sop * ops;
};

/* secret_store.c */
struct sop * secret_store_op(struct secret_store * st, const char * name,
    secret_store_cb * cb, void * arg);
/** secret_store_op_end(op, e): Call back and free; from the loop's stack. */
void secret_store_op_end(struct sop * op, const struct err * e);

/** secret_store_record(name, sealed): As it stands in the state. */
json_t * secret_store_record(const char * name, const char * sealed);

/** secret_store_keep(st, name, sealed): Into memory.  secret_store_lose: out. */
void secret_store_keep(struct secret_store * st, const char * name,
    const char * sealed);
void secret_store_lose(struct secret_store * st, const char * name);

/* secret_store_key.c */

/** secret_store_trouble(st, e): Remember, and say once, why nothing can be
 * opened; NULL: all is well. */
void secret_store_trouble(struct secret_store * st, const struct err * e);

/** secret_store_read_key(st, e): The file's key, if there is one by now. */
int secret_store_read_key(struct secret_store * st, struct err * e) MUST_CHECK;

/** secret_store_need_key(st, e): What there must be before anything is sealed: a
 * key, which is made if it may be. */
int secret_store_need_key(struct secret_store * st, struct err * e) MUST_CHECK;

/** secret_store_seal_check(st, out, e): A check record's sealed text.
 * secret_store_check(st, check, e): Whether our key is the one of that text. */
int secret_store_seal_check(const struct secret_store * st, struct buf * out,
    struct err * e) MUST_CHECK;
int secret_store_check(struct secret_store * st, const char * check,
    struct err * e) MUST_CHECK;

#endif
