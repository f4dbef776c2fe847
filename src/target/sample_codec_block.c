/*
 * A block: many ticks of one layout, by series.
 *   version, varint ticks, varint series, first time (zigzag), the times'
 *   second differences (zigzag varints), then four streams, each varint raw
 *   length, varint zstd length (0: as it is), bytes:
 *   kinds   one byte a series: 0 constant, 1 XOR, 2 + 2 * scale + order
 *   consts  8 bytes for each constant series, byte-shuffled
 *   ints    zigzag varints of first (order 0) or second (order 1) differences
 *           of the values scaled by 10^scale, the first against 0
 *   xors    XOR with the value before (the first against 0), byte-shuffled
 */
#include "target/sample_codec.h"

#include <stdlib.h>

#include "target/sample_codec_internal.h"

#define VERSION 1

enum { KIND_CONST, KIND_XOR, KIND_DEC };

#define ZSTD_LEVEL 1

struct sample_codec *
sample_codec_new(void)
{
	struct sample_codec * c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	c->cc = ZSTD_createCCtx();
	c->dc = ZSTD_createDCtx();
	if (c->cc == NULL || c->dc == NULL) {
		sample_codec_free(c);
		return (NULL);
	}
	ZSTD_CCtx_setParameter(c->cc, ZSTD_c_compressionLevel, ZSTD_LEVEL);
	/* We keep the length ourselves, in fewer bytes. */
	ZSTD_CCtx_setParameter(c->cc, ZSTD_c_contentSizeFlag, 0);
	c->raw.max = c->shuf.max = (size_t)1 << 31;
	return (c);
}

void
sample_codec_free(struct sample_codec * c)
{
	int i;

	if (c == NULL)
		return;
	ZSTD_freeCCtx(c->cc);
	ZSTD_freeDCtx(c->dc);
	buf_free(&c->raw);
	buf_free(&c->shuf);
	for (i = 0; i < STREAMS; i++)
		buf_free(&c->stream[i]);
	free(c);
}

int
sample_codec_block_begin(struct sample_codec * c, const int64_t * at,
    uint32_t t, uint32_t n)
{
	int i;

	if (t == 0 || t > SAMPLE_MAX_TICKS || n > SAMPLE_MAX_SERIES)
		return (-1);
	c->at = at;
	c->t = t;
	c->n = n;
	c->done = c->nconst = c->nxor = 0;
	for (i = 0; i < STREAMS; i++) {
		buf_clear(&c->stream[i]);
		c->stream[i].max = (size_t)1 << 31;
	}
	return (0);
}

/* The least scale that fits all of the ${t} values in c->bits, their integers
 * in c->ints: that, or -1. */
static int
common_scale(struct sample_codec * c)
{
	uint32_t i;
	int64_t s;
	int k = 0, ki;

	for (i = 0; i < c->t; i++) {
		if ((ki = dec_find(of_bits(c->bits[i]), &s)) < 0)
			return (-1);
		if (ki > k)
			k = ki;
		c->ints[i] = s;
	}
	/* Those found at a lesser scale must also come back from this one. */
	for (i = 0; k > 0 && i < c->t; i++)
		if (!dec_is(of_bits(c->bits[i]), (unsigned)k, &c->ints[i]))
			return (-1);
	return (k);
}

/* Append c->ints as first or second differences, whichever is shorter. */
static int
ints_put(struct sample_codec * c, int * order)
{
	struct buf * b = &c->stream[STREAM_INTS];
	int64_t v, d, prev = 0, prevd = 0;
	size_t len1 = 0, len2 = 0;
	uint8_t * p;
	uint32_t i;

	/* Scaled values are within 2^52, so no difference overflows. */
	for (i = 0; i < c->t; i++) {
		d = c->ints[i] - prev;
		len1 += varint_len(zigzag(d));
		len2 += varint_len(zigzag(d - prevd));
		prev = c->ints[i];
		prevd = d;
	}
	*order = len2 < len1;
	if (buf_reserve(b, (size_t)c->t * VARINT_MAX))
		return (-1);
	p = (uint8_t *)b->p + b->len;
	prev = prevd = 0;
	for (i = 0; i < c->t; i++) {
		v = c->ints[i];
		d = v - prev;
		p = varint_put(p, zigzag(*order ? d - prevd : d));
		prev = v;
		prevd = d;
	}
	b->len = (size_t)((char *)p - b->p);
	return (0);
}

