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

/* Take the parameter whose name is the ${n} bytes at ${name} out of ${url}. */
static void
take_out(char * url, const char * name, size_t n)
{
	char * p = strchr(url, '?'), * end;

	while (p != NULL && *p != '\0' && *p != '#') {
		end = p + 1 + strcspn(p + 1, "&#");
		if (strncmp(p + 1, name, n) != 0 || p[n + 1] != '=') {
			p = end;
			continue;
		}
		/* The first leaves its '?' to the one behind it. */
		if (*p == '?' && *end == '&')
			memmove(p + 1, end + 1, strlen(end + 1) + 1);
		else
			memmove(p, end, strlen(end) + 1);
	}
}

void
request_hide(const struct request * r, char * url)
{
	const char * line;
	size_t i;

	for (i = 0; i < r->nsign; i++) {
		line = r->sign[i].line;
		if (r->sign[i].in_query)
			take_out(url, line, strcspn(line, "="));
	}
}

void
request_key(const struct request * r, struct buf * out)
{
	size_t i;

	buf_addf(out, "%s %s", r->method, r->url);
	for (i = 0; i < r->nheaders; i++)
		buf_addf(out, "\n%s", r->headers[i]);
	if (r->body != NULL || r->body_secret != NULL)
		buf_adds(out, "\n\n");
	if (r->body != NULL)
		buf_add(out, r->body, r->body_len);
	/* With the references; what they stand for is the configuration's. */
	else if (r->body_secret != NULL && (r->body_form ?
	    request_sign_form(r->body_secret, NULL, out, NULL) :
	    request_sign_json(r->body_secret, NULL, out, NULL)))
		out->failed = 1;
}
