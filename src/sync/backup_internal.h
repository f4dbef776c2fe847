#ifndef MOLTLER_SYNC_BACKUP_INTERNAL_H
#define MOLTLER_SYNC_BACKUP_INTERNAL_H

#include "sync/backup.h"
#include "sync/backup_text.h"

/* How many at once: reads are cheap, but each holds all there is. */
#define BACKUP_READS 4
/* Calls of the state under way at once. */
#define BACKUP_WINDOW 64
/* Records, or lines, of a turn of the loop. */
#define BACKUP_SLICE 128

enum backup_step {
	STEP_BEGIN,
	STEP_GENERATION, /* making: the state's, before ... */
	STEP_CONNECTORS,
	STEP_SYNCS,
	STEP_SECRETS,
	STEP_CURSORS,
	STEP_CHECK,      /* ... and after: has anything changed? */
	STEP_WRITE,
	STEP_PARSE,      /* restoring */
	STEP_LOOK,       /* what is there already */
	STEP_NODES,
	STEP_KEY,        /* the check record, then */
	STEP_PUT,        /* kind by kind */
	STEP_TAKE_OVER,
	STEP_DONE
};

/* A call about one cursor, since the answer does not say whose it is. */
struct backup_call {
	struct backup_wait * w;
	const char * id;       /* the list's, or the document's */
	int64_t bucket, fence; /* what it is written under */
	json_t * rows;         /* of its parts, in the document, or NULL; */
	void * row;            /* and which is to be written next */
};

/* One backup that is made, or put back. */
struct backup_wait {
	struct backup * B;
	struct backup_wait * next, ** prevp;
	enum backup_step step;
	int is_restore;
	unsigned flags;
	int left;              /* nobody waits */
	struct loop_timer * turn;
	struct err e;          /* why it ends */
	struct buf text;
	size_t waiting;        /* calls of the state under way */
	struct backup_call calls[BACKUP_WINDOW];
	size_t at;             /* what is next */
	backup_text_cb * text_cb;
	backup_cb * cb;
	void * arg;

	/* making */
	json_int_t generation;
	int tries;
	json_t * lists[BACKUP_KINDS]; /* arrays; of cursors: id -> cursor; of parts:
	                                 id -> {row's key -> row} */
	size_t part_bytes;     /* about so many do they take */
	void * part_sync;      /* whose are written, and which is next: */
	const char ** names;   /* restoring: of the kind being put */
	size_t nnames;
	struct backup_text_out * out;
	enum backup_kind kind; /* which is written */

	/* restoring */
	struct backup_text_in * in;
	json_t * have[BACKUP_KINDS];  /* name -> true */
	json_t * nodes;        /* those that live */
	json_t * answer;
	size_t written, replaced;
};

struct backup {
	struct backup_opts o;
	struct backup_wait * waits;
	size_t reads;
	int restoring;

	char upload_id[BACKUP_ID_LEN]; /* "": none */
	struct buf upload;
	size_t upload_want;
	int64_t upload_at;     /* when the last piece came, us */
};

/* backup.c */

/** backup_step(w, step): The one setter.  backup_turn(w): Go on in a turn of the
 * loop of its own.  backup_end(w, e): From the loop's stack: call back, free once
 * the state has answered everything. */
void backup_step(struct backup_wait * w, enum backup_step step);
void backup_turn(struct backup_wait * w);
void backup_end(struct backup_wait * w, const struct err * e);

/** backup_answered(w, e): First in each callback of the state: one call less is
 * under way.  -1: it is over, or will be; ${w} may be gone. */
int backup_answered(struct backup_wait * w, const struct err * e) MUST_CHECK;

/* backup_make.c, backup_restore.c: go on. */
void backup_make_advance(struct backup_wait * w);
void backup_restore_advance(struct backup_wait * w);

/* backup_fit.c: what a restore makes of the records, before anything is written. */

/** backup_fit_have(w, kind, list): Note what the state has. */
int backup_fit_have(struct backup_wait * w, enum backup_kind kind,
    const json_t * list, struct err * e) MUST_CHECK;
/** backup_fit_check(w, e): May all be written? */
int backup_fit_check(struct backup_wait * w, struct err * e) MUST_CHECK;
/** backup_fit_nodes(w, e): Whose will it be. */
int backup_fit_nodes(struct backup_wait * w, struct err * e) MUST_CHECK;

#endif
