#include "target/elastic_doc.h"

#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash64.h"
#include "base/rfc3339.h"

#define ID_MAX 512
#define WHO_BITS 14
/* Of a row: what cannot be one document is refused by the engine anyway. */
#define KEY_MAX ((size_t)1 << 20)
/* How each row's first line begins, and so where its key stands. */
#define BEGIN "{\"index\":{\"_id\":"
#define ID_AT (sizeof(BEGIN) - 1)
/* And one that is to be removed: that line alone. */
#define REMOVE "{\"delete\":{\"_id\":"

struct doc_column {
	enum column_type type;
	int is_key;
	uint32_t at, len;      /* of "name": in names */
};

struct elastic_doc {
	struct doc_column * cols;
	size_t ncols, nkeys, key; /* key: the only one, if there is one */
	struct buf names;
	struct buf after_id;   /* what ends the first line */
	struct buf end;        /* what ends the second */
	struct buf id;
	int64_t version;
	size_t gone;           /* as in the spec */
	json_t * gone_is;
	int gone_remove;
};

static uint32_t
who(const char * sync)
{
	return ((uint32_t)hash64(0, sync, strlen(sync)) &
	    ((1U << WHO_BITS) - 1));
}

static int
make_ends(struct elastic_doc * d, const struct writer_spec * spec)
{
	d->version = (int64_t)((uint64_t)spec->fence << WHO_BITS |
	    who(spec->sync));
	buf_addf(&d->after_id, ",\"version\":%lld,\"version_type\":"
	    "\"external_gte\"}}\n", (long long)d->version);
	if (spec->marks) {
		buf_adds(&d->end, "\"moltler\":{\"sync\":");
		buf_add_json_str(&d->end, spec->sync, strlen(spec->sync));
		buf_addf(&d->end, ",\"fence\":%lld}", (long long)spec->fence);
	}
	return (d->after_id.failed || d->end.failed ? -1 : 0);
}

static int
make_columns(struct elastic_doc * d, const struct writer_spec * spec)
{
	const struct writer_column * c;
	size_t i;

	if ((d->cols = calloc(spec->ncolumns + 1, sizeof(*d->cols))) == NULL)
		return (-1);
	d->ncols = spec->ncolumns;
	for (i = 0; i < d->ncols; i++) {
		c = &spec->columns[i];
		d->cols[i].type = c->type;
		d->cols[i].is_key = c->is_key;
		d->cols[i].at = (uint32_t)d->names.len;
		if (buf_add_json_str(&d->names, c->name, strlen(c->name)) ||
		    buf_addc(&d->names, ':'))
			return (-1);
		d->cols[i].len = (uint32_t)d->names.len - d->cols[i].at;
		if (c->is_key) {
			d->key = i;
			d->nkeys++;
		}
	}
	return (0);
}

struct elastic_doc *
elastic_doc_new(const struct writer_spec * spec, struct err * e)
{
	struct elastic_doc * d;

	if ((d = calloc(1, sizeof(*d))) == NULL) {
		err_nomem(e, "a writer");
		return (NULL);
	}
	d->id.max = KEY_MAX;
	d->gone = spec->gone;
	d->gone_is = json_incref((json_t *)(uintptr_t)spec->gone_is);
	d->gone_remove = spec->gone_remove;
	if (spec->fence < 0 || spec->fence > INT64_MAX >> WHO_BITS)
		err_set(e, ERR_PERMANENT, "fence", "the fence %lld of %s "
		    "cannot be a document's version", (long long)spec->fence,
		    spec->sync);
	else if (make_columns(d, spec) || make_ends(d, spec))
		err_nomem(e, "a writer");
	else if (d->nkeys == 0)
		err_set(e, ERR_CONFIG, "no_key", "rows without a key cannot be "
		    "synced into %s: nothing says which document is which",
		    spec->table);
	else
		return (d);
	elastic_doc_free(d);
	return (NULL);
}

void
elastic_doc_free(struct elastic_doc * d)
{
	if (d == NULL)
		return;
	free(d->cols);
	json_decref(d->gone_is);
	buf_free(&d->names);
	buf_free(&d->after_id);
	buf_free(&d->end);
	buf_free(&d->id);
	free(d);
}

int64_t
elastic_doc_version(const struct elastic_doc * d)
{
	return (d->version);
}

int64_t
elastic_doc_fence(int64_t version)
{
	return (version >> WHO_BITS);
}

