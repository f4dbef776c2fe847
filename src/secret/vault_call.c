#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "secret/secret.h"
#include "secret/vault_answer.h"
#include "secret/vault_internal.h"

/* What is sent to Vault, and who says it. */

#define TIMEOUT_MS 10000
#define MAX_ANSWER ((size_t)2 << 20)
#define WORDS_MAX 160

int
vault_secret_file(const char * path, struct buf * out, struct err * e)
{
	char line[VAULT_TOKEN_MAX];
	size_t n = 0;
	struct stat st;
	FILE * f;
	int rc = 0;

	if ((f = fopen(path, "re")) == NULL || fstat(fileno(f), &st) != 0) {
		rc = err_set(e, ERR_CONFIG, "vault", "cannot read %s: %s",
		    path, strerror(errno));
	} else if (st.st_mode & (S_IROTH | S_IWOTH)) {
		rc = err_set(e, ERR_CONFIG, "vault", "others may read %s; "
		    "chmod 600 it", path);
	} else {
		if (fgets(line, sizeof(line), f) != NULL)
			n = strcspn(line, "\r\n");
		if (n == 0 || n + 1 >= sizeof(line))
			rc = err_set(e, ERR_CONFIG, "vault", "the first line of "
			    "%s is %s", path, n == 0 ? "empty" : "too long");
		else if (buf_reserve(out, n) || buf_add(out, line, n))
			rc = err_nomem(e, "a secret");
		explicit_bzero(line, sizeof(line));
	}
	if (f != NULL)
		fclose(f);
	return (rc);
}

int
vault_credential(const struct vault * v, const char * text, const char * file,
    struct buf * out, struct err * e)
{
	if (text == NULL)
		return (vault_secret_file(file, out, e));
	if (buf_reserve(out, VAULT_TOKEN_MAX))
		return (err_nomem(e, "a secret"));
	if (secret_is_ref(text))
		return (secrets_resolve(v->o.secrets, text, out, e));
	return (buf_adds(out, text) ? err_nomem(e, "a secret") : 0);
}

int
vault_token(const struct vault * v, struct buf * out, struct err * e)
{
	if (v->token == NULL)
		return (err_set(e, ERR_TRANSIENT, "secret", "we have no token "
		    "of Vault"));
	if (buf_reserve(out, VAULT_TOKEN_MAX))
		return (err_nomem(e, "a token"));
	return (secret_box_open(&v->key, "token", v->token, out, e));
}

/* Take what we know of out of a message. */
static void
scrub(struct vault * v, struct err * e)
{
	v->is_scrubbing = 1;
	secret_scrub(v->o.secrets, "null", e);
	v->is_scrubbing = 0;
}

struct http_call *
vault_call(struct vault * v, const struct vault_ask * ask, http_cb * cb,
    void * arg, struct err * e)
{
	struct buf url = BUF_INIT(16384), head = BUF_INIT(VAULT_TOKEN_MAX * 2),
	    ns = BUF_INIT(1024);
	const char * headers[5] = { "X-Vault-Request: true" };
	struct http_call * call = NULL;
	struct http_req r;
	size_t n = 1;
	int rc = 0;

	memset(&r, 0, sizeof(r));
	if (buf_addf(&url, "%s/v1/%s", v->o.url, ask->path) ||
	    (v->o.ns != NULL && buf_addf(&ns, "X-Vault-Namespace: %s",
	    v->o.ns)) || buf_reserve(&head, VAULT_TOKEN_MAX + 32) ||
	    buf_adds(&head, "X-Vault-Token: "))
		rc = err_nomem(e, "a request");
	else if (!ask->without_token)
		rc = vault_token(v, &head, e);
	if (rc == 0) {
		if (!ask->without_token)
			headers[n++] = head.p;
		if (v->o.ns != NULL)
			headers[n++] = ns.p;
		if (ask->body != NULL)
			headers[n++] = "Content-Type: application/json";
		headers[n] = NULL;
		r.method = ask->method;
		r.url = url.p;
		r.headers = headers;
		r.body = ask->body;
		r.body_len = ask->body ? strlen(ask->body) : 0;
		r.timeout_ms = TIMEOUT_MS;
		r.max_body = MAX_ANSWER;
		r.ca_file = v->o.ca_file;
		v->st.requests++;
		if ((call = http_start(v->o.http, &r, cb, arg)) == NULL)
			err_nomem(e, "a request");
	}
	buf_wipe(&head);
	buf_free(&ns);
	buf_free(&url);
	return (call);
}

/* Answers that mean that nothing can be said now: sealed, a standby that does not
 * pass on, too much asked, not up to date yet. */
static int
is_away(int status)
{
	return (status / 100 == 5 || status / 100 == 3 || status == 429 ||
	    status == 408 || status == 412 || status == 472 || status == 473);
}

int
vault_call_judge(struct vault * v, const struct http_res * res,
    const struct err * he, struct err * e)
{
	char words[WORDS_MAX], url[200];

	if (res == NULL) {
		err_set(e, ERR_TRANSIENT, "secret", "waiting for Vault: %s",
		    he->msg);
	} else if (res->status / 100 == 2) {
		return (0);
	} else {
		vault_answer_words(res->body, res->body_len, words,
		    sizeof(words));
		http_url_safe(url, sizeof(url), res->url);
		err_set(e, is_away(res->status) ? ERR_TRANSIENT : ERR_CONFIG,
		    "secret", "%s%s answered %d%s%s", is_away(res->status) ?
		    "waiting for Vault: " : "", url, res->status, words,
		    res->status / 100 == 3 ? ", which is a standby's: give the "
		    "url of one that answers" : "");
		scrub(v, e);
		if (!is_away(res->status))
			return (1);
	}
	vault_noted(v, e);
	return (-1);
}
