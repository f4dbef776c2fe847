#include "target/elastic_call.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "secret/secret.h"
#include "secret/vault.h"
#include "target/elastic_internal.h"

#define CREDENTIAL_MAX 8192
#define TIMEOUT_MS 60000
#define MAX_WAITS 3 /* for Vault */

struct elastic_call {
	struct elastic * el;
	struct http_call * http;
	/* Where a credential is Vault's: what is asked, which is ours, as it may
	 * have to be sent later or once more. */
	struct elastic_ask * kept;
	struct vault_wait * secret;
	uint64_t since;    /* secrets_vault_changes() when it was sent */
	unsigned waits;
	int is_second;
	struct soon soon;  /* of a failure before anything was sent */
	struct err err;
	int (*on_data)(void * arg, const char * p, size_t n);
	http_cb * cb;
	void * arg;
};

/* What a credential stands for, at the end of ${out}. */
static int
resolve(const struct elastic * el, const char * text, const char * what,
    struct buf * out, struct err * e)
{
	if (!secret_is_ref(text)) {
		if (buf_adds(out, text))
			return (err_nomem(e, "a credential"));
		return (0);
	}
	if (secrets_resolve(el->o.secrets, text, out, e))
		return (err_prefix(e, "%s of Elasticsearch", what));
	return (0);
}

/* Bytes of both bufs are secrets: their room is made before. */
static int
add_basic(const struct elastic * el, struct buf * out, struct err * e)
{
	struct buf plain = BUF_INIT(CREDENTIAL_MAX);
	int rc = -1;

	if (buf_reserve(&plain, CREDENTIAL_MAX)) {
		err_nomem(e, "a credential");
	} else if (resolve(el, el->o.username, "the username", &plain, e) == 0) {
		if (memchr(plain.p, ':', plain.len) != NULL)
			err_set(e, ERR_CONFIG, "secret", "the username of "
			    "Elasticsearch may not contain a colon");
		else if (buf_addc(&plain, ':'))
			err_nomem(e, "a credential");
		else
			rc = resolve(el, el->o.password, "the password",
			    &plain, e);
	}
	if (rc == 0 && buf_adds(out, "Authorization: Basic ") == 0 &&
	    buf_reserve(out, plain.len / 3 * 4 + 8) == 0) {
		out->len += (size_t)EVP_EncodeBlock(
		    (unsigned char *)out->p + out->len,
		    (const unsigned char *)plain.p, (int)plain.len);
	} else if (rc == 0) {
		rc = err_nomem(e, "a credential");
	}
	buf_wipe(&plain);
	return (rc);
}

/* The header that says who we are; nothing if nobody asked. */
static int
credentials(const struct elastic * el, struct buf * out, struct err * e)
{
	if (el->o.api_key == NULL && el->o.username == NULL)
		return (0);
	if (buf_reserve(out, 2 * CREDENTIAL_MAX))
		return (err_nomem(e, "a credential"));
	if (el->o.api_key == NULL)
		return (add_basic(el, out, e));
	if (buf_adds(out, "Authorization: ApiKey "))
		return (err_nomem(e, "a credential"));
	if (resolve(el, el->o.api_key, "the api_key", out, e))
		return (-1);
	return (0);
}

/* ---- what is asked, kept ---- */

static void
ask_free(struct elastic_ask * a)
{
	if (a == NULL)
		return;
	free((char *)(uintptr_t)a->method);
	free((char *)(uintptr_t)a->path);
	free((char *)(uintptr_t)a->ctype);
	free((char *)(uintptr_t)a->encoding);
	if (!a->body_stays)
		free((void *)(uintptr_t)a->body);
	free(a);
}

static int
copy_text(const char ** s)
{
	return (*s != NULL && (*s = strdup(*s)) == NULL ? -1 : 0);
}

