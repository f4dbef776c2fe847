#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "net/http_internal.h"

/* The authority's start, or NULL if this is no http or https URL. */
static const char *
after_scheme(const char * url, int * tls)
{
	*tls = 0;
	if (strncasecmp(url, "http://", 7) == 0)
		return (url + 7);
	*tls = 1;
	if (strncasecmp(url, "https://", 8) == 0)
		return (url + 8);
	return (NULL);
}

static size_t
userinfo_len(const char * p, size_t n)
{
	size_t i;

	for (i = n; i > 0; i--)
		if (p[i - 1] == '@')
			return (i);
	return (0);
}

/* curl answers these itself; every other name costs it a thread. */
static int
is_name(const char * host, size_t n)
{
	struct in_addr a4;
	char s[INET_ADDRSTRLEN];

	if (host[0] == '[')
		return (0);
	if ((n == 9 && strncasecmp(host, "localhost", 9) == 0) ||
	    (n > 10 && strncasecmp(host + n - 10, ".localhost", 10) == 0))
		return (0);
	if (n >= sizeof(s))
		return (1);
	memcpy(s, host, n);
	s[n] = '\0';
	return (inet_pton(AF_INET, s, &a4) != 1);
}

static int
bad(struct err * e, const struct http_req * req, const char * why)
{
	char safe[256];

	return (err_set(e, ERR_PERMANENT, "bad_url", "the URL %s %s",
	    http_url_safe(safe, sizeof(safe), req->url), why));
}

/* The port after the host, or the scheme's; -1 if it is no port. */
static int
port_of(const char * p, size_t n, int tls)
{
	unsigned port = 0;
	size_t i;

	if (n <= 1)
		return (tls ? 443 : 80);
	for (i = 1; i < n; i++) {
		if (!isdigit((unsigned char)p[i]))
			return (-1);
		port = port * 10 + (unsigned)(p[i] - '0');
		if (port > 65535)
			return (-1);
	}
	return ((int)port);
}

/* By hand: this runs for each request, and formatting takes five times that. */
static void
set_key(struct http_url * u, const char * unix_socket)
{
	char * p = u->key;
	unsigned div;
	size_t i, n;

	*p++ = u->tls ? 's' : 'h';
	if (unix_socket != NULL) {
		*p++ = '/';
		n = strnlen(unix_socket, 255);
		memcpy(p, unix_socket, n);
		u->key_len = n + 2;
		return;
	}
	*p++ = ' ';
	for (i = 0; i < u->host_len; i++)
		*p++ = (char)tolower((unsigned char)u->host[i]);
	*p++ = ':';
	for (div = 10000; div > 0; div /= 10)
		*p++ = (char)('0' + u->port / div % 10);
	u->key_len = (size_t)(p - u->key);
}

/*
 * Only to know whose queue and caps a call falls under; what is really
 * connected to is curl's reading of the URL, checked at the socket (egress).
 */
int
http_url_parse(const struct http_req * req, struct http_url * u,
    struct err * e)
{
	const char * p, * end, * colon;
	size_t n, skip;
	int tls, port;

	if (strnlen(req->url, HTTP_URL_MAX) == HTTP_URL_MAX)
		return (bad(e, req, "is longer than 64 KiB"));
	if ((p = after_scheme(req->url, &tls)) == NULL)
		return (bad(e, req, "is neither http:// nor https://"));
	n = strcspn(p, "/?#");
	skip = userinfo_len(p, n);
	p += skip;
	n -= skip;
	end = p + n;
	if (p < end && *p == '[') {
		if ((colon = memchr(p, ']', n)) == NULL)
			return (bad(e, req, "lacks the ] after its address"));
		colon++;
	} else if ((colon = memchr(p, ':', n)) == NULL)
		colon = end;
	u->host = p;
	u->host_len = (size_t)(colon - p);
	if (u->host_len == 0 || u->host_len > 255)
		return (bad(e, req, "names no host"));
	if ((port = port_of(colon, (size_t)(end - colon), tls)) < 0)
		return (bad(e, req, "has a bad port"));
	u->port = (unsigned)port;
	u->tls = tls;
	u->is_name = req->unix_socket == NULL && is_name(p, u->host_len);
	set_key(u, req->unix_socket);
	return (0);
}

const char *
http_url_safe(char * buf, size_t n, const char * url)
{
	const char * p, * sep = strstr(url, "://");
	size_t auth, used = 0, i;

	if (n == 0)
		return ("");
	p = sep != NULL ? sep + 3 : url;
	if (sep != NULL && strcspn(url, "/?#@") > (size_t)(sep - url)) {
		used = (size_t)(p - url);
		if (used > n - 1)
			used = n - 1;
		memcpy(buf, url, used);
	} else
		p = url;
	auth = strcspn(p, "/?#");
	p += userinfo_len(p, auth);
	for (; *p != '\0' && *p != '?' && *p != '#' && used < n - 1; p++)
		buf[used++] = *p;
	buf[used] = '\0';
	if (*p != '\0' && *p != '?' && *p != '#' && n > 4)
		memcpy(buf + n - 4, "...", 4);
	for (i = 0; i < used; i++)
		if ((unsigned char)buf[i] < 0x20 || buf[i] == 0x7f ||
		    (unsigned char)buf[i] >= 0x80)
			buf[i] = '?';
	return (buf);
}
