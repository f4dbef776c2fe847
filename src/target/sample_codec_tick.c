/*
 * A tick: flags, then (zstd or not) the body:
 *   a bit for each series: whether it differs from the tick before,
 *   four bits for each that does: the decimal scale 0..12, or 15,
 *   for a scale: the zigzag varint of the scaled value less the scaled value
 *   before; for 15: the XOR of the doubles with its zero bytes cut off.
 * A key tick is the same against zeros.  Scales make "19.26" one byte after
 * "19.21", where the XOR of the doubles would be seven.
 */
#include <stdlib.h>

#include "target/sample_codec_internal.h"

#define FLAG_KEY 1
#define FLAG_ZSTD 2

#define KIND_XOR 15

/* Varints of differences are dense already: zstd pays for key ticks, and for
 * others only on large pages. */
#define ZSTD_LEAST_KEY 128
#define ZSTD_LEAST 4096

static uint8_t *
xor_put(uint8_t * p, uint64_t x)
{
	unsigned lead = (unsigned)__builtin_clzll(x) / 8;
	unsigned tail = (unsigned)__builtin_ctzll(x) / 8;
	unsigned len = 8 - lead - tail;

	*p++ = (uint8_t)(len << 4 | tail);
	x >>= 8 * tail;
	while (len-- > 0) {
		*p++ = (uint8_t)x;
		x >>= 8;
	}
	return (p);
}

static uint64_t
xor_get(struct rd * r)
{
	const uint8_t * p;
	unsigned len, tail;
	uint64_t x = 0;

	if ((p = rd_bytes(r, 1)) == NULL)
		return (0);
	len = *p >> 4;
	tail = *p & 15;
	if (len == 0 || len + tail > 8 || (p = rd_bytes(r, len)) == NULL) {
		r->bad = 1;
		return (0);
	}
	while (len-- > 0)
		x = x << 8 | p[len];
	return (x << (8 * tail));
}

/* Write the body into c->raw, which has room for the worst case. */
static int
body_put(struct sample_codec * c, const double * prev, const double * v,
    uint32_t n)
{
	size_t nmap = ((size_t)n + 7) / 8, m = 0, i;
	uint8_t * map, * kinds, * p;
	uint64_t x, w;
	double old;
	int64_t s;
	int k;

	buf_clear(&c->raw);
	/* Kinds are gathered one a byte at the far end, then packed. */
	if (buf_reserve(&c->raw, nmap + (size_t)n * (VARINT_MAX + 2) + 8))
		return (-1);
	map = (uint8_t *)c->raw.p;
	memset(map, 0, nmap);
	kinds = map + nmap;
	for (i = 0; i < n; i++) {
		x = bits_of(v[i]) ^ (prev != NULL ? bits_of(prev[i]) : 0);
		map[i / 8] = (uint8_t)(map[i / 8] | (x != 0) << (i % 8));
		m += x != 0;
	}
	memset(kinds, 0, (m + 1) / 2);
	p = kinds + (m + 1) / 2;
	m = 0;
	for (i = 0; i < n; i += 8) {
		w = map[i / 8];
		for (; w != 0; w &= w - 1, m++) {
			size_t j = i + (size_t)__builtin_ctzll(w);

			old = prev != NULL ? prev[j] : 0;
			if ((k = dec_find(v[j], &s)) >= 0) {
				p = varint_put(p, zigzag(s -
				    dec_scale(old, (unsigned)k)));
			} else {
				k = KIND_XOR;
				p = xor_put(p, bits_of(v[j]) ^ bits_of(old));
			}
			kinds[m / 2] = (uint8_t)(kinds[m / 2] |
			    k << (4 * (m % 2)));
		}
	}
	c->raw.len = (size_t)((char *)p - c->raw.p);
	return (0);
}

