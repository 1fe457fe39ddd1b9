#include "CSQLite.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { REGION_LIMIT = 64 };

// What the connections to one database share.
typedef struct node {
  struct node *next;
  int references;
  // Locks on the database file.
  int sharing;
  const void *reserved, *pending;
  // The WAL's index, and its locks.
  void *regions[REGION_LIMIT];
  int mapping;
  int shared[SQLITE_SHM_NLOCK];
  const void *exclusive[SQLITE_SHM_NLOCK];
  char path[];
} node;

struct aim_files_vfs {
  sqlite3_vfs vfs;
  aim_file_calls calls;
  void *context;
  pthread_mutex_t mutex;
  node *nodes;
  char name[64];
};

typedef struct {
  sqlite3_file base;
  aim_files_vfs *files;
  void *file;
  // Only a database has one.
  node *node;
  const char *path;
  int level;
  int is_mapped;
  uint16_t shared, exclusive;
  // The file was made: its name must be durable with its content, as SQLite's own VFS sees to.
  int names_unsynchronized;
} open_file;

static void lock(open_file *f) { pthread_mutex_lock(&f->files->mutex); }
static void unlock(open_file *f) { pthread_mutex_unlock(&f->files->mutex); }

static void forget_regions(node *n) {
  for (int i = 0; i < REGION_LIMIT; i++) {
    free(n->regions[i]);
    n->regions[i] = NULL;
  }
}

// Called with the mutex held.
static node *take_node(aim_files_vfs *files, const char *path) {
  for (node *n = files->nodes; n; n = n->next)
    if (!strcmp(n->path, path)) {
      n->references++;
      return n;
    }
  node *n = calloc(1, sizeof(*n) + strlen(path) + 1);
  if (!n) return NULL;
  strcpy(n->path, path);
  n->references = 1;
  n->next = files->nodes;
  files->nodes = n;
  return n;
}

// Called with the mutex held.
static void drop_node(aim_files_vfs *files, node *dropped) {
  if (--dropped->references) return;
  for (node **at = &files->nodes; *at; at = &(*at)->next)
    if (*at == dropped) {
      *at = dropped->next;
      break;
    }
  forget_regions(dropped);
  free(dropped);
}

void aim_files_vfs_restart(aim_files_vfs *files) {
  pthread_mutex_lock(&files->mutex);
  // Their connections hold them until they are closed; nobody else finds them.
  for (node *n = files->nodes; n;) {
    node *next = n->next;
    n->next = NULL;
    n = next;
  }
  files->nodes = NULL;
  pthread_mutex_unlock(&files->mutex);
}

static int file_unlock(sqlite3_file *file, int level) {
  open_file *f = (open_file *)file;
  if (f->level <= level) return SQLITE_OK;
  lock(f);
  if (f->node->reserved == f) f->node->reserved = NULL;
  if (f->node->pending == f) f->node->pending = NULL;
  if (level == SQLITE_LOCK_NONE) f->node->sharing--;
  f->level = level;
  unlock(f);
  return SQLITE_OK;
}

static int file_lock(sqlite3_file *file, int level) {
  open_file *f = (open_file *)file;
  if (f->level >= level) return SQLITE_OK;
  lock(f);
  node *n = f->node;
  int result = SQLITE_OK;
  if (level == SQLITE_LOCK_SHARED) {
    if (n->pending) result = SQLITE_BUSY;
    else n->sharing++;
  } else if (n->reserved && n->reserved != f) {
    result = SQLITE_BUSY;
  } else {
    n->reserved = f;
    if (level == SQLITE_LOCK_EXCLUSIVE) {
      // No new reader comes; those that read finish first.
      n->pending = f;
      if (n->sharing > 1) {
        f->level = SQLITE_LOCK_PENDING;
        result = SQLITE_BUSY;
      }
    }
  }
  if (result == SQLITE_OK) f->level = level;
  unlock(f);
  return result;
}

static int file_check_lock(sqlite3_file *file, int *is_reserved) {
  open_file *f = (open_file *)file;
  lock(f);
  *is_reserved = f->node->reserved != NULL;
  unlock(f);
  return SQLITE_OK;
}

// A WAL has no locks of its own.
static int no_lock(sqlite3_file *file, int level) { return (void)file, (void)level, SQLITE_OK; }
static int no_check(sqlite3_file *file, int *is_reserved) {
  (void)file;
  *is_reserved = 0;
  return SQLITE_OK;
}

