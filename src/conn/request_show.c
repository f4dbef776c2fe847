#include <string.h>

#include "conn/request_build.h"

/* A line with its references as they were written. */
static void
show_line(const char * line, struct buf * out)
{
	char ref[256];
	size_t n;

	for (; *line != '\0'; line++) {
		if (*line == TEMPLATE_MARK) {
			n = strcspn(line, "\002");
			if (n > sizeof(ref))
				n = sizeof(ref);
			memcpy(ref, line + 1, n - 1);
			ref[n - 1] = '\0';
			buf_adds(out, secret_shown(ref));
			line += strcspn(line, "\002");
			if (*line == '\0')
				return;
		} else if (*line != REQUEST_BASE64) {
			buf_addc(out, *line);
		}
	}
}

void
request_show_url(const struct request * r, struct buf * out)
{
	const char * host = strstr(r->url, "://"), * at = NULL, * p;
	size_t n, i;

	p = r->url;
	if (host != NULL) {
		host += 3;
		n = strcspn(host, "/?#");
		for (i = 0; i < n; i++)
			if (host[i] == '@')
				at = host + i;
	}
	/* A name and a password, if the configuration has them there. */
	if (at != NULL) {
		buf_add(out, p, (size_t)(host - p));
		buf_adds(out, "***");
		p = at;
	}
	buf_adds(out, p);
}

/* What stands before the ${i}-th line, a parameter. */
static char
sep(const struct request * r, size_t i)
{
	if (strchr(r->url, '?') != NULL)
		return ('&');
	while (i-- > 0)
		if (r->sign[i].in_query)
			return ('&');
	return ('?');
}

void
request_show(const struct request * r, struct buf * out)
{
	size_t i;

	buf_addf(out, "%s ", r->method);
	request_show_url(r, out);
	for (i = 0; i < r->nsign; i++)
		if (r->sign[i].in_query) {
			buf_addc(out, sep(r, i));
			show_line(r->sign[i].line, out);
		}
	for (i = 0; i < r->nheaders; i++)
		buf_addf(out, "\n%s", r->headers[i]);
	for (i = 0; i < r->nsign; i++) {
		if (r->sign[i].in_query)
			continue;
		buf_addc(out, '\n');
		show_line(r->sign[i].line, out);
	}
	if (r->body == NULL && r->body_secret == NULL)
		return;
	buf_adds(out, "\n\n");
	if (r->body != NULL)
		buf_add(out, r->body, r->body_len);
	else if (r->body_form ? request_sign_form(r->body_secret, NULL, out,
	    NULL) : request_sign_json(r->body_secret, NULL, out, NULL))
		buf_adds(out, "***");
}

void
request_key(const struct request * r, struct buf * out)
{
	size_t i;

	buf_addf(out, "%s %s", r->method, r->url);
	for (i = 0; i < r->nheaders; i++)
		buf_addf(out, "\n%s", r->headers[i]);
	if (r->body != NULL) {
		buf_adds(out, "\n\n");
		buf_add(out, r->body, r->body_len);
	}
}
