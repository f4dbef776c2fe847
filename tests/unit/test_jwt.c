#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "secret/jwt.h"

/* A token in its three parts, undone. */
struct undone {
	json_t * header, * claims;
	unsigned char sig[1024];
	size_t nsig, nsigned;
};

static size_t
from_base64url(const char * s, size_t n, unsigned char * out)
{
	char four[5] = "";
	size_t i, k, len = 0, left;

	for (i = 0; i < n; i += 4) {
		left = n - i < 4 ? n - i : 4;
		memset(four, '=', 4);
		for (k = 0; k < left; k++)
			four[k] = s[i + k] == '-' ? '+' : s[i + k] == '_' ?
			    '/' : s[i + k];
		assert_int_equal(EVP_DecodeBlock(out + len,
		    (unsigned char *)four, 4), 3);
		len += left - 1;
	}
	return (len);
}

static void
undo(const struct buf * b, struct undone * u)
{
	const char * dot = strchr(b->p, '.'), * dot2 = strrchr(b->p, '.');
	unsigned char text[4096];
	size_t n;

	assert_non_null(dot);
	assert_ptr_not_equal(dot, dot2);
	assert_null(strpbrk(b->p, "+/="));
	n = from_base64url(b->p, (size_t)(dot - b->p), text);
	u->header = json_loadb((char *)text, n, 0, NULL);
	n = from_base64url(dot + 1, (size_t)(dot2 - dot) - 1, text);
	u->claims = json_loadb((char *)text, n, 0, NULL);
	u->nsig = from_base64url(dot2 + 1, strlen(dot2 + 1), u->sig);
	u->nsigned = (size_t)(dot2 - b->p);
	assert_non_null(u->header);
	assert_non_null(u->claims);
}

static char *
pem_of(EVP_PKEY * k)
{
	BIO * bio = BIO_new(BIO_s_mem());
	char * p, * s;
	long n;

	assert_int_equal(PEM_write_bio_PrivateKey(bio, k, NULL, NULL, 0, NULL,
	    NULL), 1);
	n = BIO_get_mem_data(bio, &p);
	s = strndup(p, (size_t)n);
	BIO_free(bio);
	return (s);
}

static void
verify(EVP_PKEY * k, const struct buf * b, const unsigned char * sig, size_t n)
{
	EVP_MD_CTX * ctx = EVP_MD_CTX_new();
	const char * dot2 = strrchr(b->p, '.');

	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL,
	    k), 1);
	assert_int_equal(EVP_DigestVerify(ctx, sig, n,
	    (unsigned char *)b->p, (size_t)(dot2 - b->p)), 1);
	EVP_MD_CTX_free(ctx);
}

/* Each byte value in turn, so that all of the alphabet is met. */
static void
sign_and_undo(const char * alg, const char * key, struct buf * b,
    struct undone * u)
{
	json_t * claims = json_pack("{s:s, s:I}", "iss", "me?>~\xc3\xbf", "exp",
	    (json_int_t)1700000000);
	json_t * header = json_pack("{s:s, s:s}", "kid", "k1", "alg", "none");
	struct err e;

	assert_int_equal(jwt_sign(alg, key, strlen(key), header, claims, b, &e),
	    0);
	undo(b, u);
	assert_true(json_equal(u->claims, claims));
	assert_string_equal(json_string_value(json_object_get(u->header,
	    "alg")), alg);
	assert_string_equal(json_string_value(json_object_get(u->header,
	    "kid")), "k1");
	json_decref(claims);
	json_decref(header);
	json_decref(u->header);
	json_decref(u->claims);
}

