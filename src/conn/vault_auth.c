#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "conn/secret.h"
#include "conn/vault_answer.h"
#include "conn/vault_internal.h"

/* How we are let in: a token, and its life. */

#define RETRY_MIN_MS 500
#define RETRY_MAX_MS 30000
#define LOOK_MAX_MS 3600000

static const char * const state_names[] = { "out", "login", "lookup", "in",
	"renew" };

static void
auth_enter(struct vault * v, enum vault_auth_state state)
{
	log_event(LOG_DEBUG, "vault_auth", LOG_S("from", state_names[v->auth]),
	    LOG_S("to", state_names[state]));
	v->auth = state;
}

static int
is_approle(const struct vault * v)
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

static void
forget(struct vault * v)
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
static void
failed(struct vault * v, const struct err * e)
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
		auth_enter(v, VAULT_IN);
		look_later(v);
		vault_auth_ended(v);
		return;
	}
	auth_enter(v, VAULT_OUT);
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

	failed(v, &e);
}

/* What fails before anything is sent must not tell who asks at once. */
static void
fail_soon(struct vault * v, const struct err * e)
{
	v->e = *e;
	loop_soon(v->o.loop, &v->soon, on_failed, v);
}

/* Vault says that the token is good, and for how long. */
static void
is_in(struct vault * v, const struct vault_lease * l)
{
	int64_t now = clock_mono_us();

	v->checked_us = now;
	v->is_doubted = 0;
	v->tries = 0;
	v->renewable = l->renewable;
	v->ends_us = l->lives_ms > 0 ? now + l->lives_ms * 1000 : INT64_MAX;
	auth_enter(v, VAULT_IN);
	loop_timer_stop(v->timer);
	look_later(v);
	vault_noted(v, NULL);
	vault_auth_ended(v);
}

static int
keep(struct vault * v, const char * token, size_t n, struct err * e)
{
	struct buf sealed = BUF_INIT(VAULT_TOKEN_MAX * 2);

	if (n >= VAULT_TOKEN_MAX)
		return (err_set(e, ERR_CONFIG, "vault", "the token of Vault is "
		    "longer than %d bytes", VAULT_TOKEN_MAX - 1));
	if (secret_box_seal(&v->key, "token", token, n, &sealed, e)) {
		buf_free(&sealed);
		return (-1);
	}
	forget(v);
	v->token = sealed.p;
	v->serial++;
	v->is_worn = 0;
	return (0);
}

/* ---- AppRole ---- */

static void
on_login(void * arg, const struct http_res * res, const struct err * he)
{
	struct vault * v = arg;
	struct vault_lease l;
	struct err e;
	int rc;

	v->call = NULL;
	if (vault_call_judge(v, res, he, &e) != 0) {
		if (e.cls == ERR_CONFIG)
			err_prefix(&e, "it refuses role_id and secret_id");
		failed(v, &e);
		return;
	}
	rc = vault_answer_lease(res->body, res->body_len, 0, &l, &e);
	if (rc == 0)
		rc = keep(v, l.token, strlen(l.token), &e);
	if (rc == 0) {
		v->first_ms = l.lives_ms;
		log_event(LOG_INFO, "vault_login", LOG_I("lives_s",
		    l.lives_ms / 1000));
		is_in(v, &l);
	} else {
		failed(v, &e);
	}
	if (l.token != NULL)
		explicit_bzero(l.token, strlen(l.token));
	free(l.token);
}

static int
login_body(struct vault * v, struct buf * body, struct err * e)
{
	struct buf s = BUF_INIT(VAULT_TOKEN_MAX * 2);
	int rc;

	if ((rc = vault_credential(v, v->o.role_id, NULL, &s, e)) != 0)
		err_prefix(e, "role_id");
	if (rc == 0 && buf_reserve(body, 8 * VAULT_TOKEN_MAX) == 0) {
		buf_adds(body, "{\"role_id\":");
		buf_add_json_str(body, s.p ? s.p : "", s.len);
	}
	buf_wipe(&s);
	if (rc == 0 && (v->o.secret_id != NULL || v->o.secret_id_file != NULL)) {
		rc = vault_credential(v, v->o.secret_id, v->o.secret_id_file,
		    &s, e);
		if (rc == 0) {
			buf_adds(body, ",\"secret_id\":");
			buf_add_json_str(body, s.p ? s.p : "", s.len);
		} else {
			err_prefix(e, "secret_id");
		}
		buf_wipe(&s);
	}
	buf_addc(body, '}');
	return (rc != 0 ? -1 : body->failed ? err_nomem(e, "a request") : 0);
}

