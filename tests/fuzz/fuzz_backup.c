#include <stdlib.h>
#include <string.h>

#include "sync/backup_text.h"
#include "fuzz.h"

/*
 * Backups from anywhere: what is read whole is written and read again to the same.
 * The bytes are read as they are, and, since hardly any have a right checksum, once
 * more with the lines they hold written anew.
 */

/* All of it, or NULL. */
static struct backup_text_in *
read_all(const char * p, size_t n, size_t slice)
{
	struct err e;
	struct backup_text_in * in = backup_text_read(p, n, &e);
	int rc = 1;

	while (in != NULL && (rc = backup_text_more(in, slice, &e)) > 0)
		continue;
	if (rc == 0)
		return (in);
	backup_text_free(in);
	return (NULL);
}

static void
write_all(struct backup_text * doc, struct buf * b)
{
	struct backup_text_out * o = backup_text_begin(b, doc->header);
	const char * name, * key;
	json_t * rec, * row;
	struct err e;
	int i;

	if (o == NULL)
		abort();
	for (i = 0; i < BACKUP_KINDS; i++)
		json_object_foreach(doc->records[i], name, rec) {
			if (i != BACKUP_PART) {
				backup_text_add(o, (enum backup_kind)i, name,
				    rec);
				continue;
			}
			json_object_foreach(rec, key, row)
				backup_text_add_part(o, name, key, row);
		}
	if (backup_text_end(o, &e))
		abort();
}

static void
same_again(struct backup_text_in * in)
{
	struct backup_text * doc = backup_text_doc(in), * other;
	struct backup_text_in * again;
	struct buf b = BUF_INIT(BACKUP_MAX);
	int i;

	write_all(doc, &b);
	if ((again = read_all(b.p, b.len, 1000)) == NULL)
		abort();
	other = backup_text_doc(again);
	for (i = 0; i < BACKUP_KINDS; i++)
		if (!json_equal(doc->records[i], other->records[i]))
			abort();
	backup_text_free(again);
	buf_free(&b);
}

/* The lines, whatever they are, behind a header and before a checksum of ours. */
static void
framed(const uint8_t * p, size_t n)
{
	static const char * const counts[] = { "connector", "sync", "cursor",
	    "secret" };
	struct buf b = BUF_INIT(BACKUP_MAX);
	json_t * h = json_pack("{s:{}, s:s}", "counts", "key_check", "v1:x");
	struct backup_text_out * o;
	struct backup_text_in * in;
	json_error_t why;
	json_t * rec;
	struct err e;
	size_t i;

	/* Numbers of records: as many bits of the first byte. */
	for (i = 0; i < 4; i++)
		json_object_set_new(json_object_get(h, "counts"), counts[i],
		    json_integer(n > 0 ? (p[0] >> (2 * i)) & 3 : 0));
	if ((o = backup_text_begin(&b, h)) == NULL)
		abort();
	rec = n > 1 ? json_loadb((const char *)p + 1, n - 1, JSON_ALLOW_NUL |
	    JSON_REJECT_DUPLICATES, &why) : NULL;
	json_object_set_new(json_object_get(h, "counts"), "part", json_integer(
	    0));
	if (json_is_object(rec) && json_object_get(rec, "id") != NULL)
		backup_text_add(o, BACKUP_SYNC, json_is_string(json_object_get(
		    rec, "id")) ? json_string_value(json_object_get(rec, "id")) :
		    "x", rec);
	else if (json_is_object(rec))
		backup_text_add(o, json_object_get(rec, "sealed") ?
		    BACKUP_SECRET : BACKUP_CONNECTOR,
		    json_is_string(json_object_get(rec, "name")) ?
		    json_string_value(json_object_get(rec, "name")) : "x", rec);
	if (backup_text_end(o, &e))
		abort();
	if ((in = read_all(b.p, b.len, 1)) != NULL)
		same_again(in);
	backup_text_free(in);
	json_decref(rec);
	json_decref(h);
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t * p, size_t n)
{
	struct backup_text_in * in = read_all((const char *)p, n, 3);

	if (in != NULL)
		same_again(in);
	backup_text_free(in);
	framed(p, n);
	return (0);
}