int
sample_codec_block_series(struct sample_codec * c, const double * col,
    size_t stride)
{
	uint64_t same = 0, prev = 0, x;
	uint32_t i;
	int k, order;

	if (c->done >= c->n)
		return (-1);
	c->done++;
	for (i = 0; i < c->t; i++) {
		c->bits[i] = bits_of(col[i * stride]);
		same |= c->bits[i] ^ c->bits[0];
	}
	if (same == 0) {
		c->nconst++;
		return (buf_addc(&c->stream[STREAM_KINDS], KIND_CONST) ||
		    buf_add(&c->stream[STREAM_CONSTS], &c->bits[0], 8) ? -1 : 0);
	}
	if ((k = common_scale(c)) >= 0) {
		if (ints_put(c, &order))
			return (-1);
		return (buf_addc(&c->stream[STREAM_KINDS],
		    (char)(KIND_DEC + 2 * k + order)));
	}
	for (i = 0; i < c->t; i++) {
		x = c->bits[i] ^ prev;
		prev = c->bits[i];
		c->bits[i] = x;
	}
	c->nxor++;
	return (buf_addc(&c->stream[STREAM_KINDS], KIND_XOR) ||
	    buf_add(&c->stream[STREAM_XORS], c->bits, (size_t)c->t * 8) ?
	    -1 : 0);
}

/* Bring the first bytes of all words together, then the second, ... */
static int
shuffle(struct sample_codec * c, struct buf * b)
{
	size_t words = b->len / 8, i, k;
	char * p;

	buf_clear(&c->shuf);
	if (words == 0)
		return (0);
	if (buf_reserve(&c->shuf, b->len))
		return (-1);
	p = c->shuf.p;
	for (k = 0; k < 8; k++)
		for (i = 0; i < words; i++)
			*p++ = b->p[i * 8 + k];
	memcpy(b->p, c->shuf.p, b->len);
	return (0);
}

static int
stream_put(struct sample_codec * c, const struct buf * b, struct buf * out)
{
	size_t bound = ZSTD_compressBound(b->len), zn = 0;
	uint8_t head[2 * VARINT_MAX], * p;

	buf_clear(&c->raw);
	if (buf_reserve(&c->raw, bound))
		return (-1);
	if (b->len > 32) {
		zn = ZSTD_compress2(c->cc, c->raw.p, bound, b->p, b->len);
		if (ZSTD_isError(zn) || zn >= b->len)
			zn = 0;
	}
	p = varint_put(head, b->len);
	p = varint_put(p, zn);
	if (buf_add(out, head, (size_t)(p - head)))
		return (-1);
	return (zn ? buf_add(out, c->raw.p, zn) : buf_add(out, b->p, b->len));
}

int
sample_codec_block_end(struct sample_codec * c, struct buf * out)
{
	uint8_t head[1 + 2 * VARINT_MAX + SAMPLE_MAX_TICKS * VARINT_MAX];
	uint8_t * p = head;
	uint64_t prev = 0, d, prevd = 0;
	uint32_t j;
	int i;

	if (c->done != c->n)
		return (-1);
	*p++ = VERSION;
	p = varint_put(p, c->t);
	p = varint_put(p, c->n);
	for (j = 0; j < c->t; j++) {
		d = (uint64_t)c->at[j] - prev;
		p = varint_put(p, zigzag((int64_t)(d - prevd)));
		prev = (uint64_t)c->at[j];
		/* The first is no step, so the second does not count on it. */
		prevd = j == 0 ? 0 : d;
	}
	if (buf_add(out, head, (size_t)(p - head)) ||
	    shuffle(c, &c->stream[STREAM_CONSTS]) ||
	    shuffle(c, &c->stream[STREAM_XORS]))
		return (-1);
	for (i = 0; i < STREAMS; i++)
		if (stream_put(c, &c->stream[i], out))
			return (-1);
	return (0);
}

static int
head_get(struct rd * r, int64_t * at, uint32_t * t, uint32_t * n)
{
	uint64_t v, prev = 0, d = 0;
	const uint8_t * p = rd_bytes(r, 1);
	uint32_t j;

	if (p == NULL || *p != VERSION)
		return (-1);
	v = rd_varint(r);
	if (r->bad || v == 0 || v > SAMPLE_MAX_TICKS)
		return (-1);
	*t = (uint32_t)v;
	v = rd_varint(r);
	if (r->bad || v > SAMPLE_MAX_SERIES)
		return (-1);
	*n = (uint32_t)v;
	for (j = 0; j < *t; j++) {
		d = (uint64_t)unzigzag(rd_varint(r)) + (j <= 1 ? 0 : d);
		prev += d;
		at[j] = (int64_t)prev;
	}
	return (r->bad ? -1 : 0);
}

