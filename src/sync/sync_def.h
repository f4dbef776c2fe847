#ifndef MOLTLER_SYNC_SYNC_DEF_H
#define MOLTLER_SYNC_SYNC_DEF_H

#include <jansson.h>
#include <stdint.h>

#include "base/cron.h"
#include "base/err.h"
#include "conn/connector.h"

/*
 * What a sync is to do: counted and never changed once it is made, so that a run
 * keeps the one it began with.
 */
enum sync_engine { SYNC_SQLITE, SYNC_ELASTIC };
enum sync_deletes { SYNC_DELETES_IGNORE, SYNC_DELETES_MARK,
    SYNC_DELETES_REMOVE };

struct sync_def {
	unsigned refs;
	char * id;           /* "github_org.issues", "github_org.all", with _2 .. */
	char * connector;
	char ** entities;    /* in the manifest's order */
	size_t nentities;
	int whole;           /* all entities of the connector */
	enum sync_engine engine;
	char * database;     /* of SQLite, else NULL */
	char * target;       /* as written, without "sqlite:" or "es:"; * stands
	                        for the entity */
	char * where;        /* text after WHERE, or NULL */
	char * incremental;  /* a column, or NULL: all is read each time */
	char * schedule;     /* cron, or NULL */
	struct cron cron;
	int64_t every_ms;    /* or so often; 0: not.  Both none: only when told */
	enum sync_deletes deletes;
	double delete_ratio; /* at most so much of the rows at once: 0.5 */
	int is_main;         /* the connector's own, of POST /v1/connectors */
	int enabled;
	char * disabled_reason; /* or NULL */
	char * node;         /* whose SQLite target it writes, else NULL */
	int64_t created_at;
};

/**
 * sync_def_from_record(rec, e): Of a record as kept in the state (kind "sync",
 * "v": 1; records of scrapes have none and are not ours).  The caller owns a
 * reference.  Errors: config.
 * sync_def_record(d): That record; owned by the caller.
 */
struct sync_def * sync_def_from_record(const json_t * rec, struct err * e)
    MUST_CHECK;
json_t * sync_def_record(const struct sync_def * d);

struct sync_def * sync_def_ref(struct sync_def * d);
void sync_def_unref(struct sync_def * d); /* NULL is a no-op */

/** sync_def_same_rows(a, b): Whether both put the same rows into the same place
 * (connector, entities, target, WHERE): then the later one replaces. */
int sync_def_same_rows(const struct sync_def * a, const struct sync_def * b);

/** sync_def_table(d, entity, buf, n): The table or index of ${entity}: * replaced.
 * -1: too long. */
int sync_def_table(const struct sync_def * d, const char * entity, char * buf,
    size_t n) MUST_CHECK;

#endif
