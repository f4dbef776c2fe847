#include "conn/connector_check.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "secret/vault_answer.h"

#define MAX_PEM (1 << 20)
#define MUTABLE(j) ((json_t *)(uintptr_t)(j))

static int
verdict(struct buf * b, const char * code, struct err * e)
{
	int rc = 0;

	if (b->len > 0)
		rc = err_set(e, ERR_CONFIG, code, "%s", b->p);
	else if (b->failed)
		rc = err_nomem(e, "a connector");
	buf_free(b);
	return (rc);
}

/* ---- config ---- */

/* The key at the beginning of the template ${t} that says where a service is. */
static const char *
key_of(const char * t, char * key, size_t size)
{
	size_t n;

	if (t == NULL || strncmp(t, "{{config.", 9) != 0)
		return (NULL);
	n = strcspn(t + 9, " |?}");
	if (n == 0 || n >= size || memchr(t + 9, '.', n) != NULL)
		return (NULL);
	memcpy(key, t + 9, n);
	key[n] = '\0';
	return (key);
}

/* Paths are put behind it: "https://x/?a=b" would ask for another thing. */
static void
check_base(const char * t, const json_t * config, struct buf * b)
{
	char name[80];
	const char * key = key_of(t, name, sizeof(name)), * s, * host;

	if (key == NULL || (s = json_str(config, key)) == NULL ||
	    (host = strstr(s, "://")) == NULL)
		return;
	host += 3;
	if (memchr(host, '@', strcspn(host, "/?#")) != NULL)
		buf_add_fault(b, "config.%s holds a user or a password: write it "
		    "without them, and give them by the keys of its own, as "
		    "secrets", key);
	else if (strpbrk(host, "?#") != NULL)
		buf_add_fault(b, "config.%s has a '?' or '#', behind which no path can "
		    "stand: end the URL before it", key);
}

/* A reference that no Vault can have. */
static void
check_secret(const char * at, const char * key, const char * s, struct buf * b)
{
	char path[VAULT_REF_MAX];
	const char * rest;
	struct err why;

	if (secret_is_vault(s) && vault_ref_split(s, path, &rest, &why))
		buf_add_fault(b, "config.%s%s: %.300s", at, key, why.msg);
}

static void
check_secrets(const char * at, const json_t * schema, const json_t * config,
    struct buf * b)
{
	const json_t * f, * v;
	const char * key, * type, * chosen;
	char below[80];

	json_object_foreach(MUTABLE(schema), key, f) {
		v = json_object_get(config, key);
		if (v == NULL || (type = json_str(f, "type")) == NULL)
			continue;
		if (strncmp(type, "secret", 6) == 0 && json_is_string(v))
			check_secret(at, key, json_string_value(v), b);
		if (strcmp(type, "variant") != 0 ||
		    (chosen = json_str(v, "type")) == NULL)
			continue;
		snprintf(below, sizeof(below), "%.64s.", key);
		check_secrets(below, json_object_get(json_object_get(f,
		    "variants"), chosen), v, b);
	}
}

int
connector_check_config(struct connector * c, struct err * e)
{
	struct buf b = BUF_INIT(4096);
	json_t * config = connector_config(c);

	if (config == NULL)
		return (err_nomem(e, "a connector"));
	check_base(c->m->base_url, config, &b);
	if (c->m->base_url_or != NULL && c->m->base_url != NULL &&
	    strcmp(c->m->base_url_or, c->m->base_url) != 0)
		check_base(c->m->base_url_or, config, &b);
	check_secrets("", c->m->config, config, &b);
	json_decref(config);
	return (verdict(&b, "bad_config", e));
}

/* ---- files ---- */

