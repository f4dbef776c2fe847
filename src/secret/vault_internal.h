#ifndef MOLTLER_SECRET_VAULT_INTERNAL_H
#define MOLTLER_SECRET_VAULT_INTERNAL_H

/* A table that cannot grow is no reason to die. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "secret/secret_box.h"
#include "secret/secret_scrub.h"
#include "secret/vault.h"

/* What vault*.c share. */

/* A failure is told again for so long without asking. */
#define VAULT_FAILED_US INT64_C(2000000)
#define VAULT_AWAY_US INT64_C(1000000)

enum vault_auth_state {
	VAULT_OUT,    /* we have no token, or it failed; see refused_us */
	VAULT_LOGIN,  /* AppRole: waiting for a token */
	VAULT_LOOKUP, /* waiting for what Vault knows of the token */
	VAULT_IN,
	VAULT_RENEW   /* waiting for more life for it */
};

enum vault_path_state {
	PATH_IDLE,
	PATH_AUTH,  /* waiting for a token */
	PATH_MOUNT, /* waiting to hear which engine holds it */
	PATH_READ   /* waiting for the values */
};

/* A key of a path, and what lies there, sealed. */
struct vault_key {
	char * name;
	char * sealed; /* NULL: it is empty, or too large */
	size_t size;   /* of the value */
	char * former; /* the value before, for what services cite; or NULL */
};

struct vault_link;

struct vault_path {
	UT_hash_handle hh;
	struct vault * v;
	enum vault_path_state state;
	struct http_call * call;
	struct soon soon;
	size_t mount;        /* bytes of ${path} that are the mount */
	int version;         /* of its engine; 0: not known */
	uint64_t serial;     /* the token that it was asked with, ... */
	int64_t asked_us;    /* ... and when */
	int is_second;       /* a 403 was looked into */
	struct vault_key * keys;
	size_t nkeys;
	int has_values;
	int has_err;
	int64_t read_us, ends_us, ahead_us;
	int64_t err_until_us;
	int64_t again_us;    /* not forgotten for a refusal before */
	int64_t used_us;
	uint64_t changed;    /* vault_changes() when a value last did */
	struct vault_link * links;
	struct err e;        /* with has_err: why */
	char path[];
};

struct vault {
	struct vault_opts o; /* its texts are ours */
	struct secret_key key;
	char * safe_url;
	int is_local;        /* on loopback */
	/* How we are let in. */
	enum vault_auth_state auth;
	char * token;        /* sealed, or NULL */
	uint64_t serial;     /* no other token had it */
	int is_doubted;      /* Vault said 403: look before it is used again */
	int is_worn;         /* renewing gives little more */
	int renewable;
	int64_t ends_us;     /* INT64_MAX: never */
	int64_t first_ms;
	int64_t checked_us;  /* when Vault last said that it is good */
	int64_t refused_us;  /* OUT: not tried before that */
	unsigned tries;
	struct http_call * call;
	struct loop_timer * timer;
	struct soon soon;
	int is_scrubbing;
	/* What there is. */
	struct vault_path * paths;
	struct scrub_source source;
	uint64_t changes;
	struct vault_stats st;
	int was_told;        /* 1: ready, -1: away; 0: nothing was logged */
	struct err e;        /* OUT: why */
};

/* vault_path.c: one path */
struct vault_path * vault_path_new(struct vault * v, const char * path);
void vault_path_free(struct vault_path * p);
/** vault_path_begin(p): Read it, unless that is being done. */
void vault_path_begin(struct vault_path * p);
/** vault_path_step(p): PATH_AUTH, and that has ended. */
void vault_path_step(struct vault_path * p);

/* vault_keys.c: a path's values */
/** vault_keys_find(p, name): That key, or NULL. */
const struct vault_key * vault_keys_find(const struct vault_path * p,
    const char * name);
/** vault_keys_open(p, k, sealed, out, e): A value as it is, at the end of ${out}. */
int vault_keys_open(const struct vault_path * p, const struct vault_key * k,
    const char * sealed, struct buf * out, struct err * e) MUST_CHECK;
/** Values that are being read: ${n} of ${keys}, and whether one is another than it
 * was. */
struct vault_taking {
	struct vault_path * p;
	struct vault_key * keys;
	size_t n;
	int differs;
};
/** vault_keys_take(t, key, v, n, e): One more, sealed; there is room for it. */
int vault_keys_take(void * t, const char * key, const char * v, size_t n,
    struct err * e) MUST_CHECK;
