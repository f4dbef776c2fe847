/* What documents are called. */
#include "base/hex.h"
#include "target/elastic_doc_internal.h"

#include <openssl/evp.h>
#include <string.h>

#include "target/elastic_value.h"

#define ID_MAX 512

/* A key's part where several are joined. */
static void
add_escaped(struct buf * b, const char * s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (s[i] == '|' || s[i] == '\\')
			buf_addc(b, '\\');
		buf_addc(b, s[i]);
	}
}

static void
add_key(struct buf * b, const struct value * v, int many)
{
	switch ((enum value_type)v->type) {
	case VALUE_NULL:
		buf_add(b, "\\N", 2);
		break;
	case VALUE_INT:
		elastic_value_int(b, v->i);
		break;
	case VALUE_REAL:
		elastic_value_real(b, v->d);
		break;
	case VALUE_TEXT:
		if (many) {
			add_escaped(b, v->s, v->len);
		} else if (v->len == 0) {
			buf_add(b, "\\E", 2);
		} else {
			if (v->s[0] == '\\')
				buf_addc(b, '\\');
			buf_add(b, v->s, v->len);
		}
		break;
	}
}

static int
add_hex(struct buf * b, const unsigned char * md, unsigned n)
{
	char hex[2 * EVP_MAX_MD_SIZE + 1];

	hex_write(md, n, hex);
	return (buf_add(b, hex, 2 * n));
}

static int
hash_id(struct buf * id)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (id->failed || EVP_Digest(id->p, id->len, md, &n, EVP_sha256(),
	    NULL) != 1)
		return (-1);
	buf_clear(id);
	buf_add(id, "\\H", 2);
	return (add_hex(id, md, n));
}

int
elastic_doc_id_add(struct elastic_doc * d, const struct value * v,
    struct buf * out)
{
	size_t i, n = 0;

	if (d->nkeys == 1 && v[d->key].type == VALUE_INT) {
		buf_addc(out, '"');
		elastic_value_int(out, v[d->key].i);
		return (buf_addc(out, '"'));
	}
	buf_clear(&d->id);
	for (i = 0; i < d->ncols; i++) {
		if (!d->cols[i].is_key)
			continue;
		if (n++ > 0)
			buf_addc(&d->id, '|');
		add_key(&d->id, &v[i], d->nkeys > 1);
	}
	if (d->id.failed || (d->id.len > ID_MAX && hash_id(&d->id)))
		return (-1);
	return (buf_add_json_str(out, d->id.p, d->id.len));
}

int
elastic_doc_is_removal(const char * lines, size_t len)
{
	return (len >= sizeof(ELASTIC_DOC_REMOVE) - 1 &&
	    memcmp(lines, ELASTIC_DOC_REMOVE, sizeof(ELASTIC_DOC_REMOVE) - 1) ==
	    0);
}

const char *
elastic_doc_id(const char * lines, size_t len, size_t * n)
{
	size_t at = elastic_doc_is_removal(lines, len) ?
	    sizeof(ELASTIC_DOC_REMOVE) - 1 : sizeof(ELASTIC_DOC_BEGIN) - 1;

	if (at > len)
		at = len;
	*n = at < len ? elastic_value_string_end(lines, at, len) - at : 0;
	return (lines + at);
}

int
elastic_doc_is_keyless(const struct elastic_doc * d, const struct value * v)
{
	size_t i;

	if (d->nkeys == 1)
		return (v[d->key].type == VALUE_NULL);
	for (i = 0; i < d->ncols; i++)
		if (d->cols[i].is_key && v[i].type != VALUE_NULL)
			return (0);
	return (1);
}

/* Of a row whose key is NULL, or several times NULL. */
static int
is_null_id(const char * id, size_t n)
{
	size_t i;

	/* "\\N|\\N" as JSON writes it */
	for (i = 1; i + 3 < n && memcmp(id + i, "\\\\N", 3) == 0; i += 4)
		if (i + 4 == n || id[i + 3] != '|')
			return (i + 4 == n);
	return (0);
}

int
elastic_doc_id_reject(struct buf * out, const char * sync, const char * lines,
    size_t len, const char * row, size_t row_len)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	EVP_MD_CTX * ctx;
	const char * id;
	unsigned n = 0;
	size_t id_len;
	int bad;

	id = elastic_doc_id(lines, len, &id_len);
	if (id_len == 0 || (ctx = EVP_MD_CTX_new()) == NULL)
		return (-1);
	bad = EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1 ||
	    EVP_DigestUpdate(ctx, sync, strlen(sync) + 1) != 1 ||
	    EVP_DigestUpdate(ctx, id, id_len) != 1 ||
	    (is_null_id(id, id_len) && EVP_DigestUpdate(ctx, row, row_len) !=
	    1) || EVP_DigestFinal_ex(ctx, md, &n) != 1;
	EVP_MD_CTX_free(ctx);
	return (bad ? -1 : add_hex(out, md, n));
}
