#include "sync/backup_text.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/json.h"
#include "conn/connector.h"
#include "secret/secret.h"
#include "sync/sync_def.h"

#define FORMAT "moltler-backup"
#define SUM_LEN 64 /* hex digits */
#define NAME_MAX_LEN 1000

const char * const backup_text_kinds[BACKUP_KINDS] = { "secret", "connector",
    "cursor", "part", "sync" };

/* ---- writing ---- */

struct backup_text_out {
	struct buf * b;
	size_t hashed; /* so many bytes of it */
	EVP_MD_CTX * md;
	int bad;
};

static int
add_piece(const char * p, size_t n, void * arg)
{
	return (buf_add(arg, p, n));
}

static void
end_line(struct backup_text_out * o)
{
	if (buf_addc(o->b, '\n') == 0 && EVP_DigestUpdate(o->md,
	    o->b->p + o->hashed, o->b->len - o->hashed) != 1)
		o->bad = 1;
	o->hashed = o->b->len;
}

static void
add_json(struct backup_text_out * o, const json_t * v)
{
	/* In order, so that two backups of the same are the same; numbers with
	 * as many digits as give them again. */
	if (json_dump_callback(v, add_piece, o->b, JSON_COMPACT |
	    JSON_SORT_KEYS) && !o->b->failed)
		o->bad = 1;
}

struct backup_text_out *
backup_text_begin(struct buf * b, const json_t * header)
{
	struct backup_text_out * o = calloc(1, sizeof(*o));
	json_t * first = json_pack("{s:s, s:i}", "format", FORMAT, "version",
	    BACKUP_VERSION);

	if (o == NULL || first == NULL ||
	    json_object_update(first, (json_t *)(uintptr_t)header) ||
	    (o->md = EVP_MD_CTX_new()) == NULL ||
	    EVP_DigestInit_ex(o->md, EVP_sha256(), NULL) != 1) {
		json_decref(first);
		backup_text_drop(o);
		return (NULL);
	}
	o->b = b;
	add_json(o, first);
	end_line(o);
	json_decref(first);
	return (o);
}

void
backup_text_add(struct backup_text_out * o, enum backup_kind kind,
    const char * name, const json_t * rec)
{
	buf_addf(o->b, "{\"kind\":\"%s\",\"name\":", backup_text_kinds[kind]);
	buf_add_json_str(o->b, name, strlen(name));
	buf_adds(o->b, ",\"record\":");
	add_json(o, rec);
	buf_addc(o->b, '}');
	end_line(o);
}

void
backup_text_add_part(struct backup_text_out * o, const char * sync,
    const char * key, const json_t * rec)
{
	char name[NAME_MAX_LEN];

	if (snprintf(name, sizeof(name), "%s/%s", sync, key) >=
	    (int)sizeof(name))
		o->bad = 1;
	else
		backup_text_add(o, BACKUP_PART, name, rec);
}

static int
sum(EVP_MD_CTX * ctx, char out[SUM_LEN + 1])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (EVP_DigestFinal_ex(ctx, md, &len) != 1 || len != SUM_LEN / 2)
		return (-1);
	hex_write(md, len, out);
	return (0);
}

int
backup_text_end(struct backup_text_out * o, struct err * e)
{
	char hex[SUM_LEN + 1];
	int rc = 0;

	if (!o->bad && sum(o->md, hex) == 0)
		buf_addf(o->b, "{\"sha256\":\"%s\"}\n", hex);
	else
		o->bad = 1;
	if (o->b->failed)
		rc = err_set(e, ERR_CONFIG, "too_large", "the backup would be "
		    "larger than %zu MiB, more than a restore takes",
		    o->b->max >> 20);
	else if (o->bad)
		rc = err_nomem(e, "a backup");
	backup_text_drop(o);
	return (rc);
}

void
backup_text_drop(struct backup_text_out * o)
{
	if (o == NULL)
		return;
	EVP_MD_CTX_free(o->md);
	free(o);
}

