/* Text as it may stand on a terminal, and how wide it is there. */
#include "config.h"

#include "cli/table_text.h"

#include <stdint.h>
#include <wchar.h>

#include "base/utf8.h"

static uint32_t
code_point(const char * s, size_t n)
{
	const unsigned char * u = (const unsigned char *)s;

	switch (n) {
	case 2:
		return ((u[0] & 0x1fU) << 6 | (u[1] & 0x3fU));
	case 3:
		return ((u[0] & 0x0fU) << 12 | (u[1] & 0x3fU) << 6 |
		    (u[2] & 0x3fU));
	case 4:
		return ((u[0] & 0x07U) << 18 | (u[1] & 0x3fU) << 12 |
		    (u[2] & 0x3fU) << 6 | (u[3] & 0x3fU));
	default:
		return (u[0]);
	}
}

/* Characters that reorder what stands around them: they could make a cell
 * read as something else. */
static int
is_bidi_control(uint32_t cp)
{
	return (cp == 0x061c || cp == 0x200e || cp == 0x200f ||
	    (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069));
}

/* Append one character in its visible form; return its width in cells. */
static size_t
add_char(struct buf * out, const char * s, size_t n)
{
	size_t from = out->len;
	uint32_t cp;
	int w;

	if (n == 0) {
		buf_addf(out, "\\x%02x", (unsigned char)*s);
		return (4);
	}
	cp = code_point(s, n);
	/* wcwidth calls NUL nothing wide, a terminal or a pipe may not. */
	w = cp == 0 || is_bidi_control(cp) ? -1 : wcwidth((wchar_t)cp);
	if (w >= 0) {
		buf_add(out, s, n);
		return ((size_t)w);
	}
	if (cp == '\n')
		buf_adds(out, "\\n");
	else if (cp == '\t')
		buf_adds(out, "\\t");
	else if (cp == '\r')
		buf_adds(out, "\\r");
	else
		buf_addf(out, cp < 0x80 ? "\\x%02x" : "\\u%04x", cp);
	return (out->len - from);
}

size_t
table_text_add(struct buf * out, const char * s, size_t len, size_t limit)
{
	size_t i = 0, width = 0, n;

	while (i < len && (limit == 0 || width <= limit)) {
		if (s[i] >= 0x20 && s[i] < 0x7f) {
			buf_addc(out, s[i++]);
			width++;
			continue;
		}
		n = utf8_seq(s + i, len - i);
		width += add_char(out, s + i, n);
		i += n > 0 ? n : 1;
	}
	return (width);
}

size_t
table_text_width(const char * s, size_t n)
{
	int w = wcwidth((wchar_t)code_point(s, n));

	return (w > 0 ? (size_t)w : 0);
}

size_t
table_text_within(const char * s, size_t len, size_t w)
{
	size_t i = 0, n, used = 0;

	for (; i < len; i += n) {
		n = utf8_seq(s + i, len - i);
		used += table_text_width(s + i, n);
		if (used > w && i > 0)
			break;
	}
	return (i);
}
