#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "conn/reader_internal.h"

/*
 * Answers kept with what tells the service which one we have, so that it may
 * say "not modified".  The key is a digest: who can read the cache learns
 * nothing of what was asked.
 */
#define KEEP_MS ((int64_t)24 * 3600 * 1000)
#define BODY_MAX ((size_t)512 << 10)

/* The question; it outlives a call that was cancelled. */
struct reader_kept_ask {
	struct reader_call * c;
};

int
reader_kept_key(const struct reader_call * c, char out[80])
{
	const struct connector * con = c->part->r->plan->c;
	struct buf b = BUF_INIT((size_t)1 << 20);
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	int rc = -1;

	buf_addf(&b, "%s\n%s\n", con->id, con->config);
	request_key(c->req, &b);
	if (!b.failed && EVP_Digest(b.p, b.len, md, &n, EVP_sha256(), NULL)) {
		memcpy(out, "page:", 5);
		hex_write(md, n, out + 5);
		rc = 0;
	}
	buf_free(&b);
	return (rc);
}

static void
on_kept(void * arg, json_t * v, const struct err * e)
{
	struct reader_kept_ask * a = arg;
	struct reader_call * c = a->c;

	free(a);
	if (c == NULL)
		return;
	c->kept.ask = NULL;
	if (e == NULL && json_is_object(v))
		c->kept.v = json_incref(v);
	reader_call_kept(c);
}

int
reader_kept_ask(struct reader_call * c)
{
	const struct reader * r = c->part->r;
	const struct conn_shared * sh = r->env->shared;

	if (reader_etag_ask(c))
		return (0);
	/* Where a bound moves no request comes twice. */
	if (sh == NULL || sh->cache_get == NULL ||
	    (r->sync != NULL && r->sync->bound != NULL) ||
	    !r->plan->list->revalidate || r->plan->ent->decode == DECODE_OPENMETRICS ||
	    reader_kept_key(c, c->kept.key) ||
	    (c->kept.ask = malloc(sizeof(*c->kept.ask))) == NULL) {
		c->kept.key[0] = '\0';
		return (0);
	}
	c->kept.ask->c = c;
	sh->cache_get(sh->arg, c->kept.key, on_kept, c->kept.ask);
	return (1);
}

size_t
reader_kept_headers(const struct reader_kept * k, struct buf out[2])
{
	static const struct {
		const char * key, * header;
	} said[] = { { "etag", "If-None-Match" },
	    { "last_modified", "If-Modified-Since" } };
	const char * s;
	size_t n = 0, i;

	for (i = 0; i < 2; i++) {
		s = k->v ? json_string_value(json_object_get(k->v,
		    said[i].key)) : NULL;
		if (s == NULL || strpbrk(s, "\r\n") != NULL)
			continue;
		buf_addf(&out[n], "%s: %s", said[i].header, s);
		if (!out[n].failed)
			n++;
	}
	return (n);
}

static int
set(json_t * v, const char * key, const char * s)
{
	return (s == NULL ? 0 : json_object_set_new(v, key, json_string(s)));
}

void
reader_kept_put(struct reader_call * c, const struct http_res * res,
    const char * link)
{
	const struct reader * r = c->part->r;
	const struct conn_shared * sh = r->env->shared;
	const char * etag = http_res_header(res, "ETag");
	const char * changed = http_res_header(res, "Last-Modified");
	const char * head = r->plan->list->paginate.cursor_header;
	json_t * v;

	if (c->kept.key[0] == '\0' || (etag == NULL && changed == NULL) ||
	    c->body.failed || c->body.len == 0 || c->body.len > BODY_MAX ||
	    sh->cache_put == NULL || (v = json_object()) == NULL)
		return;
	if (set(v, "etag", etag) == 0 && set(v, "last_modified", changed) == 0 &&
	    set(v, "link", link) == 0 &&
	    set(v, "cursor", head ? http_res_header(res, head) : NULL) == 0 &&
	    json_object_set_new(v, "body", json_stringn(c->body.p,
	    c->body.len)) == 0)
		sh->cache_put(sh->arg, c->kept.key, v, KEEP_MS);
	json_decref(v);
}

void
reader_kept_free(struct reader_kept * k)
{
	if (k->ask != NULL)
		k->ask->c = NULL;
	json_decref(k->v);
}