static struct elastic_ask *
ask_copy(const struct elastic_ask * ask)
{
	struct elastic_ask * a = malloc(sizeof(*a));
	void * body = NULL;
	int bad;

	if (a == NULL)
		return (NULL);
	*a = *ask;
	bad = copy_text(&a->method);
	bad |= copy_text(&a->path);
	bad |= copy_text(&a->ctype);
	bad |= copy_text(&a->encoding);
	if (ask->body != NULL && !ask->body_stays) {
		if ((body = malloc(ask->body_len + 1)) != NULL)
			memcpy(body, ask->body, ask->body_len);
		a->body = body;
		bad |= body == NULL ? -1 : 0;
	}
	if (bad == 0)
		return (a);
	ask_free(a);
	return (NULL);
}

/* ---- one call ---- */

static void
finish(struct elastic_call * c, const struct http_res * res,
    const struct err * e)
{
	http_cb * cb = c->cb;
	void * arg = c->arg;
	struct err copy;

	if (e != NULL) {
		copy = *e;
		e = &copy;
	}
	ask_free(c->kept);
	free(c);
	cb(arg, res, e);
}

static void begin(struct elastic_call * c, const struct elastic_ask * ask);

/* Vault may have another credential by now. */
static int
is_refused(const struct elastic_call * c, const struct http_res * res)
{
	return (c->kept != NULL && !c->is_second && res != NULL &&
	    res->status == 401 && secrets_refused(c->el->o.secrets,
	    c->el->refs, c->since));
}

static void
on_done(void * arg, const struct http_res * res, const struct err * e)
{
	struct elastic_call * c = arg;
	const char * product;

	c->http = NULL;
	if (res != NULL && (product = http_res_header(res,
	    "X-elastic-product")) != NULL && c->el->is_known &&
	    c->el->who.is_opensearch && strcmp(product, "Elasticsearch") == 0)
		c->el->is_known = 0; /* another cluster now */
	if (is_refused(c, res)) {
		c->is_second = 1;
		begin(c, c->kept);
		return;
	}
	finish(c, res, e);
}

static void
on_failed(void * arg)
{
	struct elastic_call * c = arg;

	finish(c, NULL, &c->err);
}

static int
on_bytes(void * arg, const char * p, size_t n)
{
	struct elastic_call * c = arg;

	return (c->on_data(c->arg, p, n));
}

static int
start(struct elastic_call * c, const struct elastic_ask * ask,
    struct buf * url, struct buf * auth, struct err * e)
{
	const char * headers[5];
	const struct elastic * el = c->el;
	char ctype[80], encoding[64];
	struct http_req r;
	size_t n = 0;

	if (buf_adds(url, el->o.url) || buf_adds(url, ask->path))
		return (err_nomem(e, "a request to Elasticsearch"));
	if (credentials(el, auth, e))
		return (-1);
	memset(&r, 0, sizeof(r));
	if (auth->len > 0)
		headers[n++] = auth->p;
	if (ask->body != NULL) {
		snprintf(ctype, sizeof(ctype), "Content-Type: %s",
		    ask->ctype ? ask->ctype : "application/json");
		headers[n++] = ctype;
	}
	if (ask->encoding != NULL) {
		snprintf(encoding, sizeof(encoding), "Content-Encoding: %s",
		    ask->encoding);
		headers[n++] = encoding;
	}
	headers[n] = NULL;
	r.method = ask->method;
	r.url = url->p;
	r.headers = headers;
	r.body = ask->body;
	r.body_len = ask->body_len;
	r.body_stays = ask->body_stays;
	r.timeout_ms = ask->timeout_ms ? ask->timeout_ms : TIMEOUT_MS;
	r.max_body = ask->max_body;
	r.ca_file = el->o.ca_file;
	r.no_compress = el->is_local != 0;
	r.on_data = ask->on_data ? on_bytes : NULL;
	c->since = secrets_vault_changes(el->o.secrets);
	if ((c->http = http_start(el->o.http, &r, on_done, c)) == NULL)
		return (err_nomem(e, "a request to Elasticsearch"));
	return (0);
}

