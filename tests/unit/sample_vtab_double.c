/* Stands in for the sample tables where a test links queries without them: weak,
 * so that it gives way to the real one. */
#include <sqlite3.h>

#include "target/sample_store.h"

__attribute__((weak)) int
sample_vtab_register(struct sqlite3 * db)
{
	(void)db;
	return (SQLITE_OK);
}