/* The file's text; a key is wiped by whoever frees it. */
static int
read_file(const char * key, const char * path, struct buf * text,
    struct buf * b)
{
	/* A pipe would keep us waiting. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n = 0;

	if (fd < 0 || fstat(fd, &st) != 0) {
		buf_add_fault(b, "options.%s: cannot read %.200s: %s; it must be a file "
		    "on the daemon's machine that the daemon may read", key,
		    path, strerror(errno));
	} else if (!S_ISREG(st.st_mode) || st.st_size > MAX_PEM) {
		buf_add_fault(b, "options.%s: %.200s is %s, and should be a PEM file",
		    key, path, S_ISREG(st.st_mode) ? "too large" : "no file");
		n = -1;
	} else if (buf_reserve(text, (size_t)st.st_size + 1) == 0) {
		n = read(fd, text->p, (size_t)st.st_size);
		if (n < 0)
			buf_add_fault(b, "options.%s: cannot read %.200s: %s", key, path,
			    strerror(errno));
		text->len = n > 0 ? (size_t)n : 0;
	}
	if (fd >= 0)
		close(fd);
	return (fd < 0 || n < 0 || text->p == NULL ? -1 : 0);
}

/* A key with a passphrase: there is nobody to ask. */
static int
no_passphrase(char * out, int size, int rwflag, void * arg)
{
	(void)out;
	(void)size;
	(void)rwflag;
	*(int *)arg = 1;
	return (0);
}

static X509 *
certificate_of(const struct buf * text)
{
	BIO * bio = BIO_new_mem_buf(text->p, (int)text->len);
	X509 * x = bio == NULL ? NULL : PEM_read_bio_X509_AUX(bio, NULL, NULL,
	    NULL);

	BIO_free(bio);
	ERR_clear_error();
	return (x);
}

static EVP_PKEY *
key_in(const struct buf * text, int * locked)
{
	BIO * bio = BIO_new_mem_buf(text->p, (int)text->len);
	EVP_PKEY * k = bio == NULL ? NULL : PEM_read_bio_PrivateKey(bio, NULL,
	    no_passphrase, locked);

	BIO_free(bio);
	ERR_clear_error();
	return (k);
}

static X509 *
check_certificate(const char * key, const char * path, struct buf * text,
    struct buf * b)
{
	X509 * x;

	if (path == NULL || read_file(key, path, text, b))
		return (NULL);
	if ((x = certificate_of(text)) == NULL)
		buf_add_fault(b, "options.%s: %.200s holds no certificate in PEM "
		    "(-----BEGIN CERTIFICATE-----)", key, path);
	return (x);
}

/* The key that goes with our certificate, in a file of its own or beside it. */
static void
check_key(const struct connector_options * o, X509 * cert,
    const struct buf * beside, struct buf * b)
{
	const char * option = o->client_key ? "client_key" : "client_cert";
	const char * path = o->client_key ? o->client_key : o->client_cert;
	struct buf text = BUF_INIT(MAX_PEM + 2);
	EVP_PKEY * k = NULL;
	int locked = 0;

	if (o->client_key != NULL && read_file("client_key", path, &text, b)) {
		buf_wipe(&text);
		return;
	}
	k = key_in(o->client_key != NULL ? &text : beside, &locked);
	if (k == NULL && locked)
		buf_add_fault(b, "options.%s: the key in %.200s has a passphrase: store "
		    "it without", option, path);
	else if (k == NULL)
		buf_add_fault(b, "options.%s: %.200s holds no private key in PEM%s",
		    option, path, o->client_key ? "" :
		    ": name the file that does by client_key");
	else if (cert != NULL && X509_check_private_key(cert, k) != 1)
		buf_add_fault(b, "options.%s: the key in %.200s is not that of the "
		    "certificate in client_cert", option, path);
	ERR_clear_error();
	EVP_PKEY_free(k);
	buf_wipe(&text);
}

int
connector_check_options(const struct connector * c, struct err * e)
{
	const struct connector_options * o = &c->opt;
	struct buf b = BUF_INIT(4096), text = BUF_INIT(MAX_PEM + 2);
	X509 * x;

	X509_free(check_certificate("ca_file", o->ca_file, &text, &b));
	buf_clear(&text);
	x = check_certificate("client_cert", o->client_cert, &text, &b);
	if (o->client_cert != NULL && text.p != NULL &&
	    (x != NULL || o->client_key != NULL))
		check_key(o, x, &text, &b);
	X509_free(x);
	buf_wipe(&text);
	return (verdict(&b, "bad_options", e));
}
