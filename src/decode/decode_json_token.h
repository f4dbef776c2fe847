#ifndef MOLTLER_DECODE_DECODE_JSON_TOKEN_H
#define MOLTLER_DECODE_DECODE_JSON_TOKEN_H

#include "base/plain.h"
#include "decode/decode_json_internal.h"

/* MORE: what there is of the token is good, but it is not whole. */
enum scan_rc { SCAN_ON, SCAN_MORE, SCAN_BAD };

/* Bytes being read: of ${n} at ${s} the next is the ${i}th. */
struct scan {
	struct decode_json * d;
	const char * s;
	size_t i, n;
	int last; /* nothing will follow */
};

/**
 * The tokens of JSON, each at c->i: go past it and say ON; or MORE; or BAD with the
 * decoder failed.
 *
 * _string(c): d->escaped tells whether it has escapes; its bytes are checked to be
 * UTF-8.  Of one that is in pieces d->look says how far it was seen, so that it is
 * looked at once.  _long(c): the same, for _string().
 * _number(c): It is not over while what there is ends with it.
 * _word(c, w, n): true, false or null, of whose ${n} letters the first is there.
 * _bad(c, why): No token: what stands here cannot be.
 */
enum scan_rc decode_json_token_long(struct scan * c);
enum scan_rc decode_json_token_number(struct scan * c);
enum scan_rc decode_json_token_word(struct scan * c, const char * w, size_t n);
enum scan_rc decode_json_token_bad(struct scan * c, const char * why);

static inline enum scan_rc
decode_json_token_string(struct scan * c)
{
	const char * s = c->s + c->i + 1;
	size_t n;

	/* Most strings, keys above all, end within 16 bytes. */
	if (c->n - c->i > 16 && c->d->look == 0 &&
	    (n = plain_short(s)) < 16 && s[n] == '"') {
		c->i += n + 2;
		c->d->escaped = 0;
		return (SCAN_ON);
	}
	return (decode_json_token_long(c));
}

#endif
