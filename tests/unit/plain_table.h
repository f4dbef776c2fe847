#ifndef MOLTLER_TESTS_PLAIN_TABLE_H
#define MOLTLER_TESTS_PLAIN_TABLE_H

/*
 * The rows of the tests' service in tables of an ordinary SQLite, to compare what is
 * answered live with.
 */

/** plain_make(from): The service's rows by seed ${from}, and tables that hold them.
 * plain_free(): The tables are gone. */
void plain_make(unsigned from);
void plain_free(void);

/** plain_compare(sql, how, number): Fail unless both answer the same: ${how} 0 in any
 * order, 1 in this one, 2 only how many rows. */
void plain_compare(const char * sql, int how, unsigned number);

#endif
