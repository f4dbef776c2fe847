#ifndef MOLTLER_TESTS_FAKE_SERVICE_INTERNAL_H
#define MOLTLER_TESTS_FAKE_SERVICE_INTERNAL_H

#include <stddef.h>

#include "loop/loop.h"
#include "manifest/manifest.h"

/* What the service's plans and its readers share. */
extern struct loop * service_loop;

/** service_which(ent): The index of its table in service_tables. */
size_t service_which(const struct manifest_entity * ent);

#endif