static void
login(struct vault * v)
{
	struct buf body = BUF_INIT(16 * VAULT_TOKEN_MAX),
	    path = BUF_INIT(1024);
	struct vault_ask a = { .method = "POST", .without_token = 1 };
	struct err e;

	auth_enter(v, VAULT_LOGIN);
	if (buf_addf(&path, "auth/%s/login", v->o.auth_path))
		err_nomem(&e, "a request");
	else if (login_body(v, &body, &e) == 0) {
		a.path = path.p;
		a.body = body.p;
		v->call = vault_call(v, &a, on_login, v, &e);
	}
	buf_wipe(&body);
	buf_free(&path);
	if (v->call == NULL)
		fail_soon(v, &e);
}

/* ---- a token that is given ---- */

/* Whether the settings have another token than ours by now, which it then is. */
static int
take_given(struct vault * v, int * is_other, struct err * e)
{
	struct buf given = BUF_INIT(VAULT_TOKEN_MAX * 2),
	    ours = BUF_INIT(VAULT_TOKEN_MAX * 2);
	struct err none;
	int rc;

	rc = vault_credential(v, v->o.token, v->o.token_file, &given, e);
	if (rc != 0)
		err_prefix(e, v->o.token ? "token" : "token_file");
	*is_other = rc == 0 && (vault_token(v, &ours, &none) != 0 ||
	    ours.len != given.len || memcmp(ours.p, given.p, ours.len) != 0);
	if (*is_other)
		rc = keep(v, given.p ? given.p : "", given.len, e);
	buf_wipe(&given);
	buf_wipe(&ours);
	return (rc);
}

static void lookup(struct vault * v);

/* Vault does not know it any more, or never did. */
static void
is_void(struct vault * v)
{
	int is_other;
	struct err e;

	if (is_approle(v)) {
		forget(v);
		login(v);
		return;
	}
	if (take_given(v, &is_other, &e) == 0) {
		if (is_other) {
			lookup(v);
			return;
		}
		err_set(&e, ERR_TRANSIENT, "vault", "it refuses our token, which "
		    "has ended, was revoked or may not look itself up; put "
		    "another into %s", v->o.token_file ? v->o.token_file :
		    "the settings");
	}
	forget(v);
	failed(v, &e);
}

static void
on_lookup(void * arg, const struct http_res * res, const struct err * he)
{
	struct vault * v = arg;
	struct vault_lease l;
	struct err e;
	int rc;

	v->call = NULL;
	if ((rc = vault_call_judge(v, res, he, &e)) > 0) {
		is_void(v);
	} else if (rc < 0 || vault_answer_lease(res->body, res->body_len, 1,
	    &l, &e)) {
		failed(v, &e);
	} else {
		if (l.first_ms > 0)
			v->first_ms = l.first_ms;
		is_in(v, &l);
	}
}

static void
lookup(struct vault * v)
{
	struct vault_ask a = { .method = "GET",
	    .path = "auth/token/lookup-self" };
	struct err e;

	auth_enter(v, VAULT_LOOKUP);
	if ((v->call = vault_call(v, &a, on_lookup, v, &e)) == NULL)
		fail_soon(v, &e);
}

/* ---- more life ---- */

static void
on_renew(void * arg, const struct http_res * res, const struct err * he)
{
	struct vault * v = arg;
	struct vault_lease l;
	struct err e;
	int rc;

	v->call = NULL;
	rc = vault_call_judge(v, res, he, &e);
	if (rc == 0 && vault_answer_lease(res->body, res->body_len, 0, &l,
	    &e) == 0) {
		if (l.token != NULL)
			explicit_bzero(l.token, strlen(l.token));
		free(l.token);
		/* Its longest life is near: soon another is needed. */
		v->is_worn = l.lives_ms * 2 < v->first_ms;
		is_in(v, &l);
		return;
	}
	if (rc > 0)
		v->is_worn = 1;
	/* A new one, then. */
	if (rc > 0 && is_approle(v))
		login(v);
	else
		failed(v, &e);
}

static void
renew(struct vault * v)
{
	struct vault_ask a = { .method = "POST", .body = "{}",
	    .path = "auth/token/renew-self" };
	struct err e;

	auth_enter(v, VAULT_RENEW);
	if ((v->call = vault_call(v, &a, on_renew, v, &e)) == NULL)
		fail_soon(v, &e);
}

static void
begin(struct vault * v)
{
	int is_other;
	struct err e;

	if (left_ms(v) > 0) {
		lookup(v);
	} else if (is_approle(v)) {
		login(v);
	} else if (take_given(v, &is_other, &e)) {
		auth_enter(v, VAULT_LOOKUP);
		fail_soon(v, &e);
	} else {
		lookup(v);
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
		renew(v);
	} else if (is_approle(v)) {
		login(v);
	} else if (take_given(v, &is_other, &e) == 0 && is_other) {
		lookup(v);
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
		lookup(v);
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
