#ifndef MOLTLER_TESTS_FAKE_VAULT_H
#define MOLTLER_TESTS_FAKE_VAULT_H

#include "net/http.h"

/*
 * A Vault and, beside it, a service that takes one token, as a player of struct
 * http_opts.  The Vault is at http://vault.test, has KV v2 at secret/ and v1 at
 * old/, takes the role "role" with "sid-of-vault", and gives tokens "s.tok1",
 * "s.tok2", ..., of which the last is good.
 */
struct fake_vault {
	/* Knobs. */
	const char * token;   /* app's */
	const char * key;     /* its name: "token" */
	int is_down, is_sealed;
	int lease_s;          /* of tokens; 0: for ever */
	int renewed_s;        /* what a renewal gives; -1: it is refused */
	int renewable;
	int data_lease_s;
	int denies;           /* reading */
	int is_astray;        /* what answers 404 is no Vault */
	int is_large;         /* it has a key "large" beside */
	int no_mounts;        /* 404 for what tells of mounts */
	int is_void;          /* the last token was revoked */
	const char * wants;   /* what the service takes */
	const char * whole;   /* the answer to a read, instead; or NULL */
	const char * cites;   /* what a failing login says; or NULL */
	/* What happened. */
	unsigned logins, lookups, renewals, mounts, reads, calls;
	char last[512];       /* the service's last header */
	char ns[64];          /* the last namespace */
};
extern struct fake_vault fake;

/** fake_vault_reset(): Knobs and counts as at the start. */
void fake_vault_reset(void);

int fake_vault_play(void * arg, const struct http_req * req,
    struct http_played * a, struct err * e);

#endif
