#include "secret/secret_form.h"

#include <stdint.h>
#include <string.h>

#include "base/hex.h"
#include "base/utf8.h"

/* What one escape stands for, as bytes. */
struct piece {
	char s[4];
	size_t n;
};

static void
put_byte(struct piece * to, char c)
{
	to->s[0] = c;
	to->n = 1;
}

/* The ${n} digits at ${s}; -1: they are not so many. */
static int
hex(const char * s, size_t n, uint32_t * out)
{
	size_t i;
	int d;

	for (*out = 0, i = 0; i < n; i++) {
		if ((d = hex_digit(s[i])) < 0)
			return (-1);
		*out = *out << 4 | (uint32_t)d;
	}
	return (0);
}

/* How long the escape at ${s} is; 0: there is none. */
static size_t
of_url(const char * s, struct piece * to)
{
	uint32_t byte;

	if (*s == '+') {
		put_byte(to, ' ');
		return (1);
	}
	if (*s != '%' || hex(s + 1, 2, &byte))
		return (0);
	put_byte(to, (char)byte);
	return (3);
}

static size_t
of_json(const char * s, struct piece * to)
{
	static const char as[] = "\"\\/bfnrt", is[] = "\"\\/\b\f\n\r\t";
	uint32_t cp, low;
	const char * at;

	if (*s != '\\' || s[1] == '\0')
		return (0);
	if ((at = strchr(as, s[1])) != NULL) {
		put_byte(to, is[at - as]);
		return (2);
	}
	if (s[1] != 'u' || hex(s + 2, 4, &cp))
		return (0);
	if ((cp & 0xfc00) != 0xd800 || s[6] != '\\' || s[7] != 'u' ||
	    hex(s + 8, 4, &low)) {
		to->n = utf8_put(cp, to->s);
		return (6);
	}
	to->n = utf8_put(0x10000 + ((cp & 0x3ff) << 10 | (low & 0x3ff)), to->s);
	return (12);
}

/* &#39; or &#x27; */
static size_t
of_number(const char * s, struct piece * to)
{
	int is_hex = s[2] == 'x' || s[2] == 'X';
	const char * p = s + 2 + is_hex;
	size_t n = strspn(p, is_hex ? "0123456789abcdefABCDEF" : "0123456789");
	uint32_t cp = 0;
	size_t i;

	if (n == 0 || n > 6 || p[n] != ';')
		return (0);
	if (is_hex)
		(void)hex(p, n, &cp);
	for (i = 0; i < n && !is_hex; i++)
		cp = cp * 10 + (uint32_t)(p[i] - '0');
	to->n = utf8_put(cp, to->s);
	return ((size_t)(p - s) + n + 1);
}

static size_t
of_xml(const char * s, struct piece * to)
{
	static const struct {
		const char * name;
		char is;
	} names[] = { { "&amp;", '&' }, { "&lt;", '<' }, { "&gt;", '>' },
	    { "&quot;", '"' }, { "&apos;", '\'' } };
	size_t i;

	if (*s != '&')
		return (0);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(s, names[i].name, strlen(names[i].name)) == 0) {
			put_byte(to, names[i].is);
			return (strlen(names[i].name));
		}
	return (s[1] == '#' ? of_number(s, to) : 0);
}

static size_t
escape(enum secret_form how, const char * s, struct piece * to)
{
	switch (how) {
	case FORM_URL:
		return (of_url(s, to));
	case FORM_JSON:
		return (of_json(s, to));
	case FORM_XML:
		return (of_xml(s, to));
	case FORM_PLAIN:
	case FORMS:
		break;
	}
	return (0);
}

size_t
secret_form_common(enum secret_form how, const char * s, const char * v,
    size_t n, size_t * same)
{
	size_t i = 0, k = 0, took;
	struct piece p;

	while (i < n && s[k] != '\0') {
		took = escape(how, s + k, &p);
		if (took == 0 || p.n > n - i || memcmp(p.s, v + i, p.n) != 0) {
			/* Not all writers escape all. */
			if (s[k] != v[i])
				break;
			put_byte(&p, s[k]);
			took = 1;
		}
		i += p.n;
		k += took;
	}
	*same = i;
	return (k);
}
