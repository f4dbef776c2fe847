/* How we are let in: a token, and its life.  vault_login.c asks Vault. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "secret/vault_answer.h"
#include "secret/vault_internal.h"

#define RETRY_MIN_MS 500
#define RETRY_MAX_MS 30000
#define LOOK_MAX_MS 3600000

static const char * const state_names[] = { "out", "login", "lookup", "in",
	"renew" };

void
vault_auth_enter(struct vault * v, enum vault_auth_state state)
{
	log_event(LOG_DEBUG, "vault_auth", LOG_S("from", state_names[v->auth]),
	    LOG_S("to", state_names[state]));
	v->auth = state;
}

int
vault_auth_is_approle(const struct vault * v)
{
	return (v->o.role_id != NULL);
}

static int64_t
left_ms(const struct vault * v)
{
	int64_t now = clock_mono_us();

	return (v->token == NULL || now >= v->ends_us ? 0 :
	    (v->ends_us - now) / 1000);
}

/* Look again when half of what is left has gone. */
static void
look_later(struct vault * v)
{
	int64_t ms = left_ms(v) / 2;

	if (v->ends_us == INT64_MAX)
		return;
	loop_timer_start(v->timer, ms < RETRY_MIN_MS ? RETRY_MIN_MS :
	    ms > LOOK_MAX_MS && v->token != NULL && !v->renewable ?
	    LOOK_MAX_MS : ms);
}

void
vault_auth_forget(struct vault * v)
{
	if (v->token != NULL)
		explicit_bzero(v->token, strlen(v->token));
	free(v->token);
	v->token = NULL;
	v->is_doubted = 0;
	v->ends_us = 0;
}

/* ---- how it ends ---- */

/* What is wrong with our own way in is nobody's connector's fault: it passes when
 * somebody mends it. */
void
vault_auth_failed(struct vault * v, const struct err * e)
{
	int64_t ms = RETRY_MAX_MS;

	if (strncmp(e->msg, "waiting for Vault", 17) == 0)
		v->e = *e;
	else
		err_set(&v->e, ERR_TRANSIENT, "secret", "waiting for Vault: %s",
		    e->msg);
	v->e.cls = ERR_TRANSIENT;
	(void)strcpy(v->e.code, "secret");
	if (left_ms(v) > 0 && !v->is_doubted) {
		/* The old one does for a while. */
		log_event(LOG_WARN, "vault_token_late",
		    LOG_I("left_s", left_ms(v) / 1000), LOG_E(&v->e));
		vault_auth_enter(v, VAULT_IN);
		look_later(v);
		vault_auth_ended(v);
		return;
	}
	vault_auth_enter(v, VAULT_OUT);
	v->refused_us = clock_mono_us() + VAULT_AWAY_US;
	if (v->tries < 6)
		ms = (int64_t)RETRY_MIN_MS * 2 << v->tries++;
	loop_timer_start(v->timer, ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS);
	vault_noted(v, &v->e);
	vault_auth_ended(v);
}

static void
on_failed(void * arg)
{
	struct vault * v = arg;
	struct err e = v->e;

	vault_auth_failed(v, &e);
}

void
vault_auth_fail_soon(struct vault * v, const struct err * e)
{
	v->e = *e;
	loop_soon(v->o.loop, &v->soon, on_failed, v);
}

void
vault_auth_is_in(struct vault * v, const struct vault_lease * l)
{
	int64_t now = clock_mono_us();

	v->checked_us = now;
	v->is_doubted = 0;
	v->tries = 0;
	v->renewable = l->renewable;
	v->ends_us = l->lives_ms > 0 ? now + l->lives_ms * 1000 : INT64_MAX;
	vault_auth_enter(v, VAULT_IN);
	loop_timer_stop(v->timer);
	look_later(v);
	vault_noted(v, NULL);
	vault_auth_ended(v);
}

int
vault_auth_keep(struct vault * v, const char * token, size_t n, struct err * e)
{
	struct buf sealed = BUF_INIT(VAULT_TOKEN_MAX * 2);

	if (n >= VAULT_TOKEN_MAX)
		return (err_set(e, ERR_CONFIG, "vault", "the token of Vault is "
		    "longer than %d bytes", VAULT_TOKEN_MAX - 1));
	if (secret_box_seal(&v->key, "token", token, n, &sealed, e)) {
		buf_free(&sealed);
		return (-1);
	}
	vault_auth_forget(v);
	v->token = sealed.p;
	v->serial++;
	v->is_worn = 0;
	return (0);
}

static void
begin(struct vault * v)
{
	int is_other;
	struct err e;

	if (left_ms(v) > 0) {
		vault_login_look(v);
	} else if (vault_auth_is_approle(v)) {
		vault_login(v);
	} else if (vault_login_take(v, &is_other, &e)) {
		vault_auth_enter(v, VAULT_LOOKUP);
		vault_auth_fail_soon(v, &e);
	} else {
		vault_login_look(v);
	}
}

void
vault_auth_look(void * arg)
{
	struct vault * v = arg;
	int is_other;
	struct err e;

	if (v->auth == VAULT_OUT || (v->auth == VAULT_IN && left_ms(v) == 0)) {
		begin(v);
	} else if (v->auth != VAULT_IN) {
		return;
	} else if (v->renewable && !v->is_worn) {
		vault_login_renew(v);
	} else if (vault_auth_is_approle(v)) {
		vault_login(v);
	} else if (vault_login_take(v, &is_other, &e) == 0 && is_other) {
		vault_login_look(v);
	} else {
		log_event(LOG_WARN, "vault_token_ends", LOG_I("left_s",
		    left_ms(v) / 1000), LOG_S("hint", "it cannot be renewed "
		    "further; give another"));
		look_later(v);
	}
}

/* ---- the outside ---- */

int
vault_auth_usable(const struct vault * v)
{
	return (!v->is_doubted && left_ms(v) > 0);
}

int
vault_auth_need(struct vault * v)
{
	if (vault_auth_usable(v))
		return (1);
	if (v->call != NULL || loop_soon_pending(&v->soon))
		return (0);
	if (v->auth == VAULT_OUT && clock_mono_us() < v->refused_us)
		return (-1);
	begin(v);
	return (0);
}

void
vault_auth_doubt(struct vault * v, uint64_t serial, int64_t asked_us)
{
	if (v->serial != serial || v->token == NULL ||
	    v->checked_us > asked_us)
		return;
	v->is_doubted = 1;
	/* What is under way is of the same token, and is answered the same. */
	if (v->call == NULL && !loop_soon_pending(&v->soon))
		vault_login_look(v);
}

void
vault_auth_again(struct vault * v)
{
	if (v->auth == VAULT_OUT && v->call == NULL &&
	    !loop_soon_pending(&v->soon))
		begin(v);
}

void
vault_start(struct vault * v)
{
	if (v->was_told != 0 || v->call != NULL ||
	    loop_soon_pending(&v->soon))
		return;
	if (strncmp(v->safe_url, "http:", 5) == 0 && !v->is_local)
		log_event(LOG_WARN, "vault_no_tls", LOG_S("url", v->safe_url),
		    LOG_S("hint", "secrets go over the network in clear; give "
		    "an https:// url"));
	begin(v);
}
