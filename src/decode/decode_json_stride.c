#include "decode/decode_json_stride.h"

#include "decode/decode_json_quick.h"
#include "decode/decode_json_rows.h"
#include "decode/decode_json_shape.h"

/* A step's text, and of a value as much as a text's first look takes, are looked at
 * without asking. */
#define STRIDE_ROOM (SHAPE_TEXT + 1 + STRIDE_LOOK + 16)
#define STRIDE_LOOK 64

#ifdef __SSE2__
/* How many of the 16 bytes from ${s} on are digits, up to the first that is none. */
static inline size_t
digits(const char * s)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)s);
	__m128i low = _mm_sub_epi8(v, _mm_set1_epi8('0'));

	/* Digits are less than ten without their sign. */
	return ((size_t)__builtin_ctz((unsigned)_mm_movemask_epi8(
	    _mm_cmpeq_epi8(_mm_min_epu8(low, _mm_set1_epi8(9)), low)) ^
	    0x1ffff));
}
#else
static inline size_t
digits(const char * s)
{
	size_t n = 0;

	while (n < 16 && s[n] >= '0' && s[n] <= '9')
		n++;
	return (n);
}
#endif

#ifdef __SSE2__
/* Of 16 bytes: a bit for each quote, and one for each that is neither quote nor plain. */
static inline uint64_t
quotes(const char * s, uint64_t * odd)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)s);

	*odd = (unsigned)_mm_movemask_epi8(_mm_or_si128(
	    _mm_cmplt_epi8(v, _mm_set1_epi8(0x20)),
	    _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));
	return ((unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v,
	    _mm_set1_epi8('"'))));
}

/*
 * How many of the STRIDE_LOOK bytes at ${s} are plain, if a quote follows them;
 * STRIDE_LOOK: something else does.  Where the next member begins hangs on where the
 * quote is, so that is asked first, and whether all before it is plain beside it.
 */
static inline size_t
text(const char * s)
{
	uint64_t q, odd, m, o;
	unsigned i;

	q = quotes(s, &odd);
	if (q == 0) {
		/* How many blocks it takes nobody could foretell. */
		for (i = 16; i < STRIDE_LOOK; i += 16) {
			m = quotes(s + i, &o);
			q |= m << i;
			odd |= o << i;
		}
	}
	return (q == 0 || (odd & (q ^ (q - 1))) != 0 ? STRIDE_LOOK :
	    (size_t)__builtin_ctzll(q));
}
#else
static inline size_t
text(const char * s)
{
	size_t n = 0;

	while (n < STRIDE_LOOK && plain_is(s[n]))
		n++;
	return (n < STRIDE_LOOK && s[n] == '"' ? n : STRIDE_LOOK);
}
#endif

/* A number without sign, fraction and exponent; 0: it is none of these. */
static inline size_t
whole(const char * s)
{
	size_t n = digits(s);

	if (n == 16 || (n > 1 && s[0] == '0') || s[n] == '.' ||
	    (s[n] | 0x20) == 'e')
		return (0);
	return (n);
}

/* The scalar at ${s}, of which ${n} bytes are there: how long it is; 0: others see
 * to it. */
static inline size_t
scalar(struct scan * c, const char * s, size_t n, enum json_token_kind * kind)
{
	size_t len;

	switch (*s) {
	case '"':
		*kind = TOKEN_STRING;
		if ((len = text(s + 1)) < STRIDE_LOOK)
			return (len + 2);
		len = plain_run(s + 1, n - 1);
		if (len < n - 1 && s[len + 1] == '"')
			return (len + 2);
		/* So far it was seen. */
		c->d->escaped = 0;
		c->d->look = (size_t)(s - c->s) + 1 + len;
		return (0);
	case 'n':
		*kind = TOKEN_NULL;
		return (memcmp(s, "null", 4) == 0 ? 4 : 0);
	case 't':
		*kind = TOKEN_TRUE;
		return (memcmp(s, "true", 4) == 0 ? 4 : 0);
	case 'f':
		*kind = TOKEN_FALSE;
		return (memcmp(s, "false", 5) == 0 ? 5 : 0);
	case '0': case '1': case '2': case '3': case '4':
	case '5': case '6': case '7': case '8': case '9':
		*kind = TOKEN_NUMBER;
		return (whole(s));
	default:
		return (0);
	}
}

enum scan_rc
decode_json_stride(struct scan * c, enum shape_way way)
{
	struct decode_json * d = c->d;
	const struct decode_state * states = d->plan->states;
	uint32_t state = shape_state(d);
	struct shape_step * steps = d->steps, * from = &steps[d->step];
	struct shape_step * st;
	enum json_token_kind kind = TOKEN_NULL;
	const char * s = c->s;
	struct json_token t;
	size_t i = c->i, end = c->n, len, quote, n = 0;

	/* Behind a first member others may be noted that were the first one, too: their
	 * text has no comma. */
	while (end - i > STRIDE_ROOM && (way == SHAPE_INNER || s[i] == ',')) {
		st = &steps[from->to[way]];
		if (st->state != state || !shape_begins(st, s + i) ||
		    st->len == 0 || shape_again(d, st))
			break;
		if (from->missed[way] != 0)
			from->missed[way] = 0;
		way = SHAPE_NEXT;
		from = st;
		n++;
		i += st->len;
		len = scalar(c, s + i, end - i, &kind);
		if (len == 0) {
			d->next = st->value;
			d->expect = EXPECT_VALUE;
			goto went;
		}
		if (st->value != DECODE_DEAD) {
			t.kind = kind;
			quote = kind == TOKEN_STRING;
			t.at = i + quote;
			t.len = len - 2 * quote;
			if (!decode_json_quick(d, st->value, &t) &&
			    decode_json_rows_scalar(d, &states[st->value], &t))
				return (SCAN_BAD);
		}
		i += len;
	}
	if (i == c->i)
		return (SCAN_MORE);
	d->expect = EXPECT_COMMA;
went:
	c->i = i;
	shape_good(d, n);
	d->step = (uint16_t)(from - steps);
	return (SCAN_ON);
}
