#ifndef MOLTLER_RUN_SECRET_STORE_H
#define MOLTLER_RUN_SECRET_STORE_H

#include <jansson.h>
#include <stddef.h>

#include "base/err.h"
#include "loop/loop.h"
#include "secret/secret.h"
#include "state/state.h"

/*
 * The own store of secrets: records of kind "secret" in the state, sealed, and
 * their sealed texts in struct secrets, so that resolving waits for nothing.  A
 * record of its own, ~key-check, tells at once whether our master key is the one
 * they were sealed with; without any the key is made at the first secret.
 */
struct secret_store;

struct secret_store_opts {
	struct loop * loop;
	struct state * state;
	struct secrets * secrets;
	const struct secret_key * key; /* copied; NULL: that of the file */
	const char * key_file;         /* copied */
	int may_make;                  /* the file, if it is not there */
};

/** Called once, never before the call returns. */
typedef void secret_store_cb(void * arg, const struct err * e);

/**
 * secret_store_new(opts, e): Reads the key file if there is one.  Errors: config
 * "master_key".  secret_store_free(st): After the state's; NULL is a no-op.
 */
struct secret_store * secret_store_new(const struct secret_store_opts * opts,
    struct err * e);
void secret_store_free(struct secret_store * st);

/**
 * secret_store_load(st, cb, arg): Take over what the state holds: at the start,
 * and again when other daemons changed it.  A key that does not fit is no
 * error here: it is logged, and resolving says so.
 */
void secret_store_load(struct secret_store * st, secret_store_cb * cb,
    void * arg);

/** secret_store_put_back(st): The state forgot; write all again. */
void secret_store_put_back(struct secret_store * st);

/**
 * secret_store_set(st, name, value, len, cb, arg): Make or replace one; durable
 * when ${cb} is called.  ${value} is sealed before this returns, the caller
 * wipes it.  Errors: config "bad_name", "bad_value", "master_key".
 * secret_store_del(st, name, cb, arg): Errors: config "not_found".
 */
void secret_store_set(struct secret_store * st, const char * name,
    const char * value, size_t len, secret_store_cb * cb, void * arg);
void secret_store_del(struct secret_store * st, const char * name,
    secret_store_cb * cb, void * arg);

/** secret_store_refresh(st, name, cb, arg): Take over what the state has of one, also
 * of a hidden one, now: another daemon may have replaced it. */
void secret_store_refresh(struct secret_store * st, const char * name,
    secret_store_cb * cb, void * arg);

/**
 * secret_store_fits(st, check, e): Whether secrets that come with the check record
 * ${check} (a sealed text) from elsewhere could be opened here, with our key or
 * that of the file by now.  Nothing is changed.  Errors: config "master_key".
 */
int secret_store_fits(const struct secret_store * st, const char * check,
    struct err * e) MUST_CHECK;

/** The name of the check record, which is among the others. */
#define SECRET_STORE_CHECK "~key-check"

/** secret_store_names(st): An array of names in order, without hidden ones; owned
 * by the caller; NULL when out of memory. */
json_t * secret_store_names(const struct secret_store * st);

/* The same for hidden names; del of one that is not there is no error. */
void secret_store_set_hidden(struct secret_store * st, const char * name,
    const char * value, size_t len, secret_store_cb * cb, void * arg);
void secret_store_del_hidden(struct secret_store * st, const char * name);

#endif
