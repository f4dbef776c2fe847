#ifndef MOLTLER_TARGET_ROWS_READ_H
#define MOLTLER_TARGET_ROWS_READ_H

/*
 * Reading tables of rows: a virtual table over a read-only connection of its own,
 * so that a statement's connection needs no file, our columns are not seen, and
 * columns have the types and collations that live entities have.
 */
struct sqlite3;

#define ROWS_MODULE "moltler_rows"

/**
 * rows_vtab_register(db): Register the module "moltler_rows" on ${db} (the
 * statement's own connection).  Then
 *   CREATE VIRTUAL TABLE s.t USING moltler_rows('<file>', '<table>')
 * reads that table.  Comparisons go down to it, where the primary key is an index;
 * so does an order by the key under LIMIT.  Tables of one file are read as of one
 * moment.  0 or an SQLite code.
 */
int rows_vtab_register(struct sqlite3 * db);

#endif
