/* What Vault is asked: for a token, whether ours is good, for more life. */
#include "secret/vault_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "secret/vault_answer.h"

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
		vault_auth_failed(v, &e);
		return;
	}
	rc = vault_answer_lease(res->body, res->body_len, 0, &l, &e);
	if (rc == 0)
		rc = vault_auth_keep(v, l.token, strlen(l.token), &e);
	if (rc == 0) {
		v->first_ms = l.lives_ms;
		log_event(LOG_INFO, "vault_login", LOG_I("lives_s",
		    l.lives_ms / 1000));
		vault_auth_is_in(v, &l);
	} else {
		vault_auth_failed(v, &e);
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

void
vault_login(struct vault * v)
{
	struct buf body = BUF_INIT(16 * VAULT_TOKEN_MAX),
	    path = BUF_INIT(1024);
	struct vault_ask a = { .method = "POST", .without_token = 1 };
	struct err e;

	vault_auth_enter(v, VAULT_LOGIN);
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
		vault_auth_fail_soon(v, &e);
}

/* ---- a token that is given ---- */

int
vault_login_take(struct vault * v, int * is_other, struct err * e)
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
		rc = vault_auth_keep(v, given.p ? given.p : "", given.len, e);
	buf_wipe(&given);
	buf_wipe(&ours);
	return (rc);
}

/* Vault does not know it any more, or never did. */
static void
is_void(struct vault * v)
{
	int is_other;
	struct err e;

	if (vault_auth_is_approle(v)) {
		vault_auth_forget(v);
		vault_login(v);
		return;
	}
	if (vault_login_take(v, &is_other, &e) == 0) {
		if (is_other) {
			vault_login_look(v);
			return;
		}
		err_set(&e, ERR_TRANSIENT, "vault", "it refuses our token, which "
		    "has ended, was revoked or may not look itself up; put "
		    "another into %s", v->o.token_file ? v->o.token_file :
		    "the settings");
	}
	vault_auth_forget(v);
	vault_auth_failed(v, &e);
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
		vault_auth_failed(v, &e);
	} else {
		if (l.first_ms > 0)
			v->first_ms = l.first_ms;
		vault_auth_is_in(v, &l);
	}
}

void
vault_login_look(struct vault * v)
{
	struct vault_ask a = { .method = "GET",
	    .path = "auth/token/lookup-self" };
	struct err e;

	vault_auth_enter(v, VAULT_LOOKUP);
	if ((v->call = vault_call(v, &a, on_lookup, v, &e)) == NULL)
		vault_auth_fail_soon(v, &e);
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
		vault_auth_is_in(v, &l);
		return;
	}
	if (rc > 0)
		v->is_worn = 1;
	/* A new one, then. */
	if (rc > 0 && vault_auth_is_approle(v))
		vault_login(v);
	else
		vault_auth_failed(v, &e);
}

void
vault_login_renew(struct vault * v)
{
	struct vault_ask a = { .method = "POST", .body = "{}",
	    .path = "auth/token/renew-self" };
	struct err e;

	vault_auth_enter(v, VAULT_RENEW);
	if ((v->call = vault_call(v, &a, on_renew, v, &e)) == NULL)
		vault_auth_fail_soon(v, &e);
}