static int shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **at) {
  open_file *f = (open_file *)file;
  *at = NULL;
  if (region >= REGION_LIMIT) return SQLITE_IOERR_SHMMAP;
  lock(f);
  node *n = f->node;
  if (!f->is_mapped) {
    f->is_mapped = 1;
    n->mapping++;
  }
  if (!n->regions[region] && extend) n->regions[region] = calloc(1, (size_t)size);
  *at = n->regions[region];
  unlock(f);
  return *at || !extend ? SQLITE_OK : SQLITE_NOMEM;
}

static int shm_lock(sqlite3_file *file, int first, int count, int flags) {
  open_file *f = (open_file *)file;
  uint16_t mask = (uint16_t)(((1u << count) - 1) << first);
  int result = SQLITE_OK;
  lock(f);
  node *n = f->node;
  if (flags & SQLITE_SHM_UNLOCK) {
    for (int i = first; i < first + count; i++) {
      if (f->shared & (1u << i)) n->shared[i]--;
      if (n->exclusive[i] == f) n->exclusive[i] = NULL;
    }
    f->shared &= (uint16_t)~mask;
    f->exclusive &= (uint16_t)~mask;
  } else if (flags & SQLITE_SHM_SHARED) {
    if (!(f->shared & mask)) {
      if (n->exclusive[first] && n->exclusive[first] != f) result = SQLITE_BUSY;
      else {
        n->shared[first]++;
        f->shared |= mask;
      }
    }
  } else {
    for (int i = first; i < first + count; i++) {
      int own = (f->shared >> i) & 1;
      if (n->shared[i] > own || (n->exclusive[i] && n->exclusive[i] != f)) result = SQLITE_BUSY;
    }
    if (result == SQLITE_OK) {
      for (int i = first; i < first + count; i++) n->exclusive[i] = f;
      f->exclusive |= mask;
    }
  }
  unlock(f);
  return result;
}

static void shm_barrier(sqlite3_file *file) {
  __sync_synchronize();
  // As SQLite's own VFS does: a lock orders more than a fence.
  lock((open_file *)file);
  unlock((open_file *)file);
}

static int shm_unmap(sqlite3_file *file, int delete) {
  (void)delete;
  open_file *f = (open_file *)file;
  lock(f);
  if (f->is_mapped) {
    f->is_mapped = 0;
    for (int i = 0; i < SQLITE_SHM_NLOCK; i++) {
      if (f->shared & (1u << i)) f->node->shared[i]--;
      if (f->node->exclusive[i] == f) f->node->exclusive[i] = NULL;
    }
    f->shared = f->exclusive = 0;
    // The first to come after the last reads the WAL anew.
    if (--f->node->mapping == 0) forget_regions(f->node);
  }
  unlock(f);
  return SQLITE_OK;
}

static int file_close(sqlite3_file *file) {
  open_file *f = (open_file *)file;
  if (f->node) {
    shm_unmap(file, 0);
    file_unlock(file, SQLITE_LOCK_NONE);
    lock(f);
    drop_node(f->files, f->node);
    unlock(f);
  }
  f->files->calls.close(f->file);
  return SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset) {
  open_file *f = (open_file *)file;
  int got = 0;
  int result = f->files->calls.read(f->file, bytes, count, offset, &got);
  if (result != SQLITE_OK || got == count) return result;
  memset((char *)bytes + got, 0, (size_t)(count - got));
  return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset) {
  open_file *f = (open_file *)file;
  return f->files->calls.write(f->file, bytes, count, offset);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
  open_file *f = (open_file *)file;
  return f->files->calls.truncate(f->file, size);
}

static int file_sync(sqlite3_file *file, int flags) {
  (void)flags;
  open_file *f = (open_file *)file;
  int result = f->files->calls.synchronize(f->file);
  if (result == SQLITE_OK && f->names_unsynchronized) {
    result = f->files->calls.synchronize_directory(f->files->context, f->path);
    if (result == SQLITE_OK) f->names_unsynchronized = 0;
  }
  return result;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
  open_file *f = (open_file *)file;
  int64_t found = 0;
  int result = f->files->calls.size(f->file, &found);
  *size = found;
  return result;
}

static int file_control(sqlite3_file *file, int operation, void *argument) {
  (void)file, (void)operation, (void)argument;
  return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *file) { (void)file; return 4096; }
