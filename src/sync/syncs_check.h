#ifndef MOLTLER_SYNC_SYNCS_CHECK_H
#define MOLTLER_SYNC_SYNCS_CHECK_H

#include "query/query.h"
#include "sync/syncs_internal.h"

/* What syncs_check.c and syncs_spec.c share. */

#define SYNCS_MAX_WHERE 65536

struct syncs_check {
	struct syncs * S;
	struct connector * c;  /* a reference */
	struct sync_def * d;   /* with all entities that may be */
	int whole;             /* what does not fit is left out */
	size_t at;             /* the entity looked at */
	json_t * keep;         /* names */
	json_t * left_out;
	json_t * explained;    /* name -> {"sql", "calls"} */
	json_t * cursor;       /* the record that is there already, or NULL */
	struct buf sql;        /* of the explaining under way */
	int by_token;          /* it is asked by the service's tokens */
	int no_token;          /* which was tried */
	struct query_sync sync;
	struct query_catalog cat;
	struct query_sink sink;
	json_t * columns;      /* of the explaining under way, and its rows */
	json_t * rows;
	struct soon soon;
	int failed;
	struct err e;
	syncs_check_cb * cb;
	void * arg;
};

/** syncs_spec_read(k, spec, rec, names, e): The definition as it was asked for, in
 * ${rec}, with the entities (${names}) that may be. */
int syncs_spec_read(struct syncs_check * k, const struct sync_spec * spec,
    json_t * rec, json_t * names, struct err * e) MUST_CHECK;

/** syncs_spec_target(S, d, e): Whether the target will do for all its entities. */
int syncs_spec_target(const struct syncs * S, const struct sync_def * d,
    struct err * e) MUST_CHECK;

/** syncs_spec_leave_out(k, entity, e): A whole connector goes without it. */
void syncs_spec_leave_out(struct syncs_check * k, const char * entity,
    const struct err * e);

/** syncs_spec_no_connector(S, name, e): Config "not_found" or "misfit"; -1. */
int syncs_spec_no_connector(const struct syncs * S, const char * name,
    struct err * e);

#endif
