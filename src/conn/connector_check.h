#ifndef MOLTLER_CONN_CONNECTOR_CHECK_H
#define MOLTLER_CONN_CONNECTOR_CHECK_H

#include "base/err.h"
#include "conn/connector.h"

/*
 * What a person is told at once who makes or changes a connector, and what must
 * not keep one that is there from being loaded: a file may be away for a while.
 */

/** connector_check_config(c, e): Whether a base URL leaves room for a path behind
 * it and holds no password, and references to Vault are such.
 * connector_check_options(c, e): Whether ca_file, client_cert and client_key can be
 * read and hold what they should.
 * 0, or -1: config "bad_config", "bad_options"; each key that is wrong is named. */
int connector_check_config(struct connector * c, struct err * e) MUST_CHECK;
int connector_check_options(const struct connector * c, struct err * e)
    MUST_CHECK;

#endif