/* ---- reading ---- */

struct backup_text_in {
	const char * p, * end; /* what is left but for the last line */
	char want[SUM_LEN + 1];
	size_t line;
	EVP_MD_CTX * md;
	struct backup_text doc;
};

#define BAD(e, ...) err_set((e), ERR_CONFIG, "bad_backup", __VA_ARGS__)

/* One line's object.  Strings may hold anything, a NUL too; what stands there is
 * not cited. */
static json_t *
parse(const char * p, size_t n, size_t line, struct err * e)
{
	json_error_t why;
	json_t * v = json_loadb(p, n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES,
	    &why);

	if (json_is_object(v))
		return (v);
	if (v == NULL)
		BAD(e, "line %zu of the backup is no JSON (column %d)", line,
		    why.column);
	else
		BAD(e, "line %zu of the backup is no JSON object", line);
	json_decref(v);
	return (NULL);
}

static int
check_header(struct backup_text * d, struct err * e)
{
	const char * format = json_str(d->header, "format");
	json_int_t version = json_int(d->header, "version", 0);

	if (format == NULL || strcmp(format, FORMAT) != 0)
		return (err_set(e, ERR_CONFIG, "no_backup", "this is no backup "
		    "of moltler: its first line says no format "
		    "\"" FORMAT "\""));
	if (version > BACKUP_VERSION)
		return (err_set(e, ERR_CONFIG, "backup_version", "this backup "
		    "has version %lld, made by a newer moltler (%.40s); this "
		    "one reads version %d: update moltlerd first",
		    (long long)version, json_str(d->header, "made_by") ?
		    json_str(d->header, "made_by") : "?", BACKUP_VERSION));
	if (version < 1)
		return (BAD(e, "the backup's first line has no version"));
	d->key_check = json_str(d->header, "key_check");
	return (0);
}

/* The last line, and where it begins. */
static int
take_sum(struct backup_text_in * in, const char * p, size_t n, struct err * e)
{
	static const char lead[] = "{\"sha256\":\"", tail[] = "\"}";
	const size_t want = sizeof(lead) - 1 + SUM_LEN + sizeof(tail) - 1;
	const char * last;

	if (n > 0 && p[n - 1] == '\n')
		n--;
	last = n > 0 ? memrchr(p, '\n', n) : NULL;
	if (last == NULL || (size_t)(p + n - (last + 1)) != want ||
	    memcmp(last + 1, lead, sizeof(lead) - 1) != 0 ||
	    memcmp(p + n - 2, tail, 2) != 0)
		return (err_set(e, ERR_CONFIG, "backup_cut", "the backup is "
		    "cut: its last line, the checksum, is not there"));
	memcpy(in->want, last + sizeof(lead), SUM_LEN);
	in->want[SUM_LEN] = '\0';
	in->end = last + 1;
	return (0);
}

struct backup_text_in *
backup_text_read(const char * p, size_t n, struct err * e)
{
	struct backup_text_in * in = calloc(1, sizeof(*in));
	const char * nl = memchr(p, '\n', n);
	size_t i;

	if (in == NULL || (in->md = EVP_MD_CTX_new()) == NULL ||
	    EVP_DigestInit_ex(in->md, EVP_sha256(), NULL) != 1)
		goto nomem;
	for (i = 0; i < BACKUP_KINDS; i++)
		if ((in->doc.records[i] = json_object()) == NULL)
			goto nomem;
	in->doc.header = parse(p, nl != NULL ? (size_t)(nl - p) : n, 1, NULL);
	/* Who made it in another form knows better what is at its end. */
	if (check_header(&in->doc, e) || take_sum(in, p, n, e)) {
		backup_text_free(in);
		return (NULL);
	}
	EVP_DigestUpdate(in->md, p, (size_t)(nl + 1 - p));
	in->p = nl + 1;
	in->line = 1;
	return (in);
nomem:
	err_nomem(e, "a backup");
	backup_text_free(in);
	return (NULL);
}