int
sample_codec_block_times(struct sample_codec * c, const void * blob,
    size_t len, int64_t * at, uint32_t * t)
{
	struct rd r = { blob, (const uint8_t *)blob + len, 0 };
	uint32_t n;

	(void)c;
	return (head_get(&r, at, t, &n));
}

/* Unpack the next stream into ${b}; ${max} is the most an encoder would make. */
static int
stream_get(struct sample_codec * c, struct rd * r, struct buf * b, uint64_t max)
{
	uint64_t raw = rd_varint(r), zn = rd_varint(r);
	const uint8_t * p;
	size_t got;

	buf_clear(b);
	b->max = (size_t)1 << 31;
	if (r->bad || raw > max ||
	    (p = rd_bytes(r, zn ? zn : raw)) == NULL)
		return (-1);
	if (zn == 0)
		return (buf_add(b, p, (size_t)raw));
	if (buf_reserve(b, (size_t)raw + 1))
		return (-1);
	got = ZSTD_decompressDCtx(c->dc, b->p, (size_t)raw, p, (size_t)zn);
	if (ZSTD_isError(got) || got != raw)
		return (-1);
	b->len = got;
	return (0);
}

static uint64_t
word_get(const struct buf * b, size_t i)
{
	size_t words = b->len / 8, k;
	uint64_t x = 0;
	char * p = (char *)&x;

	for (k = 0; k < 8; k++)
		p[k] = b->p[k * words + i];
	return (x);
}

static void
ints_get(struct rd * r, double * col, uint32_t t, uint32_t n, unsigned kind)
{
	unsigned k = kind / 2, order = kind % 2;
	uint64_t v = 0, d = 0;
	uint32_t j;

	/* Unsigned throughout: a hostile varint may wrap. */
	for (j = 0; j < t; j++) {
		d = (uint64_t)unzigzag(rd_varint(r)) + (order ? d : 0);
		v += d;
		col[(size_t)j * n] = dec_value((int64_t)v, k);
	}
}

int
sample_codec_block_get(struct sample_codec * c, const void * blob, size_t len,
    double * v, uint32_t t, uint32_t n)
{
	struct rd r = { blob, (const uint8_t *)blob + len, 0 }, ri;
	struct buf * s = c->stream;
	size_t nc = 0, nx = 0, cells = (size_t)t * n;
	int64_t at[SAMPLE_MAX_TICKS];
	uint32_t i, j, bt, bn;
	uint64_t x;
	unsigned kind;

	if (head_get(&r, at, &bt, &bn) || bt != t || bn != n ||
	    stream_get(c, &r, &s[STREAM_KINDS], n) ||
	    stream_get(c, &r, &s[STREAM_CONSTS], (uint64_t)n * 8) ||
	    stream_get(c, &r, &s[STREAM_INTS], cells * VARINT_MAX) ||
	    stream_get(c, &r, &s[STREAM_XORS], cells * 8) ||
	    r.p != r.end || s[STREAM_KINDS].len != n)
		return (-1);
	ri.p = (const uint8_t *)s[STREAM_INTS].p;
	ri.end = ri.p == NULL ? NULL : ri.p + s[STREAM_INTS].len;
	ri.bad = 0;
	for (i = 0; i < n; i++) {
		kind = (uint8_t)s[STREAM_KINDS].p[i];
		if (kind == KIND_CONST) {
			if (nc >= s[STREAM_CONSTS].len / 8)
				return (-1);
			x = word_get(&s[STREAM_CONSTS], nc++);
			for (j = 0; j < t; j++)
				v[(size_t)j * n + i] = of_bits(x);
		} else if (kind == KIND_XOR) {
			if (nx + t > s[STREAM_XORS].len / 8)
				return (-1);
			for (x = 0, j = 0; j < t; j++) {
				x ^= word_get(&s[STREAM_XORS], nx++);
				v[(size_t)j * n + i] = of_bits(x);
			}
		} else if (kind - KIND_DEC <= 2 * DEC_MAX + 1) {
			ints_get(&ri, v + i, t, n, kind - KIND_DEC);
		} else {
			return (-1);
		}
	}
	return (ri.bad || ri.p != ri.end || nc != s[STREAM_CONSTS].len / 8 ||
	    nx != s[STREAM_XORS].len / 8 ? -1 : 0);
}
