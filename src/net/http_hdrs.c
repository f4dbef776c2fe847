#include <string.h>

#include "net/http_internal.h"

size_t
http_hdrs_all(const struct http_res * res, const char * name,
    struct buf * out)
{
	size_t n = strlen(name), at, found = 0;
	const struct buf * b;
	const char * p, * v;

	if (res->hdrs == NULL)
		return (0);
	b = &res->hdrs->text;
	for (at = 0; at < b->len; at += strlen(p) + 1) {
		p = b->p + at;
		if (strncasecmp(p, name, n) != 0 || p[n] != ':')
			continue;
		v = p + n + 1;
		if (found++ > 0)
			buf_adds(out, ", ");
		buf_adds(out, v + strspn(v, " \t"));
	}
	return (found);
}

void
http_hdrs_each(const struct http_res * res, void (*found)(void * arg,
    const char * line), void * arg)
{
	const struct buf * b;
	size_t at;

	if (res->hdrs == NULL)
		return;
	b = &res->hdrs->text;
	for (at = 0; at < b->len; at += strlen(b->p + at) + 1)
		found(arg, b->p + at);
}
