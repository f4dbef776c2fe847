#ifndef MOLTLER_SYNC_BACKUP_TEXT_H
#define MOLTLER_SYNC_BACKUP_TEXT_H

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * A backup as text, a JSON object a line:
 *   {"format":"moltler-backup","version":1,"made_at","made_by","node","state",
 *    "counts":{"connector","sync","cursor","part","secret"},"key_check"}
 *   {"kind","name","record"} for each thing there is; what is kept of a part of a
 *    sync is named by the sync, the entity and the part: "SYNC/ENTITY/HEX"
 *   {"sha256"} of all lines before, so that a cut file is noticed.
 * Secrets are the sealed texts; key_check opens with the key they need.
 */
#define BACKUP_VERSION 2 /* 1: without parts */
#define BACKUP_MAX ((size_t)64 << 20)

enum backup_kind { BACKUP_SECRET, BACKUP_CONNECTOR, BACKUP_CURSOR, BACKUP_PART,
    BACKUP_SYNC, BACKUP_KINDS };
/* In the order in which they are put back: nothing is there before what it
 * refers to. */
extern const char * const backup_text_kinds[BACKUP_KINDS];

struct backup_text_out;

/**
 * backup_text_begin(b, header): Begin a text in ${b} (borrowed) with the fields of
 * ${header}.  NULL: no memory.
 * backup_text_add(o, kind, name, rec): One line.  What does not fit or cannot be
 * written shows at the end.
 * backup_text_end(o, e): The last line; frees ${o}.  Errors: config "too_large".
 */
struct backup_text_out * backup_text_begin(struct buf * b,
    const json_t * header);
void backup_text_add(struct backup_text_out * o, enum backup_kind kind,
    const char * name, const json_t * rec);
/** backup_text_add_part(o, sync, key, rec): The line of that row of a sync's parts. */
void backup_text_add_part(struct backup_text_out * o, const char * sync,
    const char * key, const json_t * rec);
int backup_text_end(struct backup_text_out * o, struct err * e) MUST_CHECK;
void backup_text_drop(struct backup_text_out * o); /* NULL is a no-op */

/* What a text holds. */
struct backup_text {
	json_t * header;
	json_t * records[BACKUP_KINDS]; /* name -> record; of parts: sync -> {row's
	                                   key -> row} */
	size_t nparts;
	const char * key_check;         /* of the header, or NULL */
};

struct backup_text_in;

/**
 * backup_text_read(p, n, e): Begin to read ${n} bytes (borrowed).  NULL with ${e}:
 * config "no_backup", "backup_version", "backup_cut".
 * backup_text_more(in, max, e): Read up to ${max} lines more: 1: there is more;
 * 0: done, and all is as it was written; -1: config "backup_cut", "bad_backup",
 * which names the line and cites nothing.
 * backup_text_doc(in): What was read; borrowed.
 */
struct backup_text_in * backup_text_read(const char * p, size_t n,
    struct err * e) MUST_CHECK;
int backup_text_more(struct backup_text_in * in, size_t max, struct err * e)
    MUST_CHECK;
struct backup_text * backup_text_doc(struct backup_text_in * in);
void backup_text_free(struct backup_text_in * in); /* NULL is a no-op */

#endif
