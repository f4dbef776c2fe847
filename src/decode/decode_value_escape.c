#include "base/utf8.h"
#include "decode/decode_json_value.h"

#include <string.h>

/* The escapes of JSON's strings. */

unsigned
decode_value_hex4(const char * s)
{
	unsigned v = 0, i, c;

	for (i = 0; i < 4; i++) {
		c = (unsigned char)s[i];
		v = v << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return (v);
}

static void
add_utf8(struct buf * b, unsigned c)
{
	char u[4];

	buf_add(b, u, utf8_put(c, u));
}

/* Undo the \u at ${s}; return how many bytes it took. */
static size_t
add_unicode(struct buf * b, const char * s, size_t n)
{
	unsigned c = decode_value_hex4(s + 2), low;

	if (c < 0xd800 || c > 0xdfff) {
		add_utf8(b, c);
		return (6);
	}
	if (c < 0xdc00 && n >= 12 && s[6] == '\\' && s[7] == 'u') {
		low = decode_value_hex4(s + 8);
		if (low >= 0xdc00 && low <= 0xdfff) {
			add_utf8(b, 0x10000 + ((c - 0xd800) << 10) +
			    (low - 0xdc00));
			return (12);
		}
	}
	add_utf8(b, 0xfffd);
	return (6);
}

int
decode_value_unescape(const char * s, size_t n, struct buf * out)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	const char * end = s + n, * p, * x;

	if (buf_reserve(out, n))
		return (-1);
	while (s < end) {
		p = memchr(s, '\\', (size_t)(end - s));
		if (p == NULL)
			p = end;
		buf_add(out, s, (size_t)(p - s));
		s = p;
		if (end - s < 2)
			break;
		if (s[1] == 'u' && end - s >= 6) {
			s += add_unicode(out, s, (size_t)(end - s));
			continue;
		}
		x = strchr(from, s[1]);
		buf_addc(out, x != NULL ? to[x - from] : s[1]);
		s += 2;
	}
	return (out->failed ? -1 : 0);
}
