#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>

#include "base/hex.h"
#include "net/redis.h"
#include "net/redis_internal.h"

#define WANT "redis://[[user]:password@]IP[:port][/db] or unix:///path[?db=N]"

/* A percent-decoded copy, or NULL: no memory, a bad escape or a NUL. */
static char *
decode(const char * s, size_t n)
{
	char * out = malloc(n + 1), * w = out;
	size_t i;
	int hi, lo;

	if (out == NULL)
		return (NULL);
	for (i = 0; i < n; i++) {
		if (s[i] != '%') {
			*w++ = s[i];
			continue;
		}
		hi = n - i > 2 ? hex_digit(s[i + 1]) : -1;
		lo = n - i > 2 ? hex_digit(s[i + 2]) : -1;
		if (hi < 0 || lo < 0 || hi + lo == 0) {
			explicit_bzero(out, n);
			free(out);
			return (NULL);
		}
		*w++ = (char)(hi * 16 + lo);
		i += 2;
	}
	*w = '\0';
	return (out);
}

static int
number(const char * s, size_t n, long max, int * out)
{
	long v = 0;
	size_t i;

	if (n == 0)
		return (-1);
	for (i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return (-1);
		v = v * 10 + (s[i] - '0');
		if (v > max)
			return (-1);
	}
	*out = (int)v;
	return (0);
}

/* "[[user]:password@]": return what follows it. */
static const char *
userinfo(struct redis_url * u, const char * s, size_t n, struct err * e)
{
	const char * at = NULL, * colon;
	size_t i, nu;

	for (i = 0; i < n; i++)
		if (s[i] == '@')
			at = s + i;
	if (at == NULL)
		return (s);
	nu = (size_t)(at - s);
	if ((colon = memchr(s, ':', nu)) == NULL) {
		err_set(e, ERR_CONFIG, "redis_url",
		    "the Redis URL has a user but no password: want " WANT);
		return (NULL);
	}
	if (colon > s && (u->user = decode(s, (size_t)(colon - s))) == NULL)
		goto bad;
	if ((u->pass = decode(colon + 1, (size_t)(at - colon - 1))) == NULL)
		goto bad;
	return (at + 1);
bad:
	err_set(e, ERR_CONFIG, "redis_url", "the Redis URL's user or password "
	    "has a bad %%-escape: write a literal %% as %%25");
	return (NULL);
}

static int
parse_tcp(struct redis_url * u, const char * s, struct err * e)
{
	struct in6_addr addr;
	const char * end = s + strcspn(s, "/?#"), * h, * hend, * port;
	size_t n;

	if ((h = userinfo(u, s, (size_t)(end - s), e)) == NULL)
		return (-1);
	if (*h == '[') {
		h++;
		hend = memchr(h, ']', (size_t)(end - h));
		port = hend == NULL ? NULL : hend + 1;
	} else {
		hend = memchr(h, ':', (size_t)(end - h));
		port = hend = hend == NULL ? end : hend;
	}
	if (hend == NULL || hend == h)
		return (err_set(e, ERR_CONFIG, "redis_url",
		    "the Redis URL names no host: want " WANT));
	n = (size_t)(hend - h);
	if ((u->host = strndup(h, n)) == NULL)
		return (err_nomem(e, "the Redis URL"));
	if (strcmp(u->host, "localhost") == 0)
		memcpy(u->host, "127.0.0.1", sizeof("127.0.0.1"));
	if (inet_pton(AF_INET, u->host, &addr) != 1 &&
	    inet_pton(AF_INET6, u->host, &addr) != 1)
		/* hiredis would look a name up blocking the loop. */
		return (err_set(e, ERR_CONFIG, "redis_url",
		    "the Redis host \"%s\" must be an IP address or localhost",
		    u->host));
	u->port = 6379;
	if (port < end && (*port != ':' || number(port + 1,
	    (size_t)(end - port - 1), 65535, &u->port) || u->port == 0))
		return (err_set(e, ERR_CONFIG, "redis_url",
		    "the Redis URL's port \"%.*s\" is not 1 to 65535",
		    (int)(end - port), port));
	if (*end == '/' && end[1] != '\0') {
		if (number(end + 1, strlen(end + 1), 1000000, &u->db))
			return (err_set(e, ERR_CONFIG, "redis_url",
			    "the Redis URL's database \"%s\" is not a number",
			    end + 1));
	} else if (*end != '\0' && *end != '/') {
		return (err_set(e, ERR_CONFIG, "redis_url",
		    "unexpected \"%s\" in the Redis URL: want " WANT, end));
	}
	snprintf(u->where, sizeof(u->where), "%s:%d/%d", u->host, u->port,
	    u->db);
	return (0);
}

static int
parse_unix(struct redis_url * u, const char * s, struct err * e)
{
	const char * p, * q;
	size_t n;

	if ((p = userinfo(u, s, strcspn(s, "/"), e)) == NULL)
		return (-1);
	n = strcspn(p, "?");
	/* sockaddr_un holds 107 bytes and the NUL. */
	if (*p != '/' || n < 2 || n > 107)
		return (err_set(e, ERR_CONFIG, "redis_url", "the Redis URL's "
		    "socket path must begin with / and have at most 107 "
		    "bytes: want " WANT));
	q = p + n;
	if (*q != '\0' && (strncmp(q, "?db=", 4) != 0 ||
	    number(q + 4, strlen(q + 4), 1000000, &u->db)))
		return (err_set(e, ERR_CONFIG, "redis_url",
		    "unexpected \"%s\" in the Redis URL: want ?db=N", q));
	if ((u->path = strndup(p, n)) == NULL)
		return (err_nomem(e, "the Redis URL"));
	snprintf(u->where, sizeof(u->where), "%s db %d", u->path, u->db);
	return (0);
}

int
redis_url_parse(struct redis_url * u, const char * url, struct err * e)
{
	memset(u, 0, sizeof(*u));
	if (strncmp(url, "redis://", 8) == 0)
		return (parse_tcp(u, url + 8, e));
	if (strncmp(url, "unix://", 7) == 0)
		return (parse_unix(u, url + 7, e));
	if (strncmp(url, "rediss://", 9) == 0)
		return (err_set(e, ERR_CONFIG, "redis_url", "Redis over TLS is "
		    "not supported: use a tunnel and redis://127.0.0.1:PORT"));
	return (err_set(e, ERR_CONFIG, "redis_url",
	    "not a Redis URL: want " WANT));
}

void
redis_url_clear(struct redis_url * u)
{
	free(u->host);
	free(u->path);
	if (u->user != NULL)
		explicit_bzero(u->user, strlen(u->user));
	free(u->user);
	if (u->pass != NULL)
		explicit_bzero(u->pass, strlen(u->pass));
	free(u->pass);
	memset(u, 0, sizeof(*u));
}

int
redis_url_check(const char * url, struct err * e)
{
	struct redis_url u;
	int rc = redis_url_parse(&u, url, e);

	redis_url_clear(&u);
	return (rc);
}
