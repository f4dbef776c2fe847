#ifndef MOLTLER_TESTS_SERVICE_DATA_H
#define MOLTLER_TESTS_SERVICE_DATA_H

#include <stddef.h>

#include "base/value.h"

/* The rows of the tests' services, made by a seed. */
enum { ISSUES, COMMENTS, USERS, NTABLES };
enum { ID, TITLE, STATE, POINTS, SCORE, DRAFT, CREATED, LABELS, ASSIGNEE, ORG };

struct service_table {
	size_t rows, cols;
	struct value * cells;
};
extern struct service_table service_tables[NTABLES];

void service_data_make(unsigned seed, size_t rows);
void service_data_free(void);

#endif
