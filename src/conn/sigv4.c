#include "conn/sigv4.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/hex.h"
#include "base/quote.h"

#define HASH 32
#define HASH_HEX (HASH * 2 + 1)
#define MAX_PARAMS 512
#define MAX_HEADERS 64
#define MAX_TEXT ((size_t)1 << 20)

/* The parts of an URL that are signed; all point into it. */
struct parts {
	const char * host;
	size_t nhost;
	const char * path;
	size_t npath;
	const char * query; /* without its ? */
	size_t nquery;
};

/* A name and value in the form in which they are signed and sorted. */
struct pair {
	char * name, * value;
};

static int
sha256_hex(const void * p, size_t n, char out[HASH_HEX])
{
	unsigned char md[HASH];

	if (!EVP_Digest(n ? p : "", n, md, NULL, EVP_sha256(), NULL))
		return (-1);
	hex_write(md, HASH, out);
	return (0);
}

static int
hmac(const void * key, size_t nkey, const char * s, unsigned char out[HASH])
{
	return (HMAC(EVP_sha256(), key, (int)nkey, (const unsigned char *)s,
	    strlen(s), out, NULL) == NULL ? -1 : 0);
}

static int
split_url(const char * url, struct parts * p)
{
	const char * s = strstr(url, "://"), * end;

	if (s == NULL)
		return (-1);
	p->host = s + 3;
	p->nhost = strcspn(p->host, "/?#");
	p->path = p->host + p->nhost;
	end = p->path + strcspn(p->path, "#");
	p->npath = strcspn(p->path, "?#");
	p->query = p->path + p->npath;
	p->query += *p->query == '?';
	p->nquery = (size_t)(end - p->query);
	/* Who writes a password there has not written it for us. */
	return (p->nhost == 0 || memchr(p->host, '@', p->nhost) ? -1 : 0);
}

/* ${n} bytes with their %XX taken out, encoded again in the one way that is
 * signed; allocated. */
static char *
recode(const char * s, size_t n)
{
	struct buf plain = BUF_INIT(MAX_TEXT), out = BUF_INIT(MAX_TEXT);
	size_t i;

	for (i = 0; i < n; i++) {
		if (s[i] == '%' && i + 2 < n && hex_digit(s[i + 1]) >= 0 &&
		    hex_digit(s[i + 2]) >= 0) {
			buf_addc(&plain, (char)(hex_digit(s[i + 1]) << 4 |
			    hex_digit(s[i + 2])));
			i += 2;
		} else {
			buf_addc(&plain, s[i]);
		}
	}
	/* So that it is never NULL. */
	buf_reserve(&out, 1);
	if (plain.len > 0)
		quote_percent(&out, plain.p, plain.len, "");
	if (out.p != NULL && out.len == 0)
		out.p[0] = '\0';
	if (plain.failed || out.failed)
		buf_free(&out);
	buf_free(&plain);
	return (out.p);
}

static int
by_name(const void * a, const void * b)
{
	const struct pair * x = a, * y = b;
	int c = strcmp(x->name, y->name);

	return (c != 0 ? c : strcmp(x->value, y->value));
}

static void
pairs_free(struct pair * v, size_t n)
{
	while (n-- > 0) {
		free(v[n].name);
		free(v[n].value);
	}
}

static int
add_query(const struct parts * p, struct buf * out)
{
	struct pair v[MAX_PARAMS];
	const char * s = p->query, * end = s + p->nquery, * eq;
	size_t n = 0, len, i;
	int rc = 0;

	for (; rc == 0 && s < end; s += len + 1) {
		for (len = 0; s + len < end && s[len] != '&'; len++)
			continue;
		if (len == 0)
			continue;
		if (n == MAX_PARAMS) {
			rc = -1;
			break;
		}
		eq = memchr(s, '=', len);
		v[n].name = recode(s, eq ? (size_t)(eq - s) : len);
		v[n].value = recode(eq ? eq + 1 : "", eq ?
		    len - (size_t)(eq - s) - 1 : 0);
		rc = v[n].name == NULL || v[n].value == NULL ? -1 : 0;
		n++;
	}
	if (rc == 0) {
		qsort(v, n, sizeof(*v), by_name);
		for (i = 0; i < n; i++)
			buf_addf(out, "%s%s=%s", i ? "&" : "", v[i].name,
			    v[i].value);
	}
	pairs_free(v, n);
	return (rc);
}

