/*
 * Packed ops: varint raw length, then one zstd frame of
 *   varint 1 + count, varint from    that many series kept
 *   varint 0, name NUL, labels NUL   a new series
 */
#include "target/sample_series.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "target/sample_codec_internal.h"

/* Layouts are rare and stay for long. */
#define ZSTD_LEVEL 3

/* The most text a layout may have: a page's own bound is far below. */
#define TEXT_MAX ((size_t)256 << 20)

static struct sample_series *
series_new(uint32_t n)
{
	struct sample_series * s;

	if (n > SAMPLE_MAX_SERIES || (s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	if ((s->off = malloc(n * sizeof(*s->off) + 1)) == NULL) {
		free(s);
		return (NULL);
	}
	s->refs = 1;
	s->text.max = TEXT_MAX;
	return (s);
}

/* Append ${n} series of ${base}; s->off has room for ${cap} in all. */
static int
series_keep(struct sample_series * s, const struct sample_series * base,
    uint64_t from, uint64_t n, uint32_t cap)
{
	size_t start, end, at;
	uint32_t i;

	if (base == NULL || from > base->n || n > base->n - from ||
	    n > cap - s->n)
		return (-1);
	if (n == 0)
		return (0);
	start = base->off[from];
	end = from + n < base->n ? base->off[from + n] : base->text.len;
	at = s->text.len;
	if (buf_add(&s->text, base->text.p + start, end - start))
		return (-1);
	for (i = 0; i < n; i++)
		s->off[s->n++] = (uint32_t)(base->off[from + i] - start + at);
	return (0);
}

static int
series_add(struct sample_series * s, const char * name, size_t nlen,
    const char * labels, size_t llen, uint32_t cap)
{
	if (s->n >= cap)
		return (-1);
	s->off[s->n++] = (uint32_t)s->text.len;
	return (buf_add(&s->text, name, nlen + 1) ||
	    buf_add(&s->text, labels, llen + 1) ? -1 : 0);
}

struct sample_series *
sample_series_apply(const struct sample_series * base,
    const struct sample_diff * d, uint32_t n, struct err * e)
{
	struct sample_series * s = series_new(n);
	const struct sample_diff_op * op;
	uint32_t i;
	int rc = 0;

	if (s == NULL) {
		err_nomem(e, "a layout of samples");
		return (NULL);
	}
	for (i = 0; rc == 0 && i < d->n; i++) {
		op = &d->ops[i];
		if (op->keep_n > 0)
			rc = series_keep(s, base, op->keep_from, op->keep_n, n);
		else if (op->name == NULL || op->labels == NULL)
			rc = -1;
		else
			rc = series_add(s, op->name, strlen(op->name),
			    op->labels, strlen(op->labels), n);
	}
	if (rc == 0 && s->n == n)
		return (s);
	if (s->text.failed)
		err_nomem(e, "a layout of samples");
	else
		err_set(e, ERR_PERMANENT, "layout", "the page's list of series "
		    "does not follow from the one before it (op %u of %u)",
		    i, d->n);
	sample_series_unref(s);
	return (NULL);
}

static int
pack_varint(struct buf * b, uint64_t u)
{
	uint8_t tmp[VARINT_MAX];

	return (buf_add(b, tmp, (size_t)(varint_put(tmp, u) - tmp)));
}

static int
pack_zstd(struct buf * raw, struct buf * out)
{
	size_t bound = ZSTD_compressBound(raw->len), zn;
	int rc = -1;

	if (!raw->failed && pack_varint(out, raw->len) == 0 &&
	    buf_reserve(out, bound) == 0) {
		zn = ZSTD_compress(out->p + out->len, bound,
		    raw->p == NULL ? "" : raw->p, raw->len, ZSTD_LEVEL);
		if (!ZSTD_isError(zn)) {
			out->len += zn;
			rc = 0;
		}
	}
	buf_free(raw);
	return (rc);
}

int
sample_series_pack(const struct sample_diff * d, struct buf * out)
{
	struct buf raw = BUF_INIT(TEXT_MAX);
	const struct sample_diff_op * op;
	uint32_t i;

	for (i = 0; i < d->n; i++) {
		op = &d->ops[i];
		if (op->keep_n > 0) {
			pack_varint(&raw, 1 + (uint64_t)op->keep_n);
			pack_varint(&raw, op->keep_from);
		} else {
			pack_varint(&raw, 0);
			buf_add(&raw, op->name, strlen(op->name) + 1);
			buf_add(&raw, op->labels, strlen(op->labels) + 1);
		}
	}
	return (pack_zstd(&raw, out));
}

int
sample_series_pack_all(const struct sample_series * s, struct buf * out)
{
	struct buf raw = BUF_INIT(TEXT_MAX);
	size_t end;
	uint32_t i;

	for (i = 0; i < s->n; i++) {
		end = i + 1 < s->n ? s->off[i + 1] : s->text.len;
		pack_varint(&raw, 0);
		buf_add(&raw, s->text.p + s->off[i], end - s->off[i]);
	}
	return (pack_zstd(&raw, out));
}

/* A NUL-terminated string within what is left, or NULL. */
static const char *
unpack_str(struct rd * r, size_t * len)
{
	const char * s = (const char *)r->p;
	const char * nul = memchr(s, 0, (size_t)(r->end - r->p));

	if (nul == NULL)
		return (NULL);
	*len = (size_t)(nul - s);
	r->p += *len + 1;
	return (s);
}

static int
unpack_ops(struct sample_series * s, const struct sample_series * base,
    struct rd * r, uint32_t n)
{
	const char * name, * labels;
	size_t nlen, llen;
	uint64_t keep;

	while (r->p < r->end) {
		keep = rd_varint(r);
		if (keep > 0) {
			if (keep < 2 || series_keep(s, base, rd_varint(r),
			    keep - 1, n) || r->bad)
				return (-1);
			continue;
		}
		if (r->bad || r->p >= r->end ||
		    (name = unpack_str(r, &nlen)) == NULL || r->p >= r->end ||
		    (labels = unpack_str(r, &llen)) == NULL ||
		    series_add(s, name, nlen, labels, llen, n))
			return (-1);
	}
	return (s->n == n ? 0 : -1);
}

struct sample_series *
sample_series_unpack(const struct sample_series * base, const void * blob,
    size_t len, uint32_t n)
{
	struct rd r = { blob, (const uint8_t *)blob + len, 0 };
	struct sample_series * s = NULL;
	struct buf raw = BUF_INIT(TEXT_MAX);
	uint64_t rawlen = rd_varint(&r);
	size_t got;

	if (r.bad || rawlen > TEXT_MAX || (s = series_new(n)) == NULL ||
	    buf_reserve(&raw, (size_t)rawlen + 1))
		goto fail;
	got = ZSTD_decompress(raw.p, (size_t)rawlen, r.p,
	    (size_t)(r.end - r.p));
	if (ZSTD_isError(got) || got != rawlen)
		goto fail;
	r.p = (const uint8_t *)raw.p;
	r.end = r.p + got;
	if (unpack_ops(s, base, &r, n))
		goto fail;
	buf_free(&raw);
	return (s);
fail:
	buf_free(&raw);
	sample_series_unref(s);
	return (NULL);
}

int
sample_series_digest(const struct sample_series * s,
    uint8_t out[SAMPLE_DIGEST])
{
	uint8_t md[EVP_MAX_MD_SIZE];
	unsigned mdlen;

	if (EVP_Digest(s->text.p == NULL ? "" : s->text.p, s->text.len, md,
	    &mdlen, EVP_sha256(), NULL) != 1 || mdlen < SAMPLE_DIGEST)
		return (-1);
	memcpy(out, md, SAMPLE_DIGEST);
	return (0);
}

const char *
sample_series_name(const struct sample_series * s, uint32_t i)
{
	return (s->text.p + s->off[i]);
}

const char *
sample_series_labels(const struct sample_series * s, uint32_t i)
{
	const char * name = sample_series_name(s, i);

	return (name + strlen(name) + 1);
}

struct sample_series *
sample_series_ref(struct sample_series * s)
{
	s->refs++;
	return (s);
}

void
sample_series_unref(struct sample_series * s)
{
	if (s == NULL || --s->refs > 0)
		return;
	buf_free(&s->text);
	free(s->off);
	free(s);
}
