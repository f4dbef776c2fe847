#ifndef MOLTLER_DAEMON_EGRESS_H
#define MOLTLER_DAEMON_EGRESS_H

#include "base/err.h"

struct sockaddr;

/* Networks that no request may go to, whatever name led there. */
struct egress;

/** egress_new(list, e): Parse CIDRs ("10.0.0.0/8, fd00::/8"), separated by
 * blanks or commas; "none" is the empty list.  NULL with ${e} (config). */
struct egress * egress_new(const char * list, struct err * e);
void egress_free(struct egress * g); /* NULL is a no-op */

/** egress_check(g, sa): 0 if ${sa} may be connected to, -1 if not; for
 * http_opts.egress. */
int egress_check(void * g, const struct sockaddr * sa);

#endif