int
elastic_doc_is_ours(const struct elastic_doc * d, int64_t version)
{
	return (((uint64_t)(version ^ d->version) &
	    ((1U << WHO_BITS) - 1)) == 0);
}

static void
add_int(struct buf * b, int64_t v)
{
	char s[24], * p = s + sizeof(s);
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do
		*--p = (char)('0' + u % 10);
	while ((u /= 10) != 0);
	if (v < 0)
		*--p = '-';
	buf_add(b, p, (size_t)(s + sizeof(s) - p));
}

/* As few digits as read back the same, and never an integer's: the engine would
 * take the first one for the type of a field it has to guess. */
static void
add_real(struct buf * b, double v)
{
	char s[40];
	int digits;

	if (v >= -1e15 && v <= 1e15 && v == (double)(int64_t)v &&
	    !(v == 0 && signbit(v))) {
		add_int(b, (int64_t)v);
		buf_add(b, ".0", 2);
		return;
	}
	for (digits = 15; digits <= 17; digits++) {
		snprintf(s, sizeof(s), "%.*g", digits, v);
		if (digits == 17 || strtod(s, NULL) == v)
			break;
	}
	buf_adds(b, s);
}

/* JSON as it is, but on one line: a line's end can only be space in it. */
static void
add_json(struct buf * b, const char * s, size_t n)
{
	size_t i = b->len;

	if (buf_add(b, s, n))
		return;
	if (memchr(s, '\n', n) == NULL && memchr(s, '\r', n) == NULL)
		return;
	for (; i < b->len; i++)
		if (b->p[i] == '\n' || b->p[i] == '\r')
			b->p[i] = ' ';
}

/* Where the string that begins at s[i] ends: behind its quote. */
static size_t
string_end(const char * s, size_t i, size_t n)
{
	for (i++; i < n && s[i] != '"'; i++)
		if (s[i] == '\\')
			i++;
	return (i < n ? i + 1 : n);
}

/* Where the object that begins at s[i] ends: behind its brace. */
static size_t
object_end(const char * s, size_t i, size_t n)
{
	size_t depth = 0;

	while (i < n) {
		if (s[i] == '"') {
			i = string_end(s, i, n);
			continue;
		}
		if (s[i] == '{')
			depth++;
		else if (s[i] == '}' && --depth == 0)
			return (i + 1);
		i++;
	}
	return (n);
}

/* A list.  Its objects become texts: the field is one of words, and the engine
 * would refuse the whole row. */
static void
add_list(struct buf * b, const char * s, size_t n)
{
	size_t i = 0, from = 0, end;

	if (memchr(s, '{', n) == NULL) {
		add_json(b, s, n);
		return;
	}
	while (i < n) {
		if (s[i] == '"') {
			i = string_end(s, i, n);
		} else if (s[i] == '{') {
			add_json(b, s + from, i - from);
			end = object_end(s, i, n);
			buf_add_json_str(b, s + i, end - i);
			from = i = end;
		} else {
			i++;
		}
	}
	add_json(b, s + from, n - from);
}

static void
add_value(struct buf * b, enum column_type type, const struct value * v)
{
	switch ((enum value_type)v->type) {
	case VALUE_NULL:
		buf_add(b, "null", 4);
		break;
	case VALUE_INT:
		if (type == COLUMN_BOOLEAN && (v->i == 0 || v->i == 1))
			buf_adds(b, v->i ? "true" : "false");
		else if (type == COLUMN_TEXT)
			buf_addf(b, "\"%lld\"", (long long)v->i);
		else
			add_int(b, v->i);
		break;
	case VALUE_REAL:
		add_real(b, v->d);
		break;
	case VALUE_TEXT:
		if (type == COLUMN_LIST)
			add_list(b, v->s, v->len);
		else if (type == COLUMN_MAP)
			add_json(b, v->s, v->len);
		else
			buf_add_json_str(b, v->s, v->len);
		break;
	}
}

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
		add_int(b, v->i);
		break;
	case VALUE_REAL:
		add_real(b, v->d);
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
to_hex(struct buf * b, const unsigned char * p, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	char c[2];

	for (; n > 0; n--, p++) {
		c[0] = hex[*p >> 4];
		c[1] = hex[*p & 15];
		if (buf_add(b, c, 2))
			return (-1);
	}
	return (0);
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
	return (to_hex(id, md, n));
}

