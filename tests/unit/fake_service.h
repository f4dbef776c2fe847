#ifndef MOLTLER_TESTS_FAKE_SERVICE_H
#define MOLTLER_TESTS_FAKE_SERVICE_H

#include <stdint.h>

#include "conn/reader.h"
#include "query/query.h"

/*
 * A service of the tests' own behind plan.h, reader.h, page.h and request.h: its
 * rows are a table made by a seed; it filters, orders and pages as its entities
 * say, always sending at least what was asked for.
 *   svc.issues    id, title, state (nocase), points, score, draft, created,
 *                 labels, assignee, org (input with a default)
 *   svc.comments  id, issue, body, author; repo (hidden input, needed)
 *   svc.users     name, team; nothing can be pushed but name = and IN
 * big.issues is another connector's, of max_api_calls 3.
 */
extern struct conn_env service_env;
extern const struct query_catalog service_catalog;

struct service_log {
	unsigned calls;        /* pages fetched */
	unsigned opened;       /* readers opened */
	unsigned open;         /* readers not closed: 0 at the end */
	unsigned flying, most; /* requests side by side, now and at most */
	unsigned aheads;
	char text[8192];       /* "issues state='open' ORDER id DESC LIMIT 3;..." */
};
extern struct service_log service_log;

/* Knobs. */
extern size_t service_page;   /* rows a page: 10 */
extern int64_t service_ms;    /* how long a page takes: 0, soon */
extern unsigned service_fail; /* the number of the call that fails: 0 none */
extern const char * service_connector_gone; /* NULL, or a name looked up no more */

/** service_make(L, seed, rows): New tables, of ${rows} issues. */
void service_make(struct loop * L, unsigned seed, size_t rows);

/** service_reset(): Knobs and log as at the start. */
void service_reset(void);

/** service_refs(): References to its connectors held by others. */
unsigned service_refs(void);

void service_free(void);

#endif
