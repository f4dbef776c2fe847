#include "target/elastic_doc_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash64.h"
#include "base/rfc3339.h"
#include "target/elastic_value.h"

#define WHO_BITS 14
/* Of a row: what cannot be one document is refused by the engine anyway. */
#define KEY_MAX ((size_t)1 << 20)

static uint32_t
who(const char * sync)
{
	return ((uint32_t)hash64(0, sync, strlen(sync)) &
	    ((1U << WHO_BITS) - 1));
}

static int
make_ends(struct elastic_doc * d, const struct writer_spec * spec)
{
	d->version = (int64_t)((uint64_t)spec->fence << WHO_BITS |
	    who(spec->sync));
	buf_addf(&d->after_id, ",\"version\":%lld,\"version_type\":"
	    "\"external_gte\"}}\n", (long long)d->version);
	if (spec->marks) {
		buf_adds(&d->end, "\"moltler\":{\"sync\":");
		buf_add_json_str(&d->end, spec->sync, strlen(spec->sync));
		buf_addf(&d->end, ",\"fence\":%lld}", (long long)spec->fence);
	}
	return (d->after_id.failed || d->end.failed ? -1 : 0);
}

static int
make_columns(struct elastic_doc * d, const struct writer_spec * spec)
{
	const struct writer_column * c;
	size_t i;

	if ((d->cols = calloc(spec->ncolumns + 1, sizeof(*d->cols))) == NULL)
		return (-1);
	d->ncols = spec->ncolumns;
	for (i = 0; i < d->ncols; i++) {
		c = &spec->columns[i];
		d->cols[i].type = c->type;
		d->cols[i].is_key = c->is_key;
		d->cols[i].at = (uint32_t)d->names.len;
		if (buf_add_json_str(&d->names, c->name, strlen(c->name)) ||
		    buf_addc(&d->names, ':'))
			return (-1);
		d->cols[i].len = (uint32_t)d->names.len - d->cols[i].at;
		if (c->is_key) {
			d->key = i;
			d->nkeys++;
		}
	}
	return (0);
}

struct elastic_doc *
elastic_doc_new(const struct writer_spec * spec, struct err * e)
{
	struct elastic_doc * d;

	if ((d = calloc(1, sizeof(*d))) == NULL) {
		err_nomem(e, "a writer");
		return (NULL);
	}
	d->id.max = KEY_MAX;
	d->gone = spec->gone;
	d->gone_is = json_incref((json_t *)(uintptr_t)spec->gone_is);
	d->gone_remove = spec->gone_remove;
	if (spec->fence < 0 || spec->fence > INT64_MAX >> WHO_BITS)
		err_set(e, ERR_PERMANENT, "fence", "the fence %lld of %s "
		    "cannot be a document's version", (long long)spec->fence,
		    spec->sync);
	else if (make_columns(d, spec) || make_ends(d, spec))
		err_nomem(e, "a writer");
	else if (d->nkeys == 0)
		err_set(e, ERR_CONFIG, "no_key", "rows without a key cannot be "
		    "synced into %s: nothing says which document is which",
		    spec->table);
	else
		return (d);
	elastic_doc_free(d);
	return (NULL);
}

void
elastic_doc_free(struct elastic_doc * d)
{
	if (d == NULL)
		return;
	free(d->cols);
	json_decref(d->gone_is);
	buf_free(&d->names);
	buf_free(&d->after_id);
	buf_free(&d->end);
	buf_free(&d->id);
	free(d);
}

int64_t
elastic_doc_version(const struct elastic_doc * d)
{
	return (d->version);
}

int64_t
elastic_doc_fence(int64_t version)
{
	return (version >> WHO_BITS);
}

int
elastic_doc_is_ours(const struct elastic_doc * d, int64_t version)
{
	return (((uint64_t)(version ^ d->version) &
	    ((1U << WHO_BITS) - 1)) == 0);
}

/* What ends a row that the service has deleted: also when. */
static int
add_mark(const struct elastic_doc * d, const struct value * g, struct buf * out)
{
	char now[RFC3339_LEN];

	if (d->end.len == 0)
		return (0);
	buf_add(out, d->end.p, d->end.len - 1);
	buf_adds(out, ",\"deleted_at\":");
	if (g->type == VALUE_TEXT && d->gone_is == NULL) {
		buf_add_json_str(out, g->s, g->len);
	} else {
		rfc3339_format(clock_wall_ms(), now);
		buf_add_json_str(out, now, strlen(now));
	}
	return (buf_addc(out, '}'));
}

int
elastic_doc_is_gone(const struct elastic_doc * d, const struct value * v)
{
	return (d->gone > 0 && writer_is_gone(d->gone_is, &v[d->gone - 1],
	    v[d->gone - 1].s));
}

int
elastic_doc_add(struct elastic_doc * d, const struct value * v,
    struct buf * out)
{
	const struct value * g = elastic_doc_is_gone(d, v) ?
	    &v[d->gone - 1] : NULL;
	int removes = g != NULL && d->gone_remove, any = 0;
	const struct elastic_doc_column * c;
	size_t i;

	buf_adds(out, removes ? ELASTIC_DOC_REMOVE : ELASTIC_DOC_BEGIN);
	if (elastic_doc_id_add(d, v, out))
		return (-1);
	buf_add(out, d->after_id.p, d->after_id.len);
	if (removes)
		return (out->failed ? -1 : 0);
	buf_addc(out, '{');
	for (i = 0; i < d->ncols; i++) {
		/* What is not there reads as NULL, and a new document has
		 * nothing of the one before. */
		if (v[i].type == VALUE_NULL || (v[i].type == VALUE_REAL &&
		    !isfinite(v[i].d)))
			continue;
		if (any++)
			buf_addc(out, ',');
		c = &d->cols[i];
		buf_add(out, d->names.p + c->at, c->len);
		elastic_value_add(out, c->type, &v[i]);
	}
	if (any && d->end.len > 0)
		buf_addc(out, ',');
	if (g != NULL)
		add_mark(d, g, out);
	else if (d->end.len > 0)
		buf_add(out, d->end.p, d->end.len);
	return (buf_add(out, "}\n", 2));
}

int
elastic_doc_reject(const char * index, const char * sync, int64_t at,
    const char * reason, size_t reason_len, const char * lines, size_t len,
    struct buf * out)
{
	const char * nl = memchr(lines, '\n', len), * row = nl ? nl + 1 : lines;
	size_t n = (size_t)(lines + len - row);
	char when[RFC3339_LEN];

	if (n > 0 && row[n - 1] == '\n')
		n--;
	if (n > ELASTIC_ROW_MAX)
		for (n = ELASTIC_ROW_MAX; n > 0 &&
		    ((unsigned char)row[n] & 0xc0) == 0x80; n--)
			continue;
	rfc3339_format(at, when);
	buf_adds(out, "{\"index\":{\"_index\":");
	buf_add_json_str(out, index, strlen(index));
	buf_adds(out, ",\"_id\":\"");
	if (elastic_doc_id_reject(out, sync, lines, len, row, n))
		return (-1);
	buf_adds(out, "\"}}\n{\"sync\":");
	buf_add_json_str(out, sync, strlen(sync));
	buf_addf(out, ",\"at\":\"%s\",\"reason\":", when);
	buf_add_json_str(out, reason, reason_len);
	buf_adds(out, ",\"row\":");
	buf_add_json_str(out, row, n);
	return (buf_add(out, "}\n", 2));
}
