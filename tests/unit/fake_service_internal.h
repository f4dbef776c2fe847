#ifndef MOLTLER_TESTS_FAKE_SERVICE_INTERNAL_H
#define MOLTLER_TESTS_FAKE_SERVICE_INTERNAL_H

#include <stddef.h>

#include "conn/manifest.h"
#include "loop/loop.h"

/* What the service's plans and its readers share. */
extern struct loop * service_loop;

/** service_which(ent): The index of its table in service_tables. */
size_t service_which(const struct manifest_entity * ent);

#endif
