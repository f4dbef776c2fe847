#ifndef MOLTLER_SECRET_VAULT_H
#define MOLTLER_SECRET_VAULT_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "loop/loop.h"
#include "net/http.h"

/*
 * Secrets that a Vault holds (or OpenBao, which speaks the same): vault:PATH#KEY,
 * where PATH is what "vault kv get" takes.  A path is read once for all who refer to
 * it and kept, sealed under a key of this process, no longer than Vault or the
 * settings allow; from three quarters of that on it is read anew behind the back of
 * who uses it.  The token is a given one or an AppRole's; it is renewed at half its
 * life, and got anew where that cannot be.
 */
struct vault;
struct vault_wait;
struct secrets;

#define VAULT_TOKEN_MAX 8192

struct vault_opts {
	struct loop * loop;
	struct http * http;
	const struct secrets * secrets; /* for references in the next lines */
	const char * url;         /* http or https */
	const char * token;       /* text or reference; or NULL */
	const char * token_file;  /* whose first line it is; or NULL */
	const char * role_id;     /* AppRole: text or reference; or NULL */
	const char * secret_id;   /* the same; or NULL */
	const char * secret_id_file;
	const char * auth_path;   /* where AppRole is; NULL: approle */
	const char * ns;          /* namespace, or NULL */
	const char * ca_file;     /* NULL: the system's */
	int64_t cache_ms;
};

struct vault_stats {
	uint64_t requests;
	uint64_t errors; /* of these: no usable answer, or we were not let in */
	int up;          /* 1: it answers and lets us in; 0: it does not, or was
	                    not asked yet */
};

/**
 * vault_new(o, e): ${o} is copied.  Asks nobody.  Errors: config "vault".
 * vault_start(v): Get in now, not when it is needed; what fails is logged, and tried
 * again.
 * vault_free(v): Nobody is called back.  NULL is a no-op.
 */
struct vault * vault_new(const struct vault_opts * o, struct err * e);
void vault_start(struct vault * v);
void vault_free(struct vault * v);

/**
 * vault_get(v, ref, out, e): Append what ${ref} stands for.  Errors: config
 * "secret": Vault says that it is not there or not for us; transient "secret": it
 * could not say, beginning "waiting for Vault"; transient SECRET_WAIT: it was not
 * asked yet: vault_wait(), and once more.
 * vault_last(v, ref, out): The same without asking, also when its time is over.
 * 0 or -1.
 */
int vault_get(struct vault * v, const char * ref, struct buf * out,
    struct err * e) MUST_CHECK;
int vault_last(const struct vault * v, const char * ref, struct buf * out)
    MUST_CHECK;

/**
 * vault_wait(v, config, cb, arg): Ask for all references in the JSON text
 * ${config} that need it; ${cb} is called once, never before this returns, when
 * there is an answer to each: a value or a failure, which vault_get() then tells.
 * NULL only when out of memory.  vault_wait_cancel(w): NULL is a no-op.
 */
struct vault_wait * vault_wait(struct vault * v, const char * config,
    void (*cb)(void * arg), void * arg);
void vault_wait_cancel(struct vault_wait * w);

/** vault_changes(v): Goes up with each value that has changed. */
uint64_t vault_changes(const struct vault * v);

/**
 * vault_refused(v, config, since): A service did not take a value of ${config}
 * that was used when vault_changes() was ${since}.  1: there is another one, or
 * they are forgotten and worth asking for anew; 0: that was done lately.
 */
int vault_refused(struct vault * v, const char * config, uint64_t since);

/** vault_forget(v): Read everything again when it is needed.  NULL is a no-op. */
void vault_forget(struct vault * v);

void vault_stats_get(const struct vault * v, struct vault_stats * st);

/** vault_secret_file(path, out, e): The first line of a file that only we can read.
 * Errors: config "vault".  The caller wipes ${out}. */
int vault_secret_file(const char * path, struct buf * out, struct err * e)
    MUST_CHECK;

#endif