/* A sync's id, or a hidden secret's name: words of keys in Redis. */
static int
is_word(const char * s)
{
	size_t n = 0;

	for (; s[n] != '\0'; n++)
		if ((unsigned char)s[n] <= ' ' || (unsigned char)s[n] >= 0x7f)
			return (0);
	return (n > 0 && n <= NAME_MAX_LEN);
}

static int
same(const json_t * rec, const char * key, const char * name)
{
	const char * s = json_str(rec, key);

	return (s != NULL && strcmp(s, name) == 0);
}

/* Where the row's key begins in the name of a part; NULL: there is none. */
static const char *
row_key(const char * name)
{
	const char * last = strrchr(name, '/'), * p = last;

	if (last == NULL || last[1] == '\0')
		return (NULL);
	while (p > name && p[-1] != '/')
		p--;
	return (p > name + 1 && p < last ? p : NULL);
}

static int
check_record(enum backup_kind kind, const char * name, const json_t * rec,
    struct err * e)
{
	const json_t * config = json_object_get(rec, "config");
	struct sync_def * d;

	switch (kind) {
	case BACKUP_CONNECTOR:
		if (!connector_name_ok(name) || !same(rec, "name", name) ||
		    json_str(rec, "type") == NULL ||
		    (config != NULL && !json_is_object(config)))
			return (BAD(e, "no connector's record"));
		return (0);
	case BACKUP_SECRET:
		if (!(secret_name_ok(name) || (*name == '~' && is_word(name))) ||
		    !same(rec, "name", name) || json_str(rec, "sealed") == NULL ||
		    strncmp(json_str(rec, "sealed"), "v1:", 3) != 0)
			return (BAD(e, "no sealed secret"));
		return (0);
	case BACKUP_SYNC:
		if (!is_word(name) || !same(rec, "id", name) ||
		    json_str(rec, "connector") == NULL)
			return (BAD(e, "no sync's record"));
		if (json_object_get(rec, "v") == NULL)
			return (0); /* a scrape's, which its connector says */
		if ((d = sync_def_from_record(rec, e)) == NULL)
			return (-1);
		sync_def_unref(d);
		return (0);
	case BACKUP_PART:
		if (!is_word(name) || row_key(name) == NULL)
			return (BAD(e, "no part's name"));
		return (0);
	case BACKUP_CURSOR:
		return (is_word(name) ? 0 : BAD(e, "no sync's id"));
	case BACKUP_KINDS:
		break;
	}
	return (-1);
}

static int
take_part(struct backup_text_in * in, const char * name, json_t * rec,
    struct err * e)
{
	json_t * all = in->doc.records[BACKUP_PART], * rows;
	const char * key = row_key(name);
	size_t n = (size_t)(key - name) - 1;
	char sync[NAME_MAX_LEN + 1];

	memcpy(sync, name, n);
	sync[n] = '\0';
	if ((rows = json_object_get(all, sync)) == NULL &&
	    (json_object_set_new(all, sync, json_object()) ||
	    (rows = json_object_get(all, sync)) == NULL))
		return (err_nomem(e, "a backup"));
	if (json_object_get(rows, key) != NULL)
		return (BAD(e, "a part of this name was there already"));
	in->doc.nparts++;
	return (json_object_set(rows, key, rec) ? err_nomem(e, "a backup") : 0);
}

/* How many there are of the kind; ${want}: by the first line. */
static size_t
count(const struct backup_text_in * in, int kind, json_int_t * want)
{
	const json_t * counts = json_object_get(in->doc.header, "counts");

	*want = json_int(counts, backup_text_kinds[kind], -1);
	if (kind != BACKUP_PART)
		return (json_object_size(in->doc.records[kind]));
	if (json_int(in->doc.header, "version", 0) < 2)
		*want = 0;
	return (in->doc.nparts);
}

