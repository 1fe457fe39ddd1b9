#pragma once

#include <sys/types.h>

// Has `length` bytes from `offset` on read as zeros; the file's length stays. 0, or -1 with errno.
int aim_punch(int descriptor, off_t offset, off_t length);
