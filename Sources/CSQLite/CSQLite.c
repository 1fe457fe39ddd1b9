#include "CSQLite.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

// Variadic functions of SQLite's, which Swift cannot call.

void aim_sqlite_configure(void) { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

void aim_sqlite_keep_wal(sqlite3 *db) {
  sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}

void aim_sqlite_return_memory(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

void aim_sqlite_enforce(sqlite3 *db, int on) {
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, on, (int *)0);
  sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, on, (int *)0);
}
