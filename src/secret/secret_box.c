#include "secret/secret_box.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#define VERSION "v1:"
#define NVERSION (sizeof(VERSION) - 1)
#define NONCE 12
#define TAG 16
#define BOX_MAX (NONCE + SECRET_VALUE_MAX + TAG)
#define TEXT_LEN(n) (((n) + 2) / 3 * 4)

void
secret_box_wipe(struct secret_key * key)
{
	explicit_bzero(key, sizeof(*key));
}

static int
err_openssl(const char * name, struct err * e)
{
	return (err_set(e, ERR_PERMANENT, "openssl", "the cryptographic "
	    "library failed on the secret %.200s", name));
}

/* The AAD binds a text to its name: under another it does not open. */
static int
seal(EVP_CIPHER_CTX * ctx, const struct secret_key * key, const char * name,
    const void * p, size_t n, unsigned char * box)
{
	int len;

	return (RAND_bytes(box, NONCE) == 1 &&
	    EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->k, box) == 1 &&
	    EVP_EncryptUpdate(ctx, NULL, &len, (const unsigned char *)name,
	    (int)strlen(name)) == 1 &&
	    EVP_EncryptUpdate(ctx, box + NONCE, &len, p, (int)n) == 1 &&
	    EVP_EncryptFinal_ex(ctx, box + NONCE + len, &len) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG,
	    box + NONCE + n) == 1 ? 0 : -1);
}

int
secret_box_seal(const struct secret_key * key, const char * name,
    const void * p, size_t n, struct buf * out, struct err * e)
{
	struct buf box = BUF_INIT(BOX_MAX);
	EVP_CIPHER_CTX * ctx;
	int rc = -1;

	if (n > SECRET_VALUE_MAX)
		return (err_set(e, ERR_CONFIG, "bad_value", "the secret %.200s "
		    "is %zu bytes long; %d are allowed", name, n,
		    SECRET_VALUE_MAX));
	ctx = EVP_CIPHER_CTX_new();
	if (ctx == NULL || buf_reserve(&box, NONCE + n + TAG) ||
	    buf_reserve(out, NVERSION + TEXT_LEN(NONCE + n + TAG))) {
		err_nomem(e, "a secret");
	} else if (seal(ctx, key, name, p, n, (unsigned char *)box.p)) {
		err_openssl(name, e);
	} else {
		buf_adds(out, VERSION);
		out->len += (size_t)EVP_EncodeBlock(
		    (unsigned char *)out->p + out->len,
		    (const unsigned char *)box.p, (int)(NONCE + n + TAG));
		rc = 0;
	}
	EVP_CIPHER_CTX_free(ctx);
	buf_free(&box);
	return (rc);
}

/* The bytes of the base64 ${s}, with padding, into ${box}; 0 if it is none. */
static size_t
decode(const char * s, struct buf * box)
{
	unsigned char last[5];
	size_t n = strlen(s), pad = 0;
	int len;

	if (n == 0 || n % 4 != 0 || n > TEXT_LEN((size_t)BOX_MAX) ||
	    buf_reserve(box, n / 4 * 3))
		return (0);
	while (pad < 2 && s[n - 1 - pad] == '=')
		pad++;
	len = EVP_DecodeBlock((unsigned char *)box->p,
	    (const unsigned char *)s, (int)n);
	if (len < 3)
		return (0);
	/* One text for the same bytes: no bits left over in the last digit. */
	EVP_EncodeBlock(last, (unsigned char *)box->p + len - 3,
	    (int)(3 - pad));
	return (memcmp(last, s + n - 4, 4) == 0 ? (size_t)len - pad : 0);
}

static int
open_box(EVP_CIPHER_CTX * ctx, const struct secret_key * key,
    const char * name, unsigned char * box, size_t n, unsigned char * to)
{
	int len, last;

	return (EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->k,
	    box) == 1 &&
	    EVP_DecryptUpdate(ctx, NULL, &len, (const unsigned char *)name,
	    (int)strlen(name)) == 1 &&
	    EVP_DecryptUpdate(ctx, to, &len, box + NONCE, (int)n) == 1 &&
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG,
	    box + NONCE + n) == 1 &&
	    EVP_DecryptFinal_ex(ctx, to + len, &last) == 1 ? 0 : -1);
}

int
secret_box_open(const struct secret_key * key, const char * name,
    const char * sealed, struct buf * out, struct err * e)
{
	struct buf box = BUF_INIT(TEXT_LEN((size_t)BOX_MAX));
	EVP_CIPHER_CTX * ctx = NULL;
	size_t n = 0;
	int rc = -1;

	if (strncmp(sealed, VERSION, NVERSION) == 0)
		n = decode(sealed + NVERSION, &box);
	if (box.failed) {
		err_nomem(e, "a secret");
		goto out;
	}
	if (n < NONCE + TAG) {
		err_set(e, ERR_CONFIG, "secret", "what is stored of the secret "
		    "%.200s is no sealed text of this version; set it again",
		    name);
		goto out;
	}
	n -= NONCE + TAG;
	if ((ctx = EVP_CIPHER_CTX_new()) == NULL || buf_reserve(out, n)) {
		err_nomem(e, "a secret");
	} else if (open_box(ctx, key, name, (unsigned char *)box.p, n,
	    (unsigned char *)out->p + out->len)) {
		/* What came out before the tag was looked at. */
		explicit_bzero(out->p + out->len, n);
		err_set(e, ERR_CONFIG, "secret", "the secret %.200s does not "
		    "open with this master key; give the key it was sealed "
		    "with, or set it again", name);
	} else {
		out->len += n;
		rc = 0;
	}
	if (out->p != NULL)
		out->p[out->len] = '\0';
out:
	EVP_CIPHER_CTX_free(ctx);
	buf_free(&box);
	return (rc);
}
