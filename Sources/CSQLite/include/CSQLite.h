#ifndef AIMSTORS_CSQLITE_H
#define AIMSTORS_CSQLITE_H

// The preupdate hook's declarations are hidden unless this stands before the include.
#define SQLITE_ENABLE_PREUPDATE_HOOK 1
#include <sqlite3.h>

#include "capture.h"
#include "files_vfs.h"
#include "wal_batch.h"

#endif
