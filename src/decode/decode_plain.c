#include "decode/decode_plain.h"

#include <string.h>

#include "decode/decode_json_value.h"

/* The 16 bits of the \u at ${s}; -1: there is none. */
static int
unit_at(const char * s, size_t n)
{
	if (n < 6 || s[0] != '\\' || s[1] != 'u')
		return (-1);
	return ((int)decode_value_hex4(s + 2));
}

/* How many bytes from the backslash at ${s} on are a character that may stand as
 * itself; 0: they stay.  Half a surrogate pair stays. */
static size_t
needless(const char * s, size_t n)
{
	int c = unit_at(s, n), low;

	if (c < 0x20 || c == '"' || c == '\\')
		return (0);
	if (c < 0xd800 || c > 0xdfff)
		return (6);
	low = unit_at(s + 6, n - 6);
	return (c < 0xdc00 && low >= 0xdc00 && low <= 0xdfff ? 12 : 0);
}

int
decode_plain(const char * s, size_t n, struct buf * out)
{
	const char * end = s + n, * p;
	size_t k;

	if (buf_reserve(out, n))
		return (-1);
	while (s < end) {
		p = memchr(s, '\\', (size_t)(end - s));
		if (p == NULL)
			p = end;
		buf_add(out, s, (size_t)(p - s));
		s = p;
		if (end - s < 2) {
			buf_add(out, s, (size_t)(end - s));
			break;
		}
		k = needless(s, (size_t)(end - s));
		if (k > 0) {
			(void)decode_value_unescape(s, k, out);
		} else if (s[1] == '/') {
			buf_addc(out, '/');
			k = 2;
		} else {
			buf_add(out, s, 2);
			k = 2;
		}
		s += k;
	}
	return (out->failed ? -1 : 0);
}