int
sample_codec_tick_put(struct sample_codec * c, const double * prev,
    const double * v, uint32_t n, struct buf * out)
{
	uint8_t head[1 + VARINT_MAX], * p = head;
	size_t bound, zn, at = out->len;

	if (n > SAMPLE_MAX_SERIES || body_put(c, prev, v, n))
		return (-1);
	*p = prev == NULL ? FLAG_KEY : 0;
	bound = ZSTD_compressBound(c->raw.len);
	if (buf_reserve(out, sizeof(head) + bound))
		return (-1);
	if (c->raw.len >= (prev == NULL ? ZSTD_LEAST_KEY : ZSTD_LEAST)) {
		*p++ |= FLAG_ZSTD;
		p = varint_put(p, c->raw.len);
		buf_add(out, head, (size_t)(p - head));
		zn = ZSTD_compress2(c->cc, out->p + out->len, bound,
		    c->raw.p, c->raw.len);
		if (!ZSTD_isError(zn) && zn + (size_t)(p - head) < c->raw.len) {
			out->len += zn;
			return (0);
		}
		out->len = at;
		p = head;
		*p = prev == NULL ? FLAG_KEY : 0;
	}
	buf_add(out, head, 1);
	return (buf_add(out, c->raw.p, c->raw.len));
}

int
sample_codec_tick_is_key(const void * blob, size_t len)
{
	return (len > 0 && (*(const uint8_t *)blob & FLAG_KEY));
}

/* Point ${r} at the body, unpacking it into c->raw if need be. */
static int
body_open(struct sample_codec * c, struct rd * r, uint32_t n, int * key)
{
	const uint8_t * p = rd_bytes(r, 1);
	uint64_t rawlen;
	size_t got;

	if (p == NULL || *p > (FLAG_KEY | FLAG_ZSTD))
		return (-1);
	*key = *p & FLAG_KEY;
	if (!(*p & FLAG_ZSTD))
		return (0);
	rawlen = rd_varint(r);
	/* No encoder makes more than this of n values. */
	if (r->bad || rawlen > (uint64_t)n * (VARINT_MAX + 2) + 8)
		return (-1);
	buf_clear(&c->raw);
	if (buf_reserve(&c->raw, (size_t)rawlen + 1))
		return (-1);
	got = ZSTD_decompressDCtx(c->dc, c->raw.p, (size_t)rawlen, r->p,
	    (size_t)(r->end - r->p));
	if (ZSTD_isError(got) || got != rawlen)
		return (-1);
	r->p = (const uint8_t *)c->raw.p;
	r->end = r->p + got;
	return (0);
}

int
sample_codec_tick_get(struct sample_codec * c, const void * blob, size_t len,
    double * v, uint32_t n)
{
	struct rd r = { blob, (const uint8_t *)blob + len, 0 };
	size_t nmap = ((size_t)n + 7) / 8, m = 0, i, j;
	const uint8_t * map, * kinds;
	unsigned w, k;
	int key;

	if (n > SAMPLE_MAX_SERIES || body_open(c, &r, n, &key) ||
	    (map = rd_bytes(&r, nmap)) == NULL)
		return (-1);
	for (i = 0; i < nmap; i++)
		m += (size_t)__builtin_popcount(map[i]);
	if (n % 8 != 0 && map[nmap - 1] >> (n % 8) != 0)
		return (-1);
	if ((kinds = rd_bytes(&r, (m + 1) / 2)) == NULL)
		return (-1);
	if (key)
		memset(v, 0, n * sizeof(*v));
	m = 0;
	for (i = 0; i < nmap; i++) {
		for (w = map[i]; w != 0; w &= w - 1, m++) {
			j = i * 8 + (size_t)__builtin_ctz(w);
			k = kinds[m / 2] >> (4 * (m % 2)) & 15;
			if (k == KIND_XOR)
				v[j] = of_bits(bits_of(v[j]) ^ xor_get(&r));
			else if (k <= DEC_MAX)
				/* Unsigned: a hostile varint may wrap. */
				v[j] = dec_value((int64_t)((uint64_t)
				    dec_scale(v[j], k) +
				    (uint64_t)unzigzag(rd_varint(&r))), k);
			else
				r.bad = 1;
		}
		if (r.bad)
			return (-1);
	}
	return (r.p == r.end ? 0 : -1);
}