static int
take_line(struct backup_text_in * in, const json_t * o, struct err * e)
{
	const char * kind = json_str(o, "kind");
	const json_t * name = json_object_get(o, "name");
	json_t * rec = json_object_get(o, "record");
	const char * s = json_string_value(name);
	int i;

	if (json_check_keys(o, "", e, "kind", "name", "record", NULL))
		return (-1);
	for (i = 0; i < BACKUP_KINDS && kind != NULL; i++)
		if (strcmp(kind, backup_text_kinds[i]) == 0)
			break;
	if (kind == NULL || i == BACKUP_KINDS)
		return (BAD(e, "kind is none of connector, sync, cursor, part "
		    "and secret"));
	if (s == NULL || strlen(s) != json_string_length(name) ||
	    !json_is_object(rec))
		return (BAD(e, "it has no name or no record"));
	if (check_record((enum backup_kind)i, s, rec, e))
		return (-1);
	if (i == BACKUP_PART)
		return (take_part(in, s, rec, e));
	if (json_object_get(in->doc.records[i], s) != NULL)
		return (BAD(e, "a %s of this name was there already", kind));
	if (json_object_set(in->doc.records[i], s, rec))
		return (err_nomem(e, "a backup"));
	return (0);
}

/* All lines are read: is it what was written, and all of it? */
static int
check_all(struct backup_text_in * in, struct err * e)
{
	char got[SUM_LEN + 1];
	const char * id;
	json_int_t want;
	json_t * v;
	int i;

	if (sum(in->md, got))
		return (err_nomem(e, "a checksum"));
	if (strcmp(got, in->want) != 0)
		return (err_set(e, ERR_CONFIG, "backup_cut", "the backup is "
		    "damaged: its checksum does not fit"));
	for (i = 0; i < BACKUP_KINDS; i++)
		if ((json_int_t)count(in, i, &want) != want)
			return (BAD(e, "the backup does not hold as many %ss as "
			    "its first line says", backup_text_kinds[i]));
	json_object_foreach(in->doc.records[BACKUP_CURSOR], id, v)
		if (json_object_get(in->doc.records[BACKUP_SYNC], id) == NULL)
			return (BAD(e, "the backup has a cursor without its "
			    "sync, %.100s", id));
	json_object_foreach(in->doc.records[BACKUP_PART], id, v)
		if (json_object_get(in->doc.records[BACKUP_CURSOR], id) == NULL)
			return (BAD(e, "the backup has parts without their "
			    "sync's cursor, %.100s", id));
	if (json_object_size(in->doc.records[BACKUP_SECRET]) > 0 &&
	    in->doc.key_check == NULL)
		return (BAD(e, "the backup has secrets and no key_check"));
	return (0);
}

int
backup_text_more(struct backup_text_in * in, size_t max, struct err * e)
{
	const char * nl;
	json_t * o;
	int rc;

	for (; in->p < in->end && max > 0; max--) {
		/* There is one: the last line begins behind it. */
		nl = memchr(in->p, '\n', (size_t)(in->end - in->p));
		in->line++;
		o = parse(in->p, (size_t)(nl - in->p), in->line, e);
		if (o == NULL)
			return (-1);
		if ((rc = take_line(in, o, e)) != 0)
			err_prefix(e, "line %zu of the backup", in->line);
		json_decref(o);
		if (rc != 0)
			return (-1);
		if (EVP_DigestUpdate(in->md, in->p, (size_t)(nl + 1 - in->p)) !=
		    1)
			return (err_nomem(e, "a checksum"));
		in->p = nl + 1;
	}
	if (in->p < in->end)
		return (1);
	return (check_all(in, e));
}

struct backup_text *
backup_text_doc(struct backup_text_in * in)
{
	return (&in->doc);
}

void
backup_text_free(struct backup_text_in * in)
{
	int i;

	if (in == NULL)
		return;
	json_decref(in->doc.header);
	for (i = 0; i < BACKUP_KINDS; i++)
		json_decref(in->doc.records[i]);
	EVP_MD_CTX_free(in->md);
	free(in);
}
