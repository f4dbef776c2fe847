#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conn/reader_internal.h"
#include "manifest/template.h"

/* URLs that lead to the next page. */

#define MAX_URL 65536

/* Whether ${word} is one of those in the ${n} bytes at ${s}. */
static int
has_word(const char * s, size_t n, const char * word)
{
	const char * end = s + n, * from;
	size_t len = strlen(word);

	while (s < end) {
		from = s;
		while (s < end && *s != ' ' && *s != '\t')
			s++;
		if ((size_t)(s - from) == len &&
		    strncasecmp(from, word, len) == 0)
			return (1);
		s++;
	}
	return (0);
}

/* Whether the parameters of one link, up to ${end}, say rel. */
static int
has_rel(const char * p, const char * end, const char * rel)
{
	const char * name, * value;
	size_t len;

	while (p < end) {
		while (p < end && strchr("; \t", *p) != NULL)
			p++;
		for (name = p; p < end && strchr("=; \t", *p) == NULL; p++)
			continue;
		len = (size_t)(p - name);
		while (p < end && (*p == ' ' || *p == '\t'))
			p++;
		if (p >= end || *p != '=')
			continue;
		for (p++; p < end && (*p == ' ' || *p == '\t'); p++)
			continue;
		if (p < end && *p == '"') {
			for (value = ++p; p < end && *p != '"'; p++)
				continue;
		} else {
			for (value = p; p < end && strchr("; \t", *p) == NULL;
			    p++)
				continue;
		}
		if (len == 3 && strncasecmp(name, "rel", 3) == 0)
			return (has_word(value, (size_t)(p - value), rel));
		if (p < end)
			p++;
	}
	return (0);
}

char *
reader_link(const char * h, const char * rel, int * no_memory)
{
	const char * url, * end, * p;
	char * s;
	int quoted;

	for (p = h; p != NULL && (url = strchr(p, '<')) != NULL &&
	    (end = strchr(url, '>')) != NULL; p = *p ? p + 1 : NULL) {
		quoted = 0;
		for (p = end + 1; *p != '\0' && (quoted || *p != ','); p++)
			if (*p == '"')
				quoted = !quoted;
		if (!has_rel(end + 1, p, rel))
			continue;
		s = strndup(url + 1, (size_t)(end - url - 1));
		*no_memory |= s == NULL;
		return (s);
	}
	return (NULL);
}

char *
reader_link_under(const struct reader_part * p, char * ref, int * no_memory)
{
	const char * base = p->r->plan->list->paginate.base;
	struct connector * c = p->r->plan->c;
	struct template_env env = { .config = connector_config_parsed(c),
	    .schema = c->m->config };
	struct buf b = BUF_INIT(MAX_URL);
	struct err e;

	if (base == NULL || ref == NULL || ref[0] != '/' || ref[1] == '/')
		return (ref);
	/* Without it the next page is refused there, but never left out. */
	if (template_expand(base, &env, QUOTE_URL, &b, &e) != 0) {
		buf_free(&b);
		return (ref);
	}
	while (b.len > 0 && b.p[b.len - 1] == '/')
		b.len--;
	*no_memory |= buf_adds(&b, ref) != 0;
	free(ref);
	return (b.p);
}

char *
reader_link_whole(const char * base, char * ref, int * no_memory)
{
	const char * host, * cut, * slash = "";
	char * s = NULL;
	size_t n;

	if (ref == NULL || strstr(ref, "://") != NULL ||
	    (host = strstr(base, "://")) == NULL)
		return (ref);
	host += 3;
	n = (size_t)(host - base);
	if (ref[0] == '/' && ref[1] == '/') {
		n -= 2; /* keep the scheme */
	} else {
		n += strcspn(host, ref[0] == '/' ? "/?#" : "?#");
		if (ref[0] != '/' && ref[0] != '?') {
			for (cut = base + n; cut > host && *cut != '/'; cut--)
				continue;
			if (cut > host)
				n = (size_t)(cut - base) + 1;
			else
				slash = "/";
		}
	}
	if (asprintf(&s, "%.*s%s%s", (int)n, base, slash, ref) < 0)
		s = NULL;
	*no_memory |= s == NULL;
	free(ref);
	return (s);
}
