#ifndef MOLTLER_STMT_STMT_INTERNAL_H
#define MOLTLER_STMT_STMT_INTERNAL_H

#include "stmt/stmt.h"

/** stmt_catalog(env, cat): What names can mean; ${env} must outlive ${cat}. */
void stmt_catalog(const struct stmt_env * env, struct query_catalog * cat);

#endif
