#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/json.h"
#include "conn/request_build.h"
#include "conn/sigv4.h"

/* What proves who sends, over what is sent. */

#define MAX_TEXT (REQUEST_MAX_TEXT + REQUEST_MAX_URL)

/* ---- a hash over a text ---- */

static int
digest(const char * algorithm, const struct buf * key, const struct buf * text,
    unsigned char * md, unsigned int * n)
{
	int mac = strncmp(algorithm, "hmac_", 5) == 0;
	const EVP_MD * type = strcmp(algorithm + (mac ? 5 : 0), "sha1") == 0 ?
	    EVP_sha1() : EVP_sha256();
	const char * p = text->p ? text->p : "";

	if (!mac)
		return (EVP_Digest(p, text->len, md, n, type, NULL) == 1);
	return (HMAC(type, key->p ? key->p : "", (int)key->len,
	    (const unsigned char *)p, text->len, md, n) != NULL);
}

static int
add_digest(const struct request * r, const struct buf * key,
    const struct buf * text, struct buf * out, struct err * e)
{
	const json_t * s = json_object_get(r->auth, "sign");
	const char * algorithm = json_str(s, "algorithm"),
	    * encoding = json_str(s, "encoding");
	unsigned char md[EVP_MAX_MD_SIZE], b64[EVP_MAX_MD_SIZE * 2];
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	unsigned int n = 0;

	if (algorithm == NULL || !digest(algorithm, key, text, md, &n))
		return (err_set(e, ERR_PERMANENT, "openssl", "the "
		    "cryptographic library cannot make a signature"));
	if (encoding != NULL && strcmp(encoding, "base64") == 0) {
		(void)EVP_EncodeBlock(b64, md, (int)n);
		buf_adds(out, (const char *)b64);
	} else {
		hex_write(md, n, hex);
		buf_adds(out, hex);
	}
	return (out->failed ? err_nomem(e, "a signature") : 0);
}

int
request_proof_text(const struct request * r, const struct sign_vars * w,
    struct buf * out, struct err * e)
{
	struct buf text = BUF_INIT(MAX_TEXT), key = BUF_INIT(SECRET_VALUE_MAX);
	const char * k = json_str(r->proof, "key");
	int rc = -1;

	/* Room at first: secrets are not copied about. */
	if (buf_reserve(&text, strlen(w->url) + strlen(w->body) + 4096) ||
	    buf_reserve(&key, 4096))
		err_nomem(e, "a signature");
	else if (request_sign_text(json_str(r->proof, "text"), w, 0, &text,
	    e) || (k != NULL && request_sign_text(k, w, 0, &key, e)))
		err_prefix(e, "signature resolve");
	else
		rc = add_digest(r, &key, &text, out, e);
	buf_wipe(&text);
	buf_wipe(&key);
	return (rc);
}

/* ---- AWS ---- */

enum { PART_ACCESS, PART_SECRET, PART_SESSION, PART_REGION, PART_SERVICE,
	PARTS };

/* What stands at ${key}; NULL text: nothing does. */
static int
part(const struct request * r, const struct sign_vars * w, const char * key,
    struct buf * out, struct err * e)
{
	const char * t = json_str(r->proof, key);

	if (t == NULL)
		return (0);
	if (buf_reserve(out, 4096))
		return (err_nomem(e, "a signature"));
	if (request_sign_text(t, w, 1, out, e))
		return (err_prefix(e, "%s resolve", key));
	return (0);
}

static int
add_lines(struct request_signed * out, struct buf * lines, size_t n,
    struct err * e)
{
	size_t i;
	int rc = 0;

	/* Those that were not needed have room all the same. */
	for (i = n; i < SIGV4_LINES; i++)
		buf_wipe(&lines[i]);
	for (i = 0; i < n; i++) {
		if (out->n == REQUEST_SIGN_MAX)
			rc = err_set(e, ERR_CONFIG, "template", "more than %d "
			    "headers hold secrets", REQUEST_SIGN_MAX);
		else if (rc == 0) {
			out->lines[out->n++] = lines[i];
			memset(&lines[i], 0, sizeof(lines[i]));
		}
		buf_wipe(&lines[i]);
	}
	return (rc);
}

static int
sign(const struct request * r, const struct sign_vars * w,
    const struct buf * p, struct request_signed * out, struct err * e)
{
	const struct token_value * t = w->v->token;
	struct buf lines[SIGV4_LINES];
	struct sigv4 s;
	size_t n = 0, i;

	memset(lines, 0, sizeof(lines));
	memset(&s, 0, sizeof(s));
	s.access_key = t ? t->access_key : p[PART_ACCESS].p;
	s.secret_key = t ? t->secret_key : p[PART_SECRET].p;
	s.token = t ? t->session_token : p[PART_SESSION].p;
	s.region = p[PART_REGION].p;
	s.service = p[PART_SERVICE].p;
	s.time_ms = w->v->now_ms;
	s.method = w->method;
	s.url = w->url;
	s.body = w->body;
	s.body_len = r->body_secret ? out->body.len : r->body_len;
	/* The lines that were made just now go along. */
	for (i = 0; i < out->n; i++)
		r->headers[r->nheaders + i] = out->lines[i].p;
	s.headers = (const char * const *)r->headers;
	if (s.access_key == NULL || s.secret_key == NULL || s.region == NULL ||
	    s.service == NULL)
		return (err_set(e, ERR_CONFIG, "template", "the manifest's auth "
		    "lacks the access key, secret key, region or service"));
	if (sigv4_sign(&s, lines, &n, e)) {
		for (i = 0; i < SIGV4_LINES; i++)
			buf_wipe(&lines[i]);
		return (-1);
	}
	return (add_lines(out, lines, n, e));
}

int
request_proof_sigv4(const struct request * r, struct sign_vars * w,
    struct request_signed * out, struct err * e)
{
	static const char * const keys[PARTS] = { "access_key", "secret_key",
	    "session_token", "region", "service" };
	struct buf p[PARTS];
	size_t i;
	int rc = 0;

	memset(p, 0, sizeof(p));
	/* With a role's keys one's own are not looked up. */
	for (i = w->v->token ? PART_REGION : 0; i < PARTS && rc == 0; i++)
		rc = part(r, w, keys[i], &p[i], e);
	if (rc == 0)
		rc = sign(r, w, p, out, e);
	for (i = 0; i < PARTS; i++)
		buf_wipe(&p[i]);
	for (i = 0; i < out->n && rc != 0; i++)
		r->headers[r->nheaders + i] = NULL;
	return (rc);
}