static int
add_id(struct elastic_doc * d, const struct value * v, struct buf * out)
{
	size_t i, n = 0;

	if (d->nkeys == 1 && v[d->key].type == VALUE_INT) {
		buf_addc(out, '"');
		add_int(out, v[d->key].i);
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
	return (len >= sizeof(REMOVE) - 1 && memcmp(lines, REMOVE,
	    sizeof(REMOVE) - 1) == 0);
}

const char *
elastic_doc_id(const char * lines, size_t len, size_t * n)
{
	size_t at = elastic_doc_is_removal(lines, len) ? sizeof(REMOVE) - 1 :
	    ID_AT;

	if (at > len)
		at = len;
	*n = at < len ? string_end(lines, at, len) - at : 0;
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

/* What ends a row that the service has deleted: also when. */
static int
add_mark(const struct elastic_doc * d, const struct value * g, struct buf * out)
{
	char now[RFC3339_LEN];

	if (d->end.len == 0)
		return (0);
	buf_add(out, d->end.p, d->end.len - 1);
	buf_adds(out, ",\"deleted_at\":");
	if (g->type == VALUE_TEXT && d->gone_is == NULL) {
		buf_add_json_str(out, g->s, g->len);
	} else {
		rfc3339_format(clock_wall_ms(), now);
		buf_add_json_str(out, now, strlen(now));
	}
	return (buf_addc(out, '}'));
}

int
elastic_doc_is_gone(const struct elastic_doc * d, const struct value * v)
{
	return (d->gone > 0 && writer_is_gone(d->gone_is, &v[d->gone - 1],
	    v[d->gone - 1].s));
}

int
elastic_doc_add(struct elastic_doc * d, const struct value * v,
    struct buf * out)
{
	const struct value * g = elastic_doc_is_gone(d, v) ?
	    &v[d->gone - 1] : NULL;
	int removes = g != NULL && d->gone_remove, any = 0;
	const struct doc_column * c;
	size_t i;

	buf_adds(out, removes ? REMOVE : BEGIN);
	if (add_id(d, v, out))
		return (-1);
	buf_add(out, d->after_id.p, d->after_id.len);
	if (removes)
		return (out->failed ? -1 : 0);
	buf_addc(out, '{');
	for (i = 0; i < d->ncols; i++) {
		/* What is not there reads as NULL, and a new document has
		 * nothing of the one before. */
		if (v[i].type == VALUE_NULL || (v[i].type == VALUE_REAL &&
		    !isfinite(v[i].d)))
			continue;
		if (any++)
			buf_addc(out, ',');
		c = &d->cols[i];
		buf_add(out, d->names.p + c->at, c->len);
		add_value(out, c->type, &v[i]);
	}
	if (any && d->end.len > 0)
		buf_addc(out, ',');
	if (g != NULL)
		add_mark(d, g, out);
	else if (d->end.len > 0)
		buf_add(out, d->end.p, d->end.len);
	return (buf_add(out, "}\n", 2));
}

/* The same row of the same sync is the same document, whenever; of rows without a
 * key it is all of the row that says which. */
static int
add_reject_id(struct buf * out, const char * sync, const char * lines,
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
	return (bad ? -1 : to_hex(out, md, n));
}

int
elastic_doc_reject(const char * index, const char * sync, int64_t at,
    const char * reason, size_t reason_len, const char * lines, size_t len,
    struct buf * out)
{
	const char * nl = memchr(lines, '\n', len), * row = nl ? nl + 1 : lines;
	size_t n = (size_t)(lines + len - row);
	char when[RFC3339_LEN];

	if (n > 0 && row[n - 1] == '\n')
		n--;
	if (n > ELASTIC_ROW_MAX)
		for (n = ELASTIC_ROW_MAX; n > 0 &&
		    ((unsigned char)row[n] & 0xc0) == 0x80; n--)
			continue;
	rfc3339_format(at, when);
	buf_adds(out, "{\"index\":{\"_index\":");
	buf_add_json_str(out, index, strlen(index));
	buf_adds(out, ",\"_id\":\"");
	if (add_reject_id(out, sync, lines, len, row, n))
		return (-1);
	buf_adds(out, "\"}}\n{\"sync\":");
	buf_add_json_str(out, sync, strlen(sync));
	buf_addf(out, ",\"at\":\"%s\",\"reason\":", when);
	buf_add_json_str(out, reason, reason_len);
	buf_adds(out, ",\"row\":");
	buf_add_json_str(out, row, n);
	return (buf_add(out, "}\n", 2));
}
