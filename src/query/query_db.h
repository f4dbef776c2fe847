#ifndef MOLTLER_QUERY_QUERY_DB_H
#define MOLTLER_QUERY_QUERY_DB_H

struct sqlite3;

/**
 * query_db_module(name, reg):
 * From now on tables are made by the virtual table module ${name}, called with
 * the catalog's file and table, which ${reg} puts on each connection (0, or an
 * SQLite code).  At start: sample_vtab_register and "moltler_samples".  For tests
 * that bring a module of their own.
 */
void query_db_module(const char * name, int (*reg)(struct sqlite3 *));

#endif
