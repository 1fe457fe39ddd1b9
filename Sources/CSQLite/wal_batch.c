#include "CSQLite.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { FRAME_HEADER = 24, FIRST_CAPACITY = 16 * 1024 };

// SQLite writes at most a page at once, and its file layer for Unix takes the length of a write
// modulo 128 KiB: 131,072 bytes would be a write of nothing, which it reads as a full disk.
enum { PIECE = 64 * 1024 };

typedef struct {
  sqlite3_file base;
  // What is gathered belongs at `start`, directly behind all that is in the file.
  uint8_t *bytes;
  int length, capacity;
  sqlite3_int64 start;
  // Behind the last frame that this connection wrote. Whatever is written before it (a page that
  // changed again after it was spilled, the checksums behind it) goes to the file at once.
  sqlite3_int64 end;
  // Where the page of a commit frame will be written; 0: no commit frame's header came last.
  sqlite3_int64 commit_page;
  // From here on frames were gathered that did not come into the file, because a read wanted them
  // there and the write failed; -1: none. Nothing may be appended behind them or read of them until
  // SQLite has taken them back, which it shows by a frame that begins no later.
  sqlite3_int64 lost;
  sqlite3_file *file;
} wal_file;

static int flush(wal_file *wal) {
  if (!wal->length) return SQLITE_OK;
  int length = wal->length, result = SQLITE_OK;
  // Whatever comes of it: these frames count only if SQLite writes them anew.
  wal->length = 0;
  for (int at = 0; at < length && result == SQLITE_OK; at += PIECE) {
    int count = length - at < PIECE ? length - at : PIECE;
    result = wal->file->pMethods->xWrite(wal->file, wal->bytes + at, count, wal->start + at);
  }
  if (result != SQLITE_OK && (wal->lost < 0 || wal->start < wal->lost)) wal->lost = wal->start;
  return result;
}

static int gather(wal_file *wal, const void *bytes, int count, sqlite3_int64 offset) {
  if (wal->length + count > wal->capacity) {
    int capacity = wal->capacity ? wal->capacity : FIRST_CAPACITY;
    while (capacity < wal->length + count) capacity *= 2;
    if (capacity > AIM_WAL_BATCH_BYTES) return 0;
    uint8_t *more = realloc(wal->bytes, (size_t)capacity);
    if (!more) return 0;
    wal->bytes = more;
    wal->capacity = capacity;
  }
  if (!wal->length) wal->start = offset;
  memcpy(wal->bytes + wal->length, bytes, (size_t)count);
  wal->length += count;
  return 1;
}

static int is_commit_header(const uint8_t *bytes, int count) {
  // Bytes 4 to 7: the database's size after the commit; 0 in every other frame.
  return count == FRAME_HEADER && (bytes[4] | bytes[5] | bytes[6] | bytes[7]);
}

static int wal_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
  wal_file *wal = (wal_file *)file;
  if (wal->lost >= 0) {
    if (offset > wal->lost) return SQLITE_IOERR_WRITE;
    // A page alone goes into a frame that is there; a header begins what comes instead.
    if (count == FRAME_HEADER || offset == 0) wal->lost = -1;
  }
  int result, ends_commit = wal->commit_page && offset == wal->commit_page;
  wal->commit_page = is_commit_header(bytes, count) ? offset + count : 0;
  int follows = wal->length ? offset == wal->start + wal->length : offset >= wal->end;
  if (follows && gather(wal, bytes, count, offset)) {
    if (!ends_commit) return SQLITE_OK;
    result = flush(wal);
  } else {
    if ((result = flush(wal)) != SQLITE_OK) return result;
    result = wal->file->pMethods->xWrite(wal->file, bytes, count, offset);
  }
  // The WAL's own header begins it anew.
  if (result == SQLITE_OK && (ends_commit || offset == 0)) wal->end = offset + count;
  return result;
}

static int wal_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
  wal_file *wal = (wal_file *)file;
  // A failed read, whatever the write said: after a full disk SQLite would take back a statement
  // only, and the transaction's frames are gone.
  if (wal->length && offset + count > wal->start && flush(wal) != SQLITE_OK)
    return SQLITE_IOERR_READ;
  if (wal->lost >= 0 && offset + count > wal->lost) return SQLITE_IOERR_READ;
  return wal->file->pMethods->xRead(wal->file, bytes, count, offset);
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 size) {
  wal_file *wal = (wal_file *)file;
  int result = flush(wal);
  if (result != SQLITE_OK) return result;
  if (wal->end > size) wal->end = size;
  return wal->file->pMethods->xTruncate(wal->file, size);
}

static int wal_sync(sqlite3_file *file, int flags) {
  wal_file *wal = (wal_file *)file;
  int result = flush(wal);
  return result != SQLITE_OK ? result : wal->file->pMethods->xSync(wal->file, flags);
}

static int wal_size(sqlite3_file *file, sqlite3_int64 *size) {
  wal_file *wal = (wal_file *)file;
  int result = flush(wal);
  return result != SQLITE_OK ? result : wal->file->pMethods->xFileSize(wal->file, size);
}

static int wal_close(sqlite3_file *file) {
  wal_file *wal = (wal_file *)file;
  // What is gathered belongs to no committed transaction: it need not reach the file.
  free(wal->bytes);
  wal->bytes = NULL;
  return wal->file->pMethods->xClose(wal->file);
}

static int wal_lock(sqlite3_file *file, int level) {
  sqlite3_file *base = ((wal_file *)file)->file;
  return base->pMethods->xLock(base, level);
}

