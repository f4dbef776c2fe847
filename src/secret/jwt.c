#include "secret/jwt.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#define MAX_KEY 65536
#define MAX_SIGNATURE 1024 /* RSA of 8192 bits */
#define P256_HALF 32

int
jwt_alg_ok(const char * alg)
{
	return (strcmp(alg, "HS256") == 0 || strcmp(alg, "RS256") == 0 ||
	    strcmp(alg, "ES256") == 0);
}

/* RFC 4648, section 5, without padding. */
static int
add_base64url(struct buf * out, const unsigned char * p, size_t n)
{
	size_t from = out->len, len;
	char * s;

	if (buf_reserve(out, n * 4 / 3 + 8))
		return (-1);
	len = (size_t)EVP_EncodeBlock((unsigned char *)out->p + from, p,
	    (int)n);
	while (len > 0 && out->p[from + len - 1] == '=')
		len--;
	out->len = from + len;
	out->p[out->len] = '\0';
	for (s = out->p + from; *s != '\0'; s++)
		*s = *s == '+' ? '-' : *s == '/' ? '_' : *s;
	return (0);
}

static int
add_json(struct buf * out, const json_t * v)
{
	char * s = json_dumps(v, JSON_COMPACT);
	int rc = s == NULL ? -1 : add_base64url(out, (unsigned char *)s,
	    strlen(s));

	free(s);
	return (rc);
}

static int
no_password(char * s, int n, int w, void * arg)
{
	(void)s;
	(void)n;
	(void)w;
	(void)arg;
	return (-1); /* or it would ask on the terminal */
}

static EVP_PKEY *
read_key(const char * key, size_t n, struct err * e)
{
	struct buf pem = BUF_INIT(MAX_KEY);
	EVP_PKEY * k = NULL;
	BIO * bio;
	size_t i;

	buf_reserve(&pem, n < MAX_KEY ? n + 1 : MAX_KEY);
	for (i = 0; i < n; i++)
		if (key[i] == '\\' && i + 1 < n && key[i + 1] == 'n') {
			buf_addc(&pem, '\n');
			i++;
		} else {
			buf_addc(&pem, key[i]);
		}
	if (!pem.failed && (bio = BIO_new_mem_buf(pem.p ? pem.p : "",
	    (int)pem.len)) != NULL) {
		k = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
		BIO_free(bio);
	}
	buf_wipe(&pem);
	if (k == NULL)
		err_set(e, ERR_CONFIG, "key", "the private key cannot be read: "
		    "it must be PEM (-----BEGIN ... PRIVATE KEY-----) without "
		    "a pass phrase");
	return (k);
}

/* r and s, a half each, of a signature in DER. */
static int
raw_ecdsa(unsigned char * sig, size_t * n)
{
	const unsigned char * p = sig;
	ECDSA_SIG * s = d2i_ECDSA_SIG(NULL, &p, (long)*n);
	int rc = -1;

	if (s == NULL)
		return (-1);
	if (BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, P256_HALF) == P256_HALF &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + P256_HALF, P256_HALF) ==
	    P256_HALF) {
		*n = (size_t)P256_HALF * 2;
		rc = 0;
	}
	ECDSA_SIG_free(s);
	return (rc);
}

/* Other curves have 256 bits, too. */
static int
is_p256(const EVP_PKEY * k)
{
	char name[64];

	return (EVP_PKEY_get_group_name(k, name, sizeof(name), NULL) == 1 &&
	    strcmp(name, SN_X9_62_prime256v1) == 0);
}

static int
sign_key(const char * alg, const char * key, size_t nkey, const char * s,
    size_t n, unsigned char * sig, size_t * nsig, struct err * e)
{
	int is_ec = strcmp(alg, "ES256") == 0, rc = -1;
	EVP_PKEY * k = read_key(key, nkey, e);
	EVP_MD_CTX * ctx = NULL;

	if (k == NULL)
		return (-1);
	if (EVP_PKEY_get_base_id(k) != (is_ec ? EVP_PKEY_EC : EVP_PKEY_RSA) ||
	    (is_ec && !is_p256(k)))
		err_set(e, ERR_CONFIG, "key", "the private key is of another "
		    "kind than %s takes", is_ec ? "ES256 (P-256)" : "RS256 "
		    "(RSA)");
	else if ((ctx = EVP_MD_CTX_new()) == NULL || EVP_DigestSignInit(ctx,
	    NULL, EVP_sha256(), NULL, k) != 1 || EVP_DigestSign(ctx, sig, nsig,
	    (const unsigned char *)s, n) != 1 ||
	    (is_ec && raw_ecdsa(sig, nsig)))
		err_set(e, ERR_CONFIG, "key", "the private key cannot sign");
	else
		rc = 0;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(k);
	return (rc);
}

static int
sign(const char * alg, const char * key, size_t nkey, const char * s,
    size_t n, unsigned char * sig, size_t * nsig, struct err * e)
{
	unsigned int len = 0;

	if (strcmp(alg, "HS256") != 0)
		return (sign_key(alg, key, nkey, s, n, sig, nsig, e));
	if (nkey == 0)
		return (err_set(e, ERR_CONFIG, "key", "the key is empty"));
	if (HMAC(EVP_sha256(), key, (int)nkey, (const unsigned char *)s, n,
	    sig, &len) == NULL)
		return (err_nomem(e, "a token"));
	*nsig = len;
	return (0);
}

int
jwt_sign(const char * alg, const char * key, size_t nkey,
    const json_t * header, const json_t * claims, struct buf * out,
    struct err * e)
{
	json_t * head = json_pack("{s:s, s:s}", "alg", alg, "typ", "JWT");
	unsigned char sig[MAX_SIGNATURE];
	size_t from = out->len, n = sizeof(sig);
	int rc;

	if (nkey > MAX_KEY)
		rc = err_set(e, ERR_CONFIG, "key", "the key is longer than %d "
		    "bytes", MAX_KEY);
	else if (head == NULL || (header != NULL &&
	    json_object_update_missing(head, (json_t *)(size_t)header)) ||
	    add_json(out, head) || buf_addc(out, '.') ||
	    add_json(out, claims))
		rc = err_nomem(e, "a token");
	else if ((rc = sign(alg, key, nkey, out->p + from, out->len - from,
	    sig, &n, e)) == 0 && (buf_addc(out, '.') ||
	    add_base64url(out, sig, n)))
		rc = err_nomem(e, "a token");
	json_decref(head);
	explicit_bzero(sig, sizeof(sig));
	return (rc);
}