static void
on_secret(void * arg)
{
	struct elastic_call * c = arg;

	c->secret = NULL;
	begin(c, c->kept);
}

/* Nothing was sent: wait for Vault if that is why, else tell it. */
static void
unsent(struct elastic_call * c)
{
	if (c->kept != NULL && strcmp(c->err.code, SECRET_WAIT) == 0 &&
	    c->waits++ < MAX_WAITS && (c->secret = secrets_wait(
	    c->el->o.secrets, c->el->refs, on_secret, c)) != NULL)
		return;
	if (strcmp(c->err.code, SECRET_WAIT) == 0)
		(void)strcpy(c->err.code, "secret");
	loop_soon(c->el->o.loop, &c->soon, on_failed, c);
}

static void
begin(struct elastic_call * c, const struct elastic_ask * ask)
{
	struct buf url = BUF_INIT(65536), auth = BUF_INIT(3 * CREDENTIAL_MAX);

	if (start(c, ask, &url, &auth, &c->err))
		unsent(c);
	buf_wipe(&auth);
	buf_free(&url);
}

struct elastic_call *
elastic_call(struct elastic * el, const struct elastic_ask * ask, http_cb * cb,
    void * arg)
{
	struct elastic_call * c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	c->el = el;
	c->on_data = ask->on_data;
	c->cb = cb;
	c->arg = arg;
	if (el->refs != NULL && (c->kept = ask_copy(ask)) == NULL) {
		free(c);
		return (NULL);
	}
	begin(c, ask);
	return (c);
}

void
elastic_call_cancel(struct elastic_call * c)
{
	if (c == NULL)
		return;
	http_cancel(c->http);
	vault_wait_cancel(c->secret);
	loop_soon_cancel(c->el->o.loop, &c->soon);
	ask_free(c->kept);
	free(c);
}

int
elastic_path_add(struct buf * out, const char * name)
{
	static const char hex[] = "0123456789ABCDEF";
	const unsigned char * p;
	char esc[3] = { '%' };

	for (p = (const unsigned char *)name; *p != '\0'; p++) {
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= '0' && *p <= '9') || strchr("-._~*,", *p) != NULL) {
			if (buf_addc(out, (char)*p))
				return (-1);
			continue;
		}
		esc[1] = hex[*p >> 4];
		esc[2] = hex[*p & 15];
		if (buf_add(out, esc, 3))
			return (-1);
	}
	return (0);
}

/* The innermost reason the cluster gives, and its type. */
static const char *
reason_of(const json_t * body, const char ** type)
{
	const json_t * err = json_object_get(body, "error"), * in, * why;
	const char * reason;
	int deep;

	*type = json_str(err, "type");
	if (json_is_string(err))
		return (json_string_value(err));
	reason = json_str(err, "reason");
	in = err;
	for (deep = 0; deep < 8; deep++) {
		if ((why = json_object_get(in, "caused_by")) == NULL)
			break;
		if (json_str(why, "reason") != NULL)
			reason = json_str(why, "reason");
		in = why;
	}
	return (reason);
}

int
elastic_err(struct err * e, const struct http_res * res, const char * what)
{
	const char * type, * reason;
	int64_t after;
	json_t * body;

	err_from_http(e, res, what);
	after = e->retry_after_ms;
	body = json_parse(res->body, res->body_len, "the answer", NULL);
	reason = reason_of(body, &type);
	if (reason != NULL)
		err_set(e, e->cls, e->code, "%s: the cluster answered %d, "
		    "%.60s: %.260s%s", what, res->status,
		    type ? type : "error", reason, e->cls == ERR_CONFIG ?
		    "; check the credentials and what they may do" : "");
	e->retry_after_ms = after;
	/* The same numbers as for credentials, but it passes. */
	if (type != NULL && strcmp(type, "cluster_block_exception") == 0)
		e->cls = ERR_TRANSIENT;
	json_decref(body);
	return (-1);
}