/** vault_keys_free(keys, n): Wiped. */
void vault_keys_free(struct vault_key * keys, size_t n);

/* vault_refs.c */
struct vault_path * vault_path_find(const struct vault * v, const char * path);
void vault_path_drop(struct vault_path * p);
/** vault_walk(config, found, arg): ${found} gets each path and key that the JSON text
 * ${config} refers to. */
void vault_walk(const char * config, void (*found)(void * arg,
    const char * path, const char * key), void * arg);
/** vault_path_settled(p): It has a value or an error now; tell who waits. */
void vault_path_settled(struct vault_path * p);
/** vault_auth_ended(v): There is a token, or v->e; tell the paths. */
void vault_auth_ended(struct vault * v);

/* vault.c */
/** vault_noted(v, e): Vault did what it is for, or (${e}) did not. */
void vault_noted(struct vault * v, const struct err * e);

/* vault_auth.c */
/** vault_auth_usable(v): Whether there is a token to ask with.
 * vault_auth_need(v): 1: so it is; 0: vault_auth_ended() follows; -1: v->e.
 * vault_auth_doubt(v, serial, asked_us): That token was answered 403 to what was
 * asked then. */
int vault_auth_usable(const struct vault * v);
int vault_auth_need(struct vault * v);
void vault_auth_doubt(struct vault * v, uint64_t serial, int64_t asked_us);
/** vault_auth_look(v): Half of the token's life has gone, or it failed a while ago.
 * vault_auth_again(v): If we are not in, try now. */
void vault_auth_look(void * v);
void vault_auth_again(struct vault * v);
/* Of the two files that see to it: */
/** vault_auth_enter(v, state): The setter of the state. */
void vault_auth_enter(struct vault * v, enum vault_auth_state state);
/** vault_auth_is_approle(v): Whether we log in, or have a token given. */
int vault_auth_is_approle(const struct vault * v);
/** vault_auth_keep(v, token, n, e): That is our token from now on, sealed.  Errors:
 * config "vault".  vault_auth_forget(v): None is. */
int vault_auth_keep(struct vault * v, const char * token, size_t n,
    struct err * e) MUST_CHECK;
void vault_auth_forget(struct vault * v);
/** vault_auth_is_in(v, l): Vault says that the token is good, and for how long.
 * vault_auth_failed(v, e): It does not; the old one is used on if it is good for a
 * while.  vault_auth_fail_soon(v, e): The same from the soon queue: what fails
 * before anything is sent must not tell who asks at once. */
struct vault_lease;
void vault_auth_is_in(struct vault * v, const struct vault_lease * l);
void vault_auth_failed(struct vault * v, const struct err * e);
void vault_auth_fail_soon(struct vault * v, const struct err * e);

/* vault_login.c: what Vault is asked about our token; vault_auth_is_in(),
 * vault_auth_failed() or another question follows. */
/** vault_login(v): For a token, by AppRole.  vault_login_look(v): Whether ours is
 * good.  vault_login_renew(v): For more life for it. */
void vault_login(struct vault * v);
void vault_login_look(struct vault * v);
void vault_login_renew(struct vault * v);
/** vault_login_take(v, is_other, e): Whether the settings have another token than
 * ours by now, which it then is. */
int vault_login_take(struct vault * v, int * is_other, struct err * e)
    MUST_CHECK;

/* vault_call.c: what is sent */
struct vault_ask {
	const char * method;
	const char * path;  /* behind /v1/, percent-encoded */
	const char * body;  /* or NULL */
	int without_token;
};
/** vault_call(v, ask, cb, arg, e): NULL with ${e}. */
struct http_call * vault_call(struct vault * v, const struct vault_ask * ask,
    http_cb * cb, void * arg, struct err * e);
/** vault_call_judge(v, res, he, e): What came: 0: 2xx; 1: 4xx, with ${e} about it;
 * -1: no answer that says anything: ${e} is transient. */
int vault_call_judge(struct vault * v, const struct http_res * res,
    const struct err * he, struct err * e);
/** vault_token(v, out, e): Our token; the caller wipes ${out}. */
int vault_token(const struct vault * v, struct buf * out, struct err * e)
    MUST_CHECK;
/** vault_credential(v, text, file, out, e): A setting's text, what it refers to, or
 * a file's first line. */
int vault_credential(const struct vault * v, const char * text,
    const char * file, struct buf * out, struct err * e) MUST_CHECK;

#endif