/* As it is sent, encoded in the one way; a key's own slashes are no others. */
static int
add_path_plain(const struct parts * p, struct buf * out)
{
	char * path = recode(p->path, p->npath), * s, * to;

	if (path == NULL)
		return (-1);
	for (s = to = path; *s != '\0'; to++) {
		if (strncmp(s, "%2F", 3) == 0) {
			*to = '/';
			s += 3;
		} else {
			*to = *s++;
		}
	}
	*to = '\0';
	buf_adds(out, *path != '\0' ? path : "/");
	free(path);
	return (0);
}

/* Without dots and double slashes, encoded once more.  Other than in RFC 3986,
 * 5.2.4, a slash is at the end only where one was: so signers do it. */
static void
add_path_clean(const struct parts * p, struct buf * out)
{
	const char * s = p->path, * end = s + p->npath;
	size_t from = out->len, n;

	for (; s < end; s += n + (s + n < end)) {
		for (n = 0; s + n < end && s[n] != '/'; n++)
			continue;
		if (n == 2 && s[0] == '.' && s[1] == '.') {
			while (out->len > from && out->p[--out->len] != '/')
				continue;
		} else if (n > 0 && (n > 1 || s[0] != '.')) {
			buf_addc(out, '/');
			quote_percent(out, s, n, "");
		}
	}
	if (out->len == from || (p->npath > 0 && end[-1] == '/'))
		buf_addc(out, '/');
}

/* A header's value: no blanks around, one within. */
static char *
trimmed(const char * s)
{
	struct buf b = BUF_INIT(MAX_TEXT);

	buf_reserve(&b, 1);
	for (; *s != '\0'; s++) {
		if (*s != ' ' && *s != '\t')
			buf_addc(&b, *s);
		else if (b.len > 0 && b.p[b.len - 1] != ' ')
			buf_addc(&b, ' ');
	}
	while (b.len > 0 && b.p[b.len - 1] == ' ')
		b.len--;
	if (b.p != NULL)
		b.p[b.len] = '\0';
	if (b.failed)
		buf_free(&b);
	return (b.p);
}

