#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/api_internal.h"
#include "base/json.h"
#include "sync/backup.h"
#include "sync/backup_text.h"

/* GET /v1/backup, and POST /v1/restore: whole, or in pieces where it is larger
 * than a request's body may be. */
#define NDJSON "application/x-ndjson"
#define PIECE ((size_t)256 << 10) /* at a time, to who reads as he likes */

/* One that is made, and given to the client. */
struct give {
	struct httpd_req * q;
	struct backup_wait * w; /* NULL: it is made */
	struct buf text;
	size_t sent;
};

static void
give_end(struct give * g, int abort)
{
	httpd_stream_end(g->q, abort);
	buf_free(&g->text);
	free(g);
}

static void
give_more(void * arg)
{
	struct give * g = arg;
	size_t n = g->text.len - g->sent, at = g->sent;

	if (n == 0 || httpd_stream_gone(g->q)) {
		give_end(g, n > 0);
		return;
	}
	n = n < PIECE ? n : PIECE;
	g->sent += n;
	httpd_stream_write(g->q, g->text.p + at, n, give_more, g);
}

static void
on_made(void * arg, struct buf * text, const struct err * e)
{
	struct give * g = arg;

	g->w = NULL;
	if (e != NULL) {
		api_reply_err(g->q, e);
		free(g);
		return;
	}
	g->text = *text;
	memset(text, 0, sizeof(*text));
	httpd_req_header_add(g->q, "Cache-Control", "no-store");
	httpd_stream_start(g->q, 200, NDJSON);
	give_more(g);
}

static void
on_leave(void * arg)
{
	struct give * g = arg;

	if (g->w == NULL)
		return; /* its writing is told */
	backup_leave(g->w);
	httpd_error(g->q, 503, "left", "nobody waits for it");
	free(g);
}

static void
get(const struct api_call * c)
{
	struct give * g = calloc(1, sizeof(*g));

	if (g == NULL) {
		httpd_error(c->q, 503, "nomem", "out of memory");
		return;
	}
	g->q = c->q;
	httpd_on_leave(c->q, on_leave, g);
	g->w = backup_make(c->a->o.backup, on_made, g);
}

/* ---- restore ---- */

static void
on_restored(void * arg, json_t * v, const struct err * e)
{
	struct httpd_req * q = arg;

	if (e != NULL)
		api_reply_err(q, e);
	else
		api_reply_json(q, 200, json_incref(v));
}

static int
flag(struct httpd_req * q, const char * key, unsigned bit, unsigned * flags)
{
	const char * s = httpd_req_query(q, key);

	if (s == NULL || strcmp(s, "0") == 0 || strcmp(s, "false") == 0)
		return (0);
	if (*s != '\0' && strcmp(s, "1") != 0 && strcmp(s, "true") != 0) {
		httpd_error(q, 400, "bad_request", "%s must be 1 or 0", key);
		return (-1);
	}
	*flags |= bit;
	return (0);
}

static int
flags_of(struct httpd_req * q, unsigned * flags)
{
	*flags = 0;
	if (flag(q, "force", BACKUP_FORCE, flags) ||
	    flag(q, "here", BACKUP_HERE, flags))
		return (-1);
	return (flag(q, "keep_cursors", BACKUP_KEEP_CURSORS, flags));
}

static int
is_type(const struct httpd_req * q, const char * type)
{
	const char * s = httpd_req_header(q, "Content-Type");
	size_t n = strlen(type);

	return (s != NULL && strncasecmp(s, type, n) == 0 &&
	    (s[n] == '\0' || s[n] == ';' || s[n] == ' '));
}

/* {"bytes"}: so many will come. */
static void
begin(const struct api_call * c)
{
	json_t * body = api_body(c->q);
	const json_t * n = json_object_get(body, "bytes");
	char id[BACKUP_ID_LEN];
	struct err e;

	if (body == NULL)
		return;
	if (!json_is_object(body) || json_check_keys(body, "", &e, "bytes",
	    NULL) || json_integer_value(n) < 1)
		httpd_error(c->q, 400, "bad_request", "the body must be a "
		    "backup (Content-Type: " NDJSON "), or {\"bytes\":N} "
		    "before one in pieces");
	else if (backup_upload_begin(c->a->o.backup,
	    (size_t)json_integer_value(n), id, &e))
		api_reply_err(c->q, &e);
	else
		/* Well below the bound, which counts headers too. */
		api_reply_json(c->q, 201, json_pack("{s:s, s:I}", "id", id,
		    "piece", (json_int_t)((c->a->o.httpd.max_body ?
		    c->a->o.httpd.max_body : 1 << 20) / 2)));
	json_decref(body);
}

static void
restore(const struct api_call * c)
{
	struct buf text = BUF_INIT(BACKUP_MAX);
	const char * p;
	unsigned flags;
	size_t n;

	if (!is_type(c->q, NDJSON)) {
		begin(c);
		return;
	}
	if (flags_of(c->q, &flags))
		return;
	p = httpd_req_body(c->q, &n);
	if (buf_add(&text, p, n)) {
		httpd_error(c->q, 503, "nomem", "out of memory");
		return;
	}
	backup_restore(c->a->o.backup, &text, flags, on_restored, c->q);
}

static void
piece(const struct api_call * c)
{
	const char * at = httpd_req_query(c->q, "at"), * p;
	unsigned long long v;
	char * end;
	struct err e;
	size_t n;

	if (!is_type(c->q, NDJSON)) {
		httpd_error(c->q, 415, "media_type", "send the piece with "
		    "Content-Type: " NDJSON);
		return;
	}
	v = at != NULL && *at >= '0' && *at <= '9' ? strtoull(at, &end, 10) : 0;
	if (at == NULL || *at < '0' || *at > '9' || *end != '\0') {
		httpd_error(c->q, 400, "bad_request", "at must be the place of "
		    "the piece's first byte");
		return;
	}
	p = httpd_req_body(c->q, &n);
	if (backup_upload_add(c->a->o.backup, c->id, (size_t)v, p, n, &e))
		api_reply_err(c->q, &e);
	else
		httpd_reply(c->q, 204, NULL, "", 0);
}

static void
finish(const struct api_call * c)
{
	struct buf text;
	unsigned flags;
	struct err e;

	if (flags_of(c->q, &flags))
		return;
	if (backup_upload_take(c->a->o.backup, c->id, &text, &e))
		api_reply_err(c->q, &e);
	else
		backup_restore(c->a->o.backup, &text, flags, on_restored, c->q);
}

const struct api_route api_backup_routes[] = {
	{ HTTPD_GET, "/v1/backup", get },
	{ HTTPD_POST, "/v1/restore", restore },
	{ HTTPD_PUT, "/v1/restore/:id", piece },
	{ HTTPD_POST, "/v1/restore/:id", finish },
	{ HTTPD_OTHER, NULL, NULL },
};
