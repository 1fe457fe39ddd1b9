// `fallocate` and its modes are GNU's: Swift's overlay does not show them.
#define _GNU_SOURCE

#include "files.h"

#include <errno.h>
#include <fcntl.h>

int aim_punch(int descriptor, off_t offset, off_t length) {
#ifdef FALLOC_FL_PUNCH_HOLE
  return fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
#else
  (void)descriptor, (void)offset, (void)length;
  errno = ENOTSUP;
  return -1;
#endif
}