static int
add_header(struct pair * v, size_t * n, const char * line)
{
	const char * colon = strchr(line, ':');
	struct pair * p = &v[*n];
	char * c;

	if (colon == NULL || (strncasecmp(line, "x-amz-", 6) != 0 &&
	    strncasecmp(line, "host:", 5) != 0 &&
	    strncasecmp(line, "content-type:", 13) != 0))
		return (0);
	if (*n == MAX_HEADERS)
		return (-1);
	p->name = strndup(line, (size_t)(colon - line));
	p->value = trimmed(colon + 1);
	(*n)++;
	if (p->name == NULL || p->value == NULL)
		return (-1);
	for (c = p->name; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return (0);
}

/* The canonical headers, a blank line, and their names into ${names}. */
static int
add_headers(const struct sigv4 * s, const struct parts * p,
    const struct buf * lines, size_t nlines, struct buf * out,
    struct buf * names)
{
	struct buf host = BUF_INIT(1024);
	struct pair v[MAX_HEADERS];
	size_t n = 0, i;
	int rc;

	rc = buf_addf(&host, "host:%.*s", (int)p->nhost, p->host) ||
	    add_header(v, &n, host.p) ? -1 : 0;
	for (i = 0; rc == 0 && s->headers != NULL && s->headers[i] != NULL; i++)
		rc = add_header(v, &n, s->headers[i]);
	for (i = 0; rc == 0 && i < nlines; i++)
		rc = add_header(v, &n, lines[i].p);
	if (rc == 0) {
		qsort(v, n, sizeof(*v), by_name);
		for (i = 0; i < n; i++) {
			buf_addf(out, "%s:%s\n", v[i].name, v[i].value);
			buf_addf(names, "%s%s", i ? ";" : "", v[i].name);
		}
		buf_addf(out, "\n%s\n", names->p);
	}
	pairs_free(v, n);
	buf_free(&host);
	return (rc);
}

static int
signature(const struct sigv4 * s, const char * day, const char * text,
    char out[HASH_HEX])
{
	struct buf key = BUF_INIT(4096);
	unsigned char k[HASH];
	int rc;

	/* One piece: no copy of the key is left where a buffer was. */
	rc = buf_reserve(&key, strlen(s->secret_key) + 8) ||
	    buf_addf(&key, "AWS4%s", s->secret_key) ||
	    hmac(key.p, key.len, day, k) || hmac(k, HASH, s->region, k) ||
	    hmac(k, HASH, s->service, k) || hmac(k, HASH, "aws4_request", k) ||
	    hmac(k, HASH, text, k) ? -1 : 0;
	hex_write(k, HASH, out);
	explicit_bzero(k, sizeof(k));
	buf_wipe(&key);
	return (rc);
}

/* The canonical request's hash, and which headers are in it. */
static int
canonical(const struct sigv4 * s, const struct parts * p,
    const struct buf * lines, size_t n, const char * payload,
    struct buf * names, char out[HASH_HEX])
{
	struct buf req = BUF_INIT(MAX_TEXT);
	int rc = 0;

	buf_addf(&req, "%s\n", s->method);
	if (strcmp(s->service, "s3") == 0)
		rc = add_path_plain(p, &req);
	else
		add_path_clean(p, &req);
	buf_addc(&req, '\n');
	rc = rc != 0 || add_query(p, &req) ? -1 : 0;
	buf_addc(&req, '\n');
	rc = rc != 0 || add_headers(s, p, lines, n, &req, names) ? -1 : 0;
	buf_adds(&req, payload);
	if (rc == 0)
		rc = req.failed || sha256_hex(req.p, req.len, out) ? -1 : 0;
	buf_wipe(&req); /* the session's token is in it */
	return (rc);
}

static int
sign(const struct sigv4 * s, const struct parts * p, struct buf * lines,
    size_t * n)
{
	struct buf text = BUF_INIT(4096), names = BUF_INIT(4096);
	char payload[HASH_HEX], hash[HASH_HEX], sig[HASH_HEX], when[24], day[12];
	time_t t = (time_t)(s->time_ms / 1000);
	struct tm tm;
	int rc;

	if (gmtime_r(&t, &tm) == NULL ||
	    strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm) == 0 ||
	    sha256_hex(s->body, s->body_len, payload))
		return (-1);
	memcpy(day, when, 8);
	day[8] = '\0';
	buf_addf(&lines[(*n)++], "X-Amz-Date: %s", when);
	if (s->token != NULL)
		buf_addf(&lines[(*n)++], "X-Amz-Security-Token: %s", s->token);
	/* S3 wants to be told; others only check the signature. */
	if (strcmp(s->service, "s3") == 0)
		buf_addf(&lines[(*n)++], "X-Amz-Content-Sha256: %s", payload);
	rc = canonical(s, p, lines, *n, payload, &names, hash);
	buf_addf(&text, "AWS4-HMAC-SHA256\n%s\n%s/%s/%s/aws4_request\n%s", when,
	    day, s->region, s->service, hash);
	if (rc == 0)
		rc = text.failed || signature(s, day, text.p, sig) ? -1 : 0;
	if (rc == 0)
		rc = buf_addf(&lines[(*n)++], "Authorization: "
		    "AWS4-HMAC-SHA256 Credential=%s/%s/%s/%s/aws4_request, "
		    "SignedHeaders=%s, Signature=%s", s->access_key, day,
		    s->region, s->service, names.p, sig);
	buf_free(&text);
	buf_free(&names);
	return (rc);
}

int
sigv4_sign(const struct sigv4 * s, struct buf lines[SIGV4_LINES], size_t * n,
    struct err * e)
{
	struct parts p;
	size_t i;

	*n = 0;
	if (split_url(s->url, &p))
		return (err_set(e, ERR_CONFIG, "url", "the request's URL cannot "
		    "be signed: it must be scheme://host/path"));
	/* Secrets are not copied about when a buffer grows. */
	for (i = 0; i < SIGV4_LINES; i++)
		if (buf_reserve(&lines[i], 4096))
			return (err_nomem(e, "a signature"));
	if (sign(s, &p, lines, n))
		return (err_nomem(e, "a signature"));
	for (i = 0; i < *n; i++)
		if (lines[i].failed)
			return (err_nomem(e, "a signature"));
	return (0);
}