static int wal_unlock(sqlite3_file *file, int level) {
  sqlite3_file *base = ((wal_file *)file)->file;
  return base->pMethods->xUnlock(base, level);
}

static int wal_check_lock(sqlite3_file *file, int *is_reserved) {
  sqlite3_file *base = ((wal_file *)file)->file;
  return base->pMethods->xCheckReservedLock(base, is_reserved);
}

static int wal_control(sqlite3_file *file, int operation, void *argument) {
  sqlite3_file *base = ((wal_file *)file)->file;
  return base->pMethods->xFileControl(base, operation, argument);
}

static int wal_sector(sqlite3_file *file) {
  sqlite3_file *base = ((wal_file *)file)->file;
  return base->pMethods->xSectorSize(base);
}

static int wal_characteristics(sqlite3_file *file) {
  sqlite3_file *base = ((wal_file *)file)->file;
  return base->pMethods->xDeviceCharacteristics(base);
}

// Version 1: a WAL is neither mapped nor has it shared memory of its own.
static const sqlite3_io_methods wal_methods = {
  .iVersion = 1,
  .xClose = wal_close,
  .xRead = wal_read,
  .xWrite = wal_write,
  .xTruncate = wal_truncate,
  .xSync = wal_sync,
  .xFileSize = wal_size,
  .xLock = wal_lock,
  .xUnlock = wal_unlock,
  .xCheckReservedLock = wal_check_lock,
  .xFileControl = wal_control,
  .xSectorSize = wal_sector,
  .xDeviceCharacteristics = wal_characteristics,
};

static int batch_open(
  sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags) {
  sqlite3_vfs *base = vfs->pAppData;
  // Every other file is the base's own; it gets the room that it asked for and more.
  if (!(flags & SQLITE_OPEN_WAL)) return base->xOpen(base, name, file, flags, out_flags);
  wal_file *wal = (wal_file *)file;
  memset(wal, 0, sizeof(*wal));
  wal->file = (sqlite3_file *)(wal + 1);
  wal->lost = -1;
  int result = base->xOpen(base, name, wal->file, flags, out_flags);
  if (result == SQLITE_OK) {
    wal->base.pMethods = &wal_methods;
  } else if (wal->file->pMethods) {
    wal->file->pMethods->xClose(wal->file);
  }
  return result;
}

#define BASE(vfs) ((sqlite3_vfs *)(vfs)->pAppData)

static int batch_delete(sqlite3_vfs *vfs, const char *name, int sync) {
  return BASE(vfs)->xDelete(BASE(vfs), name, sync);
}
static int batch_access(sqlite3_vfs *vfs, const char *name, int flags, int *result) {
  return BASE(vfs)->xAccess(BASE(vfs), name, flags, result);
}
static int batch_path(sqlite3_vfs *vfs, const char *name, int count, char *path) {
  return BASE(vfs)->xFullPathname(BASE(vfs), name, count, path);
}
static int batch_randomness(sqlite3_vfs *vfs, int count, char *bytes) {
  return BASE(vfs)->xRandomness(BASE(vfs), count, bytes);
}
static int batch_sleep(sqlite3_vfs *vfs, int microseconds) {
  return BASE(vfs)->xSleep(BASE(vfs), microseconds);
}
static int batch_error(sqlite3_vfs *vfs, int count, char *text) {
  return BASE(vfs)->xGetLastError ? BASE(vfs)->xGetLastError(BASE(vfs), count, text) : 0;
}
static int batch_time(sqlite3_vfs *vfs, sqlite3_int64 *time) {
  return BASE(vfs)->xCurrentTimeInt64(BASE(vfs), time);
}
static int batch_day(sqlite3_vfs *vfs, double *day) {
  return BASE(vfs)->xCurrentTime(BASE(vfs), day);
}

static pthread_mutex_t registering = PTHREAD_MUTEX_INITIALIZER;

const char *aim_wal_batch_vfs(const char *base_name) {
  sqlite3_initialize();
  sqlite3_vfs *base = sqlite3_vfs_find(base_name);
  if (!base) return NULL;
  char name[80];
  sqlite3_snprintf(sizeof(name), name, "aimstors-wal-%s", base->zName);
  pthread_mutex_lock(&registering);
  sqlite3_vfs *vfs = sqlite3_vfs_find(name);
  if (!vfs && (vfs = calloc(1, sizeof(*vfs) + sizeof(name)))) {
    // Kept for the life of the process, as SQLite's own are.
    char *kept = (char *)(vfs + 1);
    memcpy(kept, name, sizeof(name));
    vfs->iVersion = base->iVersion < 2 ? base->iVersion : 2;
    vfs->szOsFile = (int)sizeof(wal_file) + base->szOsFile;
    vfs->mxPathname = base->mxPathname;
    vfs->zName = kept;
    vfs->pAppData = base;
    vfs->xOpen = batch_open;
    vfs->xDelete = batch_delete;
    vfs->xAccess = batch_access;
    vfs->xFullPathname = batch_path;
    vfs->xRandomness = batch_randomness;
    vfs->xSleep = batch_sleep;
    vfs->xCurrentTime = batch_day;
    vfs->xGetLastError = batch_error;
    vfs->xCurrentTimeInt64 = base->iVersion >= 2 && base->xCurrentTimeInt64 ? batch_time : NULL;
    if (!vfs->xCurrentTimeInt64) vfs->iVersion = 1;
    if (sqlite3_vfs_register(vfs, 0) != SQLITE_OK) {
      free(vfs);
      vfs = NULL;
    }
  }
  pthread_mutex_unlock(&registering);
  return vfs ? vfs->zName : NULL;
}
