// A VFS whose files are somebody else's: database, WAL and rollback journal go through a table of
// calls, so that a simulated disk can hold them. Locks and the WAL's index are this process's
// memory: one process per database. Temporary files stay the system's.
#ifndef AIMSTORS_FILES_VFS_H
#define AIMSTORS_FILES_VFS_H

#include <stdint.h>

// Each answers 0 or a SQLite result code; `open` the file, or NULL with the code in `result`.
typedef struct {
  void *(*open)(void *context, const char *path, int may_create, int *result);
  int (*read)(void *file, void *bytes, int count, int64_t offset, int *got);
  int (*write)(void *file, const void *bytes, int count, int64_t offset);
  int (*truncate)(void *file, int64_t size);
  int (*synchronize)(void *file);
  int (*size)(void *file, int64_t *size);
  void (*close)(void *file);
  int (*exists)(void *context, const char *path, int *exists);
  int (*remove)(void *context, const char *path);
  // Makes the names in the directory of `path` durable.
  int (*synchronize_directory)(void *context, const char *path);
} aim_file_calls;

typedef struct aim_files_vfs aim_files_vfs;

// Registers a VFS under `name`, for the life of the process. NULL where there is no memory.
aim_files_vfs *aim_files_vfs_new(const char *name, const aim_file_calls *calls, void *context);

// The process that had files open is gone: its locks and its WAL indexes are forgotten. Its open
// files still answer, among themselves.
void aim_files_vfs_restart(aim_files_vfs *files);

#endif