static void
test_rs256(void ** state)
{
	EVP_PKEY * k = EVP_RSA_gen(2048);
	struct buf b = BUF_INIT(0);
	struct undone u;
	struct buf flat = BUF_INIT(0);
	char * pem = pem_of(k), * p;

	(void)state;
	sign_and_undo("RS256", pem, &b, &u);
	verify(k, &b, u.sig, u.nsig);
	/* The same with its line ends written out. */
	for (p = pem; *p != '\0'; p++)
		assert_int_equal(*p == '\n' ? buf_adds(&flat, "\\n") :
		    buf_addc(&flat, *p), 0);
	buf_clear(&b);
	sign_and_undo("RS256", flat.p, &b, &u);
	verify(k, &b, u.sig, u.nsig);
	buf_free(&b);
	buf_free(&flat);
	free(pem);
	EVP_PKEY_free(k);
}

static void
test_es256(void ** state)
{
	EVP_PKEY * k = EVP_EC_gen("P-256");
	struct buf b = BUF_INIT(0);
	unsigned char * der = NULL;
	ECDSA_SIG * s;
	struct undone u;
	char * pem = pem_of(k);
	int i, n;

	(void)state;
	/* Often, as one half begins with a zero now and then. */
	for (i = 0; i < 300; i++) {
		buf_clear(&b);
		sign_and_undo("ES256", pem, &b, &u);
		assert_int_equal(u.nsig, 64);
		s = ECDSA_SIG_new();
		assert_int_equal(ECDSA_SIG_set0(s, BN_bin2bn(u.sig, 32, NULL),
		    BN_bin2bn(u.sig + 32, 32, NULL)), 1);
		der = NULL;
		n = i2d_ECDSA_SIG(s, &der);
		assert_true(n > 0);
		verify(k, &b, der, (size_t)n);
		OPENSSL_free(der);
		ECDSA_SIG_free(s);
	}
	buf_free(&b);
	free(pem);
	EVP_PKEY_free(k);
}

/* The token that jwt.io shows to everyone. */
static void
test_hs256(void ** state)
{
	json_t * claims = json_pack("{s:s, s:s, s:I}", "sub", "1234567890",
	    "name", "John Doe", "iat", (json_int_t)1516239022);
	struct buf b = BUF_INIT(0);
	struct err e;

	(void)state;
	assert_int_equal(jwt_sign("HS256", "your-256-bit-secret", 19, NULL,
	    claims, &b, &e), 0);
	assert_string_equal(b.p, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
	    "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2"
	    "MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c");
	buf_free(&b);
	json_decref(claims);
}

static void
refused(const char * alg, const char * key, const char * word)
{
	json_t * claims = json_object();
	struct buf b = BUF_INIT(0);
	struct err e;

	assert_int_equal(jwt_sign(alg, key, strlen(key), NULL, claims, &b, &e),
	    -1);
	assert_int_equal(e.cls, ERR_CONFIG);
	assert_string_equal(e.code, "key");
	assert_non_null(strstr(e.msg, word));
	buf_free(&b);
	json_decref(claims);
}

static void
test_bad_keys(void ** state)
{
	EVP_PKEY * rsa = EVP_RSA_gen(2048), * p384 = EVP_EC_gen("P-384");
	EVP_PKEY * k1 = EVP_EC_gen("secp256k1");
	char * pem = pem_of(rsa), * ec = pem_of(p384), * koblitz = pem_of(k1);

	(void)state;
	refused("RS256", "no key", "PEM");
	refused("RS256", "", "PEM");
	refused("RS256", ec, "RS256");
	refused("ES256", pem, "ES256");
	refused("ES256", ec, "P-256");
	refused("ES256", koblitz, "P-256");
	refused("HS256", "", "empty");
	assert_false(jwt_alg_ok("none"));
	assert_true(jwt_alg_ok("ES256"));
	free(pem);
	free(ec);
	free(koblitz);
	EVP_PKEY_free(k1);
	EVP_PKEY_free(rsa);
	EVP_PKEY_free(p384);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rs256),
		cmocka_unit_test(test_es256),
		cmocka_unit_test(test_hs256),
		cmocka_unit_test(test_bad_keys),
	};

	return (cmocka_run_group_tests_name("jwt", tests, NULL, NULL));
}