// A sector that is torn leaves its neighbours alone.
static int file_traits(sqlite3_file *file) {
  (void)file;
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

#define COMMON \
  .xClose = file_close, .xRead = file_read, .xWrite = file_write, .xTruncate = file_truncate, \
  .xSync = file_sync, .xFileSize = file_size, .xFileControl = file_control, \
  .xSectorSize = file_sector, .xDeviceCharacteristics = file_traits

static const sqlite3_io_methods database_methods = {
  .iVersion = 2, COMMON, .xLock = file_lock, .xUnlock = file_unlock,
  .xCheckReservedLock = file_check_lock, .xShmMap = shm_map, .xShmLock = shm_lock,
  .xShmBarrier = shm_barrier, .xShmUnmap = shm_unmap,
};
static const sqlite3_io_methods log_methods = {
  .iVersion = 1, COMMON, .xLock = no_lock, .xUnlock = no_lock, .xCheckReservedLock = no_check,
};

static sqlite3_vfs *root(void) { return sqlite3_vfs_find("unix"); }

static int vfs_open(
  sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out_flags) {
  int kept = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL;
  if (!path || !(flags & kept)) return root()->xOpen(root(), path, file, flags, out_flags);
  open_file *f = (open_file *)file;
  aim_files_vfs *files = vfs->pAppData;
  memset(f, 0, sizeof(*f));
  f->files = files;
  f->path = path;
  int was_there = 0, result = files->calls.exists(files->context, path, &was_there);
  if (result != SQLITE_OK) return result;
  f->file = files->calls.open(files->context, path, (flags & SQLITE_OPEN_CREATE) != 0, &result);
  if (!f->file) return result;
  f->names_unsynchronized = !was_there && !(flags & SQLITE_OPEN_MAIN_DB);
  if (flags & SQLITE_OPEN_MAIN_DB) {
    lock(f);
    f->node = take_node(files, path);
    unlock(f);
    if (!f->node) {
      files->calls.close(f->file);
      return SQLITE_NOMEM;
    }
  }
  f->base.pMethods = flags & SQLITE_OPEN_MAIN_DB ? &database_methods : &log_methods;
  if (out_flags) *out_flags = flags;
  return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_directory) {
  aim_files_vfs *files = vfs->pAppData;
  int result = files->calls.remove(files->context, path);
  if (result != SQLITE_OK || !sync_directory) return result;
  return files->calls.synchronize_directory(files->context, path);
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *answer) {
  (void)flags;
  aim_files_vfs *files = vfs->pAppData;
  return files->calls.exists(files->context, path, answer);
}

static int vfs_path(sqlite3_vfs *vfs, const char *name, int count, char *path) {
  (void)vfs;
  if ((int)strlen(name) >= count) return SQLITE_CANTOPEN;
  strcpy(path, name);
  return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int count, char *bytes) {
  return (void)vfs, root()->xRandomness(root(), count, bytes);
}
static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
  return (void)vfs, root()->xSleep(root(), microseconds);
}
static int vfs_day(sqlite3_vfs *vfs, double *day) {
  return (void)vfs, root()->xCurrentTime(root(), day);
}
static int vfs_time(sqlite3_vfs *vfs, sqlite3_int64 *time) {
  return (void)vfs, root()->xCurrentTimeInt64(root(), time);
}

aim_files_vfs *aim_files_vfs_new(const char *name, const aim_file_calls *calls, void *context) {
  sqlite3_initialize();
  aim_files_vfs *files = calloc(1, sizeof(*files));
  if (!files || !root() || strlen(name) >= sizeof(files->name)) {
    free(files);
    return NULL;
  }
  files->calls = *calls;
  files->context = context;
  strcpy(files->name, name);
  pthread_mutex_init(&files->mutex, NULL);
  int own = (int)sizeof(open_file);
  files->vfs = (sqlite3_vfs){
    .iVersion = 2,
    .szOsFile = own > root()->szOsFile ? own : root()->szOsFile,
    .mxPathname = root()->mxPathname,
    .zName = files->name,
    .pAppData = files,
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_path,
    .xRandomness = vfs_randomness,
    .xSleep = vfs_sleep,
    .xCurrentTime = vfs_day,
    .xCurrentTimeInt64 = vfs_time,
  };
  if (sqlite3_vfs_register(&files->vfs, 0) == SQLITE_OK) return files;
  free(files);
  return NULL;
}
